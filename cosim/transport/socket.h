// SPDX-License-Identifier: Apache-2.0
// Stream sockets of the local machine.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/process/fd.h"

namespace cesasim::cosim {

/// The other end sent what the protocol does not allow.
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The same as read_exact, and takes the file descriptors that came along (at most 8).
void read_exact_with_fds(int fd, std::span<std::uint8_t> data, std::vector<FileDescriptor>& fds);

/// A listening stream socket at `path`. Throws std::system_error.
FileDescriptor listen_at(const std::string& path);
/// The next connection. Throws std::system_error.
FileDescriptor accept_from(const FileDescriptor& listener);

}  // namespace cesasim::cosim
