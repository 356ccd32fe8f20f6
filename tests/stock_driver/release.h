// SPDX-License-Identifier: Apache-2.0
// What is known of the stock driver by release of Linux. The driver of a release that is not listed
// is expected to be as that of the last one before it: what differs then fails a test, and is news.
#pragma once

#include <algorithm>
#include <vector>

namespace cesasim::stock {

struct Release {
  int major, minor;
  unsigned algorithms;                 ///< registered on a unit that has SHA-256
  unsigned algorithms_without_sha256;  ///< and on one that has not
  std::vector<int> faults;             ///< README.md's numbers
};

/// The release whose driver is linked in.
inline const Release& release() {
  static const Release releases[] = {
      {6, 1, 12, 10, {1, 2, 3, 4, 5, 6, 7, 8}},
      {6, 12, 12, 10, {1, 2, 3, 4, 5, 6, 7}},
  };
  const Release* found = releases;
  for (const Release& r : releases) {
    if (r.major < STOCK_LINUX_MAJOR ||
        (r.major == STOCK_LINUX_MAJOR && r.minor <= STOCK_LINUX_MINOR)) {
      found = &r;
    }
  }
  return *found;
}

inline bool has_fault(int number) {
  const std::vector<int>& faults = release().faults;
  return std::find(faults.begin(), faults.end(), number) != faults.end();
}

}  // namespace cesasim::stock
