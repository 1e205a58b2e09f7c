// What a stranger may send instead of a descriptor of shared memory, and what it must be refused for.
#pragma once

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

namespace ferrule::test {

constexpr int final_size = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

[[nodiscard]] inline storage::shared_header header_of(int fd) {
    storage::shared_header header{};
    REQUIRE(::pread(fd, &header, sizeof header, 0) == sizeof header);
    return header;
}

[[nodiscard]] inline unique_fd reopened(int fd, int how) {
    return unique_fd{::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), how | O_CLOEXEC)};
}

[[nodiscard]] inline unique_fd one_of(std::array<int, 2> ends) {
    ::close(ends[1]);
    return unique_fd{ends[0]};
}

struct hostile {
    const char* what;
    std::error_code expected;
    std::function<unique_fd()> make;
};

/// They are made from memory that is in order.
class strangers {
public:
    /// `good()` makes such memory, of `bytes`, for a capacity of `capacity`, by the side whose number is 0.
    strangers(std::function<unique_fd()> good, std::size_t bytes) : good_{std::move(good)}, bytes_{bytes} {}

    static constexpr std::size_t capacity = 4096;

    /// A good one whose maker says something else about it.
    template <class Change>
    [[nodiscard]] unique_fd that_says(Change change) const {
        auto fd = good_();
        auto header = header_of(fd.get());
        change(header);
        REQUIRE(::pwrite(fd.get(), &header, sizeof header, 0) == sizeof header);
        return fd;
    }

    /// A memfd with the header of a good one.
    [[nodiscard]] unique_fd memory(std::size_t bytes, int seals,
                                   unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING) const {
        unique_fd fd{::memfd_create("stranger", flags)};
        if (!fd || ::ftruncate(fd.get(), static_cast<::off_t>(bytes)) != 0) {
            return {};
        }
        const auto header = header_of(good_().get());
        if (bytes >= sizeof header && (flags & MFD_HUGETLB) == 0) {
            REQUIRE(::pwrite(fd.get(), &header, sizeof header, 0) == sizeof header);
        }
        if (seals != 0 && ::fcntl(fd.get(), F_ADD_SEALS, seals) != 0) {
            return {};
        }
        return fd;
    }

    [[nodiscard]] unique_fd file_in(const char* directory) const {
        std::string name = std::string{directory} + "/ferrule-XXXXXX";
        unique_fd fd{::mkostemp(name.data(), O_CLOEXEC)};
        if (fd) {
            ::unlink(name.c_str());
            const auto header = header_of(good_().get());
            REQUIRE(::pwrite(fd.get(), &header, sizeof header, 0) == sizeof header);
            REQUIRE(::ftruncate(fd.get(), static_cast<::off_t>(bytes_)) == 0);
        }
        return fd;
    }

