// SPDX-License-Identifier: Apache-2.0
// The board: CESA and crypto ring side by side on one bus, their windows and lines, and faults
// that reach every unit. One elaboration per process (shard_count in BUILD).
#include "hw_model/soc/soc.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <stdexcept>

#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/cesa/tdma_descriptor.h"
#include "hw_model/common/little_endian.h"
#include "hw_model/soc/map.h"
#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::test {
namespace {

namespace creg = hw::cesa_reg;
namespace bit = hw::cesa_bit;
using hw::FaultKind;
using hw::FaultPlan;
using hw::FaultRule;
using hw::Fidelity;
using hw::PhysAddr;
using hw::Ps;

constexpr unsigned kDiskIrq = 10;
constexpr std::uint32_t kSram[] = {0xF5000000, 0xF5010000};
const Bytes kKey = pattern(16, 100);

hw::SocConfig soc_config(Fidelity fidelity = Fidelity::descriptor) {
  hw::SocConfig c;
  c.cores = 2;
  c.checkers = true;
  c.fidelity = fidelity;
  c.internal_regs_base = 0xF1000000;
  c.disk_irq = kDiskIrq;
  c.cpu.clock_hz = 1e9;
  c.dram.size_mib = 32;
  c.dram.bandwidth_bytes_per_s = 1e9;
  c.dram.read_latency_ns = 60;
  c.mbus.clock_hz = 200e6;
  c.mbus.device_access_cycles = 10;
  c.cesa.engines = 2;
  c.cesa.regs_offset = 0x90000;
  c.cesa.sram_base0 = kSram[0];
  c.cesa.sram_base1 = kSram[1];
  c.cesa.irq0 = 22;
  c.cesa.irq1 = 23;
  c.ring = bench_params(/*engines=*/2, /*rings=*/2);
  c.disk.kind = "flash";
  c.disk.capacity_gib = 0.0625;
  c.disk.queue_depth = 4;
  c.disk.command_overhead_us = 10;
  c.disk.interface_bytes_per_s = 100e6;
  c.disk.flash_channels = 2;
  c.disk.flash_dies_per_channel = 1;
  c.disk.flash_page_bytes = 4096;
  c.disk.flash_read_us = 50;
  c.disk.flash_program_us = 100;
  c.disk.flash_channel_bytes_per_s = 100e6;
  return c;
}

/// A board and a driver's hands on it.
class Machine {
 public:
  static constexpr std::uint32_t kBytes = 512;
  static constexpr unsigned kRequests = 3;  // of a CESA chain

  Machine(const char* name, hw::SocConfig config, std::vector<FaultRule> rules = {})
      : plan(std::move(rules), 1) {
    if (!plan.empty()) config.faults = &plan;
    soc = std::make_unique<hw::Soc>(name, config);
    sc_core::sc_spawn([this] {
      for (;;) {
        sc_core::wait(soc->core(0).event());
        edges.push_back(sc_core::sc_time_stamp().value() - started);
      }
    });
  }

  void write(PhysAddr at, std::uint32_t value) {
    sc_core::sc_time delay;
    soc->core(0).write32(at, value, delay);
  }
  std::uint32_t read(PhysAddr at) {
    sc_core::sc_time delay;
    return soc->core(0).read32(at, delay);
  }
  Bytes memory(PhysAddr at, std::size_t n) {
    return {soc->dram().host(at), soc->dram().host(at) + n};
  }
  void put(PhysAddr at, const Bytes& data) {
    std::copy(data.begin(), data.end(), soc->dram().host(at));
  }

  /// Rings with a driver each.
  void open_rings() {
    RingDriver::Machine hands{
        [this](std::uint32_t o, std::uint32_t v) { write(soc->ring_regs() + o, v); },
        [this](std::uint32_t o) { return read(soc->ring_regs() + o); },
        [this](PhysAddr a) { return soc->dram().host(a); }};
    for (unsigned r = 0; r < 2; ++r) ring.emplace_back(hands, r, RingDriver::Options());
    ring[0].load_key(0, kKey);
  }
  static PhysAddr ring_in(unsigned i) { return kData + 0x4000 * i; }
  static PhysAddr ring_out(unsigned i) { return ring_in(i) + 0x2000; }
  static Bytes data(unsigned i) { return pattern(kBytes, 1000 + i); }
  static Bytes iv(unsigned i) { return pattern(16, 2000 + i); }
  static Bytes ciphertext(unsigned i) { return openssl("AES-128-CBC", kKey, iv(i), data(i), true); }
  void submit(unsigned r, unsigned i) {
    put(ring_in(i), data(i));
    hw::RingDescriptor d = cbc_request(ring_in(i), ring_out(i), kBytes, iv(i));
    d.cookie = i;
    ring[r].submit(d);
  }

