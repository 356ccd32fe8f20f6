// SPDX-License-Identifier: Apache-2.0
// Parameters of a core and of the interrupt controller, and how many lines that has.
#pragma once

#include "hw_model/common/params.h"

namespace cesasim::hw {

/// Inputs of the interrupt controller.
constexpr unsigned kIrqLines = 96;

struct CpuParams {
  double clock_hz = 0;
  void describe(ParamVisitor& v) { v.number("clock_hz", clock_hz, "Hz", 1e6, 1e11, "core clock"); }
};

}  // namespace cesasim::hw
