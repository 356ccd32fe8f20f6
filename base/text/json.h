// SPDX-License-Identifier: Apache-2.0
// JSON with the members of an object in the order in which they were added.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace cesasim {

using Json = nlohmann::ordered_json;

/// What is wrong with a file's JSON, without the library's own marks.
inline std::string json_problem(const nlohmann::json::exception& error) {
  if (const auto* parse = dynamic_cast<const nlohmann::json::parse_error*>(&error)) {
    return "not JSON (byte " + std::to_string(parse->byte) + ")";
  }
  const std::string text = error.what();
  const std::size_t end = text.rfind("] ");  // "[json.exception.type_error.302] "
  return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace cesasim
