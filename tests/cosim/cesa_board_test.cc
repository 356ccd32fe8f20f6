// SPDX-License-Identifier: Apache-2.0
// The board behind the BARs: register accesses, the SRAM windows, DMA into the guest's RAM,
// interrupts and injected faults, driven as the session drives it. One elaboration per process
// (shard_count in BUILD).
#include "cosim/device/cesa_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "cosim/device/device_log.h"
#include "hw_model/cesa/registers.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "tests/support/sc_test.h"

namespace cesasim::cosim {
namespace {

using testing::HasSubstr;

using namespace hw::cesa_reg;  // NOLINT(google-build-using-namespace): register names only

constexpr std::uint64_t kRam = 0x30000000;
constexpr std::uint64_t kRamBytes = 0x10000;
constexpr std::uint32_t kSram = 0xF0020000;  // where BAR 1 stands
constexpr std::uint64_t kData = kRam + 0x2000;

hw::CesaParams params() {
  hw::CesaParams p;
  p.engines = 2;
  p.sha256 = true;
  p.sram_base0 = 0x1000;  // somewhere else until BAR 1 is assigned
  p.sram_base1 = 0x2000;
  return p;
}

class CesaBoardTest : public testing::Test {
 protected:
  explicit CesaBoardTest(const Injection& injection = {})
      : log_file("/tmp/cesasim-board-" + std::to_string(::getpid())),
        log(log_file),
        board("board", params(), {64, 1e9, 100}, memory, log, injection) {
    std::vector<FileDescriptor> files;
    files.emplace_back(::memfd_create("ram", 0));
    EXPECT_EQ(::ftruncate(files[0].get(), kRamBytes), 0);
    memory.map({{kRam, kRamBytes, 0, 0}}, files);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    board.bar_moved(kSramBar, kSram);
  }
  ~CesaBoardTest() override { ::unlink(log_file.c_str()); }

  std::uint32_t read(std::uint32_t offset) {
    std::uint32_t value = 0;
    board.bar_read(kRegistersBar, offset, bytes_of(value));
    return value;
  }
  void write(std::uint32_t offset, std::uint32_t value) {
    board.bar_write(kRegistersBar, offset, bytes_of(std::as_const(value)));
  }
  void poke(std::uint64_t address, const std::vector<std::uint32_t>& words) {
    std::memcpy(memory.find(address, 4 * words.size()), words.data(), 4 * words.size());
  }

