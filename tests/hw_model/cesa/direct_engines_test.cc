// SPDX-License-Identifier: Apache-2.0
// The register-driven engines, run the way a programmed-I/O driver runs them.
#include "hw_model/cesa/direct_engines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hw_model/cesa/accelerator_bench.h"

namespace cesasim::hw {
namespace {

using namespace cesa_reg;  // NOLINT(google-build-using-namespace): register names only
namespace auth = cesa_bit::auth_command;
namespace des = cesa_bit::des_command;
namespace aes = cesa_bit::aes_command;
using test::Bytes;
using test::from_hex;

std::uint32_t be32(const Bytes& b, std::size_t at) {
  return std::uint32_t{b[at]} << 24 | std::uint32_t{b[at + 1]} << 16 |
         std::uint32_t{b[at + 2]} << 8 | b[at + 3];
}
void append_be32(Bytes& b, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) b.push_back(static_cast<std::uint8_t>(v >> shift));
}

class Direct : public testing::Test {
 protected:
  void write(std::uint32_t offset, std::uint32_t value) {
    ASSERT_TRUE(DirectEngines::owns(offset)) << std::hex << offset;
    const auto effect = engines.write(offset, value, ivdig);
    causes |= effect.causes;
    report = effect.report;
  }
  std::uint32_t read(std::uint32_t offset) {
    EXPECT_TRUE(DirectEngines::owns(offset)) << std::hex << offset;
    const std::uint32_t peeked = engines.peek(offset, ivdig);
    const std::uint32_t value = engines.read(offset, ivdig);
    EXPECT_EQ(value, peeked);
    return value;
  }
  std::uint32_t take_causes() { return std::exchange(causes, 0); }

  /// Hashes with the padding done by software: words as a little-endian core loads them, so
  /// that SHA-1 needs the data swapped. `state` empty is the standard start.
  Bytes hash(SaMac kind, const Bytes& message, std::size_t before = 0,
             const std::vector<std::uint32_t>& state = {}) {
    const bool sha1 = kind == SaMac::sha1;
    const std::uint32_t command = sha1 ? auth::kSha1 | auth::kDataByteSwap : 0;
    write(kAuthCommand, command);
    for (std::size_t i = 0; i < state.size(); ++i) {
      write(cesa_reg::ivdig(static_cast<unsigned>(i)), state[i]);
    }
    Bytes padded = message;
    padded.push_back(0x80);
    while (padded.size() % 64 != 56) padded.push_back(0);
    unsigned blocks = 0;
    for (std::size_t at = 0; at < padded.size(); at += 4) {
      write(kAuthDataIn, load_le32(&padded[at]));
      if (at % 64 == 60) {
        EXPECT_EQ(take_causes(), cesa_bit::irq::kAuthDone);
        EXPECT_TRUE(read(kAuthCommand) & auth::kTerminated);
        write(kAuthCommand, command | auth::kContinue);
        ++blocks;
      } else {
        EXPECT_EQ(take_causes(), 0u);
        EXPECT_FALSE(read(kAuthCommand) & auth::kTerminated);
      }
    }
    std::uint8_t count[8];
    const std::uint64_t bits = 8 * (message.size() + before);
    for (int i = 0; i < 8; ++i) {
      count[i] = static_cast<std::uint8_t>(bits >> (sha1 ? 56 - 8 * i : 8 * i));
    }
    write(kAuthBitCountLow, load_le32(count));
    EXPECT_EQ(take_causes(), 0u);
    write(kAuthBitCountHigh, load_le32(count + 4));
    EXPECT_EQ(take_causes(), cesa_bit::irq::kAuthDone);
    EXPECT_TRUE(read(kAuthCommand) & auth::kTerminated);
    Bytes digest;
    for (unsigned i = 0; i < mac_words(kind); ++i) {
      const std::uint32_t w = read(cesa_reg::ivdig(i));
      append_be32(digest, sha1 ? w : __builtin_bswap32(w));
    }
    return digest;
  }

