// SPDX-License-Identifier: Apache-2.0
#include "base/file/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;

namespace cesasim {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what, int error) {
  throw OutputError(fmt::format("{}: {}: {}", path, what, std::strerror(error)));
}

/// A temporary file that vanishes unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& beside) : path_(beside + ".XXXXXX") {
    fd_ = ::mkstemp(path_.data());
    if (fd_ < 0) fail(beside, "cannot be created", errno);
  }
  ~TemporaryFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!renamed_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const std::string& content, const std::string& shown) {
    std::size_t done = 0;
    while (done < content.size()) {
      const ssize_t n = ::write(fd_, content.data() + done, content.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(shown, "cannot be written", errno);
      done += static_cast<std::size_t>(n);
    }
    // mkstemp makes private files; results are for whoever the umask allows.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    ::fchmod(fd_, 0666 & ~mask);
    if (::fsync(fd_) != 0) fail(shown, "cannot be written", errno);
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) fail(shown, "cannot be written", errno);
  }
  void rename_to(const std::string& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) fail(target, "cannot be replaced", errno);
    renamed_ = true;
  }

 private:
  std::string path_;
  int fd_ = -1;
  bool renamed_ = false;
};

/// Holds Ctrl-C back while a file is half written.
class HoldSignals {
 public:
  HoldSignals() {
    sigset_t held;
    ::sigemptyset(&held);
    ::sigaddset(&held, SIGINT);
    ::sigaddset(&held, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &held, &before_);
  }
  ~HoldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  HoldSignals(const HoldSignals&) = delete;
  HoldSignals& operator=(const HoldSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

void refuse_input(const std::string& output, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    std::error_code error;
    if (fs::equivalent(output, input, error)) {
      throw OutputError(fmt::format("{}: is also an input, which would be replaced", output));
    }
  }
}

void refuse_special(const std::string& path) {
  struct stat there;
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    throw OutputError(
        fmt::format("{}: {}", path, S_ISDIR(there.st_mode) ? "is a folder" : "is no regular file"));
  }
}

void probe_file(const std::string& path) {
  refuse_special(path);
  const HoldSignals hold;
  TemporaryFile probe(path);
}

void write_file_atomic(const std::string& path, const std::string& content) {
  refuse_special(path);
  const HoldSignals hold;
  TemporaryFile file(path);
  file.write(content, path);
  file.rename_to(path);
}

SparseFile::SparseFile(std::string path) : path_(std::move(path)) {
  refuse_special(path_);
  // An old part may stand there from a run that was killed.
  fd_ =
      ::open(part_file(path_).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd_ < 0) fail(path_, "cannot be created", errno);
}

SparseFile::~SparseFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!committed_) ::unlink(part_file(path_).c_str());
}

void SparseFile::write(std::uint64_t offset, const std::uint8_t* data, std::size_t bytes) {
  constexpr std::size_t kBlock = 4096;  // the usual block of a file system
  const auto block_end = [&](std::size_t at) {
    return std::min<std::size_t>(bytes, at + kBlock - (offset + at) % kBlock);
  };
  const auto zeros = [&](std::size_t at) {
    return std::all_of(data + at, data + block_end(at), [](std::uint8_t b) { return b == 0; });
  };
  for (std::size_t at = 0; at < bytes;) {
    if (zeros(at)) {
      at = block_end(at);
      continue;
    }
    std::size_t end = block_end(at);
    while (end < bytes && !zeros(end)) end = block_end(end);
    while (at < end) {
      const ssize_t n = ::pwrite(fd_, data + at, end - at, static_cast<off_t>(offset + at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path_, "cannot be written", errno);
      at += static_cast<std::size_t>(n);
    }
  }
}

void SparseFile::commit(std::uint64_t size) {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) fail(path_, "cannot be written", errno);
  if (::fsync(fd_) != 0) fail(path_, "cannot be written", errno);
  const int fd = fd_;
  fd_ = -1;
  if (::close(fd) != 0) fail(path_, "cannot be written", errno);
  if (::rename(part_file(path_).c_str(), path_.c_str()) != 0) {
    fail(path_, "cannot be replaced", errno);
  }
  committed_ = true;
}

PartFile::PartFile(std::string path, const std::string& suffix)
    : path_(std::move(path)), part_(SparseFile::part_file(path_) + suffix) {
  refuse_special(path_);
  const int fd = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0) fail(path_, "cannot be created", errno);
  ::close(fd);
}

PartFile::~PartFile() {
  if (!committed_) ::unlink(part_.c_str());
}

void PartFile::commit() {
  if (::rename(part_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be replaced", errno);
  committed_ = true;
}

void prepare_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw OutputError(fmt::format("{}: cannot be created: {}", path, error.message()));
  if (!fs::is_directory(path, error)) {
    throw OutputError(fmt::format("{}: is not a folder", path));
  }
  const HoldSignals hold;
  TemporaryFile probe(path + "/.write-test");
  probe.write("x", path);
}

}  // namespace cesasim
