// Nothing waits on this ring: the program polls, or learns of progress some other way. Waiting is compiled away.
#pragma once

namespace ferrule::inline v0::waiter {

struct never {
    static constexpr bool can_wait = false;
    static constexpr bool crosses_processes = true;
};

}  // namespace ferrule::inline v0::waiter
