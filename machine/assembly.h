// SPDX-License-Identifier: Apache-2.0
// Floors 1 to 4 of a scenario put together: board, kernel, crypto framework, driver and target.
#pragma once

#include <functional>
#include <memory>

#include "dmcrypt_model/crypt_target.h"
#include "driver/crypto_api/skcipher.h"
#include "driver/ocf/crypto.h"
#include "hw_model/common/fault.h"
#include "hw_model/soc/soc.h"
#include "kernel_model/blk_mq.h"
#include "kernel_model/block.h"
#include "kernel_model/kernel.h"
#include "machine/crypto_drivers.h"
#include "scenario/scenario.h"

namespace cesasim {

struct Assembly {
  /// Puts something between the disk's queue and the target (which it must outlive).
  using LowerHook = std::function<kernel::BlockDevice&(kernel::DiskQueue& queue)>;

  /// Makes a driver of the user's own, with its device, in the scenario's driver's place.
  using DriverHook = std::function<std::unique_ptr<driver::CryptoDriver>(driver::CryptoCore& core,
                                                                         const DriverSite& site)>;

  /// `scenario` must outlive it. `checkers`: one for the TLM base protocol on every socket.
  /// The mapping covers the disk; with a hook, the device that it returns.
  Assembly(const Scenario& scenario, bool checkers, const LowerHook& lower = {},
           const DriverHook& own_driver = {});

  const Scenario& scenario;
  hw::FaultPlan faults;
  hw::Soc soc;
  kernel::Kernel kernel;
  std::unique_ptr<kernel::DiskQueue> queue;
  std::unique_ptr<driver::Crypto> ocf;           ///< paths of OCF, else null
  std::unique_ptr<driver::SkcipherApi> api;      ///< path modern and benchmarks, else null
  std::unique_ptr<driver::CryptoDriver> driver;  ///< null where the processor ciphers by itself
  std::unique_ptr<dmcrypt::CryptTarget> target;  ///< null in a benchmark
};

/// The board of a scenario, without faults.
hw::SocConfig soc_config(const Scenario& scenario, bool checkers);

}  // namespace cesasim
