// Files that are there completely or not at all.
#pragma once

#include <stdexcept>
#include <string>

namespace cesasim::study {

/// An output that could not be written; what() names the file and the system's reason.
struct OutputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Replaces `path` by `content`: temporary file in the same folder, fsync, rename. On failure
/// the old file stands and nothing is left behind. Errors: OutputError.
void write_file_atomic(const std::string& path, const std::string& content);

/// Makes the folder (and its parents) if need be and proves that files can be written in it.
/// Errors: OutputError.
void prepare_folder(const std::string& path);

}  // namespace cesasim::study
