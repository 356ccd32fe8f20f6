// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/stage_times.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace cesasim {
namespace {

using Means = std::map<std::string, double>;

RequestTrace request(kernel::BioOp op, const std::map<Stage, Ps>& us) {
  traces::RequestLog log;
  log.op = op;
  RequestTrace trace(log);
  for (const auto& [stage, at] : us) trace.at(stage) = at * hw::kPsPerUs;
  return trace;
}

/// What is not zero, without the common prefix.
Means means(const StageTimes& stages) {
  MetricList list;
  stages.emit_means(list);
  Means out;
  for (const auto& [name, value] : list) {
    if (value != 0) out[name.substr(std::string("stage_us.").size())] = value;
  }
  return out;
}

TEST(StageTimes, AWriteThroughAnEngine) {
  StageTimes stages(/*open_loop=*/true);
  stages.add(request(kernel::BioOp::write, {{Stage::arrived, 100},
                                            {Stage::submitted, 103},
                                            {Stage::dispatched_first, 110},
                                            {Stage::engine_start, 125},
                                            {Stage::dispatched_last, 130},
                                            {Stage::mapped, 131},
                                            {Stage::cipher_done, 160},
                                            {Stage::interrupt, 162},
                                            {Stage::callback, 167},
                                            {Stage::disk_submitted, 169},
                                            {Stage::disk_started, 200},
                                            {Stage::on_disk, 300},
                                            {Stage::ended, 304}}));
  const Means all = {{"submitter", 3},   {"dm", 9},        {"crypto_queue", 15},
                     {"engine", 35},     {"interrupt", 2}, {"callback", 5},
                     {"disk_queue", 31}, {"disk", 100},    {"end", 4}};
  Means expected = all;
  for (const auto& [name, value] : all) expected["write." + name] = value;
  EXPECT_EQ(means(stages), expected);
  EXPECT_EQ(stages.total(), 204 * hw::kPsPerUs);
}

/// Closed replay: the wait for the submitter is no part of the latency.
TEST(StageTimes, AReadByTheProcessorsCipher) {
  StageTimes stages(/*open_loop=*/false);
  stages.add(request(kernel::BioOp::read, {{Stage::arrived, 100},
                                           {Stage::submitted, 103},
                                           {Stage::disk_submitted, 105},
                                           {Stage::disk_started, 106},
                                           {Stage::on_disk, 206},
                                           {Stage::cipher_done, 236},
                                           {Stage::ended, 240}}));
  const Means all = means(stages);
  EXPECT_EQ(all.at("read.dm"), 2);
  EXPECT_EQ(all.at("read.disk_queue"), 1);
  EXPECT_EQ(all.at("read.disk"), 100);
  EXPECT_EQ(all.at("read.cipher"), 30);
  EXPECT_EQ(all.at("read.end"), 4);
  EXPECT_EQ(all.count("submitter"), 0u);
  EXPECT_EQ(all.count("read.engine"), 0u);
  EXPECT_EQ(stages.total(), 137 * hw::kPsPerUs);
}

/// ocf-v3 may end a read before the callbacks of its earlier sectors.
TEST(StageTimes, WhatComesAfterTheEndCountsNothing) {
  StageTimes stages(false);
  stages.add(request(kernel::BioOp::read,
                     {{Stage::submitted, 0}, {Stage::ended, 50}, {Stage::callback, 70}}));
  EXPECT_EQ(stages.total(), 50 * hw::kPsPerUs);
  EXPECT_EQ(means(stages).at("end"), 50);
}

/// Any stages, in any order: the parts add up to the latency.
TEST(StageTimes, PartsAddUpToTheLatency) {
  std::mt19937 random(1);
  for (const bool open_loop : {false, true}) {
    StageTimes stages(open_loop);
    Ps latencies = 0;
    for (int i = 0; i < 2000; ++i) {
      RequestTrace r = request(static_cast<kernel::BioOp>(random() % 3), {});
      for (Ps& at : r.times) at = random() % 3 == 0 ? RequestTrace::kNever : random() % 1000000;
      r.at(Stage::arrived) = random() % 1000;
      r.at(Stage::submitted) = r.at(Stage::arrived) + random() % 1000;
      r.at(Stage::ended) = r.at(Stage::submitted) + random() % 1000000;
      latencies += r.at(Stage::ended) - r.at(open_loop ? Stage::arrived : Stage::submitted);
      stages.add(r);
    }
    EXPECT_EQ(stages.total(), latencies);
  }
}

}  // namespace
}  // namespace cesasim
