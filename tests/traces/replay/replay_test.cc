// SPDX-License-Identifier: Apache-2.0
#include "traces/replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "tests/traces/replay/replay_bench.h"

namespace cesasim::traces {
namespace {

using hw::Activity;
using hw::kPsPerMs;
using hw::kPsPerUs;
using kernel::BioOp;
using testing::ElementsAre;
using testing::HasSubstr;

void expect_healthy(const ReplayBench::Report& report) {
  const ReplayMetrics& t = report.total;
  EXPECT_EQ(t.rows, t.served + t.skipped);
  EXPECT_EQ(t.rejected, 0u);
  EXPECT_EQ(t.unfinished, 0u);
  EXPECT_EQ(t.lost, 0u);
  EXPECT_EQ(report.content.mismatched_sectors, 0u);
  EXPECT_EQ(report.content.clobbered_sectors, 0u);
  EXPECT_EQ(t.errors(), 0u);
  EXPECT_EQ(report.double_ended, 0u);
}

std::vector<std::uint64_t> sectors_of(const FakeDevice& device, const std::string& thread) {
  std::vector<std::uint64_t> sectors;
  for (const auto& event : device.submitted) {
    if (event.thread == thread) sectors.push_back(event.sector);
  }
  return sectors;
}

const ReplayMetrics& phase(const ReplayReport& report, std::string_view name) {
  for (const ReplayMetrics& m : report.phases) {
    if (m.name == name) return m;
  }
  throw std::out_of_range(std::string(name));
}

std::string error_of(const Replay& replay) {
  try {
    replay.finish();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

TEST(Replay, WritesAndReadsBackWhatTheOracleSays) {
  ReplayBench b;
  b.trace({"W,0,4096,1,a", "W,8,512,1,a", "W,0,8192,1,a", "R,0,8192,1,b", "R,8,512,1,b"});
  const ReplayBench::Report report = b.run();
  EXPECT_TRUE(b.replay->done());
  expect_healthy(report);
  EXPECT_EQ(report.total.served, 5u);
  EXPECT_EQ(report.total.of(BioOp::write).bios, 3u);
  EXPECT_EQ(report.total.of(BioOp::write).bytes, 4096u + 512 + 8192);
  EXPECT_EQ(report.content.verified_reads, 2u);
  EXPECT_EQ(report.content.verified_sectors, 17u);
  EXPECT_EQ(b.oracle.expected(8), 2u);
  EXPECT_EQ(b.kernel.free_pages(), (16u << 20) / 4096 - 1) << "every page was released";
}

TEST(Replay, KeepsTheOrderOfEachSubmitter) {
  ReplayBench b;
  b.params.depth_write = 3;
  b.device.delay = [](const kernel::Bio& bio) { return (bio.sector * 7919 % 13 + 1) * kPsPerMs; };
  std::vector<std::string> rows;
  std::map<std::string, std::vector<std::uint64_t>> expected;
  for (int i = 0; i < 60; ++i) {
    const int pid = i * 5 % 3;
    rows.push_back("W," + std::to_string(i * 8) + ",4096," + std::to_string(pid) + ",a");
    expected["pid " + std::to_string(pid)].push_back(static_cast<std::uint64_t>(i) * 8);
  }
  b.trace(rows);
  expect_healthy(b.run());
  for (const auto& [thread, sectors] : expected) {
    EXPECT_EQ(sectors_of(b.device, thread), sectors) << thread;
  }
}

TEST(Replay, DepthIsReachedAndNeverExceeded) {
  ReplayBench b;
  b.params.depth_read = 3;
  b.params.depth_write = 5;
  std::vector<std::string> rows;
  for (int i = 0; i < 40; ++i) {
    rows.push_back("W," + std::to_string(i * 8) + ",4096," + std::to_string(i % 2) + ",a");
  }
  for (int i = 0; i < 40; ++i) {
    rows.push_back("R," + std::to_string(i * 8) + ",4096," + std::to_string(i % 2) + ",b");
  }
  b.trace(rows);
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_EQ(b.device.deepest[0], 3u);
  EXPECT_EQ(b.device.deepest[1], 5u);
  EXPECT_GT(b.device.unplugs, 0u) << "a submitter that sleeps starts the queue first";
}

TEST(Replay, CutsAtMaxBioBytes) {
  ReplayBench b;
  b.params.max_bio_bytes = 8192;
  b.trace({"W,8,20480,1,a", "R,8,20480,1,b"});
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_EQ(sectors_of(b.device, "pid 1"), (std::vector<std::uint64_t>{8, 24, 40, 8, 24, 40}));
  EXPECT_EQ(b.device.submitted[2].bytes, 4096u);
  EXPECT_EQ(report.total.served, 2u);
  EXPECT_EQ(report.total.bios(), 6u);
  EXPECT_EQ(report.content.verified_sectors, 40u);
}

TEST(Replay, PhasesAreSeparatedByABarrier) {
  ReplayBench b;
  b.params.phase_costs["first"].user_cycles_per_bio = 1e6;  // 1 ms
  b.trace({"W,0,4096,1,first", "W,8,4096,2,first", "R,0,4096,1,second", "W,16,4096,3,first"});
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  ASSERT_EQ(b.device.submitted.size(), 4u);
  EXPECT_GE(b.device.submitted[2].time, b.device.completed[1].time);
  EXPECT_GE(b.device.submitted[3].time, b.device.completed[2].time);
  const ReplayMetrics& first = phase(report, "first");
  const ReplayMetrics& second = phase(report, "second");
  EXPECT_EQ(first.rows, 3u);
  EXPECT_EQ(second.rows, 1u);
  // Writes at 1 and 2 ms end at 3 ms, the read takes 1 ms, the last write 1 ms of user and 1 ms.
  EXPECT_EQ(first.started, 0u);
  EXPECT_EQ(second.started, 3 * kPsPerMs);
  EXPECT_EQ(second.ended, 4 * kPsPerMs);
  EXPECT_EQ(first.ended, 6 * kPsPerMs);
  EXPECT_EQ(first.duration, 5 * kPsPerMs);
  EXPECT_EQ(report.total.duration, 6 * kPsPerMs);
}

TEST(Replay, OverlappingBiosWaitForEachOther) {
  ReplayBench b;
  b.device.delay = [](const kernel::Bio& bio) {
    return bio.sector == 8 ? 5 * kPsPerMs : 1 * kPsPerMs;
  };
  // The reads of pid 3 may run together although they overlap; everything else conflicts.
  b.trace({"W,8,4096,1,a", "W,0,12288,2,a", "R,4,4096,3,a", "R,4,8192,3,a", "W,40,4096,4,a"});
  std::vector<std::tuple<BioOp, std::uint64_t, std::uint64_t>> active;
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  for (std::size_t i = 0; i < b.log.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const RequestLog& x = b.log[i];
      const RequestLog& y = b.log[j];
      const bool meet = x.sector < y.sector + y.bytes / 512 && y.sector < x.sector + x.bytes / 512;
      const bool together = x.submitted < y.ended && y.submitted < x.ended;
      if (meet && (x.op == BioOp::write || y.op == BioOp::write)) {
        EXPECT_FALSE(together);
      }
      if (x.pid == 3 && y.pid == 3) {
        EXPECT_TRUE(together);
      }
    }
  }
  EXPECT_EQ(b.device.submitted[1].sector, 40u) << "what does not overlap goes ahead";
}

TEST(Replay, ABlockedSubmitterBlocksNoOther) {
  ReplayBench b;
  kernel::WaitQueue gate(b.kernel);
  unsigned others_done = 0;
  b.device.before_submit = [&](kernel::Bio& bio) {
    if (bio.sector == 0) gate.wait_event([&] { return others_done == 10; });
  };
  b.device.before_end = [&](kernel::Bio& bio) {
    if (bio.sector < 1000) return;
    if (++others_done == 10) gate.wake_up();
  };
  std::vector<std::string> rows = {"W,0,4096,1,a", "W,8,4096,1,a"};
  for (int i = 0; i < 10; ++i) rows.push_back("W," + std::to_string(1000 + i * 8) + ",4096,2,a");
  b.trace(rows);
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_THAT(sectors_of(b.device, "pid 1"), ElementsAre(0u, 8u));
  EXPECT_EQ(others_done, 10u);
}

TEST(Replay, AFlushHoldsItsSubmitterOnly) {
  ReplayBench b;
  b.device.delay = [](const kernel::Bio& bio) {
    return bio.op == BioOp::flush ? 9 * kPsPerMs : 1 * kPsPerMs;
  };
  b.trace({"F,0,0,1,a", "W,0,4096,1,a", "W,8,4096,2,a"});
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_EQ(report.total.of(BioOp::flush).bios, 1u);
  ASSERT_EQ(b.device.submitted.size(), 3u);
  EXPECT_EQ(b.device.submitted[1].sector, 8u);
  EXPECT_EQ(b.device.submitted[2].time, 9 * kPsPerMs);
}

TEST(Replay, ASecondEndIsCounted) {
  ReplayBench b;
  b.device.end_twice = [](const kernel::Bio& bio) { return bio.sector == 8; };
  b.trace({"W,0,4096,1,a", "W,8,4096,1,a", "R,8,4096,1,b", "W,16,4096,1,b"});
  const ReplayBench::Report report = b.run();
  EXPECT_EQ(report.double_ended, 2u);
  EXPECT_EQ(report.total.served, 4u);
  EXPECT_EQ(report.total.lost, 0u);
}

TEST(Replay, ALostRequestIsReported) {
  ReplayBench b;
  b.device.lose = [](const kernel::Bio& bio) { return bio.sector == 8; };
  b.trace({"W,0,4096,1,a", "W,8,4096,1,a", "W,16,4096,1,a"});
  b.make().start();
  sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_SEC));
  EXPECT_FALSE(b.replay->done());
  EXPECT_EQ(b.replay->outstanding(), 1u);
  EXPECT_EQ(b.replay->ended(), 2u);
  const ReplayReport report = b.replay->report();
  EXPECT_EQ(report.total.lost, 1u);
  EXPECT_EQ(report.total.unfinished, 1u);
  EXPECT_EQ(report.total.rows, report.total.served + report.total.unfinished);
  sc_core::sc_stop();
}

TEST(Replay, WrongDataIsFound) {
  ReplayBench b;
  b.device.before_end = [&b](kernel::Bio& bio) {
    // One bit of the second sector on its way to memory, the third stale.
    if (bio.op != BioOp::read) return;
    std::uint8_t* const data = b.kernel.phys_to_virt(bio.vecs[0].addr);
    data[512 + 300] ^= 1;
    b.oracle.fill(bio.sector + 2, 1, data + 1024);
  };
  b.trace({"W,0,4096,1,a", "W,0,4096,1,a", "R,0,4096,1,b"});
  const ReplayBench::Report report = b.run();
  EXPECT_EQ(report.content.mismatched_sectors, 2u);
  EXPECT_EQ(report.content.verified_sectors, 6u);
  EXPECT_EQ(report.content.verified_reads, 0u);
  ASSERT_EQ(b.verifier->first_mismatches().size(), 2u);
  EXPECT_EQ(b.verifier->first_mismatches()[0].sector, 1u);
  EXPECT_EQ(b.verifier->first_mismatches()[0].line, 4u);
  EXPECT_EQ(b.verifier->first_mismatches()[1].sector, 2u);
}

TEST(Replay, AReadThatBringsNothingIsFoundEvenInARecycledPage) {
  ReplayBench b;
  b.device.delay = [](const kernel::Bio&) { return kPsPerMs; };
  b.device.before_end = [&b](kernel::Bio& bio) {
    if (bio.op == BioOp::read) {
      for (std::size_t i = 0; i < 4096; i += 512) {
        // What a device that did nothing would leave: the page as it was submitted.
        std::memset(b.kernel.phys_to_virt(bio.vecs[0].addr) + i, 0xa5, 16);
      }
    }
  };
  b.trace({"W,0,4096,1,a", "R,0,4096,1,b"});
  EXPECT_EQ(b.run().content.mismatched_sectors, 8u);
}

TEST(Replay, AWritePathThatChangesTheCallersPageIsFound) {
  ReplayBench b;
  b.device.before_end = [&b](kernel::Bio& bio) {
    std::memset(b.kernel.phys_to_virt(bio.vecs[0].addr), 0, 512);
  };
  b.trace({"W,0,4096,1,a"});
  EXPECT_EQ(b.run().content.clobbered_sectors, 1u);
}

TEST(Replay, ErrorsAreCountedAndMakeTheContentUncertain) {
  ReplayBench b;
  b.device.fail = [](const kernel::Bio& bio) {
    return bio.op == BioOp::write && bio.sector == 8 ? -5 : 0;
  };
  b.trace({"W,0,4096,1,a", "W,8,4096,1,a", "R,0,8192,1,b"});
  const ReplayBench::Report report = b.run();
  EXPECT_EQ(report.total.of(BioOp::write).errors, 1u);
  EXPECT_EQ(report.total.served, 3u);
  EXPECT_EQ(report.content.uncertain_sectors, 8u);
  EXPECT_EQ(report.content.verified_sectors, 8u);
  EXPECT_EQ(report.content.mismatched_sectors, 0u);
  EXPECT_EQ(b.log[1].error, -5);
}

TEST(Replay, UnwrittenSectorsGoToTheCallback) {
  ReplayBench b;
  b.trace({"W,0,512,1,a", "R,0,2048,1,b"});
  std::vector<std::uint64_t> asked;
  b.verify_unwritten = [&](std::uint64_t sector, const std::uint8_t* data) {
    asked.push_back(sector);
    return data[0] == 0 && sector != 3;
  };
  const ReplayBench::Report report = b.run();
  EXPECT_THAT(asked, ElementsAre(1u, 2u, 3u));
  EXPECT_EQ(report.content.unwritten_sectors, 3u);
  EXPECT_EQ(report.content.verified_sectors, 3u);
  EXPECT_EQ(report.content.mismatched_sectors, 1u);
}

TEST(Replay, ARecordBeyondTheDeviceStopsWithFileAndLine) {
  ReplayBench b;
  b.device.size = 16;
  b.trace({"W,8,4096,1,a", "F,0,0,1,a", "R,8,4608,1,a", "W,0,4096,1,a"});
  b.simulate();
  EXPECT_TRUE(b.replay->done());
  EXPECT_EQ(
      error_of(*b.replay),
      b.reader->path() + ":4: read up to sector 17 is beyond the device, which has 16 sectors");
  EXPECT_EQ(b.device.completed.size(), 2u) << "what was handed over before is brought to its end";
  const ReplayMetrics total = b.replay->report().total;
  EXPECT_EQ(total.rejected, 1u);
  EXPECT_EQ(total.rows, total.served + total.rejected);
}

TEST(Replay, ABadLineStopsTheReplay) {
  ReplayBench b;
  b.trace({"W,8,4096,1,a", "W,8,4000,1,a"});
  b.simulate();
  EXPECT_THAT(error_of(*b.replay), HasSubstr(":3: size is not a multiple of 512"));
  EXPECT_TRUE(b.replay->done());
}

TEST(Replay, SkippedRecordsAreCounted) {
  ReplayBench b;
  b.params.limit_phases = {"a", "c"};
  b.params.max_records = 5;
  b.trace({"W,0,4096,1,a", "D,0,4096,1,a", "W,8,4096,1,b", "W,16,4096,1,c", "R,16,4096,1,c",
           "W,24,4096,1,c"});
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_EQ(report.total.rows, 5u);
  EXPECT_EQ(report.total.served, 3u);
  EXPECT_EQ(report.total.skipped, 2u);
  EXPECT_EQ(phase(report, "b").skipped, 1u);
}

TEST(Replay, ChargesTheApplicationByPhase) {
  ReplayBench b;
  b.params.max_bio_bytes = 4096;
  b.params.phase_costs["default"] = {1, 100, 0.5, 10};
  b.params.phase_costs["dear"] = {10, 0, 0, 0};
  b.trace({"W,0,8192,1,cheap", "F,0,0,1,cheap", "W,16,4096,1,dear", "R,0,8192,1,cheap"});
  expect_healthy(b.run());
  EXPECT_EQ(b.core.accounted(Activity::user), (2 * 2 * (4096 + 100) + 10 * 4096) * 1000u);
  EXPECT_EQ(b.core.accounted(Activity::fs), 2 * 2 * (2048 + 10) * 1000u);
}

TEST(Replay, AReaderConsumesBeforeItGoesOn) {
  ReplayBench b;
  b.params.depth_read = 1;
  b.params.phase_costs["default"].user_cycles_per_bio = 2e6;  // 2 ms
  b.trace({"R,0,4096,1,a", "R,8,4096,1,a", "R,16,4096,1,a"});
  b.verify_unwritten = [](std::uint64_t, const std::uint8_t*) { return true; };
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_EQ(b.device.submitted[1].time, 3 * kPsPerMs);
  EXPECT_EQ(b.device.submitted[2].time, 6 * kPsPerMs);
  EXPECT_EQ(report.total.duration, 9 * kPsPerMs);
}

TEST(Replay, ReadAheadOverlapsTheApplication) {
  ReplayBench b;
  b.params.depth_read = 2;
  b.params.phase_costs["default"].user_cycles_per_bio = 2e6;  // 2 ms for 1 ms of disk
  b.trace({"R,0,4096,1,a", "R,8,4096,1,a", "R,16,4096,1,a", "R,24,4096,1,a"});
  expect_healthy(b.run());
  // The first read is waited for; then the application never is.
  EXPECT_EQ(b.replay->report().total.duration, 9 * kPsPerMs);
}

TEST(Replay, TheApplicationIsAtMostLookaheadAhead) {
  ReplayBench b;
  b.params.lookahead = 4;
  b.params.depth_read = 1;
  b.params.phase_costs["default"].user_cycles_per_bio = 1e3;
  std::vector<std::string> rows;
  for (int i = 0; i < 100; ++i) rows.push_back("R," + std::to_string(i * 8) + ",4096,1,a");
  b.trace(rows);
  b.verify_unwritten = [](std::uint64_t, const std::uint8_t*) { return true; };
  std::uint64_t most = 0;
  b.on_request = [&](const RequestLog& entry) {
    const ReplayMetrics total = b.replay->report().total;
    most = std::max(most, total.unfinished);
  };
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_LE(most, 4u + 1u);
  EXPECT_GE(most, 3u);
}

TEST(Replay, DirtyDataAheadIsBoundedInBytes) {
  ReplayBench b;
  b.params.dirty_kib = 64;
  b.params.depth_write = 1;
  std::vector<std::string> rows;
  for (int i = 0; i < 20; ++i) rows.push_back("W," + std::to_string(i * 64) + ",32768,1,a");
  rows.push_back("W,4096,1048576,1,a");  // larger than the bound: goes alone
  rows.push_back("W,0,32768,1,a");
  b.trace(rows);
  b.make();
  std::uint64_t most = 0;
  b.on_request = [&](const RequestLog&) {
    most = std::max(most, b.replay->report().total.unfinished);
  };
  expect_healthy(b.run());
  EXPECT_LE(most, 3u);
}

TEST(Replay, WriteBackStartsWhenABatchIsThere) {
  ReplayBench b;
  b.params.writeback_kib = 16;
  b.params.phase_costs["default"].user_cycles_per_bio = 1e6;  // 1 ms a record
  std::vector<std::string> rows;
  for (int i = 0; i < 6; ++i) rows.push_back("W," + std::to_string(i * 8) + ",4096,1,a");
  b.trace(rows);
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  ASSERT_EQ(b.device.submitted.size(), 6u);
  // Four records make a batch; the other two wait for the end of the phase.
  EXPECT_EQ(b.device.submitted[0].time, 4 * kPsPerMs);
  EXPECT_EQ(b.device.submitted[3].time, 4 * kPsPerMs);
  EXPECT_EQ(b.device.submitted[4].time, 6 * kPsPerMs);
}

TEST(Replay, OpenLoopSubmitsAtTimeStamps) {
  ReplayBench b;
  b.params.mode = "open";
  b.params.depth_write = 1;  // means nothing here
  b.params.phase_costs["default"].user_cycles_per_byte = 1e4;
  b.device.delay = [](const kernel::Bio&) { return 50 * kPsPerMs; };
  b.trace({"@5000000,W,0,4096,1,a", "@8000000,W,8,4096,1,a", "@7000000,W,16,4096,2,b",
           "@15000000,W,24,4096,1,b"});
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  std::vector<Ps> times;
  for (const auto& event : b.device.submitted) times.push_back(event.time);
  EXPECT_THAT(times, ElementsAre(0u, 2 * kPsPerMs, 3 * kPsPerMs, 10 * kPsPerMs));
  EXPECT_EQ(b.device.submitted[1].sector, 16u) << "the earlier one, though later in the file";
  EXPECT_EQ(b.device.deepest[1], 4u);
  EXPECT_EQ(report.total.duration, 60 * kPsPerMs);
  EXPECT_EQ(phase(report, "a").duration, 53 * kPsPerMs);
}

// What kernels cost, and a tick of 1 ms that no time stamp meets.
kernel::KernelCosts some_costs() {
  kernel::KernelCosts costs;
  costs.irq_entry = costs.irq_exit = 700;
  costs.context_switch = 1500;
  costs.wake_up = 300;
  costs.softirq = 200;
  costs.timer = 150;
  costs.slab_alloc = 110;
  costs.slab_free = 90;
  costs.page_alloc = 77;
  costs.page_free = 55;
  return costs;
}

void open_loop_is_exact(unsigned cpus) {
  ReplayBench b(cpus, some_costs());
  b.params.mode = "open";
  b.device.delay = [](const kernel::Bio&) { return 50 * kPsPerUs; };
  std::vector<std::string> rows;
  std::vector<Ps> stamps;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::uint64_t ns = i * 437'219 + i % 7 * 1001;
    stamps.push_back(ns * hw::kPsPerNs);
    rows.push_back("@" + std::to_string(ns) + (i % 3 == 0 ? ",R," : ",W,") +
                   std::to_string(i * 64) + "," + std::to_string(4096 * (1 + i % 5)) + "," +
                   std::to_string(i % 4) + (i % 50 < 25 ? ",a" : ",b"));
  }
  b.trace(rows);
  b.verify_unwritten = [](std::uint64_t, const std::uint8_t*) { return true; };
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  ASSERT_EQ(b.log.size(), 200u);
  std::sort(b.log.begin(), b.log.end(),
            [](const RequestLog& x, const RequestLog& y) { return x.line < y.line; });
  std::uint64_t late = 0;
  for (std::size_t i = 0; i < b.log.size(); ++i) {
    EXPECT_EQ(b.log[i].arrived, stamps[i]) << i;
    EXPECT_GE(b.log[i].submitted, b.log[i].arrived) << i;
    late += b.log[i].submitted != b.log[i].arrived ? 1 : 0;
  }
  // The first finds no submitter at time 0; a core is hardly ever busy just then.
  EXPECT_LE(late, 8u) << cpus << " cores";
}

