// SPDX-License-Identifier: Apache-2.0
// A machine for the tests of what stands around it. The seed says what it does.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "machine/image.h"
#include "machine/machine.h"

namespace cesasim {

PointResult run_point(const Scenario& s, const PointOptions& options) {
  options.progress({1.0, 0.5});
  switch (s.seed) {
    case 13:
      throw std::runtime_error("the machine stopped");
    case 14:
      std::abort();
    case 15:
      ::sleep(1000);
      break;
    case 17:  // waits on one path for the file that the test names
      while (s.dmcrypt.path == "ocf-v3" && ::access(std::getenv("FAKE_MACHINE_GATE"), F_OK) != 0) {
        ::usleep(20000);
      }
      break;
    default:
      break;
  }
  fmt::print("chatter on standard output\n");
  if (!options.export_image.empty()) std::ofstream(options.export_image) << "disk";
  PointResult out;
  double seconds = s.dmcrypt.path == "standard" ? 10 : 12;
  if (s.seed == 18) {
    // Where every value of the presets is 1: 10 s, and 10 + 2 + 0.5 s through OCF.
    const Costs& costs = s.soc.costs;
    seconds = 10;
    if (s.dmcrypt.path != "standard") {
      seconds += 2 * costs.kernel.irq_entry + 0.5 * costs.kernel.context_switch;
    }
    if (s.ocf.driver == "cesa_tdma") seconds -= costs.driver.tdma_irq;
  }
  out.metrics = {{"sim_seconds", seconds}, {"bytes", 4096}};
  out.phases = {{"one", {{"sim_seconds", seconds}}}};
  out.integrity = {{"requests_ended", 3}, {"lost_requests", s.seed == 16 ? 2u : 0u}};
  return out;
}

ImageResult run_image(const Scenario&, const ImageJob&) {
  throw ImageInputError("the stand-in machine has no disk");
}

}  // namespace cesasim
