// SPDX-License-Identifier: Apache-2.0
// One run at a time in a folder of results.
#pragma once

#include <stdexcept>
#include <string>

namespace cesasim::study {

/// The folder is another run's; what() names that run, and what to do.
struct FolderInUse : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Holds FOLDER/lock, a file that names the host, the process, its start and its command. The file
/// appears whole or not at all (link), so that it holds on a shared file system too. What a dead
/// process of this host has left is taken over; of another host nothing can be known, so that one
/// stands until somebody removes it.
class FolderLock {
 public:
  /// Errors: FolderInUse; OutputError if the folder cannot be written.
  FolderLock(const std::string& folder, const std::string& command);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  FolderLock& operator=(FolderLock&&) = delete;

  static std::string file_of(const std::string& folder) { return folder + "/lock"; }

 private:
  std::string file_;  ///< "" once it is not held
};

}  // namespace cesasim::study
