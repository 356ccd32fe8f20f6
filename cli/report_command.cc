// SPDX-License-Identifier: Apache-2.0
// cesasim report.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <system_error>

#include "base/file/atomic_file.h"
#include "base/file/files.h"
#include "base/file/outputs.h"
#include "cli/command.h"
#include "scenario/parameter_list.h"
#include "scenario/scenario.h"
#include "study/report/page.h"
#include "study/report/report_data.h"

namespace cesasim::cli {
namespace {

struct ReportArguments {
  std::string results;
  std::string output;
  std::vector<std::string> baseline;
};

Json read_results(const std::filesystem::path& file) {
  try {
    return Json::parse(read_file(file));
  } catch (const std::system_error& error) {
    throw UsageError(
        fmt::format("{}; valid: a folder with the results of a run, as out/STUDY", error.what()));
  } catch (const nlohmann::json::parse_error& error) {
    throw UsageError(
        fmt::format("{}: not JSON (byte {}); valid: a folder with the results of a "
                    "run, as out/STUDY, or its results.json",
                    file.string(), error.byte));
  }
}

int report(const ReportArguments& arguments) {
  namespace fs = std::filesystem;
  const fs::path given = arguments.results;
  const fs::path file = fs::is_directory(given) ? given / "results.json" : given;
  const fs::path output =
      arguments.output.empty() ? file.parent_path() / "report.html" : fs::path(arguments.output);
  const Json results = read_results(file);
  check_outputs({{"--output", output.string()}}, {file.string()});
  study::ReportOptions options;
  for (const ParameterInfo& parameter : list_parameters()) {
    options.units[parameter.path] = parameter.unit;
  }
  Json data;
  try {
    data = study::report_data(results, options);
  } catch (const std::runtime_error& error) {
    throw UsageError(fmt::format("{}: {}", file.string(), error.what()));
  } catch (const std::exception&) {
    throw UsageError(fmt::format("{}: damaged or edited; valid: what a run wrote", file.string()));
  }
  if (!arguments.baseline.empty()) {
    try {
      data["baseline"] = study::parse_report_baseline(arguments.baseline, results);
    } catch (const std::runtime_error& error) {
      throw UsageError(fmt::format("--baseline: {}", error.what()));
    }
  }
  write_file_atomic(output.string(), study::report_page(data));
  fmt::print("report: {}\n", output.string());
  return kOk;
}

}  // namespace

void add_report_command(Command& app, Action& chosen) {
  const auto given = std::make_shared<ReportArguments>();
  ReportArguments& arguments = *given;
  Command* command =
      app.add_subcommand("report", "Show the results of a run as a page: tables and charts");
  command
      ->add_option("OUT", arguments.results,
                   "folder of the results, as out/STUDY, or a results.json")
      ->required();
  command->add_option("--output", arguments.output,
                      "the HTML file, which holds all it needs (default: OUT/report.html)");
  command
      ->add_option("--baseline", arguments.baseline,
                   "what to compare with first, axis=value,... (default: the study's baseline)")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->callback([given, &chosen] { chosen = [given] { return report(*given); }; });
}

}  // namespace cesasim::cli
