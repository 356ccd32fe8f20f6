// SPDX-License-Identifier: Apache-2.0
// The analysis as Markdown and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "study/sensitivity/sensitivity.h"

namespace cesasim::study {
namespace {

/// Below this share of the conclusion's value an effect is not worth a line.
constexpr double kSmallest = 0.0005;
constexpr std::size_t kRowsPerConclusion = 12;
constexpr std::size_t kRowsOfRanking = 30;

std::string number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? fmt::format("{:.5g}", *value) : "-";
}

std::string percent(double share) { return fmt::format("{:.2f} %", share * 100); }

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

/// A table whose columns also line up as plain text.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width(rows[0].size(), 3);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    out += "|";
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      out += fmt::format(" {:<{}} |", rows[r][i], width[i]);
    }
    out += "\n";
    if (r > 0) continue;
    out += "|";
    for (const std::size_t w : width) out += " " + std::string(w, '-') + " |";
    out += "\n";
  }
  return out;
}

std::string bounds_text(const Conclusion& c) {
  if (c.min && c.max) return fmt::format("{:.5g} to {:.5g}", *c.min, *c.max);
  if (c.min) return fmt::format("at least {:.5g}", *c.min);
  if (c.max) return fmt::format("at most {:.5g}", *c.max);
  return "";
}

std::string values_text(const VariedParameter& p) {
  const std::string out = fmt::format("{:.6g} / {:.6g} / {:.6g} {}", p.low, p.base, p.high, p.unit);
  return p.uniform ? out : out + " (first preset's)";
}

std::string flip_text(const ParameterResult& r, const Effect& e) {
  if (!e.flips_low && !e.flips_high) return "";
  std::string out = e.flips_low && e.flips_high ? "FLIPS at both ends"
                    : e.flips_low               ? fmt::format("FLIPS at {:.6g}", r.low.value)
                                                : fmt::format("FLIPS at {:.6g}", r.high.value);
  if (e.flips_at) {
    out += fmt::format(", from about {:.4g} {}", *e.flips_at,
                       e.flips_low && !e.flips_high ? "down" : "up");
  }
  return out;
}

/// Parameters by their effect on conclusion `c`, largest first.
std::vector<std::pair<std::size_t, Effect>> ranked(const SensitivityResult& result, std::size_t c) {
  std::vector<std::pair<std::size_t, Effect>> out;
  for (std::size_t i = 0; i < result.parameters.size(); ++i) {
    out.emplace_back(i, effect_of(result.parameters[i], result.base[c], c));
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    const bool fa = a.second.flips_low || a.second.flips_high;
    const bool fb = b.second.flips_low || b.second.flips_high;
    if (fa != fb) return fa;
    return a.second.relative > b.second.relative;
  });
  return out;
}

std::string overview(const SensitivityResult& result) {
  struct Row {
    std::size_t parameter;
    double largest = 0;
    std::string of;
    std::size_t flips = 0;
  };
  std::vector<Row> rows;
  for (std::size_t i = 0; i < result.parameters.size(); ++i) {
    Row row{i, 0, "", 0};
    for (std::size_t c = 0; c < result.base.size(); ++c) {
      const Effect e = effect_of(result.parameters[i], result.base[c], c);
      if (e.flips_low || e.flips_high) ++row.flips;
      if (e.relative > row.largest) {
        row.largest = e.relative;
        row.of = result.base[c].name;
      }
    }
    if (row.largest >= kSmallest || row.flips > 0) rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.largest > b.largest; });
  std::vector<std::vector<std::string>> cells = {
      {"", "parameter", "low / base / high", "mark", "largest effect", "on", "flips"}};
  for (std::size_t i = 0; i < rows.size() && i < kRowsOfRanking; ++i) {
    const VariedParameter& p = result.parameters[rows[i].parameter].parameter;
    cells.push_back({std::to_string(i + 1), "`" + p.path + "`", values_text(p),
                     p.mark + (p.stated ? "" : ", usual bounds"), percent(rows[i].largest),
                     escaped(rows[i].of), rows[i].flips > 0 ? std::to_string(rows[i].flips) : ""});
  }
  std::string out = table(cells);
  if (rows.size() > kRowsOfRanking) {
    out += fmt::format("\nand {} more above {} (all are in sensitivity.json)\n",
                       rows.size() - kRowsOfRanking, percent(kSmallest));
  }
  return out;
}

