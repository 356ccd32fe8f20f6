// SPDX-License-Identifier: Apache-2.0
#include "machine/check/integrity.h"

#include <fmt/format.h>

#include <cstring>
#include <systemc>

#include "dmcrypt_model/path_info.h"
#include "hw_model/tlm/sc_time.h"

namespace cesasim {

using hw::Ps;

Integrity::Integrity(Assembly& at, Verdicts& verdicts)
    : at_(at),
      verdicts_(verdicts),
      table_(at.target->table()),
      oracle_(at.scenario.seed),
      encrypted_(at.scenario.dmcrypt.path != dmcrypt::kNoCrypt),
      reference_(encrypted_ ? table_.cipher.str() : "none", table_.key, table_.iv_offset,
                 table_.sector_size, table_.iv_large_sectors),
      verifier_(at.kernel, oracle_, this) {
  if (!encrypted_) return;
  at_.soc.disk().set_write_observer(
      [this](std::uint64_t sector, const std::uint8_t* data, std::uint32_t sectors) {
        disk_written(sector, data, sectors);
      });
}

void Integrity::watch(traces::Replay& replay) {
  replay.add_listener(verifier_);
  replay.add_listener(*this);
}

void Integrity::completed(traces::RequestLog& log, traces::BioPages) {
  note_certainty(log, log.error == 0);
}

void Integrity::lost(const traces::RequestLog& log) {
  if (log.op != kernel::BioOp::write) return;
  oracle_.mark_uncertain(log.sector, log.bytes / hw::kSectorBytes);
  note_certainty(log, false);
}

bool Integrity::is_right(std::uint64_t sector, const std::uint8_t* data) {
  return std::memcmp(data, blank_plaintext(sector), hw::kSectorBytes) == 0;
}

void Integrity::disk_written(std::uint64_t sector, const std::uint8_t* data,
                             std::uint32_t sectors) {
  for (std::uint32_t i = 0; i < sectors; ++i) {
    if (sector + i < table_.start) continue;
    const std::uint64_t mapped = sector + i - table_.start;
    if (!oracle_.looks_like_plaintext(mapped, data + i * hw::kSectorBytes)) continue;
    ++plaintext_sectors_;
    verdicts_.plaintext_written(mapped, hw::now_ps());
  }
}

/// A blank disk reads as zeros, so dm-crypt returns what zeros decrypt to.
const std::uint8_t* Integrity::blank_plaintext(std::uint64_t sector) {
  const std::uint32_t unit = table_.sector_size / hw::kSectorBytes;
  if (sector / unit != blank_unit_) {
    blank_unit_ = sector / unit;
    const std::vector<std::uint8_t> zeros(table_.sector_size);
    blank_.resize(table_.sector_size);
    reference_.decrypt(blank_unit_ * unit, zeros.data(), blank_.data());
  }
  return blank_.data() + sector % unit * hw::kSectorBytes;
}

void Integrity::note_certainty(const traces::RequestLog& log, bool certain) {
  if (log.op != kernel::BioOp::write || (certain && uncertain_.empty())) return;
  const std::uint64_t end = log.sector + log.bytes / hw::kSectorBytes;
  for (std::uint64_t sector = log.sector; sector < end; ++sector) {
    if (certain) {
      uncertain_.erase(sector);
    } else {
      uncertain_.try_emplace(sector, oracle_.expected(sector) - 1);
    }
  }
}

/// Whether `plain` is what a failed write may leave: the version before it, or one of the failed
/// ones.
bool Integrity::older_content(std::uint64_t sector, std::uint32_t generation,
                              const std::uint8_t* plain) {
  const auto found = uncertain_.find(sector);
  std::uint32_t version = found == uncertain_.end() ? 0 : found->second;
  std::uint8_t content[hw::kSectorBytes];
  for (; version <= generation; ++version) {
    if (version == 0) {
      std::memcpy(content, blank_plaintext(sector), sizeof content);
    } else {
      oracle_.fill(sector, version, content);
    }
    if (std::memcmp(plain, content, sizeof content) == 0) return true;
  }
  return false;
}

void Integrity::check_image() {
  const hw::SparseStore& store = at_.soc.disk().store();
  const std::uint32_t unit = table_.sector_size / hw::kSectorBytes;
  const Ps now = hw::now_ps();
  std::vector<std::uint8_t> cipher(table_.sector_size), plain(table_.sector_size);
  std::uint8_t expected[hw::kSectorBytes];
  std::uint64_t at_unit = ~std::uint64_t{0};
  oracle_.for_each_written([&](std::uint64_t sector, std::uint32_t generation, bool certain) {
    if (sector / unit != at_unit) {
      at_unit = sector / unit;
      store.read(table_.start + at_unit * unit, cipher.data(), unit);
      reference_.decrypt(at_unit * unit, cipher.data(), plain.data());
    }
    const std::uint8_t* const data = plain.data() + sector % unit * hw::kSectorBytes;
    if (certain) {
      oracle_.fill(sector, generation, expected);
      if (std::memcmp(data, expected, sizeof expected) == 0) {
        ++right_on_disk_;
        return;
      }
    } else if (unit > 1 || older_content(sector, generation, data)) {
      return;  // a torn unit deciphers to neither
    }
    ++wrong_on_disk_;
    verdicts_.wrong_on_disk(sector, now);
  });
  // Whatever else was written to the disk should not have been.
  store.for_each_extent([&](std::uint64_t sector, const std::uint8_t*, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (sector + i < table_.start) {
        ++wrong_on_disk_;
        verdicts_.outside_mapping(sector + i, now);
      } else if (!oracle_.written(sector + i - table_.start)) {
        ++wrong_on_disk_;
        verdicts_.wrong_on_disk(sector + i - table_.start, now);
      }
    }
  });
}

std::string first_mismatch(const traces::ContentVerifier& reads) {
  if (reads.first_mismatches().empty()) return "";
  const traces::Mismatch& m = reads.first_mismatches().front();
  return fmt::format("; first wrong read: sector {} at {:.6f} s, line {} of the trace", m.sector,
                     static_cast<double>(m.time) * 1e-12, m.line);
}

}  // namespace cesasim
