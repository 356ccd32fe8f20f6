// SPDX-License-Identifier: Apache-2.0
#include "hw_model/crypto/cipher_engine.h"

#include <openssl/evp.h>

#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>

#include "hw_model/common/aes_key_schedule.h"

namespace cesasim::hw {
namespace {

/// Fetched once: looking an algorithm up by name at every key setup is slow in OpenSSL 3.
const EVP_CIPHER* aes_cipher(std::uint32_t key_bytes, bool cbc) {
  static const std::array<EVP_CIPHER*, 6> kCiphers = [] {
    std::array<EVP_CIPHER*, 6> c{};
    const char* const names[] = {"AES-128-ECB", "AES-192-ECB", "AES-256-ECB",
                                 "AES-128-CBC", "AES-192-CBC", "AES-256-CBC"};
    for (unsigned i = 0; i < c.size(); ++i) c[i] = EVP_CIPHER_fetch(nullptr, names[i], nullptr);
    return c;
  }();
  return kCiphers[(cbc ? 3 : 0) + (key_bytes - 16) / 8];
}

/// Single DES is in OpenSSL 3's legacy provider only; EDE with three equal keys is the same.
const EVP_CIPHER* des_cipher(bool cbc) {
  static EVP_CIPHER* const kEcb = EVP_CIPHER_fetch(nullptr, "DES-EDE3-ECB", nullptr);
  static EVP_CIPHER* const kCbc = EVP_CIPHER_fetch(nullptr, "DES-EDE3-CBC", nullptr);
  return cbc ? kCbc : kEcb;
}

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("OpenSSL refused ") + what);
}

template <std::uint32_t kBlock>
void exclusive_or(std::uint8_t* a, const std::uint8_t* b) {
  for (std::uint32_t i = 0; i < kBlock; ++i) a[i] ^= b[i];
}

constexpr std::array<std::uint8_t, kAesBlockBytes> kZero{};

void init(EVP_CIPHER_CTX* ctx, const EVP_CIPHER* cipher, const std::uint8_t* key, bool cbc,
          bool decrypt) {
  require(cipher != nullptr && EVP_CipherInit_ex2(ctx, cipher, key, cbc ? kZero.data() : nullptr,
                                                  decrypt ? 0 : 1, nullptr) == 1,
          "a cipher key");
  EVP_CIPHER_CTX_set_padding(ctx, 0);
}

bool overlaps(const CipherRun& r) {
  return r.src != r.dst && std::less<>()(r.src, r.dst + r.bytes) &&
         std::less<>()(r.dst, r.src + r.bytes);
}

}  // namespace

struct CipherEngine::Slot {
  Slot() {
    for (auto& c : ctx) c = EVP_CIPHER_CTX_new();
  }
  ~Slot() {
    for (auto& c : ctx) EVP_CIPHER_CTX_free(c);
  }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  std::array<EVP_CIPHER_CTX*, 3> ctx;  // the first one; all three, in order of use, for EEE
  CipherAlgorithm algorithm = CipherAlgorithm::aes;
  std::array<std::uint8_t, 32> key{};  // as it stands in SRAM
  std::uint32_t key_bytes = 0;         // 0 = unused
  bool cbc = false;
  bool decrypt = false;
  // CBC: the chaining value inside `ctx`.
  std::array<std::uint8_t, kAesBlockBytes> chain{};
};

CipherEngine::CipherEngine() {
  for (auto& slot : slots_) slot = std::make_unique<Slot>();
}
CipherEngine::~CipherEngine() = default;

CipherEngine::Slot& CipherEngine::slot_for(const CipherRun& r) {
  const auto matches = [&](const Slot& s) {
    return s.key_bytes == r.key_bytes && s.algorithm == r.algorithm && s.cbc == r.cbc &&
           s.decrypt == r.decrypt && std::memcmp(s.key.data(), r.key, r.key_bytes) == 0;
  };
  if (matches(*slots_[last_])) return *slots_[last_];
  for (unsigned i = 0; i < kSlots; ++i) {
    if (matches(*slots_[i])) {
      last_ = i;
      return *slots_[i];
    }
  }
  last_ = oldest_;
  oldest_ = (oldest_ + 1) % kSlots;
  set_key(*slots_[last_], r);
  return *slots_[last_];
}

