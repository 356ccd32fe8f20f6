// SPDX-License-Identifier: Apache-2.0
// Operations on a descriptor: random ones against one-shot OpenSSL, and every refusal.
#include "hw_model/cesa/security_accelerator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/hw_model/cesa/accelerator_bench.h"

namespace cesasim::hw {
namespace {

using test::AcceleratorBench;
using test::Bytes;
using test::Cipher;
using test::random_bytes;

constexpr SaMac kHashes[] = {SaMac::md5, SaMac::sha1, SaMac::sha256};

Cipher random_cipher(std::mt19937& rng) {
  switch (rng() % 4) {
    case 0:
      return {SaCipher::des, random_bytes(rng, 8)};
    case 1:
      return {SaCipher::des3, random_bytes(rng, 24), true};
    case 2:
      return {SaCipher::des3, random_bytes(rng, 24), false};
    default:
      return {SaCipher::aes, random_bytes(rng, 16 + 8 * (rng() % 3))};
  }
}

SaConfig config_for(const Cipher& c, bool cbc, bool decrypt) {
  return {.operation = SaOperation::cipher,
          .cipher = c.kind,
          .aes_key_bytes = static_cast<std::uint32_t>(c.key.size()),
          .des3_ede = c.ede,
          .cbc = cbc,
          .decrypt = decrypt};
}

SaFragment place(bool first, bool last) {
  return first ? (last ? SaFragment::whole : SaFragment::first)
               : (last ? SaFragment::last : SaFragment::middle);
}

/// Cuts `bytes` into pieces of a multiple of `unit`, at most `most` each.
std::vector<std::uint32_t> split(std::mt19937& rng, std::uint32_t bytes, std::uint32_t unit,
                                 std::uint32_t most) {
  std::vector<std::uint32_t> out;
  while (bytes > 0) {
    const std::uint32_t units = std::min(bytes, most) / unit;
    const std::uint32_t n = bytes <= most && rng() % 2 ? bytes
                            : units == 0               ? bytes
                                                       : unit * (1 + rng() % units);
    out.push_back(n);
    bytes -= n;
  }
  return out;
}

Bytes slice(const Bytes& b, std::size_t at, std::size_t n) {
  return {b.begin() + static_cast<std::ptrdiff_t>(at),
          b.begin() + static_cast<std::ptrdiff_t>(at + n)};
}

// In place or from one area to another, whole or in fragments that find the chaining value
// where the one before left it.
TEST(AcceleratorDifferential, Ciphers) {
  std::mt19937 rng(1);
  for (int i = 0; i < 3000; ++i) {
    const Cipher c = random_cipher(rng);
    const bool cbc = rng() % 3 != 0, decrypt = rng() % 2;
    SCOPED_TRACE(testing::Message() << "case " << i << ", cipher " << static_cast<int>(c.kind));
    const Bytes in = random_bytes(rng, c.block() * (1 + rng() % 90));
    const Bytes iv = random_bytes(rng, c.block());
    const Bytes expected = test::crypt(c, cbc ? &iv : nullptr, decrypt, in);
    AcceleratorBench b;
    b.put(AcceleratorBench::kKey, c.stored_key(decrypt));
    b.put(AcceleratorBench::kIv, iv);
    b.at.cipher_src = 0x100 + 4 * (rng() % 16);
    b.at.cipher_dst = rng() % 2 ? b.at.cipher_src : 0x480 + 4 * (rng() % 16);
    Bytes out;
    std::uint32_t blocks = 0;
    const auto pieces = split(rng, static_cast<std::uint32_t>(in.size()), c.block(), 800);
    for (std::size_t k = 0, at = 0; k < pieces.size(); at += pieces[k++]) {
      SaConfig config = config_for(c, cbc, decrypt);
      config.fragment = place(k == 0, k + 1 == pieces.size());
      b.put(b.at.cipher_src, slice(in, at, pieces[k]));
      b.at.cipher_len = pieces[k];
      const SaResult r = b.run(config);
      ASSERT_EQ(r.status, SaStatus::done) << r.report;
      ASSERT_EQ(r.cipher, c.kind);
      ASSERT_EQ(r.mac, SaMac::none);
      ASSERT_EQ(r.cipher_bytes, pieces[k]);
      blocks += r.cipher_blocks;
      const Bytes part = b.get(b.at.cipher_dst, pieces[k]);
      out.insert(out.end(), part.begin(), part.end());
    }
    ASSERT_EQ(out, expected);
    ASSERT_EQ(blocks, in.size() / c.block());
    if (cbc) {
      const Bytes& coded = decrypt ? in : expected;
      ASSERT_EQ(b.get(AcceleratorBench::kIv, c.block()),
                slice(coded, coded.size() - c.block(), c.block()));
    }
  }
}

TEST(AcceleratorDifferential, Macs) {
  std::mt19937 rng(2);
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE(i);
    const SaMac hash = kHashes[rng() % 3];
    const bool hmac = rng() % 2, mac_96 = rng() % 4 == 0;
    const Bytes message = random_bytes(rng, 1 + rng() % 3000);
    const Bytes key = random_bytes(rng, 1 + rng() % 80);
    const Bytes expected = hmac ? test::hmac(hash, key, message) : test::digest(hash, message);
    const bool aligned = rng() % 2;
    AcceleratorBench b(SaOptions{.buffers_partial_block = !aligned});
    b.put_hmac_key(hash, key);
    b.at.mac_src = 0x100 + 4 * (rng() % 32);
    b.at.digest = rng() % 2 ? AcceleratorBench::kDigest : 0x7C0 + 4 * (rng() % 8);
    const Bytes before(32, 0x5A);
    b.put(b.at.digest, before);
    const auto pieces =
        split(rng, static_cast<std::uint32_t>(message.size()), aligned ? 64 : 1, 1500);
    std::uint32_t blocks = 0;
    for (std::size_t k = 0, at = 0; k < pieces.size(); at += pieces[k++]) {
      const bool last = k + 1 == pieces.size();
      b.put(b.at.mac_src, slice(message, at, pieces[k]));
      b.at.mac_len = pieces[k];
      b.at.mac_total_len = last ? static_cast<std::uint32_t>(message.size()) : 0;
      const SaResult r = b.run({.operation = SaOperation::mac,
                                .mac = hmac ? test::hmac_code(hash) : hash,
                                .mac_96 = mac_96,
                                .fragment = place(k == 0, last)});
      ASSERT_EQ(r.status, SaStatus::done) << r.report;
      ASSERT_EQ(r.mac, hash);
      ASSERT_EQ(r.mac_bytes, pieces[k]);
      ASSERT_EQ(r.cipher, SaCipher::none);
      ASSERT_FALSE(r.digest_mismatch) << "nothing is compared when encoding";
      if (!last) {
        ASSERT_EQ(b.get(b.at.digest, 32), before);
      }
      blocks += r.mac_blocks;
    }
    const std::size_t n = mac_96 ? 12 : expected.size();
    ASSERT_EQ(b.get(b.at.digest, n), slice(expected, 0, n));
    ASSERT_EQ(b.get(b.at.digest + static_cast<std::uint32_t>(n), 32 - n), slice(before, n, 32 - n));
    ASSERT_EQ(blocks, (message.size() + 9 + 63) / 64 + (hmac ? 1 : 0));
  }
}

// The MAC covers what stands in SRAM when its turn comes, and starts a little before the
// ciphered part, as in IPsec.
TEST(AcceleratorDifferential, BothInEitherOrder) {
  std::mt19937 rng(3);
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE(i);
    const Cipher c = random_cipher(rng);
    const SaMac hash = kHashes[rng() % 3];
    const bool mac_first = rng() % 2, cbc = rng() % 2, decrypt = rng() % 2, hmac = rng() % 2;
    const std::uint32_t header = c.block() * (rng() % 3);
    const Bytes text = random_bytes(rng, c.block() * (1 + rng() % 80));
    const Bytes head = random_bytes(rng, header);
    const Bytes iv = random_bytes(rng, c.block()), key = random_bytes(rng, 20);
    const Bytes result = test::crypt(c, cbc ? &iv : nullptr, decrypt, text);
    Bytes message = head;
    const Bytes& covered = mac_first ? text : result;
    message.insert(message.end(), covered.begin(), covered.end());
    const Bytes expected = hmac ? test::hmac(hash, key, message) : test::digest(hash, message);

    AcceleratorBench b;
    b.put(AcceleratorBench::kKey, c.stored_key(decrypt));
    b.put(AcceleratorBench::kIv, iv);
    b.put_hmac_key(hash, key);
    const bool tampered = decrypt && rng() % 4 == 0;
    Bytes out;
    const auto pieces = split(rng, static_cast<std::uint32_t>(text.size()), c.block(), 1200);
    bool mismatch = false;
    for (std::size_t k = 0, at = 0; k < pieces.size(); at += pieces[k++]) {
      const bool first = k == 0, last = k + 1 == pieces.size();
      const std::uint32_t before = first ? header : 0;
      if (first) b.put(AcceleratorBench::kData, head);
      b.at.mac_src = AcceleratorBench::kData;
      b.at.mac_len = before + pieces[k];
      b.at.mac_total_len = last ? static_cast<std::uint32_t>(message.size()) : 0;
      b.at.cipher_src = b.at.cipher_dst = AcceleratorBench::kData + before;
      b.at.cipher_len = pieces[k];
      b.put(b.at.cipher_src, slice(text, at, pieces[k]));
      if (last) {  // the digest that came with the message
        Bytes came = expected;
        if (tampered) came[rng() % came.size()] ^= 1u << (rng() % 8);
        b.put(AcceleratorBench::kDigest, came);
      }
      SaConfig config = config_for(c, cbc, decrypt);
      config.operation = mac_first ? SaOperation::mac_then_cipher : SaOperation::cipher_then_mac;
      config.mac = hmac ? test::hmac_code(hash) : hash;
      config.fragment = place(first, last);
      const SaResult r = b.run(config);
      ASSERT_EQ(r.status, SaStatus::done) << r.report;
      ASSERT_TRUE(r.both());
      ASSERT_EQ(r.cipher_bytes, pieces[k]);
      ASSERT_EQ(r.mac_bytes, b.at.mac_len);
      mismatch = r.digest_mismatch;
      const Bytes part = b.get(b.at.cipher_dst, pieces[k]);
      out.insert(out.end(), part.begin(), part.end());
    }
    ASSERT_EQ(out, result);
    ASSERT_EQ(b.get(AcceleratorBench::kDigest, expected.size()), expected);
    ASSERT_EQ(mismatch, tampered);
  }
}

