// SPDX-License-Identifier: Apache-2.0
#include "hw_model/memory/dram.h"

#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <array>
#include <cstring>

namespace cesasim::hw {
namespace {

constexpr std::uint64_t kSize = 16u << 20;

struct Model : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Model> port;
  Dram dram;
  tlm::tlm_generic_payload trans;
  std::array<std::uint8_t, 256> data{};
  sc_core::sc_time delay;

  explicit Model(sc_core::sc_module_name name = "bench")
      : sc_module(name), port("port"), dram("dram", {16, 1e9, 50}) {
    port.bind(dram.socket);
  }
  tlm::tlm_response_status go(tlm::tlm_command command, PhysAddr addr, unsigned len) {
    trans.set_command(command);
    trans.set_address(addr);
    trans.set_data_ptr(data.data());
    trans.set_data_length(len);
    trans.set_streaming_width(len);
    trans.set_dmi_allowed(false);
    trans.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    delay = sc_core::SC_ZERO_TIME;
    port->b_transport(trans, delay);
    return trans.get_response_status();
  }
};

/// The model, elaborated.
struct Bench : Model {
  Bench() { sc_core::sc_start(sc_core::SC_ZERO_TIME); }
};

TEST(DramStorage, IsZeroAndKeepsWhatIsWritten) {
  DramStorage s(1 << 20);
  EXPECT_EQ(s.size(), 1u << 20);
  EXPECT_EQ(s.data()[0], 0);
  EXPECT_EQ(s.data()[s.size() - 1], 0);
  s.data()[s.size() - 1] = 7;
  EXPECT_EQ(s.data()[s.size() - 1], 7);
}

TEST(Dram, ReadsWhatWasWritten) {
  Bench b;
  b.data.fill(0xa5);
  EXPECT_EQ(b.go(tlm::TLM_WRITE_COMMAND, 100, 64), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.dram.host(100)[63], 0xa5);
  EXPECT_EQ(b.dram.host(100)[64], 0);
  b.data.fill(0);
  EXPECT_EQ(b.go(tlm::TLM_READ_COMMAND, 99, 66), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.data[0], 0);
  EXPECT_EQ(b.data[1], 0xa5);
  EXPECT_EQ(b.data[64], 0xa5);
  EXPECT_EQ(b.data[65], 0);
  EXPECT_TRUE(b.trans.is_dmi_allowed());
}

TEST(Dram, TheLastByteIsThereTheNextIsNot) {
  Bench b;
  EXPECT_EQ(b.dram.size(), kSize);
  EXPECT_EQ(b.go(tlm::TLM_WRITE_COMMAND, kSize - 4, 4), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(b.go(tlm::TLM_WRITE_COMMAND, kSize - 3, 4), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.go(tlm::TLM_READ_COMMAND, kSize, 1), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.go(tlm::TLM_READ_COMMAND, ~std::uint64_t{0}, 4), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.delay, sc_core::SC_ZERO_TIME) << "an error takes no memory time";
  EXPECT_EQ(b.dram.bandwidth().bytes(), 4u);
}

TEST(Dram, ByteEnablesAreRefused) {
  Bench b;
  std::uint8_t enable = TLM_BYTE_ENABLED;
  b.trans.set_byte_enable_ptr(&enable);
  b.trans.set_byte_enable_length(1);
  EXPECT_EQ(b.go(tlm::TLM_WRITE_COMMAND, 0, 4), tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
}

TEST(Dram, StreamingIsRefused) {
  Bench b;
  b.go(tlm::TLM_READ_COMMAND, 0, 8);
  b.trans.set_streaming_width(4);
  b.trans.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  b.port->b_transport(b.trans, b.delay);
  EXPECT_EQ(b.trans.get_response_status(), tlm::TLM_BURST_ERROR_RESPONSE);
}

TEST(Dram, ReadsPayTheLatencyOrTheBandwidth) {
  Bench b;
  b.go(tlm::TLM_READ_COMMAND, 0, 16);
  EXPECT_EQ(b.delay.value(), 50 * kPsPerNs) << "first data";
  b.go(tlm::TLM_READ_COMMAND, 0, 256);
  EXPECT_EQ(b.delay.value(), 256 * kPsPerNs);
  b.go(tlm::TLM_WRITE_COMMAND, 0, 16);
  EXPECT_EQ(b.delay.value(), 16 * kPsPerNs) << "writes are posted";
}

TEST(Dram, TheExtensionSaysWhoAndHowLong) {
  Bench b;
  MbusExtension extension;
  extension.master = mbus_master_tdma(0);
  extension.own_ps = 900 * kPsPerNs;
  b.trans.set_extension(&extension);
  b.go(tlm::TLM_WRITE_COMMAND, 0, 90);
  EXPECT_EQ(b.delay.value(), 900 * kPsPerNs);
  extension.master = mbus_master_cpu(1);
  extension.own_ps = 0;
  b.go(tlm::TLM_WRITE_COMMAND, 0, 90);
  EXPECT_EQ(b.delay.value(), 100 * kPsPerNs) << "0.9 of the memory is left";
  b.trans.clear_extension(&extension);
}

TEST(Dram, TimeCountsFromTheDelayGiven) {
  Bench b;
  MbusExtension extension;
  extension.master = 1;
  b.trans.set_extension(&extension);
  b.go(tlm::TLM_WRITE_COMMAND, 0, 200);  // all of it until 200 ns
  extension.master = 2;
  b.delay = sc_core::sc_time(200, sc_core::SC_NS);
  b.trans.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  b.port->b_transport(b.trans, b.delay);
  EXPECT_EQ(b.delay, sc_core::sc_time(400, sc_core::SC_NS));
  b.trans.clear_extension(&extension);
}

TEST(Dram, DebugMovesBytesWithoutTime) {
  Bench b;
  b.data.fill(0x3c);
  b.trans.set_command(tlm::TLM_WRITE_COMMAND);
  b.trans.set_address(8);
  b.trans.set_data_ptr(b.data.data());
  b.trans.set_data_length(32);
  b.trans.set_streaming_width(32);
  EXPECT_EQ(b.port->transport_dbg(b.trans), 32u);
  EXPECT_EQ(b.dram.host(8)[31], 0x3c);
  EXPECT_EQ(b.dram.bandwidth().bytes(), 0u);
  b.trans.set_address(kSize - 1);
  EXPECT_EQ(b.port->transport_dbg(b.trans), 0u);
}

TEST(Dram, DmiCoversAllOfIt) {
  Bench b;
  tlm::tlm_dmi dmi;
  b.trans.set_command(tlm::TLM_READ_COMMAND);
  b.trans.set_address(0x1234);
  ASSERT_TRUE(b.port->get_direct_mem_ptr(b.trans, dmi));
  EXPECT_EQ(dmi.get_start_address(), 0u);
  EXPECT_EQ(dmi.get_end_address(), kSize - 1);
  EXPECT_TRUE(dmi.is_read_write_allowed());
  dmi.get_dmi_ptr()[0x1234] = 9;
  EXPECT_EQ(*b.dram.host(0x1234), 9);
}

TEST(Dram, DmiOutsideIsRefused) {
  Bench b;
  tlm::tlm_dmi dmi;
  b.trans.set_command(tlm::TLM_READ_COMMAND);
  b.trans.set_address(kSize);
  EXPECT_FALSE(b.port->get_direct_mem_ptr(b.trans, dmi));
}

TEST(Dram, AnIgnoredCommandMovesNothing) {
  Bench b;
  b.data.fill(0x11);
  EXPECT_EQ(b.go(tlm::TLM_IGNORE_COMMAND, 0, 4), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(*b.dram.host(0), 0);
  EXPECT_EQ(b.data[0], 0x11);
  EXPECT_EQ(b.port->transport_dbg(b.trans), 0u);
}

}  // namespace
}  // namespace cesasim::hw
