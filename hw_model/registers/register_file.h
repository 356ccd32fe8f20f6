// SPDX-License-Identifier: Apache-2.0
// Values of a device's registers with the access semantics of its table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hw_model/registers/register_table.h"

namespace cesasim::hw {

/// What a software write did beside storing bits.
struct RegisterWrite {
  std::uint32_t pulses = 0;         ///< self-clearing bits written 1
  std::uint32_t reserved = 0;       ///< reserved bits written 1 (dropped)
  std::uint32_t unimplemented = 0;  ///< bits written 1 that are stored but not modelled
};

class RegisterFile {
 public:
  /// `table` is well_formed() and outlives the file; `features` is the set of those that this
  /// device has.
  explicit RegisterFile(std::span<const RegisterDesc> table, std::uint8_t features = 0);

  /// Table index of the register at `offset` for the calls below, or kNoRegister if this device
  /// has none there. An alias resolves to the register it shows.
  std::uint8_t find(std::uint32_t offset) const {
    return offset % 4 == 0 && offset / 4 < index_.size() ? index_[offset / 4] : kNoRegister;
  }
  bool has(std::uint32_t offset) const { return find(offset) != kNoRegister; }
  const RegisterDesc& desc(std::uint8_t index) const { return table_[index]; }
  /// Bits that do not exist: of no field, or of a field whose features the device lacks.
  std::uint32_t reserved(std::uint8_t index) const { return reserved_[index]; }
  std::uint32_t read(std::uint8_t index) const { return get(table_[index].offset); }
  /// A write by software: masks apply.
  RegisterWrite write(std::uint8_t index, std::uint32_t value);
  /// A write by a debugger: plain and write-zero-to-clear bits are stored, nothing else happens.
  void poke(std::uint8_t index, std::uint32_t value);

  // The hardware's side, by offset, without masks. The register must be in the table.
  std::uint32_t get(std::uint32_t offset) const { return words_[offset / 4]; }
  void set(std::uint32_t offset, std::uint32_t value) { words_[offset / 4] = value; }
  void set_bits(std::uint32_t offset, std::uint32_t bits) { words_[offset / 4] |= bits; }
  void clear_bits(std::uint32_t offset, std::uint32_t bits) { words_[offset / 4] &= ~bits; }
  /// The value itself, for tracers: it stays where it is.
  const std::uint32_t& word(std::uint32_t offset) const { return words_[offset / 4]; }

  void reset();
  /// One line per register: offset, name, value and the names of the fields that are not 0.
  std::string dump() const;

 private:
  std::span<const RegisterDesc> table_;
  // By word offset, so that the device's own accesses, whose offsets are constants, cost one load
  // or store.
  std::vector<std::uint32_t> words_;
  std::vector<std::uint8_t> index_;      // table index after alias, or kNoRegister
  std::vector<std::uint32_t> reserved_;  // by table index
};

}  // namespace cesasim::hw
