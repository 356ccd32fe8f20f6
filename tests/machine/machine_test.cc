// SPDX-License-Identifier: Apache-2.0
// Whole points over a small trace: complete, honest about what went wrong, reproducible.
#include "machine/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "hw_model/soc/soc.h"
#include "kernel_model/kernel.h"
#include "study/matrix/study.h"
#include "tests/machine/forked_point.h"

namespace cesasim {
namespace {

using testing::HasSubstr;
using testing::Not;

using test::integrity;
using test::metric;
using test::run;
using test::scenario;
using test::Trace;

std::string combination(const char* path, const char* driver, const char* soc) {
  if (std::string(path) == "none") {
    return std::string("soc: ") + soc +
           "\nkernel: linux-2.6.12\ndisk: flash\ndmcrypt.path: none\n" + "workload.trace: t.csv\n";
  }
  return std::string("soc: ") + soc + "\ndisk: flash\ndmcrypt: {path: " + path +
         ", cipher: aes-cbc-essiv:sha256, iv_offset: 77}\nocf: {policy: " +
         (std::string(path) == "ocf-lsp" ? "marvell" : "\"2005\"") + ", driver: " + driver +
         // cesa_hal never unblocks the core and ocf-v3 never tries again: a full queue is the last.
         (std::string(path) == "ocf-v3" ? ", drivers.cesa_hal.kirkwood_slots: 4096" : "") +
         // The one of its time: Kirkwood's driver is none of several cores.
         ", drivers.cesa_hal.generation: " +
         (std::string(soc) == "kirkwood-88f6281" ? "kirkwood" : "armada") +
         "}\nworkload.trace: t.csv\n" +
         // ocf-v3 takes it that requests end in order: see TwoEnginesBreakTheThirdPatch.
         (std::string(path) == "ocf-v3" ? "soc.cesa.engines: 1\n" : "");
}

struct Combination {
  const char* path;
  const char* driver;
};

class MachinePoints : public testing::TestWithParam<Combination> {};

TEST_P(MachinePoints, RunsRight) {
  const Trace trace;
  for (const char* soc : {"kirkwood-88f6281", "armada-385"}) {
    SCOPED_TRACE(soc);
    Scenario s = scenario(combination(GetParam().path, GetParam().driver, soc));
    s.workload.trace_file = trace.file.string();
    const PointResult p = run(s);
    ASSERT_EQ(p.status, Status::ok) << p.error;
    for (const auto& [name, value] : p.integrity) {
      if (std::count(fault_counters().begin(), fault_counters().end(), name) != 0) {
        EXPECT_EQ(value, 0u) << name;
      }
    }
    EXPECT_EQ(integrity(p, "unimplemented"), 0u);
    EXPECT_EQ(integrity(p, "late_callbacks"), 0u);
    EXPECT_EQ(integrity(p, "requests_ended"), trace.rows);
    EXPECT_EQ(integrity(p, "verified_reads"), 82u);
    EXPECT_EQ(integrity(p, "verified_sectors"), trace.read);
    EXPECT_EQ(integrity(p, "verified_disk_sectors"), trace.written);
    EXPECT_EQ(metric(p, "bytes"), static_cast<double>(trace.bytes));
    EXPECT_EQ(metric(p, "requests"), trace.rows);
    EXPECT_EQ(metric(p, "requests.offered"), trace.rows);
    EXPECT_EQ(metric(p, "requests.served"), trace.rows);
    double shares = 0;
    for (const auto& [name, value] : p.metrics) {
      if (name.rfind("cpu.share.", 0) != 0) continue;
      EXPECT_GE(value, 0) << name;
      shares += value;
    }
    EXPECT_NEAR(shares, 1, 1e-9);
    EXPECT_NEAR(metric(p, "cpu.utilization") + metric(p, "cpu.share.idle"), 1, 1e-9);
    const std::string path = GetParam().path;
    const bool ocf = path.rfind("ocf", 0) == 0;
    const bool engine = std::string(GetParam().driver) != "cryptosoft";
    EXPECT_EQ(metric(p, "engine.bytes"), engine ? static_cast<double>(trace.bytes) : 0);
    EXPECT_GE(metric(p, "engine.utilization"), engine ? 0.001 : 0);
    EXPECT_LE(metric(p, "engine.utilization"), engine ? 1 : 0);
    EXPECT_EQ(metric(p, "engine.operations"), engine ? static_cast<double>(trace.bytes) / 512 : 0);
    // OCF is in place: each written byte is copied once to its bounce page.
    EXPECT_EQ(metric(p, "bytes_copied"), ocf ? static_cast<double>(trace.written) * 512 : 0);
    ASSERT_EQ(p.phases.size(), 4u);
    double requests = 0, seconds = 0;
    for (const auto& phase : p.phases) {
      requests += find_value(phase.metrics, "requests").value_or(0);
      seconds += find_value(phase.metrics, "sim_seconds").value_or(0);
    }
    EXPECT_EQ(requests, trace.rows);
    EXPECT_LE(seconds, metric(p, "sim_seconds") * (1 + 1e-9));
  }
}

TEST_P(MachinePoints, TwoRunsAreTheSame) {
  const Trace trace;
  Scenario s = scenario(combination(GetParam().path, GetParam().driver, "armada-385"));
  s.workload.trace_file = trace.file.string();
  Json a = to_json(run(s));
  Json b = to_json(run(s));
  a["metrics"].erase("host_seconds");
  b["metrics"].erase("host_seconds");
  EXPECT_EQ(a.dump(), b.dump());
}

// The same bytes, operations and checks; times that differ by the order of the bursts alone.
TEST(Machine, BurstsAgreeWithDescriptors) {
  const Trace trace;
  for (const char* soc : {"kirkwood-88f6281", "armada-385"}) {
    SCOPED_TRACE(soc);
    const std::string text = combination("ocf-v3", "cesa_tdma", soc);
    PointResult by[2];
    for (const bool burst : {false, true}) {
      Scenario s = scenario(text + "fidelity: " + (burst ? "burst" : "descriptor") + "\n");
      s.workload.trace_file = trace.file.string();
      by[burst] = run(s);
      ASSERT_EQ(by[burst].status, Status::ok) << by[burst].error;
    }
    const PointResult &descriptor = by[0], &burst = by[1];
    for (const char* same :
         {"bytes", "bytes_copied", "requests.served", "engine.bytes", "engine.operations"}) {
      EXPECT_EQ(metric(burst, same), metric(descriptor, same)) << same;
    }
    EXPECT_EQ(burst.integrity, descriptor.integrity);
    // On a 385 the DMA asks for less than its fair share of the memory, and nothing differs.
    if (std::string(soc) == "kirkwood-88f6281") {
      EXPECT_NE(metric(burst, "engine.utilization"), metric(descriptor, "engine.utilization"))
          << "burst did not reach the hardware";
    }
    for (const char* near : {"sim_seconds", "throughput_mb_s", "cpu.utilization"}) {
      const double reference = metric(descriptor, near);
      EXPECT_NEAR(metric(burst, near), reference, 0.02 * reference) << near;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, MachinePoints,
    testing::Values(Combination{"none", "cryptosoft"}, Combination{"standard", "cryptosoft"},
                    Combination{"ocf-v1", "cryptosoft"}, Combination{"ocf-v1", "cesa_tdma"},
                    Combination{"ocf-v3", "cryptosoft"}, Combination{"ocf-v3", "cesa_tdma"},
                    Combination{"ocf-v3", "cesa_hal"}, Combination{"ocf-lsp", "cesa_hal"},
                    Combination{"ocf-async", "cryptosoft"}, Combination{"ocf-async", "cesa_tdma"},
                    Combination{"ocf-async", "cesa_ring"}, Combination{"modern", "cryptosoft"},
                    Combination{"modern", "cesa_tdma"}, Combination{"modern", "cesa_ring"}),
    [](const auto& info) {
      std::string name = std::string(info.param.path) + "_" + info.param.driver;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

/// Another key, another seed, another offset: other bytes, and still right.
TEST(Machine, KeySeedAndOffsetAreUsed) {
  const Trace trace;
  for (const char* change : {"dmcrypt.key: \"seed:9\"\n", "seed: 5\n", "dmcrypt.key_bits: 256\n",
                             "dmcrypt.cipher: aes-cbc-plain\n"}) {
    Scenario s = scenario(
        "soc: kirkwood-88f6281\ndisk: flash\ndmcrypt.path: ocf-v3\n"
        "ocf.driver: cesa_tdma\nworkload.trace: t.csv\n" +
        std::string(change));
    s.workload.trace_file = trace.file.string();
    const PointResult p = run(s);
    EXPECT_EQ(p.status, Status::ok) << change << p.error;
    EXPECT_EQ(integrity(p, "verified_disk_sectors"), trace.written);
  }
}

/// An engine that stops in the middle of every chain (a limit of the model, set absurdly low).
/// v3 gives up after 30 s and lets the plaintext go to the disk; the run says so.
TEST(Machine, PlaintextOnTheDiskIsFound) {
  const Trace trace;
  Scenario s = scenario(combination("ocf-v3", "cesa_tdma", "kirkwood-88f6281"));
  s.workload.trace_file = trace.file.string();
  s.soc.cesa.chain_limit = 3;
  const PointResult p = run(s);
  EXPECT_EQ(p.status, Status::broken) << p.error;
  EXPECT_GT(integrity(p, "plaintext_sectors"), 0u);
  EXPECT_GT(integrity(p, "guest_errors"), 0u);
}

/// v1 waits for ever: the machine stops, and the outstanding requests are counted as lost.
TEST(Machine, ARequestThatNeverEndsIsReported) {
  const Trace trace;
  Scenario s = scenario(combination("ocf-v1", "cesa_tdma", "kirkwood-88f6281"));
  s.workload.trace_file = trace.file.string();
  s.soc.cesa.chain_limit = 3;
  const PointResult p = run(s);
  EXPECT_EQ(p.status, Status::broken);
  EXPECT_THAT(p.error, HasSubstr("outstanding"));
  EXPECT_GT(integrity(p, "lost_requests"), 0u);
}

/// A device of nobody's: reads memory on request.
class RogueDevice : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<RogueDevice> dma;
  explicit RogueDevice(sc_core::sc_module_name name) : sc_module(name), dma("dma") {
    extension_.master = hw::mbus_master_tdma(3);
    payload_.set_extension(&extension_);
  }
  ~RogueDevice() override { payload_.clear_extension(&extension_); }
  void read(hw::PhysAddr addr, unsigned bytes) {
    std::vector<std::uint8_t> data(bytes);
    payload_.set_command(tlm::TLM_READ_COMMAND);
    payload_.set_address(addr);
    payload_.set_data_ptr(data.data());
    payload_.set_data_length(bytes);
    payload_.set_streaming_width(bytes);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    sc_core::sc_time delay;
    dma->b_transport(payload_, delay);
  }

 private:
  hw::MbusExtension extension_;
  tlm::tlm_generic_payload payload_;
};

/// A driver that maps nothing, beside the workload: all data is right, and the point is broken.
// Silence with nothing outstanding is no hang, however long it lasts.
TEST(Machine, AnOpenReplayMayBeIdleForMinutes) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "idle_gap.csv";
  std::ofstream(file) << "time_ns,op,sector,bytes,pid,phase\n0,W,0,4096,1,a\n"
                         "400000000000,R,0,4096,1,a\n1200000000000,W,8,4096,1,b\n";
  Scenario s =
      scenario(combination("standard", "cryptosoft", "armada-385") + "workload.replay: open\n");
  s.workload.trace_file = file.string();
  const PointResult p = run(s);
  ASSERT_EQ(p.status, Status::ok) << p.error;
  EXPECT_EQ(metric(p, "requests"), 3);
  EXPECT_EQ(integrity(p, "verified_reads"), 1u);
  EXPECT_GT(metric(p, "sim_seconds"), 1200);
}

TEST(Machine, ADriverThatForgetsToMapIsFound) {
  const Trace trace;
  Scenario s = scenario(combination("ocf-v3", "cesa_tdma", "kirkwood-88f6281"));
  s.workload.trace_file = trace.file.string();
  for (const bool maps : {true, false}) {
    SCOPED_TRACE(maps);
    std::unique_ptr<RogueDevice> device;
    PointOptions options;
    options.on_built = [&](hw::Soc& soc, kernel::Kernel& kernel) {
      device = std::make_unique<RogueDevice>("rogue");
      device->dma.bind(soc.mbus().in);
      kernel.kthread_run("bad_driver", [&] {
        using enum hw::DmaDirection;
        for (int i = 0; i < 20; ++i) {
          const hw::PhysAddr page =
              kernel.alloc_page(hw::Activity::driver, hw::AllocSite::page_cache);
          kernel.cpu_write(page, 1024);
          if (maps) kernel.dma_map_single(page, 1024, to_device);
          kernel.sync_now();
          device->read(page, 1024);
          if (maps) kernel.dma_unmap_single(page, 1024, to_device);
        }
      });
    };
    const PointResult p = run(s, options);
    EXPECT_EQ(integrity(p, "mismatched_sectors"), 0u);
    EXPECT_EQ(integrity(p, "dma_hazards"), maps ? 0u : 20u);
    EXPECT_EQ(p.status, maps ? Status::ok : Status::broken) << p.error;
    if (maps) continue;
    EXPECT_EQ(p.error.rfind("integrity broken: dma_hazards 20; first DMA hazard: ", 0), 0u)
        << p.error;
    EXPECT_EQ(p.dma_hazards.size(), hw::DmaSanitizer::kReportsKept);
    EXPECT_THAT(p.dma_hazards.at(0), HasSubstr("TDMA engine 3 reads 1024 bytes at 0x"));
    EXPECT_THAT(p.dma_hazards.at(0), HasSubstr("'bad_driver' on cpu 0 wrote there"));
  }
}

/// A mistake at the ring's registers counts as one of its driver's.
TEST(Machine, TheRingsGuestErrorsCount) {
  const Trace trace;
  Scenario s = scenario(combination("modern", "cesa_ring", "armada-385"));
  s.workload.trace_file = trace.file.string();
  PointOptions options;
  options.on_built = [&](hw::Soc& soc, kernel::Kernel& kernel) {
    kernel.kthread_run("bad_driver", [&] {
      kernel.writel(1, soc.ring_regs() + 0xFFC, hw::Activity::driver);  // no register there
    });
  };
  const PointResult p = run(s, options);
  EXPECT_EQ(integrity(p, "guest_errors"), 1u);
  EXPECT_EQ(integrity(p, "mismatched_sectors"), 0u);
  EXPECT_EQ(p.status, Status::broken);
}

/// What GTKWave would show: each change of a signal of a VCD file, with its time in ps.
struct Vcd {
  explicit Vcd(const std::string& file) {
    std::ifstream in(file);
    std::map<std::string, std::string> names;
    std::uint64_t now = 0;
    bool started = false;
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string word, type, bits, code, name;
      words >> word;
      if (word == "$var") {
        words >> type >> bits >> code >> name;
        names[code] = name;
        changes[name];
      } else if (!word.empty() && word[0] == '#') {
        now = std::stoull(word.substr(1));
        if (!started) first = now;
        started = true;
        last = now;
      } else if (!word.empty() && word[0] == 'b') {
        words >> code;
        changes[names[code]].emplace_back(now, word.substr(1));
      } else if (!word.empty() && (word[0] == '0' || word[0] == '1') && word.size() > 1) {
        changes[names[word.substr(1)]].emplace_back(now, word.substr(0, 1));
      }
    }
  }
  std::map<std::string, std::vector<std::pair<std::uint64_t, std::string>>> changes;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

TEST(Machine, TheVcdFileShowsEveryChain) {
  const Trace trace;
  Scenario s = scenario(combination("ocf-v1", "cesa_tdma", "kirkwood-88f6281"));
  s.workload.trace_file = trace.file.string();
  PointOptions options;
  options.vcd.file = std::string(std::getenv("TEST_TMPDIR")) + "/whole.vcd";
  const PointResult p = run(s, options);
  ASSERT_EQ(p.status, Status::ok) << p.error;
  const PointResult untraced = run(s);
  EXPECT_EQ(metric(p, "sim_seconds"), metric(untraced, "sim_seconds")) << "looking changes nothing";
  EXPECT_EQ(metric(p, "interrupts"), metric(untraced, "interrupts"));

  const Vcd vcd(options.vcd.file);
  EXPECT_FALSE(std::filesystem::exists(options.vcd.file + ".part.vcd"));
  const auto find = [&](const std::string& end) {
    for (const auto& [name, changes] : vcd.changes) {
      if (name.size() >= end.size() && name.substr(name.size() - end.size()) == end) {
        return changes;
      }
    }
    ADD_FAILURE() << "no signal " << end;
    return decltype(vcd.changes)::mapped_type{};
  };
  for (const char* name :
       {"status", "int_cause", "int_mask", "tdma_next", "tdma_byte_count", "tdma_state"}) {
    EXPECT_FALSE(find(name).empty()) << name;
  }
  unsigned rises = 0;
  for (const auto& [time, value] : find("irq")) rises += value == "1";
  EXPECT_GT(rises, 0u);
  EXPECT_LE(rises, metric(p, "interrupts")) << "the disk's interrupts are in the metric too";
  unsigned starts = 0;
  for (const auto& [time, value] : find("cmd")) starts += value.back() == '1';
  EXPECT_EQ(starts, rises) << "one interrupt for each chain";

  // A window: nothing outside, something inside.
  options.vcd.file = std::string(std::getenv("TEST_TMPDIR")) + "/part.vcd";
  const std::uint64_t middle = find("irq").at(find("irq").size() / 2).first;
  options.vcd.from = static_cast<double>(middle) * 1e-12 - 1e-4;
  options.vcd.to = static_cast<double>(middle) * 1e-12 + 1e-4;
  ASSERT_EQ(run(s, options).status, Status::ok);
  const Vcd part(options.vcd.file);
  EXPECT_GE(part.first, middle - 101'000'000);
  EXPECT_LE(part.last, middle + 101'000'000);
  EXPECT_GT(part.last, part.first);
}

TEST(Machine, AVcdFileThatCannotBeWrittenIsAnError) {
  const Trace trace;
  Scenario s = scenario(combination("ocf-v1", "cesa_tdma", "kirkwood-88f6281"));
  s.workload.trace_file = trace.file.string();
  PointOptions options;
  options.vcd.file = "/nowhere/at/all.vcd";
  const PointResult p = run(s, options);
  EXPECT_EQ(p.status, Status::failed);
  EXPECT_THAT(p.error,
              HasSubstr("/nowhere/at/all.vcd: cannot be created: No such file or directory"));
}

/// With two engines, each with its interrupt thread on a core of its own, the callback of a bio's
/// last sector can come before that of an earlier one: v3 then ends the bio too soon.
TEST(Machine, TwoEnginesBreakTheThirdPatch) {
  const Trace trace;
  Scenario s = scenario(combination("ocf-v3", "cesa_tdma", "armada-385"));
  s.workload.trace_file = trace.file.string();
  s.soc.cesa.engines = 2;
  const PointResult p = run(s);
  EXPECT_EQ(p.status, Status::broken) << p.error;
  EXPECT_GT(metric(p, "verdict.wrong_data"), 0);
  EXPECT_EQ(metric(p, "verdict.wrong_data") + metric(p, "verdict.right"), trace.rows);
  ASSERT_FALSE(p.broken_guarantees.empty());
  EXPECT_THAT(p.broken_guarantees[0], HasSubstr("reads said success and returned wrong data"));
}

/// Marvell's core calls the driver for requests that ask for BATCH, and queues the others for its
/// thread: ocf-async has to ask as that core's own dm-crypt does, or each sector costs a switch.
TEST(Machine, UnderMarvellsCoreTheAsynchronousPathHandsOverAtOnce) {
  const Trace trace;
  Scenario s = scenario(
      "soc: armada-385\ndisk: flash\ndmcrypt: {path: ocf-async, cipher: aes-cbc-plain}\n"
      "ocf: {policy: marvell, driver: cesa_hal}\nworkload.trace: t.csv\n");
  s.workload.trace_file = trace.file.string();
  const PointResult p = run(s);
  ASSERT_EQ(p.status, Status::ok) << p.error;
  EXPECT_GT(metric(p, "ocf.cs_ops"), 1000);
  EXPECT_LE(metric(p, "ocf.cs_intrs"), 1);
}

/// Fault injection: each request ends right, or fails and says so, or the run names the
/// guarantee that broke. Line 22 is the crypto unit's.
TEST(Machine, EveryFaultHasAVerdict) {
  const Trace trace;
  struct {
    const char* path;
    const char* fault;
    const char* broken;  // nullptr: none
  } cases[] = {
      {"ocf-v1", "kind: engine_error, nth: 20", "requests never ended"},
      {"ocf-v3", "kind: engine_stuck, nth: 20", "writes put plaintext on the disk"},
      {"ocf-v3", "kind: disk_write_error, nth: 3", nullptr},
      {"ocf-async", "kind: engine_error, nth: 20", nullptr},
      {"ocf-async", "kind: engine_stuck, nth: 20", nullptr},
      {"ocf-async", "kind: lost_interrupt, nth: 3, first: 22, last: 22", nullptr},
      {"ocf-async", "kind: disk_read_error, nth: 2", nullptr},
      // Line 21 is the disk's: nobody looks at it for 30 s.
      {"standard", "kind: lost_interrupt, nth: 5, first: 21, last: 21", "longer than the limit"},
      {"modern", "kind: tdma_bus_error, nth: 20", nullptr},
      {"modern", "kind: disk_short, nth: 2", nullptr},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.path) + " " + c.fault);
    Scenario s =
        scenario(combination(c.path, std::string(c.path) == "standard" ? "cryptosoft" : "cesa_tdma",
                             "kirkwood-88f6281") +
                 "faults: {f: {" + c.fault + "}}\n");
    s.workload.trace_file = trace.file.string();
    const PointResult p = run(s);
    ASSERT_EQ(p.faults.size(), 1u) << p.error;
    EXPECT_EQ(p.faults[0].name, "f");
    EXPECT_EQ(p.faults[0].fired, 1u);
    EXPECT_GE(p.faults[0].opportunities, 1u);
    EXPECT_EQ(metric(p, "faults.fired"), 1);
    const double sound = metric(p, "verdict.right") + metric(p, "verdict.failed");
    if (c.broken == nullptr) {
      EXPECT_EQ(p.status, Status::ok) << p.error;
      EXPECT_TRUE(p.broken_guarantees.empty()) << p.broken_guarantees[0];
      EXPECT_EQ(sound, trace.rows);
      if (std::string(c.fault).find("lost") == std::string::npos) {
        EXPECT_GT(metric(p, "verdict.failed"), 0);
      }
    } else {
      EXPECT_EQ(p.status, Status::broken);
      ASSERT_FALSE(p.broken_guarantees.empty());
      EXPECT_THAT(p.broken_guarantees[0], HasSubstr(c.broken));
      EXPECT_LT(sound, trace.rows);
    }
  }
}

/// dm-crypt since Linux 5.10: a driver that allocates memory is passed over. The same bytes on the
/// disk, by the processor; a driver that does not allocate is taken as before.
TEST(Machine, DriversThatAllocateMemoryMayBePassedOver) {
  const Trace trace;
  const auto disk_of = [&](const std::string& driver, bool allow, PointResult& p) {
    Scenario s = scenario(combination("modern", driver.c_str(), "armada-385") +
                          "dmcrypt.allow_allocating_drivers: " + (allow ? "true" : "false") +
                          "\ndisk.capacity_gib: 0.02\n");
    s.workload.trace_file = trace.file.string();
    PointOptions options;
    options.export_image =
        (std::filesystem::path(testing::TempDir()) / ("disk_" + std::to_string(getpid()))).string();
    p = run(s, options);
    EXPECT_EQ(p.status, Status::ok) << p.error;
    EXPECT_EQ(integrity(p, "verified_disk_sectors"), trace.written);
    EXPECT_EQ(integrity(p, "verified_sectors"), trace.read);
    std::ifstream in(options.export_image, std::ios::binary);
    std::stringstream bytes;
    bytes << in.rdbuf();
    std::filesystem::remove(options.export_image);
    EXPECT_GT(bytes.str().size(), 1'000'000u);
    return bytes.str();
  };
  PointResult soft, taken, refused, ring, pio;
  const std::string disk = disk_of("cryptosoft", true, soft);
  EXPECT_TRUE(disk_of("cesa_tdma", true, taken) == disk);
  EXPECT_TRUE(disk_of("cesa_tdma", false, refused) == disk);
  EXPECT_TRUE(disk_of("cesa_ring", false, ring) == disk);
  EXPECT_TRUE(disk_of("cesa_pio", false, pio) == disk);
  const double operations = static_cast<double>(trace.bytes) / 512;
  EXPECT_EQ(metric(taken, "engine.operations"), operations);
  EXPECT_LT(metric(taken, "cpu.share.cipher"), metric(refused, "cpu.share.cipher"));  // ESSIV
  EXPECT_EQ(metric(refused, "engine.operations"), 0);
  EXPECT_EQ(metric(refused, "driver.requests"), 0);
  EXPECT_EQ(metric(refused, "skcipher.synchronous"), operations);
  // But for ties between the cores.
  EXPECT_NEAR(metric(refused, "sim_seconds") / metric(soft, "sim_seconds"), 1, 0.01);
  EXPECT_EQ(metric(ring, "engine.operations"), operations);
  EXPECT_GT(metric(pio, "engine.operations"), 0);
  ASSERT_EQ(taken.notes.size(), 1u);
  EXPECT_THAT(taken.notes[0],
              HasSubstr("modern over cesa_tdma: no stock kernel since Linux 5.10 does this: "
                        "its dm-crypt refuses drivers that allocate memory"));
  ASSERT_EQ(refused.notes.size(), 2u);
  EXPECT_THAT(refused.notes[0], HasSubstr("passed over cesa_tdma"));
  EXPECT_THAT(refused.notes[0], HasSubstr("the engine was not used"));
  // A Cortex-A9 has NEON.
  ASSERT_EQ(soft.notes.size(), 1u);
  EXPECT_THAT(soft.notes[0], HasSubstr("software AES is the scalar code"));
  EXPECT_EQ(refused.notes[1], soft.notes[0]);
  EXPECT_TRUE(ring.notes.empty());
  EXPECT_TRUE(pio.notes.empty());
}

/// Marvell's driver allocates, too, but is one of OCF: no version of a stock kernel had modern over
/// it.
TEST(Machine, ADriverOfOcfAloneWasNeverBelowModern) {
  const Trace trace;
  // The later generation chains: on two cores and engines an interrupt may find a chain launched
  // that the engine has not fetched yet, of which nothing has ended.
  Scenario s = scenario(combination("modern", "cesa_hal", "armada-385"));
  s.workload.trace_file = trace.file.string();
  const PointResult p = run(s);
  EXPECT_EQ(p.status, Status::ok) << p.error;
  EXPECT_GT(metric(p, "engine.operations"), 0);
  ASSERT_EQ(p.notes.size(), 1u);
  EXPECT_THAT(p.notes[0],
              HasSubstr("modern over cesa_hal: no stock kernel has ever done this: it is a "
                        "driver of OCF"));
  EXPECT_THAT(p.notes[0], Not(HasSubstr("5.10")));
}

/// A page_alloc that hits everybody starves the workload's own pages, and the machine says so; with
/// a place it hits dm-crypt alone, whose mempool is there for that.
TEST(Machine, AnAllocationThatFailsSaysWhom) {
  const Trace trace;
  const auto run_with = [&](const char* path, const char* fault) {
    Scenario s = scenario(combination(path, "cesa_tdma", "kirkwood-88f6281") +
                          "faults: {hungry: {" + fault + "}}\n");
    s.workload.trace_file = trace.file.string();
    return run(s);
  };
  for (const char* path : {"ocf-v1", "ocf-async", "modern"}) {
    SCOPED_TRACE(path);
    const PointResult all = run_with(path, "kind: page_alloc, probability: 1");
    EXPECT_EQ(all.status, Status::broken);
    for (const char* part :
         {"0 requests outstanding", "it starves: 1 thread has been waiting since ",
          " s for memory for the page cache", "where fault hungry (page_alloc) happened ",
          "(place 0)"}) {
      EXPECT_THAT(all.error, HasSubstr(part)) << part << ": " << all.error;
    }
    ASSERT_EQ(all.faults.size(), 1u);
    ASSERT_EQ(all.faults[0].hit.size(), 1u);
    EXPECT_EQ(all.faults[0].hit[0].first, "the page cache");
    EXPECT_EQ(all.faults[0].hit[0].second, all.faults[0].fired);

    const PointResult pool = run_with(path, "kind: page_alloc, probability: 1, first: 1, last: 1");
    EXPECT_EQ(pool.status, Status::ok) << pool.error;
    EXPECT_EQ(integrity(pool, "verified_disk_sectors"), trace.written);
    ASSERT_EQ(pool.faults[0].hit.size(), 1u);
    EXPECT_EQ(pool.faults[0].hit[0].first, "dm-crypt's bounce pages");
    EXPECT_EQ(pool.faults[0].fired, pool.faults[0].opportunities);
    EXPECT_GE(pool.faults[0].fired, trace.written / 8);  // a page for each 4 KiB written
  }
  // Requests: OCF's are waited for by ocf-async and failed with ENOMEM by ocf-v1; modern has a
  // reserve.
  const PointResult none = run_with("ocf-async", "kind: request_alloc, probability: 1");
  EXPECT_EQ(none.status, Status::broken);
  EXPECT_THAT(none.error, HasSubstr("s for memory for OCF's requests"));
  const PointResult failed = run_with("ocf-v1", "kind: request_alloc, probability: 1, first: 2");
  EXPECT_EQ(failed.status, Status::ok) << failed.error;
  EXPECT_GT(metric(failed, "verdict.failed"), 0);
  EXPECT_EQ(failed.faults[0].hit[0].first, "OCF's requests");
  const PointResult reserve = run_with("modern", "kind: request_alloc, probability: 1");
  EXPECT_EQ(reserve.status, Status::ok) << reserve.error;
  ASSERT_FALSE(reserve.faults[0].hit.empty());
  for (const auto& [site, count] : reserve.faults[0].hit) {
    EXPECT_TRUE(site == "dm-crypt's requests" || site == "dm-crypt's clones") << site;
  }
}

/// Without dm-crypt everything is plaintext on the disk, as it should be, and checked all the same;
/// nothing ciphers, and the run is shorter for it.
TEST(Machine, PathNoneIsThePlainDisk) {
  const Trace trace;
  for (const char* kernel : {"linux-2.6.12", "linux-6.1"}) {
    SCOPED_TRACE(kernel);
    const auto run_with = [&](const std::string& path) {
      Scenario s = scenario("soc: armada-385\ndisk: flash\nworkload.trace: t.csv\nkernel: " +
                            std::string(kernel) + "\ndmcrypt.path: " + path + "\n");
      s.workload.trace_file = trace.file.string();
      return run(s);
    };
    const PointResult plain = run_with("none");
    ASSERT_EQ(plain.status, Status::ok) << plain.error;
    EXPECT_EQ(integrity(plain, "requests_ended"), trace.rows);
    EXPECT_EQ(integrity(plain, "verified_reads"), 82u);
    EXPECT_EQ(integrity(plain, "verified_sectors"), trace.read);
    EXPECT_EQ(integrity(plain, "verified_disk_sectors"), trace.written);
    EXPECT_EQ(integrity(plain, "mismatched_sectors"), 0u);
    for (const auto& [name, value] : plain.integrity) EXPECT_NE(name, "plaintext_sectors");
    EXPECT_EQ(metric(plain, "cpu.share.cipher"), 0);
    EXPECT_EQ(metric(plain, "cpu.share.dm"), 0);
    EXPECT_EQ(metric(plain, "bytes_copied"), 0);
    const PointResult encrypted = run_with("standard");
    ASSERT_EQ(encrypted.status, Status::ok) << encrypted.error;
    EXPECT_EQ(integrity(encrypted, "plaintext_sectors"), 0u);
    EXPECT_LT(metric(plain, "sim_seconds"), metric(encrypted, "sim_seconds"));
  }
}

/// What fails at the disk is an error of the request there as well, and no wrong data.
TEST(Machine, PathNoneUnderFaults) {
  const Trace trace;
  for (const char* kind : {"disk_write_error", "disk_read_error", "disk_short", "page_alloc"}) {
    SCOPED_TRACE(kind);
    Scenario s = scenario(
        "soc: armada-385\ndisk: flash\nworkload.trace: t.csv\nkernel: linux-6.1\n"
        "dmcrypt.path: none\nfaults: {f: {kind: " +
        std::string(kind) + ", nth: 3, every: 5}}\n");
    s.workload.trace_file = trace.file.string();
    const PointResult p = run(s);
    EXPECT_EQ(p.status, Status::ok) << p.error;
    EXPECT_GT(p.faults.at(0).fired, 0u);
  }
}

/// Reads that follow each other through the engine: with more of them at once the time falls, down
/// to what the engines can do. (The device-wide plug of 2.6.12 made a saw-tooth of this: a depth
/// below its threshold waited for the unplug, one above did not.)
TEST(Machine, ReadsOfModernGainFromEveryDepth) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("depths_" + std::to_string(getpid()) + ".csv");
  {
    std::ofstream out(file);
    out << "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n";
    for (unsigned i = 0; i < 200; ++i) {
      out << i * 1000 << ",R," << i * 256 << ",131072,12,read,,\n";
    }
  }
  double before = 0;
  for (const unsigned depth : {1u, 2u, 4u, 8u, 16u}) {
    SCOPED_TRACE(depth);
    Scenario s = scenario(
        "soc: armada-385\ndisk: flash\nworkload.trace: t.csv\ndmcrypt: {path: modern, cipher: "
        "aes-cbc-plain64, sector_size: 4096}\nocf.driver: cesa_tdma\n");
    EXPECT_EQ(s.kernel_preset, "linux-6.1");
    s.workload.trace_file = file.string();
    s.workload.depth_read = depth;
    const PointResult p = run(s);
    ASSERT_EQ(p.status, Status::ok) << p.error;
    const double rate = metric(p, "throughput_mb_s");
    EXPECT_GE(rate, before * 0.99);
    if (depth == 2) {
      EXPECT_GT(rate, before * 1.3) << "two at once overlap disk and engine";
    }
    before = rate;
  }
  std::filesystem::remove(file);
}

/// The historical lost unblock: room is made between a driver's ERESTART and the core's marking it
/// blocked, the core of 2005 forgets it, and nobody unblocks again. The drivers' retry tick hides
/// that.
TEST(Machine, WithoutTheRetryTickAnUnblockIsLost) {
  const Trace trace;
  const auto run_with = [&](unsigned seed, bool retry_tick) {
    Scenario s = scenario(combination("ocf-async", "cesa_tdma", "armada-385") +
                          "soc.cores: 2\nocf.drivers.cesa_tdma.queue_depth: 1\nocf.retry_tick: " +
                          (retry_tick ? "true\n" : "false\n"));
    // Delays at locks: without them the two are at one time.
    s.kernel.schedule_seed = seed;
    s.kernel.schedule_jitter_us = 3;
    s.kernel.preempt = "full";
    s.workload.trace_file = trace.file.string();
    return run(s);
  };
  unsigned lost = 0;
  for (unsigned seed = 1; seed <= 8 && lost == 0; ++seed) {
    SCOPED_TRACE(seed);
    const PointResult without = run_with(seed, false);
    if (without.status == Status::ok) continue;
    ++lost;
    EXPECT_EQ(without.status, Status::broken);
    EXPECT_GT(metric(without, "verdict.lost"), 0);
    EXPECT_THAT(without.error, HasSubstr("OCF still has the driver marked as blocked, with "));
    const PointResult with = run_with(seed, true);
    EXPECT_EQ(with.status, Status::ok) << with.error;
    EXPECT_GT(metric(with, "driver.restarts"), 0);
  }
  EXPECT_EQ(lost, 1u);
}

/// The request limit of the 2010 core: large reads at depth fail, and with the driver's queue
/// full others end before all their sectors are deciphered. Wrong data outranks failed requests;
/// the point's message says both.
TEST(Machine, FailedRequestsDoNotHideWrongData) {
  const Trace trace;
  Scenario s = scenario(combination("ocf-v3", "cesa_tdma", "armada-385"));
  s.workload.trace_file = trace.file.string();
  s.soc.cesa.engines = 2;
  s.ocf.policy = "2010";
  s.workload.depth_read = 32;
  s.soc.cesa.aes128_block_cycles = 1000;  // slower than the software that feeds it
  const PointResult p = run(s);
  EXPECT_EQ(p.status, Status::broken) << p.error;
  EXPECT_GT(integrity(p, "mismatched_sectors"), 0u);
  EXPECT_THAT(p.error, HasSubstr("ended with an error"));
}

}  // namespace
}  // namespace cesasim
