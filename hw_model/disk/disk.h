// SPDX-License-Identifier: Apache-2.0
// The disk as a device: commands in, data by DMA over the Mbus, a level interrupt out.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <systemc>
#include <tlm>
#include <vector>

#include "hw_model/common/fault.h"
#include "hw_model/common/tracer.h"
#include "hw_model/common/units.h"
#include "hw_model/disk/disk_command.h"
#include "hw_model/disk/disk_timing.h"
#include "hw_model/disk/sparse_store.h"
#include "hw_model/tlm/master_port.h"

namespace cesasim::hw {

struct DiskStats {
  std::uint64_t commands = 0;  ///< completed, with or without error
  std::uint64_t errors = 0;    ///< completed with -EIO
  std::uint64_t faults = 0;    ///< injected medium errors and short commands
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  Ps busy_ps = 0;       ///< time with at least one command inside
  double depth_ps = 0;  ///< integral of the commands inside over time (mean = depth_ps / elapsed)
};

/// A disk and its host controller in one. Submitting is a plain function call that takes no
/// time: it stands for the controller's command mailbox, whose register writes are part of the
/// kernel's request_dispatch cost. Bytes really move: a read from the store to DRAM before the
/// completion, a write from DRAM to the store when the disk takes the data in (into its cache or
/// buffer; there is no power failure in which cached data could be lost).
class Disk : public sc_core::sc_module {
 public:
  /// Data to and from DRAM; carries an MbusExtension with master kMbusMasterDisk and the
  /// interface's time as own_ps.
  tlm_utils::simple_initiator_socket<Disk> dma;
  /// High while a completion waits to be reaped.
  sc_core::sc_out<bool> irq;

  /// Throws std::invalid_argument for parameters that contradict each other.
  Disk(sc_core::sc_module_name name, const DiskParams& params);
  ~Disk() override;

  /// Takes a command; false when queue_depth commands are inside. Call at simulated time (no
  /// charged, unsynchronised time left).
  bool submit(const DiskCommand& command);
  /// Takes one completion, in order of completion; lowers irq when none is left.
  std::optional<DiskCompletion> reap();

  std::uint64_t sectors() const { return store_.sectors(); }
  std::uint32_t queue_depth() const { return timing_->params().queue_depth; }
  SparseStore& store() { return store_; }
  const SparseStore& store() const { return store_; }
  /// Called with the bytes of every write as they reach the disk.
  void set_write_observer(
      std::function<void(std::uint64_t sector, const std::uint8_t* data, std::uint32_t sectors)>
          observer) {
    write_observer_ = std::move(observer);
  }
  /// Makes the command that `fails` picks end with -EIO without touching data (fault injection).
  void set_fault(std::function<bool(const DiskCommand&)> fails) { fails_ = std::move(fails); }

  /// Fault injection from here on; not owned, nullptr = none. Each read and write that starts
  /// is an opportunity. Half of its sectors (rounded down) are done; then a medium error ends it
  /// with -EIO, or it ends short, without an error. Later sectors keep what they held. A disk's
  /// own retries take no time here.
  void set_faults(FaultPlan* plan) { faults_ = plan; }
  /// Notifies `tracer` of the commands from here on; not owned, nullptr = none.
  void set_tracer(HwTracer* tracer) { tracer_ = tracer; }

  /// Statistics up to now.
  DiskStats stats() const;
  const DiskParams& params() const { return timing_->params(); }

 private:
  struct Slot {
    enum class Phase { free, queued, transfer, ending } phase = Phase::free;
    DiskCommand command;
    Ps due = 0;
    std::uint64_t order = 0;  // of submission
    std::uint32_t passed_over = 0;
    int error = 0;
    std::uint32_t sectors = 0;  // that will be done
  };

  void run();
  void drive_irq();
  void start_queued();
  void start(Slot& slot);
  void transfer(Slot& slot);
  void end(Slot& slot);
  bool valid(const DiskCommand& command) const;
  bool fault(FaultKind kind, const DiskCommand& command);
  /// Moves buffer_ over the command's segments, as far as it reaches.
  bool dma_segments(const DiskCommand& command, bool to_memory, sc_core::sc_time& delay);
  void account();
  void arm();

  SparseStore store_;
  std::unique_ptr<DiskTiming> timing_;
  std::vector<Slot> slots_;
  std::uint32_t inside_ = 0;
  std::uint32_t running_ = 0;
  std::uint64_t submitted_ = 0;
  Ps interface_free_ = 0;
  std::deque<DiskCompletion> completions_;
  std::vector<std::uint8_t> buffer_;
  sc_core::sc_event wake_;
  sc_core::sc_event irq_event_;
  MasterPort port_;
  std::function<void(std::uint64_t, const std::uint8_t*, std::uint32_t)> write_observer_;
  std::function<bool(const DiskCommand&)> fails_;
  FaultPlan* faults_ = nullptr;
  HwTracer* tracer_ = nullptr;
  DiskStats stats_;
  Ps accounted_to_ = 0;
};

}  // namespace cesasim::hw
