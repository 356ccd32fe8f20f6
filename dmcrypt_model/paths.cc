// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/paths.h"

#include "dmcrypt_model/modern.h"
#include "dmcrypt_model/path_ocf.h"
#include "dmcrypt_model/path_ocf_async.h"
#include "dmcrypt_model/path_standard.h"

namespace cesasim::dmcrypt {
namespace {

/// What a target is where there is none: every bio goes to the device below as it is, at no cost. A
/// table says where on the device they lie, as a partition does.
class NoCryptPath : public CryptTarget {
 public:
  using CryptTarget::CryptTarget;

  void submit_bio(Bio& bio) override {
    ++stats_.bios;
    if (bio.op != BioOp::flush) bio.sector += table_.start;
    lower_.submit_bio(bio);
  }
  const char* path() const override { return kNoCrypt; }

 protected:
  int crypt_map(Bio&) override { return -1; }  // never asked: submit_bio passes everything on
};

}  // namespace

std::unique_ptr<CryptTarget> make_target(const std::string& path, kernel::Kernel& kernel,
                                         const CryptTable& table, const DmCryptCosts& costs,
                                         const driver::CipherCosts& cipher_costs,
                                         kernel::BlockDevice& lower, driver::Crypto* ocf,
                                         driver::SkcipherApi* api, const PathSettings& settings) {
  check_path(path, table, settings, true);
  for (const PathInfo& p : crypt_paths()) {
    if (path == p.name && p.ocf && ocf == nullptr) {
      throw CipherSpecError("driver", "path '" + path + "' needs an OCF driver");
    }
  }
  if (path == kNoCrypt) return std::make_unique<NoCryptPath>(kernel, table, costs, lower);
  if (path == "standard") {
    return std::make_unique<StandardPath>(kernel, table, costs, cipher_costs, lower,
                                          settings.placement == "in-place");
  }
  if (path == "ocf-v1") {
    return std::make_unique<OcfV1Path>(kernel, table, costs, cipher_costs, lower, *ocf);
  }
  if (path == "ocf-v3") {
    return std::make_unique<OcfV3Path>(kernel, table, costs, cipher_costs, lower, *ocf);
  }
  if (path == "ocf-lsp") {
    return std::make_unique<OcfLspPath>(kernel, table, costs, cipher_costs, lower, *ocf);
  }
  if (path == "ocf-async") {
    return std::make_unique<OcfAsyncPath>(kernel, table, costs, cipher_costs, lower, *ocf,
                                          settings);
  }
  if (api == nullptr)
    throw CipherSpecError("driver", "path 'modern' needs the asynchronous cipher API");
  return std::make_unique<ModernPath>(kernel, table, costs, cipher_costs, lower, *api, settings);
}

}  // namespace cesasim::dmcrypt
