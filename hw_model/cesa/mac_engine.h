// SPDX-License-Identifier: Apache-2.0
// The authentication engine's function: MD5, SHA-1, SHA-256 and their HMACs, in fragments.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "hw_model/cesa/sa_descriptor.h"

namespace cesasim::hw {

inline constexpr std::uint32_t kMacBlockBytes = 64;

/// Words A..H of a hash's chaining value as numbers, the way the IV/digest registers show
/// them. MD5 uses the first 4, SHA-1 5, SHA-256 all 8.
using MacWords = std::span<std::uint32_t, 8>;

/// Words of the chaining value and of the digest of `hash` (md5, sha1 or sha256).
constexpr unsigned mac_words(SaMac hash) {
  return hash == SaMac::md5 ? 4 : hash == SaMac::sha1 ? 5 : 8;
}

/// Sets the chaining value a message starts with.
void mac_start(SaMac hash, MacWords state);
/// Runs the compression function over `blocks` blocks of 64 bytes.
void mac_compress(SaMac hash, MacWords state, const std::uint8_t* data, std::uint32_t blocks);
/// The bytes of the digest, 4 * mac_words(hash) of them: MD5's words are little endian, those
/// of SHA big endian.
void mac_store_digest(SaMac hash, std::span<const std::uint32_t, 8> state, std::uint8_t* digest);

/// One fragment of a message.
struct MacRun {
  SaMac hash = SaMac::md5;  ///< md5, sha1 or sha256
  bool hmac = false;
  SaFragment fragment = SaFragment::whole;
  const std::uint8_t* data = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t total_bytes = 0;  ///< of the message; looked at in a whole or last fragment
  /// HMAC: the chaining values after the padded keys, mac_words() words each. They are stored
  /// big endian, MD5's too: both the Linux driver and Marvell's HAL swap them all on their
  /// little-endian cores. A first or whole fragment reads the inner one, a last or whole
  /// fragment the outer one.
  const std::uint8_t* inner = nullptr;
  const std::uint8_t* outer = nullptr;

  bool starts() const { return fragment == SaFragment::whole || fragment == SaFragment::first; }
  bool ends() const { return fragment == SaFragment::whole || fragment == SaFragment::last; }
};

/// Carries from fragment to fragment what does not fill a block. The chaining value it leaves
/// to the caller's registers.
class MacEngine {
 public:
  /// With `buffers_partial_block` a partial block is kept between fragments, as in silicon
  /// (security_accelerator.h); without, such a fragment is refused.
  explicit MacEngine(bool buffers_partial_block) : buffers_(buffers_partial_block) {}

  /// Why the engine cannot run `r`, or empty.
  std::string refusal(const MacRun& r) const;
  /// Runs a fragment that is not refused. A middle or last one goes on from `state`; after a
  /// whole or last one `state` is the digest. Returns the compressions done.
  std::uint32_t run(const MacRun& r, MacWords state);
  /// Forgets the partial block: software has written a chaining value of its own.
  void discard_partial() { partial_bytes_ = 0; }
  std::uint32_t partial_bytes() const { return partial_bytes_; }

 private:
  std::uint32_t finish(const MacRun& r, MacWords state);

  bool buffers_;
  std::array<std::uint8_t, kMacBlockBytes> partial_{};
  std::uint32_t partial_bytes_ = 0;
};

}  // namespace cesasim::hw
