// SPDX-License-Identifier: Apache-2.0
#include "study/published/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlopt.hpp>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace cesasim::study {
namespace {

/// How much a factor of e in a parameter weighs against one in a figure, squared: enough to settle
/// what the figures leave open, too little to move what they say.
constexpr double kPull = 1e-5;
/// Where the search stops: a step of a thousandth, or so many runs of all figures.
constexpr double kTolerance = 1e-3;
constexpr int kMaxEvaluations = 400;

/// The value in the point's tree, if it comes from the parameter's preset.
const Tree* preset_value(const Point& point, const FitParameter& p) {
  const Tree* const node = point.tree.find_path(p.key);
  if (node == nullptr || !node->is_scalar() || node->layer != Layer::preset) return nullptr;
  return std::filesystem::path(node->at.file).stem() == p.preset ? node : nullptr;
}

class Fit {
 public:
  Fit(const Study& study, const Library& library, const RunnerOptions& options)
      : study_(study), library_(library), options_(options) {
    for (const Point& point : expand(study, {}, library)) {
      const auto wanted = [&point](const Expectation& e) {
        return e.published && e.published->fitted && matches(e.where, point.axes);
      };
      if (std::ranges::none_of(study.expect, wanted)) continue;
      points_.push_back(point);
      points_.back().index = points_.size() - 1;
    }
    for (const FitParameter& p : study.fit) {
      FittedParameter f;
      f.parameter = &p;
      for (const Point& point : points_) {
        const Tree* const node = preset_value(point, p);
        if (node == nullptr) continue;
        f.at = node->at;
        f.before = f.after = std::stod(node->text);
      }
      if (f.at.line == 0) {
        throw ConfigError(
            p.at, "fit",
            fmt::format("no fitted figure takes {} from a preset '{}'", p.key, p.preset),
            "a key and the preset of a fitted row");
      }
      result.parameters.push_back(f);
    }
  }

  /// Sum of squared logarithmic errors with these values.
  double error(const std::vector<double>& values) {
    std::vector<Point> points = points_;
    for (Point& point : points) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        const FitParameter& p = *result.parameters[i].parameter;
        if (preset_value(point, p) == nullptr) continue;
        set_path(point.tree, p.key,
                 Tree::scalar(fmt::format("{:.9g}", values[i]), p.at, Layer::command_line));
      }
      point.scenario = resolve_scenario(point.tree, library_);
    }
    const std::vector<PointResult> results = run_points(points, options_);
    double sum = 0;
    result.figures = 0;
    for (const PointResult& r : results) {
      if (r.status != Status::ok) {
        throw std::runtime_error(
            fmt::format("point '{}' {}: {}", point_name(r.axes), status_name(r.status), r.error));
      }
      for (const Expectation& e : study_.expect) {
        if (!e.published || !e.published->fitted || !matches(e.where, r.axes)) continue;
        const double off =
            std::log(find_value(r.metrics, e.metric).value_or(0) / e.published->value);
        sum += off * off;
        ++result.figures;
      }
    }
    ++result.evaluations;
    return sum;
  }
  double rms_per_cent(double sum) const {
    return 100 * std::sqrt(sum / static_cast<double>(result.figures));
  }

  FitResult result;

 private:
  const Study& study_;
  const Library& library_;
  const RunnerOptions& options_;
  std::vector<Point> points_;
};

}  // namespace

FitResult fit_start(const Study& study, const Library& library) {
  return Fit(study, library, RunnerOptions{}).result;
}

FitResult fit(const Study& study, const Library& library, const RunnerOptions& options,
              const std::function<void(const FitResult&)>& progress) {
  Fit fit(study, library, options);
  FitResult& result = fit.result;
  const std::size_t n = result.parameters.size();
  std::vector<double> start(n), low(n), high(n), x(n);
  for (std::size_t i = 0; i < n; ++i) {
    const FittedParameter& p = result.parameters[i];
    low[i] = std::log(p.parameter->min);
    high[i] = std::log(p.parameter->max);
    start[i] = std::log(std::max(p.before, 1e-9));
    x[i] = std::clamp(start[i], low[i], high[i]);
  }
  const auto set = [&result](const std::vector<double>& logs) {
    std::vector<double> values(logs.size());
    for (std::size_t i = 0; i < logs.size(); ++i) {
      // Four digits are more than any figure gives.
      values[i] = std::stod(fmt::format("{:.4g}", std::exp(logs[i])));
      result.parameters[i].after = values[i];
    }
    return values;
  };
  {
    std::vector<double> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = result.parameters[i].before;
    result.before = fit.rms_per_cent(fit.error(values));
  }
  std::exception_ptr thrown;
  const std::function<double(const std::vector<double>&)> objective =
      [&](const std::vector<double>& logs) {
        double error = 0;
        try {
          error = fit.error(set(logs));
        } catch (...) {
          thrown = std::current_exception();
          throw nlopt::forced_stop();
        }
        result.after = fit.rms_per_cent(error);
        if (progress) progress(result);
        double pull = 0;
        for (std::size_t i = 0; i < n; ++i) pull += (logs[i] - start[i]) * (logs[i] - start[i]);
        return error + kPull * pull;
      };
  nlopt::opt search(nlopt::LN_BOBYQA, static_cast<unsigned>(n));
  search.set_min_objective(
      [](const std::vector<double>& at, std::vector<double>&, void* data) {
        return (*static_cast<const std::function<double(const std::vector<double>&)>*>(data))(at);
      },
      const_cast<void*>(static_cast<const void*>(&objective)));
  search.set_lower_bounds(low);
  search.set_upper_bounds(high);
  search.set_initial_step(0.1);
  search.set_xtol_abs(kTolerance);
  search.set_maxeval(kMaxEvaluations);
  double best = 0;
  try {
    search.optimize(x, best);
  } catch (const nlopt::roundoff_limited&) {
    // x is the best found.
  } catch (...) {
    // NLopt makes one error of all that a run throws.
    if (thrown) std::rethrow_exception(thrown);
    throw;
  }
  result.after = fit.rms_per_cent(fit.error(set(x)));
  for (std::size_t i = 0; i < n; ++i) {
    result.parameters[i].at_bound =
        x[i] - low[i] < 2 * kTolerance || high[i] - x[i] < 2 * kTolerance;
  }
  return result;
}

std::map<std::string, std::string> fitted_files(const FitResult& result) {
  std::map<std::string, std::vector<std::string>> files;
  for (const FittedParameter& p : result.parameters) {
    std::vector<std::string>& lines = files[p.at.file];
    if (lines.empty()) {
      std::ifstream in(p.at.file);
      for (std::string line; std::getline(in, line);) lines.push_back(line);
    }
    const auto index = static_cast<std::size_t>(p.at.line - 1);
    static const std::regex kValue("(value: *)[^,} ]+");
    if (index >= lines.size() || !std::regex_search(lines[index], kValue)) {
      throw ConfigError(p.at, p.parameter->key, "no 'value: ...' on this line");
    }
    lines[index] = std::regex_replace(lines[index], kValue, fmt::format("$01{:.4g}", p.after),
                                      std::regex_constants::format_first_only);
  }
  std::map<std::string, std::string> out;
  for (const auto& [file, lines] : files) out[file] = fmt::format("{}\n", fmt::join(lines, "\n"));
  return out;
}

}  // namespace cesasim::study
