// SPDX-License-Identifier: Apache-2.0
// The calendar of User-mode Linux's time travel (um_timetravel): one guest whose time is the
// simulation's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>

#include "cosim/transport/socket.h"

namespace cesasim::cosim {

/// What the calendar grants time from. Times are absolute, in nanoseconds.
class Simulation {
 public:
  virtual ~Simulation() = default;
  /// When the next event is due (rounded up), nothing if none is.
  virtual std::optional<std::uint64_t> next_event_ns() = 0;
  /// Simulates up to and including `ns`; a time in the past does nothing.
  virtual void advance_to(std::uint64_t ns) = 0;
};

/// Simulated time ran past the limit that was set.
class TimeLimitReached : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Calendar {
 public:
  /// `wait` serves every connection of the session once. The guest's clock starts at the time
  /// of day `epoch_ns`. Simulated time past `limit_ns` throws TimeLimitReached.
  Calendar(FileDescriptor connection, Simulation& simulation, std::function<void()> wait,
           std::uint64_t epoch_ns, std::uint64_t limit_ns);

  /// Handles one message from the guest. Throws Disconnected, ProtocolError.
  void handle_message();
  /// True if the guest sleeps until something is due: time may pass.
  bool guest_waits() const { return waits_; }
  /// Simulates the next event, or lets the guest run, whichever is due first; called while
  /// guest_waits(). False if neither is due, ever.
  bool step();
  /// Brings the simulation to the guest's time; called before the guest touches the device.
  void catch_up() { simulation_.advance_to(now_ns_); }

  std::uint64_t now_ns() const { return now_ns_; }
  std::uint64_t grants() const { return grants_; }
  int message_fd() const { return connection_.get(); }

 private:
  void send_and_wait(std::uint32_t op, std::uint64_t time);
  void move_to(std::uint64_t ns);

  FileDescriptor connection_;
  Simulation& simulation_;
  std::function<void()> wait_;
  std::uint64_t epoch_ns_;
  std::uint64_t limit_ns_;
  std::uint64_t now_ns_ = 0;
  std::optional<std::uint64_t> request_ns_;
  bool waits_ = false;
  std::uint32_t sequence_ = 0;
  bool acknowledged_ = true;
  std::uint64_t grants_ = 0;
};

}  // namespace cesasim::cosim
