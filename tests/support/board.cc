// SPDX-License-Identifier: Apache-2.0
#include "tests/support/board.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "dmcrypt_model/path_ocf.h"
#include "dmcrypt_model/path_standard.h"

namespace cesasim::test {

namespace {

/// Gives every number of a cost struct the same value.
class SetAll : public hw::ParamVisitor {
 public:
  explicit SetAll(double value) : value_(value) {}
  void number(const char*, double& v, const char*, double, double, const char*) override {
    v = value_;
  }
  void count(const char*, std::uint32_t&, const char*, std::uint32_t, std::uint32_t,
             const char*) override {}
  void flag(const char*, bool&, const char*) override {}
  void choice(const char*, std::string&, const std::vector<std::string>&, const char*) override {}
  void begin_group(const char*, const char*) override {}
  void end_group() override {}

 private:
  double value_;
};

template <class T>
T all(double value) {
  T t;
  SetAll set(value);
  t.describe(set);
  return t;
}

}  // namespace

hw::SocConfig test_soc(unsigned cores, unsigned engines) {
  hw::SocConfig c;
  c.cores = cores;
  c.checkers = true;
  c.internal_regs_base = 0xF1000000;
  c.disk_irq = 10;
  c.cpu.clock_hz = 1e9;
  c.dram.size_mib = 64;
  c.dram.bandwidth_bytes_per_s = 4e9;
  c.mbus.clock_hz = 200e6;
  c.mbus.device_access_cycles = 10;
  c.cesa.engines = engines;
  c.cesa.regs_offset = 0x30000;
  c.cesa.sram_base0 = 0xF5000000;
  c.cesa.sram_base1 = engines > 1 ? 0xF5010000 : 0;
  c.cesa.irq0 = 22;
  c.cesa.irq1 = engines > 1 ? 23 : 0;
  c.ring.engines = engines;
  c.ring.rings = 2;
  c.ring.doorbell_cycles = 10;
  c.ring.descriptor_fetch_cycles = 4;
  c.ring.read_burst_cycles = 15;
  c.ring.write_burst_cycles = 3;
  c.ring.cipher_start_cycles = 32;
  c.ring.cipher_end_cycles = 4;
  c.ring.decrypt_key_cycles = 14;
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

kernel::KernelCosts test_kernel_costs() {
  auto c = all<kernel::KernelCosts>(100);
  c.memcpy_per_byte = 1;
  c.memcpy_dram_bytes_per_byte = 2;
  c.dma_clean_per_line = 4;
  c.dma_invalidate_per_line = 4;
  c.cache_line_bytes = 32;
  return c;
}

kernel::KernelSettings test_kernel_settings() {
  kernel::KernelSettings s;
  s.hz = 1000;
  s.timeslice_ms = 10;
  s.workqueue_nice_magnitude = 10;
  s.elevator = "deadline";
  s.nr_requests = 128;
  s.max_sectors = 256;
  s.max_segments = 128;
  s.unplug_delay_ms = 3;
  s.unplug_threshold = 4;
  s.deadline_read_expire_ms = 500;
  s.deadline_write_expire_ms = 5000;
  s.deadline_fifo_batch = 16;
  s.deadline_writes_starved = 2;
  return s;
}

driver::OcfCosts test_ocf_costs() { return all<driver::OcfCosts>(100); }
driver::DriverCosts test_driver_costs() { return all<driver::DriverCosts>(100); }
dmcrypt::DmCryptCosts test_dmcrypt_costs() { return all<dmcrypt::DmCryptCosts>(100); }

driver::DriverSettings test_driver_settings() {
  driver::DriverSettings s;
  s.cesa_tdma = {.queue_depth = 128, .chain = true, .threaded_irq = false};
  s.cesa_pio.queue_depth = 50;
  s.cesa_hal.kirkwood_slots = 64;
  s.cesa_hal.armada_slots = 256;
  s.cesa_hal.max_chain = 20;
  s.cesa_ring.entries = 256;
  s.cesa_ring.doorbell_batch = 1;
  s.cesa_ring.coalesce = "off";
  s.cesa_ring.coalesce_count = 1;
  s.watchdog_ms = 20;
  return s;
}

driver::CipherCosts test_cipher_costs() {
  driver::CipherCosts c;
  c.aes_setup = 100;
  c.aes128_encrypt_per_byte = 50;
  c.aes128_decrypt_per_byte = 50;
  c.aes_round_per_byte = 5;
  c.xts_per_byte = 5;
  c.des_per_byte = 50;
  c.des3_per_byte = 150;
  c.dram_bytes_per_byte = 1;
  return c;
}

Board::Board(unsigned cores, unsigned engines)
    : Board(test_soc(cores, engines), test_kernel_costs(), test_kernel_settings()) {}

Board::Board(const hw::SocConfig& soc_config, const kernel::KernelCosts& costs,
             const kernel::KernelSettings& settings)
    : soc("soc", soc_config),
      kernel("kernel", costs, settings, soc.core_list(), soc.intc(), soc.dram()),
      queue(kernel, soc.disk(), soc_config.disk_irq, "disk") {}

void Board::add_ocf(driver::OcfPolicy policy, const std::string& driver) {
  crypto = std::make_unique<driver::Crypto>(kernel, test_ocf_costs(), policy);
  if (driver == "cryptosoft") {
    cryptosoft = std::make_unique<driver::Cryptosoft>(kernel, *crypto, test_driver_costs(),
                                                      test_cipher_costs());
    return;
  }
  driver::CesaPlatform platform;
  const hw::CesaParams& cesa = soc.config().cesa;
  for (unsigned i = 0; i < cesa.engines; ++i) {
    platform.engines.push_back({soc.cesa_regs(i), cesa.sram_base(i), cesa.irq(i), i % soc.cores()});
  }
  platform.sram_bytes = cesa.sram_bytes;
  platform.sram_reserved_bytes = cesa.sram_reserved_bytes;
  platform.dram_bytes = soc.dram().size();
  cesa_tdma = std::make_unique<driver::CesaTdma>(kernel, *crypto, test_driver_costs(), platform,
                                                 driver_settings.cesa_tdma, recovery);
}

dmcrypt::DmCrypt& Board::add_crypt(const std::string& path, const dmcrypt::CryptTable& table) {
  const auto costs = test_dmcrypt_costs();
  const auto cipher = test_cipher_costs();
  if (path == "standard") {
    crypt = std::make_unique<dmcrypt::StandardPath>(kernel, table, costs, cipher, queue);
  } else if (path == "ocf-v1") {
    crypt = std::make_unique<dmcrypt::OcfV1Path>(kernel, table, costs, cipher, queue, *crypto);
  } else {
    crypt = std::make_unique<dmcrypt::OcfV3Path>(kernel, table, costs, cipher, queue, *crypto);
  }
  return *crypt;
}

void Board::run(std::function<void()> body, hw::Ps limit) {
  bool done = false;
  kernel.kthread_run("test", [&] {
    body();
    kernel.sync_now();
    done = true;
    sc_core::sc_stop();
  });
  sc_core::sc_start(sc_core::sc_time::from_value(limit));
  EXPECT_EQ(soc.protocol_violations(), 0u);
  for (const hw::DmaHazard& hazard : kernel.dma_sanitizer().reports()) {
    ADD_FAILURE() << "DMA hazard: " << hazard.text;
  }
  EXPECT_TRUE(done) << "the modelled thread had not returned at "
                    << sc_core::sc_time_stamp().to_string();
}

int Board::transfer(kernel::BlockDevice& device, kernel::BioOp op, std::uint64_t sector,
                    std::uint8_t* data, std::size_t bytes) {
  struct State {
    bool ended = false;
    int error = 0;
    kernel::WaitQueue wait;
  } state{false, 0, kernel::WaitQueue(kernel)};
  kernel::Bio bio;
  bio.op = op;
  bio.sector = sector;
  bio.size = static_cast<std::uint32_t>(bytes);
  bio.bi_private = &state;
  bio.end_io = [](kernel::Bio& b, int error) {
    auto& s = *static_cast<State*>(b.bi_private);
    EXPECT_FALSE(s.ended) << "a bio ended twice";
    s.ended = true;
    s.error = error;
    s.wait.wake_up();
  };
  for (std::size_t at = 0; at < bytes; at += hw::kPageBytes) {
    const hw::PhysAddr page = kernel.alloc_page(kernel::Activity::fs, hw::AllocSite::page_cache);
    const auto len = static_cast<std::uint32_t>(std::min<std::size_t>(hw::kPageBytes, bytes - at));
    if (op == kernel::BioOp::write) std::memcpy(kernel.cpu_write(page, len), data + at, len);
    bio.vecs.push_back({page, len});
  }
  device.submit_bio(bio);
  device.unplug();
  state.wait.wait_event([&] { return state.ended; });
  std::size_t at = 0;
  for (const kernel::BioVec& vec : bio.vecs) {
    if (op == kernel::BioOp::read)
      std::memcpy(data + at, kernel.cpu_read(vec.addr, vec.len), vec.len);
    at += vec.len;
    kernel.free_page(vec.addr, kernel::Activity::fs);
  }
  return state.error;
}

int Board::write(kernel::BlockDevice& device, std::uint64_t sector,
                 std::span<const std::uint8_t> data) {
  return transfer(device, kernel::BioOp::write, sector, const_cast<std::uint8_t*>(data.data()),
                  data.size());
}

int Board::read(kernel::BlockDevice& device, std::uint64_t sector, std::span<std::uint8_t> data) {
  return transfer(device, kernel::BioOp::read, sector, data.data(), data.size());
}

}  // namespace cesasim::test
