// SPDX-License-Identifier: Apache-2.0
#include "cosim/transport/calendar.h"

#include <algorithm>
#include <string>
#include <utility>

namespace cesasim::cosim {
namespace {

struct Message {
  std::uint32_t op;
  std::uint32_t sequence;
  std::uint64_t time;
};
static_assert(sizeof(Message) == 16);

enum Op : std::uint32_t {
  kAck = 0,
  kStart = 1,
  kRequest = 2,
  kWait = 3,
  kGet = 4,
  kUpdate = 5,
  kRun = 6,
  kGetTimeOfDay = 8,
};

}  // namespace

Calendar::Calendar(FileDescriptor connection, Simulation& simulation, std::function<void()> wait,
                   std::uint64_t epoch_ns, std::uint64_t limit_ns)
    : connection_(std::move(connection)),
      simulation_(simulation),
      wait_(std::move(wait)),
      epoch_ns_(epoch_ns),
      limit_ns_(limit_ns) {}

void Calendar::handle_message() {
  Message m;
  read_exact(connection_.get(), bytes_of(m));
  Message answer = {kAck, m.sequence, 0};
  switch (m.op) {
    case kAck:
      if (acknowledged_ || m.sequence != sequence_) {
        throw ProtocolError("time travel: an answer to nothing");
      }
      acknowledged_ = true;
      return;
    case kStart:
      break;
    case kRequest:
      // A later request replaces the earlier one, also while the guest waits.
      request_ns_ = m.time;
      break;
    case kWait:
      waits_ = true;
      break;
    case kGet:
      answer.time = now_ns_;
      break;
    case kUpdate:
      if (m.time < now_ns_) throw ProtocolError("time travel: the guest's time goes back");
      move_to(m.time);
      break;
    case kGetTimeOfDay:
      answer.time = epoch_ns_ + now_ns_;
      break;
    default:
      throw ProtocolError("time travel: operation " + std::to_string(m.op));
  }
  write_all(connection_.get(), bytes_of(answer));
}

void Calendar::move_to(std::uint64_t ns) {
  if (ns > limit_ns_) {
    throw TimeLimitReached("simulated time reached its limit of " +
                           std::to_string(limit_ns_ / 1000000000) + " s");
  }
  now_ns_ = std::max(now_ns_, ns);
}

bool Calendar::step() {
  catch_up();
  const auto event = simulation_.next_event_ns();
  if (event && (!request_ns_ || *event <= *request_ns_)) {
    // It may interrupt the guest, which then asks for an earlier time.
    move_to(*event);
    catch_up();
    return true;
  }
  if (!request_ns_) return false;
  // A guest that asks for a time in the past gets exactly that: it insists on it.
  const std::uint64_t granted = *request_ns_;
  move_to(granted);
  catch_up();
  waits_ = false;
  request_ns_.reset();
  ++grants_;
  send_and_wait(kRun, granted);
  return true;
}

void Calendar::send_and_wait(std::uint32_t op, std::uint64_t time) {
  const Message m = {op, ++sequence_, time};
  acknowledged_ = false;
  write_all(connection_.get(), bytes_of(m));
  while (!acknowledged_) wait_();
}

}  // namespace cesasim::cosim