void CipherEngine::set_key(Slot& s, const CipherRun& r) {
  s.key_bytes = 0;  // stays unused if OpenSSL refuses below
  switch (r.algorithm) {
    case CipherAlgorithm::aes: {
      std::array<std::uint8_t, 32> key{};
      if (r.decrypt) {
        aes_key_from_decrypt_start({r.key, r.key_bytes}, {key.data(), r.key_bytes});
      } else {
        std::memcpy(key.data(), r.key, r.key_bytes);
      }
      init(s.ctx[0], aes_cipher(r.key_bytes, r.cbc), key.data(), r.cbc, r.decrypt);
      break;
    }
    case CipherAlgorithm::des3_ede:
      init(s.ctx[0], des_cipher(r.cbc), r.key, r.cbc, r.decrypt);
      break;
    case CipherAlgorithm::des:
    case CipherAlgorithm::des3_eee: {
      const bool eee = r.algorithm == CipherAlgorithm::des3_eee;
      for (unsigned pass = 0; pass < (eee ? 3u : 1u); ++pass) {
        // Decryption undoes the last pass first.
        const std::uint8_t* const one = r.key + 8 * (eee && r.decrypt ? 2 - pass : pass);
        std::array<std::uint8_t, 24> key;
        for (unsigned i = 0; i < 3; ++i) std::memcpy(&key[8 * i], one, 8);
        const bool cbc = r.cbc && !eee;
        init(s.ctx[pass], des_cipher(cbc), key.data(), cbc, r.decrypt);
      }
      break;
    }
  }
  std::memcpy(s.key.data(), r.key, r.key_bytes);
  s.algorithm = r.algorithm;
  s.key_bytes = r.key_bytes;
  s.cbc = r.cbc;
  s.decrypt = r.decrypt;
  s.chain = kZero;
  ++key_setups_;
}

void CipherEngine::run(const CipherRun& r) {
  if (r.bytes == 0) return;
  Slot& s = slot_for(r);
  switch (r.algorithm) {
    case CipherAlgorithm::aes:
      run_blocks<kAesBlockBytes>(s, r);
      break;
    case CipherAlgorithm::des:
    case CipherAlgorithm::des3_ede:
      run_blocks<kDesBlockBytes>(s, r);
      break;
    case CipherAlgorithm::des3_eee:
      run_eee(s, r);
      break;
  }
}

template <std::uint32_t kBlock>
void CipherEngine::run_blocks(Slot& s, const CipherRun& r) {
  const auto update = [&s](std::uint8_t* dst, const std::uint8_t* src, std::uint32_t bytes) {
    require(EVP_Cipher(s.ctx[0], dst, src, bytes) >= 0, "data");
  };
  using Block = std::array<std::uint8_t, kBlock>;
  Block iv{};  // copied first: the IV may lie in the data
  if (r.cbc) std::memcpy(iv.data(), r.iv, iv.size());

  const bool overlap = overlaps(r);
  const std::uint32_t piece = overlap ? kBlock : r.bytes;
  for (std::uint32_t done = 0; done < r.bytes; done += piece) {
    const std::uint8_t* src = r.src + done;
    std::uint8_t* dst = r.dst + done;
    if (!r.cbc) {
      if (overlap) {
        std::memmove(dst, src, kBlock);
        src = dst;
      }
      update(dst, src, piece);
      continue;
    }
    // Giving OpenSSL 3 a new IV costs about as much as encrypting 128 bytes, so the context
    // keeps the chaining value of its last run and the difference to the wanted IV goes into
    // the first block: E(p ^ difference ^ chain) = E(p ^ iv), and likewise D(c) ^ chain.
    Block first;
    std::memcpy(first.data(), src, first.size());
    if (!r.decrypt) {
      exclusive_or<kBlock>(first.data(), iv.data());
      exclusive_or<kBlock>(first.data(), s.chain.data());
      update(dst, first.data(), kBlock);
      if (piece > kBlock) update(dst + kBlock, src + kBlock, piece - kBlock);
      std::memcpy(s.chain.data(), dst + piece - kBlock, kBlock);
    } else {
      Block last;
      std::memcpy(last.data(), src + piece - kBlock, last.size());
      if (overlap) {
        update(dst, first.data(), kBlock);
      } else {
        update(dst, src, piece);
      }
      exclusive_or<kBlock>(dst, s.chain.data());
      exclusive_or<kBlock>(dst, iv.data());
      std::memcpy(s.chain.data(), last.data(), kBlock);
    }
    std::memcpy(iv.data(), s.chain.data(), kBlock);  // where an overlapping run goes on
  }
  if (r.cbc) std::memcpy(r.next_iv, iv.data(), iv.size());
}

// OpenSSL has no EEE: three passes, and the chaining around all three of them.
void CipherEngine::run_eee(Slot& s, const CipherRun& r) {
  using Block = std::array<std::uint8_t, kDesBlockBytes>;
  Block chain{};
  if (r.cbc) std::memcpy(chain.data(), r.iv, chain.size());
  for (std::uint32_t done = 0; done < r.bytes; done += kDesBlockBytes) {
    Block in;
    std::memcpy(in.data(), r.src + done, in.size());
    Block block = in;
    if (r.cbc && !r.decrypt) exclusive_or<kDesBlockBytes>(block.data(), chain.data());
    for (EVP_CIPHER_CTX* ctx : s.ctx) {
      require(EVP_Cipher(ctx, block.data(), block.data(), kDesBlockBytes) >= 0, "data");
    }
    if (r.cbc && r.decrypt) exclusive_or<kDesBlockBytes>(block.data(), chain.data());
    std::memcpy(r.dst + done, block.data(), block.size());
    chain = r.decrypt ? in : block;
  }
  if (r.cbc) std::memcpy(r.next_iv, chain.data(), chain.size());
}

}  // namespace cesasim::hw
