// The library's barriers, with every call of them in the library a site of its own: so that each can be left out alone,
// whatever fences it is made of.
#pragma once

#include <ferrule/barrier/asymmetric.hpp>
#include <ferrule/barrier/symmetric.hpp>

#include "platform.hpp"

namespace ferrule::model {

template <class Barrier>
struct by_site {
    template <class Platform>
    class state {
    public:
        void light(const source_line& at = source_line::current()) const noexcept {
            if (here().barrier(at)) {
                real_.light();
            }
        }
        [[nodiscard]] bool heavy(const source_line& at = source_line::current()) const noexcept {
            return !here().barrier(at) || real_.heavy();
        }

    private:
        typename Barrier::template state<Platform> real_;
    };
};

using symmetric = by_site<barrier::symmetric>;
using asymmetric = by_site<barrier::asymmetric>;

}  // namespace ferrule::model
