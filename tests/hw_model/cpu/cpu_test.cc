// SPDX-License-Identifier: Apache-2.0
// CpuCore and the interrupt controller.
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_model/cpu/cpu_core.h"
#include "hw_model/cpu/intc.h"
#include "hw_model/memory/dram.h"
#include "hw_model/memory/mbus.h"

namespace cesasim::hw {
namespace {

struct Model : sc_core::sc_module {
  Mbus bus{"bus", {200e6, 10}};
  Dram dram{"dram", {16, 1e9, 0}};
  CpuCore cpu0{"cpu0", 0, {800e6}};
  CpuCore cpu1{"cpu1", 1, {800e6}};
  Intc intc{"intc", {&cpu0, &cpu1}};
  std::vector<int> woken = std::vector<int>(2);

  explicit Model(sc_core::sc_module_name name = "bench") : sc_module(name) {
    cpu0.bus.bind(bus.in);
    cpu1.bus.bind(bus.in);
    bus.out.bind(dram.socket);
    bus.add_window({"dram", 0, dram.size(), 0, false});
    bus.add_window({"device", 0xF0000000, 0x100, 0, true});
    for (CpuCore* cpu : {&cpu0, &cpu1}) {
      sc_core::sc_spawn([this, cpu] {
        for (;;) {
          sc_core::wait(cpu->event());
          ++woken[cpu->id()];
        }
      });
    }
  }
  void settle() { sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_NS)); }
};

/// The model, elaborated.
struct Bench : Model {
  Bench() { settle(); }
};

TEST(CpuCore, CyclesRoundToThePicosecond) {
  Bench b;
  EXPECT_EQ(b.cpu0.cycles(1), 1250u);
  EXPECT_EQ(b.cpu0.cycles(0.5), 625u);
  EXPECT_EQ(b.cpu0.cycles(0), 0u);
  EXPECT_EQ(b.cpu0.cycles(8e8), kPsPerS);
}

TEST(CpuCore, EveryActivityHasItsOwnAccountAndName) {
  Bench b;
  std::set<std::string> names;
  for (std::size_t i = 0; i < kActivities; ++i) {
    b.cpu0.account(static_cast<Activity>(i), i + 1);
    names.insert(activity_name(static_cast<Activity>(i)));
  }
  for (std::size_t i = 0; i < kActivities; ++i) {
    EXPECT_EQ(b.cpu0.accounted(static_cast<Activity>(i)), i + 1);
    EXPECT_EQ(b.cpu1.accounted(static_cast<Activity>(i)), 0u);
  }
  EXPECT_EQ(names.size(), kActivities);
}

TEST(CpuCore, MovingAnAccountKeepsTheSum) {
  Bench b;
  b.cpu0.account(Activity::user, 100);
  b.cpu0.account(Activity::fs, 50);
  b.cpu0.move_account(b.cpu1, Activity::user, 60);
  EXPECT_EQ(b.cpu0.accounted(Activity::user), 40u);
  EXPECT_EQ(b.cpu1.accounted(Activity::user), 60u);
  b.cpu0.move_account(b.cpu1, Activity::user, 70);  // 40 of user, the rest of fs
  EXPECT_EQ(b.cpu0.accounted(Activity::user), 0u);
  EXPECT_EQ(b.cpu0.accounted(Activity::fs), 20u);
  EXPECT_EQ(b.cpu1.accounted(Activity::user), 100u);
  EXPECT_EQ(b.cpu1.accounted(Activity::fs), 30u);
}

TEST(CpuCore, DeviceAccessesTakeTheirTime) {
  Bench b;
  sc_core::sc_time delay(100, sc_core::SC_NS);
  b.cpu0.write32(0xF0000010, 0xCAFE, delay);
  EXPECT_EQ(delay, sc_core::sc_time(154, sc_core::SC_NS)) << "50 ns of the bus, 4 of the memory";
  delay = sc_core::SC_ZERO_TIME;
  EXPECT_EQ(b.cpu1.read32(0xF0000010, delay), 0xCAFEu);
  EXPECT_GE(delay, sc_core::sc_time(54, sc_core::SC_NS));
  EXPECT_EQ(b.cpu0.bus_errors() + b.cpu1.bus_errors(), 0u);
}

TEST(CpuCore, ABusErrorReadsAllOnesAndIsCounted) {
  Bench b;
  sc_core::sc_time delay;
  EXPECT_EQ(b.cpu0.read32(0xE0000000, delay), 0xFFFFFFFFu);
  b.cpu0.write32(0xE0000000, 0, delay);
  EXPECT_EQ(b.cpu0.bus_errors(), 2u);
  EXPECT_EQ(b.cpu1.bus_errors(), 0u);
}

