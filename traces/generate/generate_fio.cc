// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <deque>

#include "traces/generate/generator_output.h"

namespace cesasim::traces {
namespace {

constexpr std::uint32_t kJob = 100;  // pid

void require(bool good, const std::string& what) {
  if (!good) throw GeneratorError(what);
}

/// Ranks from 0 to n - 1 with probability proportional to (rank + 1)^-theta, in constant memory
/// (rejection-inversion: W. Hoermann, G. Derflinger, ACM TOMACS 6(3), 1996).
class Zipf {
 public:
  Zipf(std::uint64_t n, double theta)
      : n_(static_cast<double>(n)),
        theta_(theta),
        low_(integral(1.5) - 1),
        high_(integral(n_ + 0.5)),
        sure_(2 - inverse(integral(2.5) - density(2))) {}

  std::uint64_t operator()(GeneratorRandom& random) const {
    for (;;) {
      const double u = high_ + random.unit() * (low_ - high_);
      const double x = inverse(u);
      const double k = std::clamp(std::floor(x + 0.5), 1.0, n_);
      if (k - x <= sure_ || u >= integral(k + 0.5) - density(k)) {
        return static_cast<std::uint64_t>(k) - 1;
      }
    }
  }

 private:
  double density(double x) const { return std::pow(x, -theta_); }
  double integral(double x) const { return (std::pow(x, 1 - theta_) - 1) / (1 - theta_); }
  double inverse(double y) const { return std::pow(1 + y * (1 - theta_), 1 / (1 - theta_)); }

  double n_;
  double theta_;
  double low_;
  double high_;
  double sure_;
};

class Fio {
 public:
  Fio(const FioParams& p, const Emit& emit) : params_(p), emit_(emit), random_(p.seed) {
    require(!p.sizes.empty(), "no block size given");
    for (const FioParams::Size& size : p.sizes) {
      require(size.bytes > 0 && size.bytes % 512 == 0,
              fmt::format("a block size of {} bytes is not a multiple of 512", size.bytes));
      require(size.bytes <= p.region_bytes,
              fmt::format("a block size of {} bytes is larger than the region, {}", size.bytes,
                          p.region_bytes));
      smallest_ = smallest_ == 0 ? size.bytes : std::min(smallest_, size.bytes);
      weights_ += size.weight;
    }
    require(weights_ > 0, "all block sizes have weight 0");
    require(p.offset_bytes % 512 == 0 && p.region_bytes % 512 == 0,
            "offset and region must be multiples of 512");
    require(p.offset_bytes <= ~p.region_bytes, "the region ends beyond what can be counted");
    require(p.read_percent <= 100, "more than 100 percent reads");
    require(p.depth >= 1, "a depth of 0");
    if (p.pattern == FioPattern::zipf) {
      require(p.zipf_theta > 0 && p.zipf_theta != 1 && p.zipf_theta <= 10,
              "theta of zipf must be above 0, at most 10 and not 1");
    }
  }

  void run() {
    const std::uint64_t places = params_.region_bytes / smallest_;
    const Zipf zipf(places, params_.pattern == FioPattern::zipf ? params_.zipf_theta : 2);
    std::uint64_t next = 0;  // of the sequential pattern
    std::uint32_t writes = 0;
    for (std::uint64_t i = 0; i < params_.count; ++i) {
      const std::uint64_t bytes = pick_size();
      std::uint64_t at = 0;
      if (params_.pattern == FioPattern::sequential) {
        if (next + bytes > params_.region_bytes) next = 0;
        at = next;
        next += bytes;
      } else {
        const std::uint64_t spots = (params_.region_bytes - bytes) / smallest_ + 1;
        at = smallest_ * (params_.pattern == FioPattern::random ? random_.below(spots)
                                                                : scattered(zipf(random_), spots));
      }
      const bool is_read = random_.below(100) < params_.read_percent;
      put(is_read ? Op::read : Op::write, (params_.offset_bytes + at) / 512, bytes,
          is_read ? 0 : kSync);
      if (is_read || params_.fsync_every == 0 || ++writes < params_.fsync_every) continue;
      writes = 0;
      put(Op::flush, 0, 0, kPreflush | kSync);
    }
  }

 private:
  std::uint64_t pick_size() {
    std::uint64_t at = random_.below(weights_);
    for (const FioParams::Size& size : params_.sizes) {
      if (at < size.weight) return size.bytes;
      at -= size.weight;
    }
    return params_.sizes.back().bytes;
  }

  /// Hot places are spread over the region, as fio does.
  static std::uint64_t scattered(std::uint64_t rank, std::uint64_t spots) {
    std::uint64_t x = rank + 0x9e37'79b9'7f4a'7c15;
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ x >> 27) * 0x94d0'49bb'1331'11eb;
    return (x ^ x >> 31) % spots;
  }

  /// A request begins when one of `depth` places is free.
  void put(Op op, std::uint64_t sector, std::uint64_t bytes, std::uint8_t flags) {
    constexpr std::uint64_t kNsPerUs = 1000;
    if (ends_.size() == params_.depth) {
      now_ = std::max(now_, ends_.front());
      ends_.pop_front();
    }
    TraceRecord record;
    record.time_ns = now_;
    record.done_ns = now_ + params_.service_us * kNsPerUs;
    record.op = op;
    record.sector = sector;
    record.bytes = bytes;
    record.pid = kJob;
    record.flags = flags;
    ends_.push_back(record.done_ns);
    emit_(record, "fio");
  }

  const FioParams& params_;
  const Emit& emit_;
  GeneratorRandom random_;
  std::uint64_t smallest_ = 0;
  std::uint64_t weights_ = 0;
  std::uint64_t now_ = 0;
  std::deque<std::uint64_t> ends_;  // of requests in flight, in order
};

}  // namespace

void generate_fio(const FioParams& params, const Emit& emit) { Fio(params, emit).run(); }

}  // namespace cesasim::traces
