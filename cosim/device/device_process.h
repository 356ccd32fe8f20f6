// SPDX-License-Identifier: Apache-2.0
// The device as a process: elaborates the board and serves one guest.
#pragma once

#include <string>

#include "cosim/device/guest_status.h"
#include "cosim/device/injection.h"
#include "cosim/transport/socket.h"
#include "hw_model/cesa/params.h"
#include "hw_model/memory/dram.h"

namespace cesasim::cosim {

struct DeviceOptions {
  hw::CesaParams cesa;
  hw::DramParams dram;
  Injection injection;
  std::string log_file;  ///< "" keeps no log
  std::uint64_t time_limit_ns = ~0ull;
};

/// Serves one guest and returns when it has gone; how that ended stands in `status`. Elaborates
/// SystemC, so it can be called once in a process.
void serve_guest(const DeviceOptions& options, FileDescriptor calendar_listener,
                 FileDescriptor device_listener, DeviceStatus& status);

}  // namespace cesasim::cosim
