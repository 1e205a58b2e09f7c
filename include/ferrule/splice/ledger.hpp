// The ordering rule of the splice: which way the next byte of a stream goes, and from which way it comes, so that bytes
// arrive in order although some go through a ring and some through TCP. A pure state machine: no descriptor, no clock,
// no system call. tests/protocol is its specification, and tests/model explores these very lines.
//
// The invariant: a stream is [what the reader has][what is in the ring][what is in TCP]. The ring is extended only
// while nothing of ours is in TCP.
//
// THE EDGE TABLE, continued from control.hpp.
//
//   edge         release side                       acquire side                       what it makes visible
//   -----------  ---------------------------------  ---------------------------------  -------------------------------
//   EP  epoch    EPr  nothing is unacknowledged     EPa  the reader notes it, then     that TCP, asked then, shows all
//                                                        asks TCP                      that was sent before the epoch
//   DR  drained  DRr  TCP was empty after that      DRa  the writer opens              how much was taken from TCP
//   LV  left     LVr  after the last ring byte      LVa  the reader notes it, then     the last write cursor
//                                                        looks at the ring
//   CF  confirm  CFr  the kernel: TCP has a byte    CFa  confirmed(), a full fence,    the write cursor when that byte
//                                                        then looks at the ring        was sent
//
// `gone`, `leaving` and `tcp_taken` are flags and a count that say nothing about other memory. Who stores one nudges
// the peer afterwards (end::nudge), and who is about to sleep looks at them after arming: the edge WK.
#pragma once

#include <atomic>
#include <cstdint>

#include <ferrule/config.hpp>

namespace ferrule::inline v0::splice {

/// What the sender of a direction tells its receiver. Stored by the sender; loaded by the receiver.
template <class Platform>
struct alignas(cache_line) sender_words {
    template <class T>
    using atomic = typename Platform::template atomic<T>;

    atomic<std::uint32_t> epoch{0};       ///< How many flushes it has begun.
    atomic<std::uint32_t> left{0};        ///< Not 0: nothing more comes through this ring.
    atomic<std::uint64_t> settles_at{0};  ///< It waits for `tcp_taken` to come this far.
};

/// What the receiver of a direction tells its sender. Stored by the receiver; loaded by the sender.
template <class Platform>
struct alignas(cache_line) receiver_words {
    template <class T>
    using atomic = typename Platform::template atomic<T>;

    atomic<std::uint64_t> tcp_taken{0};  ///< How many bytes it has taken from TCP since it is ready.
    atomic<std::uint32_t> drained{0};    ///< The last epoch after which it found TCP empty.
    atomic<std::uint32_t> ready{0};      ///< Not 0: it looks at this ring.
};

/// What an endpoint tells the other one, whichever direction it is about. Stored by its endpoint; loaded by the other.
template <class Platform>
struct alignas(cache_line) endpoint_words {
    template <class T>
    using atomic = typename Platform::template atomic<T>;

    atomic<std::uint32_t> half_closed{0};  ///< It sends nothing more. Before its FIN.
    atomic<std::uint32_t> gone{0};         ///< It reads nothing more. Before its FIN or RST.
    atomic<std::uint32_t> reset{0};        ///< It closed with something unread, over a transport that cannot show it.
    atomic<std::uint32_t> leaving{0};      ///< It wants both directions to go back to TCP for good.
};

/// Everything one side says. The other side only reads it.
template <class Platform>
struct side_words {
    sender_words<Platform> sends;
    receiver_words<Platform> receives;
    endpoint_words<Platform> endpoint;
};

/// Where the next byte may go.
enum class outlet : unsigned char {
    ring,      ///< Into the ring.
    settling,  ///< Into the ring once what we spilled was taken from TCP; or after it, into TCP.
    flushing,  ///< Into the ring once the reader has answered our flush; or, making it void, into TCP.
    tcp,       ///< Into TCP.
};

/// The sender's half of the rule. One thread at a time.
template <class Platform>
class sending {
public:
    sending(side_words<Platform>& mine, const side_words<Platform>& theirs) noexcept : mine_{&mine}, theirs_{&theirs} {}

    /// True if the next byte may go into the ring, as far as is known without looking.
    [[nodiscard]] bool ring_is_next() const noexcept { return open_ && !undrained_; }

    /// Where the next byte may go.
    [[nodiscard]] outlet next() noexcept {
        if (ring_is_next()) {
            return outlet::ring;
        }
        if (flushing_ && answered()) {
            open();
        }
        if (!open_) {
            return flushing_ ? outlet::flushing : outlet::tcp;
        }
        if (undrained_) {
            const std::uint64_t untaken = sent_to_tcp_ - taken();
            if (untaken > sent_to_tcp_ - taken_when_opened_) [[unlikely]] {
                // It took what we never sent, or gave back what it had. What it says is no use for the ring; TCP needs
                // nobody's word, and comes behind the ring.
                finish();
                return outlet::tcp;
            }
            undrained_ = untaken != 0;
        }
        return undrained_ ? outlet::settling : outlet::ring;
    }

