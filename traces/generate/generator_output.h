// SPDX-License-Identifier: Apache-2.0
// What the generators share: a clock, random numbers, records of blocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

#include "traces/generate/trace_generator.h"

namespace cesasim::traces {

/// Emits requests; time advances by what their bytes take at a constant rate.
class GeneratorOutput {
 public:
  GeneratorOutput(const Emit& emit, std::uint64_t block_bytes, double rate_mb_s)
      : emit_(emit), sectors_per_block_(block_bytes / 512), rate_mb_s_(rate_mb_s) {
    if (!(rate_mb_s > 0)) throw GeneratorError("the rate must be above 0 MB/s");
  }

  void set_phase(std::string phase) { phase_ = std::move(phase); }
  void read(std::uint64_t block, std::uint64_t blocks, std::uint32_t pid, std::uint8_t flags = 0) {
    put(Op::read, block, blocks, pid, flags);
  }
  void write(std::uint64_t block, std::uint64_t blocks, std::uint32_t pid, std::uint8_t flags = 0) {
    put(Op::write, block, blocks, pid, flags);
  }
  void flush(std::uint32_t pid) { put(Op::flush, 0, 0, pid, kPreflush | kSync); }

 private:
  void put(Op op, std::uint64_t block, std::uint64_t blocks, std::uint32_t pid,
           std::uint8_t flags) {
    constexpr double kNsPerS = 1e9;
    TraceRecord record;
    record.time_ns = static_cast<std::uint64_t>(bytes_ / (rate_mb_s_ * 1e6) * kNsPerS);
    record.op = op;
    record.sector = block * sectors_per_block_;
    record.bytes = blocks * sectors_per_block_ * 512;
    record.pid = pid;
    record.flags = flags;
    bytes_ += static_cast<double>(record.bytes);
    emit_(record, phase_);
  }

  const Emit& emit_;
  std::uint64_t sectors_per_block_;
  double rate_mb_s_;
  double bytes_ = 0;
  std::string phase_ = "all";
};

/// Random numbers that are the same with every library.
class GeneratorRandom {
 public:
  explicit GeneratorRandom(std::uint64_t seed) : bits_(seed) {}
  /// From 0 to `n` - 1.
  std::uint64_t below(std::uint64_t n) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(Wide{bits_()} * n >> 64);
  }
  /// From 0 to just below 1.
  double unit() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }

 private:
  std::mt19937_64 bits_;
};

}  // namespace cesasim::traces
