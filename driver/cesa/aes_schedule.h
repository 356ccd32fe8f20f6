// AES key expansion as the driver's setkey needs it (FIPS 197, section 5.2).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace cesasim::driver {

/// The 8-word start key of a decryption: words 0-3 are the last round key, the following ones
/// (24- and 32-byte keys) the schedule words just before it. The engine does not expand
/// backwards by itself, so software has to supply this. Words hold the key bytes in memory
/// order (as the engine reads them). Precondition: key of 16, 24 or 32 bytes.
std::array<std::uint8_t, 32> aes_decrypt_start_key(std::span<const std::uint8_t> key);

}  // namespace cesasim::driver