TEST(AcceleratorOverlap, BlocksGoOneAfterAnother) {
  std::mt19937 rng(4);
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE(i);
    const Cipher c = random_cipher(rng);
    const bool cbc = rng() % 2, decrypt = rng() % 2;
    const std::uint32_t n = c.block();
    const std::uint32_t src = 0x200, dst = src + 4 * (rng() % 17) - 32;
    AcceleratorBench b;
    b.put(0x180, random_bytes(rng, 256));
    b.put(AcceleratorBench::kKey, c.stored_key(decrypt));
    Bytes chain = random_bytes(rng, n);
    b.put(AcceleratorBench::kIv, chain);
    b.at.cipher_src = src;
    b.at.cipher_dst = dst;
    b.at.cipher_len = 5 * n;
    AcceleratorBench judge;
    judge.sram = b.sram;
    for (std::uint32_t k = 0; k < 5; ++k) {
      const Bytes block = judge.get(src + k * n, n);
      const Bytes out = test::crypt(c, cbc ? &chain : nullptr, decrypt, block);
      judge.put(dst + k * n, out);
      chain = decrypt ? block : out;
    }
    ASSERT_EQ(b.run(config_for(c, cbc, decrypt)).status, SaStatus::done);
    ASSERT_EQ(b.get(0x180, 256), judge.get(0x180, 256));
  }
}

