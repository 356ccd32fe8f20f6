// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/host_check.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>
#include <vector>

#include "base/file/files.h"
#include "base/process/process.h"

namespace cesasim::cosim {
namespace {

/// More than any processor's state: XTILEDATA alone may grow to 64 KiB.
constexpr std::size_t kLargeBuffer = 1 << 18;

constexpr std::size_t kPageBytes = 4096;
constexpr unsigned kMaxStackOrder = 10;  // of User-mode Linux, arch/um/Kconfig

/// A signal handler of User-mode Linux keeps the registers on its stack, and another may come from
/// within it (arch/um/os-Linux/signal.c: sig_handler_common, timer_real_alarm_handler).
constexpr std::size_t kSavedRegisters = 2;
/// Left for everything else that calls. Assumed; the kernel's own default has it: 16 KiB with 2,696
/// bytes of registers.
constexpr std::size_t kCallBytes = 4096;

/// What the child exits with if it is not to be traced: errno fits.
constexpr int kNotStopped = 127;

}  // namespace

HostTracing probe_tracing() {
  HostTracing host;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(errno);
    ::raise(SIGSTOP);
    ::_exit(kNotStopped);
  }
  int status = 0;
  pid_t got = -1;
  if (child > 0) {
    do {
      got = ::waitpid(child, &status, WUNTRACED);
    } while (got < 0 && errno == EINTR);
  }
  if (child < 0 || got != child) {
    host.refusal = std::strerror(errno);
    return host;
  }
  if (!WIFSTOPPED(status)) {
    host.refusal = WIFEXITED(status) && WEXITSTATUS(status) != kNotStopped
                       ? std::strerror(WEXITSTATUS(status))
                       : status_text(status);
    return host;
  }
  std::vector<char> state(kLargeBuffer);
  iovec buffer = {state.data(), state.size()};
  if (::ptrace(PTRACE_GETREGSET, child, NT_X86_XSTATE, &buffer) == 0) {
    host.xstate_bytes = buffer.iov_len;
  } else if (errno != ENODEV && errno != EINVAL && errno != EIO) {  // those: there is no XSAVE
    host.refusal = std::strerror(errno);
  }
  ::kill(child, SIGKILL);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return host;
}

KernelRoom kernel_room(const std::filesystem::path& build) {
  KernelRoom room;
  if (const auto file = build / "include" / "generated" / "user_constants.h";
      std::filesystem::exists(file)) {
    std::istringstream lines(read_file(file));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string define, name;
      std::size_t longs = 0;
      // In units of the host's long: #define HOST_FP_SIZE 337 /* 2696 / sizeof(unsigned long) */
      if (words >> define >> name >> longs && define == "#define" && name == "HOST_FP_SIZE") {
        room.register_bytes = longs * sizeof(unsigned long);
      }
    }
  }
  if (const auto file = build / ".config"; std::filesystem::exists(file)) {
    const std::string option = "CONFIG_KERNEL_STACK_ORDER=";
    std::istringstream lines(read_file(file));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with(option)) continue;
      std::istringstream number(line.substr(option.size()));
      unsigned order = 0;
      if (number >> order && order <= kMaxStackOrder) room.stack_bytes = kPageBytes << order;
    }
  }
  return room;
}

std::string start_obstacle(const HostTracing& host, const KernelRoom& kernel) {
  if (!host.refusal.empty()) {
    return "this host does not let a process be traced (ptrace: " + host.refusal +
           "), which User-mode Linux needs; in a container, allow ptrace (SYS_PTRACE, the seccomp "
           "profile)";
  }
  if (!kernel.register_bytes) return "";
  const std::size_t room = *kernel.register_bytes;
  const std::size_t state = host.xstate_bytes.value_or(0);
  const std::string remedy =
      "; build it with cosim/kernel/patches/xstate-size.patch and CONFIG_KERNEL_STACK_ORDER=4";
  if (state > room) {
    return "the registers of this host's processor take " + std::to_string(state) +
           " bytes (XSAVE state as ptrace demands it) and this kernel is built with room for " +
           std::to_string(room) + remedy;
  }
  const std::size_t needed = kSavedRegisters * room + state + kCallBytes;
  if (kernel.stack_bytes && *kernel.stack_bytes < needed) {
    return "this kernel's stacks of " + std::to_string(*kernel.stack_bytes) +
           " bytes (CONFIG_KERNEL_STACK_ORDER) are too small for its copies of the processor's "
           "registers: " +
           std::to_string(needed) + " bytes, with " + std::to_string(room) + " for each copy and " +
           std::to_string(state) + " that this host lays there at a signal" + remedy;
  }
  return "";
}

}  // namespace cesasim::cosim
