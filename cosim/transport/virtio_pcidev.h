// SPDX-License-Identifier: Apache-2.0
// virtio_pcidev: a PCI function behind two virtqueues, commands from the guest and interrupts
// to it.
#pragma once

#include <cstdint>

#include "cosim/transport/pci_function.h"
#include "cosim/transport/vhost_user.h"

namespace cesasim::cosim {

class VirtioPcidev {
 public:
  static constexpr unsigned kCommandQueue = 0;
  static constexpr unsigned kInterruptQueue = 1;

  VirtioPcidev(VhostUser& guest, PciFunction& function) : guest_(guest), function_(function) {}

  /// Executes all waiting commands. To be called for a kick of the command queue.
  void run_commands();
  /// Sends an interrupt, or leaves it pending while its vector is masked.
  void raise(unsigned vector);

  std::uint64_t commands() const { return commands_; }
  std::uint64_t interrupts_sent() const { return interrupts_sent_; }

 private:
  VhostUser& guest_;
  PciFunction& function_;
  unsigned posted_ = 0;
  std::uint64_t commands_ = 0;
  std::uint64_t interrupts_sent_ = 0;
};

}  // namespace cesasim::cosim
