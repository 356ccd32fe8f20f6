// SPDX-License-Identifier: Apache-2.0
// A crypto ring on a table: plain memory on every channel, a clock that jumps from one due
// instant to the next, and a driver's hands.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_model/ring/core.h"

namespace cesasim::test {

using Bytes = std::vector<std::uint8_t>;

/// 200 MHz (5 ns), and a different number for every cost, so that a test on time shows which
/// one is missing. The figures the CESA has too are those of its own bench.
inline hw::RingParams bench_params(unsigned engines = 1, unsigned rings = 1, unsigned buffers = 2) {
  hw::RingParams p;
  p.engines = engines;
  p.rings = rings;
  p.buffers = buffers;
  p.clock_hz = 200e6;
  p.engine_clock_hz = 200e6;
  p.doorbell_cycles = 7;
  p.descriptor_fetch_cycles = 5;
  p.read_burst_cycles = 15;
  p.write_burst_cycles = 3;
  p.cipher_start_cycles = 32;
  p.cipher_end_cycles = 4;
  p.decrypt_key_cycles = 14;
  return p;
}
inline constexpr hw::Ps kTclk = 5000;

inline Bytes pattern(std::size_t n, unsigned seed) {
  std::mt19937 rng(seed);
  Bytes b(n);
  for (auto& x : b) x = static_cast<std::uint8_t>(rng());
  return b;
}

/// One-shot OpenSSL: what the device must have computed.
inline Bytes openssl(const char* name, const Bytes& key, const Bytes& iv, const Bytes& in,
                     bool encrypt) {
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  if (cipher == nullptr ||
      EVP_CipherInit_ex2(ctx, cipher, key.data(), iv.data(), encrypt, nullptr) != 1) {
    throw std::runtime_error(std::string("OpenSSL has no ") + name);
  }
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  Bytes out(in.size());
  int n = 0;
  EVP_CipherUpdate(ctx, out.data(), &n, in.data(), static_cast<int>(in.size()));
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  return out;
}

/// Memory that all channels reach, with places that refuse.
class Memory {
 public:
  explicit Memory(std::size_t bytes) : bytes_(bytes) {}

  struct Access {
    unsigned channel;
    bool write;
    hw::PhysAddr addr;
    std::uint32_t bytes;
    hw::Ps start;
    hw::Ps end;
  };
  std::uint8_t* at(hw::PhysAddr addr) { return bytes_.data() + addr; }
  Bytes get(hw::PhysAddr addr, std::size_t n) { return {at(addr), at(addr) + n}; }
  void put(hw::PhysAddr addr, const Bytes& data) { std::copy(data.begin(), data.end(), at(addr)); }
  /// Accesses that touch [from, from + n) are answered with a bus error.
  void refuse(hw::PhysAddr from, std::size_t n) { refused_.push_back({from, from + n}); }
  void refuse_none() { refused_.clear(); }

  hw::Ps read_latency = 0;
  bool log_on = false;
  std::vector<Access> log;

  bool access(unsigned channel, bool write, hw::PhysAddr addr, std::uint8_t* data, std::uint32_t n,
              hw::Ps own, hw::Ps now, hw::Ps& delay) {
    const hw::Ps start = now + delay;
    delay += own + (write ? 0 : read_latency);
    if (addr > bytes_.size() || n > bytes_.size() - addr) return false;
    for (const auto& [from, to] : refused_) {
      if (addr < to && addr + n > from) return false;
    }
    if (log_on) log.push_back({channel, write, addr, n, start, now + delay});
    std::memcpy(write ? at(addr) : data, write ? data : at(addr), n);
    return true;
  }

 private:
  Bytes bytes_;
  std::vector<std::pair<hw::PhysAddr, hw::PhysAddr>> refused_;
};

/// The unit as its owner runs it, without SystemC.
class PlainRing {
 public:
  explicit PlainRing(const hw::RingParams& params = bench_params(), std::size_t memory = 32 << 20)
      : mem(memory) {
    std::vector<hw::DmaPort*> ports;
    for (unsigned i = 0; i < hw::ring_channel::count(params.engines); ++i) {
      ports_.push_back(std::make_unique<Port>(*this, i));
      ports.push_back(ports_.back().get());
    }
    core = std::make_unique<hw::RingCore>(params, ports);
  }

