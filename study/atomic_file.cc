#include "study/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;

namespace cesasim::study {
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

void write_file_atomic(const std::string& path, const std::string& content) {
  const HoldSignals hold;
  TemporaryFile file(path);
  file.write(content, path);
  file.rename_to(path);
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

}  // namespace cesasim::study
