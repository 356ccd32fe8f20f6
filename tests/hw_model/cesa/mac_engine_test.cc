// SPDX-License-Identifier: Apache-2.0
// Fragments, padding and the chaining value; the digests themselves are in known_answers_test.
#include "hw_model/cesa/mac_engine.h"

#include <gtest/gtest.h>

#include "tests/hw_model/cesa/accelerator_bench.h"

namespace cesasim::hw {
namespace {

using test::Bytes;
using Words = std::array<std::uint32_t, 8>;

constexpr SaMac kHashes[] = {SaMac::md5, SaMac::sha1, SaMac::sha256};

MacRun fragment(SaMac hash, SaFragment f, const Bytes& data, std::size_t total = 0) {
  return {.hash = hash,
          .fragment = f,
          .data = data.data(),
          .bytes = static_cast<std::uint32_t>(data.size()),
          .total_bytes = static_cast<std::uint32_t>(total)};
}

Bytes digest_of(SaMac hash, const Words& state) {
  Bytes out(4 * mac_words(hash));
  mac_store_digest(hash, state, out.data());
  return out;
}

// The registers show the words as numbers: RFC 1321's and FIPS 180's digests of "abc".
TEST(MacWordOrder, RegistersHoldNumbers) {
  const Bytes abc = {'a', 'b', 'c'};
  const std::pair<SaMac, Words> expected[] = {
      {SaMac::md5, {0x98500190, 0xB04FD23C, 0x7D3F96D6, 0x727FE128}},
      {SaMac::sha1, {0xA9993E36, 0x4706816A, 0xBA3E2571, 0x7850C26C, 0x9CD0D89D}},
      {SaMac::sha256,
       {0xBA7816BF, 0x8F01CFEA, 0x414140DE, 0x5DAE2223, 0xB00361A3, 0x96177A9C, 0xB410FF61,
        0xF20015AD}}};
  for (const auto& [hash, words] : expected) {
    MacEngine e(true);
    Words state{};
    e.run(fragment(hash, SaFragment::whole, abc, 3), state);
    EXPECT_EQ(state, words);
  }
}

// Words a hash does not have are not touched: on silicon they are other registers.
TEST(MacWordOrder, UnusedWordsStay) {
  const Bytes data(100, 1);
  for (const SaMac hash : kHashes) {
    MacEngine e(true);
    Words state;
    state.fill(0xDEADBEEF);
    e.run(fragment(hash, SaFragment::whole, data, 100), state);
    for (unsigned i = mac_words(hash); i < 8; ++i) EXPECT_EQ(state[i], 0xDEADBEEF) << i;
  }
}

// FIPS 180-4 section 5.1: a bit and 64 bits of length after the data.
TEST(MacPadding, CompressionsOfAWholeMessage) {
  for (const SaMac hash : kHashes) {
    for (std::uint32_t n = 1; n <= 260; ++n) {
      const Bytes data(n, 7);
      const Bytes key(64, 3);
      const Bytes inner = test::hmac_state(hash, key, 0x36),
                  outer = test::hmac_state(hash, key, 0x5C);
      MacEngine e(true);
      Words state{};
      MacRun r = fragment(hash, SaFragment::whole, data, n);
      EXPECT_EQ(e.run(r, state), (n + 9 + 63) / 64);
      EXPECT_EQ(digest_of(hash, state), test::digest(hash, data)) << n;
      r.hmac = true;
      r.inner = inner.data();
      r.outer = outer.data();
      EXPECT_EQ(e.run(r, state), (n + 9 + 63) / 64 + 1);
      EXPECT_EQ(digest_of(hash, state), test::hmac(hash, key, data)) << n;
    }
  }
}

// Any split into fragments, aligned or not, is the same message.
TEST(MacFragments, AnySplitGivesTheSameDigest) {
  std::mt19937 rng(42);
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE(i);
    const SaMac hash = kHashes[rng() % 3];
    const bool hmac = rng() % 2;
    const Bytes message = test::random_bytes(rng, 1 + rng() % 2000);
    const Bytes key = test::random_bytes(rng, 1 + rng() % 100);
    const Bytes inner = test::hmac_state(hash, key, 0x36),
                outer = test::hmac_state(hash, key, 0x5C);
    MacEngine e(true);
    Words state{};
    std::uint32_t blocks = 0;
    for (std::size_t at = 0; at < message.size();) {
      const std::size_t left = message.size() - at;
      const std::size_t n = rng() % 3 ? std::min<std::size_t>(left, 1 + rng() % 300) : left;
      const bool last = n == left;
      const SaFragment f = at == 0 ? (last ? SaFragment::whole : SaFragment::first)
                                   : (last ? SaFragment::last : SaFragment::middle);
      const Bytes data(message.begin() + at, message.begin() + at + n);
      MacRun r = fragment(hash, f, data, last ? message.size() : 0);
      r.hmac = hmac;
      r.inner = inner.data();
      r.outer = outer.data();
      ASSERT_EQ(e.refusal(r), "");
      blocks += e.run(r, state);
      at += n;
      ASSERT_EQ(e.partial_bytes(), last ? 0 : at % 64);
    }
    ASSERT_EQ(digest_of(hash, state),
              hmac ? test::hmac(hash, key, message) : test::digest(hash, message));
    ASSERT_EQ(blocks, (message.size() + 9 + 63) / 64 + (hmac ? 1 : 0));
  }
}

// Another message may pass between two fragments if software saves and restores the words.
TEST(MacFragments, SavedAndRestoredWords) {
  std::mt19937 rng(5);
  for (const SaMac hash : kHashes) {
    const Bytes a = test::random_bytes(rng, 64), b = test::random_bytes(rng, 100);
    const Bytes other = test::random_bytes(rng, 77);
    MacEngine e(true);
    Words state{};
    e.run(fragment(hash, SaFragment::first, a), state);
    const Words saved = state;
    e.run(fragment(hash, SaFragment::whole, other, 77), state);
    EXPECT_EQ(digest_of(hash, state), test::digest(hash, other));
    state = saved;
    e.discard_partial();
    e.run(fragment(hash, SaFragment::last, b, 164), state);
    Bytes both = a;
    both.insert(both.end(), b.begin(), b.end());
    EXPECT_EQ(digest_of(hash, state), test::digest(hash, both));
  }
}

TEST(MacPartialBlock, DroppedWhenSoftwareOrANewMessageSaysSo) {
  const Bytes odd(70, 9), block(64, 8);
  Words state{};
  MacEngine e(true);
  e.run(fragment(SaMac::sha1, SaFragment::first, odd), state);
  EXPECT_EQ(e.partial_bytes(), 6u);
  e.discard_partial();
  EXPECT_EQ(e.partial_bytes(), 0u);
  e.run(fragment(SaMac::sha1, SaFragment::first, odd), state);
  e.run(fragment(SaMac::sha1, SaFragment::whole, block, 64), state);
  EXPECT_EQ(digest_of(SaMac::sha1, state), test::digest(SaMac::sha1, block));
  e.run(fragment(SaMac::sha1, SaFragment::first, odd), state);
  e.run(fragment(SaMac::sha1, SaFragment::first, block), state);
  EXPECT_EQ(e.partial_bytes(), 0u);
}

TEST(MacPartialBlock, RefusedByAnEngineThatCannotKeepIt) {
  MacEngine e(false);
  const Bytes odd(1888, 1), even(1920, 1);
  for (const SaFragment f : {SaFragment::first, SaFragment::middle}) {
    EXPECT_EQ(e.refusal(fragment(SaMac::md5, f, odd)),
              "MAC length 1888 of a fragment with more to come is not a multiple of 64");
    EXPECT_EQ(e.refusal(fragment(SaMac::md5, f, even)), "");
  }
  EXPECT_EQ(e.refusal(fragment(SaMac::md5, SaFragment::last, odd, 1888 + 64)), "");
  EXPECT_EQ(e.refusal(fragment(SaMac::md5, SaFragment::whole, odd, 1888)), "");
}

TEST(MacRefusals, LengthsThatDoNotFit) {
  MacEngine e(true);
  const Bytes data(100, 1), none;
  EXPECT_EQ(e.refusal(fragment(SaMac::sha1, SaFragment::last, none, 64)),
            "MAC length 0: the engine cannot pad without data");
  EXPECT_EQ(e.refusal(fragment(SaMac::sha1, SaFragment::whole, data, 99)),
            "MAC total length 99 of a whole message differs from its MAC length 100");
  EXPECT_EQ(
      e.refusal(fragment(SaMac::sha1, SaFragment::last, data, 64)),
      "MAC total length 64 cannot be that of a message whose last fragment has MAC length 100");
  EXPECT_EQ(e.refusal(fragment(SaMac::sha1, SaFragment::last, data, 165)),
            "MAC total length 165 cannot be that of a message whose last fragment has MAC length "
            "100");
  EXPECT_EQ(e.refusal(fragment(SaMac::sha1, SaFragment::last, data, 164)), "");
  Words state{};
  e.run(fragment(SaMac::sha1, SaFragment::first, data), state);
  EXPECT_EQ(e.refusal(fragment(SaMac::sha1, SaFragment::last, data, 164)),
            "MAC total length 164 cannot be that of a message whose last fragment has MAC length "
            "100 after 36 bytes that waited for it");
  EXPECT_EQ(e.refusal(fragment(SaMac::sha1, SaFragment::last, data, 200)), "");
}

}  // namespace
}  // namespace cesasim::hw
