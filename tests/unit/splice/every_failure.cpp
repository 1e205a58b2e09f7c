// One conversation that takes a splice through its whole life, again and again: each time another call of the transport
// goes wrong, until one is played to its end because there was no such call any more.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <utility>

#include <doctest/doctest.h>
#include <ferrule/splice/channel.hpp>

#include "../../support/spliced_pair.hpp"
#include "../../support/watchdog.hpp"

using namespace ferrule;
using namespace ferrule::test;
using namespace std::chrono_literals;
using splice::overflow;

namespace {

constexpr int its_errno = ETIMEDOUT;  // That nothing else here has.

/// What one endpoint was told, over and over if need be, by calls that were not about to wait.
struct told {
    int faults = 0;
    int resets = 0;
    int broken_pipes = 0;
    int others = 0;

    void note(int error) noexcept {
        switch (error) {
            case EAGAIN:
                break;
            case its_errno:
                ++faults;
                break;
            case ECONNRESET:
                ++resets;
                break;
            case EPIPE:
            case ENOTCONN:
                ++broken_pipes;
                break;
            default:
                ++others;
        }
    }
};

class conversation : spliced_pair<scripted> {
public:
    conversation(overflow how, delivery tcp, const fault_plan& plan)
        : spliced_pair{8, deterministic(how), {.send = 16, .receive = 16, .how = tcp}} {
        wire.plan = plan;
        wire.while_asleep = [this](time_point deadline) {
            if (reader_ != nullptr && receive(*reader_, 5, channel::at_once)) {
                return true;
            }
            scripted::time = std::max(scripted::time, deadline);
            return false;
        };
    }

    void play() {
        say(from_a, 5);
        hear(at_b);
        offer();
        say(from_a, 12);
        hear_some(at_b, 5);
        for (int i = 0; i != 2; ++i) {
            say_and_hear(from_a, at_b, 3);
            say_and_hear(from_b, at_a, 3);
        }
        // By the ring; what does not fit, if it may, by TCP; and back.
        for (int i = 0; i != 4; ++i) {
            say_and_hear(from_a, at_b, 20);
            say_and_hear(from_b, at_a, 4);
            say(from_a, 14);
            hear_some(at_b, 3);
            say(from_a, 4);
            hear_some(at_b, 6);
            say(from_a, 1);
            hear_some(at_b, 6);
            say(from_a, 5);
            hear(at_b);
        }
        finish(from_a);
        hear_the_end(at_b);
        stop(at_b);
        say_and_hear(from_b, at_a, 20);
        say(from_b, 5);
        finish(from_b);
        hear_the_end(at_a);
        if (broken()) {
            wind_down();
        }
        a.close();
        b.close();
    }

    [[nodiscard]] bool went_wrong() const noexcept { return wire.plan_was_met(); }
    [[nodiscard]] bool by_every_way() const noexcept {
        const auto sent = a.counts().sent;
        return sent.bytes_by_ring != 0 && sent.bytes_by_tcp != 0 && sent.openings != 0;
    }
    [[nodiscard]] bool spilled_and_came_back() const noexcept {
        return a.counts().sent.spills != 0 && a.counts().sent.returns != 0;
    }

    talker<channel> from_a{&a};
    talker<channel> from_b{&b};
    listener<channel> at_a{&a};
    listener<channel> at_b{&b};
    told a_was;
    told b_was;
    bool gave_up = false;  ///< Something that had to come never came.

private:
    static constexpr int patience = 1000;

    [[nodiscard]] auto soon() const { return scripted::time + 2ms; }
    [[nodiscard]] told& of(const channel* who) noexcept { return who == &a ? a_was : b_was; }
    [[nodiscard]] bool broken() const noexcept { return wire.plan.what == fault::broken && wire.plan_was_met(); }
    [[nodiscard]] listener<channel>& reader_of(const talker<channel>& from) noexcept {
        return from.to == &a ? at_b : at_a;
    }