// IV pointer and IV buffer apart, as Marvell's HAL has them: the buffer is the packet's IV field
// in the first fragment and points into the data in later ones. An encryption's IV comes from
// the pointer and is put into the packet, a decryption's comes from the packet; the chaining
// value goes from fragment to fragment at the pointer.
TEST(AcceleratorIv, PointerAndBuffer) {
  std::mt19937 rng(6);
  for (const Cipher& c : {Cipher{SaCipher::aes, random_bytes(rng, 16)},
                          Cipher{SaCipher::des3, random_bytes(rng, 24)}}) {
    for (const bool decrypt : {false, true}) {
      const std::uint32_t n = c.block();
      const Bytes iv = random_bytes(rng, n), other = random_bytes(rng, n),
                  text = random_bytes(rng, 12 * n);
      const Bytes expected = test::crypt(c, &iv, decrypt, text);
      const Bytes& coded = decrypt ? text : expected;
      AcceleratorBench b;
      constexpr std::uint32_t kPacketIv = 0x50;
      b.put(AcceleratorBench::kKey, c.stored_key(decrypt));
      b.put(decrypt ? kPacketIv : AcceleratorBench::kIv, iv);
      b.put(decrypt ? AcceleratorBench::kIv : kPacketIv, other);
      b.put(AcceleratorBench::kData, text);
      b.at.cipher_len = 4 * n;
      SaConfig config = config_for(c, true, decrypt);
      for (const std::uint32_t k : {0u, 1u, 2u}) {
        config.fragment = place(k == 0, k == 2);
        b.at.cipher_src = b.at.cipher_dst = AcceleratorBench::kData + 4 * n * k;
        b.at.iv_buffer = k == 0 ? kPacketIv : b.at.cipher_src;
        ASSERT_EQ(b.run(config).status, SaStatus::done);
        EXPECT_EQ(b.get(kPacketIv, n), iv) << "fragment " << k;
        EXPECT_EQ(b.get(AcceleratorBench::kIv, n), slice(coded, 4 * n * (k + 1) - n, n)) << k;
      }
      EXPECT_EQ(b.get(AcceleratorBench::kData, 12 * n), expected);
    }
  }
}

