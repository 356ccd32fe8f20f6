// SPDX-License-Identifier: Apache-2.0
#include "study/published/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <vector>

#include "machine/result/metrics.h"

namespace cesasim::study {
namespace {

/// Of some rows: how many, how many within their bounds, and the errors (per cent, unsigned).
struct Group {
  std::vector<double> errors;
  std::size_t within = 0;

  void add(double error, bool ok) {
    errors.push_back(std::abs(error));
    within += ok ? 1 : 0;
  }
  std::string row(const std::string& name) {
    if (errors.empty()) return "";
    std::ranges::sort(errors);
    double sum = 0;
    for (const double e : errors) sum += e;
    return fmt::format("| {} | {} | {} | {:.1f} | {:.1f} | {:.1f} |\n", name, errors.size(), within,
                       errors[errors.size() / 2], sum / static_cast<double>(errors.size()),
                       errors.back());
  }
};

/// Four significant digits; shares as per cent.
std::string figure(double value, const std::string& unit) {
  return unit == "1" ? fmt::format("{:.1f}", 100 * value) : fmt::format("{:.4g}", value);
}

}  // namespace

std::string validation_markdown(const StudyResult& result) {
  std::string rows;
  std::map<std::string, std::vector<std::string>> sources;  // text -> rows
  Group fitted, predicted, shares;
  for (const ExpectationResult& e : result.expectations) {
    if (!e.published) continue;
    const Metric* const metric = find_metric(e.metric);
    std::string unit = metric == nullptr ? "" : metric->unit;
    const bool share = unit == "1";
    std::string simulated = "-", error = "-";
    std::string remark = e.published->note;
    if (!e.published->reason.empty()) {
      remark += (remark.empty() ? "" : "; ") + e.published->reason;
    }
    if (e.value) {
      const double off = 100 * (*e.value / e.published->value - 1);
      simulated = figure(*e.value, unit);
      error = fmt::format("{:+.1f}", off);
      Group& group = e.published->fitted ? fitted : share ? shares : predicted;
      const double aim = e.published->aim();
      group.add(off, std::abs(off) <= aim);
      if (std::abs(off) > aim)
        remark = remark.empty() ? "**misses the aim**" : "**misses the aim**; " + remark;
    } else {
      error = e.note;
    }
    rows += fmt::format("| {} | {} {} | {} | {} | {} | {} |\n", e.name,
                        figure(e.published->value, unit), share ? "%" : unit, simulated, error,
                        e.published->fitted ? "fitted" : "predicted", remark);
    const std::string number = e.name.substr(0, e.name.find(':'));
    auto& list = sources[e.published->source];
    if (std::ranges::find(list, number) == list.end()) list.push_back(number);
  }
  if (rows.empty()) {
    throw std::invalid_argument("no expectation of the study stands for a published figure");
  }
  std::string text = fmt::format(
      "# Published and simulated\n\n"
      "Made by `cesasim run {0}` and `cesasim validation out/{0}` (version {1}); not to be edited "
      "by hand.\n\n"
      "Fitted rows chose parameters (`cesasim fit {0}`; the list stands in the study under `fit`). "
      "Predicted rows did not: they show what the model is worth. Errors are in per cent of the "
      "published figure. The aim is {2:g} % for fitted and {3:g} % for predicted rows.\n\n"
      "| | rows | within the aim | median error | mean | largest |\n|---|---|---|---|---|---|\n",
      result.study, result.version, kFittedAim, kPredictedAim);
  text += fitted.row("fitted");
  text += predicted.row("predicted throughput");
  text += shares.row("predicted processor time");
  text += "\n| row | published | simulated | error % | | |\n|---|---|---|---|---|---|\n" + rows;
  text += "\n## Sources\n\n";
  for (const auto& [source, numbers] : sources) {
    text += fmt::format("- {}: {}\n", fmt::join(numbers, ", "), source);
  }
  return text;
}

}  // namespace cesasim::study
