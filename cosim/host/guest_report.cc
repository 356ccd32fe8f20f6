// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/guest_report.h"

#include <algorithm>
#include <cerrno>
#include <sstream>

namespace cesasim::cosim {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::erase(line, '\r');  // of the serial line
    lines.push_back(line);
  }
  return lines;
}

std::string rest_of(std::istringstream& in) {
  std::string rest;
  std::getline(in >> std::ws, rest);
  return rest;
}

}  // namespace

const GuestReport::Algorithm* GuestReport::find(const std::string& driver) const {
  const auto it = std::ranges::find(algorithms, driver, &Algorithm::driver);
  return it == algorithms.end() ? nullptr : &*it;
}

GuestReport parse_guest_report(const std::string& text) {
  GuestReport report;
  for (const std::string& line : lines_of(text)) {
    std::istringstream in(line);
    std::string kind;
    if (!(in >> kind)) continue;
    bool good = true;
    if (kind == "up") {
      good = static_cast<bool>(in >> report.release);
    } else if (kind == "algorithm") {
      GuestReport::Algorithm a;
      good = static_cast<bool>(in >> a.driver >> a.state);
      in >> a.priority;  // not there for a missing one
      a.passed = a.state == "passed";
      if (good && report.find(a.driver) == nullptr) report.algorithms.push_back(a);
    } else if (kind == "check") {
      GuestReport::Check c;
      std::string result;
      good = static_cast<bool>(in >> c.name >> result) && (result == "ok" || result == "failed");
      c.ok = result == "ok";
      c.detail = rest_of(in);
      if (good) report.checks.push_back(c);
    } else if (kind == "speed") {
      GuestReport::Speed s;
      good = static_cast<bool>(in >> s.name >> s.bytes >> s.ns);
      if (good) report.speeds.push_back(s);
    } else if (kind == "irq") {
      std::string line_name;
      std::uint64_t count = 0;
      good = static_cast<bool>(in >> line_name >> count);
      if (good) report.interrupts.push_back(count);
    } else if (kind == "exit") {
      int code = 0;
      good = static_cast<bool>(in >> code);
      if (good) report.exit_code = code;
    } else if (kind == "fatal") {
      report.fatal = rest_of(in);
    } else if (kind == "end") {
      report.ended = true;
    } else {
      good = false;
    }
    if (!good) report.notes.push_back(line);
  }
  return report;
}

std::string find_panic(const std::string& console) {
  std::string found;
  for (const std::string& line : lines_of(console)) {
    for (const char* sign : {"Kernel panic - not syncing", "blocked for more than", "BUG: ", "Oops",
                             "virt-pci delay"}) {
      if (line.find(sign) == std::string::npos) continue;
      found += (found.empty() ? "" : "; ") + line;
      break;
    }
  }
  return found;
}

std::string find_start_failure(const std::string& console) {
  constexpr std::size_t kLines = 3;
  std::vector<std::string> complaints, last;
  for (const std::string& line : lines_of(readable_console(console))) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    last.push_back(line);
    if (line.find("Kernel panic") != std::string::npos) continue;  // find_panic's
    if (line.find("ommand line") != std::string::npos) continue;   // names files
    for (const char* sign :
         {"failed", "Failed", "errno", "noexec", "No space left", "Permission denied",
          "Operation not permitted", "Cannot allocate memory", "No such file", "not found",
          "error while loading", "Couldn't", "Unable to", "expected SIGSTOP"}) {
      if (line.find(sign) == std::string::npos) continue;
      complaints.push_back(line);
      break;
    }
  }
  if (last.empty()) return "its console is empty";
  const bool found = !complaints.empty();
  std::vector<std::string>& lines = found ? complaints : last;
  if (lines.size() > kLines) {
    // The first complaint is the cause of the others; of a log that says nothing the end counts.
    if (found) {
      lines.resize(kLines);
    } else {
      lines.erase(lines.begin(), lines.end() - kLines);
    }
  }
  std::string text = found ? "its console says: " : "its console ends with: ";
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "" : "; ") + lines[i];
  return text;
}

std::string readable_console(const std::string& console) {
  std::string out;
  for (const std::string& line : lines_of(console)) {
    if (line.find("setup_one_line failed") == std::string::npos &&
        line.find("Using a channel type which is configured out") == std::string::npos) {
      out += line + "\n";
    }
  }
  return out;
}

std::string find_test_failure(const std::string& console, const std::string& driver) {
  for (const std::string& line : lines_of(console)) {
    const std::size_t at = line.find("alg: ");
    if (at == std::string::npos || line.find("self-tests for") != std::string::npos) continue;
    // "alg: skcipher: mv-cbc-aes encryption test failed ..."
    const std::size_t name = line.find(": " + driver + " ", at);
    if (name != std::string::npos) return line.substr(at);
  }
  return "";
}

}  // namespace cesasim::cosim
