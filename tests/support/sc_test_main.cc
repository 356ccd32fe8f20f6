// SPDX-License-Identifier: Apache-2.0
// Runs GoogleTest inside SystemC. libsystemc owns main() and calls sc_main().
#include <gtest/gtest.h>

#include <systemc>

#include "tests/support/sc_test.h"

namespace cesasim::test {
namespace {

ExpectReports* expecting = nullptr;

bool kernel_was_used() {
  return (sc_core::sc_get_status() &
          (sc_core::SC_RUNNING | sc_core::SC_PAUSED | sc_core::SC_STOPPED)) != 0;
}

/// SystemC elaborates once per process. Without this, a test file whose shard_count was
/// forgotten or is too small fails with the kernel's bare E529.
class OneElaboration : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& info) override {
    if (!kernel_was_used()) return;
    ADD_FAILURE() << info.test_suite_name() << "." << info.name()
                  << " runs in a process that already simulated: SystemC elaborates once per "
                     "process. Set shard_count in BUILD to the number of cases in this file "
                     "(or run one case with --gtest_filter).";
  }
};

void on_report(const sc_core::sc_report& report, const sc_core::sc_actions&) {
  if (report.get_severity() < sc_core::SC_WARNING) return;
  if (ExpectReports::offer(report.get_msg_type(), report.get_msg())) return;
  ADD_FAILURE() << "SystemC report: " << report.what();
  if (report.get_severity() == sc_core::SC_FATAL) std::abort();
  if (report.get_severity() == sc_core::SC_ERROR) throw report;
}

}  // namespace

ExpectReports::ExpectReports(std::string id) : id_(std::move(id)) { expecting = this; }
ExpectReports::~ExpectReports() { expecting = nullptr; }

bool ExpectReports::offer(const char* id, const char* message) {
  if (expecting == nullptr || std::string(id).rfind(expecting->id_, 0) != 0) return false;
  expecting->messages_.emplace_back(message);
  return true;
}

bool ExpectReports::saw(const std::string& text) const {
  for (const std::string& m : messages_) {
    if (m.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace cesasim::test

int sc_main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new cesasim::test::OneElaboration);
  sc_core::sc_report_handler::set_handler(cesasim::test::on_report);
  return RUN_ALL_TESTS();
}
