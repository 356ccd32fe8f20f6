// SPDX-License-Identifier: Apache-2.0
// Whether a run kept its data: what was read, what reached the disk, and what is on it at the end.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "dmcrypt_model/crypt_target.h"
#include "machine/assembly.h"
#include "machine/check/reference_cipher.h"
#include "machine/check/verdicts.h"
#include "traces/replay/content_oracle.h"
#include "traces/replay/content_verifier.h"
#include "traces/replay/replay.h"

namespace cesasim {

/// Watches a replay and the disk below it; reports to `verdicts` what is wrong at the disk. A
/// sector that failed writes left uncertain may hold any version from the last certain one on.
class Integrity : private traces::ReplayListener, private traces::UnwrittenContent {
 public:
  /// All must outlive it. Precondition: `at` has a target.
  Integrity(Assembly& at, Verdicts& verdicts);

  /// Fills and checks the data of `replay`. To be called before any listener is added that looks
  /// at RequestLog::wrong_sectors.
  void watch(traces::Replay& replay);
  /// A request never ended; once for each, at the end of the run.
  void lost(const traces::RequestLog& log);
  /// Compares the whole disk with what must be on it; once, at the end of the run.
  void check_image();

  /// False with path none: there the disk holds the plaintext, as it should.
  bool encrypted() const { return encrypted_; }
  const traces::ContentVerifier& reads() const { return verifier_; }
  std::uint64_t plaintext_sectors() const { return plaintext_sectors_; }
  /// Sectors of the disk, after check_image().
  std::uint64_t right_on_disk() const { return right_on_disk_; }
  std::uint64_t wrong_on_disk() const { return wrong_on_disk_; }

 private:
  void completed(traces::RequestLog& log, traces::BioPages pages) override;
  bool is_right(std::uint64_t sector, const std::uint8_t* data) override;
  void disk_written(std::uint64_t sector, const std::uint8_t* data, std::uint32_t sectors);
  void note_certainty(const traces::RequestLog& log, bool certain);
  bool older_content(std::uint64_t sector, std::uint32_t generation, const std::uint8_t* plain);
  const std::uint8_t* blank_plaintext(std::uint64_t sector);

  Assembly& at_;
  Verdicts& verdicts_;
  const dmcrypt::CryptTable& table_;
  traces::ContentOracle oracle_;
  const bool encrypted_;
  ReferenceCipher reference_;
  traces::ContentVerifier verifier_;
  std::uint64_t plaintext_sectors_ = 0;
  std::uint64_t right_on_disk_ = 0;
  std::uint64_t wrong_on_disk_ = 0;
  /// Sectors whose write failed or never ended: the last version that was certainly there.
  std::unordered_map<std::uint64_t, std::uint32_t> uncertain_;
  std::vector<std::uint8_t> blank_;  // plaintext of the unit blank_unit_ of a blank disk
  std::uint64_t blank_unit_ = ~std::uint64_t{0};
};

/// Where wrong data was read first, for the point's message: "; ..." or nothing.
std::string first_mismatch(const traces::ContentVerifier& reads);

}  // namespace cesasim
