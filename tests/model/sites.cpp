#include "sites.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <tuple>

namespace ferrule::model {
namespace {

constexpr auto order_of_none = std::memory_order_relaxed;

const char* base_name(const char* path) noexcept {
    const char* const slash = std::strrchr(path, '/');
    return slash == nullptr ? path : slash + 1;
}

}  // namespace

bool of_library(const source_line& at) noexcept { return std::strstr(at.file, "include/ferrule/") != nullptr; }

bool same(const site& a, const site& b) noexcept {
    return a.at.line == b.at.line && a.kind == b.kind && a.order == b.order &&
           (a.at.file == b.at.file || std::strcmp(a.at.file, b.at.file) == 0);
}

std::memory_order sites::order_at(site_kind kind, std::memory_order order, const source_line& at) {
    const site here{kind, order, at};
    std::size_t index = (at.line * std::size_t{31}) % table_.size();
    for (std::size_t tried = 0; table_[index].used && !same(table_[index].what, here); ++tried) {
        if (tried == table_.size()) {
            std::abort();
        }
        index = (index + 1) % table_.size();
    }
    table_[index] = {here, true};
    return weakened_ != nullptr && same(weakened_->where, here) ? weakened_->to : order;
}

std::vector<site> sites::executed() const {
    std::vector<site> all;
    for (const slot& one : table_) {
        if (one.used && of_library(one.what.at)) {
            all.push_back(one.what);
        }
    }
    std::sort(all.begin(), all.end(), [](const site& a, const site& b) {
        const int files = std::strcmp(a.at.file, b.at.file);
        return files != 0 ? files < 0 : std::make_tuple(a.at.line, a.order) < std::make_tuple(b.at.line, b.order);
    });
    return all;
}

void sites::add(const std::vector<site>& more) {
    for (const site& one : more) {
        (void)order_at(one.kind, one.order, one.at);
    }
}

std::vector<weakening> weakenings_of(const site& one) {
    switch (one.order) {
        case std::memory_order_acquire:
        case std::memory_order_consume:
        case std::memory_order_release:
            return {{one, std::memory_order_relaxed}};
        case std::memory_order_acq_rel:
            return {{one, std::memory_order_acquire}, {one, std::memory_order_release}};
        case std::memory_order_seq_cst:
            break;
        case std::memory_order_relaxed:
            return {};
    }
    switch (one.kind) {
        case site_kind::load:
            return {{one, std::memory_order_acquire}};
        case site_kind::store:
            return {{one, std::memory_order_release}};
        case site_kind::exchange:
            return {{one, std::memory_order_acq_rel}};
        case site_kind::fence:
        case site_kind::heavy_fence:
        case site_kind::light_fence:
        case site_kind::barrier:
            return {{one, order_of_none}};
    }
    return {};
}

const char* name_of(std::memory_order order) noexcept {
    switch (order) {
        case std::memory_order_relaxed:
            return "relaxed";
        case std::memory_order_consume:
            return "consume";
        case std::memory_order_acquire:
            return "acquire";
        case std::memory_order_release:
            return "release";
        case std::memory_order_acq_rel:
            return "acq_rel";
        case std::memory_order_seq_cst:
            return "seq_cst";
    }
    return "?";
}

const char* name_of(site_kind kind) noexcept {
    switch (kind) {
        case site_kind::load:
            return "load";
        case site_kind::store:
            return "store";
        case site_kind::exchange:
            return "exchange";
        case site_kind::fence:
            return "fence";
        case site_kind::heavy_fence:
            return "heavy_fence";
        case site_kind::light_fence:
            return "light_fence";
        case site_kind::barrier:
            return "barrier";
    }
    return "?";
}

std::string name_of(const site& one) {
    return std::string{base_name(one.at.file)} + ":" + std::to_string(one.at.line) + " " + name_of(one.kind);
}

}  // namespace ferrule::model
