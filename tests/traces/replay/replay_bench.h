// SPDX-License-Identifier: Apache-2.0
// A replay on one modelled core over a block device made of a map and a delay.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "hw_model/cpu/cpu_core.h"
#include "hw_model/cpu/intc.h"
#include "hw_model/memory/dram.h"
#include "kernel_model/kernel.h"
#include "tests/traces/files.h"
#include "traces/replay/content_verifier.h"
#include "traces/replay/replay.h"

namespace cesasim::traces {

/// Ends each bio `delay` after its submission, from a hard interrupt.
class FakeDevice : public sc_core::sc_module, public kernel::BlockDevice {
 public:
  struct Event {
    kernel::BioOp op;
    std::uint64_t sector;
    std::uint32_t bytes;
    std::string thread;
    Ps time;
  };

  FakeDevice(sc_core::sc_module_name name, kernel::Kernel& kernel, hw::Intc& intc)
      : sc_module(name), kernel_(kernel), intc_(intc) {
    sc_core::sc_spawn([this] { device(); }, "device");
    kernel_.request_irq(
        kIrq, [this] { return interrupt(); }, "fake disk");
  }

  void submit_bio(kernel::Bio& bio) override {
    ++submitting;
    if (before_submit) before_submit(bio);
    --submitting;
    submitted.push_back({bio.op, bio.sector, bio.size, kernel_.current().name(), kernel_.now()});
    const unsigned direction = bio.op == kernel::BioOp::read ? 0 : 1;
    ++outstanding[direction];
    deepest[direction] = std::max(deepest[direction], outstanding[direction]);
    kernel_.sync_now();
    due_.emplace(kernel_.now() + delay(bio), &bio);
    wake_.notify(sc_core::SC_ZERO_TIME);
  }
  std::uint64_t sectors() const override { return size; }
  void unplug() override { ++unplugs; }

  std::uint64_t size = 1 << 20;
  std::function<Ps(const kernel::Bio&)> delay = [](const kernel::Bio&) { return hw::kPsPerMs; };
  std::function<void(kernel::Bio&)> before_submit;
  std::function<bool(const kernel::Bio&)> lose;
  std::function<bool(const kernel::Bio&)> end_twice;
  std::function<int(const kernel::Bio&)> fail;
  std::function<void(kernel::Bio&)> before_end;

  std::vector<Event> submitted;
  std::vector<Event> completed;
  std::array<unsigned, 2> outstanding{};
  std::array<unsigned, 2> deepest{};
  unsigned submitting = 0;
  unsigned unplugs = 0;
  std::map<std::uint64_t, std::array<std::uint8_t, 512>> store;

 private:
  static constexpr unsigned kIrq = 5;

  void device() {
    for (;;) {
      if (due_.empty()) {
        sc_core::wait(wake_);
        continue;
      }
      const Ps now = sc_core::sc_time_stamp().value();
      if (due_.begin()->first > now) {
        sc_core::wait(sc_core::sc_time::from_value(due_.begin()->first - now), wake_);
        continue;
      }
      while (!due_.empty() && due_.begin()->first <= now) {
        ready_.push_back(due_.begin()->second);
        due_.erase(due_.begin());
      }
      intc_.set_line(kIrq, true);
    }
  }

  bool interrupt() {
    intc_.set_line(kIrq, false);
    std::vector<kernel::Bio*> ready;
    ready.swap(ready_);
    for (kernel::Bio* bio : ready) {
      if (lose && lose(*bio)) continue;
      const int error = fail ? fail(*bio) : 0;
      if (error == 0) move(*bio);
      if (before_end) before_end(*bio);
      --outstanding[bio->op == kernel::BioOp::read ? 0 : 1];
      completed.push_back({bio->op, bio->sector, bio->size, "", kernel_.now()});
      const bool twice = end_twice && end_twice(*bio);
      bio->end_io(*bio, error);
      if (twice) bio->end_io(*bio, error);
    }
    return true;
  }

  void move(kernel::Bio& bio) {
    std::uint64_t sector = bio.sector;
    for (const kernel::BioVec& vec : bio.vecs) {
      for (std::uint32_t at = 0; at < vec.len; at += 512, ++sector) {
        std::uint8_t* const memory = kernel_.phys_to_virt(vec.addr + at);
        std::uint8_t* const disk = store[sector].data();
        if (bio.op == kernel::BioOp::write) {
          std::memcpy(disk, memory, 512);
        } else {
          std::memcpy(memory, disk, 512);
        }
      }
    }
  }

