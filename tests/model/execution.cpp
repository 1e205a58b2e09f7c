#include "execution.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

namespace ferrule::model {
namespace {

constexpr unsigned most_steps = 500;
constexpr unsigned most_idle_pauses = 10000;
// Longer than any bounded loop of the library, shorter than any deadline that is not for ever.
constexpr std::chrono::milliseconds a_while{1};

execution* under_way = nullptr;

constexpr thread_set only(unsigned thread) noexcept { return thread_set{1} << thread; }

}  // namespace

execution& here() noexcept {
    if (under_way == nullptr) {
        std::abort();  // The modelled platform was used outside of a modelled program.
    }
    return *under_way;
}

execution::execution(program& subject, search& choices, sites& orders, hazards may_happen)
    : program_{subject},
      search_{choices},
      sites_{orders},
      hazards_{may_happen},
      outside_{subject.threads()},
      self_{outside_} {
    if (outside_ >= max_threads) {
        std::abort();
    }
    for (unsigned i = 0; i != outside_; ++i) {
        fibers_.push_back(std::make_unique<fiber>(&execution::body, this, i));
    }
}

void execution::body(void* self, unsigned index) {
    auto& of = *static_cast<execution*>(self);
    of.program_.run(index);
    of.threads_[index].now = phase::gone;
}

ending execution::run() {
    under_way = this;
    prepare();
    program_.begin();
    schedule();
    if (!stopped()) {
        finish();
    }
    under_way = nullptr;
    if (!failure_.empty()) {
        return ending::failed;
    }
    return redundant_ ? ending::redundant : ending::complete;
}

void execution::prepare() {
    self_ = outside_;
    search_.begin();
    memory_.reset(outside_ + 1);
    plain_.reset();
    for (unsigned i = 0; i <= outside_; ++i) {
        thread& one = threads_[i];
        one.now = phase::ready;
        one.needs_free = nullptr;
        one.released = false;
        one.idle_pauses = 0;
        one.how = giving_up::no;
        one.gave_up = 0;
        one.time = {};
        one.looks.clear();
        one.earlier_looks.clear();
        one.only_looked = true;
        deaths_[i] = (hazards_.may_crash & only(i)) != 0 ? memory_.create(0) : nowhere;
    }
    taken_ = 0;
    crashed_ = false;
    spurious_left_ = hazards_.spurious_wakes;
    spins_cut_left_ = hazards_.spins_cut;
    refusals_left_ = hazards_.fences_refused;
    redundant_ = false;
    was_stopped_ = false;
    failure_.clear();
}

void execution::schedule() {
    for (unsigned i = 0; i != outside_ && !stopped(); ++i) {
        memory_.follow(i, outside_);
        enter(i, true);
    }
    while (!stopped() && !everybody_gone()) {
        thread_set ready = able();
        if (ready == 0) {
            ready = most_patient_spinners();  // Their loops are bounded, whatever the budget for giving up says.
        }
        if (ready == 0) {
            fail("everybody waits: deadlock or lost wakeup");
            return;
        }
        if (++taken_ > most_steps) {
            fail("no end in sight: a loop that never waits");
            return;
        }
        const unsigned turn = search_.pick_thread(ready | able_by_accident(), steps_);
        if (turn == nobody) {
            redundant_ = true;
            return;
        }
        enter(turn, false);
        run_released();
    }
}

void execution::finish() {
    for (unsigned i = 0; i != outside_; ++i) {
        memory_.follow(outside_, i);
    }
    program_.end(!crashed_);
}

void execution::enter(unsigned index, bool begin) {
    self_ = index;
    if (begin) {
        fibers_[index]->start();
    } else {
        fibers_[index]->resume();
    }
    self_ = outside_;
}

void execution::run_released() {
    for (unsigned i = 0; i != outside_ && !stopped(); ++i) {
        if (std::exchange(threads_[i].released, false)) {
            threads_[i].now = phase::ready;
            enter(i, false);
        }
    }
}

thread_set execution::able() const noexcept {
    thread_set set = 0;
    for (unsigned i = 0; i != outside_; ++i) {
        const thread& one = threads_[i];
        const bool ready = one.now == phase::ready && (one.needs_free == nullptr || !*one.needs_free);
        const bool expires = one.now == phase::parked && hazards_.timeouts && one.deadline != time_point::max();
        set |= ready || expires ? only(i) : 0;
    }
    return set;
}

thread_set execution::able_by_accident() const noexcept {
    thread_set set = 0;
    for (unsigned i = 0; i != outside_ && spurious_left_ != 0; ++i) {
        set |= threads_[i].now == phase::parked ? only(i) : 0;
    }
    return spins_cut_left_ != 0 ? set | spinners() : set;
}

thread_set execution::spinners() const noexcept {
    thread_set set = 0;
    for (unsigned i = 0; i != outside_; ++i) {
        set |= threads_[i].now == phase::pausing && threads_[i].may_give_up ? only(i) : 0;
    }
    return set;
}

// Those who gave up least often: that nobody does so for ever while another is kept waiting is a matter of fairness.
thread_set execution::most_patient_spinners() const noexcept {
    thread_set set = 0;
    unsigned least = ~0U;
    for (thread_set rest = spinners(); rest != 0; rest &= rest - 1) {
        const auto index = static_cast<unsigned>(std::countr_zero(rest));
        if (threads_[index].gave_up < least) {
            least = threads_[index].gave_up;
            set = 0;
        }
        set |= threads_[index].gave_up == least ? only(index) : 0;
    }
    return set;
}

bool execution::everybody_gone() const noexcept {
    return std::all_of(threads_.begin(), threads_.begin() + outside_,
                       [](const thread& one) { return one.now == phase::gone; });
}

void execution::stay_out() {
    while (true) {
        fibers_[self_]->leave();
    }
}

void execution::step(operation next) {
    if (!inside()) {
        return;
    }
    const bool visible = next.does == effect::writes || next.agrees || next.on_everybody;
    if (visible && !crashed_) {
        next.death = deaths_[self_];
    }
    threads_[self_].how = giving_up::no;
    if (next.does == effect::writes) {
        memory_.about_to_store(self_);
    }
    steps_[self_] = next;
    fibers_[self_]->leave();
    maybe_crash(next);
}

// A thread that only looks changes nothing, so crashing before a look is crashing before whatever it stores next.
void execution::maybe_crash(const operation& next) {
    if (next.death != nowhere && !crashed_ && search_.pick(2) == 1) {
        crash();
    }
}

void execution::crash() {
    crashed_ = true;
    if (trace_ != nullptr) {
        trace_->push_back(std::string{"  "} + static_cast<char>('A' + static_cast<char>(self_)) + " crashes");
    }
    // Whoever learns of the death, from the kernel, also sees everything that came before it.
    memory_.store(self_, deaths_[self_], 1, 0, std::memory_order_release);
    stored(deaths_[self_]);
    threads_[self_].now = phase::gone;
    stay_out();
}

void execution::fail(const char* what) {
    if (failure_.empty()) {
        failure_ = what;
    }
    if (inside()) {
        stay_out();
    }
}

void execution::stop() {
    if (!hazards_.may_stop) {
        fail("the library stopped the program");
    }
    was_stopped_ = true;
    if (inside()) {
        stay_out();
    }
    std::_Exit(1);  // There is no fiber to leave before and after the threads.
}

location execution::create(std::uint64_t value) {
    const location made = memory_.create(value);
    if (made == nowhere) {
        std::abort();  // Raise max_locations.
    }
    return made;
}

std::uint64_t execution::load(location where, std::memory_order order, const source& at) {
    if (inside() && threads_[self_].how != giving_up::no) {
        return memory_.load(self_, where, memory_.readable(self_, where) - 1,
                            sites_.order_at(site_kind::load, order, at));
    }
    step({"load", where, effect::reads, order == std::memory_order_seq_cst});
    if (!inside()) {
        return memory_.load(self_, where, 0, order);
    }
    order = sites_.order_at(site_kind::load, order, at);
    if (order == std::memory_order_seq_cst) {
        memory_.fence(self_, order);
    }
    const std::uint64_t value = memory_.load(self_, where, search_.pick(memory_.readable(self_, where)), order);
    threads_[self_].looks.push_back({where, memory_.seen(self_, where)});
    note("load", where, value, order, at);
    return value;
}

std::uint64_t execution::newest(location where, const source& at) {
    step({"ask", where, effect::reads});
    memory_.catch_up(self_, where);
    const std::uint64_t value = memory_.load(self_, where, 0, std::memory_order_relaxed);
    if (inside()) {
        threads_[self_].looks.push_back({where, memory_.seen(self_, where)});
    }
    note("ask", where, value, std::memory_order_relaxed, at);
    return value;
}

void execution::store(location where, std::uint64_t value, std::memory_order order, const source& at) {
    step({"store", where, effect::writes, order == std::memory_order_seq_cst});
    if (!inside()) {
        memory_.store(self_, where, value, 0, order);
        return;
    }
    order = sites_.order_at(site_kind::store, order, at);
    if (order == std::memory_order_seq_cst) {
        memory_.fence(self_, order);
    }
    wrote_something();
    memory_.store(self_, where, value, search_.pick(memory_.places(self_, where)), order);
    note("store", where, value, order, at);
    stored(where);
}

std::uint64_t execution::exchange(location where, std::uint64_t value, std::memory_order order, const source& at) {
    step({"exchange", where, effect::writes, order == std::memory_order_seq_cst});
    if (!inside()) {
        return memory_.exchange(self_, where, value, 0, order);
    }
    order = sites_.order_at(site_kind::exchange, order, at);
    if (order == std::memory_order_seq_cst) {
        memory_.fence(self_, order);
    }
    wrote_something();
    const unsigned choice = search_.pick(memory_.places(self_, where));
    const std::uint64_t before = memory_.exchange(self_, where, value, choice, order);
    note("exchange", where, value, order, at);
    stored(where);
    return before;
}

void execution::fence(std::memory_order order, const source& at) {
    // Only sequentially consistent fences have anything to do with other threads.
    const bool agrees = order == std::memory_order_seq_cst;
    if (agrees) {
        step({"fence", nowhere, effect::none, agrees});
    }
    if (inside()) {
        order = sites_.order_at(site_kind::fence, order, at);
        wrote_something();
    }
    memory_.fence(self_, order);
    note("fence", nowhere, 0, order, at);
}

bool execution::heavy_fence(const source& at) {
    operation next{"heavy fence"};
    next.on_everybody = true;
    step(next);
    if (inside() && refusals_left_ != 0 && search_.pick(2) == 1) {
        --refusals_left_;
        (void)sites_.order_at(site_kind::heavy_fence, std::memory_order_seq_cst, at);
        note("heavy fence refused", nowhere, 0, std::memory_order_relaxed, at);
        return false;
    }
    auto order = std::memory_order_seq_cst;
    if (inside()) {
        order = sites_.order_at(site_kind::heavy_fence, order, at);
        wrote_something();
    }
    if (order == std::memory_order_seq_cst) {
        memory_.fence_everybody(self_);
    } else {
        memory_.fence(self_, std::memory_order_seq_cst);  // What is left of it is the caller's own fence.
    }
    note("heavy fence", nowhere, 0, order, at);
    return true;
}

void execution::light_fence(const source& at) {
    constexpr auto order = std::memory_order_seq_cst;
    if (inside() && sites_.order_at(site_kind::light_fence, order, at) != order) {
        memory_.move_next_load_up(self_);
    }
}

bool execution::barrier(const source& at) {
    constexpr auto order = std::memory_order_seq_cst;
    if (inside() && sites_.order_at(site_kind::barrier, order, at) != order) {
        memory_.move_next_load_up(self_);
        return false;
    }
    return true;
}

void execution::lock(location where, bool& held, view& knowledge) {
    if (inside()) {
        threads_[self_].needs_free = &held;
        step({"lock", where, effect::writes});
        threads_[self_].needs_free = nullptr;
        wrote_something();
    }
    held = true;
    memory_.take_from(knowledge, self_);
    threads_[self_].looks.push_back({where, memory_.newest(where)});
}

void execution::unlock(location where, bool& held, view& knowledge) {
    step({"unlock", where, effect::writes});
    held = false;
    memory_.leave_to(knowledge, self_);
    // Whoever pauses in a loop that takes a lock waits for somebody else to have had it.
    memory_.store(self_, where, 0, 0, std::memory_order_relaxed);
    for (look& one : threads_[self_].looks) {
        one.at = one.where == where ? memory_.newest(where) : one.at;
    }
    stored(where);
}

bool execution::anything_newer(const thread& of) const noexcept {
    return std::any_of(of.looks.begin(), of.looks.end(),
                       [this](const look& one) { return memory_.newest(one.where) > one.at; });
}

// Whoever paused after looking at this location has something new to see.
void execution::stored(location where) {
    for (unsigned i = 0; i != outside_; ++i) {
        thread& one = threads_[i];
        const bool looked =
            std::any_of(one.looks.begin(), one.looks.end(), [where](const look& l) { return l.where == where; });
        one.released = one.released || (one.now == phase::pausing && looked && anything_newer(one));
    }
}

void execution::pause(const source& at) {
    thread& self = threads_[self_];
    if (!inside() || self.how != giving_up::no) {
        return;
    }
    if (self.looks.empty()) {
        if (++self.idle_pauses > most_idle_pauses) {
            fail("a loop that pauses and never looks");
        }
        return;
    }
    self.idle_pauses = 0;
    prune_idle_round();
    if (!anything_newer(self)) {
        self.now = phase::pausing;
        self.may_give_up = of_library(at);
        operation alone{"give up"};
        alone.on_everybody = true;
        alone.from_budget = true;
        steps_[self_] = alone;
        fibers_[self_]->leave();
        if (self.now == phase::pausing) {
            self.now = phase::ready;
            give_up();
        }
    }
    begin_round();
}

void execution::rest(const source& at) {
    const std::vector<look> looked = threads_[self_].looks;
    pause(at);
    for (const look& one : looked) {
        memory_.catch_up(self_, one.where);
    }
}

void execution::give_up() {
    ++threads_[self_].gave_up;
    spins_cut_left_ -= spins_cut_left_ != 0 ? 1U : 0U;
    const bool wanted = hazards_.crowded && search_.pick(2) == 1;
    threads_[self_].how = wanted ? giving_up::processor_is_wanted : giving_up::time_is_up;
    note(wanted ? "gives up, as the processor is wanted" : "gives up", nowhere, 0, std::memory_order_relaxed, source{});
}

void execution::yield(const source& at) {
    thread& self = threads_[self_];
    if (inside() && self.how == giving_up::processor_is_wanted) {
        self.time += a_while;
        self.how = giving_up::no;
        return;
    }
    pause(at);
}

execution::time_point execution::now() noexcept {
    thread& self = threads_[self_];
    self.time += self.how == giving_up::time_is_up ? a_while : a_while * 0;
    return self.time;
}

// A round that saw exactly what the last one saw changed nothing: the same goes on from the last pause.
void execution::prune_idle_round() {
    thread& self = threads_[self_];
    if (self.only_looked && self.looks == self.earlier_looks) {
        redundant_ = true;
        stay_out();
    }
}

void execution::begin_round() {
    thread& self = threads_[self_];
    self.earlier_looks.swap(self.looks);
    self.looks.clear();
    self.only_looked = true;
}

void execution::futex_wait(location word, std::uint64_t expected, time_point deadline) {
    step({"futex wait", word, effect::reads, true});
    memory_.fence(self_, std::memory_order_seq_cst);
    if (!inside()) {
        return;
    }
    // The kernel reads on the sleeper's processor: whoever was sent away has seen why.
    if (memory_.load(self_, word, 0, std::memory_order_relaxed) != expected) {
        prune_idle_round();
        begin_round();
        return;
    }
    thread& self = threads_[self_];
    wrote_something();
    self.asleep_on = word;
    self.deadline = deadline;
    self.now = phase::parked;
    operation alone{"wake by itself", word, effect::writes};
    alone.from_budget = true;
    steps_[self_] = alone;
    note("futex sleeps", word, expected, std::memory_order_seq_cst, source{});
    fibers_[self_]->leave();
    if (self.now != phase::parked) {
        note("woken", word, expected, std::memory_order_seq_cst, source{});
        return;
    }
    self.now = phase::ready;
    const bool may_expire = hazards_.timeouts && deadline != time_point::max();
    const bool expired = may_expire && (spurious_left_ == 0 || search_.pick(2) == 0);
    note(expired ? "deadline" : "woken by nobody", word, expected, std::memory_order_seq_cst, source{});
    if (expired) {
        self.time = std::max(self.time, deadline);
    } else {
        --spurious_left_;
    }
}

void execution::futex_wake(location word) {
    step({"futex wake", word, effect::writes, true});
    memory_.fence(self_, std::memory_order_seq_cst);
    note("futex wake", word, 0, std::memory_order_seq_cst, source{});
    wake(word);
}

void execution::wake(location word) {
    for (unsigned i = 0; i != outside_; ++i) {
        thread& one = threads_[i];
        one.released = one.released || (one.now == phase::parked && one.asleep_on == word);
    }
}

// An eventfd synchronises through its counter and promises no more than that. Whoever waits for it waits on the
// counter.
void execution::signal(location event) {
    step({"signal", event, effect::writes});
    wrote_something();
    memory_.exchange(self_, event, 1, 0, std::memory_order_acq_rel);
    note("signal", event, 1, std::memory_order_acq_rel, source{});
    wake(event);
}

void execution::drain(location event) {
    step({"drain", event, effect::writes});
    wrote_something();
    const std::uint64_t count = memory_.exchange(self_, event, 0, 0, std::memory_order_acq_rel);
    note("drain", event, count, std::memory_order_acq_rel, source{});
}

void execution::touch(const void* address, std::size_t bytes, access kind) {
    if (const char* const wrong = plain_.touch(address, bytes, kind, self_, memory_.knows(self_), !hazards_.hostile)) {
        fail(wrong);
    }
}

unsigned execution::choose(unsigned count) { return search_.pick(count); }

bool execution::gone(unsigned who, const source& at) {
    return deaths_[who] != nowhere && load(deaths_[who], std::memory_order_acquire, at) != 0;
}

void execution::note(const char* what, location where, std::uint64_t value, std::memory_order order, const source& at) {
    if (trace_ == nullptr || !inside()) {
        return;
    }
    std::string line = "  ";
    line += static_cast<char>('A' + static_cast<char>(self_));
    line += std::string{" "} + what;
    if (where != nowhere) {
        line += " @" + std::to_string(where) + " = " + std::to_string(static_cast<std::int64_t>(value));
    }
    const std::string file = at.file;
    line += std::string{" "} + name_of(order) + "  " + file.substr(file.rfind('/') + 1) + ":" + std::to_string(at.line);
    trace_->push_back(line);
}

}  // namespace ferrule::model
