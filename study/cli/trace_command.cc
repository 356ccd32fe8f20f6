// cesasim trace.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "study/cli/command.h"
#include "traces/trace_info.h"
#include "traces/trace_reader.h"

namespace cesasim::study {
namespace {

struct TraceArguments {
  std::string file;
  traces::TraceOptions options;
  bool json = false;
};

int trace_info(const std::string& file, const traces::TraceOptions& options, bool json) {
  const auto reader = traces::open_trace(file, options);
  const traces::TraceInfo info = traces::collect_info(*reader);
  if (json) {
    fmt::print("{}\n", traces::to_json(info).dump(2));
  } else {
    fmt::print("{}", traces::to_text(info));
    if (reader->skipped_lines() != 0) {
      fmt::print("\n{} lines skipped, the first: {}\n", reader->skipped_lines(),
                 reader->first_skipped());
    }
  }
  return kOk;
}

}  // namespace

void add_trace_command(CLI::App& app, Action& chosen) {
  CLI::App* trace = app.add_subcommand("trace", "Look at traces");
  trace->require_subcommand(1);
  const auto given = std::make_shared<TraceArguments>();
  CLI::App* info = trace->add_subcommand("info", "Statistics of a trace");
  info->add_option("FILE", given->file, "a trace file")->required();
  info->add_flag("--json", given->json, "as JSON");
  info->add_option("--device", given->options.device,
                   "blkparse: the device to take, as major,minor");
  info->add_flag("--skip-bad-lines", given->options.skip_bad_lines,
                 "count lines that do not parse instead of stopping");
  info->callback([given, &chosen] {
    chosen = [given] { return trace_info(given->file, given->options, given->json); };
  });
}

}  // namespace cesasim::study
