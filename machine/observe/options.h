// SPDX-License-Identifier: Apache-2.0
// What a run is to write down beside its results.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace cesasim {

/// A part of a run, in simulated seconds.
struct TimeWindow {
  double from = 0;
  double to = std::numeric_limits<double>::infinity();
};

/// Files of one run (docs/observe.md), compressed if their name ends in .zst or .gz; an empty name:
/// none.
struct ObserveOptions {
  std::string requests;        ///< a row for every request
  TimeWindow requests_window;  ///< by submission
  std::string timeline;        ///< Chrome trace events
  TimeWindow timeline_window;
  std::string log;  ///< what happens, line by line
  TimeWindow log_window;
  std::uint32_t log_categories = 0;  ///< a bit for each LogCategory
  std::string record;                ///< the bios that came to the target, as a trace
  std::string record_disk;           ///< the commands that came to the disk, as a trace

  bool wanted() const { return !files().empty(); }
  /// The files with the options that name them.
  std::vector<std::pair<const char*, const std::string*>> files() const {
    std::vector<std::pair<const char*, const std::string*>> out;
    for (const auto& [option, file] : {std::pair{"--requests", &requests},
                                       {"--timeline", &timeline},
                                       {"--log-file", &log},
                                       {"--record", &record},
                                       {"--record-disk", &record_disk}}) {
      if (!file->empty()) out.emplace_back(option, file);
    }
    return out;
  }
};

}  // namespace cesasim
