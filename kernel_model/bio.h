// SPDX-License-Identifier: Apache-2.0
// struct bio: one block I/O of the kernel, down to the pages it moves.
#pragma once

#include <cstdint>
#include <vector>

#include "hw_model/common/units.h"

namespace cesasim::kernel {

enum class BioOp { read, write, flush };

/// A run of bytes inside one page (bv_page + bv_offset as one physical address).
struct BioVec {
  hw::PhysAddr addr = 0;
  std::uint32_t len = 0;
};

struct Bio;
using BioEndIo = void (*)(Bio& bio, int error);

/// sector in 512-byte units; size in bytes, a multiple of 512; the vecs add up to size.
/// end_io runs exactly once, in whatever context ends the io; error is 0 or -errno.
struct Bio {
  BioOp op = BioOp::read;
  std::uint64_t sector = 0;
  std::uint32_t size = 0;
  std::vector<BioVec> vecs;
  BioEndIo end_io = nullptr;
  void* bi_private = nullptr;
  /// For tracers: of the bio that this is, or is a part of; 0: nobody watches.
  std::uint64_t id = 0;

  std::uint32_t sectors() const { return size / hw::kSectorBytes; }
};

/// What accepts bios: a disk's request queue, or a device-mapper target on top of one.
/// Called from process context (it may sleep) unless an implementation says otherwise.
class BlockDevice {
 public:
  virtual ~BlockDevice() = default;
  virtual void submit_bio(Bio& bio) = 0;
  /// Size in 512-byte sectors; a bio beyond the end is ended with -EIO.
  virtual std::uint64_t sectors() const = 0;
  /// What the calling thread submits from here on may be held back until it calls unplug() or
  /// sleeps. Nothing where a plug is the device's (2.6.12), which plugs itself.
  virtual void blk_start_plug() {}
  /// Starts a plugged queue (2.6.12: blk_run_queue, bdi unplug), or ends the calling thread's plug
  /// and sends what it holds (6.1: blk_finish_plug).
  virtual void unplug() = 0;
  /// Kicks a queue that may be plugged as a device (2.6.12), for who has submitted without a plug
  /// of its own, in whatever context: a plug of the thread below it (6.1) stays open.
  virtual void blk_run_queue() { unplug(); }
  /// Sleeps until a write request is freed, at most `timeout` (writeback throttling). A device
  /// that is never congested returns at once.
  virtual void blk_congestion_wait(hw::Ps timeout) { (void)timeout; }
};

}  // namespace cesasim::kernel
