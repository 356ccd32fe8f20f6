// SPDX-License-Identifier: Apache-2.0
// Where presets, studies and traces are found.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "scenario/tree.h"

namespace cesasim {

/// What `list presets` and `list studies` show.
struct Listed {
  std::string kind;  ///< presets: soc, cesa, disk, ...
  std::string name;
  std::string doc;
  std::filesystem::path file;
};

/// The files that ship with the simulator, under the folder that holds `studies/`.
class Library {
 public:
  explicit Library(std::filesystem::path home) : home_(std::move(home)) {}

  /// The shipped tree: $CESASIM_HOME, or the nearest folder above the current directory or the
  /// program that holds studies/presets. Errors: ConfigError if there is none.
  static Library locate();

  const std::filesystem::path& home() const { return home_; }

  /// The values of a preset: `name` is a preset's name, or the path of a preset file (with a
  /// '/' or ending in .yaml). Errors: ConfigError at `name.at`, key `key`, for an unknown one;
  /// at the place in the preset file for a malformed one.
  Tree load_preset(const std::string& kind, const Tree& name, const std::string& key) const;

  std::vector<Listed> presets() const;
  std::vector<std::string> preset_names(const std::string& kind) const;
  /// What may stand where a preset of `kind` is named, for messages.
  std::string preset_choices(const std::string& kind) const;
  std::vector<Listed> studies() const;

  /// A study by name or path. Errors: ConfigError.
  std::filesystem::path find_study(const std::string& name) const;

  /// A file named in a study: absolute, or looked for in the current directory, beside the
  /// file that names it, and in the home folder. Errors: ConfigError if it is nowhere or not
  /// readable.
  std::filesystem::path find_file(const Tree& name, const std::string& key) const;

 private:
  std::filesystem::path home_;
  /// Values of presets read so far: a study asks for the same ones at every point.
  mutable std::map<std::pair<std::string, std::string>, Tree> cache_;
};

/// How messages name a file: relative to the current directory if it lies below it.
std::string shown_path(const std::filesystem::path& path);

}  // namespace cesasim
