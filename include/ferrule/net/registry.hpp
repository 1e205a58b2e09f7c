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

/// `Member` is what meets. All members of one kind and one process share one.
template <class Member>
class registry {
public:
    /// Puts `member` under `name`, and calls `meet(other)` if the other end is there. Nobody comes or goes meanwhile.
    /// Somebody who has the name already keeps it unless `is_stale(somebody)`: then the name is that of a new
    /// connection. Returns why there was nobody to meet, or what meet() returned.
    template <class IsStale, class Meet>
    [[nodiscard]] reason enter(const connection_name& name, Member& member, IsStale is_stale, Meet meet) noexcept {
        const std::lock_guard lock{mutex_};
        const auto holder = members_.find(name);
        if (holder != members_.end()) {
            if (!is_stale(*holder->second)) {
                return reason::sibling;
            }
            holder->second = &member;
        } else if (!insert(name, member)) {
            return reason::no_resources;
        }
        const auto other = members_.find(name.reversed());
        return other == members_.end() ? reason::peer_not_found : meet(*other->second);
    }

    /// After this nobody meets `member` any more, nor is about to. Also for one that did not get its name.
    void leave(const connection_name& name, const Member& member) noexcept {
        const std::lock_guard lock{mutex_};
        const auto holder = members_.find(name);
        if (holder != members_.end() && holder->second == &member) {
            members_.erase(holder);
        }
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
