// SPDX-License-Identifier: Apache-2.0
// An input cut into numbers; zeros after its end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cesasim::fuzz {

class ByteStream {
 public:
  ByteStream(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  std::uint8_t u8() { return empty() ? 0 : *at_++; }
  std::uint16_t u16() {
    const std::uint16_t low = u8();
    return static_cast<std::uint16_t>(low | u8() << 8);
  }
  std::uint32_t u32() {
    const std::uint32_t low = u16();
    return low | std::uint32_t{u16()} << 16;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

}  // namespace cesasim::fuzz