TEST(CpuCore, ARisingInputAndAKickWake) {
  Bench b;
  b.cpu0.set_irq(true);
  b.settle();
  EXPECT_EQ(b.woken[0], 1);
  b.cpu0.set_irq(false);
  b.settle();
  EXPECT_EQ(b.woken[0], 1) << "a falling one does not";
  b.cpu0.kick();
  b.settle();
  EXPECT_EQ(b.woken[0], 2);
  EXPECT_EQ(b.woken[1], 0);
}

TEST(Intc, ADisabledLineIsNotSeen) {
  Bench b;
  b.intc.set_line(5, true);
  EXPECT_TRUE(b.intc.line(5));
  EXPECT_FALSE(b.cpu0.irq_level());
  EXPECT_EQ(b.intc.pending(0), -1);
}

TEST(Intc, EnablingARaisedLineInterrupts) {
  Bench b;
  b.intc.set_line(5, true);
  b.intc.enable(5, true);
  EXPECT_TRUE(b.cpu0.irq_level());
  EXPECT_EQ(b.intc.pending(0), 5);
  b.intc.enable(5, false);
  EXPECT_FALSE(b.cpu0.irq_level());
  b.settle();
  EXPECT_EQ(b.woken[0], 1);
}

TEST(Intc, TheLevelStaysUntilTheLineFalls) {
  Bench b;
  b.intc.enable(5, true);
  b.intc.set_line(5, true);
  b.settle();
  b.settle();
  EXPECT_TRUE(b.cpu0.irq_level());
  EXPECT_EQ(b.intc.pending(0), 5);
  EXPECT_EQ(b.intc.pending(0), 5) << "asking does not acknowledge";
  b.intc.set_line(5, false);
  EXPECT_FALSE(b.cpu0.irq_level());
}

TEST(Intc, OneOfTwoLinesFallingLeavesTheOther) {
  Bench b;
  b.intc.enable(5, true);
  b.intc.enable(9, true);
  b.intc.set_line(9, true);
  b.intc.set_line(5, true);
  EXPECT_EQ(b.intc.pending(0), 5) << "the lowest number first";
  b.intc.set_line(5, false);
  EXPECT_TRUE(b.cpu0.irq_level());
  EXPECT_EQ(b.intc.pending(0), 9);
}

TEST(Intc, ALineGoesToOneCore) {
  Bench b;
  b.intc.enable(5, true);
  b.intc.route(5, 1);
  EXPECT_EQ(b.intc.routed_to(5), 1u);
  b.intc.set_line(5, true);
  EXPECT_FALSE(b.cpu0.irq_level());
  EXPECT_TRUE(b.cpu1.irq_level());
  EXPECT_EQ(b.intc.pending(0), -1);
  EXPECT_EQ(b.intc.pending(1), 5);
}

TEST(Intc, ARaisedLineMovesWithItsRoute) {
  Bench b;
  b.intc.enable(5, true);
  b.intc.set_line(5, true);
  b.intc.route(5, 1);
  EXPECT_FALSE(b.cpu0.irq_level());
  EXPECT_TRUE(b.cpu1.irq_level());
  b.settle();
  EXPECT_EQ(b.woken[1], 1);
}

TEST(Intc, CountsRisingEdges) {
  Bench b;
  for (int i = 0; i < 3; ++i) {
    b.intc.set_line(5, true);
    b.intc.set_line(5, true);
    b.intc.set_line(5, false);
  }
  EXPECT_EQ(b.intc.raised(5), 3u);
  EXPECT_EQ(b.intc.raised(6), 0u);
}

TEST(Intc, TheLastLineWorksTheNextIsNotThere) {
  Bench b;
  const unsigned last = Intc::kLines - 1;
  b.intc.enable(last, true);
  b.intc.set_line(last, true);
  EXPECT_EQ(b.intc.pending(0), static_cast<int>(last));
  EXPECT_THROW(b.intc.set_line(Intc::kLines, true), std::out_of_range);
  EXPECT_THROW(b.intc.enable(Intc::kLines, true), std::out_of_range);
  EXPECT_THROW(b.intc.route(Intc::kLines, 0), std::out_of_range);
  EXPECT_THROW(b.intc.routed_to(Intc::kLines), std::out_of_range);
}

TEST(Intc, ACoreThatIsNotThereIsRefused) {
  Bench b;
  EXPECT_THROW(b.intc.route(5, 2), std::out_of_range);
  EXPECT_EQ(b.intc.routed_to(5), 0u);
}

