// SPDX-License-Identifier: Apache-2.0
// The drivers by name, and what each of them is: known without the driver, which asks here itself.
#pragma once

#include <stdexcept>
#include <string_view>

namespace cesasim::driver {

struct DriverInfo {
  const char* name;
  const char* doc;
  bool hardware;
  bool tdma;          ///< needs the crypto unit's DMA engine
  bool out_of_place;  ///< takes requests with two buffers
  /// May ask for memory to serve a request; in Linux's cipher API CRYPTO_ALG_ALLOCATES_MEMORY.
  bool allocates_memory;
  bool ecb;  ///< registers ECB beside CBC, and so has XTS: its own, or Linux's template over it
  /// Its original registers ciphers with OCF alone, so that no dm-crypt of a stock kernel, which
  /// asks Linux's cipher API, has ever found it.
  bool ocf_only = false;
};

inline constexpr DriverInfo kDrivers[] = {
    {.name = "cryptosoft",
     .doc = "OCF's software driver (path modern: the kernel's own ciphers)",
     .hardware = false,
     .tdma = false,
     .out_of_place = true,
     .allocates_memory = false,
     .ecb = false},
    // Descriptors and operations come from DMA pools that grow with the requests. Linux's driver
    // has carried the flag since there is one (5.9).
    {.name = "cesa_tdma",
     .doc = "the crypto unit fed by its own DMA descriptor chains",
     .hardware = true,
     .tdma = true,
     .out_of_place = true,
     .allocates_memory = true,
     .ecb = true},
    // A request needs nothing but its place in the queue. Its original was gone before the flag
    // came; what drives a unit without DMA since then is marvell-cesa, which carries it on every
    // unit.
    {.name = "cesa_pio",
     .doc = "the crypto unit fed by the processor, an interrupt for every SRAM-full",
     .hardware = true,
     .tdma = false,
     .out_of_place = true,
     .allocates_memory = false,
     .ecb = true},
    // A slab object for each request (Kirkwood), a pool for fragments that grows (both).
    {.name = "cesa_hal",
     .doc = "Marvell's own OCF driver over its HAL, in two generations",
     .hardware = true,
     .tdma = true,
     .out_of_place = false,
     .allocates_memory = true,
     .ecb = false,
     .ocf_only = true},
    // The rings are made by the probe. Only the key of a session beyond the unit's slots takes
    // memory, once, with the session's first request.
    {.name = "cesa_ring",
     .doc = "the crypto ring, this project's extension",
     .hardware = true,
     .tdma = false,
     .out_of_place = true,
     .allocates_memory = false,
     .ecb = true},
};

/// Whether the cipher API finds `mode` ("cbc", "ecb", "xts") with the driver.
constexpr bool has_mode(const DriverInfo& info, std::string_view mode) {
  return mode == "cbc" || info.ecb;
}

/// nullptr if there is no such driver, as for one of the user's own.
constexpr const DriverInfo* find_driver(std::string_view name) {
  for (const DriverInfo& info : kDrivers) {
    if (name == info.name) return &info;
  }
  return nullptr;
}

/// Throws std::invalid_argument if there is no such driver; at compile time an error.
constexpr const DriverInfo& driver_info(std::string_view name) {
  // Not by find_driver(): under UBSan GCC 12 takes no comparison with nullptr for a constant.
  for (const DriverInfo& info : kDrivers) {
    if (name == info.name) return info;
  }
  throw std::invalid_argument("no driver of that name");
}

}  // namespace cesasim::driver
