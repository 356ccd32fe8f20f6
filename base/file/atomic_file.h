// SPDX-License-Identifier: Apache-2.0
// Files that are there completely or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace cesasim {

/// An output that could not be written; what() names the file and the system's reason.
struct OutputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Errors: OutputError if `output` is one of `inputs`, by whatever name: it would be replaced.
void refuse_input(const std::string& output, const std::vector<std::string>& inputs);

/// Errors: OutputError if something stands at `path` that is no regular file: a device or a pipe is
/// not to become a file.
void refuse_special(const std::string& path);

/// Proves that a file can be made at `path`, and leaves what stands there. Errors: OutputError.
void probe_file(const std::string& path);

/// Replaces `path` by `content`: temporary file in the same folder, fsync, rename. On failure
/// the old file stands and nothing is left behind. What stands at `path` must be a regular file, if
/// anything. Errors: OutputError.
void write_file_atomic(const std::string& path, const std::string& content);

/// A large file written piece by piece, with holes where it holds zeros. Until commit() it is
/// part_file(path), which goes again if there is no commit(). Errors: OutputError.
class SparseFile {
 public:
  /// What stands at `path` must be a regular file, if anything.
  explicit SparseFile(std::string path);
  ~SparseFile();
  SparseFile(const SparseFile&) = delete;
  SparseFile& operator=(const SparseFile&) = delete;

  static std::string part_file(const std::string& path) { return path + ".part"; }

  void write(std::uint64_t offset, const std::uint8_t* data, std::size_t bytes);
  /// Gives the file its size (what was not written is zeros) and its name.
  void commit(std::uint64_t size);

 private:
  std::string path_;
  int fd_ = -1;
  bool committed_ = false;
};

/// The part file of a file that something else writes, by name. It goes again if there is no
/// commit().
class PartFile {
 public:
  /// `suffix` comes after part_file(path), for writers that add one by themselves. What stands at
  /// `path` must be a regular file, if anything. Errors: OutputError.
  explicit PartFile(std::string path, const std::string& suffix = "");
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const std::string& part() const { return part_; }
  /// Gives the file its name, once the writer has closed it. Errors: OutputError.
  void commit();

 private:
  std::string path_, part_;
  bool committed_ = false;
};

/// Makes the folder (and its parents) if need be and proves that files can be written in it.
/// Errors: OutputError.
void prepare_folder(const std::string& path);

}  // namespace cesasim
