// cesasim list.
#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "machine/result/metrics.h"
#include "scenario/library.h"
#include "scenario/names.h"
#include "scenario/parameters.h"
#include "scenario/scenario.h"
#include "study/output/guide.h"
#include "study/output/schema.h"

namespace cesasim::study {
namespace {

void list_named(const std::vector<Named>& table) {
  for (const Named& entry : table) fmt::print("{:<18}  {}\n", entry.name, entry.doc);
}

void list_files(const std::vector<Listed>& files, bool with_kind) {
  for (const Listed& file : files) {
    if (with_kind) {
      fmt::print("{:<8}  {:<24}  {}\n", file.kind, file.name, file.doc);
    } else {
      fmt::print("{:<24}  {}\n", file.name, file.doc);
    }
  }
}

void list_metrics() {
  for (const Metric& metric : metrics()) {
    const char* better = metric.better == Metric::Better::lower    ? "lower is better"
                         : metric.better == Metric::Better::higher ? "higher is better"
                                                                   : "";
    fmt::print("{:<24}  {:<12}  {}{}{}\n", metric.name, metric.unit, metric.doc,
               *better != '\0' ? "; " : "", better);
  }
}

void list_parameter_table() {
  for (const ParameterInfo& p : list_parameters()) {
    std::string valid = p.valid;
    if (p.type == "number" || p.type == "count") {
      valid =
          fmt::format("{} .. {}{}{}", p.min_text, p.max_text, p.valid.empty() ? "" : "; ", p.valid);
    }
    fmt::print("{:<44}  {:<7}  {:<14}  {}  [{}]\n", p.path, p.type, p.unit, p.doc, valid);
  }
}

void list(const std::string& what) {
  if (what == "paths") return list_named(path_list());
  if (what == "drivers") return list_named(driver_list());
  if (what == "faults") return list_named(fault_list());
  if (what == "metrics") return list_metrics();
  if (what == "parameters") return list_parameter_table();
  if (what == "guide") return fmt::print("{}", study_guide());
  if (what == "study-schema") return fmt::print("{}\n", study_schema().dump(1));
  if (what == "results-schema") return fmt::print("{}\n", results_schema().dump(1));
  const Library library = Library::locate();
  if (what == "presets") return list_files(library.presets(), true);
  if (what == "studies") return list_files(library.studies(), false);
  for (const char* section : {"paths", "drivers", "faults", "presets", "studies"}) {
    fmt::print("{}:\n", section);
    list(section);
    fmt::print("\n");
  }
  fmt::print("also: cesasim list metrics, cesasim list parameters\n");
}

}  // namespace

void add_list_command(CLI::App& app, Action& chosen) {
  const auto what = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("list", "List paths, drivers, presets, studies, metrics and parameters");
  command
      ->add_option("WHAT", *what,
                   "paths, drivers, faults, presets, studies, metrics, parameters; guide: all of "
                   "them and the form of a study, as Markdown; study-schema, results-schema: the "
                   "form of a study and of results.json as JSON Schema")
      ->check(CLI::IsMember({"paths", "drivers", "faults", "presets", "studies", "metrics",
                             "parameters", "guide", "study-schema", "results-schema"}));
  command->callback([what, &chosen] {
    chosen = [what] {
      list(*what);
      return kOk;
    };
  });
}

}  // namespace cesasim::study
