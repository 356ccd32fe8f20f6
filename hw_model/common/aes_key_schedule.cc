// SPDX-License-Identifier: Apache-2.0
#include "hw_model/common/aes_key_schedule.h"

#include <array>
#include <cassert>
#include <cstring>

namespace cesasim::hw {
namespace {

using Word = std::array<std::uint8_t, 4>;  // bytes in FIPS 197 order
constexpr unsigned kMaxWords = 60;         // 4 * (14 rounds + 1)

constexpr std::uint8_t xtime(std::uint8_t x) {
  return static_cast<std::uint8_t>((x << 1) ^ ((x & 0x80) ? 0x1B : 0));
}

constexpr std::uint8_t gf_multiply(std::uint8_t a, std::uint8_t b) {
  std::uint8_t product = 0;
  for (; b != 0; b >>= 1, a = xtime(a)) {
    if (b & 1) product ^= a;
  }
  return product;
}

/// FIPS 197 section 5.1.1: inverse in GF(2^8), then the affine map.
constexpr std::array<std::uint8_t, 256> make_sbox() {
  std::array<std::uint8_t, 256> sbox{};
  for (unsigned x = 0; x < 256; ++x) {
    std::uint8_t inverse = x ? 1 : 0;  // x^254 is the inverse of x, and 0 for 0
    for (unsigned i = 0; i < 254; ++i) inverse = gf_multiply(inverse, static_cast<std::uint8_t>(x));
    unsigned s = inverse;
    for (unsigned turn = 1; turn <= 4; ++turn) s ^= (inverse << turn) | (inverse >> (8 - turn));
    sbox[x] = static_cast<std::uint8_t>(s ^ 0x63);
  }
  return sbox;
}
const std::array<std::uint8_t, 256> kSbox = make_sbox();

Word substitute(Word w) {
  for (std::uint8_t& b : w) b = kSbox[b];
  return w;
}

/// What is xor-ed with word i - Nk to give word i, from word i - 1.
Word feed(unsigned i, unsigned nk, Word previous) {
  if (i % nk == 0) {
    Word w = substitute({previous[1], previous[2], previous[3], previous[0]});
    std::uint8_t rcon = 1;
    for (unsigned r = 1; r < i / nk; ++r) rcon = xtime(rcon);
    w[0] ^= rcon;
    return w;
  }
  if (nk > 6 && i % nk == 4) return substitute(previous);
  return previous;
}

void exclusive_or(Word& a, const Word& b) {
  for (unsigned i = 0; i < 4; ++i) a[i] ^= b[i];
}

unsigned schedule_words(unsigned nk) { return 4 * (nk + 7); }

}  // namespace

void aes_key_from_decrypt_start(std::span<const std::uint8_t> start, std::span<std::uint8_t> key) {
  assert(start.size() == key.size());
  const unsigned nk = static_cast<unsigned>(start.size()) / 4;
  const unsigned total = schedule_words(nk);
  std::array<Word, kMaxWords> w;
  std::memcpy(&w[total - 4], start.data(), 16);
  std::memcpy(&w[total - nk], start.data() + 16, 4 * (nk - 4));
  for (unsigned i = total - 1; i >= nk; --i) {
    w[i - nk] = w[i];
    exclusive_or(w[i - nk], feed(i, nk, w[i - 1]));
  }
  std::memcpy(key.data(), w.data(), key.size());
}

void aes_decrypt_start_from_key(std::span<const std::uint8_t> key, std::span<std::uint8_t> start) {
  assert(start.size() == key.size());
  const unsigned nk = static_cast<unsigned>(key.size()) / 4;
  const unsigned total = schedule_words(nk);
  std::array<Word, kMaxWords> w;
  std::memcpy(w.data(), key.data(), key.size());
  for (unsigned i = nk; i < total; ++i) {
    w[i] = w[i - nk];
    exclusive_or(w[i], feed(i, nk, w[i - 1]));
  }
  std::memcpy(start.data(), &w[total - 4], 16);
  std::memcpy(start.data() + 16, &w[total - nk], 4 * (nk - 4));
}

}  // namespace cesasim::hw