TEST(Replay, OpenLoopIsExactBetweenTicks) { open_loop_is_exact(1); }
TEST(Replay, OpenLoopIsExactBetweenTicksOnTwoCores) { open_loop_is_exact(2); }

TEST(Replay, OpenLoopLatencyCountsFromTheArrival) {
  ReplayBench b;
  b.params.mode = "open";
  b.device.delay = [](const kernel::Bio&) { return 2 * kPsPerMs; };
  // The path holds the first bio's submitter up for 20 ms; another pid is not concerned.
  b.device.before_submit = [&b](kernel::Bio& bio) {
    if (bio.sector == 0) b.kernel.schedule_timeout(20 * kPsPerMs);
  };
  b.trace({"@0,W,0,4096,1,a", "@5300000,W,8,4096,1,a", "@6400000,W,16,4096,2,a"});
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  const auto of = [&b](std::uint64_t sector) {
    return *std::find_if(b.log.begin(), b.log.end(),
                         [sector](const RequestLog& log) { return log.sector == sector; });
  };
  EXPECT_EQ(of(8).arrived, 5300 * kPsPerUs);
  EXPECT_EQ(of(8).submitted, 20 * kPsPerMs);
  EXPECT_EQ(of(16).arrived, 6400 * kPsPerUs);
  EXPECT_EQ(of(16).submitted, 6400 * kPsPerUs);
  double latencies = 0;
  for (const RequestLog& log : b.log) latencies += static_cast<double>(log.ended - log.arrived);
  EXPECT_NEAR(report.total.latency().mean() * 3, latencies, latencies * 0.01);
  EXPECT_NEAR(report.total.in_flight_ps + report.total.submitter_wait_ps, latencies, 1);
}

