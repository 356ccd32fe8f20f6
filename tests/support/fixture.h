// SPDX-License-Identifier: Apache-2.0
// A small home folder with presets of its own, so that these tests do not hang on the values of
// the shipped ones. The presets are written by the parameter structs themselves.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "scenario/library.h"
#include "study/matrix/study.h"

namespace cesasim::study::test {

/// A fresh folder under the test's temporary directory.
std::filesystem::path fresh_folder(const std::string& name);

void write_file(const std::filesystem::path& file, const std::string& text);
std::string read_file(const std::filesystem::path& file);

/// Home folder with the presets test-soc, no-tdma (soc), test-cesa, plain-cesa (cesa), test-disk
/// (disk), test-costs (costs), linux-2.6.12 and linux-6.1 (kernel), linux-2.6-arm9 (user) and two
/// traces.
class Home {
 public:
  Home();
  const std::filesystem::path& path() const { return path_; }
  Library library() const { return Library(path_); }
  std::filesystem::path preset(const std::string& kind, const std::string& name) const {
    return path_ / "studies" / "presets" / kind / (name + ".yaml");
  }

 private:
  std::filesystem::path path_;
};

/// A study over that home that is in order; tests spoil it. Line 3 is the first line of the
/// scenario's settings.
std::string good_study();

/// what() of the ConfigError that `f` throws; "" if it throws none.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

}  // namespace cesasim::study::test
