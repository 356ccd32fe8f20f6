// SPDX-License-Identifier: Apache-2.0
// What every test of the stock driver demands in the end: it gave back all it took, broke no
// rule of the kernel's, and the model saw no mistake of it and did nothing half.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/stock_driver/board.h"
#include "tests/stock_driver/client.h"

namespace cesasim::stock {

/// Bug 2 of the driver (known_bugs_test.cc): every hash over TDMA may run into it.
inline constexpr char kDoubleFree[] = "dma_pool_free cesa_cache: already free";

/// Of a request that the driver, or a test that gives up, frees while the driver has it queued.
inline constexpr char kFreedWhileQueued[] = "a request is freed that is still queued";

class StockDriverTest : public ::testing::Test {
 protected:
  Board& boot(const Variant& variant, hw::Fidelity fidelity = hw::Fidelity::descriptor) {
    board_ = std::make_unique<Board>(variant, fidelity);
    EXPECT_EQ(board_->probed, 0);
    return *board_;
  }

  /// Unbinds the driver; returns the reports but for the double frees.
  std::vector<std::string> unbind() {
    board_->kernel.remove();
    std::vector<std::string> reports = board_->kernel.take_reports();
    std::erase(reports, kDoubleFree);
    return reports;
  }

  void TearDown() override {
    if (board_ == nullptr) return;
    for (const std::string& report : unbind()) ADD_FAILURE() << report;
    EXPECT_EQ(board_->kernel.memory.live_blocks(), 0u);
    const hw::CesaStats stats = board_->stats();
    EXPECT_EQ(stats.guest_errors, 0u) << stats.last_report;
    EXPECT_EQ(stats.unimplemented, 0u) << stats.last_report;
    EXPECT_EQ(stats.reserved_writes, 0u);
    board_.reset();
  }

  bool wait_for(const CipherRequest& request) {
    return board_->kernel.run_until([&request] { return request.ended(); });
  }
  bool wait_for(const HashRequest& request) {
    return board_->kernel.run_until([&request] { return !request.busy(); });
  }

  std::unique_ptr<Board> board_;
};

}  // namespace cesasim::stock
