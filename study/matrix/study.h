// SPDX-License-Identifier: Apache-2.0
// A study: a base scenario, axes that vary it, and what is expected of the outcome.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scenario/library.h"
#include "scenario/scenario.h"
#include "scenario/tree.h"

namespace cesasim::study {

/// A key of the scenario and the values it takes in turn; or a name of its own, whose values are
/// named cases of several settings each.
struct Axis {
  using Settings = std::vector<std::pair<std::string, Tree>>;

  std::string path;
  std::vector<Tree> values;
  Position at;
  std::vector<Settings> cases;  ///< empty, or one for each value
};

/// Some axes with one value each: names every point that agrees with it.
struct Selector {
  std::vector<std::pair<std::string, Tree>> values;
  Position at;
};

/// What errors of published figures should stay below, per cent.
inline constexpr double kFittedAim = 5;
inline constexpr double kPredictedAim = 15;

/// A measurement of the real thing that an expectation stands for.
struct Published {
  double value = 0;
  double within = 0;    ///< the aim: per cent that the simulation may be off
  bool fitted = false;  ///< parameters were chosen by it: no prediction
  std::string source;
  std::string note;                      ///< what should be known about the figure
  std::optional<double> tolerated = {};  ///< per cent; a known miss fails beyond this only
  std::string reason = "";               ///< why a wider bound is tolerated

  double aim() const { return fitted ? kFittedAim : kPredictedAim; }
};

struct Expectation {
  std::string name;
  Selector where;
  std::string metric;
  std::string phase;                    ///< "": the whole run
  std::optional<Selector> relative_to;  ///< axes whose values replace the point's
  std::string relative_label;           ///< the same for people: "the baseline", "ocf-v1"
  std::optional<double> min, max;
  std::optional<Published> published;  ///< min and max then follow from it, by `tolerated` if given
  Position at;
};

/// A value of a preset that `cesasim fit` may choose.
struct FitParameter {
  std::string key;     ///< of the scenario, as soc.costs.kernel.irq_entry
  std::string preset;  ///< that the value stands in; points with another one keep theirs
  double min = 0, max = 0;
  Position at;
};

struct Study {
  std::string name;
  std::string doc;
  std::string file;  ///< as messages show it
  Tree scenario;
  std::vector<Axis> axes;
  std::vector<Selector> exclude;
  std::optional<Selector> baseline;
  std::vector<Expectation> expect;
  std::vector<FitParameter> fit;
};

/// One simulation of a study.
struct Point {
  std::size_t index = 0;
  Json axes = Json::object();  ///< path -> value, in axis order
  Tree tree;                   ///< resolved
  Scenario scenario;
};

/// One `--set key=value`.
struct Override {
  std::string path;
  Tree value;
};

/// Splits "key=value"; the value is a YAML scalar. Errors: ConfigError.
Override parse_override(const std::string& text);

/// Reads and checks a study file. Errors: ConfigError.
Study load_study(const std::string& file);
/// The same from text; `name` is what messages call it.
Study parse_study(const std::string& text, const std::string& name);

/// All points, last axis fastest, less the excluded ones, each resolved and checked. `--set` is
/// the top layer; on an axis' key it narrows the axis to that one value. Errors: ConfigError.
std::vector<Point> expand(const Study& study, const std::vector<Override>& overrides,
                          const Library& library, bool check_files = true);

/// What distinguishes points: the values of the axes that vary, "standard cryptosoft".
/// `skip` leaves one axis out.
std::string point_label(const Json& axes, const std::string& skip = "");
/// The same for people: "(one point)" where nothing varies.
std::string point_name(const Json& axes, const std::string& skip = "");

/// Whether `selector` names the point with these axes.
bool matches(const Selector& selector, const Json& axes);
/// The axes of the baseline point that belongs to the point with `axes`.
Json baseline_axes(const Selector& baseline, const Json& axes);
/// Whether two axis values are the same (5 and 5.0 are, "2005" and 2005 too).
bool same_value(const Json& a, const Json& b);
bool same_axes(const Json& a, const Json& b);

}  // namespace cesasim::study
