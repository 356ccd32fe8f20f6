#include "base/text/junit.h"

#include <algorithm>

namespace cesasim {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // XML knows no other control characters.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

}  // namespace

std::string to_junit(const std::string& suite, const std::vector<TestCase>& cases) {
  const auto failures = std::ranges::count(cases, false, &TestCase::ok);
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  out += "  <testsuite name=\"" + escaped(suite) + "\" tests=\"" + std::to_string(cases.size()) +
         "\" failures=\"" + std::to_string(failures) + "\">\n";
  for (const TestCase& c : cases) {
    out += "    <testcase classname=\"" + escaped(c.group) + "\" name=\"" + escaped(c.name) + "\"";
    if (c.ok) {
      out += "/>\n";
    } else {
      out += ">\n      <failure message=\"" + escaped(c.message) + "\"/>\n    </testcase>\n";
    }
  }
  return out + "  </testsuite>\n</testsuites>\n";
}

}  // namespace cesasim
