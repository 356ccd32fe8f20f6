#include "cosim/host/expectations.h"

namespace cesasim::cosim {
namespace {

constexpr const char* kPaddingFault =
    "driver: without DMA the padding of a hash is written behind its place in the SRAM";
constexpr const char* kEmptyHmacFault =
    "driver: an HMAC whose last step has no data is ended without the outer hash";
constexpr const char* kIvFault =
    "driver: without DMA each 1,920 bytes of a CBC request start with the first IV again";
constexpr const char* kCacheFault =
    "driver: the DMA copy of a hash's left-over bytes is freed twice, and two requests get it";

}  // namespace

std::vector<ExpectedAlgorithm> expected_algorithms(const hw::CesaParams& params, bool randomized) {
  std::vector<ExpectedAlgorithm> all;
  for (const char* cipher : {"mv-ecb-des", "mv-cbc-des", "mv-ecb-des3-ede", "mv-cbc-des3-ede",
                             "mv-ecb-aes", "mv-cbc-aes"}) {
    all.push_back({cipher, ""});
  }
  const std::string hash_fault = params.tdma ? "" : kPaddingFault;
  const std::string hmac_fault = params.tdma && randomized ? kEmptyHmacFault : hash_fault;
  all.push_back({"mv-md5", hash_fault});
  all.push_back({"mv-sha1", hash_fault});
  if (params.sha256) all.push_back({"mv-sha256", hash_fault});
  all.push_back({"mv-hmac-md5", hmac_fault});
  all.push_back({"mv-hmac-sha1", hmac_fault});
  if (params.sha256) all.push_back({"mv-hmac-sha256", hmac_fault});
  return all;
}

std::string known_fault_of_check(const hw::CesaParams& params, const std::string& name) {
  const bool hashes = name == "hashes-many-users" || name == "crowd-hashes";
  if (params.tdma && (hashes || name == "unload-hash-cache")) return kCacheFault;
  const bool long_request = name == "afalg-4096" || name == "afalg-65536";
  return !params.tdma && long_request ? kIvFault : "";
}

std::string mend_of(const std::string& known_fault) {
  if (known_fault == kCacheFault) return "hash-cache-freed-twice";
  if (known_fault == kPaddingFault) return "hash-padding-without-dma";
  if (known_fault == kIvFault) return "iv-restart-without-dma";
  return "";
}

std::vector<std::string> load_checks() {
  return {"hashes-one-user-ran",
          "hashes-one-user",
          "crowd-ciphers-ran",
          "crowd-ciphers",
          "crowd-hashes-ran",
          "crowd-hashes",
          "hashes-many-users-ran",
          "hashes-many-users",
          "ciphers-many-users-ran",
          "ciphers-many-users",
          "many-writers-ran",
          "many-writers",
          "many-writers-software-reads",
          "unload-hash-cache",
          "no-complaint"};
}

}  // namespace cesasim::cosim
