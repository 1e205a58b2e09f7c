#include "search.hpp"

#include <bit>

namespace ferrule::model {
namespace {

constexpr unsigned first_of(thread_set set) noexcept {
    return set == 0 ? nobody : static_cast<unsigned>(std::countr_zero(set));
}
constexpr thread_set only(unsigned thread) noexcept { return thread_set{1} << thread; }

}  // namespace

void search::begin() noexcept {
    position_ = 0;
    preempted_ = 0;
    last_ = nobody;
    asleep_ = 0;
    if (follows_) {
        choices_.clear();
    }
}

bool search::next() {
    while (!choices_.empty()) {
        choice& last = choices_.back();
        if (last.is_thread) {
            last.done |= only(last.chosen);
            last.chosen = first_of(last.enabled & ~last.done);
            if (last.chosen != nobody) {
                return true;
            }
        } else if (++last.chosen != last.count) {
            return true;
        }
        choices_.pop_back();
    }
    return false;
}

unsigned search::pick_thread(thread_set enabled, const next_steps& steps) {
    if (position_ == choices_.size()) {
        const thread_set open = within_bound(enabled);
        unsigned chosen = first_of(open & ~asleep_);
        if (last_ != nobody && (open & ~asleep_ & only(last_)) != 0) {
            chosen = last_;
        }
        if (follows_) {
            chosen = followed('A', chosen);
        }
        if (chosen == nobody || (enabled & only(chosen)) == 0) {
            return nobody;
        }
        choices_.push_back({true, chosen, 0, open, asleep_});
    }
    const choice& here = choices_[position_++];
    went(here.chosen, enabled, here.done, steps);
    return here.chosen;
}

thread_set search::within_bound(thread_set enabled) noexcept {
    if (!preemptions_ || last_ == nobody || (enabled & only(last_)) == 0 || preempted_ < *preemptions_) {
        return enabled;
    }
    cut_off_ = cut_off_ || enabled != only(last_);
    return only(last_);
}

void search::went(unsigned thread, thread_set enabled, thread_set done, const next_steps& steps) noexcept {
    if (last_ != nobody && last_ != thread && (enabled & only(last_)) != 0) {
        ++preempted_;
    }
    last_ = thread;
    asleep_ = 0;
    for (thread_set rest = preemptions_ ? 0 : done & enabled & ~only(thread); rest != 0; rest &= rest - 1) {
        const unsigned other = first_of(rest);
        asleep_ |= dependent(steps[thread], steps[other]) ? 0 : only(other);
    }
}

unsigned search::pick(unsigned count) {
    if (count <= 1) {
        return 0;
    }
    if (position_ == choices_.size()) {
        const unsigned chosen = follows_ ? followed('0', 0) : 0;
        choices_.push_back({false, chosen < count ? chosen : 0, count, 0, 0});
    }
    return choices_[position_++].chosen;
}

unsigned search::followed(char base, unsigned otherwise) {
    const bool more = position_ < follows_->size() && (*follows_)[position_] >= base;
    return more ? static_cast<unsigned>((*follows_)[position_] - base) : otherwise;
}

std::string search::schedule() const {
    std::string text;
    for (std::size_t i = 0; i != position_; ++i) {
        text += static_cast<char>((choices_[i].is_thread ? 'A' : '0') + static_cast<char>(choices_[i].chosen));
    }
    return text;
}

}  // namespace ferrule::model
