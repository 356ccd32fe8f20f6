// SPDX-License-Identifier: Apache-2.0
// The table line of a crypt mapping, as dmsetup takes and prints it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dmcrypt_model/cipher_spec.h"

namespace cesasim::dmcrypt {

/// "0 <sectors> crypt <cipher> <key> <iv_offset> <device> <start> [<n> <options>...]"
struct CryptTable {
  CipherSpec cipher;
  std::vector<std::uint8_t> key;
  std::uint64_t iv_offset = 0;  ///< added to a sector's number for its IV, 512-byte units
  std::string device;         ///< as in the line; which device it is decides who builds the target
  std::uint64_t start = 0;    ///< first sector of the mapping on the lower device
  std::uint64_t sectors = 0;  ///< size of the mapping, 512-byte units

  // Optional parameters of later kernels; only the path `modern` knows them.
  std::uint32_t sector_size = 512;  ///< bytes of one encryption unit: 512, 1024, 2048 or 4096
  bool iv_large_sectors = false;    ///< IVs count units of sector_size
  bool same_cpu_crypt = false;
  bool submit_from_crypt_cpus = false;
  bool no_read_workqueue = false;
  bool no_write_workqueue = false;

  /// Parses a line (Linux 6.1: Documentation/admin-guide/device-mapper/dm-crypt.rst). Throws
  /// CipherSpecError that names the word at fault and what would be valid.
  static CryptTable parse(std::string_view line);
  /// The line again; "-" for a device that has no name. parse(str()) gives the same table.
  std::string str() const;
  /// The options that are not at their defaults, as in the line.
  std::vector<std::string> options() const;
};

}  // namespace cesasim::dmcrypt
