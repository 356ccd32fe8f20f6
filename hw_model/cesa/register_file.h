// Values of one engine's registers with the access semantics of the table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_model/cesa/registers.h"

namespace cesasim::hw {

/// What a software write did beside storing bits.
struct RegisterWrite {
  std::uint32_t pulses = 0;         ///< self-clearing bits written 1
  std::uint32_t reserved = 0;       ///< reserved bits written 1 (dropped)
  std::uint32_t unimplemented = 0;  ///< bits written 1 that are stored but not modelled
};

class RegisterFile {
 public:
  /// `features` is the union of the CesaFeature values the SoC has.
  explicit RegisterFile(std::uint8_t features);

  /// Index of the register at `offset` for the calls below, or kNoRegister if this SoC has
  /// none there. An alias resolves to the register it shows.
  std::uint8_t find(std::uint32_t offset) const {
    const std::uint8_t i = find_cesa_register(offset);
    return i == kNoRegister ? kNoRegister : present_[i];
  }
  std::uint32_t read(std::uint8_t index) const { return get(cesa_registers()[index].offset); }
  /// Bits that do not exist: of no field, or of a field whose feature the SoC lacks.
  std::uint32_t reserved(std::uint8_t index) const { return reserved_[index]; }
  /// A write by software: masks apply.
  RegisterWrite write(std::uint8_t index, std::uint32_t value);

  // The hardware's side, by offset, without masks. The register must exist.
  std::uint32_t get(std::uint32_t offset) const { return word(offset); }
  void set(std::uint32_t offset, std::uint32_t value) { at(offset) = value; }
  /// The value itself, for tracers: it stays where it is.
  const std::uint32_t& word(std::uint32_t offset) const {
    return words_[internal::folded_word(offset)];
  }
  void set_bits(std::uint32_t offset, std::uint32_t bits) { at(offset) |= bits; }
  void clear_bits(std::uint32_t offset, std::uint32_t bits) { at(offset) &= ~bits; }

  void reset();
  /// One line per register: offset, name, value and the names of the fields that are not 0.
  std::string dump() const;

 private:
  std::uint32_t& at(std::uint32_t offset) { return words_[internal::folded_word(offset)]; }

  // By place in the engine's space, so that the engine's own accesses, whose offsets are
  // constants, cost one load or store.
  std::vector<std::uint32_t> words_;
  std::vector<std::uint32_t> reserved_;  // by table index, as present_
  std::vector<std::uint8_t> present_;    // index after alias, or kNoRegister
};

}  // namespace cesasim::hw