    /// True if a flush may begin, as soon as nothing is unacknowledged.
    [[nodiscard]] bool may_flush() const noexcept {
        // Relaxed, hint: what the reader installed it keeps to itself; it answers epochs that came before as well.
        return !open_ && !flushing_ && !finished_ && theirs_->receives.ready.load(std::memory_order_relaxed) != 0;
    }

    /// Begins a flush. The caller has seen that nothing is unacknowledged, and nudges the reader afterwards.
    void begin_flush() noexcept {
        flushing_ = true;
        // EPr → EPa (receiving::note): after every byte it is about was acknowledged.
        mine_->sends.epoch.store(++epoch_, std::memory_order_release);
    }

    /// `n` more bytes were given to TCP. A flush that was under way is void.
    void sent_by_tcp(std::uint64_t n) noexcept {
        flushing_ = flushing_ && n == 0;
        if (open_ && n != 0) {
            sent_to_tcp_ += n;
            undrained_ = true;
        }
    }

    /// Listens whether the peer closed or wants to leave: after every publication, and before a sleep.
    /// True if something was heard, which happens once for each: then ask peer_is_gone() and must_leave().
    [[nodiscard]] bool hear() noexcept {
        // Relaxed, hint: WKp ↔ WKs, the barrier of the publication or of arming before these loads is what counts.
        if (!peer_gone_ && theirs_->endpoint.gone.load(std::memory_order_relaxed) != 0) [[unlikely]] {
            peer_gone_ = true;
            finish();
            return true;
        }
        if (!must_leave_ && theirs_->endpoint.leaving.load(std::memory_order_relaxed) != 0) [[unlikely]] {
            must_leave_ = true;
            return true;
        }
        return false;
    }

    /// The peer closed, and reads nothing more. If anything of ours lies unread in the ring, a byte by TCP says so.
    [[nodiscard]] bool peer_is_gone() const noexcept { return peer_gone_; }
    /// The peer wants to leave, and we have not said leave() yet.
    [[nodiscard]] bool must_leave() const noexcept { return must_leave_ && !left_; }

    /// Goes back to TCP for good, after the last byte this side puts into the ring. The caller nudges the reader.
    void leave() noexcept {
        left_ = true;
        finish();
        // LVr → LVa (receiving::note): after the last publication.
        mine_->sends.left.store(1, std::memory_order_release);
    }

    /// The connection ended, or its other end died: whatever comes after is TCP's to refuse.
    void finish() noexcept {
        finished_ = true;
        open_ = flushing_ = undrained_ = false;
    }

    /// True if an end of the connection that TCP shows, not asked for by us, can only be the peer's death: it has not
    /// said that it would send nothing more.
    [[nodiscard]] bool fin_means_death() const noexcept {
        // LVa ← LVr (outgoing::finish): a FIN that was seen follows the flag, and the caller saw the FIN in a system
        // call. Without the fence the flag may still look as it did before.
        Platform::full_fence();
        // Relaxed: behind that fence, and nothing is read for it.
        return theirs_->endpoint.half_closed.load(std::memory_order_relaxed) == 0;
    }

    /// Says what this side waits for, before it arms; then hear() and next() once more, and only then it sleeps.
    void about_to_sleep() noexcept {
        // Relaxed, sole writer: ordered by the barrier of arming.
        mine_->sends.settles_at.store(sent_to_tcp_, std::memory_order_relaxed);
    }

    /// How many bytes the reader has taken from TCP, to see whether it makes progress.
    [[nodiscard]] std::uint64_t taken() const noexcept {
        // Relaxed, hint: a count; what it counts went through the kernel.
        return theirs_->receives.tcp_taken.load(std::memory_order_relaxed);
    }

    /// True once the ring was opened, and not left or lost since.
    [[nodiscard]] bool is_open() const noexcept { return open_; }
    /// True once everything goes by TCP for good.
    [[nodiscard]] bool is_finished() const noexcept { return finished_; }

private:
    [[nodiscard]] bool answered() const noexcept {
        // DRa ← DRr (receiving::answer): without it `tcp_taken` could be older than the drain.
        return theirs_->receives.drained.load(std::memory_order_acquire) == epoch_;
    }

    void open() noexcept {
        open_ = true;
        flushing_ = false;
        sent_to_tcp_ = taken_when_opened_ = taken();
    }

    side_words<Platform>* mine_;
    const side_words<Platform>* theirs_;
    std::uint64_t sent_to_tcp_ = 0;        // As the receiver counts,
    std::uint64_t taken_when_opened_ = 0;  // from here on.
    std::uint32_t epoch_ = 0;
    bool open_ = false;
    bool undrained_ = false;  // Some of ours may be in TCP although the ring is open.
    bool flushing_ = false;
    bool finished_ = false;  // TCP only, from here on.
    bool peer_gone_ = false;
    bool must_leave_ = false;
    bool left_ = false;
};

/// Where the next byte comes from.
enum class inlet : unsigned char {
    ring,     ///< The ring.
    tcp,      ///< TCP: bytes, the end of the stream, or an error.
    nothing,  ///< Neither, now.
};

/// The receiver's half of the rule. One thread at a time.
template <class Platform>
class receiving {
public:
    receiving(side_words<Platform>& mine, const side_words<Platform>& theirs) noexcept
        : mine_{&mine}, theirs_{&theirs} {}