  /// A chain of the Linux driver's form for engine `e`: AES-128-CBC of one block in place.
  void start_chain(unsigned e) {
    const std::uint32_t r = e * kEngineStride;
    const std::uint32_t sram = kSram + e * kSramStride;
    const auto at = static_cast<std::uint32_t>(kRam);
    // Operation: descriptor, key at 0x20, IV at 0x40, data at 0x80.
    std::vector<std::uint32_t> op(32);
    op[0] = hw::sa_aes_config(16, true, false);
    op[1] = 0x80 | 0x80 << 16;
    op[2] = 16;
    op[3] = 0x20;
    op[4] = 0x40 | 0x40 << 16;
    std::memcpy(&op[8], "0123456789abcdef", 16);
    std::memcpy(&op[16], "fedcba9876543210", 16);
    poke(kRam + 0x1000, op);
    std::memcpy(memory.find(kData, 16), "attack at dawn!!", 16);
    const std::uint32_t own = 1u << 31;
    poke(kRam, {own | 128, at + 0x1000, sram, at + 0x10});
    poke(kRam + 0x10, {own | 16, at + 0x2000, sram + 0x80, at + 0x20});
    poke(kRam + 0x20, {0, 0, 0, at + 0x30});
    poke(kRam + 0x30, {own | 16, sram + 0x80, at + 0x2000, 0});
    write(r + tdma_win_base(0), 0);
    write(r + tdma_win_ctrl(0), 0xFFFF0001);
    write(r + kTdmaControl, 0x1904);
    write(r + kIntCause, 0);
    write(r + kIntMask, hw::cesa_bit::irq::kAccel0DmaDone);
    write(r + kCfg, 0x2A80);
    write(r + kDescP0, 0);
    write(r + kTdmaNext, at);
    write(r + kCmd, 1);
  }
  void run_to_rest() {
    while (const auto next = board.next_event_ns()) board.advance_to(*next);
  }
  std::string ciphertext() { return {reinterpret_cast<const char*>(memory.find(kData, 16)), 16}; }
  static std::string expected() {
    EVP_CIPHER_CTX* c = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(c, EVP_aes_128_cbc(), nullptr,
                       reinterpret_cast<const unsigned char*>("0123456789abcdef"),
                       reinterpret_cast<const unsigned char*>("fedcba9876543210"));
    EVP_CIPHER_CTX_set_padding(c, 0);
    unsigned char out[32];
    int n = 0;
    EVP_EncryptUpdate(c, out, &n, reinterpret_cast<const unsigned char*>("attack at dawn!!"), 16);
    EVP_CIPHER_CTX_free(c);
    return {reinterpret_cast<const char*>(out), 16};
  }
  std::string logged() {
    log.flush();
    std::ifstream in(log_file);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

  std::string log_file;
  GuestMemory memory;
  DeviceLog log;
  CesaBoard board;
};

TEST_F(CesaBoardTest, RegistersOfBothEngines) {
  write(kDescP0, 0x40);
  write(kEngineStride + kDescP0, 0x80);
  EXPECT_EQ(read(kDescP0), 0x40u);
  EXPECT_EQ(read(kEngineStride + kDescP0), 0x80u);
}

TEST_F(CesaBoardTest, TheSramTakesAnySizeAndEndsWhereItEnds) {
  std::vector<std::uint8_t> data(333, 0x5A), back(333);
  board.bar_write(kSramBar, kSramStride + 7, data);
  board.bar_read(kSramBar, kSramStride + 7, back);
  EXPECT_EQ(back, data);
  board.bar_read(kSramBar, 7, back);
  EXPECT_EQ(back, std::vector<std::uint8_t>(333)) << "the other engine's is untouched";
  board.bar_read(kSramBar, 2048, back);
  EXPECT_EQ(back, std::vector<std::uint8_t>(333, 0xFF)) << "nobody answers";
}

TEST_F(CesaBoardTest, AChainRunsInTimeAndInterrupts) {
  start_chain(1);
  EXPECT_FALSE(board.take_interrupt()) << "a register access takes no simulated time";
  const auto first = board.next_event_ns();
  ASSERT_TRUE(first);
  run_to_rest();
  EXPECT_EQ(ciphertext(), expected());
  EXPECT_EQ(board.take_interrupt(), 1u);
  EXPECT_FALSE(board.take_interrupt());
  EXPECT_EQ(read(kEngineStride + kIntCause) & hw::cesa_bit::irq::kAccel0DmaDone,
            hw::cesa_bit::irq::kAccel0DmaDone);
  // Four descriptors and the two reads wait for the memory (100 ns) each.
  EXPECT_GE(sc_core::sc_time_stamp(), sc_core::sc_time(600, sc_core::SC_NS));
  EXPECT_EQ(board.cesa().stats(1).guest_errors, 0u);
  EXPECT_EQ(board.counters().dma_accesses, 7u);
}

TEST_F(CesaBoardTest, TheLogNamesPagesByAppearance) {
  start_chain(0);
  run_to_rest();
  const std::string text = logged();
  EXPECT_THAT(text, HasSubstr("0 w reg 0xde00 0x00000001\n"));
  EXPECT_THAT(text, HasSubstr(" dma 0 rd ram[0]+0x000 16\n"));
  EXPECT_THAT(text, HasSubstr(" dma 0 rd ram[1]+0x000 128\n"));
  EXPECT_THAT(text, HasSubstr(" dma 0 wr ram[2]+0x000 16\n"));
  EXPECT_THAT(text, HasSubstr(" irq 0\n"));
}

TEST_F(CesaBoardTest, DmaOutsideTheGuestsRamIsABusError) {
  start_chain(0);
  poke(kRam + 0x10, {1u << 31 | 16, 0x70000000, kSram + 0x80, 0});
  run_to_rest();
  EXPECT_FALSE(board.take_interrupt());
  EXPECT_EQ(read(kTdmaErrorCause), hw::cesa_bit::tdma_error::kDataError);
  EXPECT_EQ(board.cesa().stats(0).guest_errors, 1u);
}

// The guest's RAM takes whole accesses in order; it does not do half of what else TLM knows.
TEST_F(CesaBoardTest, TheGuestsRamRefusesByteEnablesAndStreaming) {
  auto* ram = dynamic_cast<tlm::tlm_target_socket<>*>(sc_core::sc_find_object("board.ram_0"));
  ASSERT_NE(ram, nullptr);
  const std::string before = "attack at dawn!!";
  const auto go = [&](tlm::tlm_command command, std::string& data, unsigned width, bool enables) {
    std::string on(data.size(), '\xFF');
    tlm::tlm_generic_payload trans;
    trans.set_command(command);
    trans.set_address(kData);
    trans.set_data_ptr(reinterpret_cast<std::uint8_t*>(data.data()));
    trans.set_data_length(static_cast<unsigned>(data.size()));
    trans.set_streaming_width(width);
    if (enables) {
      trans.set_byte_enable_ptr(reinterpret_cast<std::uint8_t*>(on.data()));
      trans.set_byte_enable_length(static_cast<unsigned>(on.size()));
    }
    sc_core::sc_time delay;
    ram->get_base_interface().b_transport(trans, delay);
    return trans.get_response_status();
  };
  std::memcpy(memory.find(kData, 16), before.data(), 16);
  for (const auto command : {tlm::TLM_READ_COMMAND, tlm::TLM_WRITE_COMMAND}) {
    const std::string mine = "0123456789abcdef";
    std::string data = mine;
    EXPECT_EQ(go(command, data, 16, true), tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    EXPECT_EQ(go(command, data, 8, false), tlm::TLM_BURST_ERROR_RESPONSE);
    EXPECT_EQ(data, mine);
    EXPECT_EQ(ciphertext(), before);
  }
  std::string data(16, ' ');
  EXPECT_EQ(go(tlm::TLM_READ_COMMAND, data, 16, false), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(data, before);
  data = "retreat at night";
  EXPECT_EQ(go(tlm::TLM_WRITE_COMMAND, data, 32, false), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(ciphertext(), data);
}

struct BusError : CesaBoardTest {
  BusError() : CesaBoardTest({Injection::Kind::bus_error, 3}) {}
};
TEST_F(BusError, TheThirdAccessIsRefused) {
  std::vector<Injection::Kind> calls;
  board.on_injection = [&](Injection::Kind kind) { calls.push_back(kind); };
  start_chain(0);
  run_to_rest();
  EXPECT_EQ(calls, std::vector<Injection::Kind>{Injection::Kind::bus_error});
  EXPECT_FALSE(board.take_interrupt());
  EXPECT_EQ(board.counters().dma_accesses, 3u);
  EXPECT_EQ(ciphertext(), "attack at dawn!!");
  EXPECT_THAT(logged(), HasSubstr("inject bus-error@3"));
}

struct LostInterrupt : CesaBoardTest {
  LostInterrupt() : CesaBoardTest({Injection::Kind::lost_irq, 1}) {}
};
TEST_F(LostInterrupt, TheWorkIsDoneButNobodyHears) {
  std::vector<Injection::Kind> calls;
  board.on_injection = [&](Injection::Kind kind) { calls.push_back(kind); };
  start_chain(0);
  run_to_rest();
  EXPECT_EQ(calls, std::vector<Injection::Kind>{Injection::Kind::lost_irq});
  EXPECT_EQ(ciphertext(), expected());
  EXPECT_FALSE(board.take_interrupt());
  start_chain(1);
  run_to_rest();
  EXPECT_EQ(board.take_interrupt(), 1u) << "only the first is lost";
}

struct Stuck : CesaBoardTest {
  Stuck() : CesaBoardTest({Injection::Kind::stuck, 2}) {}
};
TEST_F(Stuck, TheCallComesAtTheAccess) {
  std::vector<Injection::Kind> calls;
  board.on_injection = [&](Injection::Kind kind) { calls.push_back(kind); };
  read(kCmd);
  EXPECT_TRUE(calls.empty());
  read(kCmd);
  EXPECT_EQ(calls, std::vector<Injection::Kind>{Injection::Kind::stuck});
}

}  // namespace
}  // namespace cesasim::cosim
