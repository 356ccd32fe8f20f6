// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "tools/register_page/register_page.h"

int main() {
  std::fputs(cesasim::tools::register_page().c_str(), stdout);
  return 0;
}
