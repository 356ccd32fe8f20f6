// SPDX-License-Identifier: Apache-2.0
// Parameters of memory and interconnect.
#pragma once

#include <cstdint>

#include "hw_model/common/params.h"

namespace cesasim::hw {

struct DramParams {
  std::uint32_t size_mib = 0;
  double bandwidth_bytes_per_s = 0;
  double read_latency_ns = 0;
  void describe(ParamVisitor& v) {
    v.count("size_mib", size_mib, "MiB", 16, 4096, "fitted memory");
    v.number("bandwidth_bytes_per_s", bandwidth_bytes_per_s, "bytes/s", 1e6, 1e12,
             "what all masters together can move");
    v.number("read_latency_ns", read_latency_ns, "ns", 0, 10000,
             "first data of a read by a DMA master, nobody competing");
  }
};

struct MbusParams {
  double clock_hz = 0;
  double device_access_cycles = 0;
  void describe(ParamVisitor& v) {
    v.number("clock_hz", clock_hz, "Hz", 1e6, 1e10, "bus clock (TCLK)");
    v.number("device_access_cycles", device_access_cycles, "TCLK cycles", 0, 1000,
             "one uncached 32-bit access of a core to a device register, there and back");
  }
};

}  // namespace cesasim::hw
