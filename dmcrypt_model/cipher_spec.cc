#include "dmcrypt_model/cipher_spec.h"

#include <array>

namespace cesasim::dmcrypt {

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (;;) {
    const std::size_t end = text.find(separator, start);
    parts.emplace_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw CipherSpecError("cipher '" + std::string(text) + "': " + why +
                        "; valid: aes-cbc-plain, aes-cbc-essiv:HASH (sha256, md5)");
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

CipherSpec CipherSpec::parse(std::string_view text) {
  const std::vector<std::string> parts = split(text, '-');
  CipherSpec spec;
  spec.cipher = parts[0];
  if (spec.cipher != "aes") {
    refuse(text, "the cipher '" + spec.cipher + "' is not modelled yet");
  }
  if (parts.size() > 3) refuse(text, "too many parts");
  std::string iv;
  if (parts.size() == 1 || (parts.size() == 2 && parts[1] == "plain")) {
    spec.chainmode = "cbc";
    iv = "plain";
  } else {
    spec.chainmode = parts[1];
    if (spec.chainmode != "cbc") {
      refuse(text, "the chaining mode '" + spec.chainmode + "' is not modelled yet");
    }
    if (parts.size() < 3) refuse(text, "the mode cbc needs an IV mode");
    iv = parts[2];
  }
  const std::vector<std::string> iv_parts = split(iv, ':');
  spec.ivmode = iv_parts[0];
  if (iv_parts.size() > 2) refuse(text, "one option at most after the IV mode");
  if (iv_parts.size() == 2) spec.ivopts = iv_parts[1];
  if (spec.ivmode == "plain") {
    if (!spec.ivopts.empty()) refuse(text, "the IV mode plain takes no option");
  } else if (spec.ivmode == "essiv") {
    if (spec.ivopts.empty()) refuse(text, "the IV mode essiv needs a hash, as in essiv:sha256");
    if (spec.ivopts == "sha1") {
      refuse(text, "essiv:sha1 gives a salt of 160 bits, which is no AES key length");
    }
    if (spec.ivopts != "sha256" && spec.ivopts != "md5") {
      refuse(text, "the hash '" + spec.ivopts + "' is not known");
    }
  } else {
    refuse(text, "the IV mode '" + spec.ivmode + "' is not modelled yet");
  }
  return spec;
}

std::string CipherSpec::str() const {
  return cipher + "-" + chainmode + "-" + ivmode + (ivopts.empty() ? "" : ":" + ivopts);
}

std::vector<std::uint8_t> parse_key(std::string_view hex, const CipherSpec& spec) {
  if (hex.size() % 2 != 0) throw CipherSpecError("key: an odd number of hexadecimal digits");
  std::vector<std::uint8_t> key;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_digit(hex[i]);
    const int low = hex_digit(hex[i + 1]);
    if (high < 0 || low < 0) {
      throw CipherSpecError("key: '" + std::string(hex.substr(i, 2)) +
                            "' is not a hexadecimal byte");
    }
    key.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  if (key.size() != 16 && key.size() != 24 && key.size() != 32) {
    throw CipherSpecError("key: " + std::to_string(key.size() * 8) + " bits, but " + spec.cipher +
                          " takes 128, 192 or 256");
  }
  return key;
}

}  // namespace cesasim::dmcrypt
