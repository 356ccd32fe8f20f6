// SPDX-License-Identifier: Apache-2.0
// The ring in SystemC: behind checkers, on a real bus and memory. One elaboration per process
// (shard_count in BUILD).
#include "hw_model/ring/crypto_ring.h"

#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <map>
#include <set>

#include "hw_model/checker/tlm_checker.h"
#include "hw_model/memory/dram.h"
#include "hw_model/memory/mbus.h"
#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::test {
namespace {

namespace irq = hw::ring_bit::irq;
using namespace hw::ring_reg;  // NOLINT(google-build-using-namespace)
using hw::Ps;

constexpr hw::PhysAddr kWindow = 0xF1090000;

Ps now() { return sc_core::sc_time_stamp().value(); }
void run() { sc_core::sc_start(); }
/// Including what happens at the end: sc_start(t) leaves that to the next call.
void run_for(Ps ps) {
  sc_core::sc_start(sc_core::sc_time::from_value(ps));
  while (sc_core::sc_pending_activity_at_current_time()) sc_core::sc_start(sc_core::SC_ZERO_TIME);
}

/// Notes which bus master did what.
class MasterSpy : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<MasterSpy> in;
  tlm_utils::simple_initiator_socket<MasterSpy> out;
  std::map<unsigned, std::set<tlm::tlm_command>> masters;

  explicit MasterSpy(sc_core::sc_module_name name) : sc_module(name), in("in"), out("out") {
    in.register_b_transport(this, &MasterSpy::b_transport);
  }

 private:
  void b_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
    masters[trans.get_extension<hw::MbusExtension>()->master].insert(trans.get_command());
    out->b_transport(trans, delay);
  }
};

/// Unit and processor on a bus with a memory, a checker on every socket.
class Board : public sc_core::sc_module {
 public:
  Board(sc_core::sc_module_name name, const hw::RingParams& params, const hw::DramParams& memory)
      : sc_module(name),
        ring("ring", params, /*first_master=*/0),
        mbus("mbus", {.clock_hz = 200e6, .device_access_cycles = 10}),
        dram("dram", memory),
        cpu("cpu"),
        irq("irq", params.rings),
        cpu_checker("cpu_checker"),
        dma_checker("dma_checker"),
        spy("spy"),
        regs_checker("regs_checker"),
        dram_checker("dram_checker") {
    cpu.bind(cpu_checker.in);
    cpu_checker.out.bind(mbus.in);
    ring.dma.bind(dma_checker.in);
    dma_checker.out.bind(spy.in);
    spy.out.bind(mbus.in);
    mbus.out.bind(dram_checker.in);
    dram_checker.out.bind(dram.socket);
    mbus.out.bind(regs_checker.in);
    regs_checker.out.bind(ring.regs);
    mbus.add_window({"dram", 0, dram.size(), 0, false});
    mbus.add_window({"ring", kWindow, kWindowBytes, 1, true});
    for (unsigned i = 0; i < params.rings; ++i) ring.irq[i].bind(irq[i]);
  }

  tlm::tlm_response_status access(tlm::tlm_command command, std::uint64_t addr, void* data,
                                  unsigned bytes, unsigned char* enables = nullptr) {
    prepare(command, addr, data, bytes);
    payload_.set_byte_enable_ptr(enables);
    payload_.set_byte_enable_length(enables != nullptr ? bytes : 0);
    sc_core::sc_time delay;
    cpu->b_transport(payload_, delay);
    return payload_.get_response_status();
  }
  unsigned debug(tlm::tlm_command command, std::uint64_t addr, void* data, unsigned bytes) {
    prepare(command, addr, data, bytes);
    return cpu->transport_dbg(payload_);
  }
  RingDriver::Machine machine() {
    return {[this](std::uint32_t o, std::uint32_t v) {
              EXPECT_EQ(access(tlm::TLM_WRITE_COMMAND, kWindow + o, &v, 4), tlm::TLM_OK_RESPONSE);
            },
            [this](std::uint32_t o) {
              std::uint32_t v = 0;
              EXPECT_EQ(access(tlm::TLM_READ_COMMAND, kWindow + o, &v, 4), tlm::TLM_OK_RESPONSE);
              return v;
            },
            [this](hw::PhysAddr a) { return dram.host(a); }};
  }

