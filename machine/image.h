// SPDX-License-Identifier: Apache-2.0
// A real file sent through the simulated dm-crypt: encrypted onto the disk, or read back from it.
// No replay of a trace: a replay's content is made up and need only be recognised again, here every
// byte comes from a file and goes to one, through a window of the disk that is emptied behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

#include "scenario/scenario.h"

namespace cesasim {

/// A file that cannot be read or made, or whose size is not what the mapping asks for.
struct ImageInputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A bio that failed, or data that the reference cipher refutes.
struct BrokenImage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// ImageJob::progress asked for it.
struct ImageStopped {};

struct ImageJob {
  bool encrypt = true;
  /// encrypt: the plaintext, as large as the mapping. decrypt: the lower device.
  std::string in;
  /// encrypt: the lower device up to the end of the mapping, zeros before its start. decrypt: the
  /// plaintext.
  std::string out;
  /// Called now and then with the part done, 0..1; false ends the run with ImageStopped.
  std::function<bool(double fraction)> progress;
};

struct ImageResult {
  std::uint64_t bytes = 0;  ///< through the mapping
  double sim_seconds = 0;   ///< from the first bio to the end of the last
};

/// Sends every sector of the mapping of `scenario` (a dmcrypt.table) through the machine: bios of
/// up to workload.max_bio_bytes, at most workload.depth_read or depth_write of them at once. The
/// reference cipher checks every unit. Memory stays bounded whatever the size of the image. `out`
/// appears when all is right, or not at all. One call per process, because SystemC elaborates once.
/// Errors: ImageInputError, BrokenImage, ImageStopped, OutputError.
ImageResult run_image(const Scenario& scenario, const ImageJob& job);

}  // namespace cesasim
