// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "traces/generate/generator_output.h"

namespace cesasim::traces {
namespace {

constexpr std::uint32_t kFirstJob = 100;  // pid; the next job has the next one
constexpr std::uint32_t kMostJobs = 1024;

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

void check(const FioParams& p) {
  require(!p.sizes.empty(), "no block size given");
  std::uint64_t weights = 0;
  for (const FioParams::Size& size : p.sizes) {
    require(size.bytes > 0 && size.bytes % 512 == 0,
            fmt::format("a block size of {} bytes is not a multiple of 512", size.bytes));
    require(size.bytes <= p.region_bytes,
            fmt::format("a block size of {} bytes is larger than the region, {}", size.bytes,
                        p.region_bytes));
    weights += size.weight;
  }
  require(weights > 0, "all block sizes have weight 0");
  require(
      p.offset_bytes % 512 == 0 && p.region_bytes % 512 == 0 && p.offset_increment_bytes % 512 == 0,
      "offset, offset increment and region must be multiples of 512");
  require(p.read_percent <= 100, "more than 100 percent reads");
  require(p.depth >= 1, "a depth of 0");
  require(p.jobs >= 1 && p.jobs <= kMostJobs, fmt::format("{} jobs: 1 to {}", p.jobs, kMostJobs));
  std::uint64_t last = 0;  // offset of the last job's region
  require(!__builtin_mul_overflow(p.offset_increment_bytes, std::uint64_t{p.jobs - 1}, &last) &&
              !__builtin_add_overflow(last, p.offset_bytes, &last) && last <= ~p.region_bytes,
          "the region ends beyond what can be counted");
  if (p.pattern == FioPattern::zipf) {
    require(p.zipf_theta > 0 && p.zipf_theta != 1 && p.zipf_theta <= 10,
            "theta of zipf must be above 0, at most 10 and not 1");
  }
}

/// One process: its requests in the order in which it submits them.
class Job {
 public:
  Job(const FioParams& p, std::uint32_t number, std::uint64_t start_ns)
      : params_(p),
        number_(number),
        random_(p.seed + number),
        smallest_(std::min_element(p.sizes.begin(), p.sizes.end(),
                                   [](const auto& a, const auto& b) { return a.bytes < b.bytes; })
                      ->bytes),
        zipf_(p.region_bytes / smallest_, p.pattern == FioPattern::zipf ? p.zipf_theta : 2),
        now_(start_ns) {
    for (const FioParams::Size& size : p.sizes) weights_ += size.weight;
    advance();
  }

  bool has_next() const { return has_next_; }
  const TraceRecord& next() const { return next_; }
  void advance() {
    has_next_ = flush_due_ || made_ < params_.count;
    if (!has_next_) return;
    if (std::exchange(flush_due_, false)) {
      put(Op::flush, 0, 0, kPreflush | kSync);
    } else {
      ++made_;
      put_transfer();
    }
  }

 private:
  void put_transfer() {
    const std::uint64_t bytes = pick_size();
    std::uint64_t at = 0;
    if (params_.pattern == FioPattern::sequential) {
      if (cursor_ + bytes > params_.region_bytes) cursor_ = 0;
      at = cursor_;
      cursor_ += bytes;
    } else {
      const std::uint64_t spots = (params_.region_bytes - bytes) / smallest_ + 1;
      at = smallest_ * (params_.pattern == FioPattern::random ? random_.below(spots)
                                                              : scattered(zipf_(random_), spots));
    }
    at += params_.offset_bytes + number_ * params_.offset_increment_bytes;
    const bool is_read = random_.below(100) < params_.read_percent;
    put(is_read ? Op::read : Op::write, at / 512, bytes, is_read ? 0 : kSync);
    if (is_read || params_.fsync_every == 0 || ++writes_ < params_.fsync_every) return;
    writes_ = 0;
    flush_due_ = true;
  }

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
    next_ = {};
    next_.time_ns = now_;
    next_.done_ns = now_ + params_.service_us * kNsPerUs;
    next_.op = op;
    next_.sector = sector;
    next_.bytes = bytes;
    next_.pid = kFirstJob + number_;
    next_.flags = flags;
    ends_.push_back(next_.done_ns);
  }

  const FioParams& params_;
  std::uint32_t number_;
  GeneratorRandom random_;
  std::uint64_t smallest_;
  std::uint64_t weights_ = 0;
  Zipf zipf_;
  std::uint64_t cursor_ = 0;  // of the sequential pattern
  std::uint64_t made_ = 0;
  std::uint32_t writes_ = 0;  // since the last flush
  bool flush_due_ = false;
  std::uint64_t now_;
  std::deque<std::uint64_t> ends_;  // of requests in flight, in order
  TraceRecord next_;
  bool has_next_ = false;
};

/// Returns when the last request of the phase ends.
std::uint64_t generate_phase(const FioParams& params, std::uint64_t start_ns, const Emit& emit) {
  std::vector<std::unique_ptr<Job>> jobs;
  for (std::uint32_t i = 0; i < params.jobs; ++i) {
    jobs.push_back(std::make_unique<Job>(params, i, start_ns));
  }
  std::uint64_t end = start_ns;
  for (;;) {
    Job* first = nullptr;
    for (const auto& job : jobs) {
      if (!job->has_next()) continue;
      if (first == nullptr || job->next().time_ns < first->next().time_ns) first = job.get();
    }
    if (first == nullptr) return end;
    end = std::max(end, first->next().done_ns);
    emit(first->next(), params.phase);
    first->advance();
  }
}

}  // namespace

void generate_fio(const std::vector<FioParams>& phases, const Emit& emit) {
  for (const FioParams& params : phases) check(params);
  std::uint64_t now = 0;
  for (const FioParams& params : phases) now = generate_phase(params, now, emit);
}

}  // namespace cesasim::traces
