// SPDX-License-Identifier: Apache-2.0
// Whether this host lets a User-mode Linux run, asked before it is started: its own words are few.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace cesasim::cosim {

/// What this host does with a traced process. User-mode Linux runs its processes as such.
struct HostTracing {
  std::string refusal;  ///< why a child cannot be traced; empty: it can
  /// Bytes of the extended register state (NT_X86_XSTATE) that PTRACE_SETREGSET demands; none on a
  /// host without XSAVE. 2,696 with AVX-512 and PKRU, 11,008 with AMX.
  std::optional<std::size_t> xstate_bytes;
};

/// Traces a child of its own and looks.
HostTracing probe_tracing();

/// What a built User-mode Linux has for that state. None where it is not known.
struct KernelRoom {
  /// Bytes of each buffer, from the generated constants; kernels after 6.12 ask the host.
  std::optional<std::size_t> register_bytes;
  /// Bytes of a kernel stack, from the configuration. Such buffers lie there.
  std::optional<std::size_t> stack_bytes;
};

/// Reads it in the folder in which the kernel was built.
KernelRoom kernel_room(const std::filesystem::path& build);

/// Why such a kernel cannot run on this host; empty: nothing is known against it. The message names
/// both sizes.
std::string start_obstacle(const HostTracing& host, const KernelRoom& kernel);

}  // namespace cesasim::cosim
