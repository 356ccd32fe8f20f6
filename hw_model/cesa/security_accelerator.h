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

struct SaOptions {
  bool sha256 = true;  ///< the unit knows SHA-256
  /// Whether a fragment that ends inside a 64-byte MAC block waits in the engine for the next
  /// fragment (true) or is refused (false). What silicon does is unknown.
  bool buffers_partial_block = true;
};

/// What one operation did: enough to say how long it takes, but no time.
struct SaResult {
  SaStatus status = SaStatus::done;
  std::string report{};  ///< why not, else empty

  SaCipher cipher = SaCipher::none;  ///< none if no cipher ran
  std::uint32_t key_bytes = 0;       ///< of the cipher
  std::uint32_t cipher_bytes = 0;
  std::uint32_t cipher_blocks = 0;
  SaMac mac = SaMac::none;  ///< md5, sha1 or sha256, HMAC or not; none if no MAC ran
  std::uint32_t mac_bytes = 0;
  std::uint32_t mac_blocks = 0;  ///< compressions, those of padding and of HMAC's outer hash too
  bool digest_mismatch = false;  ///< a decoding operation found another digest than it computed

  bool both() const { return cipher != SaCipher::none && mac != SaMac::none; }
};

class SecurityAccelerator {
 public:
  explicit SecurityAccelerator(SaOptions options = {}) : options_(options) {}

  /// Runs the operation at `descriptor_offset` of `sram`. `ivdig` are the IV/digest registers
  /// A..H: a middle or last MAC fragment goes on from them, and every MAC leaves its state or
  /// digest there. Unless the status is done nothing in `sram` or `ivdig` changed.
  SaResult run(std::span<std::uint8_t> sram, std::uint32_t descriptor_offset,
               std::span<std::uint32_t, 8> ivdig);
  /// Forgets the partial MAC block that waits for the next fragment: to be called when software
  /// writes one of the IV/digest registers.
  void discard_partial() {}

  const CipherEngine& ciphers() const { return ciphers_; }

 private:
  SaOptions options_;
  CipherEngine ciphers_;
};

}  // namespace cesasim::hw
