// SPDX-License-Identifier: Apache-2.0
#include "hw_model/memory/mbus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <stdexcept>
#include <vector>

namespace cesasim::hw {
namespace {

/// Remembers what reaches it; its DMI region is 4 KiB whatever window shows it.
struct Target : sc_core::sc_module {
  tlm_utils::simple_target_socket<Target> socket;
  std::vector<PhysAddr> seen;
  std::uint8_t memory[4096] = {};
  bool grant = true;

  explicit Target(sc_core::sc_module_name name) : sc_module(name), socket("socket") {
    socket.register_b_transport(this, &Target::b_transport);
    socket.register_transport_dbg(this, &Target::transport_dbg);
    socket.register_get_direct_mem_ptr(this, &Target::get_direct_mem_ptr);
  }
  void b_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
    seen.push_back(trans.get_address());
    delay += sc_core::sc_time(7, sc_core::SC_NS);
    trans.set_response_status(tlm::TLM_OK_RESPONSE);
  }
  unsigned transport_dbg(tlm::tlm_generic_payload& trans) {
    seen.push_back(trans.get_address());
    return trans.get_data_length();
  }
  bool get_direct_mem_ptr(tlm::tlm_generic_payload& trans, tlm::tlm_dmi& dmi) {
    seen.push_back(trans.get_address());
    dmi.set_dmi_ptr(memory);
    dmi.set_start_address(0);
    dmi.set_end_address(sizeof memory - 1);
    dmi.allow_read_write();
    return grant;
  }
};

struct Master : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Master> port;
  std::vector<std::pair<PhysAddr, PhysAddr>> invalidated;
  explicit Master(sc_core::sc_module_name name) : sc_module(name), port("port") {
    port.register_invalidate_direct_mem_ptr(this, &Master::invalidate);
  }
  void invalidate(sc_dt::uint64 start, sc_dt::uint64 end) { invalidated.push_back({start, end}); }
};

struct Model : sc_core::sc_module {
  Master master{"master"}, other{"other"};
  Mbus bus{"bus", {200e6, 10}};  // a device access takes 50 ns
  Target memory{"memory"}, device{"device"};
  tlm::tlm_generic_payload trans;
  std::uint8_t data[64] = {};
  sc_core::sc_time delay;

  explicit Model(sc_core::sc_module_name name = "bench") : sc_module(name) {
    master.port.bind(bus.in);
    other.port.bind(bus.in);
    bus.out.bind(memory.socket);
    bus.out.bind(device.socket);
    bus.add_window({"memory", 0, 0x1000, 0, false});
    bus.add_window({"device", 0xF0000000, 0x100, 1, true});
  }
  void prepare(PhysAddr addr, unsigned len) {
    trans.set_command(tlm::TLM_READ_COMMAND);
    trans.set_address(addr);
    trans.set_data_ptr(data);
    trans.set_data_length(len);
    trans.set_streaming_width(len);
    trans.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    delay = sc_core::SC_ZERO_TIME;
  }
  tlm::tlm_response_status go(PhysAddr addr, unsigned len = 4) {
    prepare(addr, len);
    master.port->b_transport(trans, delay);
    EXPECT_EQ(trans.get_address(), addr) << "the initiator's address is its own";
    return trans.get_response_status();
  }
};

/// The model, elaborated.
struct Bench : Model {
  Bench() { sc_core::sc_start(sc_core::SC_ZERO_TIME); }
};

using Addrs = std::vector<PhysAddr>;

TEST(Mbus, TakesTheWindowsBaseOff) {
  Bench b;
  EXPECT_EQ(b.go(0x10), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.go(0xF0000010), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.go(0xF00000FC), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.memory.seen, (Addrs{0x10}));
  EXPECT_EQ(b.device.seen, (Addrs{0x10, 0xFC}));
  EXPECT_EQ(b.bus.decode_errors(), 0u);
}

TEST(Mbus, OnlyDevicesPayForTheAccess) {
  Bench b;
  b.go(0x10);
  EXPECT_EQ(b.delay, sc_core::sc_time(7, sc_core::SC_NS));
  b.go(0xF0000000);
  EXPECT_EQ(b.delay, sc_core::sc_time(57, sc_core::SC_NS));
}

TEST(Mbus, NobodysAddressIsAnErrorAndCounted) {
  Bench b;
  EXPECT_EQ(b.go(0x1000), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.go(0xEFFFFFFC), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.go(0xF0000100), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.go(~PhysAddr{0}), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.bus.decode_errors(), 4u);
  EXPECT_TRUE(b.memory.seen.empty());
  EXPECT_TRUE(b.device.seen.empty());
}

