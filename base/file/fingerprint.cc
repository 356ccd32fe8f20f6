// SPDX-License-Identifier: Apache-2.0
#include "base/file/fingerprint.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <new>
#include <stdexcept>
#include <system_error>

#include "base/text/hex.h"

namespace cesasim {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

Context begin() {
  Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context) throw std::bad_alloc();
  if (EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL does not compute SHA-256 here");
  }
  return context;
}

std::string end(EVP_MD_CTX* context) {
  std::uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context, digest, &size);
  return to_hex({digest, size});
}

}  // namespace

Fingerprint::Fingerprint() : context_(begin()) {}

Fingerprint::~Fingerprint() = default;

void Fingerprint::add(std::string_view text) {
  // The length in front: where one text ends is part of the list.
  const std::uint64_t size = text.size();
  EVP_DigestUpdate(context_.get(), &size, sizeof size);
  EVP_DigestUpdate(context_.get(), text.data(), text.size());
}

std::string Fingerprint::hex(std::size_t digits) { return end(context_.get()).substr(0, digits); }

std::string file_fingerprint(const std::filesystem::path& path) {
  const Context context = begin();
  std::ifstream in(path, std::ios::binary);
  std::string buffer(1 << 20, '\0');
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (!in.is_open() || in.bad()) {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), path.string());
  }
  return end(context.get());
}

}  // namespace cesasim
