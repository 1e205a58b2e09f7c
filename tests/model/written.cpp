#include "written.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string_view>

namespace ferrule::model {
namespace {

constexpr const char* the_native_platform = "ferrule/detail/native.hpp";

using headers = std::map<std::string, std::vector<std::string>>;  // Name to lines.

headers read_all(const std::filesystem::path& folder) {
    headers all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
        if (entry.is_regular_file()) {
            auto& lines = all[entry.path().lexically_relative(folder).string()];
            std::ifstream file{entry.path()};
            for (std::string line; std::getline(file, line);) {
                lines.push_back(line);
            }
        }
    }
    return all;
}

std::set<std::string> includers_of(const std::string& name, const headers& all) {
    std::set<std::string> found;
    for (const auto& [file, lines] : all) {
        if (std::find(lines.begin(), lines.end(), "#include <" + name + ">") != lines.end()) {
            found.insert(file);
        }
    }
    return found;
}

std::set<std::string> behind_the_seam(const headers& all) {
    std::set<std::string> native{the_native_platform};
    for (bool grew = true; grew;) {
        grew = false;
        for (const auto& [file, lines] : all) {
            const std::set<std::string> users = includers_of(file, all);
            if (!users.empty() && std::includes(native.begin(), native.end(), users.begin(), users.end())) {
                grew = native.insert(file).second || grew;
            }
        }
    }
    return native;
}

bool continues_a_word(char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void find_orders(const std::string& file, unsigned number, std::string_view line, std::vector<written_order>& to) {
    constexpr std::string_view order = "memory_order_";
    constexpr std::array<std::string_view, 3> fences{"Platform::full_fence()", "Platform::light_fence()",
                                                     "Platform::heavy_fence()"};
    line = line.substr(0, line.find("//"));
    for (std::size_t at = line.find(order); at != line.npos; at = line.find(order, at + 1)) {
        const std::string_view rest = line.substr(at + order.size());
        const auto end = std::find_if_not(rest.begin(), rest.end(), continues_a_word);
        to.push_back({file, number, std::string{rest.begin(), end}});
    }
    for (const std::string_view fence : fences) {
        for (std::size_t at = line.find(fence); at != line.npos; at = line.find(fence, at + 1)) {
            const std::size_t name = fence.find("::") + 2;
            to.push_back({file, number, std::string{fence.substr(name, fence.size() - name - 2)}});
        }
    }
}

std::string what_is_written_at(const site& one) {
    switch (one.kind) {
        case site_kind::fence:
            return "full_fence";
        case site_kind::light_fence:
        case site_kind::heavy_fence:
            return name_of(one.kind);
        default:
            return name_of(one.order);
    }
}

}  // namespace

std::vector<written_order> orders_written(const std::string& include_folder) {
    const headers all = read_all(include_folder);
    const std::set<std::string> native = behind_the_seam(all);
    std::vector<written_order> found;
    for (const auto& [file, lines] : all) {
        if (file.rfind("ferrule/net/", 0) == 0) {
            continue;  // Descriptors: no platform but the real one. What it shares between threads is
                       // ThreadSanitizer's.
        }
        for (unsigned i = 0; native.count(file) == 0 && i != lines.size(); ++i) {
            find_orders(file, i + 1, lines[i], found);
        }
    }
    return found;
}

bool was_executed(const written_order& one, const std::vector<site>& executed) {
    return std::any_of(executed.begin(), executed.end(), [&one](const site& here) {
        const std::string_view file = here.at.file;
        const bool same_file = file.size() >= one.file.size() && file.substr(file.size() - one.file.size()) == one.file;
        return same_file && here.at.line == one.line && what_is_written_at(here) == one.what;
    });
}

}  // namespace ferrule::model
