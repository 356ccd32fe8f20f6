// SPDX-License-Identifier: Apache-2.0
// The data paths by name, and what each of them can do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dmcrypt_model/table.h"

namespace cesasim::dmcrypt {

struct PathInfo {
  const char* name;
  const char* doc;
  bool ocf;         ///< goes through OCF and needs one of its drivers
  bool historical;  ///< keeps the faults of its original
  /// Preset of the kernel that it belongs to; nullptr: none of its own.
  const char* kernel;
};

/// The path without dm-crypt: bios go to the disk as they are.
inline constexpr const char* kNoCrypt = "none";

/// All paths, oldest first; the last is kNoCrypt.
const std::vector<PathInfo>& crypt_paths();

struct PathSettings {
  /// Where the cipher's result goes: "in-place" copies a write to its bounce page first,
  /// "out-of-place" has the cipher write there. "native" is the path's own way: two buffers where
  /// the kernel's cipher API is used, one in OCF.
  std::string placement = "native";
  std::uint32_t max_read_size = 0;     ///< modern: bytes a bio is cut to; 0: no limit
  std::uint32_t max_write_size = 0;    ///< likewise for writes
  std::uint32_t max_in_flight = 1024;  ///< ocf-async: sectors inside OCF at once, whole device
  /// ocf-async: requests ask for BATCH. For Marvell's core, which hands only those straight to the
  /// hardware and has them refused rather than queued when that is full; elsewhere it delays them.
  bool batch = false;
  /// modern: whether a driver with CRYPTO_ALG_ALLOCATES_MEMORY may be bound. Linux's dm-crypt
  /// passes such drivers over since 5.10 (cd74693870fb): with no memory free the write that would
  /// free some may be the one that waits for it.
  bool allow_allocating_drivers = true;
};

/// Throws CipherSpecError if the path cannot do that, with the reason that its original gives
/// and what would be valid. `driver_out_of_place`: the crypto driver takes two buffers.
void check_path(const std::string& path, const CryptTable& table, const PathSettings& settings,
                bool driver_out_of_place);

}  // namespace cesasim::dmcrypt
