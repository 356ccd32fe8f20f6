// SPDX-License-Identifier: Apache-2.0
// The mapping of a scenario as dm-crypt takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dmcrypt_model/table.h"
#include "scenario/settings.h"

namespace cesasim {

/// What stands in dmcrypt.table when the mapping is given by single keys.
inline constexpr const char* kNoTable = "none";

/// The mapping of a resolved scenario over a disk of `disk_sectors`.
dmcrypt::CryptTable crypt_table(const DmCryptSettings& settings, std::uint64_t disk_sectors);

/// The volume key. "seed:N" gives reproducible pseudo-random bytes of key_bits.
std::vector<std::uint8_t> key_bytes(const DmCryptSettings& settings);

/// N of a key written "seed:N"; nullopt for anything else.
std::optional<std::uint64_t> parse_seed(const std::string& key);

}  // namespace cesasim
