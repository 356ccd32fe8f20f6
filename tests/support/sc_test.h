// SPDX-License-Identifier: Apache-2.0
// Helpers for GoogleTest cases that elaborate SystemC modules.
#pragma once

#include <string>
#include <vector>

namespace cesasim::test {

/// While one lives, SystemC reports of SC_WARNING and above whose id starts with `id` are
/// collected instead of failing the test.
class ExpectReports {
 public:
  explicit ExpectReports(std::string id);
  ~ExpectReports();
  ExpectReports(const ExpectReports&) = delete;
  ExpectReports& operator=(const ExpectReports&) = delete;

  const std::vector<std::string>& messages() const { return messages_; }
  /// True if some message contains `text`.
  bool saw(const std::string& text) const;

  /// Called by the report handler. True if the report was expected.
  static bool offer(const char* id, const char* message);

 private:
  std::string id_;
  std::vector<std::string> messages_;
};

}  // namespace cesasim::test