  Memory mem;
  std::unique_ptr<hw::RingCore> core;
  hw::Ps now = 0;

  void write(std::uint32_t offset, std::uint32_t value) { core->write(offset, value, now); }
  std::uint32_t read(std::uint32_t offset) { return core->read(offset); }

  /// The next due instant. False if there is none.
  bool step() {
    const hw::Ps next = core->next();
    if (next == hw::kNever) return false;
    if (next > now) now = next;
    core->step(now);
    return true;
  }
  /// Until nothing more happens. Fails loudly on a machine that never comes to rest.
  void run() {
    for (unsigned i = 0; step(); ++i) {
      if (i > 50'000'000) throw std::runtime_error("the ring does not come to rest");
    }
  }
  /// All that is due up to and including `t`; then it is `t`.
  void run_until(hw::Ps t) {
    while (core->next() <= t) step();
    now = t;
  }
  void run_for(hw::Ps ps) { run_until(now + ps); }

 private:
  class Port : public hw::DmaPort {
   public:
    Port(PlainRing& ring, unsigned channel) : ring_(ring), channel_(channel) {}
    bool read(hw::PhysAddr a, std::uint8_t* d, std::uint32_t n, hw::Ps own,
              hw::Ps& delay) override {
      return ring_.mem.access(channel_, false, a, d, n, own, ring_.now, delay);
    }
    bool write(hw::PhysAddr a, std::uint8_t* d, std::uint32_t n, hw::Ps own,
               hw::Ps& delay) override {
      return ring_.mem.access(channel_, true, a, d, n, own, ring_.now, delay);
    }

   private:
    PlainRing& ring_;
    unsigned channel_;
  };
  std::vector<std::unique_ptr<Port>> ports_;
};

/// What a driver does with one ring. Memory and registers are reached through functions, so
/// that the same hands drive the plain core and the SystemC module.
class RingDriver {
 public:
  struct Machine {
    std::function<void(std::uint32_t, std::uint32_t)> write;
    std::function<std::uint32_t(std::uint32_t)> read;
    std::function<std::uint8_t*(hw::PhysAddr)> memory;
  };
  struct Options {
    unsigned sq_log2 = 6;
    unsigned cq_log2 = 7;
    std::uint32_t config = 0;  ///< beside enable
    std::uint32_t mask = 0xFF;
  };

  RingDriver(Machine machine, unsigned ring, const Options& options)
      : machine_(std::move(machine)), ring_(ring), options_(options) {
    enable();
  }
  RingDriver(PlainRing& plain, unsigned ring, const Options& options)
      : RingDriver(machine_of(plain), ring, options) {}
  RingDriver(PlainRing& plain, unsigned ring = 0) : RingDriver(plain, ring, Options()) {}

  static Machine machine_of(PlainRing& plain) {
    return {[&plain](std::uint32_t o, std::uint32_t v) { plain.write(o, v); },
            [&plain](std::uint32_t o) { return plain.read(o); },
            [&plain](hw::PhysAddr a) { return plain.mem.at(a); }};
  }

  // Where the ring's structures stand: a MiB for each ring.
  hw::PhysAddr base() const { return kRingBytes * (ring_ + 1); }
  hw::PhysAddr sq() const { return base(); }
  hw::PhysAddr cq() const { return base() + 0x40000; }
  hw::PhysAddr shadow() const { return base() + 0x60000; }
  hw::PhysAddr index() const { return base() + 0x60040; }

  void write(std::uint32_t reg, std::uint32_t value) {
    machine_.write(hw::ring_reg::page(ring_) + reg, value);
  }
  std::uint32_t read(std::uint32_t reg) { return machine_.read(hw::ring_reg::page(ring_) + reg); }

