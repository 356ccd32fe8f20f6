// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/cipher_spec.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/text/hex.h"

namespace cesasim::dmcrypt {

namespace {

constexpr const char* kValid =
    "aes, des or des3_ede, then -ecb or -cbc-IV, and aes-xts-IV, where IV is plain, plain64, "
    "plain64be, essiv:HASH, benbi or null";

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw CipherSpecError("cipher", "cipher " + quote(text) + ": " + why, kValid);
}

/// Cuts the next part off `rest`; `found` tells whether the separator was there.
std::string strsep(std::string_view& rest, char separator, bool& found) {
  const std::size_t end = rest.find(separator);
  const std::string part(rest.substr(0, end));
  found = end != std::string_view::npos;
  rest = found ? rest.substr(end + 1) : std::string_view();
  return part;
}

template <std::size_t N>
bool one_of(const std::string& word, const char* const (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

constexpr const char* kModes[] = {"cbc", "ecb", "xts"};
constexpr const char* kIvModes[] = {"plain", "plain64", "plain64be", "essiv", "benbi", "null"};
/// Of Linux 6.1, beside those.
constexpr const char* kOtherIvModes[] = {"lmk", "tcw", "random", "eboiv", "elephant"};

/// Bytes of the hash's result; 0 if OpenSSL has no hash of fixed length of that name.
std::size_t hash_bytes(const std::string& name) {
  for (char c : name) {
    // The kernel's names are lower case; OpenSSL would take others too.
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-') return 0;
  }
  const EVP_MD* md = EVP_get_digestbyname(name.c_str());
  if (md == nullptr || (EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF) != 0) return 0;
  return static_cast<std::size_t>(EVP_MD_get_size(md));
}

/// Keys of the block cipher itself, which is what ESSIV encrypts with.
std::vector<std::uint32_t> block_key_bits(const std::string& cipher) {
  if (cipher == "des") return {64};
  if (cipher == "des3_ede") return {192};
  return {128, 192, 256};
}

/// Bytes of the salt, or 0 if it would be no key of the cipher.
std::size_t salt_bytes(const std::string& cipher, std::size_t hash, EssivSalt rule) {
  const std::vector<std::uint32_t> keys = block_key_bits(cipher);
  if (rule == EssivSalt::cut) hash = std::min<std::size_t>(hash, keys.back() / 8);
  return std::find(keys.begin(), keys.end(), hash * 8) != keys.end() ? hash : 0;
}

std::string list(const std::vector<std::uint32_t>& values) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out += i + 1 == values.size() ? " or " : ", ";
    out += std::to_string(values[i]);
  }
  return out;
}

std::string no_salt(const std::string& cipher, const std::string& hash, std::size_t bytes) {
  return "essiv:" + hash + " gives a salt of " + std::to_string(bytes * 8) + " bits, but " +
         cipher + " takes keys of " + list(block_key_bits(cipher));
}

}  // namespace

