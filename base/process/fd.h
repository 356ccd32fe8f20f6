// SPDX-License-Identifier: Apache-2.0
// File descriptors: owned, and whole messages or an exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace cesasim {

/// The other end closed the connection.
class Disconnected : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws std::system_error with errno's reason.
[[noreturn]] void throw_errno(const std::string& what);

/// Owns a file descriptor; -1 is none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

/// Reads exactly `data.size()` bytes. Throws Disconnected at the end of the stream.
void read_exact(int fd, std::span<std::uint8_t> data);
/// Writes all of it to a file, a pipe or a socket. Throws Disconnected if nobody reads.
void write_all(int fd, std::span<const std::uint8_t> data);
/// Any trivially copyable message as bytes.
template <typename T>
std::span<std::uint8_t> bytes_of(T& value) {
  return {reinterpret_cast<std::uint8_t*>(&value), sizeof value};
}
template <typename T>
std::span<const std::uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

}  // namespace cesasim
