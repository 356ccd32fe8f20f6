// JSON with the members of an object in the order in which they were added.
#pragma once

#include <nlohmann/json.hpp>

namespace cesasim {

using Json = nlohmann::ordered_json;

}  // namespace cesasim
