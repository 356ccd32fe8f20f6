// SPDX-License-Identifier: Apache-2.0
// What a sector must look like on the disk, worked out over OpenSSL straight from the definitions
// (Linux: Documentation/admin-guide/device-mapper/dm-crypt.rst; IEEE 1619 for XTS). Shares nothing
// with the code under test. Single DES is EDE with three equal keys.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace cesasim::test {

struct SectorCipher {
  std::string cipher;  // aes, des, des3_ede
  std::string mode;    // cbc, ecb, xts
  std::string iv;      // plain, plain64, plain64be, benbi, null, essiv, ""
  const EVP_MD* hash = nullptr;
  std::size_t salt_bytes = 0;  // essiv
  std::vector<std::uint8_t> key;

  std::vector<std::uint8_t> crypt(bool encrypt, std::uint64_t sector,
                                  const std::vector<std::uint8_t>& in) const {
    const std::string name = mode == "xts" ? (key.size() == 32 ? "AES-128-XTS" : "AES-256-XTS")
                                           : block_cipher(key.size()) + "-" + mode;
    return run(name, encrypt, key, initial(sector), in);
  }

  std::array<std::uint8_t, 16> initial(std::uint64_t sector) const {
    const unsigned size = cipher == "aes" ? 16 : 8;
    std::array<std::uint8_t, 16> out{};
    if (iv == "plain") sector &= 0xffffffffu;
    if (iv == "plain" || iv == "plain64" || iv == "essiv") {
      for (unsigned i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(sector >> 8 * i);
    }
    if (iv == "benbi") sector = sector * (512 / size) + 1;
    if (iv == "plain64be" || iv == "benbi") {
      for (unsigned i = 0; i < 8; ++i) {
        out[size - 8 + i] = static_cast<std::uint8_t>(sector >> (56 - 8 * i));
      }
    }
    if (iv == "essiv") {
      std::vector<std::uint8_t> salt(64);
      EVP_Digest(key.data(), key.size(), salt.data(), nullptr, hash, nullptr);
      salt.resize(salt_bytes);
      const std::vector<std::uint8_t> clear(out.begin(), out.begin() + size);
      const auto block = run(block_cipher(salt_bytes) + "-ecb", true, salt, {}, clear);
      std::copy(block.begin(), block.end(), out.begin());
    }
    return out;
  }

 private:
  std::string block_cipher(std::size_t key_bytes) const {
    return cipher == "aes" ? "AES-" + std::to_string(key_bytes * 8) : "DES-EDE3";
  }
  std::vector<std::uint8_t> run(const std::string& name, bool encrypt, std::vector<std::uint8_t> k,
                                std::array<std::uint8_t, 16> ivec,
                                const std::vector<std::uint8_t>& in) const {
    if (cipher == "des") {
      k.resize(8);
      const std::vector<std::uint8_t> one = k;
      for (int i = 0; i < 2; ++i) k.insert(k.end(), one.begin(), one.end());
    }
    std::vector<std::uint8_t> out(in.size());
    int n = 0;
    // EDE3-ECB is "DES-EDE3", EDE3-CBC "DES-EDE3-CBC" to OpenSSL.
    EVP_CIPHER* evp = EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr);
    EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
    const bool ok =
        evp != nullptr &&
        EVP_CipherInit_ex2(ctx, evp, k.data(), ivec.data(), encrypt, nullptr) == 1 &&
        EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
        EVP_CipherUpdate(ctx, out.data(), &n, in.data(), static_cast<int>(in.size())) == 1 &&
        n == static_cast<int>(in.size());
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(evp);
    if (!ok) throw std::runtime_error("OpenSSL: " + name);
    return out;
  }
};

}  // namespace cesasim::test
