// SPDX-License-Identifier: Apache-2.0
// Published answers, through the accelerator's descriptor. The standard stands beside each.
#include <gtest/gtest.h>

#include <string>

#include "tests/hw_model/cesa/accelerator_bench.h"

namespace cesasim::hw {
namespace {

using test::AcceleratorBench;
using test::Bytes;
using test::from_hex;

struct CipherAnswer {
  const char* name;
  SaCipher cipher;
  const char* key;
  const char* iv;  // null: ECB
  const char* plain;
  const char* coded;
};

constexpr const char* kDesZero = "0000000000000000";
constexpr const char* kNowIsTheTime = "4e6f77206973207468652074696d6520666f7220616c6c20";
constexpr const char* kTdesKey = "0123456789abcdef23456789abcdef01456789abcdef0123";
constexpr const char* kModesPlain =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";

constexpr CipherAnswer kCipherAnswers[] = {
    // FIPS 197, appendix C.
    {"FIPS 197 C.1", SaCipher::aes, "000102030405060708090a0b0c0d0e0f", nullptr,
     "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a"},
    {"FIPS 197 C.2", SaCipher::aes, "000102030405060708090a0b0c0d0e0f1011121314151617", nullptr,
     "00112233445566778899aabbccddeeff", "dda97ca4864cdfe06eaf70a0ec0d7191"},
    {"FIPS 197 C.3", SaCipher::aes,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", nullptr,
     "00112233445566778899aabbccddeeff", "8ea2b7ca516745bfeafc49904b496089"},
    // FIPS 81, tables B1 and C1.
    {"FIPS 81 ECB", SaCipher::des, "0123456789abcdef", nullptr, kNowIsTheTime,
     "3fa40e8a984d48156a271787ab8883f9893d51ec4b563b53"},
    {"FIPS 81 CBC", SaCipher::des, "0123456789abcdef", "1234567890abcdef", kNowIsTheTime,
     "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"},
    // NIST SP 800-20: first line of tables A.1 (variable plaintext), A.2 (variable key), A.3
    // (permutation) and A.4 (substitution); they equal those of SP 500-20 for single DES.
    {"SP 800-20 A.1", SaCipher::des, "0101010101010101", nullptr, "8000000000000000",
     "95f8a5e5dd31d900"},
    {"SP 800-20 A.2", SaCipher::des, "8001010101010101", nullptr, kDesZero, "95a8d72813daa94d"},
    {"SP 800-20 A.3", SaCipher::des, "1046913489980131", nullptr, kDesZero, "88d55e54f54c97b4"},
    {"SP 800-20 A.4", SaCipher::des, "7ca110454a1a6e57", nullptr, "01a1d6d039776742",
     "690f5b0d9a26939b"},
    {"SP 800-20 A.1, TDES", SaCipher::des3, "010101010101010101010101010101010101010101010101",
     nullptr, "8000000000000000", "95f8a5e5dd31d900"},
    // NIST SP 800-67, appendix B.1.
    {"SP 800-67 B.1", SaCipher::des3, kTdesKey, nullptr,
     "54686520717566636b2062726f776e20666f78206a756d70",
     "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900"},
    // NIST's examples with intermediate values for TDES beside SP 800-38A.
    {"TDES ECB example", SaCipher::des3, kTdesKey, nullptr, kModesPlain,
     "714772f339841d34267fcc4bd2949cc3ee11c22a576a303876183f99c0b6de87"},
    {"TDES CBC example", SaCipher::des3, kTdesKey, "f69f2445df4f9b17", kModesPlain,
     "2079c3d53aa763e193b79e2569ab5262516570481f25b50f73c0bda85c8e0da7"},
};

void expect_answer(const CipherAnswer& a) {
  SCOPED_TRACE(a.name);
  const test::Cipher cipher{a.cipher, from_hex(a.key)};
  const Bytes plain = from_hex(a.plain), coded = from_hex(a.coded);
  const SaConfig config{.cipher = a.cipher,
                        .aes_key_bytes = static_cast<std::uint32_t>(cipher.key.size()),
                        .cbc = a.iv != nullptr};
  for (const bool decrypt : {false, true}) {
    AcceleratorBench b;
    SaConfig c = config;
    c.decrypt = decrypt;
    b.put(AcceleratorBench::kKey, cipher.stored_key(decrypt));
    if (a.iv) b.put(AcceleratorBench::kIv, from_hex(a.iv));
    b.put(AcceleratorBench::kData, decrypt ? coded : plain);
    b.at.cipher_len = static_cast<std::uint32_t>(plain.size());
    const SaResult r = b.run(c);
    ASSERT_EQ(r.status, SaStatus::done) << r.report;
    EXPECT_EQ(b.get(AcceleratorBench::kData, plain.size()), decrypt ? plain : coded) << decrypt;
    EXPECT_EQ(r.cipher_blocks, plain.size() / cipher.block());
    EXPECT_EQ(r.key_bytes, cipher.key.size());
    if (a.iv) {
      EXPECT_EQ(b.get(AcceleratorBench::kIv, cipher.block()),
                Bytes(coded.end() - cipher.block(), coded.end()));
    }
  }
}

TEST(KnownAnswers, Ciphers) {
  for (const CipherAnswer& a : kCipherAnswers) expect_answer(a);
  // NIST SP 800-38A, appendix F.
  for (const test::AesVector& v : test::kSp800Vectors) {
    expect_answer({v.name, SaCipher::aes, v.key, v.cbc ? test::kSp800Iv : nullptr,
                   test::kSp800Plaintext, v.ciphertext});
  }
}

TEST(KnownAnswers, EeeWithTheFirstTwoKeysCancelling) {
  // No table of EEE is published. But the weak key 01..01 (FIPS 74) is its own inverse,
  // E(E(x)) = x, so EEE with it twice is single DES under the third key.
  AcceleratorBench b;
  b.put(AcceleratorBench::kKey, from_hex("010101010101010101010101010101017ca110454a1a6e57"));
  b.put(AcceleratorBench::kData, from_hex("01a1d6d039776742"));
  b.at.cipher_len = 8;
  const SaResult r = b.run({.cipher = SaCipher::des3, .des3_ede = false});
  ASSERT_EQ(r.status, SaStatus::done) << r.report;
  EXPECT_EQ(b.get(AcceleratorBench::kData, 8), from_hex("690f5b0d9a26939b"));  // SP 800-20 A.4
}

Bytes text(const std::string& s) { return {s.begin(), s.end()}; }
Bytes repeat(std::size_t n, std::uint8_t byte) { return Bytes(n, byte); }

/// Hashes like a driver: fragments of at most `piece` bytes (a multiple of 64) with the
/// engine's padding, or with software's where the engine has none: no data, or more than
/// 65535 bytes. Returns the digest and leaves the last result in `r`.
Bytes hash_through(AcceleratorBench& b, SaConfig c, const Bytes& message, std::size_t piece,
                   SaResult& r) {
  SaDescriptor d;
  d.mac_code = static_cast<std::uint8_t>(c.mac);
  const SaMac hash = d.hash();
  Bytes all = message;
  const bool pad = message.empty() || message.size() > 0xFFFF;
  if (pad) {
    EXPECT_FALSE(d.hmac()) << "software would have to do the outer hash too";
    all.push_back(0x80);
    while (all.size() % 64 != 56) all.push_back(0);
    const std::uint64_t bits = 8 * message.size();
    for (int i = 0; i < 8; ++i) {
      const int shift = hash == SaMac::md5 ? 8 * i : 56 - 8 * i;
      all.push_back(static_cast<std::uint8_t>(bits >> shift));
    }
  }
  for (std::size_t at = 0; at < all.size(); at += piece) {
    const std::size_t n = std::min(piece, all.size() - at);
    const bool first = at == 0, last = at + n == all.size() && !pad;
    c.fragment = first ? (last ? SaFragment::whole : SaFragment::first)
                       : (last ? SaFragment::last : SaFragment::middle);
    b.at.mac_len = static_cast<std::uint32_t>(n);
    b.at.mac_total_len = last ? static_cast<std::uint32_t>(message.size()) : 0;
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(at), n,
                b.sram.begin() + AcceleratorBench::kData);
    r = b.run(c);
    EXPECT_EQ(r.status, SaStatus::done) << r.report;
    EXPECT_FALSE(r.digest_mismatch);
  }
  Bytes out(4 * mac_words(hash));
  mac_store_digest(hash, b.ivdig, out.data());
  if (!pad) {
    EXPECT_EQ(b.get(AcceleratorBench::kDigest, out.size()), out) << "SRAM and registers";
  }
  return out;
}

struct HashAnswer {
  SaMac mac;
  const char* message;
  const char* digest;
};
const std::string kMillion(1'000'000, 'a');
const std::string kEightyDigits = [] {
  std::string s;
  for (int i = 0; i < 8; ++i) s += "1234567890";
  return s;
}();

TEST(KnownAnswers, Hashes) {
  const HashAnswer answers[] = {
      // RFC 1321, appendix A.5.
      {SaMac::md5, "", "d41d8cd98f00b204e9800998ecf8427e"},
      {SaMac::md5, "a", "0cc175b9c0f1b6a831c399e269772661"},
      {SaMac::md5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
      {SaMac::md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {SaMac::md5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
      {SaMac::md5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
       "d174ab98d277d9f5a5611c2c9f419d9f"},
      {SaMac::md5, kEightyDigits.c_str(), "57edf4a22be3c955ac49da2e2107b67a"},
      // FIPS 180-2, appendix A (SHA-1) and B (SHA-256); the empty message is in NIST's SHAVS.
      {SaMac::sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
      {SaMac::sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {SaMac::sha1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
      {SaMac::sha1, kMillion.c_str(), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
      {SaMac::sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {SaMac::sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {SaMac::sha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {SaMac::sha256, kMillion.c_str(),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const HashAnswer& a : answers) {
    for (const std::size_t piece : {64u, 1600u - 1600u % 64u}) {
      SCOPED_TRACE(testing::Message() << a.digest << " in pieces of " << piece);
      AcceleratorBench b;
      SaResult r;
      EXPECT_EQ(
          hash_through(b, {.operation = SaOperation::mac, .mac = a.mac}, text(a.message), piece, r),
          from_hex(a.digest));
      EXPECT_EQ(r.mac, a.mac);
    }
  }
}

struct HmacAnswer {
  const char* name;
  Bytes key;
  Bytes message;
  const char* md5;
  const char* sha1;
  const char* sha256;
};

TEST(KnownAnswers, Hmacs) {
  const std::string long_key = "Test Using Larger Than Block-Size Key";
  const HmacAnswer answers[] = {
      // RFC 2202, section 2 (HMAC-MD5). Its cases 1 and 5 have keys of their own for SHA-1.
      {"MD5 1", repeat(16, 0x0b), text("Hi There"), "9294727a3638bb1c13f48ef8158bfc9d", nullptr,
       nullptr},
      {"2", text("Jefe"), text("what do ya want for nothing?"), "750c783e6ab0b503eaa86e310a5db738",
       "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {"MD5 3", repeat(16, 0xaa), repeat(50, 0xdd), "56be34521d144c88dbb8c733f0e8b3f6", nullptr,
       nullptr},
      {"4", from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), repeat(50, 0xcd),
       "697eaf0aca3a3aea3a75164746ffaa79", "4c9007f4026250c6bc8414f9bf50c86c2d7235da",
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {"MD5 5", repeat(16, 0x0c), text("Test With Truncation"), "56461ef2342edc00f9bab995690efd4c",
       nullptr, nullptr},
      {"6", repeat(80, 0xaa), text(long_key + " - Hash Key First"),
       "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd", "aa4ae5e15272d00e95705637ce8a3b55ed402112", nullptr},
      {"7", repeat(80, 0xaa), text(long_key + " and Larger Than One Block-Size Data"),
       "6f630fad67cda0ee1fb1f562db3aa53e", "e8e99d0f45237d786d6bbaa7965c7808bbff1a91", nullptr},
      // RFC 2202, section 3 (HMAC-SHA-1); RFC 4231, section 4 has the same keys in 1 to 4.
      {"SHA 1", repeat(20, 0x0b), text("Hi There"), nullptr,
       "b617318655057264e28bc0b6fb378c8ef146be00",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"SHA 3", repeat(20, 0xaa), repeat(50, 0xdd), nullptr,
       "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {"SHA 5", repeat(20, 0x0c), text("Test With Truncation"), nullptr,
       "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04", nullptr},
      // RFC 4231, cases 6 and 7.
      {"RFC 4231 6", repeat(131, 0xaa), text(long_key + " - Hash Key First"), nullptr, nullptr,
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {"RFC 4231 7", repeat(131, 0xaa),
       text("This is a test using a larger than block-size key and a larger than block-size "
            "data. The key needs to be hashed before being used by the HMAC algorithm."),
       nullptr, nullptr, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  unsigned checked = 0;
  for (const HmacAnswer& a : answers) {
    const std::pair<SaMac, const char*> digests[] = {
        {SaMac::md5, a.md5}, {SaMac::sha1, a.sha1}, {SaMac::sha256, a.sha256}};
    for (const auto& [hash, expected] : digests) {
      if (!expected) continue;
      for (const std::size_t piece : {64u, 1600u}) {
        SCOPED_TRACE(testing::Message() << a.name << ": " << expected << ", pieces of " << piece);
        AcceleratorBench b;
        b.put_hmac_key(hash, a.key);
        SaResult r;
        EXPECT_EQ(hash_through(b, {.operation = SaOperation::mac, .mac = test::hmac_code(hash)},
                               a.message, piece, r),
                  from_hex(expected));
        EXPECT_EQ(r.mac, hash) << "the hash beneath";
        ++checked;
      }
    }
  }
  EXPECT_EQ(checked, 2u * (7 + 7 + 6));
}

struct TruncatedAnswer {
  SaMac hash;
  Bytes key;
  const char* mac96;
};
// The engine writes 12 bytes and leaves the rest of the place alone.
TEST(KnownAnswers, TruncatedTo96Bits) {
  const TruncatedAnswer answers[] = {
      // RFC 2202, case 5, digest-96 of both sections.
      {SaMac::md5, repeat(16, 0x0c), "56461ef2342edc00f9bab995"},
      {SaMac::sha1, repeat(20, 0x0c), "4c1a03424b55e07fe7f27be1"},
      // RFC 4231, case 5 is cut to 128 bits there; its first 96.
      {SaMac::sha256, repeat(20, 0x0c), "a3b6167473100ee06e0c796c"},
  };
  const Bytes message = text("Test With Truncation");
  for (const TruncatedAnswer& a : answers) {
    AcceleratorBench b;
    b.put_hmac_key(a.hash, a.key);
    b.put(AcceleratorBench::kData, message);
    b.put(AcceleratorBench::kDigest, repeat(32, 0xEE));
    b.at.mac_len = b.at.mac_total_len = static_cast<std::uint32_t>(message.size());
    const SaResult r =
        b.run({.operation = SaOperation::mac, .mac = test::hmac_code(a.hash), .mac_96 = true});
    ASSERT_EQ(r.status, SaStatus::done) << r.report;
    EXPECT_EQ(b.get(AcceleratorBench::kDigest, 12), from_hex(a.mac96));
    EXPECT_EQ(b.get(AcceleratorBench::kDigest + 12, 20), repeat(20, 0xEE));
  }
}

}  // namespace
}  // namespace cesasim::hw
