// The accelerator's function: run the operation that a descriptor in SRAM describes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "hw_model/cesa/cipher_engine.h"
#include "hw_model/cesa/sa_descriptor.h"

namespace cesasim::hw {

enum class SaStatus : std::uint8_t {
  done,
  guest_error,   ///< the descriptor is wrong
  unimplemented  ///< the silicon could, the model cannot (yet)
};

struct SaResult {
  SaStatus status = SaStatus::done;
  std::uint32_t bytes = 0;      ///< ciphered
  std::uint32_t key_bytes = 0;  ///< AES key
  std::string report;           ///< why not, else empty
};

class SecurityAccelerator {
 public:
  /// Runs the operation at `descriptor_offset` of `sram`. Unless the status is done nothing
  /// in `sram` changed.
  SaResult run(std::span<std::uint8_t> sram, std::uint32_t descriptor_offset);

  const CipherEngine& ciphers() const { return ciphers_; }

 private:
  CipherEngine ciphers_;
};

}  // namespace cesasim::hw
