#include <ferrule/pages/huge.hpp>
// The header under test comes first: it must stand alone.
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <ferrule/ferrule.hpp>

#include "../../support/denied.hpp"
#include "../../support/in_child.hpp"
#include "../../support/pattern.hpp"

using namespace ferrule;
using namespace ferrule::test;

static_assert(pages_policy<pages::huge>);
static_assert(storage_policy<storage::heap<int, pages::huge>>);

namespace {

constexpr std::size_t huge_page = std::size_t{1} << 21U;

/// The number behind `name` in a list such as /proc/meminfo; 0 if there is none.
std::size_t number_in(const char* path, const std::string& name) {
    std::ifstream list{path};
    for (std::string line; std::getline(list, line);) {
        if (line.starts_with(name + ":")) {
            return std::stoul(line.substr(name.size() + 1));
        }
    }
    return 0;
}

/// A field of the mapping that begins at `at`, in KiB, from /proc/self/smaps.
std::size_t field_of(const void* at, const std::string& name) {
    char begins[32];
    std::snprintf(begins, sizeof begins, "%lx-", reinterpret_cast<unsigned long>(at));
    std::ifstream maps{"/proc/self/smaps"};
    bool here = false;
    for (std::string line; std::getline(maps, line);) {
        if (line.find('-') < line.find(' ')) {
            here = line.starts_with(begins);
        } else if (here && line.starts_with(name + ":")) {
            return std::stoul(line.substr(name.size() + 1));
        }
    }
    return 0;
}

[[maybe_unused]] std::size_t address_space() {
    std::size_t pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages;
    return pages * 4096;
}

/// Streams through the whole ring, more than once around.
template <class Ring>
bool carries(Ring& ring) {
    auto tx = ring.claim_producer();
    auto rx = ring.claim_consumer();
    static std::array<std::byte, 1U << 18U> chunk;
    for (std::uint64_t moved = 0; moved < 5 * ring.capacity() / 2; moved += chunk.size()) {
        fill_pattern(chunk, moved);
        if (tx.try_write(chunk) != chunk.size() || rx.try_read(chunk) != chunk.size() || !is_pattern(chunk, moved)) {
            return false;
        }
    }
    return true;
}

}  // namespace

TEST_CASE("huge: a ring gets the best there is, says what it got, and works with it") {
    const std::size_t in_the_pool = number_in("/proc/meminfo", "HugePages_Free");
    CAPTURE(in_the_pool);
    huge_ring<> ring{2 * huge_page};
    CHECK((ring.storage().pages() == page_kind::huge) == (in_the_pool >= 2));
    CHECK(carries(ring));
    void* const at = ring.claim_producer().prepare(1, 1).parts().front.data();
    CHECK(reinterpret_cast<std::uintptr_t>(at) % 4096 == 0);
}

TEST_CASE("huge: pages from the pool are huge, every one of them") {
    pages::huge made;
    void* const at = made.map(huge_page + 1);
    REQUIRE(at != nullptr);
    if (made.kind() == page_kind::huge) {
        CHECK(field_of(at, "KernelPageSize") == huge_page / 1024);
        CHECK(field_of(at, "Size") == 2 * huge_page / 1024);
    } else {
        MESSAGE("no huge pages in this system's pool");
    }
    made.unmap(at, huge_page + 1);
}

#if defined(__x86_64__)  // Not under an emulator, which passes no advice on.

TEST_CASE("huge: with an empty pool the kernel is advised, about whole huge pages and nothing beside them") {
    CHECK(in_child([] {
              if (!denied(SYS_mmap, ENOMEM, 3, MAP_HUGETLB)) {
                  return 1;
              }
              // Where the mapping falls depends on what lies above it, and that must be too large for smaller gaps.
              for (const std::size_t above : {std::size_t{4096}, std::size_t{8192}, huge_page / 2}) {
                  (void)pages::plain::map(32 * huge_page + above);
                  const std::size_t before = address_space();
                  pages::huge made;
                  void* const at = made.map(2 * huge_page + 1);
                  if (at == nullptr || made.kind() != page_kind::advised) {
                      return 2;
                  }
                  if (reinterpret_cast<std::uintptr_t>(at) % huge_page != 0 ||
                      address_space() - before != 3 * huge_page) {
                      return 3;
                  }
                  made.unmap(at, 2 * huge_page + 1);
                  if (address_space() != before) {
                      return 4;
                  }
              }
              huge_ring<> ring{2 * huge_page};
              return ring.storage().pages() == page_kind::advised && carries(ring) ? 0 : 5;
          }) == "exit 0");
}

TEST_CASE("huge: advised pages become huge where the system makes them at the first touch") {
    std::string enabled;
    std::getline(std::ifstream{"/sys/kernel/mm/transparent_hugepage/enabled"}, enabled);
    if (enabled.find("[never]") != std::string::npos || enabled.empty()) {
        MESSAGE("transparent huge pages are off");
        return;
    }
    CHECK(in_child([] {
              if (!denied(SYS_mmap, ENOMEM, 3, MAP_HUGETLB)) {
                  return 1;
              }
              // Several rings: one may find no huge page free just then.
              for (int attempt = 0; attempt != 20; ++attempt) {
                  pages::huge made;
                  auto* const at = static_cast<std::byte*>(made.map(2 * huge_page));
                  at[0] = at[huge_page] = std::byte{1};
                  if (field_of(at, "AnonHugePages") != 0) {
                      return 0;
                  }
              }
              return 2;
          }) == "exit 0");
}

TEST_CASE("huge: a kernel that neither has them nor takes advice leaves plain pages") {
    CHECK(in_child([] {
              if (!denied(SYS_mmap, ENOMEM, 3, MAP_HUGETLB) || !denied(SYS_madvise, EINVAL)) {
                  return 1;
              }
              const std::size_t before = address_space();
              {
                  huge_ring<> ring{2 * huge_page};
                  if (ring.storage().pages() != page_kind::plain || address_space() - before != 2 * huge_page) {
                      return 2;
                  }
                  if (!carries(ring)) {
                      return 3;
                  }
              }
              return address_space() == before ? 0 : 4;
          }) == "exit 0");
}

#endif

TEST_CASE("huge: a ring smaller than one huge page does without") {
    huge_ring<> small{64};
    CHECK(small.storage().pages() == page_kind::plain);
    huge_ring<> half{huge_page / 2};
    CHECK(half.storage().pages() == page_kind::plain);
    CHECK(half.capacity() == huge_page / 2);
    CHECK_THROWS_AS(huge_ring<>{std::size_t{1} << 60U}, std::bad_alloc);
}
