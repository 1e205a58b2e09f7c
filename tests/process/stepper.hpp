// Runs a piece of code one instruction at a time, in this process, and acts on the way: after the k-th instruction, or
// before the n-th load from a page that is watched. x86-64 only: it needs the processor's trap flag.
//
// A page is watched by being unreadable: the load faults, the page is opened for this one instruction, and closed again
// by the trap after it. Without counting, nothing but such loads is trapped.
#pragma once

#if defined(__x86_64__)

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <csignal>
#include <cstddef>
#include <cstdint>

namespace ferrule::test {

inline constexpr std::uint64_t never = ~std::uint64_t{0};

struct step_plan {
    bool count = false;             ///< Trap every instruction.
    std::uint64_t at_step = never;  ///< Act when this many instructions were executed; needs `count`.
    std::uint64_t at_load = never;  ///< Act before the load of this number from the peer's page.
    bool free_afterwards = false;   ///< Trap nothing any more once it acted.
    bool watch_own = false;         ///< Tell reads of the own page, too.
    std::uint64_t most_steps = 200'000;
};

/// A load from the peer's page: from where in it, and how many instructions came before.
struct step_load {
    std::size_t offset;
    std::uint64_t steps;
};

enum class step_ending : unsigned char { returned, faulted, ran_on };

struct step_report {
    step_ending how = step_ending::returned;
    std::uint64_t steps = 0;
    std::size_t loads = 0;
    std::size_t reads_of_own = 0;
    bool acted = false;
    const void* fault = nullptr;
    std::array<step_load, 256> where{};  ///< The first of the loads.
};

/// One at a time. The code that is run has one thread and catches neither SIGTRAP nor SIGSEGV.
class stepper {
public:
    static constexpr std::uint64_t never = ferrule::test::never;
    using plan = step_plan;
    using load = step_load;
    using ending = step_ending;
    using report = step_report;

    using action = void (*)(void*);

    stepper() noexcept {
        struct ::sigaction catcher {};
        catcher.sa_flags = SA_SIGINFO;
        catcher.sa_sigaction = on_trap;
        ::sigaction(SIGTRAP, &catcher, &before_.at(0));
        catcher.sa_sigaction = on_fault;
        ::sigaction(SIGSEGV, &catcher, &before_.at(1));
        ::sigaction(SIGBUS, &catcher, &before_.at(2));
        now_ = {};
        peer_ = own_ = nullptr;
        watching_ = false;
        idle_ = 0;
        idle_ = run(
                    plan{.count = true}, [](void*) {}, nullptr, [](void*) {}, nullptr)
                    .steps;
    }
    stepper(const stepper&) = delete;
    stepper& operator=(const stepper&) = delete;
    ~stepper() {
        ::sigaction(SIGTRAP, &before_.at(0), nullptr);
        ::sigaction(SIGSEGV, &before_.at(1), nullptr);
        ::sigaction(SIGBUS, &before_.at(2), nullptr);
    }

    /// From now on: the page the peer writes to, and the one the code that is run writes to.
    void watch(const void* peer, void* own) noexcept {
        peer_ = const_cast<void*>(peer);
        own_ = own;
        watching_ = true;
    }

    /// Steps do not count what starting and stopping take. After a fault, or when the code runs on for more steps than
    /// planned, it is left where it is and none of its objects can be trusted.
    [[gnu::noinline]] const report& run(const plan& what, action act, void* with, void (*code)(void*), void* argument) {
        plan_ = what;
        act_ = act;
        with_ = with;
        now_ = {};
        if (what.at_step == 0) {
            now_.acted = true;
            act(with);
        }
        if (sigsetjmp(escape_, 1) == 0) {
            shut();
            if (plan_.count && !(plan_.free_afterwards && now_.acted)) {
                trap();
            }
            code(argument);
            do_not_trap();
        }
        open(true, true);
        now_.steps -= std::min(now_.steps, idle_);
        return now_;
    }

private:
    static constexpr ::greg_t trap_flag = 0x100;
    static constexpr std::size_t page = 4096;