struct DigestBench : AcceleratorBench {
  explicit DigestBench(const Bytes& message) {
    put_hmac_key(SaMac::sha1, Bytes(20, 0x0B));
    put(kData, message);
    at.mac_len = at.mac_total_len = static_cast<std::uint32_t>(message.size());
  }
  SaConfig config(bool decode, bool mac_96 = false) const {
    return {.operation = SaOperation::mac,
            .decrypt = decode,
            .mac = SaMac::hmac_sha1,
            .mac_96 = mac_96};
  }
};

// RFC 2202, HMAC-SHA-1 case 1.
const Bytes kHiThere = {'H', 'i', ' ', 'T', 'h', 'e', 'r', 'e'};
const Bytes kHiThereDigest = test::from_hex("b617318655057264e28bc0b6fb378c8ef146be00");

TEST(AcceleratorDigestCompare, OnDecodeEveryBitCounts) {
  DigestBench b(kHiThere);
  b.put(DigestBench::kDigest, kHiThereDigest);
  EXPECT_FALSE(b.run(b.config(true)).digest_mismatch);
  for (unsigned bit = 0; bit < 160; ++bit) {
    Bytes wrong = kHiThereDigest;
    wrong[bit / 8] ^= 1u << (bit % 8);
    b.put(DigestBench::kDigest, wrong);
    const SaResult r = b.run(b.config(true));
    EXPECT_EQ(r.status, SaStatus::done);
    EXPECT_TRUE(r.digest_mismatch) << bit;
    EXPECT_EQ(b.get(DigestBench::kDigest, 20), kHiThereDigest) << "the computed one stands there";
    // Only the first 96 bits are there to be compared.
    b.put(DigestBench::kDigest, wrong);
    EXPECT_EQ(b.run(b.config(true, true)).digest_mismatch, bit < 96) << bit;
  }
}

TEST(AcceleratorDigestCompare, NotOnEncode) {
  DigestBench b(kHiThere);
  b.put(DigestBench::kDigest, Bytes(20, 0xFF));
  EXPECT_FALSE(b.run(b.config(false)).digest_mismatch);
}

// IPsec AH: the digest lies inside the data, which is hashed with zeros in its place.
TEST(AcceleratorDigestCompare, DigestInsideTheData) {
  std::mt19937 rng(7);
  Bytes packet = random_bytes(rng, 300);
  std::fill_n(packet.begin() + 24, 12, 0);
  const Bytes good = slice(test::hmac(SaMac::sha1, Bytes(20, 0x0B), packet), 0, 12);
  for (const bool tampered : {false, true}) {
    DigestBench b(packet);
    b.at.digest = DigestBench::kData + 24;
    b.put(b.at.digest, good);
    if (tampered) b.sram[DigestBench::kData + 200] ^= 1;
    EXPECT_EQ(b.run(b.config(true, true)).digest_mismatch, tampered);
  }
}

struct Refusal {
  const char* what;
  SaConfig config;
  void (*change)(SaDescriptor& at);
  const char* report;
};

const SaConfig kAes = {.cipher = SaCipher::aes, .cbc = true};
const SaConfig kDes = {.cipher = SaCipher::des, .cbc = true};
const SaConfig kHmac = {.operation = SaOperation::mac, .mac = SaMac::hmac_sha1};
const SaConfig kEsp = {.operation = SaOperation::cipher_then_mac,
                       .cipher = SaCipher::aes,
                       .cbc = true,
                       .mac = SaMac::hmac_sha1};
SaConfig with(SaConfig c, SaFragment f) {
  c.fragment = f;
  return c;
}
void same(SaDescriptor&) {}