TEST(Intc, ASecondLineWakesACoreThatIsInterruptedAlready) {
  Bench b;
  b.intc.enable(5, true);
  b.intc.enable(6, true);
  b.intc.set_line(5, true);
  b.settle();
  b.intc.set_line(6, true);
  b.settle();
  EXPECT_EQ(b.woken[0], 2);
}

FaultPlan faulty(FaultKind kind, std::uint64_t nth, unsigned line) {
  FaultRule r;
  r.kind = kind;
  r.nth = nth;
  r.first = r.last = line;
  return FaultPlan({r}, 1);
}

TEST(IntcFaults, ALostInterruptIsNotSeenUntilTheLineRisesAgain) {
  Bench b;
  FaultPlan plan = faulty(FaultKind::lost_interrupt, 2, 5);
  b.intc.set_faults(&plan);
  b.intc.enable(5, true);
  b.intc.enable(6, true);
  for (int edge = 1; edge <= 3; ++edge) {
    b.intc.set_line(6, true);  // another line: no opportunity for the rule
    b.intc.set_line(6, false);
    b.intc.set_line(5, true);
    EXPECT_EQ(b.cpu0.irq_level(), edge != 2) << edge;
    EXPECT_EQ(b.intc.pending(0), edge != 2 ? 5 : -1);
    EXPECT_TRUE(b.intc.line(5)) << "the wire is up all the same";
    if (edge == 2) {
      b.intc.enable(5, false);
      b.intc.enable(5, true);
      b.intc.route(5, 1);
      EXPECT_FALSE(b.cpu1.irq_level()) << "neither mask nor route bring it back";
      b.intc.route(5, 0);
      b.intc.set_line(5, true);
      EXPECT_FALSE(b.cpu0.irq_level()) << "not an edge";
    }
    b.intc.set_line(5, false);
    EXPECT_FALSE(b.cpu0.irq_level());
  }
  EXPECT_EQ(b.intc.raised(5), 3u);
  EXPECT_EQ(plan.outcomes()[0].opportunities, 3u);
  EXPECT_EQ(plan.fired(), 1u);
}

TEST(IntcFaults, ASpuriousInterruptComesOnceAfterTheRealOne) {
  Bench b;
  FaultPlan plan = faulty(FaultKind::spurious_interrupt, 1, 5);
  b.intc.set_faults(&plan);
  b.intc.enable(5, true);
  b.intc.set_line(5, true);
  EXPECT_EQ(b.intc.pending(0), 5);
  EXPECT_EQ(b.intc.pending(0), 5) << "the real one";
  b.intc.set_line(5, false);
  EXPECT_TRUE(b.cpu0.irq_level());
  EXPECT_FALSE(b.intc.line(5));
  EXPECT_EQ(b.intc.pending(0), 5) << "the spurious one";
  EXPECT_FALSE(b.cpu0.irq_level());
  EXPECT_EQ(b.intc.pending(0), -1);
  b.intc.set_line(5, true);
  b.intc.set_line(5, false);
  EXPECT_FALSE(b.cpu0.irq_level()) << "only the first edge was to have one";
}

TEST(IntcFaults, ASpuriousInterruptWaitsForAMaskedLineAndARealOne) {
  Bench b;
  FaultPlan plan = faulty(FaultKind::spurious_interrupt, 1, 5);
  b.intc.set_faults(&plan);
  b.intc.enable(5, true);
  b.intc.set_line(5, true);
  b.intc.enable(5, false);
  b.intc.set_line(5, false);
  EXPECT_FALSE(b.cpu0.irq_level());
  EXPECT_EQ(b.intc.pending(0), -1);
  b.intc.set_line(5, true);  // a real one before it could be delivered
  b.intc.enable(5, true);
  EXPECT_EQ(b.intc.pending(0), 5);
  b.intc.set_line(5, false);
  EXPECT_EQ(b.intc.pending(0), 5);
  EXPECT_EQ(b.intc.pending(0), -1);
}

// The number of the lost interrupt's own edge may be asked to be spurious as well.
TEST(IntcFaults, ALostInterruptMayBeFollowedByASpuriousOne) {
  Bench b;
  FaultRule lost, spurious;
  lost.kind = FaultKind::lost_interrupt;
  spurious.kind = FaultKind::spurious_interrupt;
  lost.nth = spurious.nth = 1;
  FaultPlan plan({lost, spurious}, 1);
  b.intc.set_faults(&plan);
  b.intc.enable(5, true);
  b.intc.set_line(5, true);
  EXPECT_EQ(b.intc.pending(0), -1);
  b.intc.set_line(5, false);
  EXPECT_EQ(b.intc.pending(0), 5);
  EXPECT_EQ(b.intc.pending(0), -1);
}

}  // namespace
}  // namespace cesasim::hw
