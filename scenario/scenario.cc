#include "scenario/scenario.h"

#include "scenario/checks.h"
#include "scenario/describe.h"
#include "scenario/tree_reader.h"

namespace cesasim::study {

Scenario read_scenario(Tree& tree, const Library& library) {
  Scenario scenario;
  TreeReader reader(tree, library);
  describe_scenario(reader, scenario);
  reader.finish();
  scenario.kernel.non_coherent_dma = !scenario.soc.io_coherent;
  return scenario;
}

Scenario resolve_scenario(Tree& tree, const Library& library, bool check_files) {
  Scenario scenario = read_scenario(tree, library);
  check_scenario(tree, scenario);
  if (check_files && !scenario.workload.bench.wanted()) {
    scenario.workload.trace_file =
        library.find_file(*tree.find_path("workload.trace"), "workload.trace").string();
  }
  return scenario;
}

}  // namespace cesasim::study
