// SPDX-License-Identifier: Apache-2.0
// What a Mbus transaction carries beside the generic payload.
#pragma once

#include <tlm>

#include "hw_model/common/units.h"

namespace cesasim::hw {

inline constexpr unsigned kMbusMasters = 32;
/// Master numbers: cores 0..7, TDMA engines 8..11, disk controller 12, channels of the crypto
/// ring from 16 on.
inline constexpr unsigned mbus_master_cpu(unsigned core) { return core; }
inline constexpr unsigned mbus_master_tdma(unsigned engine) { return 8 + engine; }
inline constexpr unsigned kMbusMasterDisk = 12;
inline constexpr unsigned mbus_master_ring(unsigned channel) { return 16 + channel; }

/// Ignorable extension: who is asking, and how long the transfer takes the master itself when
/// nobody competes (0 = the memory's rate alone decides). The payload's owner keeps it.
struct MbusExtension : tlm::tlm_extension<MbusExtension> {
  unsigned master = 0;
  Ps own_ps = 0;
  /// A further burst of a transfer whose first one has waited for the memory: its own wait, if
  /// any, is part of own_ps.
  bool continued = false;

  /// A member of its module, not of the payload that carries it: a dying payload leaves it.
  void free() override {}
  tlm::tlm_extension_base* clone() const override { return new MbusExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override {
    *this = static_cast<const MbusExtension&>(other);
  }
};

}  // namespace cesasim::hw