  /// Programs the ring from its reset state and enables it.
  void enable() {
    using namespace hw::ring_reg;  // NOLINT(google-build-using-namespace)
    std::memset(machine_.memory(cq()), 0, std::size_t{16} << options_.cq_log2);
    std::memset(machine_.memory(shadow()), 0, 4);
    produced_ = taken_ = 0;
    write(kSqBaseLo, static_cast<std::uint32_t>(sq()));
    write(kSqBaseHi, 0);
    write(kSqSize, options_.sq_log2);
    write(kCqBaseLo, static_cast<std::uint32_t>(cq()));
    write(kCqBaseHi, 0);
    write(kCqSize, options_.cq_log2);
    write(kShadowLo, static_cast<std::uint32_t>(shadow()));
    write(kIndexLo, static_cast<std::uint32_t>(index()));
    write(kIntMask, options_.mask);
    write(kConfig, options_.config | hw::ring_bit::config::kEnable);
  }
  /// Writes a descriptor into the next slot; the device does not know of it yet.
  std::uint16_t put(const hw::RingDescriptor& d) {
    const std::uint32_t slot = produced_ & ((1u << options_.sq_log2) - 1);
    d.encode(std::span<std::uint8_t, 64>(machine_.memory(sq() + 64 * slot), 64));
    return produced_++;
  }
  std::uint16_t produced() const { return produced_; }
  void store_shadow() {
    machine_.memory(shadow())[0] = static_cast<std::uint8_t>(produced_);
    machine_.memory(shadow())[1] = static_cast<std::uint8_t>(produced_ >> 8);
  }
  void doorbell() { write(hw::ring_reg::kSqProducer, produced_); }
  std::uint16_t submit(const hw::RingDescriptor& d) {
    const std::uint16_t at = put(d);
    doorbell();
    return at;
  }
  unsigned free_slots() {
    const auto used = static_cast<std::uint16_t>(produced_ - read(hw::ring_reg::kSqConsumer));
    return (1u << options_.sq_log2) - used;
  }
  /// New completions, by phase; they are acknowledged unless `acknowledge` is false.
  std::vector<hw::RingCompletion> take(bool acknowledge = true) {
    std::vector<hw::RingCompletion> out;
    for (;;) {
      const std::uint32_t slot = taken_ & ((1u << options_.cq_log2) - 1);
      const auto c = hw::RingCompletion::decode(
          std::span<const std::uint8_t, 16>(machine_.memory(cq() + 16 * slot), 16));
      if (c.phase != hw::RingCompletion::phase_of(taken_, options_.cq_log2)) break;
      out.push_back(c);
      ++taken_;
    }
    if (acknowledge && !out.empty()) this->acknowledge();
    return out;
  }
  void acknowledge() { write(hw::ring_reg::kCqConsumer, taken_); }
  std::uint32_t cause() { return read(hw::ring_reg::kIntCause); }
  void clear(std::uint32_t causes) { write(hw::ring_reg::kIntCause, ~causes); }
  bool running() { return read(hw::ring_reg::kStatus) & hw::ring_bit::status::kRunning; }
  void load_key(unsigned slot, const Bytes& key) {
    namespace reg = hw::ring_unit_reg;
    for (unsigned i = 0; i < key.size() / 4; ++i) {
      std::uint32_t word = 0;
      for (unsigned b = 0; b < 4; ++b) word |= std::uint32_t{key[4 * i + b]} << (8 * b);
      machine_.write(reg::key_data(i), word);
    }
    machine_.write(reg::kKeyCommand,
                   hw::ring_bit::key_command::kLoad | slot |
                       hw::ring_bit::key_command::size(static_cast<std::uint32_t>(key.size())));
  }

 private:
  static constexpr hw::PhysAddr kRingBytes = 0x100000;
  Machine machine_;
  unsigned ring_;
  Options options_;
  std::uint16_t produced_ = 0;
  std::uint16_t taken_ = 0;
};

inline constexpr hw::PhysAddr kData = 16 << 20;  ///< where data may stand

/// A contiguous AES-CBC request with its key in slot 0.
inline hw::RingDescriptor cbc_request(hw::PhysAddr src, hw::PhysAddr dst, std::uint32_t bytes,
                                      const Bytes& iv, std::uint32_t key_bytes = 16,
                                      std::uint32_t more = 0) {
  namespace c = hw::ring_control;
  hw::RingDescriptor d;
  d.control = c::kAes | c::kCbc | c::key_size(key_bytes) | c::kKeySlot | more;
  if (src == dst) {
    d.control |= c::kInPlace;
  } else {
    d.destination = dst;
  }
  d.source = src;
  d.length = bytes;
  std::copy(iv.begin(), iv.end(), d.iv.begin());
  return d;
}

}  // namespace cesasim::test
