#include "catalogue.hpp"

namespace ferrule::model {

bool as_expected(const entry& which, const report& found) noexcept {
    const auto failed_with = [&found](std::string_view what) { return found.failure.find(what) != std::string::npos; };
    switch (which.ends) {
        case expectation::holds:
            return found.failure.empty() && !found.stopped;
        case expectation::reachable:
            return found.failure.empty() && found.reached;
        case expectation::unreachable:
            return found.failure.empty() && !found.reached && found.complete;
        case expectation::races:
            return failed_with("data race");
        case expectation::blocks:
            return failed_with("everybody waits");
        case expectation::known_to_fail:
            return !found.failure.empty();
    }
    return false;
}

}  // namespace ferrule::model
