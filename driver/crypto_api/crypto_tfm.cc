#include "driver/crypto_api/crypto_tfm.h"

#include <openssl/evp.h>

#include <cerrno>
#include <stdexcept>
#include <string>

namespace cesasim::driver {

namespace {

const EVP_CIPHER* cipher_for(CipherMode mode, std::size_t key_bytes) {
  const bool cbc = mode == CipherMode::cbc;
  switch (key_bytes) {
    case 16:
      return cbc ? EVP_aes_128_cbc() : EVP_aes_128_ecb();
    case 24:
      return cbc ? EVP_aes_192_cbc() : EVP_aes_192_ecb();
    case 32:
      return cbc ? EVP_aes_256_cbc() : EVP_aes_256_ecb();
    default:
      return nullptr;
  }
}

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* ctx) const { EVP_CIPHER_CTX_free(ctx); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter>;

Context make_context(const EVP_CIPHER* cipher, std::span<const std::uint8_t> key, bool encrypt) {
  Context ctx(EVP_CIPHER_CTX_new());
  if (!ctx || EVP_CipherInit_ex(ctx.get(), cipher, nullptr, key.data(), nullptr, encrypt) != 1 ||
      EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1) {
    throw std::runtime_error("OpenSSL refuses the AES context");
  }
  return ctx;
}

}  // namespace

struct CryptoTfm::Contexts {
  Context encrypt;
  Context decrypt;
};

CryptoTfm::CryptoTfm(kernel::Kernel& kernel, const CipherCosts& costs, CipherMode mode,
                     std::span<const std::uint8_t> key)
    : kernel_(kernel), setup_(costs.aes_setup), dram_per_byte_(costs.dram_bytes_per_byte) {
  const EVP_CIPHER* cipher = cipher_for(mode, key.size());
  if (cipher == nullptr) {
    throw std::invalid_argument("AES takes keys of 16, 24 or 32 bytes, not " +
                                std::to_string(key.size()));
  }
  const double extra_rounds = (static_cast<double>(key.size()) - 16) / 4;
  encrypt_per_byte_ = costs.aes128_encrypt_per_byte + extra_rounds * costs.aes_round_per_byte;
  decrypt_per_byte_ = costs.aes128_decrypt_per_byte + extra_rounds * costs.aes_round_per_byte;
  contexts_ = std::make_unique<Contexts>();
  contexts_->encrypt = make_context(cipher, key, true);
  contexts_->decrypt = make_context(cipher, key, false);
}

CryptoTfm::~CryptoTfm() = default;

int CryptoTfm::run(bool encrypt, std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
                   const std::uint8_t* iv) {
  if (bytes == 0 || bytes % 16 != 0) return -EINVAL;
  const double n = static_cast<double>(bytes);
  kernel_.charge_with_dram(kernel::Activity::cipher,
                           setup_ + n * (encrypt ? encrypt_per_byte_ : decrypt_per_byte_),
                           static_cast<std::uint64_t>(n * dram_per_byte_));
  EVP_CIPHER_CTX* ctx = (encrypt ? contexts_->encrypt : contexts_->decrypt).get();
  int out = 0;
  if (EVP_CipherInit_ex(ctx, nullptr, nullptr, nullptr, iv, -1) != 1 ||
      EVP_CipherUpdate(ctx, dst, &out, src, static_cast<int>(bytes)) != 1) {
    return -EINVAL;
  }
  return 0;
}

int CryptoTfm::encrypt(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
                       const std::uint8_t* iv) {
  return run(true, dst, src, bytes, iv);
}

int CryptoTfm::decrypt(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
                       const std::uint8_t* iv) {
  return run(false, dst, src, bytes, iv);
}

}  // namespace cesasim::driver
