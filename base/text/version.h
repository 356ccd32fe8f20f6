#pragma once

namespace cesasim {

/// Version of the simulator; every result carries it.
inline constexpr const char* kVersion = "0.1.0";

}  // namespace cesasim