const Refusal kRefusals[] = {
    {"no cipher", {.operation = SaOperation::cipher}, same, "a cipher operation without a cipher"},
    {"no MAC", {.operation = SaOperation::mac}, same, "a MAC operation without a MAC"},
    {"cipher length", kAes, [](SaDescriptor& d) { d.cipher_len = 24; },
     "cipher length 24 is not a positive multiple of 16"},
    {"no cipher length", kDes, [](SaDescriptor& d) { d.cipher_len = 0; },
     "cipher length 0 is not a positive multiple of 8"},
    {"source misaligned", kAes, [](SaDescriptor& d) { d.cipher_src = 0x101; },
     "source offset 0x101 is not aligned to 4"},
    {"source outside", kAes, [](SaDescriptor& d) { d.cipher_src = 0x7D0; },
     "source at 0x7d0, 64 bytes, lies outside the SRAM"},
    {"destination outside", kDes, [](SaDescriptor& d) { d.cipher_dst = 0xFFF0; },
     "destination at 0xfff0, 64 bytes, lies outside the SRAM"},
    {"DES key outside", kDes, [](SaDescriptor& d) { d.key = 0x7FC; },
     "key at 0x7fc, 8 bytes, lies outside the SRAM"},
    {"3DES key outside",
     {.cipher = SaCipher::des3},
     [](SaDescriptor& d) { d.key = 0x7EC; },
     "key at 0x7ec, 24 bytes, lies outside the SRAM"},
    {"IV outside", kAes, [](SaDescriptor& d) { d.iv = 0x7F4; },
     "IV at 0x7f4, 16 bytes, lies outside the SRAM"},
    {"IV buffer outside", kDes, [](SaDescriptor& d) { d.iv_buffer = 0x7FC; },
     "IV buffer at 0x7fc, 8 bytes, lies outside the SRAM"},
    {"MAC source misaligned", kHmac, [](SaDescriptor& d) { d.mac_src = 0x102; },
     "MAC source offset 0x102 is not aligned to 4"},
    {"MAC source outside", kHmac, [](SaDescriptor& d) { d.mac_src = 0x7C4; },
     "MAC source at 0x7c4, 64 bytes, lies outside the SRAM"},
    {"digest outside", kHmac, [](SaDescriptor& d) { d.digest = 0x7F0; },
     "digest at 0x7f0, 20 bytes, lies outside the SRAM"},
    {"inner outside", kHmac, [](SaDescriptor& d) { d.inner_state = 0x7F0; },
     "inner HMAC state at 0x7f0, 20 bytes, lies outside the SRAM"},
    {"outer misaligned", kHmac, [](SaDescriptor& d) { d.outer_state = 0x81; },
     "outer HMAC state offset 0x81 is not aligned to 4"},
    {"no MAC length", kHmac, [](SaDescriptor& d) { d.mac_len = 0; }, "MAC length 0"},
    {"MAC total length", kHmac, [](SaDescriptor& d) { d.mac_total_len = 60; },
     "MAC total length 60 of a whole message differs from its MAC length 64"},
    {"MAC total length of the last", with(kHmac, SaFragment::last),
     [](SaDescriptor& d) { d.mac_total_len = 130; }, "MAC total length 130 cannot be"},
    {"partial block", with(kHmac, SaFragment::first), [](SaDescriptor& d) { d.mac_len = 60; },
     "MAC length 60 of a fragment with more to come is not a multiple of 64"},
    {"SHA-256",
     {.operation = SaOperation::mac, .mac = SaMac::sha256},
     same,
     "SHA-256 in a unit that does not know it"},
    {"HMAC-SHA-256",
     {.operation = SaOperation::cipher_then_mac,
      .cipher = SaCipher::aes,
      .mac = SaMac::hmac_sha256},
     same,
     "SHA-256 in a unit that does not know it"},
    {"apart", with(kEsp, SaFragment::first), [](SaDescriptor& d) { d.mac_src = 0xF8; },
     "cipher source 0x100 and MAC source 0xf8 are not a multiple of 16 apart"},
    {"cipher fine, MAC wrong", kEsp, [](SaDescriptor& d) { d.digest = 0x7F4; },
     "digest at 0x7f4, 20 bytes, lies outside the SRAM"},
};