  /// A chain of requests on a CESA engine, numbers from 100 * (engine + 1) on.
  static PhysAddr cesa_place(unsigned engine, unsigned i) {
    return 0x800000 + 0x100000 * engine + 0x4000 * i;
  }
  static PhysAddr cesa_out(unsigned engine, unsigned i) { return cesa_place(engine, i) + 0x3000; }
  static unsigned number(unsigned engine, unsigned i) { return 100 * (engine + 1) + i; }
  void launch(unsigned engine) {
    const PhysAddr regs = soc->cesa_regs(engine);
    for (unsigned i = 0; i < kRequests; ++i) {
      const auto at = static_cast<std::uint32_t>(cesa_place(engine, i));
      const std::uint32_t words[8] = {hw::sa_aes_config(16, true, false),
                                      0x80 | 0x80 << 16,
                                      kBytes,
                                      0x20,
                                      0x40 | 0x40 << 16,
                                      0,
                                      0,
                                      0};
      Bytes op(0x80);
      for (unsigned b = 0; b < 32; ++b) {
        op[b] = static_cast<std::uint8_t>(words[b / 4] >> (8 * (b % 4)));
      }
      const Bytes v = iv(number(engine, i));
      std::copy(kKey.begin(), kKey.end(), op.begin() + 0x20);
      std::copy(v.begin(), v.end(), op.begin() + 0x40);
      put(at + 0x1000, op);
      put(at + 0x2000, data(number(engine, i)));
      const std::uint32_t sram = kSram[engine], next = at + 0x4000;
      const hw::TdmaDescriptor chain[] = {
          {0x80, true, at + 0x1000, sram, at + 32},
          {kBytes, true, at + 0x2000, sram + 0x80, at + 64},
          {0, false, 0, 0, at + 96},
          {kBytes, true, sram + 0x80, at + 0x3000, i + 1 < kRequests ? next : 0}};
      for (unsigned k = 0; k < 4; ++k) {
        chain[k].encode(std::span<std::uint8_t, 16>(soc->dram().host(at + 32 * k), 16));
      }
    }
    write(regs + creg::tdma_win_base(0), 0);
    write(regs + creg::tdma_win_ctrl(0), 0x01FF0E01);  // 32 MiB
    write(regs + creg::kTdmaControl, 0x1904);
    write(regs + creg::kTdmaErrorMask, 0xF);
    write(regs + creg::kIntMask, bit::irq::kAccel0DmaDone);
    write(regs + creg::kCfg,
          bit::cfg::kCh0WaitDma | bit::cfg::kCh0ActivateDma | bit::cfg::kMultiPacketChain);
    write(regs + creg::kTdmaNext, static_cast<std::uint32_t>(cesa_place(engine, 0)));
    write(regs + creg::kCmd, bit::cmd::kActivate0);
  }
  bool cesa_done(unsigned engine, unsigned i) {
    return memory(cesa_out(engine, i), kBytes) == ciphertext(number(engine, i));
  }
  void listen() {
    for (const unsigned line : {22u, 23u, 80u, 81u, kDiskIrq}) soc->intc().enable(line, true);
    started = sc_core::sc_time_stamp().value();
  }

  FaultPlan plan;
  std::unique_ptr<hw::Soc> soc;
  std::vector<RingDriver> ring;
  Ps started = 0;
  std::vector<Ps> edges;  // interrupts of core 0, from `started` on
};

FaultRule rule(FaultKind kind, std::uint64_t nth, std::uint64_t first = 0,
               std::uint64_t last = ~std::uint64_t{0}) {
  FaultRule r;
  r.kind = kind;
  r.nth = nth;
  r.first = first;
  r.last = last;
  return r;
}

void elaborate() { sc_core::sc_start(sc_core::SC_ZERO_TIME); }
/// Until nothing more happens, and a while longer: units may have run ahead of a clock that
/// nobody moves on, and this test reaches in from outside.
void run() {
  sc_core::sc_start();
  sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_MS));
}

