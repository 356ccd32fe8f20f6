// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/iv_generator.h"

#include <bit>
#include <functional>
#include <utility>

namespace cesasim::dmcrypt {

namespace {

void put_le(std::uint64_t value, std::size_t bytes, Iv& iv) {
  iv.fill(0);
  for (std::size_t i = 0; i < bytes; ++i) iv[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// 64 bits big endian at the end of an IV of `iv_bytes`.
void put_be_at_end(std::uint64_t value, std::size_t iv_bytes, Iv& iv) {
  iv.fill(0);
  for (std::size_t i = 0; i < 8; ++i) {
    iv[iv_bytes - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

/// The generators that only write a number.
class NumberIv : public IvGenerator {
 public:
  using Write = std::function<void(std::uint64_t sector, Iv& iv)>;
  NumberIv(kernel::Kernel& kernel, double cost, Write write)
      : kernel_(kernel), cost_(cost), write_(std::move(write)) {}
  void generate(std::uint64_t sector, Iv& iv) override {
    kernel_.charge(kernel::Activity::dm, cost_);
    write_(sector, iv);
  }

 private:
  kernel::Kernel& kernel_;
  double cost_;
  Write write_;
};

/// essiv: the sector as 64 bits little endian, zero padded to a block, encrypted with the hash of
/// the key.
class EssivIv : public IvGenerator {
 public:
  EssivIv(kernel::Kernel& kernel, double cost, const CipherSpec& spec,
          std::span<const std::uint8_t> salt, const driver::CipherCosts& cipher_costs)
      : kernel_(kernel),
        cost_(cost),
        bytes_(spec.block_bytes()),
        tfm_(kernel, cipher_costs, cipher_of(spec), driver::CipherMode::ecb, salt) {}
  void generate(std::uint64_t sector, Iv& iv) override {
    kernel_.charge(kernel::Activity::dm, cost_);
    put_le(sector, 8, iv);
    tfm_.encrypt(iv.data(), iv.data(), bytes_, nullptr);
  }

 private:
  kernel::Kernel& kernel_;
  double cost_;
  std::size_t bytes_;
  driver::CryptoTfm tfm_;
};

}  // namespace

driver::Cipher cipher_of(const CipherSpec& spec) {
  if (spec.cipher == "des") return driver::Cipher::des;
  if (spec.cipher == "des3_ede") return driver::Cipher::des3;
  return driver::Cipher::aes;
}

driver::CipherMode mode_of(const CipherSpec& spec) {
  if (spec.chainmode == "ecb") return driver::CipherMode::ecb;
  return spec.chainmode == "xts" ? driver::CipherMode::xts : driver::CipherMode::cbc;
}

std::unique_ptr<IvGenerator> IvGenerator::make(kernel::Kernel& kernel, const CipherSpec& spec,
                                               std::span<const std::uint8_t> key,
                                               const DmCryptCosts& costs,
                                               const driver::CipherCosts& cipher_costs,
                                               EssivSalt salt) {
  if (spec.iv_bytes() == 0) return nullptr;
  if (spec.ivmode == "essiv") {
    return std::make_unique<EssivIv>(kernel, costs.iv, spec, essiv_salt(spec, key, salt),
                                     cipher_costs);
  }
  NumberIv::Write write;
  const std::size_t bytes = spec.iv_bytes();
  if (spec.ivmode == "plain") {
    write = [](std::uint64_t sector, Iv& iv) { put_le(sector & 0xffffffff, 4, iv); };
  } else if (spec.ivmode == "plain64") {
    write = [](std::uint64_t sector, Iv& iv) { put_le(sector, 8, iv); };
  } else if (spec.ivmode == "plain64be") {
    write = [bytes](std::uint64_t sector, Iv& iv) { put_be_at_end(sector, bytes, iv); };
  } else if (spec.ivmode == "benbi") {
    // The number of the sector's first cipher block, counted from 1.
    const int shift = 9 - std::countr_zero(spec.block_bytes());
    write = [bytes, shift](std::uint64_t sector, Iv& iv) {
      put_be_at_end((sector << shift) + 1, bytes, iv);
    };
  } else if (spec.ivmode == "null") {
    write = [](std::uint64_t, Iv& iv) { iv.fill(0); };
  } else {
    throw CipherSpecError("cipher", "IV mode '" + spec.ivmode + "' is not modelled");
  }
  return std::make_unique<NumberIv>(kernel, costs.iv, std::move(write));
}

}  // namespace cesasim::dmcrypt
