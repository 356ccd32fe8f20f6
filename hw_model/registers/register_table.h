// SPDX-License-Identifier: Apache-2.0
// A device's registers as one table: decode, reset, masks, the names in dumps and VCD files and
// the generated register page all come from it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cesasim::hw {

struct RegisterField {
  std::string_view name;
  std::uint8_t high = 0;  ///< most significant bit
  std::uint8_t low = 0;   ///< least significant bit
  std::string_view doc;
  /// Set of the device's features it needs (bits of the device's own), 0 = none; without them the
  /// field's bits are reserved.
  std::uint8_t features = 0;

  constexpr std::uint32_t mask() const {
    return static_cast<std::uint32_t>(((std::uint64_t{2} << high) - 1) &
                                      ~((std::uint64_t{1} << low) - 1));
  }
};

struct RegisterDesc {
  std::uint32_t offset = 0;
  std::string_view name;
  std::string_view doc;
  std::span<const RegisterField> fields;
  std::uint32_t ro = 0;             ///< writes leave these alone
  std::uint32_t w0c = 0;            ///< writing 0 clears, writing 1 leaves alone
  std::uint32_t self_clearing = 0;  ///< writing 1 acts; hardware says what reads back
  std::uint32_t unimplemented = 0;  ///< stored, but setting one is counted as not modelled
  std::uint32_t reset = 0;
  std::uint8_t features = 0;   ///< set of features it needs to exist, 0 = none
  std::uint32_t alias_of = 0;  ///< offset of the register this one shows, 0 = none
  std::uint32_t reserved = 0;  ///< bits of no field: read 0, writes dropped (with_reserved())

  constexpr std::uint32_t field_bits() const {
    std::uint32_t bits = 0;
    for (const RegisterField& f : fields) bits |= f.mask();
    return bits;
  }
};

/// "No register": the end of the table indexes, which fit in 8 bits.
inline constexpr std::uint8_t kNoRegister = 0xFF;

/// The table with `reserved` of each register filled in.
template <std::size_t N>
constexpr std::array<RegisterDesc, N> with_reserved(std::array<RegisterDesc, N> table) {
  for (RegisterDesc& r : table) r.reserved = ~r.field_bits();
  return table;
}

/// True if the table fits its indexes, is sorted by word offset, no field overlaps another, every
/// mask is of field bits and no bit has two kinds of access. For static_assert.
constexpr bool well_formed(std::span<const RegisterDesc> table) {
  if (table.empty() || table.size() >= kNoRegister) return false;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const RegisterDesc& r = table[i];
    if (r.offset % 4 != 0 || (i > 0 && table[i - 1].offset >= r.offset)) return false;
    std::uint32_t seen = 0;
    for (const RegisterField& f : r.fields) {
      if (f.high < f.low || f.high > 31 || (seen & f.mask())) return false;
      seen |= f.mask();
    }
    if ((r.w0c | r.self_clearing | r.unimplemented | r.reset) & ~seen) return false;
    if ((r.ro & (r.w0c | r.self_clearing)) || (r.w0c & r.self_clearing)) return false;
  }
  return true;
}

/// Index in the sorted `table` of the register at `offset`, or kNoRegister.
constexpr std::uint8_t find_register(std::span<const RegisterDesc> table, std::uint32_t offset) {
  const auto at = std::ranges::lower_bound(table, offset, {}, &RegisterDesc::offset);
  return at != table.end() && at->offset == offset ? static_cast<std::uint8_t>(at - table.begin())
                                                   : kNoRegister;
}

}  // namespace cesasim::hw
