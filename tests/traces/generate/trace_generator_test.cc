// SPDX-License-Identifier: Apache-2.0
// Generated traces: against ext2's published rules, and against the captures they imitate.
#include "traces/generate/trace_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tests/traces/files.h"
#include "traces/trace_info.h"
#include "traces/trace_writer.h"

namespace cesasim::traces {
namespace {

template <class Params>
std::string csv_of(void (*generate)(const Params&, const Emit&), const Params& params) {
  StringSink sink;
  const auto writer = make_writer(TraceFormat::csv, sink);
  generate(params, [&](const TraceRecord& record, std::string_view phase) {
    writer->write(record, phase);
  });
  writer->finish();
  return sink.bytes;
}

template <class Params>
TraceInfo info_of(void (*generate)(const Params&, const Emit&), const Params& params) {
  return collect_info(*open_trace(write_file("generated", csv_of(generate, params))));
}

TraceInfo capture(const std::string& path) { return collect_info(*open_trace(path)); }

const TraceStats& phase(const TraceInfo& info, std::string_view name) {
  for (const auto& [phase, stats] : info.phases) {
    if (phase == name) return stats;
  }
  throw std::out_of_range(std::string(name));
}

std::vector<std::uint64_t> backups(const Ext2Layout& layout) {
  std::vector<std::uint64_t> groups;
  for (std::uint64_t g = 0; g < layout.groups(); ++g) {
    if (layout.has_backup(g)) groups.push_back(g);
  }
  return groups;
}

// The places that the capture of mke2fs 1.47 writes to.
TEST(Ext2Layout, OfTheCapture) {
  const Ext2Layout layout({.device_bytes = 32ull << 30});
  EXPECT_EQ(layout.groups(), 256u);
  EXPECT_EQ(layout.descriptor_blocks(), 2u);
  EXPECT_EQ(layout.reserved_descriptor_blocks(), 1022u);
  EXPECT_EQ(layout.block_bitmap(0), 1025u);
  EXPECT_EQ(layout.inode_table(0), 1027u);
  EXPECT_EQ(layout.inode_table(2), 65538u);
  EXPECT_EQ(layout.inode_table_blocks(), 512u);
  EXPECT_THAT(backups(layout), testing::ElementsAre(0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243));
  const Ext2Layout bonnie({.device_bytes = 2ull << 30});
  EXPECT_EQ(bonnie.groups(), 16u);
  EXPECT_EQ(bonnie.block_bitmap(0), 129u);
  EXPECT_EQ(bonnie.block_bitmap(1), 32897u);
}

TEST(Ext2Layout, RefusesWhatMke2fsRefuses) {
  EXPECT_THROW(Ext2Layout({.device_bytes = 1 << 30, .block_bytes = 512}), GeneratorError);
  EXPECT_THROW(Ext2Layout({.device_bytes = 1 << 30, .blocks_per_group = 100}), GeneratorError);
  EXPECT_THROW(Ext2Layout({.device_bytes = 4096}), GeneratorError);
  EXPECT_THROW(Ext2Layout({.device_bytes = 1ull << 50}), GeneratorError);
  EXPECT_THROW(Ext2Layout({.device_bytes = 1 << 30, .inode_bytes = 100}), GeneratorError);
}

TEST(GenerateMkfs, ResemblesTheCapture) {
  MkfsParams params;
  params.ext2.device_bytes = 32ull << 30;
  const TraceInfo made = info_of(&generate_mkfs, params);
  const TraceInfo real = capture("traces/mkfs.csv.zst");
  EXPECT_EQ(made.all.rows, real.all.rows);
  EXPECT_EQ(made.all.rows_by_op, real.all.rows_by_op);
  EXPECT_EQ(made.all.bytes_by_op, real.all.bytes_by_op);
  EXPECT_EQ(made.all.sizes, real.all.sizes);
  EXPECT_EQ(made.all.end_sector, real.all.end_sector);
  EXPECT_NEAR(made.all.sequential_fraction(), real.all.sequential_fraction(), 0.001);
}

TEST(GenerateMkfs, ParametersShow) {
  MkfsParams params;
  params.ext2.device_bytes = 1ull << 30;
  const auto written_mib = [](const MkfsParams& p) {
    return info_of(&generate_mkfs, p).all.mib_of(Op::write);
  };
  const double base = written_mib(params);
  params.tables = InodeTables::lazy;
  EXPECT_LT(written_mib(params), base / 4);
  params.tables = InodeTables::zeroout;
  const TraceInfo zeroed = info_of(&generate_mkfs, params);
  EXPECT_NEAR(zeroed.all.mib_of(Op::write), base, 0.1);
  EXPECT_EQ(zeroed.all.sizes[6], 16u);  // 8 groups with 2 MiB of tables, 1 MiB each
  params.ext2.bytes_per_inode = 4096;
  EXPECT_GT(written_mib(params), 3 * base);
  params.ext2.bytes_per_inode = 16384;
  params.ext2.sparse_super = false;
  EXPECT_GT(written_mib(params), base);
  for (const std::uint64_t block : {1024, 2048}) {
    MkfsParams small;
    small.ext2 = {.device_bytes = 64 << 20, .block_bytes = block};
    EXPECT_EQ(info_of(&generate_mkfs, small).all.end_sector, (64u << 20) / 512);
  }
}

TEST(GenerateBonnie, ResemblesTheCapture) {
  const TraceInfo made = info_of(&generate_bonnie, BonnieParams{});
  const TraceInfo real = capture("traces/bonnie.csv.zst");
  EXPECT_NEAR(static_cast<double>(made.all.rows), static_cast<double>(real.all.rows),
              0.02 * static_cast<double>(real.all.rows));
  for (const Op op : {Op::read, Op::write}) {
    EXPECT_NEAR(made.all.mib_of(op), real.all.mib_of(op), 0.01 * real.all.mib_of(op));
    EXPECT_NEAR(static_cast<double>(made.all.rows_of(op)),
                static_cast<double>(real.all.rows_of(op)),
                0.05 * static_cast<double>(real.all.rows_of(op)));
  }
  EXPECT_NEAR(made.all.sequential_fraction(), real.all.sequential_fraction(), 0.02);
  for (const char* name : {"pre", "Writing_with_putc_", "Writing_intelligently", "Rewriting",
                           "Reading_with_getc_", "Reading_intelligently", "start_em", "sync"}) {
    SCOPED_TRACE(name);
    const TraceStats& m = phase(made, name);
    const TraceStats& r = phase(real, name);
    EXPECT_NEAR(static_cast<double>(m.rows), static_cast<double>(r.rows),
                0.10 * static_cast<double>(r.rows));
    EXPECT_NEAR(m.mib_of(Op::read), r.mib_of(Op::read), 0.02 * r.mib_of(Op::read) + 0.1);
    EXPECT_NEAR(m.mib_of(Op::write), r.mib_of(Op::write), 0.05 * r.mib_of(Op::write) + 0.1);
    EXPECT_NEAR(m.sequential_fraction(), r.sequential_fraction(), 0.05);
    for (std::size_t c = 0; c < kSizeClasses; ++c) {
      // Of all requests of the phase: the shares of the size classes.
      EXPECT_NEAR(static_cast<double>(m.sizes[c]) / static_cast<double>(m.rows),
                  static_cast<double>(r.sizes[c]) / static_cast<double>(r.rows), 0.05)
          << kSizeClassNames[c];
    }
  }
}

TEST(GenerateBonnie, OtherSizesWorkAndTooLargeOnesAreRefused) {
  BonnieParams params;
  params.file_bytes = 1024ull << 20;
  const TraceInfo info = info_of(&generate_bonnie, params);
  EXPECT_NEAR(phase(info, "Reading_intelligently").mib_of(Op::read), 1024, 0.01);
  EXPECT_LE(info.all.end_sector, params.ext2.device_bytes / 512);
  params.file_bytes = 3ull << 30;
  EXPECT_THROW(csv_of(&generate_bonnie, params), GeneratorError);
  params.file_bytes = 1000;
  EXPECT_THROW(csv_of(&generate_bonnie, params), GeneratorError);
}

TEST(Generators, SameSeedSameTrace) {
  BonnieParams bonnie;
  bonnie.file_bytes = 64 << 20;
  bonnie.cached_bytes = 8 << 20;
  const std::string first = csv_of(&generate_bonnie, bonnie);
  EXPECT_EQ(first, csv_of(&generate_bonnie, bonnie));
  bonnie.seed = 2;
  EXPECT_NE(first, csv_of(&generate_bonnie, bonnie));
  FioParams fio;
  const std::string mix = csv_of(&generate_fio, fio);
  EXPECT_EQ(mix, csv_of(&generate_fio, fio));
  fio.seed = 2;
  EXPECT_NE(mix, csv_of(&generate_fio, fio));
}

TEST(GenerateFio, MixSizesAndDepth) {
  FioParams params;
  params.sizes = {{4096, 70}, {65536, 30}};
  params.read_percent = 80;
  params.depth = 8;
  params.fsync_every = 10;
  params.offset_bytes = 1 << 20;
  params.region_bytes = 64 << 20;
  const TraceInfo info = info_of(&generate_fio, params);
  EXPECT_EQ(info.all.rows_of(Op::read) + info.all.rows_of(Op::write), 10000u);
  EXPECT_NEAR(static_cast<double>(info.all.rows_of(Op::read)), 8000, 200);
  EXPECT_EQ(info.all.rows_of(Op::flush), info.all.rows_of(Op::write) / 10);
  EXPECT_NEAR(static_cast<double>(info.all.sizes[1]), 7000, 250);
  EXPECT_LE(info.all.end_sector, (65ull << 20) / 512);
  EXPECT_EQ(info.all.depth.seen.max(), 7u);
  EXPECT_EQ(info.all.depth.unknown, 0u);

  params.pattern = FioPattern::sequential;
  params.sizes = {{4096, 1}};
  params.read_percent = 100;
  EXPECT_GT(info_of(&generate_fio, params).all.sequential_fraction(), 0.99);
}

/// Each job is a process with its own pid, random numbers, depth and region; the rows stand in the
/// order of their times.
TEST(GenerateFio, JobsBesideEachOther) {
  FioParams params;
  params.jobs = 3;
  params.count = 500;
  params.depth = 2;
  params.region_bytes = 1 << 20;
  params.offset_increment_bytes = 2 << 20;
  std::map<std::uint32_t, std::vector<TraceRecord>> of;
  std::uint64_t last = 0;
  generate_fio(params, [&](const TraceRecord& r, std::string_view phase) {
    EXPECT_EQ(phase, "fio");
    EXPECT_GE(r.time_ns, last);
    last = r.time_ns;
    of[r.pid].push_back(r);
  });
  ASSERT_EQ(of.size(), 3u);
  std::uint64_t from = 0;
  std::set<std::vector<std::uint64_t>> orders;
  for (const auto& [pid, records] : of) {
    EXPECT_EQ(records.size(), 500u);
    std::vector<std::uint64_t> order;
    for (std::size_t i = 0; i < records.size(); ++i) {
      EXPECT_GE(records[i].sector, from / 512);
      EXPECT_LE(records[i].end_sector(), (from + params.region_bytes) / 512);
      if (i >= 2) {
        EXPECT_GE(records[i].time_ns, records[i - 2].done_ns) << "depth 2";
      }
      order.push_back(records[i].sector - from / 512);
    }
    orders.insert(order);
    from += params.offset_increment_bytes;
  }
  EXPECT_EQ(orders.size(), 3u) << "jobs do not repeat each other";
}

/// A phase begins when all jobs of the one before have ended.
TEST(GenerateFio, PhasesOneAfterTheOther) {
  FioParams fill;
  fill.phase = "fill";
  fill.read_percent = 0;
  fill.count = 100;
  fill.depth = 4;
  FioParams mix;
  mix.phase = "mix";
  mix.jobs = 2;
  mix.count = 50;
  std::uint64_t fill_ends = 0, mix_begins = ~0ull;
  std::map<std::string, int> rows;
  generate_fio({fill, mix}, [&](const TraceRecord& r, std::string_view phase) {
    ++rows[std::string(phase)];
    if (phase == "fill") {
      EXPECT_EQ(r.op, Op::write);
      fill_ends = std::max(fill_ends, r.done_ns);
    } else {
      mix_begins = std::min(mix_begins, r.time_ns);
    }
  });
  EXPECT_EQ(rows, (std::map<std::string, int>{{"fill", 100}, {"mix", 100}}));
  EXPECT_EQ(mix_begins, fill_ends);
}

TEST(GenerateFio, ZipfFollowsItsLaw) {
  FioParams params;
  params.pattern = FioPattern::zipf;
  params.zipf_theta = 1.2;
  params.region_bytes = 4096 * 1000;
  params.count = 100000;
  std::map<std::uint64_t, double> hits;
  generate_fio(params, [&](const TraceRecord& r, std::string_view) { hits[r.sector] += 1; });
  std::vector<double> shares;
  for (const auto& [sector, n] : hits) shares.push_back(n / 100000);
  std::sort(shares.rbegin(), shares.rend());
  double sum = 0;  // of k^-1.2 for k = 1 to 1000
  for (int k = 1; k <= 1000; ++k) sum += std::pow(k, -1.2);
  EXPECT_NEAR(shares[0], 1 / sum, 0.01);
  EXPECT_NEAR(shares[1], std::pow(2, -1.2) / sum, 0.01);
}

TEST(GenerateFio, RefusesNonsense) {
  const auto refused = [](auto change) {
    FioParams params;
    change(params);
    EXPECT_THROW(csv_of(&generate_fio, params), GeneratorError);
  };
  refused([](FioParams& p) { p.sizes.clear(); });
  refused([](FioParams& p) { p.sizes = {{100, 1}}; });
  refused([](FioParams& p) { p.sizes = {{4096, 0}}; });
  refused([](FioParams& p) { p.region_bytes = 512; });
  refused([](FioParams& p) { p.read_percent = 101; });
  refused([](FioParams& p) { p.depth = 0; });
  refused([](FioParams& p) { p.jobs = 0; });
  refused([](FioParams& p) { p.jobs = 1025; });
  refused([](FioParams& p) { p.offset_increment_bytes = 100; });
  refused([](FioParams& p) {
    p.jobs = 3;
    p.offset_increment_bytes = 1ull << 63;
  });
  refused([](FioParams& p) { p.offset_bytes = ~0ull - 511; });
  refused([](FioParams& p) {
    p.pattern = FioPattern::zipf;
    p.zipf_theta = 1;
  });
}

}  // namespace
}  // namespace cesasim::traces
