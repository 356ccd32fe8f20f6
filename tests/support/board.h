// SPDX-License-Identifier: Apache-2.0
// A whole small machine for tests: round numbers, so that expected times can be worked out by
// hand. Not a preset: nothing here claims to be a real board.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <systemc>
#include <vector>

#include "dmcrypt_model/dm_crypt.h"
#include "driver/cesa_tdma/cesa_tdma.h"
#include "driver/cryptosoft/cryptosoft.h"
#include "driver/ocf/crypto.h"
#include "hw_model/soc/soc.h"
#include "kernel_model/block.h"
#include "kernel_model/kernel.h"

namespace cesasim::test {

/// 1 GHz cores (a cycle is 1 ns), 64 MiB of DRAM, a Kirkwood-like CESA, a small flash disk.
hw::SocConfig test_soc(unsigned cores = 1, unsigned engines = 1);
kernel::KernelCosts test_kernel_costs();
kernel::KernelSettings test_kernel_settings();
driver::OcfCosts test_ocf_costs();
driver::DriverCosts test_driver_costs();
/// The drivers' own values; completions in the hard interrupt.
driver::DriverSettings test_driver_settings();
driver::CipherCosts test_cipher_costs();
dmcrypt::DmCryptCosts test_dmcrypt_costs();

/// Hardware, kernel and the disk's queue; a crypt target on demand.
struct Board {
  explicit Board(unsigned cores = 1, unsigned engines = 1);
  Board(const hw::SocConfig& soc_config, const kernel::KernelCosts& costs,
        const kernel::KernelSettings& settings);

  /// Adds OCF with one driver ("cryptosoft" or "cesa_tdma").
  void add_ocf(driver::OcfPolicy policy, const std::string& driver);
  /// Adds the target; path "standard", "ocf-v1" or "ocf-v3" (the latter need add_ocf).
  dmcrypt::DmCrypt& add_crypt(const std::string& path, const dmcrypt::CryptTable& table);

  /// Runs `body` as a thread and simulates until it returns (fails the test after
  /// `limit` of simulated time).
  void run(std::function<void()> body, hw::Ps limit = 1000 * hw::kPsPerS);

  /// Reads or writes synchronously from within a modelled thread; returns the bio's error.
  int write(kernel::BlockDevice& device, std::uint64_t sector, std::span<const std::uint8_t> data);
  int read(kernel::BlockDevice& device, std::uint64_t sector, std::span<std::uint8_t> data);

  /// To be changed before add_ocf().
  driver::DriverSettings driver_settings = test_driver_settings();
  driver::Recovery recovery;

  hw::Soc soc;
  kernel::Kernel kernel;
  kernel::RequestQueue queue;
  std::unique_ptr<driver::Crypto> crypto;
  std::unique_ptr<driver::Cryptosoft> cryptosoft;
  std::unique_ptr<driver::CesaTdma> cesa_tdma;
  std::unique_ptr<dmcrypt::DmCrypt> crypt;

 private:
  int transfer(kernel::BlockDevice& device, kernel::BioOp op, std::uint64_t sector,
               std::uint8_t* data, std::size_t bytes);
};

}  // namespace cesasim::test
