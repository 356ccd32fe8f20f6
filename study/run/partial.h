// SPDX-License-Identifier: Apache-2.0
// Finished points of a run that has not ended yet, kept so that it can be resumed.
#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "study/matrix/study.h"
#include "study/result/result.h"

namespace cesasim::study {

/// All that a point's result depends on. Equal identities give equal results.
struct PointIdentity {
  std::string program;  ///< checksum of the program
  std::string config;   ///< checksum of the resolved configuration
  std::string trace;    ///< checksum of the trace file; "" without one
  bool operator==(const PointIdentity&) const = default;
};

/// Makes identities; every file is read once.
class Identifier {
 public:
  Identifier();
  /// Errors: std::system_error if the trace cannot be read.
  PointIdentity of(const Point& point);

 private:
  std::string program_;
  std::map<std::string, std::string> files_;
};

/// Why a run cannot be resumed; what() says why and what to do.
struct ResumeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The file: a line of JSON per finished point, each written at once, so that whatever ends the
/// program leaves at most one damaged line at the end.
class PartialResults {
 public:
  PartialResults(std::string file, std::string study);

  const std::string& file() const { return file_; }
  bool exists() const;

  /// Reads what is there; damaged lines are counted and passed over. Errors: ResumeError if it is
  /// of another study, of another version of the program or of this file, or cannot be read.
  void load();
  std::size_t damaged() const { return damaged_; }

  /// The kept result of a point, if its identity is the same; else `why` is why it has to run:
  /// "" if it simply had not finished.
  std::optional<PointResult> take(const Point& point, const PointIdentity& identity,
                                  std::string& why) const;

  /// Starts a new file, with the lines of `keep` (from take()) and no others. Errors:
  /// OutputError.
  void start(const std::vector<std::pair<PointIdentity, PointResult>>& keep);
  /// Adds a finished point. False, with the file removed, if it cannot be written.
  bool append(const PointIdentity& identity, const PointResult& result);
  void remove();

 private:
  struct Line {
    PointIdentity identity;
    PointResult result;
  };
  /// Whether a line may be used at all. Errors: ResumeError.
  void check_head(const Json& line) const;
  std::string text(const PointIdentity& identity, const PointResult& result) const;

  std::string file_, study_;
  std::vector<Line> lines_;
  std::size_t damaged_ = 0;
  bool given_up_ = false;
};

}  // namespace cesasim::study
