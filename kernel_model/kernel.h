// SPDX-License-Identifier: Apache-2.0
// A small Linux on the modelled cores, put together from its services (kernel_model/services).
//
// Software is straight-line C++ on SystemC threads. It *charges* what it costs (charge()), and
// simulated time catches up at synchronisation points (sync(), taken inside every primitive
// that another core, an interrupt or a device could notice). sync() only really waits if some
// other simulated event is due before the local time; otherwise running ahead is unobservable
// and free. Interrupt handlers run on the stack of whatever context they interrupt, as on
// hardware: sync() is where a core takes its interrupts.
#pragma once

#include <systemc>
#include <vector>

#include "hw_model/cpu/cpu_core.h"
#include "hw_model/cpu/intc.h"
#include "hw_model/memory/dram.h"
#include "kernel_model/params.h"
#include "kernel_model/services/dma.h"
#include "kernel_model/services/interrupts.h"
#include "kernel_model/services/locks.h"
#include "kernel_model/services/memory.h"
#include "kernel_model/services/mmio.h"
#include "kernel_model/services/scheduler.h"
#include "kernel_model/services/timers.h"
#include "kernel_model/services/wait_queue.h"

namespace cesasim::kernel {

/// Code that needs one service takes that (a Kernel is one of each); what is modelled software
/// takes the whole.
class Kernel : public sc_core::sc_module,
               public Scheduler,
               public Interrupts,
               public Timers,
               public Memory,
               public Dma,
               public Mmio {
 public:
  using IrqOff = kernel::IrqOff;
  using IrqLock = kernel::IrqLock;
  using Scheduler::trace;  // not sc_object's

  /// The hardware outlives the kernel.
  Kernel(sc_core::sc_module_name name, const KernelCosts& costs, const KernelSettings& settings,
         const std::vector<hw::CpuCore*>& cores, hw::Intc& intc, hw::Dram& dram)
      : sc_module(name),
        Scheduler(costs, settings, cores),
        Interrupts(static_cast<Scheduler&>(*this), intc),
        Timers(static_cast<Scheduler&>(*this), static_cast<Interrupts&>(*this)),
        Memory(static_cast<Scheduler&>(*this), dram),
        Dma(static_cast<Scheduler&>(*this), static_cast<Memory&>(*this)),
        Mmio(static_cast<Scheduler&>(*this), static_cast<Memory&>(*this)) {}
};

}  // namespace cesasim::kernel