    [[gnu::always_inline]] static void trap() noexcept {
        __asm__ __volatile__(
            "lea -128(%%rsp), %%rsp\n\t"
            "pushfq\n\t"
            "orq $0x100, (%%rsp)\n\t"
            "popfq\n\t"
            "lea 128(%%rsp), %%rsp" ::
                : "memory", "cc");
    }
    [[gnu::always_inline]] static void do_not_trap() noexcept {
        __asm__ __volatile__(
            "lea -128(%%rsp), %%rsp\n\t"
            "pushfq\n\t"
            "andq $-257, (%%rsp)\n\t"
            "popfq\n\t"
            "lea 128(%%rsp), %%rsp" ::
                : "memory", "cc");
    }

    static void shut() noexcept {
        if (watching_) {
            if (plan_.at_step == never) {
                ::mprotect(peer_, page, PROT_NONE);
            }
            if (plan_.watch_own) {
                ::mprotect(own_, page, PROT_NONE);
            }
        }
    }
    static void open(bool peer, bool own) noexcept {
        if (watching_ && peer) {
            ::mprotect(peer_, page, PROT_READ);
        }
        if (watching_ && own && plan_.watch_own) {
            ::mprotect(own_, page, PROT_READ | PROT_WRITE);
        }
    }

    [[nodiscard]] static bool in(const void* at, const void* where) noexcept {
        const auto from = reinterpret_cast<std::uintptr_t>(where);
        const auto it = reinterpret_cast<std::uintptr_t>(at);
        return watching_ && it >= from && it < from + page;
    }

    [[noreturn]] static void leave(ending how) noexcept {
        now_.how = how;
        siglongjmp(escape_, 1);
    }

    static void on_trap(int /*signal*/, ::siginfo_t* /*info*/, void* context) noexcept {
        auto& flags = static_cast<::ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
        if (opened_peer_ || opened_own_) {
            ::mprotect(opened_peer_ ? peer_ : own_, page, PROT_NONE);
            opened_peer_ = opened_own_ = false;
            if (!plan_.count) {
                flags &= ~trap_flag;
            }
        }
        if (!plan_.count) {
            return;
        }
        ++now_.steps;
        if (now_.steps == plan_.at_step) {
            now_.acted = true;
            act_(with_);
            if (plan_.free_afterwards) {
                flags &= ~trap_flag;
            }
        }
        if (now_.steps > plan_.most_steps) {
            leave(ending::ran_on);
        }
    }

    static void on_fault(int /*signal*/, ::siginfo_t* info, void* context) noexcept {
        auto& registers = static_cast<::ucontext_t*>(context)->uc_mcontext.gregs;
        constexpr ::greg_t by_a_write = 2;
        const bool reads = (registers[REG_ERR] & by_a_write) == 0;
        if (in(info->si_addr, peer_) && reads) {
            if (now_.loads < now_.where.size()) {
                const auto offset = reinterpret_cast<std::uintptr_t>(info->si_addr) % page;
                now_.where.at(now_.loads) = {offset, now_.steps};
            }
            open(true, false);
            if (now_.loads++ == plan_.at_load) {
                now_.acted = true;
                act_(with_);
                return;
            }
            opened_peer_ = true;
        } else if (in(info->si_addr, own_) && plan_.watch_own) {
            now_.reads_of_own += reads ? 1 : 0;
            open(false, true);
            opened_own_ = true;
        } else {
            now_.fault = info->si_addr;
            leave(ending::faulted);
        }
        registers[REG_EFL] |= trap_flag;
    }

    static inline plan plan_{};
    static inline report now_{};
    static inline action act_ = nullptr;
    static inline void* with_ = nullptr;
    static inline void* peer_ = nullptr;
    static inline void* own_ = nullptr;
    static inline bool watching_ = false;
    static inline bool opened_peer_ = false;
    static inline bool opened_own_ = false;
    static inline std::uint64_t idle_ = 0;
    static inline ::sigjmp_buf escape_{};
    std::array<struct ::sigaction, 3> before_{};
};

}  // namespace ferrule::test

#endif
