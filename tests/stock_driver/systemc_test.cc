// SPDX-License-Identifier: Apache-2.0
// The same driver over the SystemC module with its TLM sockets, behind protocol checkers: the
// kernel is an SC_THREAD, and the simulator runs while it waits. One elaboration per process.
#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <memory>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "hw_model/cesa/cesa.h"
#include "hw_model/checker/tlm_checker.h"
#include "tests/stock_driver/board.h"
#include "tests/stock_driver/client.h"
#include "tests/stock_driver/fixture.h"
#include "tests/stock_driver/simulated_kernel.h"
#include "tests/stock_driver/workload.h"

namespace cesasim::stock {
namespace {

class SystemcBoard : public sc_core::sc_module, public Machine {
 public:
  SystemcBoard(sc_core::sc_module_name name, const Variant& variant)
      : sc_module(name),
        cesa_("cesa", cesa_params(variant)),
        regs_("regs"),
        sram_("sram", variant.engines),
        dma_("dma", variant.engines),
        irq_("irq", variant.engines),
        platform_(variant, {}),
        variant_(variant) {
    regs_.bind(checked("regs_checker", cesa_.regs));
    for (unsigned i = 0; i < variant.engines; ++i) {
      const std::string n = std::to_string(i);
      sram_[i].bind(checked("sram_checker" + n, cesa_.sram[i]));
      dma_[i].register_b_transport(this, &SystemcBoard::dma);
      cesa_.dma[i].bind(checked("dma_checker" + n, dma_[i]));
      cesa_.irq[i].bind(irq_[i]);
    }
    SC_HAS_PROCESS(SystemcBoard);
    SC_THREAD(run);
  }

  std::uint32_t read32(std::uint32_t addr) override {
    std::uint32_t value = 0;
    access(regs_, tlm::TLM_READ_COMMAND, addr - kRegsBase, &value, 4);
    return value;
  }
  void write32(std::uint32_t addr, std::uint32_t value) override {
    access(regs_, tlm::TLM_WRITE_COMMAND, addr - kRegsBase, &value, 4);
  }
  void copy_in(std::uint32_t addr, const void* from, std::size_t size) override {
    sram_access(tlm::TLM_WRITE_COMMAND, addr, const_cast<void*>(from), size);
  }
  void copy_out(std::uint32_t addr, void* to, std::size_t size) override {
    sram_access(tlm::TLM_READ_COMMAND, addr, to, size);
  }
  bool advance() override {
    if (!sc_core::sc_pending_activity()) return false;
    sc_core::wait(sc_core::sc_time_to_pending_activity());
    return true;
  }
  bool irq(int line) const override {
    for (unsigned i = 0; i < variant_.engines; ++i) {
      if (line == irq_line(i)) return irq_[i].read();
    }
    return false;
  }

  bool ended() const { return ended_; }
  const hw::CesaStats& stats(unsigned engine) const { return cesa_.stats(engine); }

 private:
  template <typename Socket>
  tlm_utils::simple_target_socket<hw::TlmChecker>& checked(const std::string& name,
                                                           Socket& target) {
    checkers_.push_back(std::make_unique<hw::TlmChecker>(name.c_str()));
    checkers_.back()->out.bind(target);
    return checkers_.back()->in;
  }

  void run() {
    SimulatedKernel kernel(*this);
    kernel_ = &kernel;
    ASSERT_EQ(kernel.probe(platform_.pdev), 0);
    Rng rng(11);
    for (int round = 0; round < 3; ++round) {
      ciphers(kernel, rng);
      hashes(kernel, rng);
    }
    kernel.remove();
    for (const std::string& report : kernel.take_reports()) {
      if (report != kDoubleFree) ADD_FAILURE() << report;
    }
    EXPECT_EQ(kernel.memory.live_blocks(), 0u);
    kernel_ = nullptr;
    ended_ = true;
  }

  void ciphers(SimulatedKernel& kernel, Rng& rng) {
    std::vector<std::pair<const CipherAlgorithm*, std::unique_ptr<CipherJob>>> jobs;
    for (const CipherAlgorithm& alg : cipher_algorithms()) {
      for (int i = 0; i < 4; ++i) {
        const unsigned most = variant_.tdma ? 4000 : payload_bytes(variant_);
        jobs.emplace_back(&alg, std::make_unique<CipherJob>(alg, rng, most));
        ASSERT_EQ(jobs.back().second->request.submit(jobs.back().second->encrypt), -EINPROGRESS);
      }
    }
    kernel.run_until_quiet();
    for (const auto& [alg, job] : jobs) {
      ASSERT_TRUE(job->request.ended());
      job->check(*alg);
    }
  }

  void hashes(SimulatedKernel& kernel, Rng& rng) {
    for (const HashAlgorithm& alg : hash_algorithms()) {
      if (alg.digest_bytes == 32 && !variant_.sha256) continue;
      Message message(variant_, alg, rng, 3000);
      while (!message.ended()) {
        message.go_on();
        kernel.run_until_quiet();
      }
      message.check();
    }
  }

  template <typename Socket>
  void access(Socket& socket, tlm::tlm_command command, std::uint32_t at, void* data,
              std::size_t size) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(at);
    payload.set_data_ptr(static_cast<unsigned char*>(data));
    payload.set_data_length(static_cast<unsigned>(size));
    payload.set_streaming_width(static_cast<unsigned>(size));
    sc_core::sc_time delay;
    socket->b_transport(payload, delay);
    EXPECT_TRUE(payload.is_response_ok()) << payload.get_response_string();
    sc_core::wait(delay);
  }

  void sram_access(tlm::tlm_command command, std::uint32_t addr, void* data, std::size_t size) {
    if (size == 0) return;
    const unsigned i = variant_.engines == 2 && addr >= kSramBase[1] ? 1 : 0;
    access(sram_[i], command, addr - kSramBase[i], data, size);
  }

  void dma(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    const std::uint64_t at = payload.get_address();
    unsigned char* data = payload.get_data_ptr();
    const unsigned size = payload.get_data_length();
    DmaMemory& memory = kernel_->memory;
    const bool ok = payload.is_read() ? memory.device_read(at, data, size)
                                      : memory.device_write(at, data, size);
    payload.set_response_status(ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }

  hw::Cesa cesa_;
  tlm_utils::simple_initiator_socket<SystemcBoard> regs_;
  sc_core::sc_vector<tlm_utils::simple_initiator_socket<SystemcBoard>> sram_;
  sc_core::sc_vector<tlm_utils::simple_target_socket<SystemcBoard>> dma_;
  sc_core::sc_vector<sc_core::sc_signal<bool>> irq_;
  std::vector<std::unique_ptr<hw::TlmChecker>> checkers_;
  Platform platform_;
  Variant variant_;
  SimulatedKernel* kernel_ = nullptr;
  bool ended_ = false;
};

void run_on(const Variant& variant) {
  SystemcBoard board("board", variant);
  sc_core::sc_start();
  EXPECT_TRUE(board.ended());
  for (unsigned i = 0; i < variant.engines; ++i) {
    EXPECT_EQ(board.stats(i).guest_errors, 0u) << board.stats(i).last_report;
    EXPECT_EQ(board.stats(i).unimplemented, 0u) << board.stats(i).last_report;
    EXPECT_GT(board.stats(i).operations, 10u);
  }
  sc_core::sc_stop();
}

TEST(StockDriverOnSystemc, TdmaWithTwoEngines) { run_on(kArmadaXp); }
TEST(StockDriverOnSystemc, ProcessorCopies) { run_on(kOrion); }

}  // namespace
}  // namespace cesasim::stock