  hw::CryptoRing ring;
  hw::Mbus mbus;
  hw::Dram dram;
  tlm_utils::simple_initiator_socket<Board> cpu;
  sc_core::sc_vector<sc_core::sc_signal<bool>> irq;
  hw::TlmChecker cpu_checker, dma_checker;
  MasterSpy spy;
  hw::TlmChecker regs_checker, dram_checker;

 private:
  void prepare(tlm::tlm_command command, std::uint64_t addr, void* data, unsigned bytes) {
    payload_.set_command(command);
    payload_.set_address(addr);
    payload_.set_data_ptr(static_cast<unsigned char*>(data));
    payload_.set_data_length(bytes);
    payload_.set_streaming_width(bytes);
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  }
  tlm::tlm_generic_payload payload_;
};

hw::DramParams fast_memory() {
  hw::DramParams d;
  d.size_mib = 32;
  d.bandwidth_bytes_per_s = 1e12;
  d.read_latency_ns = 40;
  return d;
}

class CryptoRing : public testing::Test {
 protected:
  explicit CryptoRing(const hw::RingParams& params = bench_params(),
                      const hw::DramParams& memory = fast_memory())
      : b("board", params, memory) {
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    for (unsigned i = 0; i < params.rings; ++i) {
      drivers.emplace_back(b.machine(), i, RingDriver::Options());
    }
    drivers[0].load_key(0, kKey);
  }
  RingDriver& d() { return drivers[0]; }
  void put(hw::PhysAddr at, const Bytes& data) {
    std::copy(data.begin(), data.end(), b.dram.host(at));
  }
  Bytes get(hw::PhysAddr at, std::size_t n) { return {b.dram.host(at), b.dram.host(at) + n}; }

  const Bytes kKey = pattern(16, 1);
  Board b;
  std::vector<RingDriver> drivers;
};

TEST_F(CryptoRing, ARequestTakesItsTimeAndRaisesTheLine) {
  const Bytes iv = pattern(16, 2), data = pattern(512, 3);
  put(kData, data);
  d().submit(cbc_request(kData, kData + 0x1000, 512, iv));
  // The sum of the stages (see overlap_test), the memory's latency on both reads, and the
  // doorbell itself on its way over the bus.
  const Ps end = (7 + 13 + 109 + 388 + 76 + 5 + 10) * kTclk + 2 * 40 * hw::kPsPerNs;
  run_for(end - 1);
  EXPECT_FALSE(b.irq[0].read());
  EXPECT_EQ(d().read(kCqProducer), 0u);
  run_for(1);
  EXPECT_TRUE(b.irq[0].read());
  EXPECT_EQ(d().read(kCqProducer), 1u);
  const auto done = d().take();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, hw::RingStatus::ok);
  EXPECT_EQ(get(kData + 0x1000, 512), openssl("AES-128-CBC", kKey, iv, data, true));
  d().clear(irq::kDone);
  run();
  EXPECT_FALSE(b.irq[0].read());
  EXPECT_EQ(now(), end + 10 * kTclk) << "nothing was due but the driver's own last write";
  EXPECT_GT(b.dma_checker.calls(), 0u);
}

