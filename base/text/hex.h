// Numbers in messages.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace cesasim {

/// "0x2a": as registers and addresses are written.
inline std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace cesasim
