// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/direct_engines.h"

#include <algorithm>
#include <bit>

#include "hw_model/common/aes_key_schedule.h"
#include "hw_model/common/little_endian.h"

namespace cesasim::hw {
namespace {

using namespace cesa_reg;  // NOLINT(google-build-using-namespace): register names only
namespace auth = cesa_bit::auth_command;
namespace des = cesa_bit::des_command;
namespace aes_bit = cesa_bit::aes_command;

std::uint32_t swapped(std::uint32_t v) {
  return v << 24 | (v & 0xFF00) << 8 | (v >> 8 & 0xFF00) | v >> 24;
}
std::uint32_t swapped_if(bool swap, std::uint32_t v) { return swap ? swapped(v) : v; }

void store_be32(std::uint8_t* p, std::uint32_t v) { store_le32(p, swapped(v)); }
std::uint32_t load_be32(const std::uint8_t* p) { return swapped(load_le32(p)); }

bool between(std::uint32_t offset, std::uint32_t first, std::uint32_t last) {
  return offset >= first && offset <= last;
}

constexpr unsigned kDesPipeline = 2;

}  // namespace

const DirectEngines::Aes DirectEngines::kAes[2] = {
    {aes_encrypt_key(7), kAesEncryptCommand, cesa_bit::irq::kAesEncryptDone, false},
    {aes_decrypt_key(7), kAesDecryptCommand, cesa_bit::irq::kAesDecryptDone, true}};

bool DirectEngines::owns(std::uint32_t offset) {
  if (offset % 4 != 0) return false;
  return between(offset, ivdig(0), ivdig(4)) || offset == kAuthCommand ||
         between(offset, kAuthBitCountLow, kAuthBitCountHigh) || offset == kAuthDataIn ||
         between(offset, kDesIvLow, kDesCommand) || between(offset, kDesKey2Low, kDesKey2High) ||
         between(offset, kDesDataLow, kDesOutHigh) ||
         between(offset, aes_encrypt_key(7), kAesEncryptCommand) ||
         between(offset, aes_decrypt_key(7), kAesDecryptCommand);
}

CipherEngine& DirectEngines::ciphers() {
  if (!ciphers_) ciphers_ = std::make_unique<CipherEngine>();
  return *ciphers_;
}

SaMac DirectEngines::hash() const {
  return word(kAuthCommand) & auth::kSha1 ? SaMac::sha1 : SaMac::md5;
}

DirectEngines::Effect DirectEngines::write(std::uint32_t offset, std::uint32_t value,
                                           MacWords ivdig) {
  if (between(offset, cesa_reg::ivdig(0), cesa_reg::ivdig(4))) {
    // What is read is a digest and keeps its order: only the way in is called "IV".
    const bool swap = word(kAuthCommand) & auth::kIvByteSwap;
    ivdig[(offset - cesa_reg::ivdig(0)) / 4] = swapped_if(swap, value);
    return {};
  }
  for (const Aes& aes : kAes) {
    if (offset == aes.command) {
      aes_command(aes, value);
      return {};
    }
    if (aes.has_data(offset)) return aes_column(aes, offset, value);
  }
  const bool swap_iv = word(kDesCommand) & des::kIvByteSwap;
  switch (offset) {
    case kAuthCommand:
      auth_command(value, ivdig);
      return {};
    case kAuthDataIn:
      return auth_word(static_cast<unsigned>(std::countr_one(auth_filled_)), value, ivdig);
    case kAuthBitCountLow:
      return auth_word(14, value, ivdig);
    case kAuthBitCountHigh:
      return auth_word(15, value, ivdig);
    case kDesCommand:
      word(offset) = value & ~(des::kReadAllowed | des::kAllTerminated | des::kTerminated);
      des_done_.clear();
      des_written_ = des_read_ = 0;
      return {};
    case kDesIvLow:
      word(offset) = value;
      des_chain_.low = swapped_if(swap_iv, value);
      return {};
    case kDesIvHigh:
      word(offset) = value;
      des_chain_.high = swapped_if(swap_iv, value);
      return {};
    case kDesDataLow:
    case kDesDataHigh:
      word(offset) = value;
      des_written_ |= offset == kDesDataLow ? 1 : 2;
      return des_written_ == 3 ? des_block() : Effect{};
    case kDesOutLow:
    case kDesOutHigh:
      return {.report = "DES result registers are read only"};
    default:
      word(offset) = value;  // a key
      return {};
  }
}

// Mode 0 puts the standard initial value into the IV/digest words at once, where software may
// overwrite it (as for HMAC); mode 1 goes on from what is there. This is the one reading that
// serves both what NetBSD does and the names of the two modes.
void DirectEngines::auth_command(std::uint32_t value, MacWords ivdig) {
  word(kAuthCommand) = value & ~auth::kTerminated;
  auth_filled_ = 0;
  if (!(value & auth::kContinue)) mac_start(hash(), ivdig);
}

// The two bit count registers are words 14 and 15 of the last block, in that order and with
// the data's byte swap, as NetBSD on a little-endian core uses them.
DirectEngines::Effect DirectEngines::auth_word(unsigned index, std::uint32_t value,
                                               MacWords ivdig) {
  auth_block_[index] = swapped_if(word(kAuthCommand) & auth::kDataByteSwap, value);
  auth_filled_ |= 1u << index;
  if (auth_filled_ != 0xFFFF) return {};
  auth_filled_ = 0;
  std::array<std::uint8_t, kMacBlockBytes> block;
  const auto store = hash() == SaMac::md5 ? store_le32 : store_be32;
  for (unsigned i = 0; i < 16; ++i) store(&block[4 * i], auth_block_[i]);
  mac_compress(hash(), ivdig, block.data(), 1);
  return {.causes = cesa_bit::irq::kAuthDone};
}

std::vector<std::uint8_t> DirectEngines::des_key() const {
  static constexpr std::uint32_t kWords[] = {kDesKey0High, kDesKey0Low,  kDesKey1High,
                                             kDesKey1Low,  kDesKey2High, kDesKey2Low};
  std::vector<std::uint8_t> key(word(kDesCommand) & des::k3des ? 24 : 8);
  for (std::size_t i = 0; i < key.size() / 4; ++i) store_be32(&key[4 * i], word(kWords[i]));
  return key;
}

// Two blocks fit into the engine: one that waits to be read and one behind it.
DirectEngines::Effect DirectEngines::des_block() {
  des_written_ = 0;
  if (des_done_.size() == kDesPipeline) {
    return {.report = "DES block written while two results wait to be read: it is lost"};
  }
  const std::uint32_t command = word(kDesCommand);
  const auto key = des_key();
  const bool swap = command & des::kDataByteSwap;
  std::array<std::uint8_t, kDesBlockBytes> block, iv;
  store_be32(&block[0], swapped_if(swap, word(kDesDataHigh)));
  store_be32(&block[4], swapped_if(swap, word(kDesDataLow)));
  store_be32(&iv[0], des_chain_.high);
  store_be32(&iv[4], des_chain_.low);
  ciphers().run({.algorithm = !(command & des::k3des) ? CipherAlgorithm::des
                              : command & des::kEde   ? CipherAlgorithm::des3_ede
                                                      : CipherAlgorithm::des3_eee,
                 .key = key.data(),
                 .key_bytes = static_cast<std::uint32_t>(key.size()),
                 .cbc = (command & des::kCbc) != 0,
                 .decrypt = (command & des::kDecrypt) != 0,
                 .iv = iv.data(),
                 .next_iv = iv.data(),
                 .src = block.data(),
                 .dst = block.data(),
                 .bytes = kDesBlockBytes});
  des_chain_ = {load_be32(&iv[0]), load_be32(&iv[4])};
  des_last_ = {load_be32(&block[0]), load_be32(&block[4])};
  des_done_.push_back(des_last_);
  return {.causes = cesa_bit::irq::kDesDone};
}

/// Once all results are read, CBC shows the chaining value.
DirectEngines::DesBlock DirectEngines::des_output() const {
  if (!des_done_.empty()) return des_done_.front();
  return word(kDesCommand) & des::kCbc ? des_chain_ : des_last_;
}

void DirectEngines::aes_command(const Aes& aes, std::uint32_t value) {
  word(aes.command) = value & ~aes_bit::kTerminated;
  aes_written_[aes.decrypt] = 0;
  const std::uint32_t mode = value & aes_bit::kKeyMode;
  if (!aes.decrypt || !(value & aes_bit::kMakeKey) || mode == 3) return;
  // Turns the key in the registers into the start key that decryption wants.
  std::array<std::uint8_t, 32> key, start;
  const std::size_t bytes = 16 + 8 * mode;
  for (unsigned n = 0; n < bytes / 4; ++n) store_be32(&key[4 * n], word(aes_decrypt_key(n)));
  aes_decrypt_start_from_key({key.data(), bytes}, {start.data(), bytes});
  for (unsigned n = 0; n < bytes / 4; ++n) word(aes_decrypt_key(n)) = load_be32(&start[4 * n]);
}

// Nobody has said which write starts the engine: the one that completes the four columns does.
DirectEngines::Effect DirectEngines::aes_column(const Aes& aes, std::uint32_t offset,
                                                std::uint32_t value) {
  const std::uint32_t command = word(aes.command);
  word(offset) = swapped_if(command & aes_bit::kDataByteSwap, value);
  unsigned& written = aes_written_[aes.decrypt];
  written |= 1u << (offset - aes.data(3)) / 4;
  if (written != 0xF) return {};
  written = 0;
  const std::uint32_t mode = command & aes_bit::kKeyMode;
  if (mode == 3) return {.report = "AES engine started with key size code 3"};
  std::array<std::uint8_t, 32> key;
  const std::uint32_t key_bytes = 16 + 8 * mode;
  for (unsigned n = 0; n < key_bytes / 4; ++n) {
    store_be32(&key[4 * n], word(aes.key + 4 * (7 - n)));
  }
  std::array<std::uint8_t, kAesBlockBytes> block;
  for (unsigned c = 0; c < 4; ++c) store_be32(&block[4 * c], word(aes.data(c)));
  ciphers().run({.algorithm = CipherAlgorithm::aes,
                 .key = key.data(),
                 .key_bytes = key_bytes,
                 .decrypt = aes.decrypt,
                 .src = block.data(),
                 .dst = block.data(),
                 .bytes = kAesBlockBytes});
  for (unsigned c = 0; c < 4; ++c) {
    word(aes.data(c)) = swapped_if(command & aes_bit::kOutByteSwap, load_be32(&block[4 * c]));
  }
  return {.causes = aes.cause};
}

std::uint32_t DirectEngines::peek(std::uint32_t offset,
                                  std::span<const std::uint32_t, 8> ivdig) const {
  if (between(offset, cesa_reg::ivdig(0), cesa_reg::ivdig(4))) {
    return ivdig[(offset - cesa_reg::ivdig(0)) / 4];
  }
  const bool swap_out = word(kDesCommand) & des::kOutByteSwap;
  switch (offset) {
    case kAuthCommand:
      return word(offset) | (auth_filled_ == 0 ? auth::kTerminated : 0);
    case kDesCommand:
      return word(offset) | des::kTerminated |
             (des_done_.empty() ? des::kAllTerminated : des::kReadAllowed);
    case kDesOutLow:
      return swapped_if(swap_out, des_output().low);
    case kDesOutHigh:
      return swapped_if(swap_out, des_output().high);
    case kAesEncryptCommand:
    case kAesDecryptCommand:
      return word(offset) |
             (aes_written_[offset == kAesDecryptCommand] == 0 ? aes_bit::kTerminated : 0);
    default:
      return word(offset);
  }
}

std::uint32_t DirectEngines::read(std::uint32_t offset, std::span<const std::uint32_t, 8> ivdig) {
  const std::uint32_t value = peek(offset, ivdig);
  if ((offset == kDesOutLow || offset == kDesOutHigh) && !des_done_.empty()) {
    des_read_ |= offset == kDesOutLow ? 1 : 2;
    if (des_read_ == 3) {
      des_done_.pop_front();
      des_read_ = 0;
    }
  }
  return value;
}

}  // namespace cesasim::hw
