// SPDX-License-Identifier: Apache-2.0
// docs/registers.md from the constexpr register tables.
#pragma once

#include <string>

namespace cesasim::tools {

/// The whole page, Markdown.
std::string register_page();

}  // namespace cesasim::tools
