// SPDX-License-Identifier: Apache-2.0
// On a host whose processor has AMX (amx_host.c is linked in): what is found out about it, and what
// it does with User-mode Linux's calls.
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

#include "cosim/host/host_check.h"

namespace cesasim::cosim {
namespace {

constexpr std::size_t kAmxBytes = 11008;
constexpr std::size_t kUnpatched = 2696;  // Linux 6.1 and 6.12, arch/x86/um/user-offsets.c
constexpr std::size_t kPatched = 16384;   // cosim/kernel/patches/xstate-size.patch
constexpr std::size_t kOrder2 = 16384;    // CONFIG_KERNEL_STACK_ORDER by default
constexpr std::size_t kOrder4 = 65536;    // cosim/kernel/uml.config

TEST(AmxHost, TheProbeSeesTheWholeState) {
  const HostTracing host = probe_tracing();
  EXPECT_EQ(host.refusal, "");
  EXPECT_EQ(host.xstate_bytes, kAmxBytes);
  EXPECT_NE(start_obstacle(host, {kUnpatched, kOrder4}), "");
  EXPECT_EQ(start_obstacle(host, {kPatched, kOrder4}), "");
  EXPECT_NE(start_obstacle(host, {kPatched, kOrder2}), "");
}

// The calls with which User-mode Linux saves and restores a process' registers.
TEST(AmxHost, OnlyABufferOfThatSizeGoesBack) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status));
  for (const std::size_t bytes : {kUnpatched, kAmxBytes, kPatched}) {
    std::vector<char> registers(bytes);
    iovec get = {registers.data(), bytes};
    EXPECT_EQ(::ptrace(PTRACE_GETREGSET, child, NT_X86_XSTATE, &get), 0) << bytes;
    iovec set = {registers.data(), bytes};
    errno = 0;
    const long result = ::ptrace(PTRACE_SETREGSET, child, NT_X86_XSTATE, &set);
    EXPECT_EQ(result, bytes < kAmxBytes ? -1 : 0) << bytes;
    EXPECT_EQ(errno, bytes < kAmxBytes ? EFAULT : 0) << bytes;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
}

}  // namespace
}  // namespace cesasim::cosim
