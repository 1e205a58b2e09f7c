// One execution of a program after another: schedules its fibers, performs their operations on the modelled memory, and
// asks the search at every choice.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fiber.hpp"
#include "memory.hpp"
#include "operation.hpp"
#include "plain_memory.hpp"
#include "program.hpp"
#include "search.hpp"
#include "sites.hpp"
#include "source_line.hpp"

namespace ferrule::model {

/// What may go wrong in a program besides the order of its steps.
struct hazards {
    /// Threads one of which may crash, at any point.
    thread_set may_crash = 0;
    /// How often a sleeper may be woken by nobody.
    unsigned spurious_wakes = 0;
    /// Whether deadlines pass. Without it a lost wakeup cannot hide behind a deadline.
    bool timeouts = false;
    /// How often a spinner may give up, or an event loop turn to something else, while others could still go on.
    unsigned spins_cut = 0;
    /// Whether a spinner that yields may find that somebody else needed the processor.
    bool crowded = false;
    /// Whether the kernel offers heavy fences.
    bool heavy_fences = true;
    /// How often it refuses one all the same.
    unsigned fences_refused = 0;
    /// Whether the library may stop the program, which ends the execution as it should.
    bool may_stop = false;
    /// With a hostile thread in the program races are its fault; slots are checked for their bounds only.
    bool hostile = false;
};

enum class ending { complete, redundant, failed };

class execution {
public:
    using source = source_line;
    using time_point = std::chrono::steady_clock::time_point;

    execution(program& subject, search& choices, sites& orders, hazards may_happen);

    /// Runs the program once, by the search's choices.
    [[nodiscard]] ending run();

    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    /// Whether the program called reached(), in any execution so far.
    [[nodiscard]] bool was_reached() const noexcept { return reached_; }
    /// The choices made so far.
    [[nodiscard]] std::string choices() const { return search_.schedule(); }
    void record(std::vector<std::string>* trace) noexcept { trace_ = trace; }

    // What the program's threads do.
    [[nodiscard]] location create(std::uint64_t value);
    std::uint64_t load(location where, std::memory_order order, const source& at);
    /// What the kernel says is there: the newest, however old a message the thread could still read. Synchronises with
    /// nobody; a fence after it does.
    [[nodiscard]] std::uint64_t newest(location where, const source& at);
    void store(location where, std::uint64_t value, std::memory_order order, const source& at);
    std::uint64_t exchange(location where, std::uint64_t value, std::memory_order order, const source& at);
    void fence(std::memory_order order, const source& at);
    /// False if the kernel refused it.
    [[nodiscard]] bool heavy_fence(const source& at);
    void light_fence(const source& at);
    /// False if the barrier that is called here is to be left out.
    [[nodiscard]] bool barrier(const source& at);
    void lock(location where, bool& held, view& knowledge);
    void unlock(location where, bool& held, view& knowledge);
    void pause(const source& at);
    /// A pause so long that whatever was stored where the thread looked has arrived when it ends. For loops whose
    /// rounds store something: those are never pruned, and would go on for ever without any news.
    void rest(const source& at);
    void yield(const source& at);
    void futex_wait(location word, std::uint64_t expected, time_point deadline);
    void futex_wake(location word);
    void signal(location event);
    void drain(location event);
    void touch(const void* address, std::size_t bytes, access kind);
    void declare(const void* base, std::size_t cells, std::size_t width) { plain_.declare(base, cells, width); }
    [[nodiscard]] unsigned choose(unsigned count);
    [[nodiscard]] bool gone(unsigned who, const source& at);
    [[nodiscard]] bool has_heavy_fence() const noexcept { return hazards_.heavy_fences; }
    /// The clock of the thread: it moves when the thread has let time pass, and says nothing about the others.
    [[nodiscard]] time_point now() noexcept;
    [[nodiscard]] unsigned self() const noexcept { return self_; }
    void fail(const char* what);
    /// The library found out that it was misused, and stopped the program.
    void stop();
    void reached() noexcept { reached_ = true; }

private:
    enum class phase { ready, pausing, parked, gone };
    /// How a spinner that gave up comes to its end. Until then it sees nothing new, and nobody else has a turn.
    enum class giving_up { no, time_is_up, processor_is_wanted };

    struct look {
        location where;
        timestamp at;
        bool operator==(const look&) const = default;
    };

    struct thread {
        phase now = phase::ready;
        const bool* needs_free = nullptr;  ///< The lock its next step takes.
        location asleep_on = nowhere;
        time_point deadline{};
        bool released = false;
        unsigned idle_pauses = 0;
        bool may_give_up = false;  ///< The pause it is in is one of a bounded loop.
        giving_up how = giving_up::no;
        unsigned gave_up = 0;
        time_point time{};
        // What it looked at since its last pause, and between the two pauses before.
        std::vector<look> looks;
        std::vector<look> earlier_looks;
        bool only_looked = true;
    };

    static void body(void* self, unsigned index);

    void prepare();
    void schedule();
    void finish();
    [[nodiscard]] bool stopped() const noexcept { return redundant_ || was_stopped_ || !failure_.empty(); }
    [[nodiscard]] bool inside() const noexcept { return self_ != outside_; }
    void enter(unsigned index, bool begin);
    void run_released();
    [[nodiscard]] thread_set able() const noexcept;
    [[nodiscard]] thread_set able_by_accident() const noexcept;
    [[nodiscard]] thread_set spinners() const noexcept;
    [[nodiscard]] thread_set most_patient_spinners() const noexcept;
    [[nodiscard]] bool everybody_gone() const noexcept;

    /// Waits for its turn; may crash instead.
    void step(operation next);
    void maybe_crash(const operation& next);
    void crash();
    [[noreturn]] void stay_out();
    void stored(location where);
    [[nodiscard]] bool anything_newer(const thread& of) const noexcept;
    void note(const char* what, location where, std::uint64_t value, std::memory_order order, const source& at);
    void prune_idle_round();
    void begin_round();
    void give_up();
    void wake(location word);
    void wrote_something() noexcept { threads_[self_].only_looked = false; }

    program& program_;
    search& search_;
    sites& sites_;
    hazards hazards_;
    memory memory_;
    plain_memory plain_;
    unsigned outside_;
    unsigned self_;
    std::vector<std::unique_ptr<fiber>> fibers_;
    std::array<thread, max_threads> threads_;
    std::array<location, max_threads> deaths_{};
    next_steps steps_{};
    unsigned taken_ = 0;
    bool crashed_ = false;
    unsigned spurious_left_ = 0;
    unsigned spins_cut_left_ = 0;
    unsigned refusals_left_ = 0;
    bool redundant_ = false;
    bool was_stopped_ = false;
    bool reached_ = false;
    std::string failure_;
    std::vector<std::string>* trace_ = nullptr;
};

/// The execution that is under way.
[[nodiscard]] execution& here() noexcept;

}  // namespace ferrule::model
