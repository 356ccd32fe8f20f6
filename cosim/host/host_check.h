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

/// Bytes that a built User-mode Linux has for that state, from its generated constants; none if it
/// asks the host (kernels after 6.12) or says nothing.
std::optional<std::size_t> register_buffer_bytes(const std::filesystem::path& build);

/// Why a kernel with a buffer of `kernel_bytes` cannot run on this host; empty: nothing is known
/// against it. The message names both sizes.
std::string start_obstacle(const HostTracing& host, std::optional<std::size_t> kernel_bytes);

}  // namespace cesasim::cosim