    /// In one of several ways, in turn.
    bool receive(listener<channel>& at, std::size_t n, time_point deadline) {
        int errors = at.errors;
        if (++received_so_far_ % 3 == 0) {
            at.look_ahead(n);
            if (at.errors != errors) {
                of(at.from).note(at.error);
            }
        }
        errors = at.errors;
        const bool some =
            (received_so_far_ % 4 == 0 ? at.receive_in_pieces(n, deadline) : at.receive(n, deadline)) != 0;
        if (at.errors != errors) {
            of(at.from).note(at.error);
        }
        if (deadline == channel::at_once) {
            (void)at.from->attend_receiving(true);  // As one with an event loop would.
        }
        return some;
    }
    bool send(talker<channel>& from, std::size_t n, time_point deadline) {
        const int errors = from.errors;
        const bool some = from.send(n, deadline) != 0;
        if (from.errors != errors) {
            of(from.to).note(from.error);
        }
        if (deadline == channel::at_once) {
            (void)from.to->attend_sending(true, scripted::time.time_since_epoch().count() % 2 == 0);
        }
        return some;
    }

    /// Sends, while nobody reads unless there is no other way.
    void say(talker<channel>& from, std::size_t n) {
        const std::uint64_t end = from.sent + n;
        for (int i = 0; from.sent != end && !broken(); ++i) {
            if (i == patience) {
                gave_up = true;
                return;
            }
            if (!send(from, end - from.sent, i % 2 == 0 ? soon() : channel::at_once) && i > 10) {
                (void)receive(reader_of(from), 5, channel::at_once);
            }
        }
    }
    /// The same, while somebody reads whenever it sleeps.
    void say_and_hear(talker<channel>& from, listener<channel>& at, std::size_t n) {
        reader_ = &at;
        say(from, n);
        reader_ = nullptr;
        hear(at);
    }
    /// Receives all that was said.
    void hear(listener<channel>& at) {
        const std::uint64_t end = (at.from == &b ? from_a : from_b).sent;
        for (int i = 0; at.received != end && !broken(); ++i) {
            if (i == patience || at.ended) {
                gave_up = true;
                return;
            }
            (void)receive(at, 7, soon());
        }
        (void)receive(at, 7, soon());
    }
    /// Receives up to `n`, if they come, and leaves the rest where it is.
    void hear_some(listener<channel>& at, std::size_t n) {
        const std::uint64_t end = at.received + n;
        for (int i = 0; at.received != end && i != 8 && !broken(); ++i) {
            (void)receive(at, end - at.received, channel::at_once);
        }
    }
    void finish(talker<channel>& from) {
        twice(from.to, [&]() noexcept { return from.to->finish_sending(); });
    }
    void stop(listener<channel>& at) {
        twice(at.from, [&]() noexcept { return at.from->stop_receiving(); });
    }
    /// If need be.
    template <class Call>
    void twice(const channel* who, Call call) {
        for (int i = 0; i != 2; ++i) {
            const auto done = call();
            if (done) {
                return;
            }
            of(who).note(done.error().value());
        }
        gave_up = gave_up || !broken();
    }
    void hear_the_end(listener<channel>& at) {
        for (int i = 0; !at.ended && !broken(); ++i) {
            if (i == patience) {
                gave_up = true;
                return;
            }
            (void)receive(at, 7, soon());
        }
    }
    /// The connection is no more: both ask until they were told so by every call there is.
    void wind_down() {
        for (const auto& [at, from] : {std::pair{&at_a, &from_a}, std::pair{&at_b, &from_b}}) {
            for (int i = 0; !at->ended; ++i) {
                if (i == patience) {
                    gave_up = true;
                    return;
                }
                (void)receive(*at, 7, soon());
            }
            told& was = of(at->from);
            const int before = was.broken_pipes;
            for (int i = 0; was.broken_pipes == before; ++i) {
                if (i == patience) {
                    gave_up = true;
                    return;
                }
                (void)send(*from, 20, soon());
            }
        }
    }

