// SPDX-License-Identifier: Apache-2.0
// Judges one boot: whether what was expected has happened, and for its reason.
#pragma once

#include <string>

#include "cosim/device/injection.h"
#include "cosim/host/expectations.h"
#include "cosim/host/guest.h"

namespace cesasim::cosim {

struct Verdict {
  enum class Kind {
    passed,
    failed,
    as_expected,  ///< fails through a known fault of the stock driver
    news,         ///< passes although the stock driver has a fault there
  };
  Kind kind = Kind::failed;
  std::string text;  ///< why, or what is known

  /// `own`: the driver or the kernel is the user's, so that a mended fault is no contradiction.
  bool ok(bool own) const {
    return kind == Kind::passed || kind == Kind::as_expected || (kind == Kind::news && own);
  }
};

/// A self test. A known fault must show as itself: the kernel's test manager refused the very
/// algorithm with the message of that fault, and the guest came to its end.
Verdict judge_algorithm(const ExpectedAlgorithm& expected, const GuestOutcome& out);

/// A check of the guest, likewise. One that was not reported has failed.
Verdict judge_check(const ExpectedCheck& expected, const GuestOutcome& out);

/// A boot with the step "concurrency" whose hashes have a known fault that may end the guest.
/// Passed or news if they were right; as expected only if the guest was up, used the device, and
/// the digests differ or it ended with the fault's sign. Digests that differ could be the model's
/// error too: they need the fault's sign, or `counter_checked`, a boot of the driver without this
/// fault under the same load that is a test of its own.
Verdict judge_parallel_hashes(const KnownFault& fault, const GuestOutcome& out,
                              bool counter_checked);

/// Whether the driver used nothing that is not modelled. Only a guest that used the device and came
/// to its end can tell.
Verdict judge_unmodelled(const GuestOutcome& out);

/// An end that a driver can bring about, for which neither the device, nor the host, nor the user's
/// limit of host time is to blame; and not the planned one.
bool is_guests_own(GuestEnd end);

/// A boot with an injected fault: the guest was up and used the device, the fault happened, and the
/// guest ended by what that fault leads to. Empty text: it is so.
Verdict judge_fault(const Injection& fault, const GuestOutcome& out);

}  // namespace cesasim::cosim