TEST(Replay, SaysWhenItIsIdle) {
  ReplayBench b;
  b.params.mode = "open";
  b.trace({"@0,W,0,4096,1,a", "@400000000000,W,8,4096,1,a"});
  Replay& replay = b.make();
  replay.start();
  sc_core::sc_start(sc_core::sc_time(500, sc_core::SC_US));
  EXPECT_TRUE(replay.waiting()) << "a bio is out";
  sc_core::sc_start(sc_core::sc_time(350, sc_core::SC_SEC));
  EXPECT_FALSE(replay.waiting());
  EXPECT_FALSE(replay.done());
  sc_core::sc_start(sc_core::sc_time(51, sc_core::SC_SEC));
  EXPECT_TRUE(replay.done());
  EXPECT_EQ(replay.report().total.served, 2u);
}

TEST(Replay, InFlightIntegralIsTheSumOfLatencies) {
  ReplayBench b;
  b.params.depth_write = 7;
  b.device.delay = [](const kernel::Bio& bio) { return (bio.sector % 11 + 1) * 333 * kPsPerUs; };
  std::vector<std::string> rows;
  for (int i = 0; i < 200; ++i) {
    rows.push_back((i % 3 == 0 ? "R," : "W,") + std::to_string(i * 37 % 501) + ",4096," +
                   std::to_string(i % 4) + (i < 100 ? ",a" : ",b"));
  }
  b.trace(rows);
  b.verify_unwritten = [](std::uint64_t, const std::uint8_t*) { return true; };
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  double latencies = 0;
  for (const RequestLog& entry : b.log)
    latencies += static_cast<double>(entry.ended - entry.submitted);
  EXPECT_NEAR(report.total.in_flight_ps, latencies, latencies * 1e-9);
  const LatencyHistogram latency = report.total.latency();
  EXPECT_EQ(latency.count(), 200u);
  // Little: in flight = rate x latency.
  const double rate = 200.0 / static_cast<double>(report.total.duration);
  EXPECT_NEAR(report.total.in_flight_mean(), rate * latency.mean(), 1e-9);
}

