#include "cli/trace_check.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "dmcrypt_model/table.h"
#include "hw_model/common/units.h"
#include "traces/trace_reader.h"

namespace cesasim::study {
namespace {

/// What a device asks of the rows that go onto it.
struct Rules {
  std::uint64_t sectors;  // its size, in units of 512 bytes
  std::uint32_t unit;     // bytes in which dm-crypt ciphers
  bool operator<(const Rules& other) const {
    return std::tie(sectors, unit) < std::tie(other.sectors, other.unit);
  }
};

/// The rule that `record` breaks, and what would be valid; "" if it fits.
std::string broken_rule(const traces::TraceRecord& record, const Rules& rules) {
  if (record.op != traces::Op::read && record.op != traces::Op::write) return "";
  if (record.end_sector() > rules.sectors) {
    return fmt::format(
        "sectors {} to {} are beyond the device, which has {}; valid: a larger disk "
        "(disk.capacity_gib) or a trace of a smaller one",
        record.sector, record.end_sector() - 1, rules.sectors);
  }
  if ((record.sector * hw::kSectorBytes | record.bytes) % rules.unit != 0) {
    return fmt::format(
        "a {} of {} bytes at sector {} does not fit dmcrypt.sector_size {}: a request must begin "
        "and end at a multiple of it, and dm-crypt fails others (EIO); valid: sector_size 512, or "
        "a trace of a device with sectors of {} bytes",
        op_name(record.op), record.bytes, record.sector, rules.unit, rules.unit);
  }
  return "";
}

}  // namespace

std::vector<double> check_traces(const std::vector<Point>& points) {
  // The same file may be read in several ways.
  using Way = std::tuple<std::string, std::string, std::string, std::string, bool>;
  const auto way = [](const WorkloadSettings& w) {
    return Way(w.trace_file, w.device, w.format, w.arrivals, w.skip_bad_lines);
  };
  struct Misfit {
    std::uint64_t line = 0;
    std::string rule;
    std::uint64_t rows = 0;
  };
  struct Use {
    traces::TraceOptions options;
    std::map<Rules, Misfit> devices;  // that it is replayed on
  };
  std::map<Way, Use> uses;
  for (const Point& point : points) {
    const WorkloadSettings& w = point.scenario.workload;
    if (w.bench.wanted()) continue;
    const dmcrypt::CryptTable table =
        crypt_table(point.scenario.dmcrypt, point.scenario.disk.sectors());
    Use& use = uses[way(w)];
    use.options = w.trace_options();
    use.devices[{table.sectors, table.sector_size}];
  }
  // A request costs about as much as the bytes of a small one.
  constexpr double kBytesPerRequest = 4096;
  std::map<Way, double> work;
  for (auto& [key, use] : uses) {
    const std::string& file = std::get<0>(key);
    double& bytes = work[key];
    const auto reader = traces::open_trace(file, use.options);
    traces::TraceRecord record;
    while (reader->next(record)) {
      bytes += kBytesPerRequest;
      if (record.op == traces::Op::read || record.op == traces::Op::write) {
        bytes += static_cast<double>(record.bytes);
      }
      for (auto& [rules, misfit] : use.devices) {
        const std::string rule = broken_rule(record, rules);
        if (rule.empty() || misfit.rows++ != 0) continue;
        misfit.line = record.line;
        misfit.rule = rule;
      }
    }
    for (const auto& [rules, misfit] : use.devices) {
      if (misfit.rows == 0) continue;
      throw traces::TraceError(
          file, misfit.line,
          misfit.rule + (misfit.rows == 1 ? ""
                                          : fmt::format(" ({} rows do not fit, this is the first)",
                                                        misfit.rows)));
    }
  }
  std::vector<double> out;
  for (const Point& point : points) {
    const WorkloadSettings& w = point.scenario.workload;
    out.push_back(w.bench.wanted()
                      ? static_cast<double>(w.bench.requests) *
                            (kBytesPerRequest + static_cast<double>(w.bench.block_bytes))
                      : work[way(w)]);
  }
  return out;
}

}  // namespace cesasim::study