    /// All of them, but for what this machine cannot make.
    [[nodiscard]] std::vector<hostile> all() const {
        const std::size_t size = bytes_;
        const std::size_t page = ferrule::detail::page_size();
        const auto no_right = std::error_code{EACCES, std::system_category()};
        const auto not_permitted = std::error_code{EPERM, std::system_category()};
        using header = storage::shared_header;
        std::vector<hostile> all{
            {"none", refusal::not_shared_memory, [] { return unique_fd{}; }},
            {"one that was closed", refusal::not_shared_memory, [] { return unique_fd{1'000'000}; }},
            {"a memfd without seals", refusal::not_sealed, [=, this] { return memory(size, 0); }},
            {"a memfd that takes no seals", refusal::not_sealed, [=, this] { return memory(size, 0, MFD_CLOEXEC); }},
            {"a memfd that may shrink", refusal::not_sealed,
             [=, this] { return memory(size, F_SEAL_GROW | F_SEAL_SEAL); }},
            {"a memfd that may grow", refusal::not_sealed,
             [=, this] { return memory(size, F_SEAL_SHRINK | F_SEAL_SEAL); }},
            {"a memfd that takes more seals", refusal::not_sealed,
             [=, this] { return memory(size, F_SEAL_SHRINK | F_SEAL_GROW); }},
            {"an empty memfd", refusal::not_shared_memory, [this] { return memory(0, final_size); }},
            {"a memfd of one byte", refusal::wrong_size, [this] { return memory(1, final_size); }},
            {"a memfd of a page", refusal::wrong_size, [=, this] { return memory(page, final_size); }},
            {"a memfd of two pages", refusal::wrong_size, [=, this] { return memory(2 * page, final_size); }},
            {"a memfd a byte too short", refusal::wrong_size, [=, this] { return memory(size - 1, final_size); }},
            {"a memfd a byte too long", refusal::wrong_size, [=, this] { return memory(size + 1, final_size); }},
            {"a memfd a page too long", refusal::wrong_size, [=, this] { return memory(size + page, final_size); }},
            {"a memfd of zeros", refusal::not_a_ring,
             [this] { return that_says([](header& said) { said = header{}; }); }},
            {"a memfd of garbage", refusal::not_a_ring,
             [this] { return that_says([](header& said) { std::memset(&said, 0xa5, sizeof said); }); }},
            {"a hole where the header was", refusal::not_a_ring,
             [=, this] {
                 auto fd = good_();
                 REQUIRE(::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                                     static_cast<::off_t>(page)) == 0);
                 return fd;
             }},
            {"another layout", refusal::other_version,
             [this] { return that_says([](header& said) { ++said.layout; }); }},
            {"another machine's pages", refusal::other_version,
             [this] { return that_says([](header& said) { said.page_size *= 4; }); }},
            {"larger elements", refusal::other_element,
             [this] { return that_says([](header& said) { said.element_size = 8; }); }},
            {"elements of nothing", refusal::other_element,
             [this] { return that_says([](header& said) { said.element_size = 0; }); }},
            {"a larger capacity", refusal::wrong_size,
             [this] { return that_says([](header& said) { said.capacity *= 2; }); }},
            {"a maker with the same end", refusal::wrong_end,
             [this] { return that_says([](header& said) { said.maker = 1; }); }},
            {"a maker with no end", refusal::wrong_end,
             [this] { return that_says([](header& said) { said.maker = 2; }); }},
            {"a maker with a wide end", refusal::wrong_end,
             [this] { return that_says([](header& said) { said.maker = std::uint64_t{1} << 32U; }); }},
            {"a ring that may only be read", no_right, [this] { return reopened(good_().get(), O_RDONLY); }},
            {"a ring that may only be written", no_right, [this] { return reopened(good_().get(), O_WRONLY); }},
            {"a ring that may only be named", refusal::not_shared_memory,
             [this] { return reopened(good_().get(), O_PATH); }},
            {"a ring nobody may write to", not_permitted,
             [=, this] { return memory(size, final_size | F_SEAL_WRITE); }},
            {"a ring nobody may write to from now on", not_permitted,
             [=, this] { return memory(size, final_size | F_SEAL_FUTURE_WRITE); }},
            {"memory in huge pages", refusal::not_shared_memory,
             [this] {
                 return memory(std::size_t{2} << 20U, final_size, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
             }},
            {"a file", refusal::not_shared_memory, [this] { return file_in("/var/tmp"); }},
            {"a file of a tmpfs", refusal::not_sealed, [this] { return file_in("/dev/shm"); }},
            {"a directory", refusal::not_shared_memory,
             [] { return unique_fd{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)}; }},
            {"a device", refusal::not_shared_memory, [] { return unique_fd{::open("/dev/zero", O_RDWR | O_CLOEXEC)}; }},
            {"a file of procfs", refusal::not_shared_memory,
             [] { return unique_fd{::open("/proc/self/mem", O_RDWR | O_CLOEXEC)}; }},
            {"an eventfd", refusal::not_shared_memory, [] { return unique_fd{::eventfd(0, EFD_CLOEXEC)}; }},
            {"an epoll", refusal::not_shared_memory, [] { return unique_fd{::epoll_create1(EPOLL_CLOEXEC)}; }},
            {"a pipe", refusal::not_shared_memory,
             [] {
                 std::array<int, 2> ends{};
                 REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
                 return one_of(ends);
             }},
            {"a socket", refusal::not_shared_memory,
             [] {
                 std::array<int, 2> ends{};
                 REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
                 return one_of(ends);
             }},
        };
        for (const std::uint64_t lie : {std::uint64_t{0}, std::uint64_t{1} << 41U, std::uint64_t{1} << 63U,
                                        ~std::uint64_t{0}, std::uint64_t{capacity - 1}, std::uint64_t{capacity + 1}}) {
            all.push_back({"an impossible capacity", refusal::wrong_capacity,
                           [this, lie] { return that_says([lie](header& said) { said.capacity = lie; }); }});
        }
        for (const std::uint64_t lie : {std::uint64_t{1} << 13U, std::uint64_t{1} << 30U, std::uint64_t{1} << 40U}) {
            all.push_back({"a capacity beyond the memory", refusal::wrong_size,
                           [this, lie] { return that_says([lie](header& said) { said.capacity = lie; }); }});
        }
        return all;
    }

private:
    std::function<unique_fd()> good_;
    std::size_t bytes_;
};

}  // namespace ferrule::test
