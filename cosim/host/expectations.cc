#include "cosim/host/expectations.h"

#include <map>
#include <optional>

namespace cesasim::cosim {
namespace {

/// A fault, and the kernel that mended it (none: it is in all of kKnownKernels).
struct Fault {
  const char* what;
  const char* sign;
  std::optional<KernelVersion> mended;
};

constexpr Fault kPaddingFault = {
    "driver: without DMA the padding of a hash is written behind its place in the SRAM",
    "(wrong result)",
    {}};
// ELIBBAD: the kernel lends no algorithm whose self test has failed.
constexpr Fault kHashOfHmacFault = {
    "driver: without DMA the hash that an HMAC's key needs fails its self test",
    "actual_error=-80",
    {}};
constexpr Fault kEmptyHmacFault = {
    "driver: an HMAC whose last step has no data is ended without the outer hash",
    "(wrong result)",
    {}};
constexpr Fault kIvFault = {
    "driver: without DMA each 1,920 bytes of a CBC request start with the first IV again",
    "differ",
    {}};

// It is in the driver of 6.1 too, whose pool keeps no address in a free block.
constexpr KernelVersion kPoolWithAddresses = {6, 12};
constexpr Fault kDoubleFreeFault = {
    "driver: dma.cache is freed twice; this kernel's DMA pool keeps addresses in free blocks, so "
    "that "
    "with hashes in parallel the unit is sent to addresses made of data",
    "the bus refused",
    {}};

KnownFault in(const Fault& fault, KernelVersion version) {
  if (fault.mended && lists_for(version) >= *fault.mended) return {};
  return {fault.what, fault.sign};
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
  static const std::map<std::string, std::vector<const char*>> kOfStep = {
      {"dmcrypt",
       {"dmcrypt-map", "dmcrypt-mkfs", "dmcrypt-mount", "dmcrypt-write", "dmcrypt-read",
        "dmcrypt-uses-driver", "dmcrypt-software-reads", "dmcrypt-ciphertext-equal"}},
      {"speed", {"afalg-16", "afalg-512", "afalg-4096", "afalg-65536"}},
      {"concurrency", {"concurrent-writers", "concurrent-hashes", "concurrent-software-reads"}},
  };
  std::vector<ExpectedCheck> all;
  for (const std::string& step : steps) {
    const auto found = kOfStep.find(step);
    if (found == kOfStep.end()) continue;
    for (const std::string name : found->second) {
      const bool several_steps = name == "afalg-4096" || name == "afalg-65536";
      all.push_back({name, !params.tdma && several_steps ? in(kIvFault, version) : KnownFault{}});
    }
  }
  return all;
}

KnownFault fault_of_parallel_hashes(const hw::CesaParams& params, KernelVersion version) {
  if (!params.tdma || lists_for(version) < kPoolWithAddresses) return {};
  return in(kDoubleFreeFault, version);
}

}  // namespace cesasim::cosim
