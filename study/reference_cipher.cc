#include "study/reference_cipher.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace cesasim::study {

namespace {

constexpr int kSector = 512;
constexpr int kBlock = 16;

const EVP_CIPHER* aes(std::size_t key_bytes, bool cbc) {
  switch (key_bytes) {
    case 16:
      return cbc ? EVP_aes_128_cbc() : EVP_aes_128_ecb();
    case 24:
      return cbc ? EVP_aes_192_cbc() : EVP_aes_192_ecb();
    case 32:
      return cbc ? EVP_aes_256_cbc() : EVP_aes_256_ecb();
    default:
      throw std::invalid_argument("no AES key length");
  }
}

void one_shot(const EVP_CIPHER* cipher, const std::vector<std::uint8_t>& key,
              const std::uint8_t* iv, bool encrypt, const std::uint8_t* in, std::uint8_t* out,
              int bytes) {
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ctx(EVP_CIPHER_CTX_new(),
                                                                      &EVP_CIPHER_CTX_free);
  int n = 0;
  if (!ctx || EVP_CipherInit_ex(ctx.get(), cipher, nullptr, key.data(), iv, encrypt) != 1 ||
      EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1 ||
      EVP_CipherUpdate(ctx.get(), out, &n, in, bytes) != 1 || n != bytes) {
    throw std::runtime_error("OpenSSL failed on the reference cipher");
  }
}

}  // namespace

ReferenceCipher::ReferenceCipher(const std::string& cipher, std::vector<std::uint8_t> key,
                                 std::uint64_t iv_offset)
    : key_(std::move(key)), iv_offset_(iv_offset) {
  aes(key_.size(), true);
  const std::string essiv = "aes-cbc-essiv:";
  if (cipher.rfind(essiv, 0) == 0) {
    essiv_salt_.resize(EVP_MAX_MD_SIZE);
    unsigned bytes = 0;
    const EVP_MD* md = EVP_get_digestbyname(cipher.substr(essiv.size()).c_str());
    if (md == nullptr ||
        EVP_Digest(key_.data(), key_.size(), essiv_salt_.data(), &bytes, md, nullptr) != 1) {
      throw std::invalid_argument("no such hash: " + cipher);
    }
    essiv_salt_.resize(bytes);
    aes(essiv_salt_.size(), false);
  } else if (cipher != "aes-cbc-plain" && cipher != "aes-plain" && cipher != "aes") {
    throw std::invalid_argument("no reference for cipher " + cipher);
  }
}

void ReferenceCipher::crypt(bool encrypt, std::uint64_t sector, const std::uint8_t* in,
                            std::uint8_t* out) const {
  const std::uint64_t number = sector + iv_offset_;
  std::array<std::uint8_t, kBlock> iv{};
  const int number_bytes = essiv_salt_.empty() ? 4 : 8;
  for (int i = 0; i < number_bytes; ++i) {
    iv[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  if (!essiv_salt_.empty()) {
    std::array<std::uint8_t, kBlock> clear = iv;
    one_shot(aes(essiv_salt_.size(), false), essiv_salt_, nullptr, true, clear.data(), iv.data(),
             kBlock);
  }
  one_shot(aes(key_.size(), true), key_, iv.data(), encrypt, in, out, kSector);
}

void ReferenceCipher::decrypt(std::uint64_t sector, const std::uint8_t* in,
                              std::uint8_t* out) const {
  crypt(false, sector, in, out);
}

void ReferenceCipher::encrypt(std::uint64_t sector, const std::uint8_t* in,
                              std::uint8_t* out) const {
  crypt(true, sector, in, out);
}

}  // namespace cesasim::study
