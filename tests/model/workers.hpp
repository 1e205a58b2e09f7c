// Work in processes of its own, as many at a time as there are processors. A library that was made to misbehave may
// well take its process with it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace ferrule::model {

/// What a process handed back; nothing if it died.
using answer = std::optional<std::string>;

/// Has `work(0)` to `work(count - 1)` done in processes of their own, and hands their answers to `done`, in this order,
/// until it wants no more.
void in_parallel(std::size_t count, const std::function<std::string(std::size_t)>& work,
                 const std::function<bool(std::size_t, const answer&)>& done);

}  // namespace ferrule::model
