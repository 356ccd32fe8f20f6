// SPDX-License-Identifier: Apache-2.0
#include "study/sensitivity/sensitivity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

namespace cesasim::study {
namespace {

/// Host times say nothing about the simulated machine.
MetricList simulated(const MetricList& list) {
  MetricList out;
  for (const auto& [name, value] : list) {
    if (!name.starts_with("host")) out.emplace_back(name, value);
  }
  return out;
}

/// What the conclusions need of a result, and what tells whether anything
/// moved.
PointResult reduced(PointResult result) {
  PointResult out;
  out.axes = std::move(result.axes);
  out.status = result.status;
  out.error = std::move(result.error);
  out.metrics = simulated(result.metrics);
  for (const PhaseResult& phase : result.phases) {
    out.phases.push_back({phase.name, simulated(phase.metrics)});
  }
  out.integrity = std::move(result.integrity);
  return out;
}

bool same_outcome(const PointResult& a, const PointResult& b) {
  return to_json(a).dump() == to_json(b).dump();
}

class Analysis {
 public:
  Analysis(const Study& study, const std::vector<Point>& points, const SensitivityOptions& options,
           PartialResults& partial)
      : study_(study), options_(options), partial_(partial) {
    for (std::size_t i : needed_points(study, points)) {
      points_.push_back(points[i]);
      work_.push_back(options.work.empty() ? 1 : options.work.at(i));
    }
    out_.study = study.name;
  }

  SensitivityResult run() {
    run_base();
    std::vector<LeftOut>& left_out = out_.left_out;
    const std::vector<VariedParameter> parameters =
        find_parameters(points_, options_.marks, options_.globs, left_out);
    for (const VariedParameter& p : parameters) out_.parameters.push_back({p, true, {}, {}});
    out_.without = points_.size() * (1 + 2 * parameters.size());
    screen();
    run_ends();
    return std::move(out_);
  }

 private:
  /// A simulation that is wanted: a point with some parameters at one end.
  struct Job {
    std::size_t point;
    std::vector<std::string> paths;
    End end;
  };

  /// Results in the order of the jobs; those that do not resolve are failed
  /// ones.
  std::vector<PointResult> run_jobs(const std::string& stage, const std::vector<Job>& jobs) {
    std::vector<PointResult> results(jobs.size());
    std::vector<std::size_t> to_run;
    std::map<std::size_t, PointIdentity> identities;
    RunnerOptions runner = options_.runner;
    runner.weights.clear();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      try {
        const Point point = make(jobs[i]);
        const PointIdentity identity = identifier_.of(point);
        std::string why;
        if (auto kept = partial_.take(point, identity, why)) {
          results[i] = reduced(std::move(*kept));
          continue;
        }
        identities.emplace(i, identity);
        to_run.push_back(i);
        runner.weights.push_back(work_[jobs[i].point]);
      } catch (const ConfigError& error) {
        results[i].axes = points_[jobs[i].point].axes;
        results[i].status = Status::failed;
        results[i].error = error.what();
      }
    }
    out_.runs += jobs.size();
    if (options_.on_status) {
      runner.on_status = [&](const RunnerOptions::Status& s) { options_.on_status(stage, s); };
    }
    runner.on_result = [&](std::size_t index, PointResult&& result) {
      const std::size_t job = to_run[index];
      results[job] = reduced(std::move(result));
      if (results[job].status != Status::failed) {
        partial_.append(identities.at(job), results[job]);
      }
    };
    run_points(
        to_run.size(), [&](std::size_t i) { return make(jobs[to_run[i]]); }, runner);
    return results;
  }

  Point make(const Job& job) const {
    return job.paths.empty() ? points_[job.point] : varied(points_[job.point], job.paths, job.end);
  }

  void run_base() {
    std::vector<Job> jobs;
    for (std::size_t p = 0; p < points_.size(); ++p) {
      out_.points.push_back(point_name(points_[p].axes));
      jobs.push_back({p, {}, End::low});
    }
    base_ = run_jobs("the study as it is", jobs);
    for (const PointResult& point : base_) {
      if (point.status == Status::failed) {
        throw std::runtime_error(
            fmt::format("point '{}' failed: {}", point_name(point.axes), point.error));
      }
    }
    out_.base = conclusions(study_, base_);
  }

  /// Raises whole families at a time: where nothing moves, none of them needs a
  /// run of its own.
  void screen() {
    std::map<std::string, std::vector<std::size_t>> families;
    for (std::size_t i = 0; i < out_.parameters.size(); ++i) {
      families[family_of(out_.parameters[i].parameter.path)].push_back(i);
    }
    std::vector<Job> jobs;
    std::vector<const std::vector<std::size_t>*> of_job;
    touched_.assign(out_.parameters.size(), std::vector<bool>(points_.size(), false));
    for (const auto& [name, members] : families) {
      for (std::size_t p = 0; p < points_.size(); ++p) {
        std::vector<std::string> paths;
        for (std::size_t i : members) {
          const VariedParameter& v = out_.parameters[i].parameter;
          if (!has_parameter(points_[p], v.path)) continue;
          if (is_cost(v)) {
            paths.push_back(v.path);
          } else {
            touch({i}, p);
          }
        }
        if (paths.size() == 1) {
          touch(members, p);  // its own run says the same
        } else if (!paths.empty()) {
          jobs.push_back({p, paths, End::high});
          of_job.push_back(&members);
        }
      }
    }
    const std::vector<PointResult> results = run_jobs("screening", jobs);
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      // A combination that cannot be says nothing about its members.
      if (results[j].status == Status::failed || !same_outcome(results[j], base_[jobs[j].point])) {
        touch(*of_job[j], jobs[j].point);
      }
    }
  }

