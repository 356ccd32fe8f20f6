// SPDX-License-Identifier: Apache-2.0
// Whether a boot is judged by its reason: a dead guest, an absent algorithm or a fault that never
// happened is no expected failure.
#include "cosim/host/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

namespace cesasim::cosim {
namespace {

using Kind = Verdict::Kind;

const char* const kHung =
    "INFO: task cryptomgr_test:40 blocked for more than 20 seconds.\n"
    "Kernel panic - not syncing: hung_task: blocked tasks\n";

/// A guest that used the device and came to its end.
GuestOutcome good_outcome() {
  GuestOutcome out;
  out.ok = true;
  out.end = GuestEnd::planned;
  out.report.release = "6.1.192";
  out.report.ended = true;
  out.device.register_accesses = 1000;
  return out;
}

/// As it is on a host on which init dies at once.
GuestOutcome dead_outcome() {
  GuestOutcome out;
  out.end = GuestEnd::never_up;
  out.failure = "the guest ended early (signal 6)";
  out.console =
      "userspace - ptrace set fp regs failed, errno = 14\n"
      "Kernel panic - not syncing: Attempted to kill init!\n";
  return out;
}

GuestOutcome faulty_outcome(GuestEnd end, const std::string& console = "") {
  GuestOutcome out = good_outcome();
  out.ok = false;
  out.end = end;
  out.failure = "as the case says";
  out.injected = true;
  out.console = console;
  return out;
}

TEST(Fault, EachHasItsOwnEnd) {
  const GuestOutcome hung = faulty_outcome(GuestEnd::panic, kHung);
  EXPECT_EQ(judge_fault(parse_injection("bus-error@40"), hung).kind, Kind::passed);
  EXPECT_EQ(judge_fault(parse_injection("lost-irq@3"), hung).kind, Kind::passed);
  EXPECT_EQ(judge_fault(parse_injection("kill@60"), hung).kind, Kind::failed);
  EXPECT_EQ(judge_fault(parse_injection("stuck@60"), hung).kind, Kind::failed);

  const GuestOutcome died = faulty_outcome(GuestEnd::device_died);
  EXPECT_EQ(judge_fault(parse_injection("kill@60"), died).kind, Kind::passed);
  EXPECT_EQ(judge_fault(parse_injection("lost-irq@3"), died).kind, Kind::failed);

  const GuestOutcome silent = faulty_outcome(GuestEnd::device_silent);
  EXPECT_EQ(judge_fault(parse_injection("stuck@60"), silent).kind, Kind::passed);
  EXPECT_EQ(judge_fault(parse_injection("bus-error@40"), silent).kind, Kind::failed);

  // A panic of another kind is not the driver that waits for good.
  const GuestOutcome oops = faulty_outcome(GuestEnd::panic, "Kernel panic - not syncing: oops\n");
  EXPECT_EQ(judge_fault(parse_injection("bus-error@40"), oops).kind, Kind::failed);
}

TEST(Fault, ADeadGuestIsNoPass) {
  for (const char* fault : {"bus-error@40", "lost-irq@3", "stuck@60", "kill@60"}) {
    const Verdict v = judge_fault(parse_injection(fault), dead_outcome());
    EXPECT_EQ(v.kind, Kind::failed) << fault;
    EXPECT_EQ(v.text.rfind("the guest never came up", 0), 0u) << v.text;
  }
}

TEST(Fault, ItMustHaveHappenedToADeviceInUse) {
  GuestOutcome out = faulty_outcome(GuestEnd::panic, kHung);
  out.injected = false;
  EXPECT_EQ(judge_fault(parse_injection("lost-irq@3"), out).kind, Kind::failed);
  out.device.register_accesses = 0;
  EXPECT_EQ(judge_fault(parse_injection("lost-irq@3"), out).kind, Kind::failed);
  GuestOutcome unmoved = good_outcome();
  unmoved.injected = true;
  EXPECT_EQ(judge_fault(parse_injection("lost-irq@3"), unmoved).kind, Kind::failed);
}

class ExpectedFailure : public testing::Test {
 protected:
  ExpectedFailure() {
    params.tdma = false;
    params.sha256 = false;
    const auto all = expected_algorithms(params, {6, 1}, false);
    md5 = *std::ranges::find(all, "mv-md5", &ExpectedAlgorithm::driver);
    const auto checks = expected_checks(params, {6, 1}, {"speed"});
    afalg = *std::ranges::find(checks, "afalg-4096", &ExpectedCheck::name);
  }
  static GuestOutcome refused(const std::string& how) {
    GuestOutcome out = good_outcome();
    out.report.algorithms.push_back({"mv-md5", false, "unknown", 0});
    out.console = "alg: ahash: mv-md5 " + how + "\n";
    return out;
  }
  hw::CesaParams params;
  ExpectedAlgorithm md5;
  ExpectedCheck afalg;
};

TEST_F(ExpectedFailure, OfASelfTest) {
  EXPECT_EQ(judge_algorithm(md5, refused("test failed (wrong result) on test vector 0")).kind,
            Kind::as_expected);
  // The guest is dead, the algorithm is absent, it was never tested, or fails in another way.
  EXPECT_EQ(judge_algorithm(md5, dead_outcome()).kind, Kind::failed);
  GuestOutcome absent = good_outcome();
  absent.report.algorithms.push_back({"mv-md5", false, "missing", 0});
  EXPECT_EQ(judge_algorithm(md5, absent).kind, Kind::failed);
  GuestOutcome untested = good_outcome();
  untested.report.algorithms.push_back({"mv-md5", false, "unknown", 0});
  EXPECT_EQ(judge_algorithm(md5, untested).kind, Kind::failed);
  EXPECT_EQ(judge_algorithm(md5, refused("final() failed with err -110 on test vector 0")).kind,
            Kind::failed);
  GuestOutcome other = refused("test failed (wrong result)");
  other.console = "alg: ahash: mv-sha1 test failed (wrong result) on test vector 0\n";
  EXPECT_EQ(judge_algorithm(md5, other).kind, Kind::failed);
  GuestOutcome died_later = refused("test failed (wrong result) on test vector 0");
  died_later.ok = false;
  EXPECT_EQ(judge_algorithm(md5, died_later).kind, Kind::failed);
}

TEST_F(ExpectedFailure, OfACheck) {
  GuestOutcome out = good_outcome();
  EXPECT_EQ(judge_check(afalg, out).kind, Kind::failed) << "not reported";
  out.report.checks.push_back({"afalg-4096", false, "checksums differ: 00000001, 00000002"});
  EXPECT_EQ(judge_check(afalg, out).kind, Kind::as_expected);
  out.report.checks.back().detail = "no result: '', '4096 1 00000002'";
  EXPECT_EQ(judge_check(afalg, out).kind, Kind::failed);
}

TEST_F(ExpectedFailure, ThatPassesIsNewsOfAnotherDriver) {
  GuestOutcome out = good_outcome();
  out.report.algorithms.push_back({"mv-md5", true, "passed", 0});
  out.report.checks.push_back({"afalg-4096", true, ""});
  for (const Verdict& v : {judge_algorithm(md5, out), judge_check(afalg, out)}) {
    EXPECT_EQ(v.kind, Kind::news);
    EXPECT_FALSE(v.ok(/*own=*/false));
    EXPECT_TRUE(v.ok(/*own=*/true));
  }
  // A failure is one for every driver.
  EXPECT_FALSE(judge_algorithm(md5, dead_outcome()).ok(true));
}

TEST(ParallelHashes, EndTheGuestForTheirReason) {
  hw::CesaParams params;
  params.tdma = true;
  EXPECT_EQ(fault_of_parallel_hashes(params, {6, 1}).what, "");
  const KnownFault fault = fault_of_parallel_hashes(params, {6, 12});
  ASSERT_NE(fault.what, "");
  params.tdma = false;
  EXPECT_EQ(fault_of_parallel_hashes(params, {6, 12}).what, "");

  GuestOutcome out = faulty_outcome(GuestEnd::panic, kHung);
  const char* const refused = "DMA: the bus refused 58 bytes at 0x6c6b6a69";
  for (const bool checked : {false, true}) {
    DeviceStatus::set_text(out.device.report, "");
    EXPECT_EQ(judge_parallel_hashes(fault, out, checked).kind, Kind::failed)
        << "the unit said nothing";
    DeviceStatus::set_text(out.device.report, refused);
    EXPECT_EQ(judge_parallel_hashes(fault, out, checked).kind, Kind::as_expected);
    EXPECT_EQ(judge_parallel_hashes(fault, dead_outcome(), checked).kind, Kind::failed);

    GuestOutcome right = good_outcome();
    EXPECT_EQ(judge_parallel_hashes(fault, right, checked).kind, Kind::failed) << "not reported";
    right.report.checks.push_back({"concurrent-hashes", true, "40 40 40"});
    EXPECT_EQ(judge_parallel_hashes(fault, right, checked).kind, Kind::news);
  }
  // Wrong digests without a word of the unit may be the model's.
  GuestOutcome wrong = good_outcome();
  wrong.report.checks.push_back(
      {"concurrent-hashes", false, "cosim-guest: mv-md5 and md5-generic differ at 99 bytes"});
  EXPECT_EQ(judge_parallel_hashes(fault, wrong, false).kind, Kind::failed);
  EXPECT_EQ(judge_parallel_hashes(fault, wrong, true).kind, Kind::as_expected);
  DeviceStatus::set_text(wrong.device.report, refused);
  EXPECT_EQ(judge_parallel_hashes(fault, wrong, false).kind, Kind::as_expected);
  wrong.report.checks.back().detail = "cosim-guest: mv-md5: out of memory";
  EXPECT_EQ(judge_parallel_hashes(fault, wrong, true).kind, Kind::failed);
}

TEST(Unmodelled, OnlyADeviceInUseCanTell) {
  EXPECT_EQ(judge_unmodelled(good_outcome()).kind, Kind::passed);
  EXPECT_EQ(judge_unmodelled(dead_outcome()).kind, Kind::failed);
  GuestOutcome unused = good_outcome();
  unused.device.register_accesses = 0;
  EXPECT_EQ(judge_unmodelled(unused).kind, Kind::failed);
  // The counters of a device that was killed may be old.
  EXPECT_EQ(judge_unmodelled(faulty_outcome(GuestEnd::device_died)).kind, Kind::failed);
  GuestOutcome out = good_outcome();
  out.device.unimplemented = 1;
  DeviceStatus::set_text(out.device.report, "register 0xDD60 is not modelled");
  EXPECT_EQ(judge_unmodelled(out).kind, Kind::failed);
  EXPECT_EQ(judge_unmodelled(out).text, "register 0xDD60 is not modelled");
}

TEST(GuestsOwnEnd, IsOneThatADriverCanBringAbout) {
  for (const GuestEnd end : {GuestEnd::panic, GuestEnd::spins, GuestEnd::silent, GuestEnd::early,
                             GuestEnd::failed, GuestEnd::protocol, GuestEnd::simulated_limit}) {
    EXPECT_TRUE(is_guests_own(end)) << static_cast<int>(end);
  }
  // A slow machine, a fault of the model, a process that the host killed: no mutant is caught.
  for (const GuestEnd end :
       {GuestEnd::wall_limit, GuestEnd::device_error, GuestEnd::device_died,
        GuestEnd::device_silent, GuestEnd::orphan, GuestEnd::never_up, GuestEnd::planned}) {
    EXPECT_FALSE(is_guests_own(end)) << static_cast<int>(end);
  }
}

TEST(Passing, IsPlain) {
  const ExpectedAlgorithm aes = {"mv-cbc-aes", {}};
  GuestOutcome out = good_outcome();
  EXPECT_EQ(judge_algorithm(aes, out).kind, Kind::failed);
  out.report.algorithms.push_back({"mv-cbc-aes", true, "passed", 300});
  EXPECT_EQ(judge_algorithm(aes, out).kind, Kind::passed);
  const ExpectedCheck check = {"dmcrypt-read", {}};
  EXPECT_EQ(judge_check(check, out).kind, Kind::failed);
  out.report.checks.push_back({"dmcrypt-read", true, ""});
  EXPECT_EQ(judge_check(check, out).kind, Kind::passed);
}

}  // namespace
}  // namespace cesasim::cosim
