#include "study/output/junit.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace cesasim::study {
namespace {

/// Length of the well-formed UTF-8 sequence at `i`, 0 if there is none.
std::size_t utf8_length(const std::string& text, std::size_t i) {
  const auto byte = [&](std::size_t k) -> unsigned {
    return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u;
  };
  const unsigned first = byte(i);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 && first <= 0xF4   ? 4
                             : first >= 0xE0 && first <= 0xEF ? 3
                             : first >= 0xC2 && first <= 0xDF ? 2
                                                              : 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return 0;
  }
  // Too long forms, surrogates, beyond Unicode, and the two code points that XML leaves out.
  const unsigned second = byte(i + 1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ||
      (first == 0xEF && second == 0xBF && byte(i + 2) >= 0xBE)) {
    return 0;
  }
  return length;
}

/// Text for an attribute or an element; bytes that XML cannot hold become '?'.
std::string escaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const std::size_t length = utf8_length(text, i);
    if (length > 1) {
      out += text.substr(i, length);
      i += length;
      continue;
    }
    ++i;
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\n' || c == '\t' || c == '\r') {
      out += fmt::format("&#{};", static_cast<int>(c));  // kept in attributes too
    } else if (length == 0 || static_cast<unsigned char>(c) < 0x20) {
      out += '?';
    } else {
      out += c;
    }
  }
  return out;
}

struct Suite {
  std::string cases;
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  double seconds = 0;

  void add(const std::string& class_name, const std::string& name, double time,
           const std::string& child) {
    ++tests;
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                         escaped(class_name), escaped(name), time);
    cases += child.empty() ? "/>\n" : ">\n      " + child + "\n    </testcase>\n";
  }
};

std::string problem(const char* element, const std::string& type, const std::string& message) {
  return fmt::format("<{0} type=\"{1}\" message=\"{2}\">{2}</{0}>", element, type,
                     escaped(message));
}

void add_point(const std::string& study, const PointResult& point, Suite& suite) {
  double seconds = find_value(point.metrics, "host_seconds").value_or(0);
  if (!std::isfinite(seconds)) seconds = 0;
  suite.seconds += seconds;
  std::string child;
  if (point.status == Status::failed) {
    ++suite.errors;
    child = problem("error", "failed", point.error);
  } else if (point.status == Status::broken && !point.broken_is_tolerated()) {
    ++suite.failures;
    std::string message = point.error;
    for (const std::string& guarantee : point.broken_guarantees) message += "\n" + guarantee;
    child = problem("failure", "broken", message);
  }
  suite.add(study + ".points", point_name(point.axes), seconds, child);
}

void add_expectation(const std::string& study, const ExpectationResult& e, Suite& suite) {
  std::string child;
  if (!e.ok) {
    ++suite.skipped;
    child = fmt::format("<skipped message=\"{}\"/>", escaped(e.note));
  } else if (!*e.ok) {
    ++suite.failures;
    std::string message = e.metric;
    if (!e.phase.empty()) message += " in phase " + e.phase;
    if (e.relative) message += " relative to " + e.relative_to;
    message += e.value ? fmt::format(" is {:.6g}", *e.value) : " has no value";
    if (e.min) message += fmt::format(", at least {:.6g} expected", *e.min);
    if (e.max) message += fmt::format(", at most {:.6g} expected", *e.max);
    if (!e.point.empty()) message += ", point '" + e.point + "'";
    if (!e.note.empty()) message += ": " + e.note;
    child = problem("failure", "expectation", message);
  } else if (e.misses_aim()) {
    child = fmt::format("<properties><property name=\"misses_aim\" value=\"{}\"/></properties>",
                        escaped(e.missed_aim_text()));
  }
  suite.add(study + ".expectations", e.name, 0, child);
}

}  // namespace

std::string to_junit(const std::vector<StudyResult>& studies) {
  std::string suites;
  Suite total;
  for (const StudyResult& study : studies) {
    Suite suite;
    for (const PointResult& point : study.points) add_point(study.study, point, suite);
    for (const ExpectationResult& e : study.expectations) add_expectation(study.study, e, suite);
    suites += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" "
        "time=\"{:.3f}\">\n",
        escaped(study.study), suite.tests, suite.failures, suite.errors, suite.skipped,
        suite.seconds);
    suites += "    <properties>\n";
    suites +=
        fmt::format("      <property name=\"version\" value=\"{}\"/>\n", escaped(study.version));
    for (const std::string& set : study.overrides) {
      suites += fmt::format("      <property name=\"set\" value=\"{}\"/>\n", escaped(set));
    }
    suites += "    </properties>\n" + suite.cases + "  </testsuite>\n";
    total.tests += suite.tests;
    total.failures += suite.failures;
    total.errors += suite.errors;
    total.skipped += suite.skipped;
    total.seconds += suite.seconds;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"cesasim\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" "
      "time=\"{:.3f}\">\n{}</testsuites>\n",
      total.tests, total.failures, total.errors, total.skipped, total.seconds, suites);
}

}  // namespace cesasim::study
