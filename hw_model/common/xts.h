// SPDX-License-Identifier: Apache-2.0
// What XTS (IEEE 1619-2007) puts around a block cipher: the tweaks. Used where the cipher between
// the two exclusive-ors is an engine's or the kernel's own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cesasim::hw {

inline constexpr std::size_t kXtsBlockBytes = 16;

/// A tweak after its encryption with the second key: that of the next block.
using XtsTweak = std::array<std::uint8_t, kXtsBlockBytes>;

/// Exclusive-ors each block of `src` with its tweak into `dst` (the same, or apart) and moves
/// `tweak` on, block for block, times x in GF(2^128) (IEEE 1619-2007, 5.2). `bytes` is a multiple
/// of the block: ciphertext stealing is not modelled, dm-crypt never asks for it.
void xts_xor_tweaks(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes, XtsTweak& tweak);

}  // namespace cesasim::hw