TEST_F(CryptoRing, DebugTransportReadsAndWritesWithoutEffect) {
  d().submit(cbc_request(kData, kData, 512, pattern(16, 2)));
  run_for(200 * kTclk);
  std::uint32_t words[32] = {};
  EXPECT_EQ(b.debug(tlm::TLM_READ_COMMAND, kWindow + page(0), words, sizeof words), sizeof words);
  EXPECT_EQ(words[kSqProducer / 4], 1u);
  EXPECT_EQ(words[kStatus / 4] & 1, 1u);
  EXPECT_EQ(words[0x60 / 4], 0u) << "no register there, and no complaint";
  std::uint32_t reset = 1;
  EXPECT_EQ(b.debug(tlm::TLM_WRITE_COMMAND, kWindow + page(0) + kCommand, &reset, 4), 4u);
  EXPECT_EQ(b.debug(tlm::TLM_READ_COMMAND, kWindow + page(0) + 2, words, 4), 0u);
  EXPECT_EQ(b.debug(tlm::TLM_READ_COMMAND, kWindow + kWindowBytes - 4, words, 4), 4u);
  EXPECT_EQ(now(), 200 * kTclk);
  run();
  EXPECT_EQ(d().take().size(), 1u) << "the reset was not one";
  EXPECT_EQ(b.ring.stats().guest_errors, 0u);
}

TEST_F(CryptoRing, AccessesThatAreNoAlignedWordAreAnsweredWithAnError) {
  std::uint64_t data = 0;
  EXPECT_EQ(b.access(tlm::TLM_READ_COMMAND, kWindow, &data, 8), tlm::TLM_BURST_ERROR_RESPONSE);
  EXPECT_EQ(b.access(tlm::TLM_READ_COMMAND, kWindow, &data, 2), tlm::TLM_BURST_ERROR_RESPONSE);
  EXPECT_EQ(b.access(tlm::TLM_WRITE_COMMAND, kWindow + 2, &data, 4), tlm::TLM_BURST_ERROR_RESPONSE);
  unsigned char enables[4] = {0xFF, 0, 0, 0};
  EXPECT_EQ(b.access(tlm::TLM_WRITE_COMMAND, kWindow, &data, 4, enables),
            tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  EXPECT_EQ(b.ring.stats().guest_errors, 4u);
}

TEST_F(CryptoRing, AnAddressThatTheBusDoesNotKnowFailsTheRequest) {
  d().submit(cbc_request(0xE0000000, kData, 64, pattern(16, 2)));
  run();
  const auto done = d().take();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, hw::RingStatus::source_bus_error);
  EXPECT_EQ(d().cause(), irq::kDone | irq::kFailed);
}

class CryptoRings : public CryptoRing {
 protected:
  CryptoRings() : CryptoRing(bench_params(2, 3)) {}
};

TEST_F(CryptoRings, EachRingHasItsPageAndItsLine) {
  const Bytes iv = pattern(16, 2), data = pattern(256, 3);
  for (unsigned r = 1; r < 3; ++r) {
    put(kData + 0x1000 * r, data);
    drivers[r].submit(cbc_request(kData + 0x1000 * r, kData + 0x1000 * r, 256, iv));
  }
  drivers[2].write(kIntMask, 0);
  run();
  EXPECT_FALSE(b.irq[0].read());
  EXPECT_TRUE(b.irq[1].read());
  EXPECT_FALSE(b.irq[2].read());
  for (unsigned r = 1; r < 3; ++r) {
    EXPECT_EQ(drivers[r].take().size(), 1u);
    EXPECT_EQ(get(kData + 0x1000 * r, 256), openssl("AES-128-CBC", kKey, iv, data, true));
  }
}

/// Ends of 200 requests and of the whole run, with or without running ahead.
std::vector<Ps> interrupt_times(CryptoRing&, Board& b, RingDriver& d, bool ahead) {
  b.ring.run_ahead(ahead);
  std::vector<Ps> edges;
  const Bytes iv = pattern(16, 2);
  d.write(kCoalesceCount, 5);
  for (unsigned round = 0; round < 4; ++round) {
    for (unsigned i = 0; i < 50; ++i) d.put(cbc_request(kData, kData, 16 * (1 + i), iv));
    d.doorbell();
    // A handler that takes a while: the signal's edge is seen at its own time.
    for (;;) {
      while (!b.irq[0].read() && sc_core::sc_pending_activity()) {
        sc_core::sc_start(sc_core::sc_time_to_pending_activity());
        while (sc_core::sc_pending_activity_at_current_time()) {
          sc_core::sc_start(sc_core::SC_ZERO_TIME);
        }
      }
      if (!b.irq[0].read()) break;
      edges.push_back(now());
      d.clear(irq::kDone);
      d.take();
      run_for(kTclk);
    }
  }
  EXPECT_EQ(b.ring.stats().completed, 200u);
  return edges;
}

