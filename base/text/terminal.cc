// SPDX-License-Identifier: Apache-2.0
#include "base/text/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace cesasim {

void complain(const std::string& message) {
  std::fflush(stdout);  // what was said before comes first also where both go to one file
  std::fprintf(stderr, "cesasim: %s\n", message.c_str());
}

std::size_t terminal_width(int fd) {
  constexpr std::size_t kUsual = 80;
  constexpr std::size_t kLeast = 40;  // below it nothing can be laid out
  if (::isatty(fd) != 0) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
      return size.ws_col < kLeast ? kLeast : size.ws_col;
    }
    return kUsual;
  }
  const char* const given = std::getenv("COLUMNS");
  if (given == nullptr) return 0;
  const std::string_view text = given;
  std::size_t columns = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
  if (error != std::errc() || end != text.data() + text.size() || columns == 0) return 0;
  return columns < kLeast ? kLeast : columns;
}

}  // namespace cesasim
