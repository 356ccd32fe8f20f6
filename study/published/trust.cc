// SPDX-License-Identifier: Apache-2.0
#include "study/published/trust.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <tuple>

#include "base/text/json.h"
#include "dmcrypt_model/path_info.h"
#include "study/diff/baseline.h"

namespace cesasim::study {
namespace {

/// How a point reaches the cipher.
struct Way {
  std::string board, driver, path;
  bool in_program = false;
};

Way way_of(const Scenario& scenario) {
  const bool bench = scenario.workload.bench.wanted();
  return {scenario.soc.preset, scenario.ocf.driver, bench ? "" : scenario.dmcrypt.path,
          bench && scenario.workload.bench.api.user_space};
}

void count_assumed(const Tree& tree, Trust& of) {
  for (const auto& [key, member] : tree.members) count_assumed(member, of);
  if (!tree.is_scalar() || tree.layer != Layer::preset || tree.mark != "assumed") return;
  ++of.assumed;
  if (!tree.bounds) ++of.default_bounds;
}

bool is_ocf(const std::string& path) { return path.starts_with("ocf-"); }

std::string rows_text(const Trust& t) {
  std::string kinds;
  if (t.fitted != 0) kinds = fmt::format("{} fitted", t.fitted);
  if (t.predicted != 0) {
    kinds += fmt::format("{}{} predicted", kinds.empty() ? "" : ", ", t.predicted);
  }
  const std::size_t rows = t.fitted + t.predicted;
  std::string errors = fmt::format("throughput off by at most {:.1f} %", t.largest_error);
  if (t.largest_time_error != 0) {
    errors += fmt::format(", processor time by {:.1f} %", t.largest_time_error);
  }
  return fmt::format("{} row{} ({}; {})", rows, rows == 1 ? "" : "s", kinds, errors);
}

std::string text_of(const Trust& t) {
  const bool software = t.driver == "cryptosoft";
  std::string out = fmt::format("{} by {}: ", t.board, software ? "software" : t.driver);
  if (t.basis == "none") {
    out += "never compared with a measurement";
  } else if (t.basis == "direct") {
    out += rows_text(t);
  } else {
    out += fmt::format("{} by {}; path{} {} never timed", software ? "cipher" : "engine",
                       rows_text(t), t.paths.size() == 1 ? "" : "s", fmt::join(t.paths, ", "));
  }
  if (std::any_of(t.paths.begin(), t.paths.end(), is_ocf)) {
    out += " (nobody has published times of dm-crypt over OCF)";
  }
  return out + fmt::format("; {} assumed values, {} of them on default bounds", t.assumed,
                           t.default_bounds);
}

}  // namespace

std::vector<PublishedRow> published_rows(const Library& library) {
  const std::filesystem::path kept = library.home() / "studies/baselines/published.json";
  if (!std::filesystem::exists(kept)) return {};
  std::map<std::string, Way> ways;  // by the row's name
  try {
    const Study study = load_study(library.find_study("published").string());
    for (const Point& point : expand(study, {}, library, /*check_files=*/false)) {
      ways[point_name(point.axes)] = way_of(point.scenario);
    }
  } catch (const ConfigError&) {
    return {};  // a tree of presets without it
  }
  std::vector<PublishedRow> rows;
  for (const ExpectationResult& e : load_results(kept.string()).result.expectations) {
    const std::optional<double> error = e.error_percent();
    const auto way = ways.find(e.point);
    if (!error || way == ways.end()) continue;
    rows.push_back({way->second.board, way->second.driver, way->second.path, way->second.in_program,
                    e.published->fitted, e.metric == "throughput_mb_s", *error});
  }
  return rows;
}

std::vector<Trust> trust_of(const std::vector<Point>& points,
                            const std::vector<PublishedRow>& rows) {
  // Paths that were timed stand apart from those that were not, benchmarks from both.
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, Trust> found;
  std::vector<Key> order;
  for (const Point& point : points) {
    const Way way = way_of(point.scenario);
    if (way.path == dmcrypt::kNoCrypt) continue;
    const auto count = [&](auto bears, Trust& t) {
      for (const PublishedRow& row : rows) {
        if (row.board != way.board || row.driver != way.driver || !bears(row)) continue;
        ++(row.fitted ? t.fitted : t.predicted);
        double& largest = row.throughput ? t.largest_error : t.largest_time_error;
        largest = std::max(largest, std::abs(row.error));
      }
      return t.fitted + t.predicted != 0;
    };
    Trust t;
    t.board = way.board;
    t.driver = way.driver;
    if (!way.path.empty()) t.paths = {way.path};
    if (count(
            [&](const PublishedRow& row) {
              return row.path == way.path && row.in_program == way.in_program;
            },
            t)) {
      t.basis = "direct";
    } else if (!way.path.empty() &&
               count([](const PublishedRow& row) { return row.path.empty() && !row.in_program; },
                     t)) {
      t.basis = "engine";
    } else {
      t.basis = "none";
    }
    count_assumed(point.tree, t);
    const Key key = {way.board, way.driver,
                     way.path.empty() ? (way.in_program ? "program" : "kernel") : t.basis};
    const auto [at, fresh] = found.emplace(key, t);
    if (fresh) {
      order.push_back(key);
      continue;
    }
    Trust& known = at->second;
    for (const std::string& path : t.paths) {
      if (std::find(known.paths.begin(), known.paths.end(), path) == known.paths.end()) {
        known.paths.push_back(path);
      }
    }
    known.assumed = std::max(known.assumed, t.assumed);
    known.default_bounds = std::max(known.default_bounds, t.default_bounds);
  }
  std::vector<Trust> out;
  for (const Key& key : order) {
    out.push_back(std::move(found.at(key)));
    out.back().text = text_of(out.back());
  }
  return out;
}

Json to_json(const std::vector<Trust>& trust) {
  Json out = Json::array();
  for (const Trust& t : trust) {
    out.push_back({{"board", t.board},
                   {"driver", t.driver},
                   {"paths", t.paths},
                   {"basis", t.basis},
                   {"fitted", t.fitted},
                   {"predicted", t.predicted},
                   {"largest_error_percent", t.largest_error},
                   {"largest_time_error_percent", t.largest_time_error},
                   {"assumed", t.assumed},
                   {"default_bounds", t.default_bounds},
                   {"text", t.text}});
  }
  return out;
}

}  // namespace cesasim::study
