// SPDX-License-Identifier: Apache-2.0
// The engines behind the accelerator, driven by a core through registers 0xDD00..0xDDFF: a
// block is written word by word, its last word starts the engine.
//
// The public source is NetBSD's mvcesa driver and its register header (Orion), which run the
// authentication and the DES engine this way; the AES engine nobody is known to have run. Confirmed
// by drivers is that chaining values stand in the digest registers (Marvell's HAL and Linux go on
// from them in software) and in the DES engine's IV registers (NetBSD). What
// those leave open is decided as the comments below say. The engines take no time here: a
// block is done when its last word has been written.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hw_model/cesa/mac_engine.h"
#include "hw_model/cesa/registers.h"
#include "hw_model/crypto/cipher_engine.h"

namespace cesasim::hw {

namespace cesa_bit {
namespace auth_command {
inline constexpr std::uint32_t kSha1 = 1u << 0;
inline constexpr std::uint32_t kContinue = 1u << 1;
inline constexpr std::uint32_t kDataByteSwap = 1u << 2;
inline constexpr std::uint32_t kIvByteSwap = 1u << 4;
inline constexpr std::uint32_t kTerminated = 1u << 31;
}  // namespace auth_command
namespace des_command {
inline constexpr std::uint32_t kDecrypt = 1u << 0;
inline constexpr std::uint32_t k3des = 1u << 1;
inline constexpr std::uint32_t kEde = 1u << 2;
inline constexpr std::uint32_t kCbc = 1u << 3;
inline constexpr std::uint32_t kDataByteSwap = 1u << 4;
inline constexpr std::uint32_t kIvByteSwap = 1u << 6;
inline constexpr std::uint32_t kOutByteSwap = 1u << 8;
inline constexpr std::uint32_t kReadAllowed = 1u << 29;
inline constexpr std::uint32_t kAllTerminated = 1u << 30;
inline constexpr std::uint32_t kTerminated = 1u << 31;
}  // namespace des_command
namespace aes_command {
inline constexpr std::uint32_t kKeyMode = 3;  ///< 0, 1, 2: 128, 192, 256 bits
inline constexpr std::uint32_t kMakeKey = 1u << 2;
inline constexpr std::uint32_t kDataByteSwap = 1u << 4;
inline constexpr std::uint32_t kOutByteSwap = 1u << 8;
inline constexpr std::uint32_t kTerminated = 1u << 31;
}  // namespace aes_command
}  // namespace cesa_bit

class DirectEngines {
 public:
  struct Effect {
    std::uint32_t causes = 0;  ///< bits of INT_CAUSE to raise
    std::string report{};      ///< a driver's mistake, else empty
  };

  /// True for the registers below: the IV/digest words A..E and all of the three engines.
  static bool owns(std::uint32_t offset);

  /// Software writes. `ivdig` are the IV/digest registers, shared with the accelerator; the
  /// write of one of them goes there.
  Effect write(std::uint32_t offset, std::uint32_t value, MacWords ivdig);
  /// Software reads. Reading both halves of a DES result makes room for the next.
  std::uint32_t read(std::uint32_t offset, std::span<const std::uint32_t, 8> ivdig);
  /// The same without that.
  std::uint32_t peek(std::uint32_t offset, std::span<const std::uint32_t, 8> ivdig) const;
  void reset() { *this = DirectEngines(); }

  DirectEngines() = default;
  DirectEngines(DirectEngines&&) = default;
  DirectEngines& operator=(DirectEngines&&) = default;

 private:
  struct DesBlock {
    std::uint32_t high = 0;  // bytes 0..3, the first one most significant
    std::uint32_t low = 0;
  };
  struct Aes {
    std::uint32_t key;  // offset of key column 7, the lowest
    std::uint32_t command;
    std::uint32_t cause;
    bool decrypt;
    std::uint32_t data(unsigned c) const { return key + 0x20 + 4 * (3 - c); }
    bool has_data(std::uint32_t offset) const { return offset >= data(3) && offset <= data(0); }
  };
  static const Aes kAes[2];

  std::uint32_t& word(std::uint32_t offset) { return words_[(offset - 0xDD00) / 4]; }
  std::uint32_t word(std::uint32_t offset) const { return words_[(offset - 0xDD00) / 4]; }
  SaMac hash() const;
  CipherEngine& ciphers();

  void auth_command(std::uint32_t value, MacWords ivdig);
  Effect auth_word(unsigned index, std::uint32_t value, MacWords ivdig);
  Effect des_block();
  DesBlock des_output() const;
  std::vector<std::uint8_t> des_key() const;
  Effect aes_column(const Aes& aes, std::uint32_t offset, std::uint32_t value);
  void aes_command(const Aes& aes, std::uint32_t value);

  std::array<std::uint32_t, 64> words_{};  // as software wrote them
  std::unique_ptr<CipherEngine> ciphers_;  // made when first used: hardly anybody does

  std::array<std::uint32_t, 16> auth_block_{};
  std::uint32_t auth_filled_ = 0;  // a bit for each word of the block

  DesBlock des_chain_;             // IV, then chaining value
  std::deque<DesBlock> des_done_;  // results not read yet, at most 2
  DesBlock des_last_;
  unsigned des_written_ = 0;  // halves of the next block: bit 0 low, bit 1 high
  unsigned des_read_ = 0;     // halves of the front result

  std::array<unsigned, 2> aes_written_{};  // a bit for each column
};

}  // namespace cesasim::hw