/// The plain core's interrupt times under the same traffic and memory, as the judge of both.
class CryptoRingAhead : public CryptoRing {
 protected:
  void check(bool ahead) {
    const std::vector<Ps> edges = interrupt_times(*this, b, d(), ahead);
    EXPECT_EQ(edges.size(), 40u);
    EXPECT_TRUE(std::is_sorted(edges.begin(), edges.end()));
    EXPECT_EQ(edges.back(), expected_last());
  }
  /// From a plain core driven the same way.
  Ps expected_last() {
    PlainRing m;
    m.mem.read_latency = 40 * hw::kPsPerNs;
    RingDriver::Machine machine = RingDriver::machine_of(m);
    // A write on its way over the bus.
    machine.write = [&m](std::uint32_t o, std::uint32_t v) {
      m.core->write(o, v, m.now + 10 * kTclk);
    };
    RingDriver plain(machine, 0, {});
    plain.load_key(0, kKey);
    plain.write(kCoalesceCount, 5);
    Ps last = 0;
    for (unsigned round = 0; round < 4; ++round) {
      for (unsigned i = 0; i < 50; ++i) {
        plain.put(cbc_request(kData, kData, 16 * (1 + i), pattern(16, 2)));
      }
      plain.doorbell();
      for (;;) {
        while (!m.core->irq(0) && m.step()) {
        }
        if (!m.core->irq(0)) break;
        last = m.now;
        plain.clear(irq::kDone);
        plain.take();
        m.run_for(kTclk);
      }
    }
    return last;
  }
};

TEST_F(CryptoRingAhead, StepByStep) { check(false); }
TEST_F(CryptoRingAhead, RunningAheadChangesNoInterrupt) { check(true); }

class CryptoRingSlowMemory : public CryptoRing {
 protected:
  static hw::DramParams slow() {
    hw::DramParams d = fast_memory();
    d.bandwidth_bytes_per_s = 200e6;
    return d;
  }
  CryptoRingSlowMemory() : CryptoRing(bench_params(2), slow()) {}
};

TEST_F(CryptoRingSlowMemory, ChannelsShareTheMemoryAsMastersOfTheirOwn) {
  for (unsigned i = 0; i < 60; ++i) {
    d().put(cbc_request(kData + 0x1000 * i, kData + 0x1000 * i, 2048, pattern(16, 2)));
  }
  const Ps start = now();
  d().doorbell();
  run();
  EXPECT_EQ(d().take().size(), 60u);
  using Channels = std::map<unsigned, std::set<tlm::tlm_command>>;
  const std::set<tlm::tlm_command> reads = {tlm::TLM_READ_COMMAND};
  const std::set<tlm::tlm_command> writes = {tlm::TLM_WRITE_COMMAND};
  EXPECT_EQ(b.spy.masters,
            (Channels{{0, reads}, {1, writes}, {2, reads}, {3, writes}, {4, reads}, {5, writes}}));
  // In and out of 60 requests at 200 MB/s: no faster than the memory, whose sharing rule lets
  // each further master overdraw it by a tenth.
  const double seconds = static_cast<double>(now() - start) * 1e-12;
  EXPECT_GT(seconds, 60 * 2 * 2048 / 200e6 / 1.5);
}

TEST(CryptoRingMasters, ThoseThatTheBusDoesNotHaveAreRefused) {
  EXPECT_THROW(hw::CryptoRing("other", bench_params(), hw::kMbusMasters - 3),
               std::invalid_argument);
}

}  // namespace
}  // namespace cesasim::test
