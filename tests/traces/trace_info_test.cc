// SPDX-License-Identifier: Apache-2.0
#include "traces/trace_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string_view>

namespace cesasim::traces {
namespace {

TraceInfo info_of(const std::string& path) { return collect_info(*open_trace(path)); }

const TraceStats& phase(const TraceInfo& info, std::string_view name) {
  for (const auto& [phase, stats] : info.phases) {
    if (phase == name) return stats;
  }
  throw std::out_of_range(std::string(name));
}

std::uint64_t of_size(const TraceStats& stats, const std::string& name) {
  for (std::size_t i = 0; i < kSizeClasses; ++i) {
    if (kSizeClassNames[i] == name) return stats.sizes[i];
  }
  throw std::out_of_range(name);
}

// The expected figures were computed from the captures by other programs when they were made.

TEST(TraceInfo, MkfsCapture) {
  const TraceInfo info = info_of("traces/mkfs.csv.zst");
  EXPECT_EQ(info.format, "csv");
  EXPECT_EQ(info.encoding, "zstd");
  EXPECT_EQ(info.all.rows, 132683u);
  EXPECT_EQ(info.all.rows_of(Op::read), 14u);
  EXPECT_EQ(info.all.rows_of(Op::write), 132666u);
  EXPECT_EQ(info.all.rows_of(Op::flush), 3u);
  EXPECT_EQ(info.all.rows_of(Op::discard), 0u);
  EXPECT_EQ(info.all.bytes_of(Op::read), 57344u);
  EXPECT_EQ(info.all.bytes_of(Op::write), 543399936u);
  EXPECT_NEAR(info.all.mib_of(Op::write), 518.2, 0.05);
  EXPECT_EQ(of_size(info.all, "4K"), 132680u);
  EXPECT_NEAR(info.all.sequential_fraction(), 0.9959, 0.00005);
  EXPECT_NEAR(info.all.span_s(), 19.782, 0.0005);
  EXPECT_EQ(info.all.end_sector, 67108864u);
  EXPECT_EQ(info.pids.at(29).rows_of(Op::write), 36050u);
  EXPECT_EQ(info.pids.at(259).rows_of(Op::flush), 3u);
  EXPECT_EQ(info.pids.size(), 7u);
}

TEST(TraceInfo, BonnieCapture) {
  const TraceInfo info = info_of("traces/bonnie.csv.zst");
  EXPECT_EQ(info.all.rows, 20828u);
  EXPECT_EQ(info.all.rows_of(Op::read), 18955u);
  EXPECT_EQ(info.all.rows_of(Op::write), 1872u);
  EXPECT_EQ(info.all.rows_of(Op::flush), 1u);
  EXPECT_NEAR(info.all.mib_of(Op::read), 1587.4, 0.05);
  EXPECT_NEAR(info.all.mib_of(Op::write), 1532.9, 0.05);
  EXPECT_NEAR(info.all.sequential_fraction(), 0.6089, 0.00005);
  EXPECT_NEAR(info.all.span_s(), 153.052246927, 1e-9);
  EXPECT_EQ(info.all.end_sector, 3932168u);
  EXPECT_EQ(of_size(info.all, "4K"), 1017u);
  EXPECT_EQ(of_size(info.all, "4K-16K"), 7072u);
  EXPECT_EQ(of_size(info.all, "16K-64K"), 74u);
  EXPECT_EQ(of_size(info.all, "64K-128K"), 12273u);
  EXPECT_EQ(of_size(info.all, "128K-512K"), 24u);
  EXPECT_EQ(of_size(info.all, "512K-1M"), 20u);
  EXPECT_EQ(of_size(info.all, ">1M"), 347u);

  EXPECT_EQ(info.phases.size(), 9u);
  const TraceStats& putc = phase(info, "Writing_with_putc_");
  EXPECT_EQ(putc.rows, 553u);
  EXPECT_NEAR(putc.mib_of(Op::write), 502.8, 0.05);
  EXPECT_NEAR(putc.sequential_fraction(), 0.2966, 0.00005);
  const TraceStats& rewrite = phase(info, "Rewriting");
  EXPECT_EQ(rewrite.rows_of(Op::read), 4126u);
  EXPECT_EQ(rewrite.rows_of(Op::write), 278u);
  EXPECT_NEAR(rewrite.mib_of(Op::read), 511.5, 0.05);
  EXPECT_NEAR(rewrite.sequential_fraction(), 0.942, 0.0005);
  const TraceStats& seeks = phase(info, "start_em");
  EXPECT_EQ(seeks.rows, 7025u);
  EXPECT_EQ(of_size(seeks, "4K-16K"), 7009u);
  EXPECT_NEAR(phase(info, "Reading_intelligently").sequential_fraction(), 0.995, 0.0005);
}

TEST(TraceInfo, DiscardSample) {
  const TraceInfo info = info_of("traces/samples/discard.csv.zst");
  EXPECT_EQ(info.all.rows_of(Op::read), 184u);
  EXPECT_EQ(info.all.rows_of(Op::write), 186u);
  EXPECT_EQ(info.all.rows_of(Op::flush), 6u);
  EXPECT_EQ(info.all.rows_of(Op::discard), 131u);
  EXPECT_NEAR(info.all.mib_of(Op::discard), 496.9, 0.05);
  EXPECT_EQ(of_size(info.all, "<4K"), 99u);
  EXPECT_NEAR(info.all.sequential_fraction(), 0.535, 0.0005);
}

TEST(TraceInfo, FioSampleAsText) {
  const TraceInfo info = info_of("traces/samples/fio.blkparse.txt.zst");
  EXPECT_EQ(info.format, "blkparse");
  EXPECT_EQ(info.all.rows, 1559u);
  EXPECT_EQ(info.all.rows_of(Op::read), 1024u);
  EXPECT_EQ(info.all.rows_of(Op::write), 504u);
  EXPECT_EQ(info.all.rows_of(Op::flush), 31u);
  EXPECT_NEAR(info.all.sequential_fraction(), 0.247, 0.0005);
}

TEST(TraceInfo, SizeClassesAreHalfOpenUpwards) {
  const auto name = [](std::uint64_t bytes) {
    return std::string(kSizeClassNames[size_class(bytes)]);
  };
  EXPECT_EQ(name(512), "<4K");
  EXPECT_EQ(name(4096), "4K");
  EXPECT_EQ(name(4608), "4K-16K");
  EXPECT_EQ(name(16384), "4K-16K");
  EXPECT_EQ(name(131072), "64K-128K");
  EXPECT_EQ(name(131584), "128K-512K");
  EXPECT_EQ(name(1 << 20), "512K-1M");
  EXPECT_EQ(name((1 << 20) + 512), ">1M");
}

TEST(TraceInfo, RendersTextAndJson) {
  const TraceInfo info = info_of("traces/samples/fio.csv.zst");
  EXPECT_THAT(to_text(info), testing::HasSubstr("pid 573"));
  const nlohmann::json json = to_json(info);
  EXPECT_EQ(json["all"]["rows"], 1559);
  EXPECT_EQ(json["all"]["rows_by_op"]["read"], 1024);
  EXPECT_EQ(json["phases"][0]["name"], "fio");
  EXPECT_EQ(json["all"]["sizes"]["64K-128K"], 256);
}

}  // namespace
}  // namespace cesasim::traces
