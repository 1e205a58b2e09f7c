// The language of the scripts that are run on plain sockets and on streams: one line per step, who does what.
//
//   a send 1000             b recv 300 dontwait       a shutdown wr
//   b recv 10 waiting       a fill                    b close
//
// `operations` below is the whole of it; a verb that streams learn is a line there, and a case in endpoint.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace ferrule::test {

enum class verb : unsigned char { send, recv, fill, drain, shutdown, close, abort, die, available, error, poll };

/// How a call is made, or which of its kind it is.
enum class manner : unsigned char {
    usual,
    dontwait,  ///< MSG_DONTWAIT
    waiting,   ///< It has to wait: a thread makes it, and returns in a later step.
    peek,      ///< MSG_PEEK, and MSG_DONTWAIT
    waitall,   ///< MSG_WAITALL, of what is there
    waitall_waiting,
    trunc,     ///< MSG_TRUNC, and MSG_DONTWAIT
    timed,     ///< With a timeout of a millisecond, where there is nothing.
    more,      ///< In two calls, of which the first says MSG_MORE.
    vectored,  ///< In three pieces, and MSG_DONTWAIT
    rd,
    wr,
    rdwr
};

struct operation {
    std::string_view name;
    test::verb verb;
    test::manner manner = manner::usual;
    bool has_size = false;
};

inline constexpr std::array operations{
    operation{"send", verb::send, manner::usual, true},
    operation{"send dontwait", verb::send, manner::dontwait, true},
    // Only where there is no room: what a buffer holds is not the same on both sides.
    operation{"send waiting", verb::send, manner::waiting, true},
    operation{"recv", verb::recv, manner::usual, true},
    operation{"recv dontwait", verb::recv, manner::dontwait, true},
    operation{"recv waiting", verb::recv, manner::waiting, true},
    // Sends until nothing more is accepted. How much that was is not compared.
    operation{"fill", verb::fill},
    // Receives until nothing more comes.
    operation{"drain", verb::drain},
    operation{"shutdown rd", verb::shutdown, manner::rd},
    operation{"shutdown wr", verb::shutdown, manner::wr},
    operation{"shutdown rdwr", verb::shutdown, manner::rdwr},
    operation{"close", verb::close},
    // With SO_LINGER and no patience: a reset, whatever was read.
    operation{"abort", verb::abort},
    // What the kernel does with a socket whose program was killed. Nobody said anything before.
    operation{"die", verb::die},
    operation{"send more", verb::send, manner::more, true},
    operation{"sendv", verb::send, manner::vectored, true},
    operation{"recv peek", verb::recv, manner::peek, true},
    operation{"recv waitall", verb::recv, manner::waitall, true},
    operation{"recv waitall waiting", verb::recv, manner::waitall_waiting, true},
    operation{"recv trunc", verb::recv, manner::trunc, true},
    operation{"recv timed", verb::recv, manner::timed, true},
    operation{"recvv", verb::recv, manner::vectored, true},
    // FIONREAD
    operation{"available", verb::available},
    // SO_ERROR
    operation{"error", verb::error},
    operation{"poll", verb::poll},
};

struct step {
    std::uint8_t who = 0;        ///< 0 for a, 1 for b.
    std::uint8_t operation = 0;  ///< Of `operations`.
    std::uint32_t size = 0;

    [[nodiscard]] const test::operation& what() const noexcept { return operations[operation]; }
    [[nodiscard]] friend bool operator==(const step&, const step&) noexcept = default;
};

using script = std::vector<step>;

[[nodiscard]] inline std::string to_string(const step& s) {
    std::string text{s.who == 0 ? "a " : "b "};
    const auto name = s.what().name;
    const auto first = name.substr(0, name.find(' '));
    text += first;
    text += s.what().has_size ? " " + std::to_string(s.size) : "";
    text += name.substr(first.size());
    return text;
}

[[nodiscard]] inline std::string to_string(const script& steps) {
    std::string text;
    for (const auto& s : steps) {
        text += (text.empty() ? "" : "; ") + to_string(s);
    }
    return text;
}

/// Nothing if there is a line in it that is no step. Lines end with a newline or with a semicolon.
[[nodiscard]] inline std::optional<script> parse(std::string text) {
    for (char& c : text) {
        c = c == ';' ? '\n' : c;
    }
    script steps;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string word;
        if (!(words >> word)) {
            continue;
        }
        step s;
        s.who = word == "b" ? 1 : 0;
        bool right = word == "a" || word == "b";
        bool has_size = false;
        std::string name;
        while (words >> word) {
            if (word.find_first_not_of("0123456789") == std::string::npos && word.size() < 8) {
                s.size = static_cast<std::uint32_t>(std::stoul(word));
                has_size = true;
            } else {
                name += (name.empty() ? "" : " ") + word;
            }
        }
        while (s.operation != operations.size() && s.what().name != name) {
            ++s.operation;
        }
        right = right && s.operation != operations.size() && s.what().has_size == has_size;
        if (!right) {
            return std::nullopt;
        }
        steps.push_back(s);
    }
    return steps;
}

}  // namespace ferrule::test
