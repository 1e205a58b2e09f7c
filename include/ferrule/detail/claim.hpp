// Who has an end, and what the next one to have it needs to know. Lives in the ring, private to the process.
#pragma once

#include <atomic>
#include <cstdint>

#include <ferrule/status.hpp>

namespace ferrule::inline v0::detail {

/// What an end leaves behind. Its own cursor is handed on here, not read back from the control block, which a peer may
/// one day be able to overwrite.
struct end_memory {
    std::uint64_t own;           ///< How far this end has come.
    std::uint64_t limit;         ///< How far it knew it could go.
    std::uint32_t wakes{0};      ///< How often it has woken its peer.
    status verdict{status::ok};  ///< Final state, if it has reached one.
};

template <class Platform>
class claim {
public:
    explicit claim(std::uint64_t start) noexcept : memory{start, start} {}

    [[nodiscard]] bool take() noexcept {
        // CMa ← CMr (give_back): whoever claims an end goes on where the last one stopped.
        return taken_.exchange(1, std::memory_order_acquire) == 0;
    }
    void give_back() noexcept {
        // CMr → CMa (take, taken): hands on `memory`.
        taken_.store(0, std::memory_order_release);
    }
    [[nodiscard]] bool taken() const noexcept {
        // CMa ← CMr (give_back): the ring's destructor relies on the last cursors.
        return taken_.load(std::memory_order_acquire) != 0;
    }

    end_memory memory;  // Private to whoever has the claim.

private:
    typename Platform::template atomic<std::uint32_t> taken_{0};
};

}  // namespace ferrule::inline v0::detail
