// SPDX-License-Identifier: Apache-2.0
#include "base/text/junit.h"

#include <fmt/format.h>

#include <cstddef>

namespace cesasim {
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

struct Counts {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  double seconds = 0;

  void add(const TestCase& c) {
    ++tests;
    seconds += c.seconds;
    if (c.ok) return;
    failures += c.kind == TestCase::Kind::failure;
    errors += c.kind == TestCase::Kind::error;
    skipped += c.kind == TestCase::Kind::skipped;
  }
  std::string attributes(const std::string& name) const {
    return fmt::format(
        "name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" "
        "time=\"{:.3f}\"",
        escaped(name), tests, failures, errors, skipped, seconds);
  }
};

std::string outcome(const TestCase& c) {
  const std::string message = escaped(c.message);
  if (c.kind == TestCase::Kind::skipped) return fmt::format("<skipped message=\"{}\"/>", message);
  const char* const element = c.kind == TestCase::Kind::error ? "error" : "failure";
  const std::string type = c.type.empty() ? "" : fmt::format(" type=\"{}\"", escaped(c.type));
  return fmt::format("<{0}{1} message=\"{2}\">{2}</{0}>", element, type, message);
}

std::string to_xml(const TestCase& c) {
  std::string out = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                                escaped(c.group), escaped(c.name), c.seconds);
  std::string inside;
  for (const auto& [name, value] : c.properties) {
    inside += fmt::format("<property name=\"{}\" value=\"{}\"/>", escaped(name), escaped(value));
  }
  if (!inside.empty()) inside = "<properties>" + inside + "</properties>";
  if (!c.ok) inside += outcome(c);
  return out + (inside.empty() ? "/>\n" : ">\n      " + inside + "\n    </testcase>\n");
}

}  // namespace

std::string to_junit(const std::vector<TestSuite>& suites) {
  std::string all;
  Counts total;
  for (const TestSuite& suite : suites) {
    Counts counts;
    std::string cases;
    for (const TestCase& c : suite.cases) {
      counts.add(c);
      total.add(c);
      cases += to_xml(c);
    }
    all += fmt::format("  <testsuite {}>\n", counts.attributes(suite.name));
    if (!suite.properties.empty()) {
      all += "    <properties>\n";
      for (const auto& [name, value] : suite.properties) {
        all += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", escaped(name),
                           escaped(value));
      }
      all += "    </properties>\n";
    }
    all += cases + "  </testsuite>\n";
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {}>\n{}</testsuites>\n",
      total.attributes("cesasim"), all);
}

std::string unfinished_junit(const std::string& suite) {
  const TestCase run{.group = "cesasim",
                     .name = "run",
                     .message = "the run did not come to its end",
                     .kind = TestCase::Kind::error};
  return to_junit({{suite, {}, {run}}});
}

}  // namespace cesasim