  kernel::Kernel& kernel_;
  hw::Intc& intc_;
  sc_core::sc_event wake_;
  std::multimap<Ps, kernel::Bio*> due_;
  std::vector<kernel::Bio*> ready_;
};

/// The machine: one or two 1 GHz cores, 16 MiB of memory, a kernel whose primitives cost nothing
/// unless `costs` says so.
struct ReplayBench : public ReplayListener, public UnwrittenContent {
  static hw::CpuParams cpu_params() {
    hw::CpuParams p;
    p.clock_hz = 1e9;
    return p;
  }
  static hw::DramParams dram_params() {
    hw::DramParams p;
    p.size_mib = 16;
    p.bandwidth_bytes_per_s = 1e9;
    return p;
  }
  static kernel::KernelSettings settings() {
    kernel::KernelSettings s;
    s.hz = 1000;
    s.timeslice_ms = 10;
    return s;
  }

  hw::Dram dram{"dram", dram_params()};
  hw::CpuCore core{"core", 0, cpu_params()};
  // Memory behind the second core's port, which nothing uses: the fake device has no registers.
  hw::Dram other_dram{"other_dram", dram_params()};
  hw::CpuCore other_core{"other_core", 1, cpu_params()};
  std::vector<hw::CpuCore*> cores;
  hw::Intc intc;
  kernel::Kernel kernel;
  FakeDevice device;
  ContentOracle oracle{1};
  ReplayParams params;
  /// Of a sector that was never written. Set it before make(); without it nobody looks.
  std::function<bool(std::uint64_t sector, const std::uint8_t* data)> verify_unwritten;
  std::function<void(const RequestLog&)> on_request = [this](const RequestLog& entry) {
    log.push_back(entry);
  };
  std::vector<RequestLog> log;
  std::unique_ptr<TraceReader> reader;
  std::unique_ptr<ContentVerifier> verifier;
  std::unique_ptr<Replay> replay;

  explicit ReplayBench(unsigned cpus = 1, const kernel::KernelCosts& costs = {})
      : cores(cpus == 1 ? std::vector<hw::CpuCore*>{&core}
                        : std::vector<hw::CpuCore*>{&core, &other_core}),
        intc("intc", cores),
        kernel("kernel", costs, settings(), cores, intc, dram),
        device("device", kernel, intc) {
    params.writeback = "pid";
    params.writeback_kib = 0;  // every write at once; the test of batches sets it
    core.bus.bind(dram.socket);
    other_core.bus.bind(other_dram.socket);
  }

  /// `rows`: "op,sector,bytes,pid,phase" each; row i has time stamp i ms unless it starts with
  /// a time of its own ("@ns,").
  void trace(const std::vector<std::string>& rows) {
    std::string text = "time_ns,op,sector,bytes,pid,phase\n";
    std::uint64_t ms = 0;
    for (const std::string& row : rows) {
      text += row[0] == '@' ? row.substr(1) : std::to_string(ms * 1000000) + "," + row;
      text += "\n";
      ++ms;
    }
    open(write_file("replay.csv", text));
  }
  void open(const std::string& path, const TraceOptions& options = {}) {
    reader = open_trace(path, options);
  }
  /// Makes the replay; run() does so if it was not done.
  Replay& make() {
    replay = std::make_unique<Replay>(kernel, device, *reader, params);
    verifier = std::make_unique<ContentVerifier>(kernel, oracle, verify_unwritten ? this : nullptr);
    replay->add_listener(*verifier);
    replay->add_listener(*this);
    return *replay;
  }
  void simulate() {
    if (replay == nullptr) make();
    replay->start();
    sc_core::sc_start(sc_core::sc_time(1e5, sc_core::SC_SEC));
  }
  struct Report : ReplayReport {
    ContentVerifier::Counts content;
  };
  Report run() {
    simulate();
    return {replay->report(), verifier->counts()};
  }

 private:
  void completed(RequestLog& entry, BioPages) override {
    if (on_request) on_request(entry);
  }
  void finished() override { sc_core::sc_stop(); }
  bool is_right(std::uint64_t sector, const std::uint8_t* data) override {
    return verify_unwritten(sector, data);
  }
};

}  // namespace cesasim::traces
