// SPDX-License-Identifier: Apache-2.0
// Checksums: of what a cached or kept result depends on.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace cesasim {

/// SHA-256 of a list of texts.
class Fingerprint {
 public:
  Fingerprint();
  ~Fingerprint();
  Fingerprint(const Fingerprint&) = delete;
  Fingerprint& operator=(const Fingerprint&) = delete;

  /// Adds one text: "ab", "c" is not "a", "bc".
  void add(std::string_view text);
  /// The first `digits` hexadecimal digits of the digest. Ends the list.
  std::string hex(std::size_t digits = 64);

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

/// SHA-256 of a file's bytes as 64 hexadecimal digits. Errors: std::system_error.
std::string file_fingerprint(const std::filesystem::path& path);

}  // namespace cesasim
