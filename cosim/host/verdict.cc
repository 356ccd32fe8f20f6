// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/verdict.h"

#include <algorithm>

#include "cosim/host/guest_report.h"

namespace cesasim::cosim {
namespace {

using Kind = Verdict::Kind;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Verdict judge_failure(const KnownFault& fault, const std::string& why, const GuestOutcome& out) {
  if (fault.what.empty()) return {Kind::failed, why};
  if (!contains(why, fault.sign)) {
    return {Kind::failed, why + " (not as by the known fault, " + fault.what + ")"};
  }
  if (!out.ok) {
    return {Kind::failed, why + " (as by the known fault, but the guest did not come to its end)"};
  }
  return {Kind::as_expected, fault.what};
}

/// What the fault does to a guest that uses the device.
std::string end_not_of(const Injection& fault, const GuestOutcome& out) {
  switch (fault.kind) {
    case Injection::Kind::kill:
      return out.end == GuestEnd::device_died ? "" : "the device's process did not die of it";
    case Injection::Kind::stuck:
      return out.end == GuestEnd::device_silent ? "" : "the device was not found silent";
    case Injection::Kind::bus_error:
    case Injection::Kind::lost_irq:
      // The driver waits for good, and the kernel's watchdog ends it.
      return out.end == GuestEnd::panic && contains(out.console, "blocked for more than")
                 ? ""
                 : "no task of the guest hung on it";
    case Injection::Kind::none:
      break;
  }
  return "no fault was asked for";
}

}  // namespace

Verdict judge_algorithm(const ExpectedAlgorithm& expected, const GuestOutcome& out) {
  const auto* found = out.report.find(expected.driver);
  if (found == nullptr) return {Kind::failed, "not reported"};
  if (found->passed) {
    if (expected.fault.what.empty()) return {Kind::passed, ""};
    return {Kind::news, expected.fault.what};
  }
  const std::string refused = find_test_failure(out.console, expected.driver);
  if (refused.empty() || found->state == "missing") {
    return {Kind::failed, found->state + (refused.empty() ? "" : ": " + refused)};
  }
  return judge_failure(expected.fault, refused, out);
}

Verdict judge_check(const ExpectedCheck& expected, const GuestOutcome& out) {
  const auto found = std::ranges::find(out.report.checks, expected.name, &GuestReport::Check::name);
  if (found == out.report.checks.end()) return {Kind::failed, "not reported"};
  if (!found->ok) return judge_failure(expected.fault, found->detail, out);
  if (expected.fault.what.empty()) return {Kind::passed, found->detail};
  return {Kind::news, expected.fault.what};
}

Verdict judge_parallel_hashes(const KnownFault& fault, const GuestOutcome& out,
                              bool counter_checked) {
  const ExpectedCheck expected = {"concurrent-hashes", fault};
  if (out.ok) {
    Verdict v = judge_check(expected, out);
    const bool differ = v.kind == Kind::failed && contains(v.text, " differ at ");
    if (differ && (counter_checked || contains(out.device.report, fault.sign))) {
      v = {Kind::as_expected, fault.what};
    }
    return v;
  }
  const bool its_end = out.end == GuestEnd::panic && out.device.register_accesses > 0 &&
                       contains(out.device.report, fault.sign);
  if (its_end) return {Kind::as_expected, fault.what};
  return {Kind::failed, out.failure};
}

Verdict judge_unmodelled(const GuestOutcome& out) {
  if (!out.ok) return {Kind::failed, "unknown: the guest did not come to its end"};
  if (out.device.register_accesses == 0) return {Kind::failed, "the device was never used"};
  if (out.device.unimplemented > 0) return {Kind::failed, out.device.report};
  return {Kind::passed, ""};
}

bool is_guests_own(GuestEnd end) {
  switch (end) {
    case GuestEnd::failed:
    case GuestEnd::panic:
    case GuestEnd::early:
    case GuestEnd::protocol:
    case GuestEnd::simulated_limit:
    case GuestEnd::silent:
    case GuestEnd::spins:
      return true;
    case GuestEnd::planned:
    case GuestEnd::never_up:
    case GuestEnd::device_error:
    case GuestEnd::device_died:
    case GuestEnd::device_silent:
    case GuestEnd::orphan:
    case GuestEnd::wall_limit:
      break;
  }
  return false;
}

Verdict judge_fault(const Injection& fault, const GuestOutcome& out) {
  const std::string& how = out.failure;
  if (out.report.release.empty()) return {Kind::failed, "the guest never came up: " + how};
  if (out.device.register_accesses == 0) {
    return {Kind::failed, "the device was never used: " + how};
  }
  if (!out.injected) return {Kind::failed, "the fault never happened: " + how};
  if (out.ok) return {Kind::failed, "the guest did not notice"};
  if (const std::string other = end_not_of(fault, out); !other.empty()) {
    return {Kind::failed, other + ": " + how};
  }
  return {Kind::passed, how};
}

}  // namespace cesasim::cosim
