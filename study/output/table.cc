// SPDX-License-Identifier: Apache-2.0
#include "study/output/table.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>

#include "base/text/errors.h"
#include "base/text/nearest.h"
#include "base/text/wrap.h"
#include "machine/result/metrics.h"
#include "scenario/settings.h"

namespace cesasim::study {
namespace {

/// A star does not go past a dot: "stage_us.*" is without "stage_us.read.disk".
bool matches_any(const std::string& name, const MetricGlobs& globs) {
  const auto as_path = [](std::string text) {
    std::replace(text.begin(), text.end(), '.', '/');
    return text;
  };
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return ::fnmatch(as_path(glob).c_str(), as_path(name).c_str(), FNM_PATHNAME) == 0;
  });
}

constexpr const char* kTraceAxis = "workload.trace";
constexpr std::size_t kTopShares = 4;
constexpr const char* kSharesHead = "top CPU shares";

/// Columns of a screen that the names of the rows may take; the rest is for figures.
std::size_t name_room(std::size_t width) { return std::max<std::size_t>(width * 2 / 5, 16); }

std::string number(std::optional<double> value, const char* format) {
  if (!value || !std::isfinite(*value)) return "-";
  return fmt::format(fmt::runtime(format), *value);
}

/// Four significant digits, without an exponent where a person can read the number.
std::string short_number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return "-";
  const double v = std::fabs(*value);
  if (v != 0 && (v < 1e-6 || v >= 1e15)) return fmt::format("{:.3e}", *value);
  if (v >= 1000) return fmt::format("{:.0f}", *value);
  const int decimals = v == 0 ? 0 : 3 - static_cast<int>(std::floor(std::log10(v)));
  return fmt::format("{:.{}f}", *value, decimals);
}

std::string percent(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return "-";
  return fmt::format("{:.1f}%", *value * 100);
}

