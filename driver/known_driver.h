// SPDX-License-Identifier: Apache-2.0
// A driver of the table in driver_info.h.
#pragma once

#include <string_view>

#include "driver/crypto_driver.h"
#include "driver/driver_info.h"

namespace cesasim::driver {

/// Answers for itself what the table says of it.
class KnownDriver : public CryptoDriver {
 public:
  const char* name() const final { return info_.name; }
  bool out_of_place() const final { return info_.out_of_place; }
  bool allocates_memory() const final { return info_.allocates_memory; }

 protected:
  /// Throws std::invalid_argument if the table has no such driver.
  explicit KnownDriver(std::string_view name) : info_(driver_info(name)) {}

 private:
  const DriverInfo& info_;
};

}  // namespace cesasim::driver
