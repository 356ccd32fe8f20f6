// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/expectations.h"

#include <map>
#include <optional>

namespace cesasim::cosim {
namespace {

/// A fault, the kernel that mended it (none: it is in all of kKnownKernels), and the patch of
/// cosim/kernel/mends that does (without its ".patch"; empty: none).
struct Fault {
  const char* what;
  const char* sign;
  std::optional<KernelVersion> mended;
  const char* mend;
};

constexpr Fault kPaddingFault = {
    "driver: without DMA the padding of a hash is written behind its place in the SRAM",
    "(wrong result)",
    {},
    "hash-padding-without-dma"};
// ELIBBAD: the kernel lends no algorithm whose self test has failed.
constexpr Fault kHashOfHmacFault = {
    "driver: without DMA the hash that an HMAC's key needs fails its self test",
    "actual_error=-80",
    {},
    "hash-padding-without-dma"};
constexpr Fault kEmptyHmacFault = {
    "driver: an HMAC whose last step has no data is ended without the outer hash",
    "(wrong result)",
    {},
    ""};
constexpr Fault kIvFault = {
    "driver: without DMA each 1,920 bytes of a CBC request start with the first IV again",
    "differ",
    {},
    "iv-restart-without-dma"};
constexpr const char* kCacheMend = "hash-cache-freed-twice";
constexpr Fault kCacheFault = {
    "driver: the DMA copy of a hash's left-over bytes is freed twice, and two requests get it",
    " wrong",
    {},
    kCacheMend};
constexpr Fault kKeptCacheFault = {
    "driver: the DMA copy of a hash's left-over bytes is freed twice",
    "cesa_cache",
    {},
    kCacheMend};

// It is in the driver of 6.1 too, whose pool keeps no address in a free block.
constexpr KernelVersion kPoolWithAddresses = {6, 12};
constexpr Fault kDoubleFreeFault = {
    "driver: dma.cache is freed twice; this kernel's DMA pool keeps addresses in free blocks, so "
    "with hashes in parallel the unit is sent to addresses made of data",
    "the bus refused",
    {},
    kCacheMend};

KnownFault in(const Fault& fault, KernelVersion version) {
  if (fault.mended && lists_for(version) >= *fault.mended) return {};
  return {fault.what, fault.sign, fault.mend};
}

}  // namespace

KernelVersion lists_for(KernelVersion version) {
  KernelVersion best = kKnownKernels[0];
  for (const KernelVersion& known : kKnownKernels) {
    if (known <= version) best = known;
  }
  return best;
}

std::vector<ExpectedAlgorithm> expected_algorithms(const hw::CesaParams& params,
                                                   KernelVersion version, bool randomized) {
  std::vector<ExpectedAlgorithm> all;
  for (const char* cipher : {"mv-ecb-des", "mv-cbc-des", "mv-ecb-des3-ede", "mv-cbc-des3-ede",
                             "mv-ecb-aes", "mv-cbc-aes"}) {
    all.push_back({cipher, {}});
  }
  const KnownFault hash = params.tdma ? KnownFault{} : in(kPaddingFault, version);
  const KnownFault hmac = !params.tdma ? in(kHashOfHmacFault, version)
                          : randomized ? in(kEmptyHmacFault, version)
                                       : KnownFault{};
  all.push_back({"mv-md5", hash});
  all.push_back({"mv-sha1", hash});
  if (params.sha256) all.push_back({"mv-sha256", hash});
  all.push_back({"mv-hmac-md5", hmac});
  all.push_back({"mv-hmac-sha1", hmac});
  if (params.sha256) all.push_back({"mv-hmac-sha256", hmac});
  return all;
}

std::vector<ExpectedCheck> expected_checks(const hw::CesaParams& params, KernelVersion version,
                                           const std::vector<std::string>& steps) {
  // Those of the load ("users") say "-ran" when it came to its end over the driver.
  static const std::map<std::string, std::vector<const char*>> kOfStep = {
      {"algorithms", {}},
      {"command", {}},
      {"dmcrypt",
       {"dmcrypt-map", "dmcrypt-mkfs", "dmcrypt-mount", "dmcrypt-write", "dmcrypt-read",
        "dmcrypt-uses-driver", "dmcrypt-software-reads", "dmcrypt-ciphertext-equal"}},
      {"speed", {"afalg-16", "afalg-512", "afalg-4096", "afalg-65536"}},
      {"concurrency", {"concurrent-writers", "concurrent-hashes", "concurrent-software-reads"}},
      {"writers", {"concurrent-writers", "concurrent-software-reads"}},
      {"users",
       {"hashes-one-user-ran", "hashes-one-user", "crowd-ciphers-ran", "crowd-ciphers",
        "crowd-hashes-ran", "crowd-hashes", "hashes-many-users-ran", "hashes-many-users",
        "ciphers-many-users-ran", "ciphers-many-users", "many-writers-ran", "many-writers",
        "many-writers-software-reads"}},
      {"unload", {"unload-hash-cache", "no-complaint"}},
  };
  std::map<std::string, KnownFault> faults;
  if (params.tdma) {
    faults["hashes-many-users"] = faults["crowd-hashes"] = in(kCacheFault, version);
    faults["unload-hash-cache"] = in(kKeptCacheFault, version);
  } else {
    faults["afalg-4096"] = faults["afalg-65536"] = in(kIvFault, version);
  }
  std::vector<ExpectedCheck> all;
  for (const std::string& step : steps) {
    for (const char* name : kOfStep.at(step)) {
      const auto fault = faults.find(name);
      all.push_back({name, fault == faults.end() ? KnownFault{} : fault->second});
    }
  }
  return all;
}

std::vector<std::string> faults_to_inject(const hw::CesaParams& params) {
  std::vector<std::string> faults = {"lost-irq@3", "stuck@60", "kill@60"};
  if (params.tdma) faults.insert(faults.begin(), "bus-error@40");
  return faults;
}

KnownFault fault_of_parallel_hashes(const hw::CesaParams& params, KernelVersion version) {
  if (!params.tdma || lists_for(version) < kPoolWithAddresses) return {};
  return in(kDoubleFreeFault, version);
}

}  // namespace cesasim::cosim