TEST(Soc, TheRingHasItsWindowAndItsLines) {
  Machine m("soc", soc_config());
  elaborate();
  EXPECT_EQ(m.soc->ring_regs(), 0xF10C0000u);
  EXPECT_EQ(m.read(m.soc->ring_regs() + hw::ring_unit_reg::kCaps0) & 0xFF, 2u | 2u << 4)
      << "rings and engines";
  EXPECT_EQ(m.read(m.soc->ring_regs() + 0xFFFC), 0u);
  EXPECT_EQ(m.soc->core(0).bus_errors(), 0u) << "the window is 64 KiB";
  m.read(m.soc->ring_regs() + 0x10000);
  EXPECT_EQ(m.soc->core(0).bus_errors(), 1u);

  m.open_rings();
  m.listen();
  m.soc->intc().route(81, 1);
  m.submit(1, 0);
  run();
  EXPECT_TRUE(m.soc->intc().line(81));
  EXPECT_FALSE(m.soc->intc().line(80));
  EXPECT_EQ(m.soc->intc().pending(0), -1);
  EXPECT_EQ(m.soc->intc().pending(1), 81);
  EXPECT_EQ(m.memory(m.ring_out(0), m.kBytes), m.ciphertext(0));
  m.ring[1].clear(0xFF);
  run();
  EXPECT_FALSE(m.soc->intc().line(81));
  m.submit(0, 1);
  run();
  EXPECT_EQ(m.soc->intc().pending(0), 80);
  EXPECT_EQ(m.soc->intc().pending(1), -1);
  EXPECT_EQ(m.soc->protocol_violations(), 0u);
  EXPECT_GT(m.soc->checked_calls(), 0u);
}

TEST(Soc, RingAndCesaWorkAtOnce) {
  Machine m("soc", soc_config());
  elaborate();
  m.open_rings();
  m.listen();
  for (unsigned i = 0; i < 20; ++i) m.submit(i % 2, i);
  m.launch(0);
  m.launch(1);
  run();
  for (unsigned i = 0; i < 20; ++i)
    EXPECT_EQ(m.memory(m.ring_out(i), m.kBytes), m.ciphertext(i)) << i;
  for (unsigned e : {0u, 1u}) {
    for (unsigned i = 0; i < m.kRequests; ++i) EXPECT_TRUE(m.cesa_done(e, i)) << e << i;
    EXPECT_EQ(m.ring[e].take().size(), 10u);
  }
  for (const unsigned line : {22u, 23u, 80u, 81u})
    EXPECT_EQ(m.soc->intc().raised(line), 1u) << line;
  EXPECT_EQ(m.soc->ring().stats().guest_errors, 0u);
  EXPECT_EQ(m.soc->protocol_violations(), 0u);
}

TEST(Soc, RingsWithoutLinesOrOverAnotherUnitAreRefused) {
  hw::SocConfig c = soc_config();
  c.ring.irq_first = hw::Intc::kLines - 1;
  EXPECT_THROW(hw::Soc("no_lines", c), std::invalid_argument);
  c = soc_config();
  c.ring.regs_offset = c.cesa.regs_offset;
  EXPECT_THROW(hw::Soc("overlap", c), std::invalid_argument);
  c = soc_config();
  c.disk_irq = c.ring.irq(1);
  EXPECT_THROW(hw::Soc("shared", c), std::invalid_argument) << "two devices on one line";
}

