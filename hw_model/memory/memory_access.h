// What a memory answers to a generic payload, for every target that is one.
#pragma once

#include <cstdint>
#include <cstring>
#include <tlm>

namespace cesasim::hw {

/// The response to a b_transport call on a memory of `size` bytes that takes whole, incrementing
/// accesses: OK, or what the memory does not do (byte enables, streaming) or does not have.
inline tlm::tlm_response_status memory_response(const tlm::tlm_generic_payload& trans,
                                                std::uint64_t size) {
  if (trans.get_byte_enable_ptr() != nullptr) return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  const std::uint64_t bytes = trans.get_data_length();
  if (trans.get_streaming_width() < bytes) return tlm::TLM_BURST_ERROR_RESPONSE;
  const std::uint64_t at = trans.get_address();
  if (at > size || bytes > size - at) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  return tlm::TLM_OK_RESPONSE;
}

/// The same in words, for a report.
inline const char* response_text(tlm::tlm_response_status status) {
  switch (status) {
    case tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE:
      return "with byte enables";
    case tlm::TLM_BURST_ERROR_RESPONSE:
      return "that streams";
    default:
      return "outside it";
  }
}

/// Moves the bytes of an access that memory_response() finds in order, or of a debug access, of
/// which only the command, the address and the data count.
inline void memory_move(tlm::tlm_generic_payload& trans, std::uint8_t* memory) {
  std::uint8_t* const place = memory + trans.get_address();
  if (trans.is_read()) {
    std::memcpy(trans.get_data_ptr(), place, trans.get_data_length());
  } else if (trans.is_write()) {
    std::memcpy(place, trans.get_data_ptr(), trans.get_data_length());
  }
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