TEST(AcceleratorRefusals, SayWhyAndLeaveEverythingAlone) {
  std::mt19937 rng(8);
  for (const Refusal& refusal : kRefusals) {
    SCOPED_TRACE(refusal.what);
    AcceleratorBench b(SaOptions{.sha256 = false, .buffers_partial_block = false});
    b.put(0, random_bytes(rng, b.sram.size()));
    for (auto& w : b.ivdig) w = static_cast<std::uint32_t>(rng());
    b.at.cipher_len = b.at.mac_len = b.at.mac_total_len = 64;
    refusal.change(b.at);
    b.put_descriptor(refusal.config);
    const auto sram = b.sram;
    const auto ivdig = b.ivdig;
    const SaResult r = b.run();
    EXPECT_EQ(r.status, SaStatus::guest_error);
    EXPECT_THAT(r.report, testing::HasSubstr(refusal.report));
    EXPECT_THAT(r.report, testing::HasSubstr("descriptor word 0 is 0x"));
    EXPECT_EQ(b.sram, sram);
    EXPECT_EQ(b.ivdig, ivdig);
    EXPECT_EQ(r.cipher, SaCipher::none);
    EXPECT_EQ(r.mac, SaMac::none);
  }
}

TEST(AcceleratorRefusals, CodesNoBuilderMakes) {
  const std::pair<std::uint32_t, const char*> codes[] = {
      {0x00000020, "an undocumented MAC code"},
      {0x03000301, "AES key size code 3"},
      {0x00030301, "undocumented configuration bits"},
      {0x00000C01, "undocumented configuration bits"}};
  for (const auto& [word, report] : codes) {
    AcceleratorBench b;
    b.at.cipher_len = b.at.mac_len = b.at.mac_total_len = 64;
    b.put_descriptor({});
    store_le32(b.sram.data(), word);
    const auto sram = b.sram;
    const SaResult r = b.run();
    EXPECT_EQ(r.status, SaStatus::guest_error);
    EXPECT_THAT(r.report, testing::HasSubstr(report));
    EXPECT_EQ(b.sram, sram);
  }
  AcceleratorBench b;
  EXPECT_THAT(b.sa.run(b.sram, 2048 - 24, b.ivdig).report,
              testing::HasSubstr("DESC_P0 0x7e8 lies outside"));
}

// What an operation does not use may be anything.
TEST(AcceleratorRefusals, UnusedFieldsAreNotLookedAt) {
  AcceleratorBench b;
  b.at.cipher_len = b.at.mac_len = b.at.mac_total_len = 64;
  const SaDescriptor sane = b.at;
  b.at.iv = b.at.iv_buffer = b.at.mac_src = b.at.digest = b.at.inner_state = 0xFFFF;
  EXPECT_EQ(b.run({.cipher = SaCipher::aes}).status, SaStatus::done) << "ECB: no IV, no MAC";
  b.at = sane;
  b.at.cipher_src = b.at.key = b.at.inner_state = b.at.outer_state = 0xFFFF;
  EXPECT_EQ(b.run({.operation = SaOperation::mac, .mac = SaMac::md5}).status, SaStatus::done);
  b.at.digest = 0xFFFF;
  EXPECT_EQ(
      b.run({.operation = SaOperation::mac, .mac = SaMac::md5, .fragment = SaFragment::middle})
          .status,
      SaStatus::done);
}

// Random descriptors: refused or run, never outside the SRAM (AddressSanitizer watches), and a
// refusal changes nothing.
TEST(AcceleratorFuzz, AnyDescriptorIsRunOrRefused) {
  std::mt19937 rng(9);
  unsigned ran = 0;
  auto b = std::make_unique<AcceleratorBench>();
  for (int i = 0; i < 60000; ++i) {
    for (unsigned w = 0; w < 8; ++w) {
      // Mostly plausible offsets and lengths, so that some get through.
      const std::uint32_t low = rng() % 8 ? 4 * (rng() % 500) : rng() & 0xFFFF;
      const std::uint32_t high = rng() % 8 ? 4 * (rng() % 500) : rng() & 0xFFFF;
      store_le32(&b->sram[4 * w], low | high << 16);
    }
    store_le32(b->sram.data(), rng() & SaDescriptor::kConfigBits);
    if (rng() % 4) store_le32(&b->sram[8], 16 * (rng() % 60));
    const auto sram = b->sram;
    const SaResult r = b->run();
    if (r.status == SaStatus::done) {
      ++ran;
    } else {
      ASSERT_EQ(b->sram, sram) << r.report;
      ASSERT_FALSE(r.report.empty());
    }
  }
  EXPECT_GT(ran, 2000u);
}

}  // namespace
}  // namespace cesasim::hw
