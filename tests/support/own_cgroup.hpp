// A memory cgroup of a test's own: what is in it is counted apart, and can be limited. Takes root and a kernel that
// lets it; where there is none to be had it is false.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace ferrule::test {

class own_cgroup {
public:
    own_cgroup() {
        const std::string name = "/ferrule-test-" + std::to_string(::getpid());
        for (const kind& one : {kind{"/sys/fs/cgroup", "memory.max", "memory.current"},
                                kind{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"}}) {
            directory_ = one.root + name;
            if (::mkdir(directory_.c_str(), 0700) != 0) {
                continue;
            }
            // Elsewhere a directory, but not of this kind, or without the controller.
            if (::access((directory_ + "/" + one.usage).c_str(), R_OK) == 0) {
                how_ = one;
                return;
            }
            ::rmdir(directory_.c_str());
        }
        directory_.clear();
    }
    own_cgroup(const own_cgroup&) = delete;
    own_cgroup& operator=(const own_cgroup&) = delete;
    ~own_cgroup() {
        if (*this) {
            ::rmdir(directory_.c_str());
        }
    }

    [[nodiscard]] explicit operator bool() const noexcept { return !directory_.empty(); }

    /// The calling process is in it from now on, and pays here for what it touches first.
    [[nodiscard]] bool enter() const { return write("cgroup.procs", static_cast<std::uint64_t>(::getpid())); }
    [[nodiscard]] bool limit(std::uint64_t bytes) const {
        (void)write("memory.swap.max", 0);  // Where there is such a thing: else the limit is only where it gets slow.
        return write(how_.limit, bytes);
    }
    [[nodiscard]] std::uint64_t charged() const {
        std::uint64_t bytes = 0;
        std::ifstream{directory_ + "/" + how_.usage} >> bytes;
        return bytes;
    }

private:
    struct kind {
        std::string root;
        std::string limit;
        std::string usage;
    };

    [[nodiscard]] bool write(const std::string& file, std::uint64_t value) const {
        std::ofstream to{directory_ + "/" + file};
        to << value << std::flush;
        return to.good();
    }

    kind how_;
    std::string directory_;
};

}  // namespace ferrule::test
