// Memory of two processes that need not trust each other, as one of them has it: a memfd whose size is sealed.
//
//   page of the maker     header, what the maker says     writable by the maker, readable by the other
//   page of the other             what the other says     readable by the maker, writable by the other
//   one or two parts      slots                           writable by one side, readable by the other
//
// Nothing that matters is read from here twice: what the header says is copied and checked when the memory is attached.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <ferrule/config.hpp>
#include <ferrule/control.hpp>
#include <ferrule/detail/mirror.hpp>
#include <ferrule/detail/sealed_memory.hpp>
#include <ferrule/fd.hpp>
#include <ferrule/result.hpp>

namespace ferrule::inline v0::storage {

/// What the maker says about it. Written once, before anybody else has the descriptor.
struct shared_header {
    std::uint64_t magic;   ///< What it is for.
    std::uint64_t layout;  ///< Version and arithmetic of what follows; differs where two builds do not fit together.
    std::uint64_t capacity;
    std::uint64_t element_size;
    std::uint64_t page_size;
    std::uint64_t maker;  ///< Its role, or side.
};

/// How one side's page begins: with what it says about the ring it writes, and about the ring it reads.
struct shared_page {
    alignas(cache_line) shared_header header;
    announcement<detail::native> as_producer;
    announcement<detail::native> as_consumer;
};

static_assert(std::is_standard_layout_v<shared_page> && sizeof(shared_page) <= 4096);
static_assert(offsetof(shared_page, as_producer) == cache_line);
static_assert(offsetof(shared_page, as_consumer) == 3 * cache_line);

/// Which of the two pages is ours.
enum class shared_side : unsigned char { maker, other };

class shared_region {
public:
    /// What follows the pages: whole pages, and what this process may do there.
    struct part {
        std::size_t bytes;
        detail::access_right right;
    };
    static constexpr std::size_t most_parts = 2;

    [[nodiscard]] static std::size_t whole_pages(std::size_t bytes) noexcept {
        const std::size_t page = detail::page_size();
        return (bytes + page - 1) / page * page;
    }
    [[nodiscard]] static std::size_t footprint(std::size_t bytes_of_parts) noexcept {
        return 2 * detail::page_size() + bytes_of_parts;
    }

    /// Changes with whatever two builds must agree on; `facts` are those of what it is for.
    [[nodiscard]] static constexpr std::uint64_t layout(std::initializer_list<std::uint64_t> facts) noexcept {
        constexpr std::uint64_t version = 1;
        std::uint64_t mixed = version;
        for (const std::uint64_t fact :
             {std::uint64_t{sizeof(shared_page)}, std::uint64_t{cache_line},
              std::uint64_t{offsetof(shared_page, as_producer)}, std::uint64_t{offsetof(shared_page, as_consumer)},
              std::uint64_t{sizeof(announcement<detail::native>)}}) {
            mixed = (mixed ^ fact) * prime;
        }
        for (const std::uint64_t fact : facts) {
            mixed = (mixed ^ fact) * prime;
        }
        return mixed << 8U | version;
    }

    /// New memory, zeros but for the header.
    [[nodiscard]] static result<shared_region> create(const shared_header& about,
                                                      std::span<const part> parts) noexcept {
        const auto made = detail::make_sealed_memory(footprint(bytes_of(parts)));
        if (!made) {
            return failed{made.error().value()};
        }
        shared_region region;
        region.fd_ = unique_fd{*made};
        if (const int why = region.map(shared_side::maker, parts); why != 0) {
            return failed{why};
        }
        region.mine<shared_page>().header = about;
        return region;
    }

    /// What a descriptor that came from somewhere turned out to be.
    struct finding {
        std::size_t bytes = 0;
        std::uint64_t capacity = 0;
        std::uint64_t maker = 0;
    };

