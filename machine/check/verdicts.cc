// SPDX-License-Identifier: Apache-2.0
#include "machine/check/verdicts.h"

#include <fmt/format.h>

#include <algorithm>

namespace cesasim {

const char* verdict_name(Verdict verdict) {
  static constexpr std::array<const char*, static_cast<std::size_t>(Verdict::count)> kNames = {
      "right",       "failed",        "hung",       "lost",
      "ended_twice", "wrong_on_disk", "wrong_data", "plaintext_on_disk"};
  return kNames.at(static_cast<std::size_t>(verdict));
}

const char* broken_guarantee(Verdict verdict) {
  static constexpr std::array<const char*, static_cast<std::size_t>(Verdict::count)> kTexts = {
      "",
      "",
      "requests took longer than the limit",
      "requests never ended",
      "requests ended twice",
      "writes said success, and the disk does not hold their data",
      "reads said success and returned wrong data",
      "writes put plaintext on the disk"};
  return kTexts.at(static_cast<std::size_t>(verdict));
}

void Verdicts::submitted(const traces::RequestLog& log) {
  ++submitted_;
  if (log.op != kernel::BioOp::write) return;
  const std::uint64_t end = log.sector + log.bytes / hw::kSectorBytes;
  for (std::uint64_t sector = log.sector; sector < end;) {
    std::unique_ptr<Chunk>& chunk = writers_[sector / kChunkSectors];
    if (chunk == nullptr) chunk = std::make_unique<Chunk>();
    const std::uint64_t at = sector % kChunkSectors;
    const std::uint64_t count = std::min(end - sector, kChunkSectors - at);
    std::fill_n(chunk->begin() + static_cast<std::ptrdiff_t>(at), count, log.id);
    sector += count;
  }
}

void Verdicts::ended(const traces::RequestLog& log) {
  const auto judge = [&](Verdict verdict) {
    mark(log.id, verdict);
    note_first(verdict, log.sector, log.line, log.ended);
  };
  if (log.error != 0) judge(Verdict::failed);
  if (log.ended > log.submitted + hang_limit_) judge(Verdict::hung);
  if (log.wrong_sectors != 0) judge(Verdict::wrong_data);
}

void Verdicts::ended_twice(const traces::RequestLog& log) {
  mark(log.id, Verdict::ended_twice);
  note_first(Verdict::ended_twice, log.sector, log.line, log.ended);
}

void Verdicts::lost(const traces::RequestLog& log) {
  mark(log.id, Verdict::lost);
  note_first(Verdict::lost, log.sector, log.line, log.submitted);
}

void Verdicts::at_disk(Verdict verdict, std::uint64_t sector, hw::Ps when) {
  const std::uint64_t id = writer(sector);
  if (id == 0) {
    unattributed(verdict == Verdict::plaintext_on_disk ? kPlaintext : kWritten, sector, when);
    return;
  }
  mark(id, verdict);
  note_first(verdict, sector, 0, when);
}

void Verdicts::unattributed(Nobodys kind, std::uint64_t sector, hw::Ps when) {
  Unattributed& n = nobodys_[kind];
  if (n.count++ == 0) n.first = {sector, 0, when, true};
}

std::uint64_t Verdicts::unattributed() const {
  std::uint64_t sum = 0;
  for (const Unattributed& n : nobodys_) sum += n.count;
  return sum;
}

std::array<std::uint64_t, static_cast<std::size_t>(Verdict::count)> Verdicts::counts() const {
  std::array<std::uint64_t, static_cast<std::size_t>(Verdict::count)> out{};
  for (const auto& [id, verdict] : not_right_) ++out.at(static_cast<std::size_t>(verdict));
  out[static_cast<std::size_t>(Verdict::right)] = submitted_ - not_right_.size();
  return out;
}

std::vector<std::string> Verdicts::broken(bool with_hung) const {
  std::vector<std::string> out;
  const auto n = counts();
  // The worst first.
  for (std::size_t v = n.size(); v-- > 0;) {
    const auto verdict = static_cast<Verdict>(v);
    if (verdict == Verdict::hung && !with_hung) continue;
    if (n[v] == 0 || *broken_guarantee(verdict) == '\0') continue;
    const First& first = first_[v];
    std::string text =
        fmt::format("{} {} (first: sector {}", n[v], broken_guarantee(verdict), first.sector);
    if (first.line != 0) text += fmt::format(", line {} of the trace", first.line);
    out.push_back(text + fmt::format(", {} {:.6f} s)",
                                     verdict == Verdict::lost ? "submitted at" : "at",
                                     static_cast<double>(first.when) * 1e-12));
  }
  static constexpr std::array<const char*, kNobodys> kTexts = {
      "sectors that no request wrote got plaintext",
      "sectors that no request wrote were written on the disk",
      "sectors outside the mapping were written on the disk"};
  for (std::size_t kind = 0; kind < kNobodys; ++kind) {
    const Unattributed& n = nobodys_[kind];
    if (n.count == 0) continue;
    out.push_back(fmt::format("{} {} (first: sector {}, at {:.6f} s)", n.count, kTexts[kind],
                              n.first.sector, static_cast<double>(n.first.when) * 1e-12));
  }
  return out;
}

void Verdicts::mark(std::uint64_t id, Verdict verdict) {
  if (id == 0) return;
  Verdict& now = not_right_[id];
  now = std::max(now, verdict);
}

void Verdicts::note_first(Verdict verdict, std::uint64_t sector, std::uint64_t line, hw::Ps when) {
  First& first = first_.at(static_cast<std::size_t>(verdict));
  if (first.seen) return;
  first = {sector, line, when, true};
}

std::uint64_t Verdicts::writer(std::uint64_t sector) const {
  const auto found = writers_.find(sector / kChunkSectors);
  return found == writers_.end() ? 0 : (*found->second)[sector % kChunkSectors];
}

}  // namespace cesasim
