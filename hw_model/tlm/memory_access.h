// SPDX-License-Identifier: Apache-2.0
// How a memory responds to a generic payload, for every target that is one.
#pragma once

#include <cstdint>
#include <cstring>
#include <tlm>

namespace cesasim::hw {

/// The response of a memory that takes whole, incrementing accesses only: OK, or an error for byte
/// enables and for a streaming width below the length. Where the access goes is another question.
inline tlm::tlm_response_status whole_access_response(const tlm::tlm_generic_payload& trans) {
  if (trans.get_byte_enable_ptr() != nullptr) return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  if (trans.get_streaming_width() < trans.get_data_length()) return tlm::TLM_BURST_ERROR_RESPONSE;
  return tlm::TLM_OK_RESPONSE;
}

/// The response to a b_transport call on such a memory of `size` bytes.
inline tlm::tlm_response_status memory_response(const tlm::tlm_generic_payload& trans,
                                                std::uint64_t size) {
  const tlm::tlm_response_status status = whole_access_response(trans);
  if (status != tlm::TLM_OK_RESPONSE) return status;
  const std::uint64_t at = trans.get_address();
  if (at > size || trans.get_data_length() > size - at) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  return tlm::TLM_OK_RESPONSE;
}

/// The same in words, for a report.
inline const char* response_text(tlm::tlm_response_status status) {
  switch (status) {
    case tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE:
      return "with byte enables";
    case tlm::TLM_BURST_ERROR_RESPONSE:
      return "with a streaming width below its length";
    default:
      return "beyond its end";
  }
}

/// Moves the bytes between the payload and `place`, where its address is in the host.
inline void move_bytes(tlm::tlm_generic_payload& trans, std::uint8_t* place) {
  if (trans.is_read()) {
    std::memcpy(trans.get_data_ptr(), place, trans.get_data_length());
  } else if (trans.is_write()) {
    std::memcpy(place, trans.get_data_ptr(), trans.get_data_length());
  }
}

/// The same for the whole `memory`, of an access that memory_response() finds in order or of a
/// debug access, of which only the command, the address and the data count.
inline void memory_move(tlm::tlm_generic_payload& trans, std::uint8_t* memory) {
  move_bytes(trans, memory + trans.get_address());
}

/// transport_dbg of such a memory: the bytes moved, all or none.
inline unsigned memory_debug(tlm::tlm_generic_payload& trans, std::uint8_t* memory,
                             std::uint64_t size) {
  const std::uint64_t at = trans.get_address();
  const unsigned bytes = trans.get_data_length();
  if (trans.get_command() == tlm::TLM_IGNORE_COMMAND || at > size || bytes > size - at) return 0;
  memory_move(trans, memory);
  return bytes;
}

}  // namespace cesasim::hw