    /// Says that from now on this side looks at the ring. Never while a call of ours sits in the kernel.
    void be_ready() noexcept {
        // Relaxed, sole writer: says nothing about other memory.
        mine_->receives.ready.store(1, std::memory_order_relaxed);
    }

    /// Where the next byte comes from. `ring_has()` looks at the write cursor; `tcp_has()` asks the kernel whether a
    /// recv would give anything, be it the end; where no doubt is possible it is not asked, and `tcp` may turn out to
    /// have nothing, which is as good as being told so. The order of these looks is the rule.
    template <class RingHas, class TcpHas>
    [[nodiscard]] inlet next(RingHas&& ring_has, TcpHas&& tcp_has) noexcept {
        if (out_) {
            return tcp_has() ? inlet::tcp : inlet::nothing;
        }
        if (ring_has()) {
            return inlet::ring;
        }
        note();
        // A ring that was never opened holds nothing that could come first.
        const bool readable = !answered_ || tcp_has();
        confirmed();
        if (ring_has()) {
            return inlet::ring;
        }
        out_ = noted_left_;
        return readable ? inlet::tcp : inlet::nothing;
    }

    /// Between the kernel's word and the look at the ring that follows; of next(), and of whoever looks past what is in
    /// the ring.
    static void confirmed() noexcept {
        // LVa; CFa ← CFr (the kernel's queues): without it the ring may still look as it did before a byte came by TCP,
        // and that byte overtakes what is in the ring.
        Platform::full_fence();
    }

    /// `n` more bytes were taken from TCP. The caller nudges the sender afterwards, if sender_waits_for_it().
    void took(std::uint64_t n) noexcept {
        tcp_taken_ += n;
        // Relaxed, sole writer: a count; what it counts came through the kernel.
        mine_->receives.tcp_taken.store(tcp_taken_, std::memory_order_relaxed);
    }
    [[nodiscard]] bool sender_waits_for_it() const noexcept {
        // Relaxed, hint: WKp ↔ WKs, the barrier of the nudge before this load is what counts.
        return theirs_->sends.settles_at.load(std::memory_order_relaxed) == tcp_taken_;
    }

    /// TCP was found empty after next() had noted what the sender said. True if that answers a flush: then nudge it.
    [[nodiscard]] bool answer() noexcept {
        if (noted_epoch_ == drained_ || out_) {
            return false;
        }
        drained_ = noted_epoch_;
        answered_ = true;
        // DRr → DRa (sending::answered): after everything was counted.
        // Relaxed, sole writer: the fence of confirmed(), always between that count and here, makes it a release.
        mine_->receives.drained.store(drained_, std::memory_order_relaxed);
        return true;
    }

    /// True if the sender has said something since next() noted it: not a moment to sleep.
    [[nodiscard]] bool there_is_news() const noexcept {
        // Relaxed, hint: next() looks again, in order; the barrier of arming before these loads is what counts.
        return !out_ && (theirs_->sends.epoch.load(std::memory_order_relaxed) != noted_epoch_ ||
                         (!noted_left_ && (theirs_->sends.left.load(std::memory_order_relaxed) != 0 ||
                                           theirs_->endpoint.half_closed.load(std::memory_order_relaxed) != 0)));
    }

    /// True if an epoch that was noted is not answered yet, because there was something in TCP.
    [[nodiscard]] bool owes_an_answer() const noexcept { return !out_ && noted_epoch_ != drained_; }

    /// Answers no flush from now on. A ring that was never opened never will be, whatever its sender does.
    void give_up() noexcept { out_ = out_ || !answered_; }

    /// The other process is gone, whatever it has not said: nothing more comes through the ring. What it published was
    /// published before it went.
    void lost_sender() noexcept { lost_ = true; }

    /// True once the ring is behind us for good.
    [[nodiscard]] bool is_out() const noexcept { return out_; }

private:
    /// What the sender has said so far. Before TCP is asked, because of what an empty TCP will mean; and before the
    /// ring is looked at for the last time, because of what an empty ring will mean.
    void note() noexcept {
        // EPa ← EPr (sending::begin_flush): without it TCP may be asked before the bytes of that epoch are in it.
        noted_epoch_ = theirs_->sends.epoch.load(std::memory_order_acquire);
        // LVa ← LVr (sending::leave, outgoing::finish): without it the ring may be found empty before its last byte.
        // Relaxed: the fence of confirmed(), always between here and that look, makes them acquires.
        noted_left_ = lost_ || theirs_->sends.left.load(std::memory_order_relaxed) != 0 ||
                      theirs_->endpoint.half_closed.load(std::memory_order_relaxed) != 0;
    }

    side_words<Platform>* mine_;
    const side_words<Platform>* theirs_;
    std::uint64_t tcp_taken_ = 0;
    std::uint32_t drained_ = 0;
    std::uint32_t noted_epoch_ = 0;
    bool answered_ = false;
    bool noted_left_ = false;
    bool lost_ = false;
    bool out_ = false;
};

}  // namespace ferrule::inline v0::splice
