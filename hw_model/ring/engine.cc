// SPDX-License-Identifier: Apache-2.0
#include "hw_model/ring/engine.h"

#include <algorithm>
#include <cstring>

#include "hw_model/common/aes_key_schedule.h"

namespace cesasim::hw {

void RingListPosition::start(PhysAddr at, std::uint32_t entries, std::uint32_t length) {
  address = at;
  left = entries == 0 ? length : 0;
  next_entry = at;
  unread = entries;
  read_ahead.clear();
  used = 0;
}

void RingRequest::start(unsigned of_ring, std::uint16_t at, const RingDescriptor& descriptor) {
  ring = of_ring;
  index = at;
  engine = RingCompletion::kNoEngine;
  d = descriptor;
  chain = d.iv;
  source.start(d.source, d.source_entries, d.length);
  destination.start(d.destination, d.destination_entries, d.length);
  filled = 0;
  written = 0;
  pieces = 0;
  all_in = false;
  abandoned = false;
  write_failed = false;
  ended = false;
  faulted = false;
  status = RingStatus::ok;
}

RingEngine::RingEngine(const RingParams& params, const RingTiming& timing, unsigned number,
                       DmaPort& reader, DmaPort& writer, RingFaults& faults)
    : timing_(timing),
      faults_(faults),
      reader_(reader, faults),
      writer_(writer, faults),
      number_(static_cast<std::uint8_t>(number)),
      queue_max_(params.engine_queue),
      list_prefetch_(params.list_prefetch),
      buffer_bytes_(params.buffer_bytes()),
      sram_(params.sram_bytes),
      buffers_(params.buffers),
      entries_(std::size_t{params.list_prefetch} * RingListEntry::kBytes) {
  nobody_.abandoned = true;
}

void RingEngine::take(RingRequest& request) {
  request.engine = number_;
  queue_.push_back(&request);
  ++held_;
  load_ += request.d.length;
}

Ps RingEngine::next() const {
  Ps at = kNever;
  for (const Stage* s : {&read_, &cipher_, &write_}) {
    if (s->working) at = std::min(at, s->until);
  }
  return at;
}

bool RingEngine::advance(Ps now, std::vector<RingRequest*>& ended) {
  bool changed = false;
  // A hollow piece passes a stage in no time, so one call may see several ends.
  for (bool again = true; again; changed |= again) {
    again = finish_stages(now, ended);
    again |= start_write(now);
    again |= start_cipher(now, ended);
    again |= start_read(now);
  }
  return changed;
}

bool RingEngine::finish_stages(Ps now, std::vector<RingRequest*>& ended) {
  bool any = false;
  const auto due = [now](const Stage& s) { return s.working && s.until <= now; };
  if (due(write_)) {
    Buffer& b = buffers_[write_.buffer];
    RingRequest& r = *b.request;
    b.state = BufferState::empty;
    r.written += b.moved;
    load_ -= b.moved;
    --r.pieces;
    if (&r != &nobody_ && r.all_in && r.pieces == 0) leave(r, ended);
    write_.working = false;
    next_buffer(write_);
    any = true;
  }
  if (due(cipher_)) {
    buffers_[cipher_.buffer].state = BufferState::ciphered;
    cipher_.working = false;
    next_buffer(cipher_);
    any = true;
  }
  if (due(read_)) {
    buffers_[read_.buffer].state = BufferState::filled;
    if (stuck()) detach_abandoned(ended);
    read_.working = false;
    next_buffer(read_);
    any = true;
  }
  return any;
}

void RingEngine::leave(RingRequest& request, std::vector<RingRequest*>& ended) {
  load_ -= request.d.length - request.written;
  --held_;
  ended.push_back(&request);
}

void RingEngine::occupy(Stage& stage, Ps now, Ps took, EngineWork work) {
  if (tracer_ != nullptr && took != 0) [[unlikely]] {
    const Buffer& b = buffers_[stage.buffer];
    const RingRequest& r = *b.request;
    tracer_->engine_step({CryptoUnit::ring, number_, work, now, now + took, b.bytes,
                          ring_operation(r.ring, r.d.cookie)});
  }
  stage.working = true;
  stage.since = now;
  stage.until = now + took;
  stage.busy += took;
}

bool RingEngine::start_read(Ps now) {
  Buffer& b = buffers_[read_.buffer];
  if (read_.working || b.state != BufferState::empty || queue_.empty()) return false;
  RingRequest& r = *queue_.front();
  b.state = BufferState::filling;
  b.request = &r;
  b.bytes = std::min(buffer_bytes_, r.d.length - r.filled);
  b.first = r.filled == 0;
  b.last = r.filled + b.bytes == r.d.length;
  ++r.pieces;
  r.filled += b.bytes;
  // A request whose earlier piece failed on the write channel has left the queue, so this one
  // is sound so far.
  Ps took = 0;
  b.bad = !fill(b, sram(read_.buffer), took);
  if (b.last && !r.all_in) {
    r.all_in = true;
    queue_.pop_front();
  }
  occupy(read_, now, took, EngineWork::in);
  return true;
}

bool RingEngine::start_cipher(Ps now, std::vector<RingRequest*>& ended) {
  Buffer& b = buffers_[cipher_.buffer];
  if (cipher_.working || b.state != BufferState::filled) return false;
  b.state = BufferState::ciphering;
  RingRequest& r = *b.request;
  if (b.hollow()) {
    occupy(cipher_, now, 0, EngineWork::cipher);
    return true;
  }
  if (b.first && faults_.fires(FaultKind::engine_stuck, number_)) {
    cipher_.working = true;
    cipher_.until = kNever;
    stuck_since_ = now;
    detach_abandoned(ended);
    return true;
  }
  if (b.first && faults_.fires(FaultKind::engine_error, number_)) {
    r.write_failed = true;
    fail(r, RingStatus::engine_error, true);
    occupy(cipher_, now, 0, EngineWork::cipher);
    return true;
  }
  const bool decrypt = r.d.has(ring_control::kDecrypt);
  std::uint8_t* const data = sram(cipher_.buffer);
  XtsTweak tweak{};
  if (r.d.xts()) {
    if (b.first) encrypt_tweak(r);
    tweak = r.chain;
    xts_xor_tweaks(data, data, b.bytes, r.chain);
  }
  ciphers_.run({.algorithm = r.d.algorithm(),
                .key = cipher_key(r),
                .key_bytes = r.d.cipher_key_bytes(),
                .cbc = r.d.cbc(),
                .decrypt = decrypt,
                .iv = r.chain.data(),
                .next_iv = r.chain.data(),
                .src = data,
                .dst = data,
                .bytes = b.bytes});
  if (r.d.xts()) xts_xor_tweaks(data, data, b.bytes, tweak);
  bytes_ciphered_ += b.bytes;
  ++operations_;
  occupy(cipher_, now, timing_.cipher(r.d, b.bytes, b.first), EngineWork::cipher);
  return true;
}

bool RingEngine::start_write(Ps now) {
  Buffer& b = buffers_[write_.buffer];
  if (write_.working || b.state != BufferState::ciphered) return false;
  b.state = BufferState::draining;
  b.moved = 0;
  occupy(write_, now, b.hollow() ? 0 : drain(b, sram(write_.buffer)), EngineWork::out);
  return true;
}

// The last caller is the one that lies first in the data: pieces are copied in before earlier
// ones are copied out.
void RingEngine::fail(RingRequest& request, RingStatus status, bool faulted) {
  request.status = status;
  request.faulted = faulted;
  if (request.all_in) return;
  request.all_in = true;
  queue_.pop_front();  // only the request at the front is part in, part out
}

bool RingEngine::fill(Buffer& buffer, std::uint8_t* data, Ps& delay) {
  RingRequest& r = *buffer.request;
  if (buffer.first && !r.d.has(ring_control::kKeySlot)) {
    const std::uint32_t n = r.d.key_bytes();
    if (!reader_.read(r.d.key, r.key.data(), n, timing_.read(r.d.key, n), delay)) {
      fail(r, RingStatus::key_bus_error, reader_.faulted());
      return false;
    }
  }
  source_.clear();
  buffer.destination.clear();
  if (!gather(r, r.source, buffer.bytes, RingStatus::source_bus_error, source_, delay)) {
    return false;
  }
  const bool in_place = r.d.has(ring_control::kInPlace);
  if (in_place) {
    buffer.destination = source_;
  } else if (!gather(r, r.destination, buffer.bytes, RingStatus::destination_bus_error,
                     buffer.destination, delay)) {
    return false;
  }
  if (buffer.last && !(r.source.at_end() && (in_place || r.destination.at_end()))) {
    fail(r, RingStatus::list_long);
    return false;
  }
  for (const RingSegment& s : source_) {
    if (!reader_.read(s.address, data, s.bytes, timing_.read(s.address, s.bytes), delay)) {
      fail(r, RingStatus::source_bus_error, reader_.faulted());
      return false;
    }
    data += s.bytes;
  }
  return true;
}

bool RingEngine::gather(RingRequest& request, RingListPosition& at, std::uint32_t bytes,
                        RingStatus bus_error, std::vector<RingSegment>& out, Ps& delay) {
  while (bytes > 0) {
    if (at.left > 0) {
      const std::uint32_t n = std::min(bytes, at.left);
      out.push_back({at.address, n});
      at.address += n;
      at.left -= n;
      bytes -= n;
      continue;
    }
    if (at.used < at.read_ahead.size()) {
      const RingListEntry& e = at.read_ahead[at.used++];
      if (e.reserved != 0 || (e.length > 0 && e.address + (e.length - 1) < e.address)) {
        fail(request, RingStatus::bad_descriptor);
        return false;
      }
      at.address = e.address;
      at.left = e.length;
      continue;
    }
    if (at.unread == 0) {
      fail(request, RingStatus::list_short);
      return false;
    }
    const std::uint32_t count = std::min(list_prefetch_, at.unread);
    const std::uint32_t n = count * RingListEntry::kBytes;
    if (!reader_.read(at.next_entry, entries_.data(), n, timing_.read(at.next_entry, n), delay)) {
      fail(request, bus_error, reader_.faulted());
      return false;
    }
    at.next_entry += n;
    at.unread -= count;
    at.read_ahead.clear();
    at.used = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      at.read_ahead.push_back(RingListEntry::decode(std::span<const std::uint8_t, 16>(
          entries_.data() + i * RingListEntry::kBytes, RingListEntry::kBytes)));
    }
  }
  return true;
}