  void des_keys(const Bytes& key) {
    const std::uint32_t highs[] = {kDesKey0High, kDesKey1High, kDesKey2High};
    for (std::size_t k = 0; k < key.size() / 8; ++k) {
      write(highs[k], be32(key, 8 * k));
      write(highs[k] - 4, be32(key, 8 * k + 4));
    }
  }
  void des_in(const Bytes& in, std::size_t at) {
    write(kDesDataLow, be32(in, at + 4));
    write(kDesDataHigh, be32(in, at));
  }
  Bytes des_out() {
    Bytes out;
    append_be32(out, read(kDesOutHigh));
    append_be32(out, read(kDesOutLow));
    return out;
  }

  void expect_idle() {
    EXPECT_EQ(read(kAuthCommand), auth::kTerminated);
    EXPECT_EQ(read(kDesCommand), des::kTerminated | des::kAllTerminated);
    EXPECT_EQ(read(kAesEncryptCommand), aes::kTerminated);
    EXPECT_EQ(read(kAesDecryptCommand), aes::kTerminated);
  }

  DirectEngines engines;
  std::array<std::uint32_t, 8> ivdig{};
  std::uint32_t causes = 0;
  std::string report;
};

TEST_F(Direct, IdleEnginesSaySo) { expect_idle(); }

TEST_F(Direct, OwnsItsRegistersOnly) {
  unsigned owned = 0;
  for (std::uint32_t offset = 0; offset < 0x10000; ++offset) {
    if (!DirectEngines::owns(offset)) continue;
    ++owned;
    EXPECT_EQ(offset & ~0xFFu, 0xDD00u);
  }
  // 5 digest words, command, 2 counts, data; DES: IV 2, keys 6, command, data 4; AES twice 13.
  EXPECT_EQ(owned, 5u + 4 + 2 + 6 + 1 + 4 + 2 * 13);
  for (const std::uint32_t other : {cesa_reg::ivdig(5), cesa_reg::ivdig(7), kFpgaIntStatus, kCmd}) {
    EXPECT_FALSE(DirectEngines::owns(other)) << std::hex << other;
  }
}

// RFC 1321 and FIPS 180-2, and any length against OpenSSL.
TEST_F(Direct, Hashes) {
  const Bytes abc = {'a', 'b', 'c'};
  EXPECT_EQ(hash(SaMac::md5, abc), from_hex("900150983cd24fb0d6963f7d28e17f72"));
  EXPECT_EQ(hash(SaMac::sha1, abc), from_hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
  std::mt19937 rng(1);
  for (std::size_t n = 0; n < 200; ++n) {
    const Bytes message = test::random_bytes(rng, n);
    for (const SaMac kind : {SaMac::md5, SaMac::sha1}) {
      ASSERT_EQ(hash(kind, message), test::digest(kind, message)) << n;
    }
  }
}

// Inner and outer state go into the IV words after the command; RFC 2202's second case.
TEST_F(Direct, HmacFromStates) {
  const Bytes key = {'J', 'e', 'f', 'e'};
  const std::string text = "what do ya want for nothing?";
  const std::pair<SaMac, const char*> answers[] = {
      {SaMac::md5, "750c783e6ab0b503eaa86e310a5db738"},
      {SaMac::sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"}};
  for (const auto& [kind, answer] : answers) {
    const auto state = [&, kind = kind](std::uint8_t pad) {
      const Bytes stored = test::hmac_state(kind, key, pad);
      std::vector<std::uint32_t> words;
      for (std::size_t at = 0; at < stored.size(); at += 4) words.push_back(be32(stored, at));
      return words;
    };
    const Bytes inner = hash(kind, Bytes(text.begin(), text.end()), 64, state(0x36));
    EXPECT_EQ(hash(kind, inner, 64, state(0x5C)), from_hex(answer));
  }
}

TEST_F(Direct, IvByteSwapIsForTheWayIn) {
  write(kAuthCommand, auth::kContinue);
  write(cesa_reg::ivdig(1), 0x11223344);
  EXPECT_EQ(read(cesa_reg::ivdig(1)), 0x11223344u);
  EXPECT_EQ(ivdig[1], 0x11223344u);
  write(kAuthCommand, auth::kContinue | auth::kIvByteSwap);
  EXPECT_EQ(read(cesa_reg::ivdig(1)), 0x11223344u);
  write(cesa_reg::ivdig(1), 0x11223344);
  EXPECT_EQ(read(cesa_reg::ivdig(1)), 0x44332211u);
}

TEST_F(Direct, NewCommandForgetsHalfABlock) {
  const Bytes abc = {'a', 'b', 'c'};
  write(kAuthCommand, 0);
  for (int i = 0; i < 5; ++i) write(kAuthDataIn, 0xFFFFFFFF);
  EXPECT_EQ(hash(SaMac::md5, abc), test::digest(SaMac::md5, abc));
}

// FIPS 81, table C1, keeping two blocks in the engine.
TEST_F(Direct, DesCbcPipelined) {
  const Bytes in = from_hex("4e6f77206973207468652074696d6520666f7220616c6c20");
  const Bytes expected = from_hex("e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6");
  write(kDesCommand, des::kCbc);
  des_keys(from_hex("0123456789abcdef"));
  write(kDesIvLow, 0x90abcdef);
  write(kDesIvHigh, 0x12345678);
  des_in(in, 0);
  EXPECT_EQ(take_causes(), cesa_bit::irq::kDesDone);
  EXPECT_EQ(read(kDesCommand), des::kCbc | des::kTerminated | des::kReadAllowed);
  des_in(in, 8);
  Bytes out = des_out();
  des_in(in, 16);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(read(kDesCommand), des::kCbc | des::kTerminated | des::kReadAllowed);
    const Bytes block = des_out();
    out.insert(out.end(), block.begin(), block.end());
  }
  EXPECT_EQ(out, expected);
  EXPECT_EQ(read(kDesCommand), des::kCbc | des::kTerminated | des::kAllTerminated);
  EXPECT_EQ(des_out(), Bytes(expected.end() - 8, expected.end())) << "the chaining value";
}

TEST_F(Direct, DesThirdBlockIsLostAndReported) {
  const Bytes in(24, 0x33);
  write(kDesCommand, 0);
  des_in(in, 0);
  des_in(in, 8);
  EXPECT_EQ(report, "");
  take_causes();
  des_in(in, 16);
  EXPECT_THAT(report, testing::HasSubstr("two results wait"));
  EXPECT_EQ(take_causes(), 0u);
  write(kDesOutLow, 1);
  EXPECT_THAT(report, testing::HasSubstr("read only"));
}

TEST_F(Direct, DesEveryModeAgainstTheJudge) {
  std::mt19937 rng(2);
  for (int i = 0; i < 600; ++i) {
    SCOPED_TRACE(i);
    const bool triple = rng() % 2, ede = rng() % 2, cbc = rng() % 2, decrypt = rng() % 2;
    const bool swap_in = rng() % 2, swap_iv = rng() % 2, swap_out = rng() % 2;
    const test::Cipher c{triple ? SaCipher::des3 : SaCipher::des,
                         test::random_bytes(rng, triple ? 24 : 8), ede};
    const Bytes iv = test::random_bytes(rng, 8), in = test::random_bytes(rng, 8 * (1 + rng() % 5));
    write(kDesCommand, (decrypt ? des::kDecrypt : 0) | (triple ? des::k3des : 0) |
                           (ede ? des::kEde : 0) | (cbc ? des::kCbc : 0) |
                           (swap_in ? des::kDataByteSwap : 0) | (swap_iv ? des::kIvByteSwap : 0) |
                           (swap_out ? des::kOutByteSwap : 0));
    des_keys(c.key);
    const auto load = [](bool swap, const Bytes& b, std::size_t at) {
      return swap ? load_le32(&b[at]) : be32(b, at);
    };
    write(kDesIvHigh, load(swap_iv, iv, 0));
    write(kDesIvLow, load(swap_iv, iv, 4));
    Bytes out;
    for (std::size_t at = 0; at < in.size(); at += 8) {
      write(kDesDataHigh, load(swap_in, in, at));
      write(kDesDataLow, load(swap_in, in, at + 4));
      for (const std::uint32_t half : {kDesOutHigh, kDesOutLow}) {
        const std::uint32_t v = read(half);
        append_be32(out, swap_out ? __builtin_bswap32(v) : v);
      }
    }
    ASSERT_EQ(out, test::crypt(c, cbc ? &iv : nullptr, decrypt, in));
  }
}

struct AesCase {
  const char* key;
  const char* cipher;
};
// FIPS 197, appendix C.
const AesCase kAesCases[] = {
    {"000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a"},
    {"000102030405060708090a0b0c0d0e0f1011121314151617", "dda97ca4864cdfe06eaf70a0ec0d7191"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "8ea2b7ca516745bfeafc49904b496089"}};

TEST_F(Direct, AesBothWaysAndWithAKeyTheEngineMakes) {
  const Bytes plain = from_hex("00112233445566778899aabbccddeeff");
  for (std::uint32_t mode = 0; mode < 3; ++mode) {
    SCOPED_TRACE(mode);
    const Bytes key = from_hex(kAesCases[mode].key), cipher = from_hex(kAesCases[mode].cipher);
    const auto block = [&](auto column, const Bytes& in, std::uint32_t cause, bool swap) {
      for (unsigned c = 0; c < 4; ++c) {
        EXPECT_EQ(take_causes(), 0u);
        write(column(c), swap ? load_le32(&in[4 * c]) : be32(in, 4 * c));
      }
      EXPECT_EQ(take_causes(), cause);
      Bytes out;
      for (unsigned c = 0; c < 4; ++c) {
        const std::uint32_t v = read(column(c));
        append_be32(out, swap ? __builtin_bswap32(v) : v);
      }
      return out;
    };
    for (const bool swap : {false, true}) {
      const std::uint32_t command = mode | (swap ? aes::kDataByteSwap | aes::kOutByteSwap : 0);
      write(kAesEncryptCommand, command);
      for (unsigned n = 0; n < key.size() / 4; ++n) write(aes_encrypt_key(n), be32(key, 4 * n));
      EXPECT_EQ(block(aes_encrypt_data, plain, cesa_bit::irq::kAesEncryptDone, swap), cipher);
      EXPECT_EQ(read(kAesEncryptCommand), command | aes::kTerminated);

      Bytes start(key.size());
      aes_decrypt_start_from_key(key, start);
      write(kAesDecryptCommand, command);
      for (unsigned n = 0; n < key.size() / 4; ++n) write(aes_decrypt_key(n), be32(start, 4 * n));
      EXPECT_EQ(block(aes_decrypt_data, cipher, cesa_bit::irq::kAesDecryptDone, swap), plain);

      for (unsigned n = 0; n < key.size() / 4; ++n) write(aes_decrypt_key(n), be32(key, 4 * n));
      write(kAesDecryptCommand, command | aes::kMakeKey);
      EXPECT_EQ(read(aes_decrypt_key(0)), be32(start, 0));
      write(kAesDecryptCommand, command);
      EXPECT_EQ(block(aes_decrypt_data, cipher, cesa_bit::irq::kAesDecryptDone, swap), plain);
    }
  }
}

TEST_F(Direct, OnlyTheDecryptionEngineMakesAKey) {
  for (unsigned n = 0; n < 8; ++n) {
    write(aes_encrypt_key(n), 0x100 + n);
    write(aes_decrypt_key(n), 0x200 + n);
  }
  write(kAesEncryptCommand, aes::kMakeKey);
  for (unsigned n = 0; n < 8; ++n) {
    EXPECT_EQ(read(aes_encrypt_key(n)), 0x100 + n);
    EXPECT_EQ(read(aes_decrypt_key(n)), 0x200 + n);
  }
}

TEST_F(Direct, AesKeySizeCodeThree) {
  write(kAesEncryptCommand, 3);
  for (unsigned c = 0; c < 4; ++c) write(aes_encrypt_data(c), 0);
  EXPECT_THAT(report, testing::HasSubstr("key size code 3"));
  EXPECT_EQ(take_causes(), 0u);
}

TEST_F(Direct, ResetForgets) {
  write(kDesCommand, des::kCbc);
  des_in(Bytes(8, 1), 0);
  write(kAuthDataIn, 1);
  engines.reset();
  expect_idle();
}

}  // namespace
}  // namespace cesasim::hw