// Threads, interrupts and wake-ups of two cores with costs: many interleavings, same guarantees.
TEST(Replay, TwoCoresUnderLoad) {
  kernel::KernelCosts costs;
  costs.irq_entry = costs.irq_exit = 700;
  costs.context_switch = 1500;
  costs.wake_up = 900;
  costs.page_alloc = costs.page_free = costs.slab_alloc = costs.slab_free = 300;
  ReplayBench b(2, costs);
  b.params.depth_read = 4;
  b.params.depth_write = 6;
  b.params.max_bio_bytes = 16384;
  b.params.lookahead = 16;
  b.params.phase_costs["default"] = {3, 2000, 1, 1000};
  b.device.delay = [](const kernel::Bio& bio) { return (bio.sector * 31 % 17) * 9 * kPsPerUs; };
  std::vector<std::string> rows;
  std::uint32_t x = 1;
  for (int i = 0; i < 3000; ++i) {
    x = x * 1664525 + 1013904223;
    const char* const op = i % 50 == 49 ? "F,0,0," : x >> 31 != 0 ? "R," : "W,";
    std::string row = op;
    if (i % 50 != 49) {
      row +=
          std::to_string((x >> 8) % 600) + "," + std::to_string(((x >> 20) % 64 + 1) * 512) + ",";
    }
    rows.push_back(row + std::to_string((x >> 4) % 5) + ",p" + std::to_string(i / 1000));
  }
  b.trace(rows);
  b.verify_unwritten = [](std::uint64_t, const std::uint8_t* data) {
    return std::all_of(data, data + 512, [](std::uint8_t byte) { return byte == 0; });
  };
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_EQ(report.total.rows, 3000u);
  EXPECT_EQ(report.total.served, 3000u);
  EXPECT_LE(b.device.deepest[0], 4u);
  EXPECT_LE(b.device.deepest[1], 6u);
  EXPECT_GT(b.other_core.accounted(Activity::user), 0u);
}