Ps RingEngine::drain(Buffer& buffer, std::uint8_t* data) {
  RingRequest& r = *buffer.request;
  Ps delay = 0;
  for (const RingSegment& s : buffer.destination) {
    if (!writer_.write(s.address, data + buffer.moved, s.bytes, timing_.write(s.address, s.bytes),
                       delay)) {
      r.write_failed = true;
      fail(r, RingStatus::destination_bus_error, writer_.faulted());
      return delay;
    }
    buffer.moved += s.bytes;
  }
  if (buffer.last && r.d.has(ring_control::kIvOut) &&
      !writer_.write(r.d.iv_out, r.chain.data(), r.d.block_bytes(),
                     timing_.write(r.d.iv_out, r.d.block_bytes()), delay)) {
    fail(r, RingStatus::iv_bus_error, writer_.faulted());
  }
  return delay;
}

void RingEngine::encrypt_tweak(RingRequest& request) {
  const std::uint32_t n = request.d.cipher_key_bytes();
  tweak_ciphers_.run({.algorithm = CipherAlgorithm::aes,
                      .key = request.key.data() + n,
                      .key_bytes = n,
                      .src = request.d.iv.data(),
                      .dst = request.chain.data(),
                      .bytes = kAesBlockBytes});
}

const std::uint8_t* RingEngine::cipher_key(const RingRequest& request) {
  // The AES engine decrypts from the end of the schedule; this unit makes it from the key.
  if (!request.d.has(ring_control::kDecrypt) || request.d.algorithm() != CipherAlgorithm::aes) {
    return request.key.data();
  }
  const std::uint32_t n = request.d.cipher_key_bytes();
  if (start_key_bytes_ != n || std::memcmp(plain_key_.data(), request.key.data(), n) != 0) {
    std::memcpy(plain_key_.data(), request.key.data(), n);
    aes_decrypt_start_from_key({request.key.data(), n}, {start_key_.data(), n});
    start_key_bytes_ = n;
  }
  return start_key_.data();
}

void RingEngine::detach_abandoned(std::vector<RingRequest*>& ended) {
  for (Buffer& b : buffers_) {
    RingRequest* const r = b.request;
    if (b.state != BufferState::filled || r == &nobody_ || !r->abandoned) continue;
    b.request = &nobody_;
    --r->pieces;
    if (r->all_in && r->pieces == 0) leave(*r, ended);
  }
}

void RingEngine::abandon(unsigned ring, Ps now, std::vector<RingRequest*>& ended) {
  if (stuck() && buffers_[cipher_.buffer].request->ring == ring) {
    cipher_.until = now;
    cipher_.busy += std::max(now, stuck_since_) - stuck_since_;
  }
  // Pieces under way keep their buffers until their stages end.
  for (Buffer& b : buffers_) {
    if (b.state != BufferState::empty && b.request->ring == ring) b.request->abandoned = true;
  }
  for (auto it = queue_.begin(); it != queue_.end();) {
    RingRequest& r = **it;
    if (r.ring != ring) {
      ++it;
      continue;
    }
    r.abandoned = true;
    r.all_in = true;
    it = queue_.erase(it);
    if (r.pieces == 0) leave(r, ended);
  }
  if (stuck()) detach_abandoned(ended);
}

}  // namespace cesasim::hw
