// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/mac_engine.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "hw_model/common/little_endian.h"

namespace cesasim::hw {
namespace {

void store_be32(std::uint8_t* p, std::uint32_t v) {
  for (unsigned i = 0; i < 4; ++i) p[i] = static_cast<std::uint8_t>(v >> (24 - 8 * i));
}

std::uint32_t load_be32(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

void load_hmac_state(SaMac hash, const std::uint8_t* from, MacWords state) {
  for (unsigned i = 0; i < mac_words(hash); ++i) state[i] = load_be32(from + 4 * i);
}

/// The last 8 bytes of the padding: the length of the message in bits.
void store_bit_count(SaMac hash, std::uint64_t bytes, std::uint8_t* p) {
  const std::uint64_t bits = 8 * bytes;
  for (unsigned i = 0; i < 8; ++i) {
    p[i] = static_cast<std::uint8_t>(bits >> (hash == SaMac::md5 ? 8 * i : 56 - 8 * i));
  }
}

}  // namespace

void mac_start(SaMac hash, MacWords state) {
  // FIPS 180-4 section 5.3; MD5's four words are the first four of SHA-1 (RFC 1321).
  static constexpr std::array<std::uint32_t, 5> kSha1 = {0x67452301, 0xEFCDAB89, 0x98BADCFE,
                                                         0x10325476, 0xC3D2E1F0};
  static constexpr std::array<std::uint32_t, 8> kSha256 = {0x6A09E667, 0xBB67AE85, 0x3C6EF372,
                                                           0xA54FF53A, 0x510E527F, 0x9B05688C,
                                                           0x1F83D9AB, 0x5BE0CD19};
  const std::uint32_t* const from = hash == SaMac::sha256 ? kSha256.data() : kSha1.data();
  std::copy_n(from, mac_words(hash), state.begin());
}

// An engine that software may stop after any fragment and restart from a chaining value needs
// the compression function itself. EVP_MD contexts can neither be given a chaining value nor be
// asked for one, so these three are the documented, if deprecated, way in OpenSSL 3.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void mac_compress(SaMac hash, MacWords state, const std::uint8_t* data, std::uint32_t blocks) {
  if (hash == SaMac::md5) {
    MD5_CTX c{};
    c.A = state[0], c.B = state[1], c.C = state[2], c.D = state[3];
    for (; blocks > 0; --blocks, data += kMacBlockBytes) MD5_Transform(&c, data);
    state[0] = c.A, state[1] = c.B, state[2] = c.C, state[3] = c.D;
  } else if (hash == SaMac::sha1) {
    SHA_CTX c{};
    c.h0 = state[0], c.h1 = state[1], c.h2 = state[2], c.h3 = state[3], c.h4 = state[4];
    for (; blocks > 0; --blocks, data += kMacBlockBytes) SHA1_Transform(&c, data);
    state[0] = c.h0, state[1] = c.h1, state[2] = c.h2, state[3] = c.h3, state[4] = c.h4;
  } else {
    SHA256_CTX c{};
    std::copy(state.begin(), state.end(), c.h);
    for (; blocks > 0; --blocks, data += kMacBlockBytes) SHA256_Transform(&c, data);
    std::copy_n(c.h, state.size(), state.begin());
  }
}
#pragma GCC diagnostic pop

void mac_store_digest(SaMac hash, std::span<const std::uint32_t, 8> state, std::uint8_t* digest) {
  const auto store = hash == SaMac::md5 ? store_le32 : store_be32;
  for (unsigned i = 0; i < mac_words(hash); ++i) store(digest + 4 * i, state[i]);
}

std::string MacEngine::refusal(const MacRun& r) const {
  const std::uint32_t waiting = r.starts() ? 0 : partial_bytes_;
  const std::string length = "MAC length " + std::to_string(r.bytes);
  // The Linux driver pads by itself whatever would leave nothing to the engine.
  if (r.bytes == 0) return "MAC length 0: the engine cannot pad without data";
  if (!r.ends()) {
    if (!buffers_ && r.bytes % kMacBlockBytes != 0) {
      return length + " of a fragment with more to come is not a multiple of 64";
    }
    return {};
  }
  const std::string total = "MAC total length " + std::to_string(r.total_bytes);
  if (r.fragment == SaFragment::whole && r.total_bytes != r.bytes) {
    return total + " of a whole message differs from its " + length;
  }
  if (r.total_bytes < waiting + r.bytes ||
      (r.total_bytes - waiting - r.bytes) % kMacBlockBytes != 0) {
    return total + " cannot be that of a message whose last fragment has " + length +
           (waiting ? " after " + std::to_string(waiting) + " bytes that waited for it" : "");
  }
  return {};
}

std::uint32_t MacEngine::run(const MacRun& r, MacWords state) {
  if (r.starts()) {
    partial_bytes_ = 0;
    if (r.hmac) {
      load_hmac_state(r.hash, r.inner, state);
    } else {
      mac_start(r.hash, state);
    }
  }
  const std::uint8_t* data = r.data;
  std::uint32_t left = r.bytes;
  std::uint32_t blocks = 0;
  if (partial_bytes_ > 0) {
    const std::uint32_t n = std::min(left, kMacBlockBytes - partial_bytes_);
    std::memcpy(&partial_[partial_bytes_], data, n);
    partial_bytes_ += n;
    data += n;
    left -= n;
    if (partial_bytes_ == kMacBlockBytes) {
      mac_compress(r.hash, state, partial_.data(), 1);
      partial_bytes_ = 0;
      ++blocks;
    }
  }
  if (left > 0) {  // the partial block is empty then
    mac_compress(r.hash, state, data, left / kMacBlockBytes);
    blocks += left / kMacBlockBytes;
    partial_bytes_ = left % kMacBlockBytes;
    std::memcpy(partial_.data(), data + left - partial_bytes_, partial_bytes_);
  }
  return r.ends() ? blocks + finish(r, state) : blocks;
}

std::uint32_t MacEngine::finish(const MacRun& r, MacWords state) {
  std::array<std::uint8_t, 2 * kMacBlockBytes> tail{};
  std::memcpy(tail.data(), partial_.data(), partial_bytes_);
  tail[partial_bytes_] = 0x80;
  const std::uint32_t blocks = partial_bytes_ + 9 <= kMacBlockBytes ? 1 : 2;
  partial_bytes_ = 0;
  const std::uint64_t keyed = r.hmac ? kMacBlockBytes : 0;
  store_bit_count(r.hash, r.total_bytes + keyed, &tail[kMacBlockBytes * blocks - 8]);
  mac_compress(r.hash, state, tail.data(), blocks);
  if (!r.hmac) return blocks;

  std::array<std::uint8_t, kMacBlockBytes> outer{};
  const std::uint32_t digest_bytes = 4 * mac_words(r.hash);
  mac_store_digest(r.hash, state, outer.data());
  outer[digest_bytes] = 0x80;
  store_bit_count(r.hash, kMacBlockBytes + digest_bytes, &outer[kMacBlockBytes - 8]);
  load_hmac_state(r.hash, r.outer, state);
  mac_compress(r.hash, state, outer.data(), 1);
  return blocks + 1;
}

}  // namespace cesasim::hw