// The list says where everything stands, and the board has it there: behind each window its own
// memory or registers, on each line its own unit.
TEST(Soc, StandsWhereItsMapSays) {
  const hw::SocConfig c = soc_config();
  Machine m("soc", c);
  elaborate();
  const hw::SocMap map = hw::soc_map(c.internal_regs_base, c.disk_irq, c.dram, c.cesa, c.ring);
  EXPECT_FALSE(map.objection());
  ASSERT_EQ(map.windows.size(), 5u);
  ASSERT_EQ(map.lines.size(), 5u);
  const auto window = [&](const std::string& name) -> const hw::SocWindow& {
    for (const hw::SocWindow& w : map.windows) {
      if (w.name == name) return w;
    }
    throw std::out_of_range("no window of " + name);
  };
  const auto line = [&](const std::string& name) {
    for (const hw::SocLine& l : map.lines) {
      if (l.name == name) return l.irq;
    }
    throw std::out_of_range("no line of " + name);
  };

  // Written through the window, found in the unit.
  const hw::SocWindow& dram = window("dram");
  m.write(dram.base + 0x100, 0x600D0001);
  EXPECT_EQ(hw::load_le32(m.soc->dram().host(0x100)), 0x600D0001u);
  m.write(dram.last() - 3, 0x600D0002);
  EXPECT_EQ(hw::load_le32(m.soc->dram().host(m.soc->dram().size() - 4)), 0x600D0002u);
  const hw::SocWindow& cesa = window("cesa registers");
  for (const unsigned e : {0u, 1u}) {
    const std::uint32_t mark = 0x600D0010 + 0x100 * e;
    m.write(cesa.base + creg::kEngineStride * e + creg::ivdig(0), mark);
    EXPECT_EQ(m.soc->cesa().engine(e).peek(creg::ivdig(0)), mark) << e;
    const hw::SocWindow& sram = window("cesa sram " + std::to_string(e));
    m.write(sram.base + 0x104, mark + 1);
    m.write(sram.last() - 3, mark + 2);
    const auto memory = m.soc->cesa().engine(e).sram();
    EXPECT_EQ(memory.size(), sram.bytes);
    EXPECT_EQ(hw::load_le32(&memory[0x104]), mark + 1) << e;
    EXPECT_EQ(hw::load_le32(&memory[memory.size() - 4]), mark + 2) << e;
  }
  const hw::SocWindow& ring = window("ring registers");
  EXPECT_EQ(m.read(ring.base + hw::ring_unit_reg::kCaps0),
            m.soc->ring().core().peek(hw::ring_unit_reg::kCaps0));
  EXPECT_NE(m.read(ring.base + hw::ring_unit_reg::kCaps0), 0u);
  EXPECT_EQ(m.soc->core(0).bus_errors(), 0u);

  // Each unit interrupts, and its line alone is up.
  m.open_rings();
  m.listen();
  const auto raised = [&] {
    std::vector<unsigned> lines;
    for (unsigned irq = 0; irq < hw::Intc::kLines; ++irq) {
      if (m.soc->intc().line(irq)) lines.push_back(irq);
    }
    return lines;
  };
  using Lines = std::vector<unsigned>;
  for (const unsigned e : {0u, 1u}) {
    m.launch(e);
    run();
    EXPECT_EQ(raised(), Lines{line("cesa engine " + std::to_string(e))});
    m.write(m.soc->cesa_regs(e) + creg::kIntCause, 0);
    m.submit(e, e);
    run();
    EXPECT_EQ(raised(), Lines{line("ring " + std::to_string(e))});
    m.ring[e].clear(0xFF);
    run();
  }
  EXPECT_TRUE(m.soc->disk().submit({hw::DiskCommand::Op::read, 0, 8, {{0x700000, 4096}}, 1}));
  run();
  EXPECT_EQ(raised(), Lines{line("disk")});
  EXPECT_TRUE(m.soc->disk().reap());
}

TEST(Soc, FaultsReachEveryUnit) {
  Machine m(
      "soc", soc_config(),
      {rule(FaultKind::tdma_bus_error, 1, Machine::cesa_out(1, 0), Machine::cesa_out(1, 0)),
       rule(FaultKind::tdma_bus_error, 1, Machine::ring_in(0), Machine::ring_in(0)),
       rule(FaultKind::lost_interrupt, 1, 81, 81), rule(FaultKind::spurious_interrupt, 1, 80, 80),
       rule(FaultKind::disk_read_error, 1), rule(FaultKind::engine_stuck, 3, 0, 0)});
  elaborate();
  m.open_rings();
  m.listen();
  m.submit(0, 0);
  run();
  EXPECT_EQ(m.soc->ring().stats().failed, 1u);
  EXPECT_EQ(m.ring[0].take().at(0).status, hw::RingStatus::source_bus_error);
  EXPECT_EQ(m.soc->intc().pending(0), 80);
  m.ring[0].clear(0xFF);
  run();
  EXPECT_FALSE(m.soc->intc().line(80));
  EXPECT_EQ(m.soc->intc().pending(0), 80) << "spurious";
  EXPECT_EQ(m.soc->intc().pending(0), -1);

  m.submit(1, 1);
  run();
  EXPECT_EQ(m.ring[1].take().at(0).status, hw::RingStatus::ok);
  EXPECT_EQ(m.soc->intc().pending(0), -1) << "lost";
  EXPECT_EQ(m.ring[1].cause(), hw::ring_bit::irq::kDone) << "the registers tell the truth";
  m.ring[1].clear(0xFF);

  m.launch(1);
  run();
  EXPECT_EQ(m.read(m.soc->cesa_regs(1) + creg::kTdmaErrorCause), bit::tdma_error::kDataError);
  EXPECT_EQ(m.soc->intc().pending(0), 23);
  EXPECT_EQ(m.soc->cesa().stats(1).faults, 1u);
  m.write(m.soc->cesa_regs(1) + creg::kTdmaErrorCause, 0);
  m.launch(0);
  run();
  EXPECT_EQ(m.read(m.soc->cesa_regs(0) + creg::kCmd), bit::cmd::kActivate0) << "stuck";
  m.write(m.soc->cesa_regs(0) + creg::kCmd, bit::cmd::kStop);
  m.launch(0);
  run();
  for (unsigned i = 0; i < m.kRequests; ++i) EXPECT_TRUE(m.cesa_done(0, i)) << i;

  EXPECT_TRUE(m.soc->disk().submit({hw::DiskCommand::Op::read, 0, 8, {{0x700000, 4096}}, 1}));
  run();
  EXPECT_EQ(m.soc->disk().reap()->error, -EIO);
  for (const auto& o : m.plan.outcomes()) EXPECT_EQ(o.fired, 1u) << hw::fault_name(o.rule->kind);
  EXPECT_EQ(m.soc->protocol_violations(), 0u);
}