TEST(Mbus, ATransferMayNotLeaveItsWindow) {
  Bench b;
  EXPECT_EQ(b.go(0xFFC, 4), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.go(0xFFD, 4), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.go(0xF00000F8, 16), tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

TEST(Mbus, OverlappingWindowsAreRefusedByName) {
  Bench b;
  for (const auto& [base, size] :
       std::vector<std::pair<PhysAddr, std::uint64_t>>{{0xFFF, 1}, {0, 0x1000}, {0x800, 0x10000}}) {
    try {
      b.bus.add_window({"intruder", base, size, 0, false});
      ADD_FAILURE() << "accepted at " << base;
    } catch (const std::invalid_argument& e) {
      const std::string what = e.what();
      EXPECT_THAT(what, testing::HasSubstr("'intruder'"));
      EXPECT_THAT(what, testing::HasSubstr("'memory'"));
    }
  }
  EXPECT_EQ(b.bus.windows().size(), 2u);
  b.bus.add_window({"neighbour", 0x1000, 0x1000, 0, false});
  EXPECT_EQ(b.go(0x1004), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.memory.seen, (Addrs{4}));
}

TEST(Mbus, AWindowPastTheEndOfAllAddressesIsRefused) {
  Bench b;
  EXPECT_THROW(b.bus.add_window({"wrap", ~PhysAddr{0} - 15, 32, 0, false}), std::invalid_argument);
  EXPECT_THROW(b.bus.add_window({"nothing", 0x5000, 0, 0, false}), std::invalid_argument);
  b.bus.add_window({"top", ~PhysAddr{0} - 15, 16, 0, false});
  EXPECT_EQ(b.go(~PhysAddr{0} - 3), tlm::TLM_OK_RESPONSE);
}

TEST(Mbus, DebugTakesTheSameWay) {
  Bench b;
  b.prepare(0xF0000020, 8);
  EXPECT_EQ(b.master.port->transport_dbg(b.trans), 8u);
  EXPECT_EQ(b.trans.get_address(), 0xF0000020);
  EXPECT_EQ(b.device.seen, (Addrs{0x20}));
  b.prepare(0x2000, 8);
  EXPECT_EQ(b.master.port->transport_dbg(b.trans), 0u);
  EXPECT_EQ(b.bus.decode_errors(), 0u) << "a debugger's look is no error of the guest";
}

TEST(Mbus, DmiIsTranslatedToBusAddresses) {
  Bench b;
  tlm::tlm_dmi dmi;
  b.prepare(0x10, 4);
  ASSERT_TRUE(b.master.port->get_direct_mem_ptr(b.trans, dmi));
  EXPECT_EQ(dmi.get_start_address(), 0u);
  EXPECT_EQ(dmi.get_end_address(), 0xFFFu);
  EXPECT_EQ(dmi.get_dmi_ptr(), b.memory.memory);
  EXPECT_EQ(b.trans.get_address(), 0x10u);
}

/// TLM-2.0: the range of a denial is what is denied. Where nothing is mapped that is this address.
TEST(Mbus, DmiOfNoWindowDeniesThatAddressAlone) {
  Bench b;
  tlm::tlm_dmi dmi;
  b.prepare(0x2000, 4);
  EXPECT_FALSE(b.master.port->get_direct_mem_ptr(b.trans, dmi));
  EXPECT_EQ(dmi.get_start_address(), 0x2000u);
  EXPECT_EQ(dmi.get_end_address(), 0x2000u);
}

TEST(Mbus, DmiEndsWhereTheWindowEnds) {
  Bench b;
  tlm::tlm_dmi dmi;
  b.prepare(0xF0000040, 4);
  ASSERT_TRUE(b.master.port->get_direct_mem_ptr(b.trans, dmi));
  EXPECT_EQ(b.device.seen, (Addrs{0x40}));
  EXPECT_EQ(dmi.get_start_address(), 0xF0000000u);
  EXPECT_EQ(dmi.get_end_address(), 0xF00000FFu) << "the target has 4 KiB, the window 256 bytes";
}

TEST(Mbus, DmiWhereNothingIsIsRefused) {
  Bench b;
  tlm::tlm_dmi dmi;
  b.prepare(0x2000, 4);
  EXPECT_FALSE(b.master.port->get_direct_mem_ptr(b.trans, dmi));
  b.memory.grant = false;
  b.prepare(0x10, 4);
  EXPECT_FALSE(b.master.port->get_direct_mem_ptr(b.trans, dmi));
}

TEST(Mbus, InvalidationsReachEveryMasterInBusAddresses) {
  Bench b;
  b.device.socket->invalidate_direct_mem_ptr(0x10, 0x1F);
  using Ranges = std::vector<std::pair<PhysAddr, PhysAddr>>;
  EXPECT_EQ(b.master.invalidated, (Ranges{{0xF0000010, 0xF000001F}}));
  EXPECT_EQ(b.other.invalidated, b.master.invalidated);
}

TEST(Mbus, InvalidationsStayWithinTheWindow) {
  Bench b;
  b.device.socket->invalidate_direct_mem_ptr(0x80, ~std::uint64_t{0});  // "all from there on"
  b.device.socket->invalidate_direct_mem_ptr(0x200, 0x2FF);             // the window shows none
  using Ranges = std::vector<std::pair<PhysAddr, PhysAddr>>;
  EXPECT_EQ(b.master.invalidated, (Ranges{{0xF0000080, 0xF00000FF}}));
}

TEST(Mbus, ATargetMayShowInTwoWindows) {
  Bench b;
  b.bus.add_window({"mirror", 0x80000000, 0x800, 0, false});
  EXPECT_EQ(b.go(0x80000004), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.memory.seen, (Addrs{4}));
  b.memory.socket->invalidate_direct_mem_ptr(0, 0xFFF);
  using Ranges = std::vector<std::pair<PhysAddr, PhysAddr>>;
  EXPECT_EQ(b.master.invalidated, (Ranges{{0, 0xFFF}, {0x80000000, 0x800007FF}}));
}

}  // namespace
}  // namespace cesasim::hw
