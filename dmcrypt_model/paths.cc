#include "dmcrypt_model/paths.h"

#include "dmcrypt_model/path_ocf.h"
#include "dmcrypt_model/path_standard.h"

namespace cesasim::dmcrypt {

namespace {

const PathInfo& info(const std::string& path) {
  std::string names;
  for (const PathInfo& p : crypt_paths()) {
    if (path == p.name) return p;
    names += (names.empty() ? "" : ", ") + std::string(p.name);
  }
  throw CipherSpecError("there is no path '" + path + "'; valid: " + names);
}

}  // namespace

const std::vector<PathInfo>& crypt_paths() {
  static const std::vector<PathInfo> paths = {
      {"standard", "Linux 2.6.12: the kernel's cipher API in the submitter (writes) or kcryptd",
       false, false},
      {"ocf-v1", "first OCF patch of 2005: post all sectors of a conversion, wait for all", true,
       true},
      {"ocf-v3", "third OCF patch of 2005: reads are posted and not waited for", true, true},
  };
  return paths;
}

void check_path(const std::string& path, const CryptTable&, const PathSettings&, bool) {
  info(path);
}

std::unique_ptr<CryptTarget> make_target(const std::string& path, kernel::Kernel& kernel,
                                         const CryptTable& table, const DmCryptCosts& costs,
                                         const driver::CipherCosts& cipher_costs,
                                         kernel::BlockDevice& lower, driver::Crypto* ocf,
                                         driver::SkcipherApi* /*api*/,
                                         const PathSettings& settings) {
  const PathInfo& how = info(path);
  check_path(path, table, settings, false);
  if (how.ocf && ocf == nullptr) throw CipherSpecError("path '" + path + "' needs an OCF driver");
  if (path == "standard") {
    return std::make_unique<StandardPath>(kernel, table, costs, cipher_costs, lower);
  }
  if (path == "ocf-v1") {
    return std::make_unique<OcfV1Path>(kernel, table, costs, cipher_costs, lower, *ocf);
  }
  return std::make_unique<OcfV3Path>(kernel, table, costs, cipher_costs, lower, *ocf);
}

}  // namespace cesasim::dmcrypt
