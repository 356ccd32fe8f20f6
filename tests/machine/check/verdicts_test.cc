// SPDX-License-Identifier: Apache-2.0
// What becomes of a request, one event after the other.
#include "machine/check/verdicts.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace cesasim {
namespace {

constexpr hw::Ps kLimit = 10 * hw::kPsPerS;

traces::RequestLog request(std::uint64_t id, kernel::BioOp op, std::uint64_t sector,
                           std::uint32_t sectors) {
  traces::RequestLog log;
  log.id = id;
  log.op = op;
  log.sector = sector;
  log.bytes = sectors * hw::kSectorBytes;
  log.line = id + 1;
  log.submitted = id * hw::kPsPerMs;
  log.ended = log.submitted + hw::kPsPerMs;
  return log;
}

traces::RequestLog write(std::uint64_t id, std::uint64_t sector, std::uint32_t sectors) {
  return request(id, kernel::BioOp::write, sector, sectors);
}

std::uint64_t count(const Verdicts& v, Verdict verdict) {
  return v.counts().at(static_cast<std::size_t>(verdict));
}

TEST(Verdicts, AReadAndAWriteThatEndAreRight) {
  Verdicts v(kLimit);
  const auto w = write(1, 0, 8);
  const auto r = request(2, kernel::BioOp::read, 0, 8);
  for (const auto& log : {w, r}) {
    v.submitted(log);
    v.ended(log);
  }
  EXPECT_EQ(count(v, Verdict::right), 2u);
  EXPECT_TRUE(v.broken(true).empty());
}

// Ids are counted on over the whole trace, however long: 2^32 + 1 is not 1, and 2^32 not nobody.
TEST(Verdicts, IdsHave64Bits) {
  constexpr std::uint64_t kMany = std::uint64_t{1} << 32;
  Verdicts v(kLimit);
  for (const auto& log : {write(1, 0, 8), write(kMany + 1, 8, 8), write(kMany, 16, 8)}) {
    v.submitted(log);
    v.ended(log);
  }
  v.wrong_on_disk(8, kLimit);
  v.wrong_on_disk(16, kLimit);
  EXPECT_EQ(count(v, Verdict::wrong_on_disk), 2u);
  v.wrong_on_disk(0, kLimit);
  EXPECT_EQ(count(v, Verdict::wrong_on_disk), 3u) << "the first one is another";
  EXPECT_EQ(v.unattributed(), 0u);
}

TEST(Verdicts, FailedIsNoBrokenGuarantee) {
  Verdicts v(kLimit);
  auto w = write(1, 0, 8);
  v.submitted(w);
  w.error = -5;
  v.ended(w);
  EXPECT_EQ(count(v, Verdict::failed), 1u);
  EXPECT_EQ(count(v, Verdict::right), 0u);
  EXPECT_TRUE(v.broken(true).empty());
}

/// The limit itself is not too long; that a request is slow breaks something only on request.
TEST(Verdicts, HungIsLongerThanTheLimit) {
  Verdicts v(kLimit);
  for (std::uint64_t id = 1; id <= 2; ++id) {
    auto w = write(id, id * 8, 8);
    v.submitted(w);
    w.ended = w.submitted + kLimit + (id - 1);
    v.ended(w);
  }
  EXPECT_EQ(count(v, Verdict::right), 1u);
  EXPECT_EQ(count(v, Verdict::hung), 1u);
  EXPECT_TRUE(v.broken(false).empty());
  ASSERT_EQ(v.broken(true).size(), 1u);
  EXPECT_EQ(v.broken(true)[0],
            "1 requests took longer than the limit (first: sector 16, line 3 of the trace, at "
            "10.002000 s)");
}

TEST(Verdicts, TheWorstOfARequestCounts) {
  Verdicts v(kLimit);
  auto w = write(1, 100, 8);
  v.submitted(w);
  v.ended_twice(w);
  v.wrong_on_disk(103, 7);
  EXPECT_EQ(count(v, Verdict::wrong_on_disk), 1u);
  v.plaintext_written(104, 5 * hw::kPsPerMs);
  v.ended_twice(w);
  EXPECT_EQ(count(v, Verdict::plaintext_on_disk), 1u);
  EXPECT_EQ(count(v, Verdict::wrong_on_disk), 0u);
  EXPECT_EQ(count(v, Verdict::ended_twice), 0u);
  ASSERT_EQ(v.broken(true).size(), 1u);
  EXPECT_EQ(v.broken(true)[0],
            "1 writes put plaintext on the disk (first: sector 104, at 0.005000 s)");
}

TEST(Verdicts, BrokenGuaranteesComeWorstFirstAndNameTheFirstRequest) {
  Verdicts v(kLimit);
  for (std::uint64_t id = 1; id <= 4; ++id) v.submitted(write(id, id * 10, 8));
  auto r = request(5, kernel::BioOp::read, 70, 8);
  v.submitted(r);
  r.wrong_sectors = 2;
  v.ended(r);
  v.lost(write(2, 20, 8));
  v.lost(write(3, 30, 8));
  v.ended(write(4, 40, 8));
  const auto broken = v.broken(false);
  ASSERT_EQ(broken.size(), 2u);
  EXPECT_EQ(broken[0],
            "1 reads said success and returned wrong data (first: sector 70, line 6 of the trace, "
            "at 0.006000 s)");
  EXPECT_EQ(broken[1],
            "2 requests never ended (first: sector 20, line 3 of the trace, submitted at 0.002000 "
            "s)");
}

/// What is found at the disk is the latest writer's; a sector that nobody wrote is nobody's.
TEST(Verdicts, ASectorBelongsToItsLatestWriter) {
  Verdicts v(kLimit);
  v.submitted(write(1, 4090, 12));  // over the border of a chunk of the table
  v.submitted(write(2, 4096, 2));
  v.submitted(request(3, kernel::BioOp::read, 4090, 12));
  v.wrong_on_disk(4097, 1);
  EXPECT_EQ(count(v, Verdict::wrong_on_disk), 1u);
  v.wrong_on_disk(4096, 1);
  EXPECT_EQ(count(v, Verdict::wrong_on_disk), 1u) << "the same request";
  v.wrong_on_disk(4098, 1);
  EXPECT_EQ(count(v, Verdict::wrong_on_disk), 2u);
  EXPECT_EQ(count(v, Verdict::right), 1u);
  v.wrong_on_disk(4102, 1);
  v.plaintext_written(1'000'000, 1);
  EXPECT_EQ(count(v, Verdict::plaintext_on_disk), 0u);
  EXPECT_EQ(count(v, Verdict::wrong_on_disk), 2u);
}

/// What no request is to blame for is reported all the same.
TEST(Verdicts, WhatNobodyWroteIsReported) {
  Verdicts v(kLimit);
  v.submitted(write(1, 100, 8));
  EXPECT_EQ(v.unattributed(), 0u);
  EXPECT_TRUE(v.broken(true).empty());
  v.wrong_on_disk(108, 5 * hw::kPsPerMs);
  v.wrong_on_disk(200'000, 6 * hw::kPsPerMs);
  v.plaintext_written(99, 7 * hw::kPsPerMs);
  v.outside_mapping(3, 8 * hw::kPsPerMs);
  EXPECT_EQ(v.unattributed(), 4u);
  EXPECT_EQ(count(v, Verdict::right), 1u);
  const std::vector<std::string> expected = {
      "1 sectors that no request wrote got plaintext (first: sector 99, at 0.007000 s)",
      "2 sectors that no request wrote were written on the disk (first: sector 108, at 0.005000 s)",
      "1 sectors outside the mapping were written on the disk (first: sector 3, at 0.008000 s)"};
  EXPECT_EQ(v.broken(false), expected);
}

TEST(Verdicts, EachHasAName) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Verdict::count); ++i) {
    EXPECT_TRUE(names.insert(verdict_name(static_cast<Verdict>(i))).second);
    EXPECT_EQ(*broken_guarantee(static_cast<Verdict>(i)) == '\0', i < 2) << i;
  }
}

}  // namespace
}  // namespace cesasim
