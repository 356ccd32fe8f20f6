// SPDX-License-Identifier: Apache-2.0
#include "scenario/scenario.h"

#include "dmcrypt_model/path_info.h"
#include "scenario/checks.h"
#include "scenario/describe.h"
#include "scenario/tree_reader.h"

namespace cesasim {

std::optional<std::string> default_kernel(const Tree& tree) {
  const Tree* kernel = tree.find("kernel");
  if (kernel != nullptr && (!kernel->is_map() || kernel->find("preset") != nullptr)) return "";
  const Tree* path = tree.find_path("dmcrypt.path");
  const std::string name =
      path != nullptr && path->is_scalar() ? path->text : DmCryptSettings().path;
  for (const dmcrypt::PathInfo& info : dmcrypt::crypt_paths()) {
    if (name != info.name) continue;
    return info.kernel == nullptr ? std::nullopt : std::optional<std::string>(info.kernel);
  }
  return "";
}

Scenario read_scenario(Tree& tree, const Library& library) {
  Scenario scenario;
  if (const std::optional<std::string> kernel = default_kernel(tree)) {
    // Of a path that there is not the reader says so, and not that a kernel is missing.
    scenario.kernel_preset = kernel->empty() ? dmcrypt::crypt_paths().front().kernel : *kernel;
  } else {
    throw ConfigError(tree.find_path("dmcrypt.path")->at, "kernel",
                      "missing: path none has no kernel of its own",
                      "kernel: " + library.preset_choices("kernel"));
  }
  // A benchmark uses no disk; the machine has one all the same.
  if (tree.find_path("workload.bench") != nullptr) scenario.disk_preset = "flash";
  TreeReader reader(tree, library);
  describe_scenario(reader, scenario);
  reader.finish();
  scenario.kernel.non_coherent_dma = !scenario.soc.io_coherent;
  return scenario;
}

Scenario resolve_scenario(Tree& tree, const Library& library, bool check_files) {
  Scenario scenario = read_scenario(tree, library);
  if (scenario.dmcrypt.path == dmcrypt::kNoCrypt) check_no_crypt(tree, scenario.dmcrypt);
  check_scenario(tree, scenario);
  if (check_files && !scenario.workload.bench.wanted()) {
    scenario.workload.trace_file =
        library.find_file(*tree.find_path("workload.trace"), "workload.trace").string();
  }
  return scenario;
}

}  // namespace cesasim
