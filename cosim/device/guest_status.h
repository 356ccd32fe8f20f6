// SPDX-License-Identifier: Apache-2.0
// What the device's process reports to the command: plain data in memory that both share, so
// that it can be read also after the process was killed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

namespace cesasim::cosim {

enum class DeviceEnd : std::uint32_t {
  running,     ///< or died without a word
  guest_left,  ///< the guest closed the connection
  time_limit,  ///< simulated time reached its limit
  protocol,    ///< the guest broke the protocol
  error,       ///< anything else; see `message`
};

struct DeviceStatus {
  static constexpr unsigned kEngines = 2;

  /// The part that is a plain value.
  struct Summary {
    std::uint64_t simulated_ns = 0;
    std::uint64_t grants = 0;  ///< times the guest was let run
    std::uint64_t register_accesses = 0;
    std::uint64_t dma_accesses = 0;
    std::uint64_t interrupts = 0;
    std::array<std::uint64_t, kEngines> operations{};
    std::array<std::uint64_t, kEngines> chains{};
    std::array<std::uint64_t, kEngines> busy_ps{};
    std::uint64_t guest_errors = 0;
    std::uint64_t unimplemented = 0;
    std::uint64_t decode_errors = 0;
    char report[512] = {};  ///< the unit's last complaint about the driver
  };

  std::atomic<DeviceEnd> end{DeviceEnd::running};
  /// The injected fault has happened.
  std::atomic<bool> injected{false};
  /// Simulated time so far; live, unlike the summary's.
  std::atomic<std::uint64_t> simulated_ns{0};
  /// Messages and events that the device has begun to work on.
  std::atomic<std::uint64_t> turns{0};
  /// The device works on a message or an event.
  std::atomic<bool> busy{false};
  Summary summary;
  char message[512] = {};  ///< why it ended

  static void set_text(char (&field)[512], const std::string& text) {
    const std::size_t n = text.copy(field, sizeof field - 1);
    field[n] = '\0';
  }
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace cesasim::cosim
