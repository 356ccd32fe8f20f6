// SPDX-License-Identifier: Apache-2.0
// The cipher engines' function: bytes in, bytes out, through OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

struct evp_cipher_ctx_st;

namespace cesasim::hw {

inline constexpr std::uint32_t kAesBlockBytes = 16;
inline constexpr std::uint32_t kDesBlockBytes = 8;

enum class CipherAlgorithm : std::uint8_t {
  aes,       ///< key of 16, 24 or 32 bytes
  des,       ///< key of 8 bytes
  des3_ede,  ///< key of 24 bytes: encrypt, decrypt, encrypt (FIPS 46-3)
  des3_eee   ///< key of 24 bytes: encrypt three times
};

constexpr std::uint32_t cipher_block_bytes(CipherAlgorithm a) {
  return a == CipherAlgorithm::aes ? kAesBlockBytes : kDesBlockBytes;
}

/// One run of a cipher engine. `src` and `dst` may be the same or overlap: blocks are read and
/// written one after another, as the engine does. `bytes` is a multiple of the block.
struct CipherRun {
  CipherAlgorithm algorithm = CipherAlgorithm::aes;
  const std::uint8_t* key = nullptr;  ///< AES to decrypt: the start key; else the key
  std::uint32_t key_bytes = 0;
  bool cbc = false;
  bool decrypt = false;
  const std::uint8_t* iv = nullptr;  ///< CBC: one block
  std::uint8_t* next_iv = nullptr;   ///< CBC: receives the chaining value, a block; may be `iv`
  const std::uint8_t* src = nullptr;
  std::uint8_t* dst = nullptr;
  std::uint32_t bytes = 0;
};

/// Keeps the last few expanded keys, so that a request with a key seen lately costs no key
/// setup. Throws std::runtime_error if OpenSSL refuses (a broken installation, not bad data).
class CipherEngine {
 public:
  CipherEngine();
  ~CipherEngine();
  CipherEngine(const CipherEngine&) = delete;
  CipherEngine& operator=(const CipherEngine&) = delete;

  void run(const CipherRun& r);
  /// Key expansions so far.
  std::uint64_t key_setups() const { return key_setups_; }

 private:
  struct Slot;
  static constexpr unsigned kSlots = 8;

  Slot& slot_for(const CipherRun& r);
  void set_key(Slot& s, const CipherRun& r);
  template <std::uint32_t kBlock>
  void run_blocks(Slot& s, const CipherRun& r);
  void run_eee(Slot& s, const CipherRun& r);

  std::array<std::unique_ptr<Slot>, kSlots> slots_;
  unsigned last_ = 0;    // slot of the last run: looked at first
  unsigned oldest_ = 0;  // next to be given away
  std::uint64_t key_setups_ = 0;
};

}  // namespace cesasim::hw
