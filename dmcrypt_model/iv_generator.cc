#include "dmcrypt_model/iv_generator.h"

#include <openssl/evp.h>

#include <vector>

namespace cesasim::dmcrypt {

namespace {

void put_le(std::uint64_t value, std::size_t bytes, Iv& iv) {
  iv.fill(0);
  for (std::size_t i = 0; i < bytes; ++i) iv[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// plain: the low 32 bits of the sector, little endian, zero padded.
class PlainIv : public IvGenerator {
 public:
  PlainIv(kernel::Kernel& kernel, double cost) : kernel_(kernel), cost_(cost) {}
  void generate(std::uint64_t sector, Iv& iv) override {
    kernel_.charge(kernel::Activity::dm, cost_);
    put_le(sector & 0xffffffff, 4, iv);
  }

 private:
  kernel::Kernel& kernel_;
  double cost_;
};

/// essiv: the sector as 64 bits little endian, zero padded, encrypted with the hash of the key.
class EssivIv : public IvGenerator {
 public:
  EssivIv(kernel::Kernel& kernel, double cost, std::span<const std::uint8_t> salt,
          const driver::CipherCosts& cipher_costs)
      : kernel_(kernel), cost_(cost), tfm_(kernel, cipher_costs, driver::CipherMode::ecb, salt) {}
  void generate(std::uint64_t sector, Iv& iv) override {
    kernel_.charge(kernel::Activity::dm, cost_);
    put_le(sector, 8, iv);
    tfm_.encrypt(iv.data(), iv.data(), kIvBytes, nullptr);
  }

 private:
  kernel::Kernel& kernel_;
  double cost_;
  driver::CryptoTfm tfm_;
};

std::vector<std::uint8_t> hash_key(const std::string& hash, std::span<const std::uint8_t> key) {
  std::vector<std::uint8_t> digest(EVP_MAX_MD_SIZE);
  unsigned bytes = 0;
  const EVP_MD* md = EVP_get_digestbyname(hash.c_str());
  if (md == nullptr ||
      EVP_Digest(key.data(), key.size(), digest.data(), &bytes, md, nullptr) != 1) {
    throw CipherSpecError("essiv: OpenSSL has no hash '" + hash + "'");
  }
  digest.resize(bytes);
  return digest;
}

}  // namespace

std::unique_ptr<IvGenerator> IvGenerator::make(kernel::Kernel& kernel, const CipherSpec& spec,
                                               std::span<const std::uint8_t> key,
                                               const DmCryptCosts& costs,
                                               const driver::CipherCosts& cipher_costs) {
  if (spec.ivmode == "plain") return std::make_unique<PlainIv>(kernel, costs.iv);
  if (spec.ivmode == "essiv") {
    const std::vector<std::uint8_t> salt = hash_key(spec.ivopts, key);
    try {
      return std::make_unique<EssivIv>(kernel, costs.iv, salt, cipher_costs);
    } catch (const std::invalid_argument&) {
      throw CipherSpecError("essiv:" + spec.ivopts + " gives a salt of " +
                            std::to_string(salt.size() * 8) +
                            " bits, which is no AES key length; valid: sha256, md5");
    }
  }
  throw CipherSpecError("IV mode '" + spec.ivmode + "' is not modelled yet");
}

}  // namespace cesasim::dmcrypt
