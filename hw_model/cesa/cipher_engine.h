// The cipher engines' function: bytes in, bytes out, through OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

struct evp_cipher_ctx_st;

namespace cesasim::hw {

inline constexpr std::uint32_t kAesBlockBytes = 16;

/// One run of the AES engine. `src` and `dst` may be the same or overlap: blocks are read and
/// written one after another, as the engine does. `bytes` is a multiple of the block.
struct AesRun {
  const std::uint8_t* key = nullptr;  ///< to encrypt: the key; to decrypt: the start key
  std::uint32_t key_bytes = 0;        ///< 16, 24 or 32
  bool cbc = false;
  bool decrypt = false;
  const std::uint8_t* iv = nullptr;  ///< CBC: 16 bytes
  std::uint8_t* next_iv = nullptr;   ///< CBC: receives the chaining value, 16 bytes; may be `iv`
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

  void run(const AesRun& r);
  /// Key expansions so far.
  std::uint64_t key_setups() const { return key_setups_; }

 private:
  struct Slot;
  static constexpr unsigned kSlots = 8;

  Slot& slot_for(const AesRun& r);

  std::array<std::unique_ptr<Slot>, kSlots> slots_;
  unsigned last_ = 0;    // slot of the last run: looked at first
  unsigned oldest_ = 0;  // next to be given away
  std::uint64_t key_setups_ = 0;
};

}  // namespace cesasim::hw
