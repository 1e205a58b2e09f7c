// Where the streams of one process find each other: both ends of a connection under names that are each other's
// reverse.
#pragma once

#include <map>
#include <mutex>
#include <new>
#include <utility>

#include <ferrule/net/identity.hpp>
#include <ferrule/net/options.hpp>

namespace ferrule::inline v0::net {

/// `Member` is what meets. All members of one kind share one registry, `registry<Member>::of_this_process()`.
template <class Member>
class registry {
public:
    [[nodiscard]] static registry& of_this_process() noexcept {
        static registry one;
        return one;
    }

    /// Puts `member` under `name`, and calls `meet(other)` if the other end is there. Nobody comes or goes meanwhile.
    /// Returns why there was nobody to meet, or what meet() returned.
    template <class Meet>
    [[nodiscard]] reason enter(const connection_name& name, Member& member, Meet meet) noexcept {
        const std::lock_guard lock{mutex_};
        if (!insert(name, member)) {
            return members_.contains(name) ? reason::sibling : reason::no_resources;
        }
        const auto other = members_.find(name.reversed());
        return other == members_.end() ? reason::peer_not_found : meet(*other->second);
    }

    void leave(const connection_name& name) noexcept {
        const std::lock_guard lock{mutex_};
        members_.erase(name);
    }

private:
    [[nodiscard]] bool insert(const connection_name& name, Member& member) noexcept {
#if defined(__cpp_exceptions)
        try {
            return members_.emplace(name, &member).second;
        } catch (const std::bad_alloc&) {
            return false;
        }
#else
        return members_.emplace(name, &member).second;
#endif
    }

    std::mutex mutex_;
    std::map<connection_name, Member*> members_;
};

}  // namespace ferrule::inline v0::net
