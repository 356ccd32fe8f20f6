// SPDX-License-Identifier: Apache-2.0
// cesasim list.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/text/terminal.h"
#include "base/text/wrap.h"
#include "cli/command.h"
#include "machine/result/metrics.h"
#include "scenario/library.h"
#include "scenario/names.h"
#include "scenario/parameter_list.h"
#include "scenario/scenario.h"
#include "study/output/guide.h"
#include "study/output/schema.h"

namespace cesasim::cli {
namespace {

/// "NAME  TEXT" for the screen; names that leave no room for a text beside them have it below.
void list_entry(const std::string& name, const std::string& text, std::size_t column) {
  const std::size_t width = terminal_width(STDOUT_FILENO);
  if (width > 0) column = std::min(column, width / 2);
  fmt::print("{}", name_and_text(name, text, column, width));
}

void list_named(const std::vector<Named>& table) {
  for (const Named& entry : table) list_entry(entry.name, entry.doc, 20);
}

void list_files(const std::vector<Listed>& files, bool with_kind) {
  for (const Listed& file : files) {
    list_entry(with_kind ? fmt::format("{:<8}  {}", file.kind, file.name) : file.name, file.doc,
               with_kind ? 36 : 26);
  }
}

void list_metrics() {
  for (const Metric& metric : metrics()) {
    const char* better = metric.better == Metric::Better::lower    ? "; lower is better"
                         : metric.better == Metric::Better::higher ? "; higher is better"
                                                                   : "";
    list_entry(fmt::format("{:<24}  {}", metric.name, metric.unit), metric.doc + better, 40);
  }
}

void list_parameter_table() {
  for (const ParameterInfo& p : list_parameters()) {
    std::string valid = p.valid;
    if (p.type == "number" || p.type == "count") {
      valid =
          fmt::format("{} .. {}{}{}", p.min_text, p.max_text, p.valid.empty() ? "" : "; ", p.valid);
    }
    list_entry(fmt::format("{:<44}  {:<7}  {}", p.path, p.type, p.unit),
               fmt::format("{}  [{}]", p.doc, valid), 71);
  }
}

void list(const std::string& what) {
  if (what == "paths") return list_named(path_list());
  if (what == "drivers") return list_named(driver_list());
  if (what == "faults") return list_named(fault_list());
  if (what == "metrics") return list_metrics();
  if (what == "parameters") return list_parameter_table();
  if (what == "guide") return fmt::print("{}", study::study_guide());
  if (what == "study-schema") return fmt::print("{}\n", study::study_schema().dump(1));
  if (what == "results-schema") return fmt::print("{}\n", study::results_schema().dump(1));
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

void add_list_command(Command& app, Action& chosen) {
  const auto what = std::make_shared<std::string>();
  Command* command =
      app.add_subcommand("list", "List paths, drivers, presets, studies, metrics and parameters");
  command
      ->add_option("WHAT", *what,
                   "paths, drivers, faults, presets, studies, metrics, parameters; guide: all of "
                   "them and the form of a study, as Markdown; study-schema, results-schema: the "
                   "form of a study and of results.json as JSON Schema")
      ->check(IsMember{{"paths", "drivers", "faults", "presets", "studies", "metrics", "parameters",
                        "guide", "study-schema", "results-schema"}});
  command->callback([what, &chosen] {
    chosen = [what] {
      list(*what);
      return kOk;
    };
  });
}

}  // namespace cesasim::cli
