// SPDX-License-Identifier: Apache-2.0
// Writes NAME.report.json for every NAME.results.json of a folder. Look at the difference before
// you commit it.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <systemc>

#include "study/report/report_data.h"

int sc_main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (argc != 2) {
    fmt::print(stderr, "usage: golden FOLDER\n");
    return 2;
  }
  const std::string ending = ".results.json";
  for (const auto& entry : fs::directory_iterator(argv[1])) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(ending)) continue;
    std::ifstream in(entry.path());
    const auto data = cesasim::study::report_data(cesasim::Json::parse(in));
    const fs::path out =
        entry.path().parent_path() / (name.substr(0, name.size() - ending.size()) + ".report.json");
    std::ofstream(out) << data.dump(1) << "\n";
    fmt::print("{}\n", out.string());
  }
  return 0;
}
