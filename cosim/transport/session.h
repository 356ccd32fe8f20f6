// SPDX-License-Identifier: Apache-2.0
// One guest from its first message to its end: serves the calendar and the device.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "cosim/transport/calendar.h"
#include "cosim/transport/guest_memory.h"
#include "cosim/transport/vhost_user.h"
#include "cosim/transport/virtio_pcidev.h"

namespace cesasim::cosim {

/// A simulated device: events in time, BARs, interrupts.
class SimulatedDevice : public Simulation, public BarTarget {
 public:
  /// The interrupt that is due, taken away; nothing if none is.
  virtual std::optional<unsigned> take_interrupt() = 0;
};

struct SessionOptions {
  PciIdentity identity;
  /// The guest's time of day at the start.
  std::uint64_t epoch_ns = 1'700'000'000ull * 1'000'000'000;
  std::uint64_t time_limit_ns = ~0ull;
};

class Session {
 public:
  /// The guest connects to the calendar first and to the device while it boots.
  Session(FileDescriptor calendar_listener, FileDescriptor device_listener, GuestMemory& memory,
          SimulatedDevice& device, const SessionOptions& options);

  /// Called with true when work on a message or an event begins, with false when the session waits
  /// for the guest again.
  std::function<void(bool)> on_busy;

  /// Returns when the guest has gone. Throws ProtocolError and TimeLimitReached.
  void run();

  std::uint64_t now_ns() const { return calendar_ ? calendar_->now_ns() : 0; }
  std::uint64_t grants() const { return calendar_ ? calendar_->grants() : 0; }
  std::uint64_t commands() const { return pcidev_ ? pcidev_->commands() : 0; }
  std::uint64_t interrupts_sent() const { return pcidev_ ? pcidev_->interrupts_sent() : 0; }
  std::uint64_t unclaimed() const { return function_.unclaimed(); }

 private:
  void serve(bool block);
  void on_kick(unsigned queue);
  void deliver_interrupts();
  void set_busy(bool busy) const;

  FileDescriptor calendar_listener_;
  FileDescriptor device_listener_;
  GuestMemory& memory_;
  SimulatedDevice& device_;
  SessionOptions options_;
  PciFunction function_;
  std::optional<Calendar> calendar_;
  std::optional<VhostUser> guest_;
  std::optional<VirtioPcidev> pcidev_;
};

}  // namespace cesasim::cosim
