// SPDX-License-Identifier: Apache-2.0
// Stands in the place of the guest's kernel as far as the calendar of time travel goes:
//
//   fake_guest HOW KERNEL_ARGUMENT...
//
// connects where the argument time-travel=ext:1:PATH says and starts its time. Then, by HOW:
//   leaves    closes the connection and lives on
//   half      sends half a message and waits
//   nonsense  asks for an operation that does not exist
//   late      says that it has computed for 100 s
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "cosim/transport/socket.h"

namespace cesasim::cosim {
namespace {

struct Message {
  std::uint32_t op, sequence;
  std::uint64_t time;
};
enum : std::uint32_t { kStart = 1, kUpdate = 5, kUnknown = 77 };

void tell(const FileDescriptor& calendar, const Message& message) {
  write_all(calendar.get(), bytes_of(message));
  Message answer;
  read_exact(calendar.get(), bytes_of(answer));
}

int play(const std::string& how, const std::string& path) {
  FileDescriptor calendar(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(calendar.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror(path.c_str());
    return 1;
  }
  tell(calendar, {kStart, 1, 1});
  try {
    if (how == "half") {
      const std::uint64_t half = kUpdate;
      write_all(calendar.get(), bytes_of(half));
    } else if (how == "nonsense") {
      tell(calendar, {kUnknown, 2, 0});
    } else if (how == "late") {
      tell(calendar, {kUpdate, 2, 100'000'000'000});
    }
  } catch (const Disconnected&) {
    return 1;
  }
  if (how == "leaves") calendar.reset();
  for (;;) ::pause();
}

}  // namespace
}  // namespace cesasim::cosim

int main(int argc, char** argv) {
  const std::string sign = "time-travel=ext:1:";
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with(sign)) {
      return cesasim::cosim::play(argv[1], argument.substr(sign.size()));
    }
  }
  return 2;
}
