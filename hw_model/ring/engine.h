// SPDX-License-Identifier: Apache-2.0
// One engine behind the rings: SRAM buffers that pass a read channel, a cipher and a write
// channel, each of which does one thing at a time while all of them work.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "hw_model/common/fault.h"
#include "hw_model/common/tracer.h"
#include "hw_model/common/units.h"
#include "hw_model/common/xts.h"
#include "hw_model/crypto/cipher_engine.h"
#include "hw_model/memory/dma_port.h"
#include "hw_model/ring/descriptor.h"
#include "hw_model/ring/params.h"
#include "hw_model/ring/timing.h"

namespace cesasim::hw {

inline constexpr Ps kNever = ~Ps{0};

/// Fault injection for one unit: all its parts ask here.
struct RingFaults {
  FaultPlan* plan = nullptr;
  Ps now = 0;  ///< the instant that the unit works at
  std::uint64_t happened = 0;

  bool fires(FaultKind kind, std::uint64_t where, Ps delay = 0) {
    if (plan == nullptr || !plan->fires(kind, now + delay, where)) return false;
    ++happened;
    return true;
  }
};

/// A channel's port with the bus errors of the fault plan: such an access moves nothing.
class RingPort {
 public:
  RingPort(DmaPort& port, RingFaults& faults) : port_(port), faults_(faults) {}
  bool read(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) {
    faulted_ = faults_.fires(FaultKind::tdma_bus_error, addr, delay);
    return !faulted_ && port_.read(addr, data, bytes, own, delay);
  }
  bool write(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) {
    faulted_ = faults_.fires(FaultKind::tdma_bus_error, addr, delay);
    return !faulted_ && port_.write(addr, data, bytes, own, delay);
  }
  /// The last access failed by fault injection: not a mistake of the driver.
  bool faulted() const { return faulted_; }

 private:
  DmaPort& port_;
  RingFaults& faults_;
  bool faulted_ = false;
};

/// A contiguous part of a source or destination.
struct RingSegment {
  PhysAddr address = 0;
  std::uint32_t bytes = 0;
};

/// How far a request has got in its source or destination list.
struct RingListPosition {
  PhysAddr address = 0;      ///< of what is left of the current piece
  std::uint32_t left = 0;    ///< bytes of it
  PhysAddr next_entry = 0;   ///< first entry not read
  std::uint32_t unread = 0;  ///< entries not read
  std::vector<RingListEntry> read_ahead;
  std::size_t used = 0;  ///< entries of read_ahead taken

  void start(PhysAddr at, std::uint32_t entries, std::uint32_t length);
  bool at_end() const { return left == 0 && used == read_ahead.size() && unread == 0; }
};

/// A request on its way through the unit.
struct RingRequest {
  unsigned ring = 0;
  std::uint16_t index = 0;
  std::uint8_t engine = RingCompletion::kNoEngine;
  RingDescriptor d;
  std::array<std::uint8_t, 64> key{};    ///< plain
  std::array<std::uint8_t, 16> chain{};  ///< for the next piece: CBC's value, XTS's tweak
  RingListPosition source;
  RingListPosition destination;
  std::uint32_t filled = 0;   ///< bytes given to buffers
  std::uint32_t written = 0;  ///< bytes that have left them
  unsigned pieces = 0;        ///< buffers that hold a piece of it
  bool all_in = false;        ///< no further piece will be copied in
  bool abandoned = false;     ///< by a reset
  bool write_failed = false;  ///< no further piece is ciphered or written
  bool ended = false;
  bool faulted = false;  ///< its status comes from an injected fault
  RingStatus status = RingStatus::ok;

  /// Readies a pooled request for descriptor `descriptor`.
  void start(unsigned of_ring, std::uint16_t at, const RingDescriptor& descriptor);
};

class RingEngine {
 public:
  /// The ports and the faults outlive the engine; the ports are separate channels to the same
  /// memory.
  RingEngine(const RingParams& params, const RingTiming& timing, unsigned number, DmaPort& reader,
             DmaPort& writer, RingFaults& faults);

  bool has_room() const { return held_ < queue_max_; }
  bool busy() const { return held_ > 0; }
  /// Bytes its requests have still to write.
  std::uint64_t load() const { return load_; }
  /// Precondition: has_room().
  void take(RingRequest& request);
  /// Does what is due at `now` and starts what can start. Requests that ended are appended to
  /// `ended`. Returns false if nothing changed.
  bool advance(Ps now, std::vector<RingRequest*>& ended);
  /// When something is due next, or kNever.
  Ps next() const;
  /// Gives up the requests of `ring`; those with nothing under way are appended to `ended`. A
  /// cipher that is stuck in one of them ends at `now`.
  void abandon(unsigned ring, Ps now, std::vector<RingRequest*>& ended);