std::string quote(std::string_view word) {
  constexpr std::size_t kMost = 60;
  std::string out = "'";
  for (char c : word.substr(0, kMost)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (word.size() > kMost ? "...'" : "'");
}

CipherSpec CipherSpec::parse(std::string_view text) {
  if (text.substr(0, 5) == "capi:") {
    refuse(text, "the capi syntax names crypto API templates, which are not modelled");
  }
  CipherSpec spec;
  std::string_view rest = text;
  bool more = false;
  spec.cipher = strsep(rest, '-', more);
  if (spec.cipher != "aes" && spec.cipher != "des" && spec.cipher != "des3_ede") {
    refuse(text, "the cipher " + quote(spec.cipher) + " is not modelled");
  }
  const bool has_mode = more;
  if (has_mode) spec.chainmode = strsep(rest, '-', more);
  if (!has_mode || (spec.chainmode == "plain" && !more)) {
    spec.chainmode = "cbc";
    spec.ivmode = "plain";
    return spec;
  }
  if (!one_of(spec.chainmode, kModes)) {
    refuse(text, "unknown chaining mode " + quote(spec.chainmode));
  }
  if (spec.chainmode == "xts" && spec.block_bytes() != 16) {
    refuse(text, "xts needs a cipher with blocks of 16 bytes");
  }
  if (spec.chainmode == "ecb") {
    if (more) refuse(text, "the chaining mode ecb takes no IV");
    return spec;
  }
  if (!more) refuse(text, "the chaining mode " + spec.chainmode + " requires an IV mechanism");
  spec.ivmode = strsep(rest, ':', more);
  spec.ivopts = rest;
  if (one_of(spec.ivmode, kOtherIvModes)) {
    refuse(text, "the IV mode " + spec.ivmode + " is not modelled");
  }
  if (!one_of(spec.ivmode, kIvModes)) refuse(text, "invalid IV mode " + quote(spec.ivmode));
  if (spec.ivmode != "essiv") {
    if (more) refuse(text, "the IV mode " + spec.ivmode + " takes no option");
    return spec;
  }
  if (spec.ivopts.empty()) refuse(text, "digest algorithm missing for essiv, as in essiv:sha256");
  if (spec.ivopts.find(':') != std::string::npos) {
    refuse(text, "one option at most after the IV mode");
  }
  const std::size_t hash = hash_bytes(spec.ivopts);
  if (hash == 0) refuse(text, "the hash " + quote(spec.ivopts) + " is not known");
  if (salt_bytes(spec.cipher, hash, EssivSalt::cut) == 0) {
    refuse(text, no_salt(spec.cipher, spec.ivopts, hash));
  }
  return spec;
}

std::string CipherSpec::str() const {
  return cipher + "-" + chainmode + (ivmode.empty() ? "" : "-" + ivmode) +
         (ivopts.empty() ? "" : ":" + ivopts);
}

std::vector<std::uint32_t> CipherSpec::key_bits() const {
  // Linux takes 384 as well (AES-192 twice), which OpenSSL, the judge of all data, does not know.
  if (chainmode == "xts") return {256, 512};
  return block_key_bits(cipher);
}

std::vector<std::uint8_t> parse_key(std::string_view hex, const CipherSpec& spec) {
  if (hex.size() % 2 != 0) throw CipherSpecError("key", "key: an odd number of hexadecimal digits");
  std::vector<std::uint8_t> key;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_digit(hex[i]);
    const int low = hex_digit(hex[i + 1]);
    if (high < 0 || low < 0) {
      throw CipherSpecError("key",
                            "key: " + quote(hex.substr(i, 2)) + " is not a hexadecimal byte");
    }
    key.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  const std::vector<std::uint32_t> sizes = spec.key_bits();
  if (std::find(sizes.begin(), sizes.end(), key.size() * 8) == sizes.end()) {
    throw CipherSpecError("key", "key: " + std::to_string(key.size() * 8) + " bits, but " +
                                     spec.cipher + (spec.chainmode == "xts" ? " in xts" : "") +
                                     " takes " + list(sizes));
  }
  return key;
}

std::vector<std::uint8_t> essiv_salt(const CipherSpec& spec, std::span<const std::uint8_t> key,
                                     EssivSalt rule) {
  const std::size_t hash = hash_bytes(spec.ivopts);
  if (hash == 0)
    throw CipherSpecError("cipher", "essiv: the hash '" + spec.ivopts + "' is not known");
  const std::size_t bytes = salt_bytes(spec.cipher, hash, rule);
  if (bytes == 0) {
    const bool cut_helps = salt_bytes(spec.cipher, hash, EssivSalt::cut) != 0;
    throw CipherSpecError("cipher",
                          no_salt(spec.cipher, spec.ivopts, hash) +
                              (cut_helps ? " and this path does not cut it" : ""),
                          "a hash whose length is a key length");
  }
  std::vector<std::uint8_t> salt(hash);
  const EVP_MD* md = EVP_get_digestbyname(spec.ivopts.c_str());
  if (EVP_Digest(key.data(), key.size(), salt.data(), nullptr, md, nullptr) != 1) {
    throw CipherSpecError("cipher", "essiv: OpenSSL does not compute '" + spec.ivopts + "' here",
                          "sha256, md5");
  }
  salt.resize(bytes);
  return salt;
}

}  // namespace cesasim::dmcrypt
