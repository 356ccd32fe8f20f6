#include "hw_model/cesa/cipher_engine.h"

#include <openssl/evp.h>

#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>

#include "hw_model/cesa/aes_key_schedule.h"

namespace cesasim::hw {
namespace {

/// Fetched once: looking an algorithm up by name at every key setup is slow in OpenSSL 3.
const EVP_CIPHER* cipher_for(std::uint32_t key_bytes, bool cbc) {
  static const std::array<EVP_CIPHER*, 6> kCiphers = [] {
    std::array<EVP_CIPHER*, 6> c{};
    const char* const names[] = {"AES-128-ECB", "AES-192-ECB", "AES-256-ECB",
                                 "AES-128-CBC", "AES-192-CBC", "AES-256-CBC"};
    for (unsigned i = 0; i < c.size(); ++i) c[i] = EVP_CIPHER_fetch(nullptr, names[i], nullptr);
    return c;
  }();
  return kCiphers[(cbc ? 3 : 0) + (key_bytes - 16) / 8];
}

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("OpenSSL refused ") + what);
}

void exclusive_or(std::uint8_t* a, const std::uint8_t* b) {
  for (std::uint32_t i = 0; i < kAesBlockBytes; ++i) a[i] ^= b[i];
}

}  // namespace

struct CipherEngine::Slot {
  Slot() : ctx(EVP_CIPHER_CTX_new()) {}
  ~Slot() { EVP_CIPHER_CTX_free(ctx); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  EVP_CIPHER_CTX* ctx;
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

CipherEngine::Slot& CipherEngine::slot_for(const AesRun& r) {
  const auto matches = [&](const Slot& s) {
    return s.key_bytes == r.key_bytes && s.cbc == r.cbc && s.decrypt == r.decrypt &&
           std::memcmp(s.key.data(), r.key, r.key_bytes) == 0;
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
  Slot& s = *slots_[last_];
  s.key_bytes = 0;  // stays unused if OpenSSL refuses below
  std::array<std::uint8_t, 32> key{};
  if (r.decrypt) {
    aes_key_from_decrypt_start({r.key, r.key_bytes}, {key.data(), r.key_bytes});
  } else {
    std::memcpy(key.data(), r.key, r.key_bytes);
  }
  static constexpr std::array<std::uint8_t, kAesBlockBytes> kZero{};
  require(EVP_CipherInit_ex2(s.ctx, cipher_for(r.key_bytes, r.cbc), key.data(),
                             r.cbc ? kZero.data() : nullptr, r.decrypt ? 0 : 1, nullptr) == 1,
          "an AES key");
  EVP_CIPHER_CTX_set_padding(s.ctx, 0);
  std::memcpy(s.key.data(), r.key, r.key_bytes);
  s.key_bytes = r.key_bytes;
  s.cbc = r.cbc;
  s.decrypt = r.decrypt;
  s.chain = kZero;
  ++key_setups_;
  return s;
}

void CipherEngine::run(const AesRun& r) {
  if (r.bytes == 0) return;
  Slot& s = slot_for(r);
  const auto update = [&s](std::uint8_t* dst, const std::uint8_t* src, std::uint32_t bytes) {
    require(EVP_Cipher(s.ctx, dst, src, bytes) >= 0, "AES data");
  };
  using Block = std::array<std::uint8_t, kAesBlockBytes>;
  Block iv{};  // copied first: the IV may lie in the data
  if (r.cbc) std::memcpy(iv.data(), r.iv, iv.size());

  const bool overlap = r.src != r.dst && std::less<>()(r.src, r.dst + r.bytes) &&
                       std::less<>()(r.dst, r.src + r.bytes);
  const std::uint32_t piece = overlap ? kAesBlockBytes : r.bytes;
  for (std::uint32_t done = 0; done < r.bytes; done += piece) {
    const std::uint8_t* src = r.src + done;
    std::uint8_t* dst = r.dst + done;
    if (!r.cbc) {
      if (overlap) {
        std::memmove(dst, src, kAesBlockBytes);
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
      exclusive_or(first.data(), iv.data());
      exclusive_or(first.data(), s.chain.data());
      update(dst, first.data(), kAesBlockBytes);
      if (piece > kAesBlockBytes) {
        update(dst + kAesBlockBytes, src + kAesBlockBytes, piece - kAesBlockBytes);
      }
      std::memcpy(s.chain.data(), dst + piece - kAesBlockBytes, kAesBlockBytes);
    } else {
      Block last;
      std::memcpy(last.data(), src + piece - kAesBlockBytes, last.size());
      if (overlap) {
        update(dst, first.data(), kAesBlockBytes);
      } else {
        update(dst, src, piece);
      }
      exclusive_or(dst, s.chain.data());
      exclusive_or(dst, iv.data());
      s.chain = last;
    }
    iv = s.chain;  // where the next block of an overlapping run goes on
  }
  if (r.cbc) std::memcpy(r.next_iv, iv.data(), iv.size());
}

}  // namespace cesasim::hw
