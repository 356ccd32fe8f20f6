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

#include "cosim/host/files.h"
#include "cosim/host/process.h"

namespace cesasim::cosim {
namespace {

/// More than any processor's state: XTILEDATA alone may grow to 64 KiB.
constexpr std::size_t kLargeBuffer = 1 << 18;

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

std::optional<std::size_t> register_buffer_bytes(const std::filesystem::path& build) {
  const auto file = build / "include" / "generated" / "user_constants.h";
  if (!std::filesystem::exists(file)) return std::nullopt;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string define, name;
    std::size_t longs = 0;
    // In units of the host's long: #define HOST_FP_SIZE 337 /* 2696 / sizeof(unsigned long) */
    if (words >> define >> name >> longs && define == "#define" && name == "HOST_FP_SIZE") {
      return longs * sizeof(unsigned long);
    }
  }
  return std::nullopt;
}

std::string start_obstacle(const HostTracing& host, std::optional<std::size_t> kernel_bytes) {
  if (!host.refusal.empty()) {
    return "this host does not let a process be traced (ptrace: " + host.refusal +
           "), which User-mode Linux needs; in a container, allow ptrace (SYS_PTRACE, the seccomp "
           "profile)";
  }
  if (!host.xstate_bytes || !kernel_bytes || *host.xstate_bytes <= *kernel_bytes) return "";
  return "the registers of this host's processor take " + std::to_string(*host.xstate_bytes) +
         " bytes (XSAVE state as ptrace demands it) and this kernel is built with room for " +
         std::to_string(*kernel_bytes) +
         "; build it with cosim/kernel/patches/xstate-size.patch and "
         "CONFIG_KERNEL_STACK_ORDER=4";
}

}  // namespace cesasim::cosim
