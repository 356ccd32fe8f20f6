// SPDX-License-Identifier: Apache-2.0
// Nothing is written twice, and what people read is in the field's words.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/house/sources.h"

namespace cesasim {
namespace {

const std::vector<std::string> kFloors = {"base",     "cli",      "cosim",   "dmcrypt_model",
                                          "driver",   "hw_model", "machine", "kernel_model",
                                          "scenario", "study",    "traces"};

const std::vector<Source>& sources() {
  static const std::vector<Source> read = read_sources(kFloors);
  return read;
}

/// Without the space around it; "" for what may be equal anywhere: comments, includes, brackets.
std::string essence(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  const std::string text = line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
  if (text.rfind("//", 0) == 0 || text[0] == '#' || text.rfind("namespace", 0) == 0) return "";
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c); })
             ? text
             : "";
}

struct Repeat {
  std::string where, first;
};

/// Runs of `length` and more lines that are equal to a run before them.
std::vector<Repeat> repeats(const std::vector<Source>& all, std::size_t length) {
  std::map<std::string, std::string> seen;  // the run's text to its first place
  std::vector<Repeat> found;
  for (const Source& source : all) {
    std::vector<std::pair<std::string, std::size_t>> lines;
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      if (std::string text = essence(source.lines[i]); !text.empty()) {
        lines.emplace_back(std::move(text), i + 1);
      }
    }
    bool within = false;
    for (std::size_t i = 0; i + length <= lines.size(); ++i) {
      std::string run;
      for (std::size_t k = i; k < i + length; ++k) run += lines[k].first + "\n";
      const std::string where = source.file + ":" + std::to_string(lines[i].second);
      const auto [at, fresh] = seen.emplace(run, where);
      if (!fresh && !within) found.push_back({where, at->second});
      within = !fresh;
    }
  }
  return found;
}

// 0.1.0 had 8. A new one wants a function, not a higher number.
constexpr std::size_t kRepeats = 4;

TEST(Words, NothingIsWrittenTwice) {
  const std::vector<Repeat> found = repeats(sources(), 6);
  std::string list;
  for (const Repeat& r : found) list += r.where + " as " + r.first + "\n";
  EXPECT_LE(found.size(), kRepeats) << list;
}

// What is written for what the field calls otherwise.
const std::map<std::string, std::string> kBanned = {
    {"answered", "completed"},    {"answers", "completes or returns"}, {"given back", "released"},
    {"gives back", "releases"},   {"on purpose", "injected"},          {"is told", "is notified"},
    {"are told", "are notified"},
};

/// The comments and strings of a line.
std::string prose(const std::string& line) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (!quoted && line.compare(i, 2, "//") == 0) return out + line.substr(i);
    if (line[i] == '\\' && quoted) {
      ++i;
      continue;
    }
    if (line[i] == '"') quoted = !quoted;
    if (quoted) out += line[i];
  }
  return out;
}

TEST(Words, AreTheFields) {
  for (const Source& source : sources()) {
    // Strings everywhere, comments in headers.
    const bool header = source.file.ends_with(".h");
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      std::string text = prose(source.lines[i]);
      if (!header) text = text.substr(0, text.find("//"));
      for (const auto& [word, better] : kBanned) {
        EXPECT_EQ(text.find(word), std::string::npos)
            << source.file << ":" << i + 1 << ": \"" << word << "\": " << better;
      }
    }
  }
}

TEST(Rules, ARepeatIsFoundOnceAndWhereItBegins) {
  const std::vector<std::string> run = {"a1", "", "b2", "// c", "c3", "d4", "}", "e5", "f6", "g7"};
  const std::vector<Source> all = {{"one.cc", run},
                                   {"two.cc", {"x0", "a1", "b2", "c3", "d4", "e5", "f6", "g7"}}};
  const auto found = repeats(all, 6);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].where, "two.cc:2");
  EXPECT_EQ(found[0].first, "one.cc:1");
  EXPECT_TRUE(repeats(all, 8).empty());
}

TEST(Rules, ProseIsCommentsAndStrings) {
  EXPECT_EQ(prose("f(\"a \\\" b\", c);  // d"), "\"a  b// d");
  EXPECT_EQ(prose("answered();"), "");
}

}  // namespace
}  // namespace cesasim