/// As many as `room` columns hold, but one at least; 0 is no limit.
std::string shares(const MetricList& list, std::size_t room) {
  const std::string prefix = "cpu.share.";
  std::vector<std::pair<double, std::string>> found;
  for (const auto& [name, value] : list) {
    if (name.starts_with(prefix) && name != prefix + "idle" && value >= 0.005) {
      found.emplace_back(value, name.substr(prefix.size()));
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string out;
  for (std::size_t i = 0; i < found.size() && i < kTopShares; ++i) {
    const std::string one = fmt::format("{} {:.0f}%", found[i].second, found[i].first * 100);
    if (i > 0 && room > 0 && out.size() + 1 + one.size() > room) break;
    out += (i > 0 ? " " : "") + one;
  }
  return out.empty() ? "-" : out;
}

const PointResult* baseline_of(const Study& study, const StudyResult& result,
                               const PointResult& point) {
  if (!study.baseline) return nullptr;
  const Json wanted = baseline_axes(*study.baseline, point.axes);
  for (const PointResult& candidate : result.points) {
    if (candidate.status != Status::failed && same_axes(candidate.axes, wanted)) {
      return &candidate;
    }
  }
  return nullptr;
}

std::optional<double> ratio(std::optional<double> value, std::optional<double> base) {
  if (!value || !base || *base == 0) return std::nullopt;
  return *value / *base;
}

std::string trace_of(const PointResult& point) {
  const Json* node = nullptr;
  if (point.axes.contains(kTraceAxis)) {
    node = &point.axes[kTraceAxis];
  } else if (point.config.contains("workload") && point.config["workload"].contains("trace")) {
    node = &point.config["workload"]["trace"];
  }
  return node != nullptr && node->is_string() ? node->get<std::string>() : "";
}

std::string label_of(const PointResult& point) { return point_name(point.axes, kTraceAxis); }

/// Whether the study, or who ran it, says what `key` is for every point.
bool named(const Study& study, const StudyResult& result, const std::string& key) {
  const auto covers = [&key](const std::string& given) {
    return given == key || key.starts_with(given + ".") || given == key + ".preset";
  };
  if (study.scenario.find_path(key) != nullptr) {
    const Tree& node = *study.scenario.find_path(key);
    if (!node.is_map() || node.find("preset") != nullptr) return true;
  }
  for (const Axis& axis : study.axes) {
    if (axis.cases.empty() && covers(axis.path)) return true;
    const auto says = [&covers](const Axis::Settings& settings) {
      return std::any_of(settings.begin(), settings.end(),
                         [&covers](const auto& setting) { return covers(setting.first); });
    };
    if (!axis.cases.empty() && std::all_of(axis.cases.begin(), axis.cases.end(), says)) return true;
  }
  return std::any_of(
      result.overrides.begin(), result.overrides.end(),
      [&covers](const std::string& set) { return covers(set.substr(0, set.find('='))); });
}

/// The values that `path` has in the points' resolved scenarios, each once.
std::string values_of(const std::vector<const PointResult*>& points, const std::string& path) {
  constexpr std::size_t kShown = 4;
  std::vector<std::string> found;
  for (const PointResult* point : points) {
    const Json* node = &point->config;
    for (std::size_t at = 0; node != nullptr && at <= path.size();) {
      const std::size_t dot = std::min(path.find('.', at), path.size());
      const std::string key = path.substr(at, dot - at);
      node = node->is_object() && node->contains(key) ? &(*node)[key] : nullptr;
      at = dot + 1;
    }
    // A preset is the name alone, or a map that begins with it.
    if (node != nullptr && node->is_object()) {
      node = node->contains("preset") ? &(*node)["preset"] : nullptr;
    }
    if (node == nullptr) continue;
    const std::string text = node->is_string() ? node->get<std::string>() : node->dump();
    if (std::find(found.begin(), found.end(), text) == found.end()) found.push_back(text);
  }
  std::string out;
  for (std::size_t i = 0; i < std::min(found.size(), kShown); ++i) {
    out += (i == 0 ? "" : ", ") + found[i];
  }
  if (found.size() > kShown) out += fmt::format(" and {} more", found.size() - kShown);
  return out;
}

/// What the points run on: board, kernel, disk and depth, and which of them nobody chose.
std::string machine_line(const Study& study, const StudyResult& result) {
  std::vector<const PointResult*> all;
  std::vector<const PointResult*> on_disk;  // no benchmarks
  std::vector<const PointResult*> closed;   // a depth means something
  for (const PointResult& point : result.points) {
    all.push_back(&point);
    const auto& config = point.config;
    const Json workload = config.is_object() ? config.value("workload", Json::object()) : Json();
    if (!workload.is_object() || !workload.contains("trace") || workload["trace"] == "none") {
      continue;
    }
    on_disk.push_back(&point);
    if (workload.value("replay", "closed") == "closed") closed.push_back(&point);
  }
  std::string out;
  const auto add = [&](const char* what, const std::vector<const PointResult*>& points,
                       const std::string& key, const char* before) {
    const std::string values = values_of(points, key);
    if (values.empty()) return;
    out += fmt::format("{}{} {}{}", out.empty() ? "" : before, what, values,
                       named(study, result, key) ? "" : " (default)");
  };
  add("board", all, "soc", "; ");
  add("kernel", all, "kernel", "; ");
  add("disk", on_disk, "disk", "; ");
  add("depth read", closed, "workload.depth.read", "; ");
  add("write", closed, "workload.depth.write", ", ");
  return out;
}

/// Without the columns that have "-" or nothing in every row.
std::vector<std::vector<std::string>> with_values(
    const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> out(rows.size());
  for (std::size_t i = 0; i < rows[0].size(); ++i) {
    const bool any = std::any_of(rows.begin() + 1, rows.end(), [i](const auto& row) {
      return i < row.size() && !row[i].empty() && row[i] != "-";
    });
    if (i > 0 && !any) continue;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      if (i < rows[k].size()) out[k].push_back(rows[k][i]);
    }
  }
  return out;
}

std::string main_block(const Study& study, const StudyResult& result,
                       const std::vector<const PointResult*>& points, std::size_t width) {
  std::vector<std::vector<std::string>> rows = {{"point", "sim s", "vs base", "MB/s", "p50 us",
                                                 "p99 us", "CPU", "copied MB", "irqs", "switches",
                                                 "engine", "disk", kSharesHead}};
  std::size_t shares_room = 0;
  if (width > 0) {
    std::size_t names = 0;
    for (const PointResult* point : points) {
      names = std::max(names, text_width(label_of(*point)) +
                                  (point->status == Status::broken ? sizeof " (broken)" - 1 : 0));
    }
    const std::size_t taken = 2 + std::min(names, name_room(width)) + 2;
    shares_room = width > taken ? width - taken : 1;
  }
  for (const PointResult* point : points) {
    if (point->status == Status::failed) {
      rows.push_back({label_of(*point), "failed"});
      continue;
    }
    auto value = [point](const char* name) { return find_value(point->metrics, name); };
    const PointResult* base = baseline_of(study, result, *point);
    std::optional<double> copied = value("bytes_copied");
    if (copied) *copied /= 1e6;
    rows.push_back(
        {label_of(*point) + (point->status == Status::broken ? " (broken)" : ""),
         short_number(value("sim_seconds")),
         base == nullptr
             ? "-"
             : number(ratio(value("sim_seconds"), find_value(base->metrics, "sim_seconds")),
                      "{:.3f}"),
         short_number(value("throughput_mb_s")), short_number(value("latency_us.p50")),
         short_number(value("latency_us.p99")), percent(value("cpu.utilization")),
         short_number(copied), number(value("interrupts"), "{:.0f}"),
         number(value("context_switches"), "{:.0f}"), percent(value("engine.utilization")),
         percent(value("disk.utilization")), shares(point->metrics, shares_room)});
  }
  return align(with_values(rows), "  ", width);
}

/// The metrics that were asked for: a line per point, a column each.
std::string metric_block(const std::vector<const PointResult*>& points, const MetricGlobs& globs,
                         std::size_t width) {
  std::vector<std::vector<std::string>> rows = {{"point"}};
  for (const PointResult* point : points) {
    if (point->status != Status::failed) rows.push_back({label_of(*point)});
  }
  for (const Metric& metric : metrics()) {
    if (!matches_any(metric.name, globs)) continue;
    rows[0].push_back(metric.unit == "1" ? metric.name : metric.name + " " + metric.unit);
    std::size_t row = 0;
    for (const PointResult* point : points) {
      if (point->status == Status::failed) continue;
      rows[++row].push_back(short_number(find_value(point->metrics, metric.name)));
    }
  }
  return "\n" + align(with_values(rows), "  ", width);
}

std::string phase_block(const Study& study, const StudyResult& result,
                        const std::vector<const PointResult*>& points, std::size_t width) {
  std::vector<std::string> phases;
  for (const PointResult* point : points) {
    for (const PhaseResult& phase : point->phases) {
      if (std::find(phases.begin(), phases.end(), phase.name) == phases.end()) {
        phases.push_back(phase.name);
      }
    }
  }
  if (phases.size() < 2) return "";
  std::vector<std::vector<std::string>> rows = {{"phase: seconds (vs base)"}};
  for (const PointResult* point : points) {
    if (point->status != Status::failed) rows[0].push_back(label_of(*point));
  }
  for (const std::string& name : phases) {
    std::vector<std::string> row = {name};
    for (const PointResult* point : points) {
      if (point->status == Status::failed) continue;
      const PhaseResult* phase = point->find_phase(name);
      std::optional<double> seconds;
      if (phase != nullptr) seconds = find_value(phase->metrics, "sim_seconds");
      std::string cell = short_number(seconds);
      const PointResult* base = baseline_of(study, result, *point);
      const PhaseResult* base_phase = base == nullptr ? nullptr : base->find_phase(name);
      if (base_phase != nullptr) {
        const auto r = ratio(seconds, find_value(base_phase->metrics, "sim_seconds"));
        if (r) cell += fmt::format(" ({:.3f})", *r);
      }
      row.push_back(cell);
    }
    rows.push_back(row);
  }
  return "\n" + align(rows, "  ", width);
}

/// Points with faults or broken guarantees: what happened, and what became of the requests.
std::string verdict_block(const StudyResult& result) {
  std::string out;
  for (const PointResult& point : result.points) {
    if (point.faults.empty() && point.broken_guarantees.empty()) continue;
    out += fmt::format("  {}\n", point_name(point.axes));
    for (const FaultResult& f : point.faults) {
      const std::string hit = hit_text(f);
      out += fmt::format("    fault {} ({}): happened {} times in {} opportunities{}\n", f.name,
                         f.kind, f.fired, f.opportunities,
                         f.fired == 0   ? ": this run says nothing about it"
                         : !hit.empty() ? ": " + hit
                                        : "");
    }
    const auto count = [&point](const char* name) {
      return find_value(point.metrics, name).value_or(0);
    };
    out += fmt::format("    requests: {:.0f} right, {:.0f} failed and said so\n",
                       count("verdict.right"), count("verdict.failed"));
    for (const std::string& text : point.broken_guarantees) {
      out += fmt::format("    {}: {}\n",
                         point.broken_is_tolerated() ? "broken, reported only" : "BROKEN", text);
    }
  }
  return out.empty() ? "" : "\nverdicts\n" + out;
}

/// Each note once, with the points that it is about, or their number where they are many.
std::string note_block(const StudyResult& result) {
  constexpr std::size_t kNamed = 4;
  std::vector<std::pair<std::string, std::vector<std::string>>> notes;
  for (const PointResult& point : result.points) {
    for (const std::string& text : point.notes) {
      auto it = std::find_if(notes.begin(), notes.end(),
                             [&text](const auto& note) { return note.first == text; });
      if (it == notes.end()) it = notes.insert(notes.end(), {text, {}});
      it->second.push_back(point_name(point.axes));
    }
  }
  std::string out;
  for (const auto& [text, points] : notes) {
    std::string about;
    for (std::size_t i = 0; i < std::min(points.size(), kNamed); ++i) {
      about += (i == 0 ? "" : ", ") + points[i];
    }
    if (points.size() > kNamed) about += fmt::format(" and {} more", points.size() - kNamed);
    out += fmt::format("  {} ({})\n", text, about);
  }
  return out.empty() ? "" : "\nnotes\n" + out;
}

std::string expectation_line(const ExpectationResult& e) {
  std::string bound;
  if (e.min && e.max) {
    bound = fmt::format("{:.10g} .. {:.10g}", *e.min, *e.max);
  } else if (e.min) {
    bound = fmt::format(">= {:.10g}", *e.min);
  } else if (e.max) {
    bound = fmt::format("<= {:.10g}", *e.max);
  }
  const bool off = e.ok && *e.ok && e.misses_aim();
  const char* verdict = !e.ok ? "skip" : off ? "OFF " : *e.ok ? "ok  " : "FAIL";
  std::string out = fmt::format("  {}  {}: {}{}", verdict, e.name, e.metric,
                                e.phase.empty() ? "" : " of phase " + e.phase);
  if (e.relative) out += " relative to " + e.relative_to;
  if (e.value)
    out += fmt::format(" = {}", *e.value >= 1e5 ? fmt::format("{:.10g}", *e.value)
                                                : fmt::format("{:.5g}", *e.value));
  out += fmt::format(", expected {}", bound);
  if (!e.point.empty()) out += fmt::format(" ({})", e.point);
  if (off) out += fmt::format("; {}", e.missed_aim_text());
  if (!e.note.empty()) out += fmt::format("; {}", e.note);
  return out + "\n";
}

/// "64: 56 ok, 8 off their aim", where there is more to say than that all hold.
std::string expectation_count(const std::vector<ExpectationResult>& all) {
  std::size_t off = 0, failed = 0, skipped = 0;
  for (const ExpectationResult& e : all) {
    if (!e.ok) {
      ++skipped;
    } else if (!*e.ok) {
      ++failed;
    } else if (e.misses_aim()) {
      ++off;
    }
  }
  if (off + failed + skipped == 0) return "";
  std::string out =
      fmt::format("  {} expectations: {} ok", all.size(), all.size() - off - failed - skipped);
  if (off > 0) out += fmt::format(", {} off their aim (OFF, which a reason tolerates)", off);
  if (failed > 0) out += fmt::format(", {} failed", failed);
  if (skipped > 0) out += fmt::format(", {} not checked", skipped);
  return out + "\n";
}

/// Rows [name, figures...] in as many blocks as `width` asks for.
std::string align_narrow(const std::vector<std::vector<std::string>>& rows,
                         const std::string& indent, std::size_t width) {
  const std::size_t columns = rows[0].size();
  const auto cell = [&rows](std::size_t row, std::size_t i) {
    return i < rows[row].size() ? rows[row][i] : std::string();
  };
  // Names within their share, further lines two columns in.
  std::vector<std::vector<std::string>> names;
  std::size_t name_width = 0;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    names.push_back(wrap_words(cell(k, 0), name_room(width)));
    for (std::size_t i = 0; i < names.back().size(); ++i) {
      if (i > 0 && k > 0) names.back()[i].insert(0, "  ");
      name_width = std::max(name_width, text_width(names.back()[i]));
    }
  }
  // Heads no wider than their figures, as far as their words allow.
  std::vector<std::vector<std::string>> heads(columns);
  std::vector<std::size_t> widths(columns);
  for (std::size_t i = 1; i < columns; ++i) {
    for (std::size_t k = 1; k < rows.size(); ++k) {
      widths[i] = std::max(widths[i], text_width(cell(k, i)));
    }
    heads[i] = wrap_words(cell(0, i), std::max<std::size_t>(widths[i], 9));
    for (const std::string& line : heads[i]) widths[i] = std::max(widths[i], text_width(line));
  }
  std::string out;
  for (std::size_t from = 1; from < columns;) {
    std::size_t to = from;
    std::size_t used = indent.size() + name_width;
    while (to < columns && (to == from || used + 2 + widths[to] <= width)) {
      used += 2 + widths[to++];
    }
    const auto add = [&](std::string line) {
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    };
    const auto padded = [](const std::string& text, std::size_t columns_wide, bool left) {
      const std::string pad(columns_wide - std::min(columns_wide, text_width(text)), ' ');
      return left ? text + pad : pad + text;
    };
    if (from > 1) out += "\n";
    std::size_t head_lines = names[0].size();
    for (std::size_t i = from; i < to; ++i) head_lines = std::max(head_lines, heads[i].size());
    for (std::size_t n = 0; n < head_lines; ++n) {
      const auto line_of = [&](const std::vector<std::string>& lines) {
        const std::size_t skip = head_lines - lines.size();  // heads end on the same line
        return n < skip ? std::string() : lines[n - skip];
      };
      std::string line = indent + padded(line_of(names[0]), name_width, true);
      for (std::size_t i = from; i < to; ++i) {
        line += "  " + padded(line_of(heads[i]), widths[i], rows[0][i] == kSharesHead);
      }
      add(line);
    }
    for (std::size_t k = 1; k < rows.size(); ++k) {
      for (std::size_t n = 0; n < names[k].size(); ++n) {
        std::string line = indent + padded(names[k][n], name_width, true);
        // The figures stand beside the name's end.
        for (std::size_t i = from; i < to && n + 1 == names[k].size(); ++i) {
          line += "  " + padded(cell(k, i), widths[i], rows[0][i] == kSharesHead);
        }
        add(line);
      }
    }
    from = to;
  }
  return out;
}

}  // namespace

