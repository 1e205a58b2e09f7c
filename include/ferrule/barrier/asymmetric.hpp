// The one barrier of the wake protocol, paid for by whoever is about to sleep: a system call that makes all other
// threads of the process pass a full barrier, so that publishing needs none. Where the kernel refuses the call, both
// sides fall back to a full fence.
#pragma once

namespace ferrule::inline v0::barrier {

struct asymmetric {
    template <class Platform>
    class state {
    public:
        /// Between publishing and looking for a sleeper.
        void light() const noexcept {
            if (have_heavy_) [[likely]] {
                Platform::light_fence();
            } else {
                fall_back();
            }
        }
        /// Between announcing to sleep and looking once more. False if the kernel has come to refuse the call since.
        [[nodiscard]] bool heavy() const noexcept {
            Platform::full_fence();
            return !have_heavy_ || Platform::heavy_fence();
        }

    private:
        [[gnu::noinline, gnu::cold]] static void fall_back() noexcept { Platform::full_fence(); }

        bool have_heavy_ = Platform::has_heavy_fence();
    };
};

}  // namespace ferrule::inline v0::barrier
