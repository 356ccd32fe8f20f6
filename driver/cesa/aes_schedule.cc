#include "driver/cesa/aes_schedule.h"

#include <algorithm>
#include <vector>

namespace cesasim::driver {

namespace {

using Word = std::array<std::uint8_t, 4>;

std::uint8_t xtime(std::uint8_t x) {
  return static_cast<std::uint8_t>((x << 1) ^ ((x & 0x80) != 0 ? 0x1b : 0));
}

/// The S-box from its definition: inverse in GF(2^8), then the affine map. 3 generates the
/// multiplicative group, so walking its powers p and inverse powers q visits every pair.
std::array<std::uint8_t, 256> make_sbox() {
  std::array<std::uint8_t, 256> sbox{};
  auto rotate = [](std::uint8_t x, int n) {
    return static_cast<std::uint8_t>((x << n) | (x >> (8 - n)));
  };
  std::uint8_t p = 1;
  std::uint8_t q = 1;
  do {
    p = static_cast<std::uint8_t>(p ^ xtime(p));  // times 3
    q = static_cast<std::uint8_t>(q ^ (q << 1));  // divided by 3
    q = static_cast<std::uint8_t>(q ^ (q << 2));
    q = static_cast<std::uint8_t>(q ^ (q << 4));
    if ((q & 0x80) != 0) q ^= 0x09;
    sbox[p] = static_cast<std::uint8_t>(q ^ rotate(q, 1) ^ rotate(q, 2) ^ rotate(q, 3) ^
                                        rotate(q, 4) ^ 0x63);
  } while (p != 1);
  sbox[0] = 0x63;
  return sbox;
}

}  // namespace

std::array<std::uint8_t, 32> aes_decrypt_start_key(std::span<const std::uint8_t> key) {
  static const std::array<std::uint8_t, 256> sbox = make_sbox();
  const std::size_t nk = key.size() / 4;
  const std::size_t total = 4 * (nk + 7);  // 4 words for each of Nr + 1 rounds, Nr = Nk + 6
  std::vector<Word> w(total);
  for (std::size_t i = 0; i < nk; ++i) {
    w[i] = {key[4 * i], key[4 * i + 1], key[4 * i + 2], key[4 * i + 3]};
  }
  std::uint8_t rcon = 1;
  for (std::size_t i = nk; i < total; ++i) {
    Word t = w[i - 1];
    if (i % nk == 0) {
      std::rotate(t.begin(), t.begin() + 1, t.end());
      for (std::uint8_t& b : t) b = sbox[b];
      t[0] ^= rcon;
      rcon = xtime(rcon);
    } else if (nk > 6 && i % nk == 4) {
      for (std::uint8_t& b : t) b = sbox[b];
    }
    for (std::size_t b = 0; b < 4; ++b) w[i][b] = w[i - nk][b] ^ t[b];
  }
  std::array<std::uint8_t, 32> out{};
  auto put = [&](std::size_t at, const Word& word) {
    std::copy(word.begin(), word.end(), out.begin() + static_cast<std::ptrdiff_t>(4 * at));
  };
  for (std::size_t i = 0; i < 4; ++i) put(i, w[total - 4 + i]);
  const std::size_t before = nk - 4;
  for (std::size_t i = 0; i < before; ++i) put(4 + i, w[total - 4 - before + i]);
  return out;
}

}  // namespace cesasim::driver
