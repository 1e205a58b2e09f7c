#include "plain_memory.hpp"

#include <cstdlib>

namespace ferrule::model {

void plain_memory::declare(const void* base, std::size_t cells, std::size_t width) {
    if (regions_used_ == regions_.size()) {
        std::abort();
    }
    region& added = regions_[regions_used_++];
    added.base = reinterpret_cast<std::uintptr_t>(base);
    added.width = width;
    added.cells.assign(cells, cell{});
}

const char* plain_memory::touch(const void* address, std::size_t bytes, access kind, unsigned thread, const view& knows,
                                bool trusted) noexcept {
    const auto first = reinterpret_cast<std::uintptr_t>(address);
    for (std::size_t i = 0; i != regions_used_; ++i) {
        region& here = regions_[i];
        const std::size_t length = here.cells.size() * here.width;
        if (first < here.base || first - here.base >= length) {
            continue;
        }
        if (bytes > length - (first - here.base)) {
            return "an access reaches beyond the slots";
        }
        const std::size_t begin = (first - here.base) / here.width;
        const std::size_t end = (first - here.base + bytes + here.width - 1) / here.width;
        for (std::size_t at = begin; trusted && at != end; ++at) {
            if (const char* const wrong = touch(here.cells[at], kind, thread, knows)) {
                return wrong;
            }
        }
        return nullptr;
    }
    return bytes == 0 ? nullptr : "an access outside of the slots";
}

const char* plain_memory::touch(cell& slot, access kind, unsigned thread, const view& knows) noexcept {
    if (slot.written > knows.clock[slot.writer]) {
        return kind == access::read ? "data race: a read of what is being written"
                                    : "data race: a write over what is being written";
    }
    if (kind == access::read) {
        if (slot.written == 0) {
            return "a read of a slot that was never written";
        }
        slot.read[thread] = knows.clock[thread];
        return nullptr;
    }
    for (unsigned other = 0; other != max_threads; ++other) {
        if (slot.read[other] > knows.clock[other]) {
            return "data race: a write over what is being read";
        }
    }
    slot.writer = thread;
    slot.written = knows.clock[thread];
    return nullptr;
}

}  // namespace ferrule::model
