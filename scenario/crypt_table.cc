// SPDX-License-Identifier: Apache-2.0
#include "scenario/crypt_table.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text/hex.h"
#include "base/text/splitmix64.h"
#include "dmcrypt_model/path_info.h"
#include "hw_model/common/units.h"

namespace cesasim {

std::optional<std::uint64_t> parse_seed(const std::string& key) {
  if (!key.starts_with("seed:")) return std::nullopt;
  std::uint64_t seed = 0;
  const char* begin = key.data() + 5;
  const char* end = key.data() + key.size();
  const auto [stop, error] = std::from_chars(begin, end, seed);
  if (error != std::errc() || stop != end || begin == end) return std::nullopt;
  return seed;
}

dmcrypt::CryptTable crypt_table(const DmCryptSettings& s, std::uint64_t disk_sectors) {
  dmcrypt::CryptTable table;
  if (s.path == dmcrypt::kNoCrypt) {
    // Of a table line: where on the disk the mapping lies.
    table.sectors = disk_sectors;
    if (s.table != kNoTable) {
      const dmcrypt::CryptTable given = dmcrypt::CryptTable::parse(s.table);
      table.start = given.start;
      table.sectors = given.sectors;
    }
    return table;
  }
  if (s.table != kNoTable) return dmcrypt::CryptTable::parse(s.table);
  table.cipher = dmcrypt::CipherSpec::parse(s.cipher);
  table.key = dmcrypt::parse_key(to_hex(key_bytes(s)), table.cipher);
  table.iv_offset = s.iv_offset;
  table.sector_size = s.sector_size;
  table.iv_large_sectors = s.iv_large_sectors;
  table.same_cpu_crypt = s.same_cpu_crypt;
  table.submit_from_crypt_cpus = s.submit_from_crypt_cpus;
  table.no_read_workqueue = s.no_read_workqueue;
  table.no_write_workqueue = s.no_write_workqueue;
  const std::uint32_t unit = s.sector_size / hw::kSectorBytes;
  if (s.sector_size % hw::kSectorBytes != 0 || (unit & (unit - 1)) != 0) {
    throw dmcrypt::CipherSpecError(
        "sector_size",
        fmt::format("sector_size {} is no size of an encryption unit", s.sector_size),
        "512, 1024, 2048, 4096");
  }
  if (s.iv_offset % unit != 0) {
    throw dmcrypt::CipherSpecError(
        "iv_offset", fmt::format("iv_offset {} is not a multiple of sector_size", s.iv_offset),
        fmt::format("multiples of {}", unit));
  }
  table.sectors = disk_sectors / unit * unit;
  return table;
}

std::vector<std::uint8_t> key_bytes(const DmCryptSettings& settings) {
  std::vector<std::uint8_t> out(settings.key_bits / 8);
  if (const std::optional<std::uint64_t> seed = parse_seed(settings.key)) {
    std::uint64_t state = *seed;
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) word = splitmix64(state);
      out[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
    }
    return out;
  }
  for (std::size_t i = 0; i < out.size() && 2 * i + 1 < settings.key.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(hex_digit(settings.key[2 * i]) * 16 +
                                       hex_digit(settings.key[2 * i + 1]));
  }
  return out;
}

}  // namespace cesasim
