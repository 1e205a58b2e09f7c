// Every extension point of the library and its law.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <ferrule/detail/native.hpp>
#include <ferrule/detail/pieces.hpp>
#include <ferrule/result.hpp>
#include <ferrule/role.hpp>

// clang-format 14 tears requirements apart.
// clang-format off
namespace ferrule::inline v0 {

/// Where elements lie. Law: exact arithmetic on cursors, the same answer for the object's whole life.
template <class G>
concept geometry_value = std::copyable<G> && std::default_initializable<G> &&
    requires(const G g, std::uint64_t cursor, std::size_t n) {
    { g.capacity() } noexcept -> std::same_as<std::size_t>;
    { g.offset(cursor) } noexcept -> std::same_as<std::size_t>;
    { g.first_piece(cursor, n) } noexcept -> std::same_as<std::size_t>;
};

/// What may live in a ring. Law: moving it from one slot to another cannot fail half-way.
template <class T>
concept element = std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T> &&
                  std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>;

/// What may also be copied in bulk, and written in place before it is published.
template <class T>
concept raw_element = element<T> && std::is_trivially_copyable_v<T>;

/// Owns or borrows the slots, as raw memory. Law: the same address and the same length for the object's whole life.
template <class S>
concept storage_policy = std::is_object_v<typename S::value_type> && geometry_value<typename S::geometry_type> && requires(S s) {
    { s.data() } noexcept -> std::same_as<typename S::value_type*>;
    { s.geometry() } noexcept -> std::same_as<typename S::geometry_type>;
};

/// Storage that another process maps too, control words included: each process has one end. Law: whatever that process
/// writes, only payload and announcements change; peer_is_gone() is true for good once it cannot write any more, if there
/// is a way to tell.
template <class S>
concept shared_storage = storage_policy<S> && S::is_shared && requires(const S s) {
    { s.mine() } noexcept -> std::same_as<role>;
    { s.peer_life() } noexcept -> std::same_as<int>;  // a descriptor that then becomes readable, or -1
    { s.peer_is_gone() } noexcept -> std::same_as<bool>;
};

/// What kind of pages memory turned out to be made of.
enum class page_kind : unsigned char {
    plain,    ///< Such as everybody gets.
    advised,  ///< The kernel agreed to make them huge when it sees fit; it does not tell whether it did.
    huge,     ///< Huge, every one of them.
};

/// Where a large storage gets its pages. Law: map() gives writable memory that begins at a page, or nothing; unmap()
/// takes it back whole, given the same number of bytes. One map() per object.
template <class P>
concept pages_policy = std::default_initializable<P> && requires(P p, const P c, void* at, std::size_t bytes) {
    { p.map(bytes) } noexcept -> std::same_as<void*>;
    { p.unmap(at, bytes) } noexcept;
    { c.kind() } noexcept -> std::same_as<page_kind>;
};

/// One end's private opinion of the peer's cursor, and when it shows its own. Law: only ever asks for a look too many,
/// and publishes no later than asked; it never sees a cursor, so it cannot invent one.
template <class C>
concept cursor_policy = requires(std::uint64_t n) {
    { C::enough(n, n) } noexcept -> std::same_as<bool>;  // (remembered, wanted): may this look be skipped?
    { C::publish_now(n) } noexcept -> std::same_as<bool>;  // (unpublished): show the own cursor now?
};

/// What happens when two calls meet in one end. Law: enter() and leave() bracket every call, or their brief forms one that
/// neither waits nor calls anybody's code; a call that waits for the peer is idle() until it looks again.
template <class G, class Platform = detail::native>
concept guard_policy = requires(typename G::template state<Platform> s, typename G::template state<Platform>::token t) {
    { G::many_threads } -> std::convertible_to<bool>;  // May several threads be in an end's calls at once?
    requires std::default_initializable<typename G::template state<Platform>>;
    { s.enter() } noexcept -> std::same_as<typename G::template state<Platform>::token>;
    { s.leave(t) } noexcept;
    { s.enter_briefly() } noexcept -> std::same_as<typename G::template state<Platform>::token>;
    { s.leave_briefly(t) } noexcept;
    { s.idle() } noexcept;
    { s.resume() } noexcept;
};

/// How a stretch of polling ended.
enum class polled : unsigned char {
    enough,   ///< look() gave at least what was wanted.
    expired,  ///< The deadline passed.
    spent,    ///< The budget is used up: park, then poll again.
};

namespace detail {
struct example_look {
    std::uint64_t operator()() const noexcept;
};
}  // namespace detail

/// The one barrier of the wake protocol, in two halves. Law: of two threads, one that stores, passes light() and loads,
/// and one that stores, passes heavy() and loads, at least one sees the other's store; heavy() is false if it could not
/// see to that.
template <class B, class Platform = detail::native>
concept barrier_policy = requires(typename B::template state<Platform> s) {
    { s.light() } noexcept;
    { s.heavy() } noexcept -> std::same_as<bool>;
};

/// One of a ring's two wait points. Law: poll() looks at least once, and answers `enough` only after a look that gave
/// it; an unpark() after `seen` was read from the word ends the park().
template <class P, class Platform = detail::native>
concept wait_point = requires(P p, detail::example_look look, std::chrono::steady_clock::time_point deadline,
                              typename Platform::template atomic<std::uint32_t>& word, std::uint32_t seen) {
    { p.poll(look, std::uint64_t{}, deadline) } noexcept -> std::same_as<polled>;
    { p.park(word, seen, deadline) } noexcept;
    { p.unpark(word) } noexcept;
};

/// A wait point that an event loop can watch. Law: fd() is readable from an unpark() until the next drain().
template <class P>
concept pollable_point = requires(P p) {
    { p.fd() } noexcept -> std::same_as<int>;
    { p.drain() } noexcept;
};

/// A waiter, or a barrier, that also works between two processes says `crosses_processes`.
template <class W>
concept process_shared = requires { requires W::crosses_processes; };

/// A wait point that sleeps on descriptors, and so can tell when nobody is left who could wake it. Law: a park() also ends
/// when `life` becomes readable or hangs up, unless that is -1; peer_is_gone() is true for good once a park() or a drain()
/// saw that nobody has the other end of the own descriptor, where it is of a kind that shows it.
template <class P, class Platform = detail::native>
concept vigilant_point = requires(P p, const P c, std::chrono::steady_clock::time_point deadline,
                                  typename Platform::template atomic<std::uint32_t>& word, std::uint32_t seen, int life) {
    { p.park(word, seen, deadline, life) } noexcept;
    { c.peer_is_gone() } noexcept -> std::same_as<bool>;
};

/// How ends pass the time: a recipe, from which a ring makes its two wait points. Law: if `must_be_woken` is false,
/// park() ends by itself; if `wakes_everybody` is false, one thread at a time may park.
template <class W, class Platform = detail::native>
concept waiter_policy = std::copyable<W> && requires { { W::can_wait } -> std::convertible_to<bool>; } && (!W::can_wait || requires {
    { W::must_be_woken } -> std::convertible_to<bool>;
    { W::wakes_everybody } -> std::convertible_to<bool>;
    requires barrier_policy<typename W::barrier, Platform>;
    requires wait_point<typename W::template point<Platform>, Platform>;
    requires std::constructible_from<typename W::template point<Platform>, const W&>;
});

/// May a call sit in the kernel until it can do something?
enum class blocking : unsigned char { no, yes };

/// How bytes are sent.
struct send_how {
    explicit(false) constexpr send_how(blocking may = blocking::no) noexcept : may_block{may} {}
    blocking may_block;
    bool more = false;  ///< More follows soon: they need not leave at once.
    int as_is = 0;      ///< What the transport was told besides, and a ring has no use for.
};

/// How bytes are received.
struct receive_how {
    explicit(false) constexpr receive_how(blocking may = blocking::no) noexcept : may_block{may} {}
    blocking may_block;
    bool keep = false;     ///< They stay where they are, for the next call.
    bool whole = false;    ///< As many as there is room for, unless the call must not wait.
    bool discard = false;  ///< They are counted and not copied.
};

/// What a transport is asked to watch, and what it then saw.
struct transport_events {
    bool readable = false;     ///< A receive() gives something: bytes, the end of the stream, or an error.
    bool writable = false;     ///< A send() does.
    bool ended = false;        ///< The other side sends nothing more.
    bool failed = false;       ///< There is no connection any more. Always watched.
    bool interrupted = false;  ///< None of these: a signal was handled.
};

/// How a connection is given up.
enum class farewell : unsigned char {
    orderly,  ///< As the kernel would: FIN, or RST if it holds bytes that nobody read.
    reset,    ///< RST: bytes that nobody read are elsewhere.
};

/// The connected stream socket under a splice. Law: send() and receive() move a prefix, and with blocking::no never wait;
/// what one endpoint sends the other receives in order, and readable() is true from then on; park() ends when a watched
/// event is there, when the doorbell rang since it was last drained, or at the deadline, and may end for no reason.
template <class T>
concept transport = requires(T t, detail::pieces<const std::byte> from, detail::pieces<std::byte> to, send_how out, receive_how in,
                             int doorbell, transport_events watched, std::chrono::steady_clock::time_point deadline, farewell how) {
    { t.send(from, out) } noexcept -> std::same_as<result<std::size_t>>;
    { t.receive(to, in) } noexcept -> std::same_as<result<std::size_t>>;  // 0 at the end of the stream
    { t.readable() } noexcept -> std::same_as<bool>;
    { t.unacknowledged() } noexcept -> std::same_as<result<std::size_t>>;  // bytes of ours that may not have arrived
    { t.acknowledge_at_once() } noexcept;  // what arrives, so that the other side learns early that it did
    { t.park(doorbell, watched, deadline) } noexcept -> std::same_as<transport_events>;
    { t.look(watched) } noexcept -> std::same_as<transport_events>;  // as park() would see it, without waiting
    { t.finish_sending() } noexcept -> std::same_as<result<void>>;
    { t.stop_receiving() } noexcept -> std::same_as<result<void>>;
    { t.close(how) } noexcept;
    { t.is_like_tcp() } noexcept -> std::same_as<bool>;  // its RST and SHUT_RD show at the other end what TCP's show
    // What it was told by somebody else, and has to be kept where it cannot see to it:
    { t.send_limit() } noexcept -> std::same_as<std::chrono::steady_clock::duration>;  // how long a call may block;
    { t.receive_limit() } noexcept -> std::same_as<std::chrono::steady_clock::duration>;  // max() for ever
    { t.take_low_water() } noexcept -> std::same_as<std::size_t>;  // how many bytes a receive() that blocks waits for; then 1
    { t.restarts() } noexcept -> std::same_as<bool>;  // whether a call that was just interrupted, and has no limit, goes on
};

}  // namespace ferrule::inline v0
// clang-format on
