// SPDX-License-Identifier: Apache-2.0
#include "study/run/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/text/terminal.h"
#include "base/text/wrap.h"

namespace cesasim::study {
namespace {

constexpr double kSecondsBetweenLines = 10;

}  // namespace

ProgressLine::Style ProgressLine::choose(bool quiet, bool asked_for) {
  if (::isatty(STDERR_FILENO) != 0) return quiet ? Style::none : Style::in_place;
  return asked_for ? Style::lines : Style::none;
}

ProgressLine::ProgressLine(std::string name, Style style, std::size_t already, std::string what)
    : name_(std::move(name)),
      what_(std::move(what)),
      style_(style),
      already_(already),
      next_line_(kSecondsBetweenLines),
      start_(std::chrono::steady_clock::now()) {}

void ProgressLine::show(const RunnerOptions::Status& status) {
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const std::optional<double> left = time_left_.update(elapsed, status.fraction);
  const std::string text =
      fmt::format("{}: {}/{} {}, {:.1f} s simulated, elapsed {}{}", name_, already_ + status.done,
                  already_ + status.total, what_, status.sim_seconds, duration_text(elapsed),
                  left ? ", left " + estimate_text(*left) : "");
  if (style_ == Style::in_place) {
    // One column stays free: a full last one wraps on some terminals.
    fmt::print(stderr, "\r{}\x1b[K", cut_to(text, terminal_width(STDERR_FILENO) - 1));
    std::fflush(stderr);
    shown_ = true;
  } else if (elapsed >= next_line_ || status.done == status.total) {
    fmt::print(stderr, "{}\n", text);
    next_line_ = elapsed + kSecondsBetweenLines;
  }
}

void ProgressLine::clear() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

std::string command_line() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string out = "cesasim";
  std::string argument;
  std::getline(in, argument, '\0');  // the program's place
  while (std::getline(in, argument, '\0')) {
    const bool plain =
        !argument.empty() && std::all_of(argument.begin(), argument.end(), [](unsigned char c) {
          return std::isalnum(c) != 0 ||
                 std::string_view("_-+=./:,%@").find(static_cast<char>(c)) !=
                     std::string_view::npos;
        });
    if (plain) {
      out += " " + argument;
      continue;
    }
    out += " '";
    for (char c : argument) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += "'";
  }
  return out;
}

}  // namespace cesasim::study
