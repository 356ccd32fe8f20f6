// SPDX-License-Identifier: Apache-2.0
// How a window of registers responds to a generic payload.
#pragma once

#include <cstdint>
#include <cstring>
#include <tlm>

namespace cesasim::hw {

/// Registers take one aligned 32-bit word at a time. Sets the error response for another access
/// and returns what it was, for a report; nullptr if the access is in order.
inline const char* register_access_objection(tlm::tlm_generic_payload& trans) {
  if (trans.get_byte_enable_ptr() != nullptr) {
    trans.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return "register access with byte enables";
  }
  if (trans.get_data_length() != 4 || trans.get_streaming_width() < 4 ||
      trans.get_address() % 4 != 0) {
    trans.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return "register access that is not one aligned 32-bit word";
  }
  return nullptr;
}

/// Such an access: `read()` returns the word, `write(word)` takes it.
template <class Read, class Write>
void register_access(tlm::tlm_generic_payload& trans, Read read, Write write) {
  std::uint32_t value = 0;
  if (trans.is_read()) {
    value = read();
    std::memcpy(trans.get_data_ptr(), &value, 4);
  } else if (trans.is_write()) {
    std::memcpy(&value, trans.get_data_ptr(), 4);
    write(value);
  }
  trans.set_response_status(tlm::TLM_OK_RESPONSE);
}

/// transport_dbg of a window of `window_bytes`: any number of aligned words, up to the window's
/// end, by `peek(offset)` and `poke(offset, word)`. Returns the bytes moved.
template <class Peek, class Poke>
unsigned register_debug(tlm::tlm_generic_payload& trans, std::uint64_t window_bytes, Peek peek,
                        Poke poke) {
  const unsigned words = trans.get_data_length() / 4;
  std::uint8_t* data = trans.get_data_ptr();
  unsigned done = 0;
  for (; done < words; ++done) {
    const std::uint64_t at = trans.get_address() + 4 * done;
    if (at >= window_bytes || at % 4 != 0) break;
    const auto offset = static_cast<std::uint32_t>(at);
    std::uint32_t value = 0;
    if (trans.is_read()) {
      value = peek(offset);
      std::memcpy(data + 4 * done, &value, 4);
    } else if (trans.is_write()) {
      std::memcpy(&value, data + 4 * done, 4);
      poke(offset, value);
    }
  }
  return 4 * done;  // debug transport has no response status
}

}  // namespace cesasim::hw
