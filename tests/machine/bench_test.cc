// SPDX-License-Identifier: Apache-2.0
// The workload `bench`: right bytes, and times that can be worked out by hand.
#include <gtest/gtest.h>

#include "tests/machine/forked_point.h"

namespace cesasim {
namespace {

constexpr double kClock = 1.6e9;  // of the preset armada-385

PointResult bench(const std::string& settings, const std::string& rest = "") {
  return test::run(test::scenario("soc: armada-385\nkernel: linux-6.1\n" + rest +
                                  "workload.bench: {" + settings + "}\n"));
}
double metric(const PointResult& p, const char* name) {
  return find_value(p.metrics, name).value_or(-1);
}
std::uint64_t integrity(const PointResult& p, const std::string& name) {
  for (const auto& [key, count] : p.integrity) {
    if (key == name) return count;
  }
  return ~std::uint64_t{0};
}

TEST(Bench, EveryAlgorithmBothWaysGivesOpenSslsBytes) {
  for (const BenchAlgorithm& a : kBenchAlgorithms) {
    for (const char* direction : {"encrypt", "decrypt"}) {
      const std::string settings = std::string("algorithm: ") + a.name +
                                   ", direction: " + direction +
                                   ", requests: 7, threads: 3, block_bytes: 8208";
      SCOPED_TRACE(settings);
      const bool cbc = std::string(a.mode) == "cbc";
      for (const char* driver : {"cryptosoft", "cesa_tdma", "cesa_pio", "cesa_ring", "cesa_hal"}) {
        if (!cbc && std::string(driver) != "cryptosoft") continue;
        const PointResult p =
            bench(settings + ", api: kernel", std::string("ocf.driver: ") + driver + "\n");
        ASSERT_EQ(p.status, Status::ok) << driver << ": " << p.error;
        EXPECT_EQ(integrity(p, "requests_ended"), 7u);
        EXPECT_EQ(integrity(p, "verified_reads"), 7u);
        EXPECT_EQ(metric(p, "bytes"), 7 * 8208);
      }
      const PointResult user = bench(settings + ", api: openssl");
      ASSERT_EQ(user.status, Status::ok) << user.error;
      EXPECT_EQ(integrity(user, "verified_reads"), 7u);
    }
  }
}

// call + bytes * rounds * cycles of a round, in user mode, and nothing else.
TEST(Bench, ALibraryTakesWhatItsCostsSay) {
  const std::string costs =
      "soc: {preset: armada-385, costs.openssl: {call: 200, aes_round_per_byte: 3}}\n";
  const PointResult p = test::run(test::scenario(
      costs +
      "disk: flash\nworkload.bench: {algorithm: aes-256-cbc, api: openssl, requests: 100, "
      "block_bytes: 1024}\n"));
  ASSERT_EQ(p.status, Status::ok) << p.error;
  const double seconds = (200 + 1024.0 * 14 * 3) / kClock;
  EXPECT_NEAR(metric(p, "latency_us.mean"), seconds * 1e6, 0.01);
  EXPECT_NEAR(metric(p, "throughput_mb_s"), 1024 / seconds / 1e6, 0.01 * 1024 / seconds / 1e6);
  EXPECT_NEAR(metric(p, "bench.user"), 0.5, 0.01) << "one of two cores";
  EXPECT_NEAR(metric(p, "bench.system"), 0, 0.01);
}

// Nothing overlaps in a synchronous caller: what an interface adds is what its preset says.
TEST(Bench, AnInterfaceAddsItsCosts) {
  const std::string settings =
      "algorithm: aes-128-cbc, requests: 50, block_bytes: 8192, api: {preset: kernel";
  const double bare = metric(bench(settings + "}"), "latency_us.mean");
  const double with =
      metric(bench(settings + ", user_call: 300, call: 1000, page: 100, copy_per_byte: 0.25}"),
             "latency_us.mean");
  // Four pages: two of the source, two of the result.
  EXPECT_NEAR(with - bare, (300 + 1000 + 4 * 100 + 8192 * 0.25) / kClock * 1e6, 0.02);
}

TEST(Bench, AnApplicationsWorkIsPartOfAnOperation) {
  const std::string settings = "algorithm: aes-128-cbc, requests: 50, block_bytes: 8192, ";
  const double bare = metric(bench(settings + "application: none"), "latency_us.mean");
  const double with = metric(
      bench(settings + "application: {preset: none, user_per_request: 500, user_per_byte: 1, "
                       "mac_per_byte: 2, kernel_per_byte: 3}"),
      "latency_us.mean");
  EXPECT_NEAR(with - bare, (500 + 8192.0 * 6) / kClock * 1e6, 0.02);
}

// Minutes of the program's own work on a slow processor: nothing is waited for, so nothing hangs.
TEST(Bench, AProgramMayWorkForMinutesBetweenItsRequests) {
  const PointResult p = test::run(test::scenario(
      "soc: {preset: armada-385, cpu.clock_hz: 4.0e+6}\ndisk: flash\nkernel: linux-6.1\n"
      "ocf.driver: cesa_tdma\nworkload.bench: {algorithm: aes-128-cbc, api: kernel, requests: 2, "
      "block_bytes: 131072, application: {preset: none, user_per_byte: 10000, mac_per_byte: "
      "10000}}\n"));
  ASSERT_EQ(p.status, Status::ok) << p.error;
  EXPECT_GT(metric(p, "latency_us.p50"), 400e6);
  EXPECT_EQ(integrity(p, "verified_reads"), 2u);
}

TEST(Bench, TwoEnginesServeTwoThreads) {
  const std::string settings = "algorithm: aes-128-cbc, requests: 60, block_bytes: 65536, ";
  const std::string tdma = "ocf.driver: cesa_tdma\n";
  const double one = metric(bench(settings + "threads: 1", tdma), "throughput_mb_s");
  const double two = metric(bench(settings + "threads: 2", tdma), "throughput_mb_s");
  EXPECT_GT(two, 1.8 * one);
  const double single =
      metric(bench(settings + "threads: 2", tdma + "soc.cesa.engines: 1\n"), "throughput_mb_s");
  EXPECT_LT(single, 1.35 * one) << "preparation overlaps, the engine is one";
}

TEST(Bench, AnErrorOfTheEngineIsToldAndCounted) {
  const std::string fault = "ocf.driver: cesa_tdma\nfaults: {f: {kind: tdma_bus_error, nth: 40}}\n";
  const PointResult p = bench("algorithm: aes-128-cbc, requests: 20", fault);
  EXPECT_EQ(p.status, Status::ok) << p.error;
  EXPECT_EQ(integrity(p, "requests_ended"), 20u);
  EXPECT_EQ(integrity(p, "verified_reads"), 19u);
  EXPECT_EQ(integrity(p, "mismatched_sectors"), 0u);
}

TEST(Bench, RunsAreRepeatable) {
  const std::string settings = "algorithm: aes-256-cbc, requests: 40, threads: 3, api: af_alg";
  auto first = bench(settings, "ocf.driver: cesa_tdma\n").metrics;
  auto second = bench(settings, "ocf.driver: cesa_tdma\n").metrics;
  const auto host = [](const auto& m) { return m.first == "host_seconds"; };
  std::erase_if(first, host);
  std::erase_if(second, host);
  EXPECT_EQ(first, second);
}

TEST(Bench, WhatCannotBeIsRefused) {
  const auto refused = [](const std::string& text) {
    try {
      test::scenario("soc: armada-385\n" + text);
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const std::string b = "disk: flash\nworkload.bench: {algorithm: aes-128-cbc, ";
  EXPECT_EQ(refused(b + "block_bytes: 100}\n"),
            "t.yaml:3: workload.bench.block_bytes: 100 is not a multiple of the cipher's block; "
            "valid: multiples of 16");
  EXPECT_EQ(refused(b + "api: openssl}\nocf.driver: cesa_tdma\n"),
            "t.yaml:4: ocf.driver: 'cesa_tdma' would never be called: api 'openssl' does not call "
            "the kernel; valid: cryptosoft, or another api");
  EXPECT_EQ(
      refused("disk: flash\nworkload.bench: {algorithm: aes-128-xts}\nocf.driver: cesa_hal\n"),
      "t.yaml:4: ocf.driver: 'cesa_hal' would never be called: it has no xts; valid: "
      "cryptosoft, or an algorithm in CBC");
  EXPECT_EQ(refused(b + "requests: 1}\nworkload.trace: t.csv\n"),
            "t.yaml:4: workload.trace: given beside workload.bench; valid: one of the two");
}

}  // namespace
}  // namespace cesasim
