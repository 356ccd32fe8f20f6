// SPDX-License-Identifier: Apache-2.0
// The accelerator's function: run the operation that a descriptor in SRAM describes.
//
// What drivers of the silicon confirm:
// - The states of an HMAC are stored big endian, MD5's too (Linux's driver and Marvell's HAL swap
//   them all on their little-endian cores).
// - A MAC fragment that ends inside a 64-byte block waits for the next one: FreeBSD's driver
//   (sys/dev/cesa) hashes in fragments of 1896 bytes and gets right plain MD5 and SHA-1 digests.
// - Chaining values: a cipher's stands at the IV pointer after every operation (Linux copies it
//   from there after the last one), a MAC's in the IV/digest registers (Linux and the HAL read them
//   to finish a message in software).
//
// What stays undecided:
// - Whether the 88F5181 looks at 14 bits only of the total MAC length. Marvell's HAL lets software
//   finish messages of 16 KiB and more on the 5181L, and no source says why. Here it is 16 bits on
//   every unit.
// - What a combined last fragment does whose MAC length is 0 (the cipher's data goes on behind the
//   MAC's). Here a MAC length of 0 is refused, alone and combined.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "hw_model/cesa/mac_engine.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/crypto/cipher_engine.h"

namespace cesasim::hw {

enum class SaStatus : std::uint8_t {
  done,
  guest_error  ///< the descriptor is wrong
};

struct SaOptions {
  bool sha256 = true;  ///< the unit knows SHA-256
  /// Whether a fragment that ends inside a 64-byte MAC block waits in the engine for the next
  /// fragment (true, as in silicon) or is refused (false: finds drivers that need it).
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
  explicit SecurityAccelerator(SaOptions options = {})
      : options_(options), mac_(options.buffers_partial_block) {}

  /// Runs the operation at `descriptor_offset` of `sram`. CBC: a first or whole fragment that
  /// encrypts takes its IV from the IV pointer and copies it to the IV buffer (the packet's IV
  /// field); one that decrypts takes it from the IV buffer. Later fragments go on from the IV
  /// pointer, where every fragment leaves its chaining value.
  ///
  /// `ivdig` are the IV/digest registers
  /// A..H: a middle or last MAC fragment goes on from them, and every MAC leaves its chaining
  /// value or digest there. Unless the status is done nothing in `sram` or `ivdig` changed.
  ///
  /// A MAC whose direction bit says decode checks: the digest that stands at the digest offset
  /// is kept aside when the last (or only) fragment starts and compared with the computed one
  /// when it ends; the computed one then takes its place either way. A first or whole fragment
  /// also clears the digest's place before it hashes, which is what lets a digest lie inside
  /// the data (IPsec AH).
  SaResult run(std::span<std::uint8_t> sram, std::uint32_t descriptor_offset, MacWords ivdig);
  /// Forgets the partial MAC block that waits for the next fragment: to be called when software
  /// writes one of the IV/digest registers.
  void discard_partial() { mac_.discard_partial(); }

  const CipherEngine& ciphers() const { return ciphers_; }

 private:
  /// Why the operation cannot run, or empty.
  std::string objection(const SaDescriptor& d, std::span<const std::uint8_t> sram) const;
  void run_cipher(const SaDescriptor& d, std::uint8_t* sram, SaResult& result);
  void run_mac(const SaDescriptor& d, std::uint8_t* sram, MacWords ivdig, SaResult& result);

  SaOptions options_;
  CipherEngine ciphers_;
  MacEngine mac_;
};

}  // namespace cesasim::hw