  /// Notifies `tracer` of what it does from here on; not owned, nullptr = none.
  void set_tracer(HwTracer* tracer) { tracer_ = tracer; }

  Ps read_busy_ps() const { return read_.busy; }
  Ps cipher_busy_ps() const { return cipher_.busy; }
  Ps write_busy_ps() const { return write_.busy; }
  /// Reading, ciphering and writing up to `now`; the counters above have the whole of what is in
  /// progress.
  std::array<Ps, 3> busy_until(Ps now) const {
    const auto until = [now](const Stage& s) {
      // A step may begin ahead of `now`: a doorbell comes at the core's local time.
      const Ps from = std::max(now, s.since);
      return s.working && s.until != kNever && s.until > from ? s.busy - (s.until - from) : s.busy;
    };
    return {until(read_), until(cipher_), until(write_)};
  }
  std::uint64_t bytes_ciphered() const { return bytes_ciphered_; }
  std::uint64_t operations() const { return operations_; }

 private:
  enum class BufferState : std::uint8_t { empty, filling, filled, ciphering, ciphered, draining };
  struct Buffer {
    BufferState state = BufferState::empty;
    RingRequest* request = nullptr;
    std::uint32_t bytes = 0;
    std::uint32_t moved = 0;  // of them written to the destination
    bool first = false;       // piece of its request
    bool last = false;
    bool bad = false;  // what it should hold could not be had
    std::vector<RingSegment> destination;

    /// It passes the stages without effect or time.
    bool hollow() const { return bad || request->abandoned || request->write_failed; }
  };
  /// A resource and the buffer it works on. Buffers pass every stage in the same order.
  struct Stage {
    unsigned buffer = 0;
    bool working = false;
    Ps since = 0;
    Ps until = 0;
    Ps busy = 0;
  };

  bool finish_stages(Ps now, std::vector<RingRequest*>& ended);
  bool start_write(Ps now);
  bool start_cipher(Ps now, std::vector<RingRequest*>& ended);
  bool start_read(Ps now);
  void occupy(Stage& stage, Ps now, Ps took, EngineWork work);
  void next_buffer(Stage& stage) { stage.buffer = (stage.buffer + 1) % buffers_.size(); }
  std::uint8_t* sram(unsigned buffer) { return sram_.data() + buffer * buffer_bytes_; }
  void leave(RingRequest& request, std::vector<RingRequest*>& ended);
  void fail(RingRequest& request, RingStatus status, bool faulted = false);
  bool stuck() const { return cipher_.working && cipher_.until == kNever; }
  /// Takes abandoned requests away from pieces that wait behind a stuck cipher.
  void detach_abandoned(std::vector<RingRequest*>& ended);
  /// Copies a piece in; false if it could not be had.
  bool fill(Buffer& buffer, std::uint8_t* data, Ps& delay);
  bool gather(RingRequest& request, RingListPosition& at, std::uint32_t bytes, RingStatus bus_error,
              std::vector<RingSegment>& out, Ps& delay);
  Ps drain(Buffer& buffer, std::uint8_t* data);
  const std::uint8_t* cipher_key(const RingRequest& request);
  /// XTS: the IV with the second key.
  void encrypt_tweak(RingRequest& request);

  const RingTiming& timing_;
  RingFaults& faults_;
  RingPort reader_;
  RingPort writer_;
  HwTracer* tracer_ = nullptr;
  std::uint8_t number_;
  std::uint32_t queue_max_;
  std::uint32_t list_prefetch_;
  std::uint32_t buffer_bytes_;
  std::vector<std::uint8_t> sram_;
  std::vector<Buffer> buffers_;
  Stage read_;
  Stage cipher_;
  Stage write_;
  CipherEngine ciphers_;
  CipherEngine tweak_ciphers_;
  std::deque<RingRequest*> queue_;  // not yet wholly copied in
  RingRequest nobody_;              // whose pieces pass without effect or time
  Ps stuck_since_ = 0;
  std::vector<RingSegment> source_;
  std::vector<std::uint8_t> entries_;
  // The last decryption key and what the cipher starts from: expanded once per key, not per run.
  std::array<std::uint8_t, 32> plain_key_{};
  std::array<std::uint8_t, 32> start_key_{};
  std::uint32_t start_key_bytes_ = 0;
  std::uint32_t held_ = 0;
  std::uint64_t load_ = 0;
  std::uint64_t bytes_ciphered_ = 0;
  std::uint64_t operations_ = 0;
};

}  // namespace cesasim::hw