// The same with the units ahead of simulated time and without: what a driver sees and when it is
// interrupted. Recovery included: everything is stopped, reset and run once more.
class RunAhead : public testing::TestWithParam<std::tuple<FaultKind, unsigned, Fidelity>> {};
INSTANTIATE_TEST_SUITE_P(Faults, RunAhead,
                         testing::Combine(testing::Values(FaultKind::engine_error,
                                                          FaultKind::engine_stuck,
                                                          FaultKind::tdma_bus_error),
                                          testing::Values(1u, 6u),
                                          testing::Values(Fidelity::descriptor, Fidelity::burst)));

TEST_P(RunAhead, ChangesNothing) {
  const auto [kind, nth, fidelity] = GetParam();
  Machine with("with", soc_config(fidelity), {rule(kind, nth)});
  Machine without("without", soc_config(fidelity), {rule(kind, nth)});
  without.soc->cesa().run_ahead(false);
  without.soc->ring().run_ahead(false);
  elaborate();
  for (Machine* m : {&with, &without}) {
    m->open_rings();
    m->listen();
    for (unsigned i = 0; i < 6; ++i) m->submit(i % 2, i);
    m->launch(0);
    m->launch(1);
    run();
    for (unsigned e : {0u, 1u}) m->write(m->soc->cesa_regs(e) + creg::kCmd, bit::cmd::kStop);
  }
  EXPECT_EQ(with.plan.fired(), 1u);
  EXPECT_EQ(without.plan.fired(), 1u);
  EXPECT_EQ(with.plan.outcomes()[0].opportunities, without.plan.outcomes()[0].opportunities);
  EXPECT_EQ(with.edges, without.edges);
  EXPECT_EQ(with.memory(0, 32 << 20), without.memory(0, 32 << 20));
  for (unsigned e : {0u, 1u}) {
    for (const std::uint32_t reg : {creg::kIntCause, creg::kTdmaErrorCause, creg::kTdmaCurrent}) {
      EXPECT_EQ(with.read(with.soc->cesa_regs(e) + reg),
                without.read(without.soc->cesa_regs(e) + reg));
    }
    EXPECT_EQ(with.soc->cesa().stats(e).operations, without.soc->cesa().stats(e).operations);
  }
  EXPECT_EQ(with.soc->ring().stats().completed, without.soc->ring().stats().completed);
  EXPECT_EQ(with.soc->ring().stats().failed, without.soc->ring().stats().failed);

  for (Machine* m : {&with, &without}) {
    for (RingDriver& d : m->ring) {
      d.write(hw::ring_reg::kCommand, 1);
      run();
      d.enable();
    }
    for (unsigned e : {0u, 1u}) {
      m->write(m->soc->cesa_regs(e) + creg::kIntCause, 0);
      m->write(m->soc->cesa_regs(e) + creg::kTdmaErrorCause, 0);
    }
    run();
    m->listen();
    m->edges.clear();
    for (unsigned i = 0; i < 6; ++i) m->submit(i % 2, i);
    m->launch(0);
    m->launch(1);
    run();
    for (unsigned i = 0; i < 6; ++i) {
      EXPECT_EQ(m->memory(m->ring_out(i), m->kBytes), m->ciphertext(i)) << i;
    }
    for (unsigned e : {0u, 1u}) {
      for (unsigned i = 0; i < m->kRequests; ++i) EXPECT_TRUE(m->cesa_done(e, i)) << e << i;
    }
  }
  EXPECT_EQ(with.edges, without.edges);
  EXPECT_FALSE(with.edges.empty());
  EXPECT_EQ(with.soc->protocol_violations() + without.soc->protocol_violations(), 0u);
}

}  // namespace
}  // namespace cesasim::test