Json optional(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json truth(const std::optional<bool>& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

std::string to_markdown(const SensitivityResult& result, const std::string& command) {
  std::string out = fmt::format("# Sensitivity of {}\n\n", result.study);
  out += fmt::format("Made by `{}`, cesasim {}.\n\n", command, result.version);
  for (const std::string& set : result.overrides) out += fmt::format("- `--set {}`\n", set);
  std::size_t none = 0, flipping = 0, failed = 0;
  for (const ParameterResult& r : result.parameters) {
    if (r.no_effect) ++none;
    if (!r.low.failure.empty() || !r.high.failure.empty()) ++failed;
  }
  std::vector<std::vector<std::string>> verdicts = {
      {"conclusion", "value", "bounds", "as it is", "depends on"}};
  for (std::size_t c = 0; c < result.base.size(); ++c) {
    const Conclusion& base = result.base[c];
    std::string depends;
    for (const auto& [i, e] : ranked(result, c)) {
      if (!e.flips_low && !e.flips_high) break;
      depends += (depends.empty() ? "`" : ", `") + result.parameters[i].parameter.path + "`";
    }
    if (!depends.empty()) ++flipping;
    verdicts.push_back({escaped(base.name), number(base.value), bounds_text(base),
                        !base.holds   ? (base.expectation ? "not checked" : "")
                        : *base.holds ? "holds"
                                      : "FAILS",
                        !depends.empty()                  ? depends
                        : base.expectation && !base.holds ? "-"
                                                          : "no parameter alone"});
  }
  out += fmt::format(
      "{} parameters varied over {} points in {} simulations; {} of them move "
      "nothing here. {} of "
      "{} conclusions flip within the bounds of at least one parameter.\n\n",
      result.parameters.size(), result.points.size(), result.runs, none, flipping,
      result.base.size());
  out += "## Conclusions\n\n" + table(verdicts) + "\n";
  out += "## Parameters by their largest effect\n\n" + overview(result) + "\n";
  out += "## Effect on each conclusion\n";
  for (std::size_t c = 0; c < result.base.size(); ++c) {
    const Conclusion& base = result.base[c];
    const std::string bounds = bounds_text(base);
    out += fmt::format("\n### {}\n\n{} is {}{}.\n\n", base.name, base.metric, number(base.value),
                       bounds.empty() ? "" : "; bounds: " + bounds);
    std::vector<std::vector<std::string>> cells = {
        {"parameter", "low / base / high", "at low", "at high", "effect", "elasticity", ""}};
    for (const auto& [i, e] : ranked(result, c)) {
      const bool flips = e.flips_low || e.flips_high;
      if (!flips && (cells.size() > kRowsPerConclusion || e.relative < kSmallest)) continue;
      const ParameterResult& r = result.parameters[i];
      cells.push_back({"`" + r.parameter.path + "`", values_text(r.parameter), number(e.low),
                       number(e.high), percent(e.relative),
                       e.elasticity ? fmt::format("{:+.3f}", *e.elasticity) : "-",
                       flip_text(r, e)});
    }
    out += cells.size() > 1 ? table(cells)
                            : fmt::format("Nothing moves it by {} or more.\n", percent(kSmallest));
  }
  if (failed > 0) {
    out += "\n## Values that could not be simulated\n\n";
    for (const ParameterResult& r : result.parameters) {
      for (const EndResult* end : {&r.low, &r.high}) {
        if (end->failure.empty()) continue;
        out += fmt::format("- `{}` at {:.6g}: {}\n", r.parameter.path, end->value,
                           escaped(end->failure));
      }
    }
  }
  if (!result.left_out.empty()) {
    out += "\n## Left alone\n\n";
    for (const LeftOut& l : result.left_out) out += fmt::format("- `{}`: {}\n", l.path, l.why);
  }
  out +=
      "\n"
      "## How to read this\n\n"
      "- Each parameter is set to the low and to the high end of its bounds while all others "
      "keep their values. Bounds are those that its preset states (`bounds: [low, high]`); "
      "without them an assumed value is halved and doubled, a derived one moved by 20 %, a "
      "measured one by 10 %. These usual bounds are a convention and no knowledge.\n"
      "- Effect: the larger change of the conclusion's value, as a share of it. Elasticity: per "
      "cent of the conclusion per per cent of the parameter, over the whole of its bounds.\n"
      "- Where a conclusion moves the same way at both ends, what is seen is mostly how small "
      "shifts in time reorder requests, and no trend: take effects of that size as noise.\n"
      "- A flip is seen at an end of the bounds. The value from which on it flips is "
      "interpolated on a straight line between base and end, not simulated.\n"
      "- Limits: one at a time says nothing about parameters that are wrong together (all path "
      "lengths are estimated in the same way, and may well be wrong in the same direction), "
      "nothing about what lies between base and end if that is no straight line, and nothing "
      "about what the model leaves out.\n"
      "- To save time, families of parameters (as `soc.costs.driver.hal_*`) are raised together "
      "first; where no metric of a point moves, they are not varied one by one for that point. "
      "Two effects that cancel to the last digit would be missed. Where the upper end of a "
      "parameter moves nothing, its lower end is not run.\n";
  return out;
}

Json to_json(const SensitivityResult& result) {
  Json out;
  out["schema"] = "cesasim-sensitivity-1";
  out["study"] = result.study;
  out["version"] = result.version;
  if (!result.build.empty()) out["build"] = result.build;
  out["overrides"] = result.overrides;
  out["points"] = result.points;
  out["simulations"] = result.runs;
  out["simulations_without_screening"] = result.without;
  Json& conclusions = out["conclusions"] = Json::array();
  for (const Conclusion& c : result.base) {
    conclusions.push_back(Json{{"name", c.name},
                               {"kind", c.expectation ? "expectation" : "comparison"},
                               {"metric", c.metric},
                               {"value", optional(c.value)},
                               {"min", optional(c.min)},
                               {"max", optional(c.max)},
                               {"holds", truth(c.holds)}});
  }
  Json& parameters = out["parameters"] = Json::array();
  for (const ParameterResult& r : result.parameters) {
    const VariedParameter& p = r.parameter;
    Json item{{"path", p.path},       {"unit", p.unit},
              {"mark", p.mark},       {"preset", p.preset},
              {"base", p.base},       {"low", p.low},
              {"high", p.high},       {"bounds_stated", p.stated},
              {"uniform", p.uniform}, {"no_effect", r.no_effect}};
    if (!r.low.failure.empty()) item["low_failure"] = r.low.failure;
    if (!r.high.failure.empty()) item["high_failure"] = r.high.failure;
    Json& effects = item["effects"] = Json::array();
    for (std::size_t c = 0; c < result.base.size() && !r.no_effect; ++c) {
      const Effect e = effect_of(r, result.base[c], c);
      effects.push_back(Json{{"conclusion", c},
                             {"low", optional(e.low)},
                             {"high", optional(e.high)},
                             {"relative", e.relative},
                             {"elasticity", optional(e.elasticity)},
                             {"flips_low", e.flips_low},
                             {"flips_high", e.flips_high},
                             {"flips_at", optional(e.flips_at)}});
    }
    parameters.push_back(std::move(item));
  }
  Json& left_out = out["left_out"] = Json::array();
  for (const LeftOut& l : result.left_out)
    left_out.push_back(Json{{"path", l.path}, {"why", l.why}});
  return out;
}

}  // namespace cesasim::study
