// SPDX-License-Identifier: Apache-2.0
// TLM-2.0 base protocol checker: stands between an initiator and a target and reports every
// broken rule of a b_transport or transport_dbg call through SC_REPORT_ERROR.
//
// Checked (IEEE 1666-2011, clauses 11.1.2 and 14): the payload is complete and its response
// status is incomplete when the call starts; the target sets the status, leaves the payload's
// other attributes and the data of a write alone, and never lowers the delay; a payload is not
// passed in again while its call is in progress. The interconnect's address translation is
// undone on return in this project, so the address must come back unchanged too.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

namespace cesasim::hw {

class TlmChecker : public sc_core::sc_module {
 public:
  static constexpr const char* kReportId = "/cesasim/tlm_checker";

  tlm_utils::simple_target_socket<TlmChecker> in;
  tlm_utils::simple_initiator_socket<TlmChecker> out;

  explicit TlmChecker(sc_core::sc_module_name name) : sc_module(name), in("in"), out("out") {
    in.register_b_transport(this, &TlmChecker::b_transport);
    in.register_transport_dbg(this, &TlmChecker::transport_dbg);
    in.register_get_direct_mem_ptr(this, &TlmChecker::get_direct_mem_ptr);
    out.register_invalidate_direct_mem_ptr(this, &TlmChecker::invalidate_direct_mem_ptr);
  }

  std::uint64_t calls() const { return calls_; }
  std::uint64_t violations() const { return violations_; }

 private:
  /// What a target must leave alone.
  struct Attributes {
    explicit Attributes(const tlm::tlm_generic_payload& t)
        : command(t.get_command()),
          address(t.get_address()),
          data(t.get_data_ptr()),
          length(t.get_data_length()),
          streaming(t.get_streaming_width()),
          enables(t.get_byte_enable_ptr()),
          enables_length(t.get_byte_enable_length()) {}
    tlm::tlm_command command;
    sc_dt::uint64 address;
    unsigned char* data;
    unsigned length;
    unsigned streaming;
    unsigned char* enables;
    unsigned enables_length;
  };

  void violation(const std::string& text) {
    ++violations_;
    SC_REPORT_ERROR(kReportId, (std::string(name()) + ": " + text).c_str());
  }

  void check_request(const tlm::tlm_generic_payload& t) {
    const tlm::tlm_command c = t.get_command();
    if (c != tlm::TLM_READ_COMMAND && c != tlm::TLM_WRITE_COMMAND && c != tlm::TLM_IGNORE_COMMAND) {
      violation("command is none of read, write, ignore");
    }
    if (c != tlm::TLM_IGNORE_COMMAND) {
      if (t.get_data_ptr() == nullptr) violation("data pointer is null");
      if (t.get_data_length() == 0) violation("data length is 0");
    }
    if (t.get_streaming_width() == 0) violation("streaming width is 0");
    if (t.get_byte_enable_ptr() != nullptr && t.get_byte_enable_length() == 0) {
      violation("byte enables of length 0");
    }
    if (t.get_response_status() != tlm::TLM_INCOMPLETE_RESPONSE) {
      violation("response status is already set when the call starts");
    }
    if (t.is_dmi_allowed()) violation("DMI hint is already set when the call starts");
  }

  void check_untouched(const Attributes& before, const tlm::tlm_generic_payload& t) {
    const Attributes after(t);
    if (after.command != before.command) violation("target changed the command");
    if (after.address != before.address) violation("target changed the address");
    if (after.data != before.data) violation("target changed the data pointer");
    if (after.length != before.length) violation("target changed the data length");
    if (after.streaming != before.streaming) violation("target changed the streaming width");
    if (after.enables != before.enables || after.enables_length != before.enables_length) {
      violation("target changed the byte enables");
    }
  }

  void b_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
    ++calls_;
    check_request(trans);
    const auto running = std::find(in_progress_.begin(), in_progress_.end(), &trans);
    if (running != in_progress_.end()) violation("payload passed in while its call is running");
    in_progress_.push_back(&trans);
    const Attributes before(trans);
    const bool write = trans.is_write() && before.data != nullptr;
    std::vector<unsigned char> sent;
    if (write) sent.assign(before.data, before.data + before.length);
    const sc_core::sc_time delay_before = delay;
    const sc_core::sc_time called_at = sc_core::sc_time_stamp();

    out->b_transport(trans, delay);

    in_progress_.erase(std::find(in_progress_.begin(), in_progress_.end(), &trans));
    check_untouched(before, trans);
    if (trans.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE) {
      violation("target left the response status incomplete");
    }
    if (write && !std::equal(sent.begin(), sent.end(), before.data)) {
      violation("target changed the data of a write");
    }
    // A target that waits may consume the delay it was given; the end must not move back.
    if (sc_core::sc_time_stamp() + delay < called_at + delay_before) {
      violation("target lowered the delay");
    }
  }

  unsigned transport_dbg(tlm::tlm_generic_payload& trans) {
    const Attributes before(trans);
    const sc_core::sc_time called_at = sc_core::sc_time_stamp();
    const unsigned moved = out->transport_dbg(trans);
    check_untouched(before, trans);
    if (moved > before.length) violation("debug transport moved more than was asked for");
    if (sc_core::sc_time_stamp() != called_at) violation("debug transport let time pass");
    return moved;
  }

  bool get_direct_mem_ptr(tlm::tlm_generic_payload& trans, tlm::tlm_dmi& dmi) {
    const bool granted = out->get_direct_mem_ptr(trans, dmi);
    if (granted && (trans.get_address() < dmi.get_start_address() ||
                    trans.get_address() > dmi.get_end_address())) {
      violation("DMI granted for a range without the address asked for");
    }
    return granted;
  }

  void invalidate_direct_mem_ptr(sc_dt::uint64 start, sc_dt::uint64 end) {
    in->invalidate_direct_mem_ptr(start, end);
  }

  std::vector<const tlm::tlm_generic_payload*> in_progress_;
  std::uint64_t calls_ = 0;
  std::uint64_t violations_ = 0;
};

}  // namespace cesasim::hw