    /// Looks what `fd` is, and refuses it unless it is memory like this whose header is `expected`, capacity and maker
    /// aside: those are the caller's to check, and the size that follows from them.
    [[nodiscard]] static result<finding> inspect(int fd, const shared_header& expected) noexcept {
        const auto size = detail::size_of_sealed_memory(fd);
        if (!size) {
            return failed{size.error()};
        }
        if (*size < footprint(0)) {
            return failed{refusal::wrong_size};
        }
        const auto said = read_header(fd);
        if (!said) {
            return failed{said.error()};
        }
        if (said->magic != expected.magic) {
            return failed{refusal::not_a_ring};
        }
        if (said->layout != expected.layout || said->page_size != expected.page_size) {
            return failed{refusal::other_version};
        }
        if (said->element_size != expected.element_size) {
            return failed{refusal::other_element};
        }
        return finding{*size, said->capacity, said->maker};
    }

    /// The other side of what was inspected; takes the descriptor over, and closes it.
    [[nodiscard]] static result<shared_region> attach(unique_fd fd, std::span<const part> parts) noexcept {
        shared_region region;
        region.fd_ = std::move(fd);
        if (const int why = region.map(shared_side::other, parts); why != 0) {
            return failed{why};
        }
        region.fd_.reset();
        return region;
    }

    shared_region() noexcept = default;

    /// What this process writes, and the other reads.
    template <class Page>
    [[nodiscard]] Page& mine() const noexcept {
        return *reinterpret_cast<Page*>(mine_.data());
    }
    /// What the other process writes. Mapped read-only.
    template <class Page>
    [[nodiscard]] Page& theirs() const noexcept {
        return *reinterpret_cast<Page*>(theirs_.data());
    }
    [[nodiscard]] const detail::mapping& slots(std::size_t which) const noexcept { return parts_[which]; }

    /// The maker's descriptor, for the other process to attach; -1 if it was closed.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The other process has it: nobody needs it here any more.
    void close_fd() noexcept { fd_.reset(); }
    /// The same, for somebody who hands it over.
    [[nodiscard]] unique_fd take_fd() noexcept { return std::move(fd_); }

private:
    static constexpr std::uint64_t prime = 0x100000001b3U;

    [[nodiscard]] static std::size_t bytes_of(std::span<const part> parts) noexcept {
        std::size_t bytes = 0;
        for (const part& one : parts) {
            bytes += one.bytes;
        }
        return bytes;
    }

    /// A copy: the maker may go on writing.
    [[nodiscard]] static result<shared_header> read_header(int fd) noexcept {
        const detail::mapping page{fd, 0, detail::page_size(), detail::access_right::read};
        if (!page) {
            return failed{errno};
        }
        std::array<std::uint64_t, sizeof(shared_header) / sizeof(std::uint64_t)> words{};
        for (std::size_t i = 0; i != words.size(); ++i) {
            // Volatile, so that each is read once and what is checked is what is used.
            words[i] = reinterpret_cast<const volatile std::uint64_t*>(page.data())[i];
        }
        shared_header header{};
        std::memcpy(&header, words.data(), sizeof header);
        return header;
    }

    /// 0, or why not.
    [[nodiscard]] int map(shared_side side, std::span<const part> parts) noexcept {
        using detail::access_right;
        const std::size_t page = detail::page_size();
        const std::size_t my_page = side == shared_side::maker ? 0 : page;
        mine_ = detail::mapping{fd_.get(), my_page, page, access_right::write};
        if (!mine_) {
            return errno;
        }
        theirs_ = detail::mapping{fd_.get(), page - my_page, page, access_right::read};
        if (!theirs_) {
            return errno;
        }
        std::size_t at = 2 * page;
        for (std::size_t i = 0; i != parts.size(); ++i) {
            parts_[i] = detail::mapping{fd_.get(), at, parts[i].bytes, parts[i].right};
            if (!parts_[i]) {
                return errno;
            }
            at += parts[i].bytes;
        }
        return 0;
    }

    unique_fd fd_;
    detail::mapping mine_;
    detail::mapping theirs_;
    std::array<detail::mapping, most_parts> parts_;
};

}  // namespace ferrule::inline v0::storage