    listener<channel>* reader_ = nullptr;
    unsigned received_so_far_ = 0;
};

/// Plays the conversation with each call of `where` going wrong in turn. How many there were.
std::size_t walk(overflow how, delivery tcp, fault what, operation where, bool from_then_on) {
    for (std::size_t n = 1;; ++n) {
        CAPTURE(static_cast<int>(what));
        CAPTURE(static_cast<int>(where));
        CAPTURE(n);
        CAPTURE(from_then_on);
        CAPTURE(static_cast<int>(tcp));
        CAPTURE(how.spill_after().count());
        conversation c{how, tcp, {what, where, n, its_errno, from_then_on}};
        c.play();
        CHECK_FALSE(c.gave_up);
        CHECK(c.at_a.wrong + c.at_b.wrong == 0);
        CHECK(c.at_b.received <= c.from_a.sent);
        CHECK(c.at_a.received <= c.from_b.sent);
        CHECK(c.a_was.others + c.b_was.others == 0);
        const int faults = c.a_was.faults + c.b_was.faults;
        if (what == fault::broken && c.went_wrong()) {
            // Told once to the one, and to the other as TCP would; but a close tells nobody.
            CHECK(faults == (where == operation::close ? 0 : 1));
            CHECK(c.a_was.resets <= 1);
            CHECK(c.b_was.resets <= 1);
        } else {
            CHECK(c.at_b.received == c.from_a.sent);
            CHECK(c.at_a.received == c.from_b.sent);
            CHECK(c.at_a.ended);
            CHECK(c.at_b.ended);
            CHECK(c.a_was.resets + c.b_was.resets + c.a_was.broken_pipes + c.b_was.broken_pipes == 0);
            const bool has_errno = where == operation::send || where == operation::receive ||
                                   where == operation::finish_sending || where == operation::stop_receiving;
            const bool fails =
                c.went_wrong() && has_errno &&
                (what == fault::refused || (what == fault::would_block && (where == operation::finish_sending ||
                                                                           where == operation::stop_receiving)));
            CHECK(faults == (fails ? 1 : 0));
        }
        if (!c.went_wrong()) {
            return n - 1;
        }
    }
}

constexpr operation operations[] = {
    operation::send,
    operation::receive,
    operation::readable,
    operation::unacknowledged,
    operation::acknowledge_at_once,
    operation::park,
    operation::look,
    operation::finish_sending,
    operation::stop_receiving,
    operation::close,
    operation::limit,
    operation::low_water,
    operation::restarts,
};
static_assert(std::size(operations) == operation_count);

constexpr delivery deliveries[] = {delivery::at_once, delivery::when_asked};

std::size_t walk_all(fault what, bool from_then_on = false) {
    std::size_t points = 0;
    for (const delivery tcp : deliveries) {
        for (const overflow how : {overflow::never(), overflow::on_full(), overflow::on_stall()}) {
            for (const operation where : operations) {
                points += walk(how, tcp, what, where, from_then_on);
            }
        }
    }
    return points;
}

}  // namespace

TEST_CASE("every failure: the conversation goes every way there is") {
    for (const delivery tcp : deliveries) {
        for (const overflow how : {overflow::never(), overflow::on_full(), overflow::on_stall()}) {
            conversation c{how, tcp, {}};
            c.play();
            CHECK_FALSE(c.gave_up);
            CHECK(c.by_every_way());
            CHECK(c.spilled_and_came_back() == how.spills());
        }
    }
}

TEST_CASE("every failure: a call that moves one byte loses none") {
    const watchdog watched{"a conversation with a short call"};
    CHECK(walk_all(fault::shortened) > 500);
    CHECK(walk_all(fault::shortened, true) > 500);
}

TEST_CASE("every failure: a call that finds nothing to do yet loses no byte and waits for it") {
    const watchdog watched{"a conversation with a call that would block"};
    CHECK(walk_all(fault::would_block) > 500);
}

TEST_CASE("every failure: an error that the connection survives is told once, and every byte arrives") {
    const watchdog watched{"a conversation with a call that fails"};
    CHECK(walk_all(fault::refused) > 500);
}

TEST_CASE("every failure: when the connection breaks, each side is told once, and has a prefix of what was sent") {
    const watchdog watched{"a conversation that is cut"};
    CHECK(walk_all(fault::broken) > 500);
}