std::string align(const std::vector<std::vector<std::string>>& rows, const std::string& indent,
                  std::size_t width) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::size_t whole = indent.size() - 2;
  for (std::size_t w : widths) whole += 2 + w;
  if (width > 0 && whole > width) return align_narrow(rows, indent, width);
  std::string out;
  for (const auto& row : rows) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      // Words stand to the left: the first column, and whatever the head of a last column is.
      const bool left = i == 0 || rows[0][i] == kSharesHead;
      line += left ? fmt::format("{:<{}}", row[i], widths[i])
                   : fmt::format("{:>{}}", row[i], widths[i]);
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

void check_metric_globs(const MetricGlobs& globs) {
  const std::vector<std::string> names = metric_names();
  for (const std::string& glob : globs) {
    if (std::any_of(names.begin(), names.end(),
                    [&glob](const std::string& name) { return matches_any(name, {glob}); })) {
      continue;
    }
    throw UsageError(fmt::format("--metrics: no metric '{}'{}; see `list metrics`", glob,
                                 did_you_mean(glob, names)));
  }
}

std::string to_table(const Study& study, const StudyResult& result, std::size_t width,
                     const MetricGlobs& more) {
  std::string out = fmt::format("{}\n", result.study);
  for (const std::string& set : result.overrides) out += fmt::format("set: {}\n", set);
  if (!result.overrides.empty() && !result.expectations.empty()) {
    out += "(the study's expectations were written for its own values)\n";
  }
  if (study.baseline) {
    Json base = Json::object();
    for (const auto& [path, value] : study.baseline->values) base[path] = scalar_json(value);
    out += fmt::format("baseline: {}\n", point_label(base));
  }
  if (const std::string line = machine_line(study, result); !line.empty()) {
    out += line + "\n";
  }
  std::vector<std::string> traces;
  for (const PointResult& point : result.points) {
    const std::string trace = trace_of(point);
    if (std::find(traces.begin(), traces.end(), trace) == traces.end()) traces.push_back(trace);
  }
  for (const std::string& trace : traces) {
    std::vector<const PointResult*> points;
    for (const PointResult& point : result.points) {
      if (trace_of(point) == trace) points.push_back(&point);
    }
    const bool replayed = !trace.empty() && trace != WorkloadSettings::kNoTrace;
    out += fmt::format("\n{}\n", replayed ? trace : "results");
    out += main_block(study, result, points, width);
    if (!more.empty()) out += metric_block(points, more, width);
    out += phase_block(study, result, points, width);
  }
  out += verdict_block(result);
  out += note_block(result);
  std::string errors, reported;
  for (const PointResult& point : result.points) {
    if (point.status == Status::ok) continue;
    (point.broken_is_tolerated() ? reported : errors) += fmt::format(
        "  {}: {}: {}\n", point_name(point.axes), status_name(point.status), point.error);
  }
  if (!errors.empty()) out += "\nerrors\n" + errors;
  if (!reported.empty()) {
    out +=
        "\nbroken, which this study only reports (on_broken: report): no matter of the exit "
        "code\n" +
        reported;
  }
  if (!result.trust.empty()) {
    out += "\nwhat the figures are worth: published rows (`cesasim validation`), assumed values\n";
    for (const Json& trust : result.trust) {
      out += "  " + trust.at("text").get<std::string>() + "\n";
    }
  }
  if (!result.expectations.empty()) {
    out += "\nexpectations\n";
    for (const ExpectationResult& e : result.expectations) out += expectation_line(e);
    out += expectation_count(result.expectations);
  }
  return fold_lines(out, width, 6);
}

}  // namespace cesasim::study
