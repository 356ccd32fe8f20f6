// SPDX-License-Identifier: Apache-2.0
// SystemC's library would bring its own main(), which prints a banner; ours hands over quietly.
#include <cstdlib>
#include <systemc>

#include "cli/cli.h"

int main(int argc, char** argv) {
  ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
  return sc_core::sc_elab_and_sim(argc, argv);
}

int sc_main(int argc, char** argv) { return cesasim::cli::cli_main(argc, argv); }
