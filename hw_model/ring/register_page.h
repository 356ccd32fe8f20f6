// Values of one page of registers with the access semantics of its table.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hw_model/cesa/registers.h"

namespace cesasim::hw {

class RegisterPage {
 public:
  explicit RegisterPage(std::span<const RegisterDesc> table);

  /// The register at `offset`, or null.
  const RegisterDesc* find(std::uint32_t offset) const {
    return offset % 4 == 0 && offset / 4 < index_.size() && index_[offset / 4] != kNoRegister
               ? &table_[index_[offset / 4]]
               : nullptr;
  }

  /// What a write by software did beside storing bits.
  struct Write {
    std::uint32_t pulses = 0;    ///< self-clearing bits written 1
    std::uint32_t reserved = 0;  ///< reserved bits written 1 (dropped)
  };
  /// A write by software: masks apply. The register must exist here and below.
  Write write(std::uint32_t offset, std::uint32_t value);

  // The hardware's side, without masks.
  std::uint32_t get(std::uint32_t offset) const { return values_[index_[offset / 4]]; }
  void set(std::uint32_t offset, std::uint32_t value) { values_[index_[offset / 4]] = value; }
  void set_bits(std::uint32_t offset, std::uint32_t bits) { values_[index_[offset / 4]] |= bits; }
  void clear_bits(std::uint32_t offset, std::uint32_t bits) {
    values_[index_[offset / 4]] &= ~bits;
  }
  void reset();

 private:
  std::span<const RegisterDesc> table_;
  std::vector<std::uint8_t> index_;  // by word
  std::vector<std::uint32_t> values_;
};

}  // namespace cesasim::hw
