// SPDX-License-Identifier: Apache-2.0
// What the figures of a run are worth: the published measurements that bear on its boards and
// drivers, with the model's errors against them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "scenario/library.h"
#include "study/matrix/study.h"

namespace cesasim::study {

/// One row of the validation table, by what it was measured on.
struct PublishedRow {
  std::string board;        ///< soc preset
  std::string driver;       ///< "cryptosoft": the processor's cipher
  std::string path;         ///< dm-crypt path; empty: a benchmark
  bool in_program = false;  ///< a library's cipher in a program, the kernel is not asked
  bool fitted = false;
  bool throughput = false;  ///< else processor time
  double error = 0;         ///< per cent of the published figure
};

/// The rows of the shipped study `published` with the results of its shipped baseline, so that no
/// row stands anywhere but there. None without them.
std::vector<PublishedRow> published_rows(const Library& library);

/// What is known of a board and a driver on a way to it.
struct Trust {
  std::string board;
  std::string driver;
  std::vector<std::string> paths;  ///< of dm-crypt; empty: benchmarks
  /// direct: this way was measured. engine: the driver (or the cipher) was, the path never. none.
  std::string basis;
  std::size_t fitted = 0, predicted = 0;  ///< rows
  /// Per cent, of throughput and of processor time (0: no such row).
  double largest_error = 0, largest_time_error = 0;
  std::size_t assumed = 0;         ///< most values of a point that presets only assume
  std::size_t default_bounds = 0;  ///< of them without bounds of their own
  std::string text;                ///< all of it in one line
};

/// One entry for each board, driver and kind of way among `points`; nothing for points without
/// encryption.
std::vector<Trust> trust_of(const std::vector<Point>& points,
                            const std::vector<PublishedRow>& rows);

/// For results.json.
Json to_json(const std::vector<Trust>& trust);

}  // namespace cesasim::study