  /// More of it always takes longer, if it matters at all. A limit (a depth, a
  /// size, a rate) may bind when it is lowered and not when it is raised.
  static bool is_cost(const VariedParameter& v) {
    return v.unit.find("cycle") != std::string::npos;
  }

  void touch(const std::vector<std::size_t>& parameters, std::size_t point) {
    for (std::size_t i : parameters) {
      if (has_parameter(points_[point], out_.parameters[i].parameter.path)) {
        touched_[i][point] = true;
      }
    }
  }

  void run_ends() {
    // The upper ends first; where a cost moves nothing there, it will not at its
    // lower one either.
    for (const End end : {End::high, End::low}) {
      std::vector<Job> jobs;
      std::vector<std::size_t> of_job;
      for (std::size_t i = 0; i < out_.parameters.size(); ++i) {
        for (std::size_t p = 0; p < points_.size(); ++p) {
          if (!touched_[i][p]) continue;
          jobs.push_back({p, {out_.parameters[i].parameter.path}, end});
          of_job.push_back(i);
        }
      }
      const std::vector<PointResult> results =
          run_jobs(end == End::high ? "upper ends" : "lower ends", jobs);
      std::vector<std::vector<PointResult>> outcome(out_.parameters.size(), base_);
      for (std::size_t j = 0; j < jobs.size(); ++j) {
        const std::size_t p = jobs[j].point;
        const bool same = same_outcome(results[j], base_[p]);
        // At its range's end already, it cannot be raised: then the lower end
        // has to tell.
        const VariedParameter& v = out_.parameters[of_job[j]].parameter;
        if (end == End::high && same && v.high != v.base && is_cost(v))
          touched_[of_job[j]][p] = false;
        if (!same) out_.parameters[of_job[j]].no_effect = false;
        outcome[of_job[j]][p] = results[j];
      }
      for (std::size_t i = 0; i < out_.parameters.size(); ++i) {
        ParameterResult& r = out_.parameters[i];
        EndResult& result = end == End::high ? r.high : r.low;
        result.value = end == End::high ? r.parameter.high : r.parameter.low;
        for (const PointResult& point : outcome[i]) {
          if (point.status == Status::failed && result.failure.empty()) {
            result.failure = point.error;
          }
        }
        if (!result.failure.empty()) continue;
        result.conclusions = conclusions(study_, outcome[i]);
        judge_by(out_.base, result.conclusions);
      }
    }
  }

  const Study& study_;
  const SensitivityOptions& options_;
  PartialResults& partial_;
  Identifier identifier_;
  std::vector<Point> points_;
  std::vector<double> work_;
  std::vector<PointResult> base_;
  std::vector<std::vector<bool>> touched_;  // parameter, point: may move something
  SensitivityResult out_;
};

/// Parameter value where the straight line between the two ends crosses the
/// bound that the far one breaks (or, for a conclusion that fails at the base,
/// that the base breaks).
std::optional<double> crossing(const Conclusion& base, double base_at, const Conclusion& far,
                               double far_at) {
  if (!base.value || !far.value || *base.value == *far.value) return std::nullopt;
  for (const std::optional<double>& bound : {base.min, base.max}) {
    if (!bound) continue;
    const double share = (*bound - *base.value) / (*far.value - *base.value);
    if (share >= 0 && share <= 1) return base_at + share * (far_at - base_at);
  }
  return std::nullopt;
}

}  // namespace

SensitivityResult analyse_sensitivity(const Study& study, const std::vector<Point>& points,
                                      const SensitivityOptions& options, PartialResults& partial) {
  return Analysis(study, points, options, partial).run();
}

Effect effect_of(const ParameterResult& parameter, const Conclusion& base, std::size_t index) {
  Effect out;
  const auto consider = [&](const EndResult& end, std::optional<double>& value, bool& flips) {
    if (index >= end.conclusions.size()) return;
    const Conclusion& now = end.conclusions[index];
    value = now.value;
    flips = base.holds.has_value() && now.holds.has_value() && *base.holds != *now.holds;
    if (flips && !out.flips_at) {
      out.flips_at = crossing(base, parameter.parameter.base, now, end.value);
    }
    if (base.value && now.value && *base.value != 0) {
      out.relative =
          std::max(out.relative, std::fabs(*now.value - *base.value) / std::fabs(*base.value));
    }
  };
  consider(parameter.low, out.low, out.flips_low);
  consider(parameter.high, out.high, out.flips_high);
  const double low_at = parameter.low.value, high_at = parameter.high.value;
  if (out.low && out.high && *out.low > 0 && *out.high > 0 && low_at > 0 && high_at > low_at) {
    out.elasticity = std::log(*out.high / *out.low) / std::log(high_at / low_at);
  }
  return out;
}

}  // namespace cesasim::study
