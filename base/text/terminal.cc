#include "base/text/terminal.h"

#include <cstdio>

namespace cesasim {

void complain(const std::string& message) {
  std::fflush(stdout);  // what was said before comes first also where both go to one file
  std::fprintf(stderr, "cesasim: %s\n", message.c_str());
}

}  // namespace cesasim
