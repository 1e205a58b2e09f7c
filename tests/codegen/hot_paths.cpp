// One symbol for each hot path, for hot_paths.cmake to disassemble.
#include <ferrule/ferrule.hpp>

namespace {

using namespace ferrule;

using bytes = heap_ring<std::byte, waiter::never>;
using numbers = heap_ring<std::uint64_t, waiter::never>;
using mirrored_bytes = mirrored_ring<std::byte, waiter::never>;
using mirrored_numbers = mirrored_ring<std::uint64_t, waiter::never>;
using borrowed_bytes = borrowed_ring<std::byte, waiter::never>;
using borrowed_numbers = borrowed_ring<std::uint64_t, waiter::never>;
using wakeable = heap_ring<std::uint64_t, waiter::futex<futex_scope::process_private, barrier::asymmetric>>;
using fenced = heap_ring<std::uint64_t, waiter::futex<futex_scope::process_private, barrier::symmetric>>;

template <class Ring>
using batching_producer = producer<Ring, cursor::batched<64>, guard::checked>;
template <class Ring>
using batching_consumer = consumer<Ring, cursor::batched<64>, guard::checked>;

}  // namespace

extern "C" {

[[gnu::flatten]] std::size_t hot_try_write(bytes::producer_type& tx, const std::byte* from, std::size_t n) {
    return tx.try_write({from, n});
}
[[gnu::flatten]] std::size_t hot_try_read(bytes::consumer_type& rx, std::byte* to, std::size_t n) {
    return rx.try_read({to, n});
}
[[gnu::flatten]] bool hot_try_push(numbers::producer_type& tx, std::uint64_t value) { return tx.try_push(value); }
[[gnu::flatten]] bool hot_try_pop(numbers::consumer_type& rx, std::uint64_t& value) {
    const auto popped = rx.try_pop();
    value = popped.value_or(value);
    return popped.has_value();
}
[[gnu::flatten]] void hot_commit(bytes::producer_type::grant_type& grant, std::size_t n) { grant.commit(n); }
[[gnu::flatten]] void hot_release(bytes::consumer_type::grant_type& grant, std::size_t n) { grant.release(n); }

[[gnu::flatten]] std::size_t hot_batched_try_write(batching_producer<bytes>& tx, const std::byte* from, std::size_t n) {
    return tx.try_write({from, n});
}
[[gnu::flatten]] std::size_t hot_batched_try_read(batching_consumer<bytes>& rx, std::byte* to, std::size_t n) {
    return rx.try_read({to, n});
}
[[gnu::flatten]] bool hot_batched_try_push(batching_producer<numbers>& tx, std::uint64_t value) {
    return tx.try_push(value);
}
[[gnu::flatten]] bool hot_batched_try_pop(batching_consumer<numbers>& rx, std::uint64_t& value) {
    const auto popped = rx.try_pop();
    value = popped.value_or(value);
    return popped.has_value();
}
[[gnu::flatten]] void hot_batched_commit(batching_producer<bytes>::grant_type& grant, std::size_t n) {
    grant.commit(n);
}
[[gnu::flatten]] void hot_batched_release(batching_consumer<bytes>::grant_type& grant, std::size_t n) {
    grant.release(n);
}

[[gnu::flatten]] std::size_t hot_mirrored_try_write(mirrored_bytes::producer_type& tx, const std::byte* from,
                                                    std::size_t n) {
    return tx.try_write({from, n});
}
[[gnu::flatten]] std::size_t hot_mirrored_try_read(mirrored_bytes::consumer_type& rx, std::byte* to, std::size_t n) {
    return rx.try_read({to, n});
}
[[gnu::flatten]] bool hot_mirrored_try_push(mirrored_numbers::producer_type& tx, std::uint64_t value) {
    return tx.try_push(value);
}
[[gnu::flatten]] bool hot_mirrored_try_pop(mirrored_numbers::consumer_type& rx, std::uint64_t& value) {
    const auto popped = rx.try_pop();
    value = popped.value_or(value);
    return popped.has_value();
}
[[gnu::flatten]] void hot_mirrored_commit(mirrored_bytes::producer_type::grant_type& grant, std::size_t n) {
    grant.commit(n);
}
[[gnu::flatten]] void hot_mirrored_release(mirrored_bytes::consumer_type::grant_type& grant, std::size_t n) {
    grant.release(n);
}

[[gnu::flatten]] std::size_t hot_borrowed_try_write(borrowed_bytes::producer_type& tx, const std::byte* from,
                                                    std::size_t n) {
    return tx.try_write({from, n});
}
[[gnu::flatten]] std::size_t hot_borrowed_try_read(borrowed_bytes::consumer_type& rx, std::byte* to, std::size_t n) {
    return rx.try_read({to, n});
}
[[gnu::flatten]] bool hot_borrowed_try_push(borrowed_numbers::producer_type& tx, std::uint64_t value) {
    return tx.try_push(value);
}
[[gnu::flatten]] bool hot_borrowed_try_pop(borrowed_numbers::consumer_type& rx, std::uint64_t& value) {
    const auto popped = rx.try_pop();
    value = popped.value_or(value);
    return popped.has_value();
}
[[gnu::flatten]] void hot_borrowed_commit(borrowed_bytes::producer_type::grant_type& grant, std::size_t n) {
    grant.commit(n);
}
[[gnu::flatten]] void hot_borrowed_release(borrowed_bytes::consumer_type::grant_type& grant, std::size_t n) {
    grant.release(n);
}

// A consumer that may sleep costs a push one more load and a comparison, where the kernel knows membarrier.
[[gnu::flatten]] bool hot_push_to_wakeable(wakeable::producer_type& tx, std::uint64_t value) {
    return tx.try_push(value);
}

// Must be found guilty, or the test sees nothing.
[[gnu::flatten]] bool guilty_fence(fenced::producer_type& tx, std::uint64_t value) { return tx.try_push(value); }
[[gnu::flatten]] void guilty_lock(numbers::producer_type& tx, std::atomic<int>& word) {
    if (tx.try_push(1)) {
        word.fetch_add(1);
    }
}
[[gnu::flatten]] void guilty_call(numbers::producer_type& tx, void (*call)()) {
    if (tx.try_push(1)) {
        call();
        (void)tx.try_push(2);
    }
}
}
