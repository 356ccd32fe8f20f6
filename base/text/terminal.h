// SPDX-License-Identifier: Apache-2.0
// What a command says to the person who gave it.
#pragma once

#include <cstddef>
#include <string>

namespace cesasim {

/// "cesasim: MESSAGE" on standard error, after what standard output has to say.
void complain(const std::string& message);

/// Columns of the terminal behind file descriptor `fd`. Where that is none: COLUMNS of the
/// environment, else 0, which is no limit, so that files and pipes have a row on one line.
std::size_t terminal_width(int fd);

}  // namespace cesasim
