// The data paths by name: what there is, what each can do, and making one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dmcrypt_model/crypt_target.h"
#include "driver/ocf/crypto.h"
#include "driver/params.h"

namespace cesasim::driver {
class SkcipherApi;
}

namespace cesasim::dmcrypt {

struct PathInfo {
  const char* name;
  const char* doc;
  bool ocf;         ///< goes through OCF and needs one of its drivers
  bool historical;  ///< keeps the faults of its original
};

/// All paths, oldest first.
const std::vector<PathInfo>& crypt_paths();

struct PathSettings {
  /// Where the cipher's result goes: "in-place" copies a write to its bounce page first,
  /// "out-of-place" has the driver write there; "native" is what the path's original does.
  std::string placement = "native";
  std::uint32_t max_read_size = 0;     ///< modern: bytes a bio is cut to; 0: no limit
  std::uint32_t max_write_size = 0;    ///< likewise for writes
  std::uint32_t max_in_flight = 1024;  ///< ocf-async: sectors inside OCF at once, whole device
};

/// Throws CipherSpecError if the path cannot do that, with the reason that its original gives
/// and what would be valid. `driver_out_of_place`: the crypto driver takes two buffers.
void check_path(const std::string& path, const CryptTable& table, const PathSettings& settings,
                bool driver_out_of_place);

/// Makes the target, after check_path (a path of OCF asks the drivers). `ocf` is needed by
/// paths of OCF, `api` by `modern`; both must outlive the target. Throws CipherSpecError.
std::unique_ptr<CryptTarget> make_target(const std::string& path, kernel::Kernel& kernel,
                                         const CryptTable& table, const DmCryptCosts& costs,
                                         const driver::CipherCosts& cipher_costs,
                                         kernel::BlockDevice& lower, driver::Crypto* ocf,
                                         driver::SkcipherApi* api, const PathSettings& settings);

}  // namespace cesasim::dmcrypt
