// SPDX-License-Identifier: Apache-2.0
#include "study/output/junit.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text/junit.h"
#include "base/text/version.h"

namespace cesasim::study {
namespace {

TestCase case_of(const std::string& study, const PointResult& point) {
  TestCase out{.group = study + ".points", .name = point_name(point.axes), .ok = true};
  const double seconds = find_value(point.metrics, "host_seconds").value_or(0);
  if (std::isfinite(seconds)) out.seconds = seconds;
  if (point.status == Status::failed) {
    out.ok = false;
    out.kind = TestCase::Kind::error;
    out.type = "failed";
    out.message = point.error;
  } else if (point.status == Status::broken && !point.broken_is_tolerated()) {
    out.ok = false;
    out.type = "broken";
    out.message = point.error;
    for (const std::string& guarantee : point.broken_guarantees) out.message += "\n" + guarantee;
  }
  return out;
}

std::string failure_text(const ExpectationResult& e) {
  std::string out = e.metric;
  if (!e.phase.empty()) out += " in phase " + e.phase;
  if (e.relative) out += " relative to " + e.relative_to;
  out += e.value ? fmt::format(" is {:.6g}", *e.value) : " has no value";
  if (e.min) out += fmt::format(", at least {:.6g} expected", *e.min);
  if (e.max) out += fmt::format(", at most {:.6g} expected", *e.max);
  if (!e.point.empty()) out += ", point '" + e.point + "'";
  if (!e.note.empty()) out += ": " + e.note;
  return out;
}

TestCase case_of(const std::string& study, const ExpectationResult& e) {
  TestCase out{.group = study + ".expectations", .name = e.name, .ok = e.ok.value_or(false)};
  if (!e.ok) {
    out.kind = TestCase::Kind::skipped;
    out.message = e.note;
  } else if (!*e.ok) {
    out.type = "expectation";
    out.message = failure_text(e);
  } else if (e.misses_aim()) {
    out.properties = {{"misses_aim", e.missed_aim_text()}};
  }
  return out;
}

}  // namespace

std::string to_junit(const std::vector<StudyResult>& studies) {
  std::vector<TestSuite> suites;
  for (const StudyResult& study : studies) {
    TestSuite suite;
    suite.name = study.study;
    suite.properties.emplace_back("version", version_text(study.version, study.build));
    for (const std::string& set : study.overrides) suite.properties.emplace_back("set", set);
    for (const PointResult& point : study.points)
      suite.cases.push_back(case_of(study.study, point));
    for (const ExpectationResult& e : study.expectations) {
      suite.cases.push_back(case_of(study.study, e));
    }
    suites.push_back(std::move(suite));
  }
  return to_junit(suites);
}

}  // namespace cesasim::study
