// SPDX-License-Identifier: Apache-2.0
// When a run is over, and when it hangs.
#include "machine/watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>

namespace cesasim {
namespace {

/// A workload made of a process, with its watch's slices of a quarter of a second.
class Workload : public sc_core::sc_module {
 public:
  explicit Workload(std::function<void(Workload&)> body)
      : sc_module(sc_core::sc_module_name("workload")), body_(std::move(body)) {
    SC_THREAD(process);
  }
  bool watch() {
    return watch_run({
        .done = [this] { return done; },
        .completed = [this] { return completed; },
        .waiting = [this] { return waiting; },
        .slice = [] { return sc_core::sc_time(0.25, sc_core::SC_SEC); },
        .after_slice = {},
    });
  }
  void finish() {
    done = true;
    sc_core::sc_pause();
  }

  bool done = false;
  std::uint64_t completed = 0;
  bool waiting = false;

 private:
  SC_HAS_PROCESS(Workload);
  void process() { body_(*this); }

  std::function<void(Workload&)> body_;
};

void wait_seconds(double s) { sc_core::wait(s, sc_core::SC_SEC); }
double now() { return sc_core::sc_time_stamp().to_seconds(); }

TEST(Watch, SilenceWithNothingOutstandingIsNoHang) {
  Workload w([](Workload& self) {
    self.completed = 1;
    wait_seconds(400);
    self.completed = 2;
    wait_seconds(1000);
    self.finish();
  });
  EXPECT_TRUE(w.watch());
  EXPECT_DOUBLE_EQ(now(), 1400);
}

TEST(Watch, ARequestMayTakeMinutesAfterAnIdleGap) {
  Workload w([](Workload& self) {
    wait_seconds(400);
    self.waiting = true;
    wait_seconds(299);
    self.completed = 1;
    self.waiting = false;
    self.finish();
  });
  EXPECT_TRUE(w.watch());
  EXPECT_DOUBLE_EQ(now(), 699);
}

TEST(Watch, ARequestThatIsWaitedForAndNeverCompletesIsAHang) {
  Workload w([](Workload& self) {
    wait_seconds(10);
    self.completed = 1;
    self.waiting = true;
    for (;;) wait_seconds(0.01);  // interrupts, timers, polls
  });
  EXPECT_FALSE(w.watch());
  EXPECT_GT(now(), 310);
  EXPECT_LT(now(), 311);
}

TEST(Watch, WhereNothingCanHappenAnyMoreTheRunEnds) {
  Workload w([](Workload& self) {
    self.waiting = true;
    wait_seconds(1);
  });
  EXPECT_FALSE(w.watch());
  EXPECT_LT(now(), 2);
}

TEST(Watch, AWorkloadThatIsDoneTakesNoTime) {
  Workload w([](Workload&) {});
  w.done = true;
  EXPECT_TRUE(w.watch());
  EXPECT_EQ(now(), 0);
}

}  // namespace
}  // namespace cesasim