TEST(Replay, NoRoomInTheModelledMemoryIsAnError) {
  ReplayBench b;
  b.trace({"W,0,4096,1,a", "W,0,131072,1,a"});
  b.kernel.alloc_boot((b.kernel.free_pages() - 4) * 4096, 4096);
  b.simulate();
  EXPECT_THAT(error_of(*b.replay), HasSubstr("no room for a bio of 131072 bytes"));
}

TEST(Replay, WaitsForPagesWhileRequestsAreOutstanding) {
  ReplayBench b;
  std::vector<std::string> rows;
  for (int i = 0; i < 50; ++i) {
    rows.push_back("W," + std::to_string(i * 64) + ",32768," + std::to_string(i % 3) + ",a");
  }
  b.trace(rows);
  b.kernel.alloc_boot((b.kernel.free_pages() - 20) * 4096, 4096);
  expect_healthy(b.run());
  EXPECT_EQ(b.device.deepest[1], 2u);
}

TEST(Replay, WrongParametersAreRefused) {
  ReplayBench b;
  b.trace({});
  const ReplayParams good = b.params;
  b.params.depth_read = 0;
  EXPECT_THROW(b.make(), std::invalid_argument);
  b.params = good;
  b.params.max_bio_bytes = 1000;
  EXPECT_THROW(b.make(), std::invalid_argument);
  b.params = good;
  b.params.mode = "ajar";
  EXPECT_THROW(b.make(), std::invalid_argument);
  b.params = good;
  const ReplayBench::Report report = b.run();
  EXPECT_TRUE(b.replay->done()) << "an empty trace is done at once";
  EXPECT_EQ(report.total.rows, 0u);
}

TEST(Replay, TheWholeMkfsCaptureInBoundedMemory) {
  ReplayBench b;
  b.device.size = 67108864;
  b.device.delay = [](const kernel::Bio&) { return 20 * kPsPerUs; };
  b.open("traces/mkfs.csv.zst");
  b.on_request = nullptr;
  b.verify_unwritten = [](std::uint64_t, const std::uint8_t*) { return true; };
  const ReplayBench::Report report = b.run();
  expect_healthy(report);
  EXPECT_EQ(report.total.rows, 132683u);
  EXPECT_EQ(report.total.of(BioOp::write).bios, 132666u);
  EXPECT_EQ(report.total.of(BioOp::write).bytes, 543399936u);
  EXPECT_EQ(report.total.of(BioOp::read).bios, 14u);
  EXPECT_EQ(report.total.of(BioOp::flush).bios, 3u);
  EXPECT_LE(report.bios_allocated, 32u + 2 + 64 + 8);
}

}  // namespace
}  // namespace cesasim::traces
