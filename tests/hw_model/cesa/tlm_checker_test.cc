// SPDX-License-Identifier: Apache-2.0
#include "hw_model/checker/tlm_checker.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/sc_test.h"

namespace cesasim::hw {
namespace {

/// A target that does to the payload what the case asks for.
class Target : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Target> in;
  std::function<void(tlm::tlm_generic_payload&, sc_core::sc_time&)> act;

  explicit Target(sc_core::sc_module_name name) : sc_module(name), in("in") {
    in.register_b_transport(this, &Target::b_transport);
  }

 private:
  void b_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
    trans.set_response_status(tlm::TLM_OK_RESPONSE);
    if (act) act(trans, delay);
  }
};

class Initiator : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<Initiator> out;
  explicit Initiator(sc_core::sc_module_name name) : sc_module(name), out("out") {}
};

struct Table {
  Initiator initiator{"initiator"};
  TlmChecker checker{"checker"};
  Target target{"target"};
  unsigned char data[8] = {};
  tlm::tlm_generic_payload trans;

  Table() {
    initiator.out.bind(checker.in);
    checker.out.bind(target.in);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  void call() {
    sc_core::sc_time delay(10, sc_core::SC_NS);
    initiator.out->b_transport(trans, delay);
  }
  void good() {
    trans.set_command(tlm::TLM_WRITE_COMMAND);
    trans.set_address(0x100);
    trans.set_data_ptr(data);
    trans.set_data_length(8);
    trans.set_streaming_width(8);
    trans.set_byte_enable_ptr(nullptr);
    trans.set_dmi_allowed(false);
    trans.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    target.act = nullptr;
  }
};

TEST(TlmCheckerTest, LetsACorrectCallPass) {
  Table t;
  t.good();
  t.target.act = [](auto&, sc_core::sc_time& delay) {
    delay += sc_core::sc_time(1, sc_core::SC_NS);
  };
  t.call();
  EXPECT_EQ(t.checker.calls(), 1u);
  EXPECT_EQ(t.checker.violations(), 0u);
}

TEST(TlmCheckerTest, ReportsEveryBrokenRule) {
  using Trans = tlm::tlm_generic_payload;
  struct Case {
    const char* report;
    std::function<void(Table&)> spoil;
  };
  const auto on_target = [](std::function<void(Trans&, sc_core::sc_time&)> act) {
    return [act](Table& t) { t.target.act = act; };
  };
  static unsigned char other[8];
  const Case cases[] = {
      {"data pointer is null", [](Table& t) { t.trans.set_data_ptr(nullptr); }},
      {"data length is 0", [](Table& t) { t.trans.set_data_length(0); }},
      {"streaming width is 0", [](Table& t) { t.trans.set_streaming_width(0); }},
      {"command is none of",
       [](Table& t) { t.trans.set_command(static_cast<tlm::tlm_command>(3)); }},
      {"already set", [](Table& t) { t.trans.set_response_status(tlm::TLM_OK_RESPONSE); }},
      {"DMI hint", [](Table& t) { t.trans.set_dmi_allowed(true); }},
      {"byte enables of length 0",
       [](Table& t) {
         t.trans.set_byte_enable_ptr(other);
         t.trans.set_byte_enable_length(0);
       }},
      {"left the response status incomplete",
       on_target([](Trans& p, auto&) { p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE); })},
      {"changed the command", on_target([](Trans& p, auto&) { p.set_read(); })},
      {"changed the address", on_target([](Trans& p, auto&) { p.set_address(0); })},
      {"changed the data pointer", on_target([](Trans& p, auto&) { p.set_data_ptr(other); })},
      {"changed the data length", on_target([](Trans& p, auto&) { p.set_data_length(4); })},
      {"changed the streaming", on_target([](Trans& p, auto&) { p.set_streaming_width(4); })},
      {"changed the byte enables", on_target([](Trans& p, auto&) { p.set_byte_enable_length(3); })},
      {"changed the data of a write", on_target([](Trans& p, auto&) { ++*p.get_data_ptr(); })},
      {"lowered the delay",
       on_target([](Trans&, sc_core::sc_time& delay) { delay = sc_core::SC_ZERO_TIME; })},
  };
  Table t;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.report);
    t.good();
    c.spoil(t);
    test::ExpectReports reports(TlmChecker::kReportId);
    t.call();
    EXPECT_TRUE(reports.saw(c.report));
  }
  t.good();
  t.target.act = [&t](Trans&, auto&) {
    t.target.act = nullptr;
    t.call();  // the same payload again from inside
  };
  test::ExpectReports reports(TlmChecker::kReportId);
  t.call();
  EXPECT_TRUE(reports.saw("while its call is running"));
}

}  // namespace
}  // namespace cesasim::hw
