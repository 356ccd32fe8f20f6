// SPDX-License-Identifier: Apache-2.0
// The end of the AES key schedule (FIPS 197, section 5.2) from the key, and back: software gives
// the CESA the end of the expanded schedule to decrypt with, and OpenSSL wants the key.
#pragma once

#include <cstdint>
#include <span>

namespace cesasim::hw {

/// Turns a decrypt start key into the encryption key, both 16, 24 or 32 bytes.
///
/// `start` holds the last Nk words of the expanded schedule in the order the drivers store
/// them: words 0..3 are the last round key; words 4.. are the schedule words immediately
/// before it, in ascending order. (Linux marvell/cesa cipher.c, mv_cesa_aes_setkey.)
void aes_key_from_decrypt_start(std::span<const std::uint8_t> start, std::span<std::uint8_t> key);

/// What software stores for decryption: the inverse of aes_key_from_decrypt_start().
void aes_decrypt_start_from_key(std::span<const std::uint8_t> key, std::span<std::uint8_t> start);

}  // namespace cesasim::hw
