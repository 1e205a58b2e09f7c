// The one barrier of the wake protocol, paid for equally by both sides: a full fence at every publication.
#pragma once

namespace ferrule::inline v0::barrier {

struct symmetric {
    static constexpr bool crosses_processes = true;

    template <class Platform>
    struct state {
        /// Between publishing and looking for a sleeper.
        static void light() noexcept { Platform::full_fence(); }
        /// Between announcing to sleep and looking once more.
        static bool heavy() noexcept {
            Platform::full_fence();
            return true;
        }
    };
};

}  // namespace ferrule::inline v0::barrier
