// SPDX-License-Identifier: Apache-2.0
#include "base/process/fd.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace cesasim {
namespace {

// A peer that dies with unread data shows as a reset.
bool is_gone(int error) { return error == ECONNRESET || error == EPIPE; }

}  // namespace

void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void FileDescriptor::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

void read_exact(int fd, std::span<std::uint8_t> data) {
  while (!data.empty()) {
    const ssize_t n = ::read(fd, data.data(), data.size());
    if (n > 0) {
      data = data.subspan(static_cast<std::size_t>(n));
    } else if (n == 0 || is_gone(errno)) {
      throw Disconnected("the peer closed the connection");
    } else if (errno != EINTR) {
      throw_errno("read");
    }
  }
}

void write_all(int fd, std::span<const std::uint8_t> data) {
  while (!data.empty()) {
    // A socket must not end the process when its peer is gone; a file knows no such flag.
    ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) n = ::write(fd, data.data(), data.size());
    if (n >= 0) {
      data = data.subspan(static_cast<std::size_t>(n));
    } else if (is_gone(errno)) {
      throw Disconnected("the peer closed the connection");
    } else if (errno != EINTR) {
      throw_errno("write");
    }
  }
}

}  // namespace cesasim
