// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>

#include "traces/format_writers.h"
#include "traces/formats/blktrace_event.h"
#include "traces/formats/event_writer.h"

namespace cesasim::traces {
namespace {

namespace action = blktrace_action;
namespace category = blktrace_category;

static_assert(std::endian::native == std::endian::little);

class BlktraceWriter : public EventWriter {
 public:
  using EventWriter::EventWriter;

 private:
  // Events of time 0 would look as if they had none.
  static constexpr std::uint64_t kStartNs = 1'000'000'000;
  static constexpr std::uint32_t kDevice = 253u << BlktraceEvent::kMinorBits;

  void put_queued(const TraceRecord& record) override {
    put_request(record, record.time_ns, record.pid, category::kQueue, action::kQueue);
  }
  void put_completed(const TraceRecord& record) override {
    put_request(record, record.done_ns, 0, category::kComplete, action::kComplete);
  }
  void put_message(std::uint64_t time_ns, const std::string& text) override {
    BlktraceEvent event;
    event.time = kStartNs + time_ns;
    event.action = category::kNotify << 16 | action::kNotifyMessage;
    event.device = kDevice;
    event.pdu_len = static_cast<std::uint16_t>(text.size());
    put_event(event);
    out() += text;
  }

  void put_request(const TraceRecord& record, std::uint64_t time_ns, std::uint32_t pid,
                   std::uint32_t what, std::uint32_t act) {
    // As the kernel: discards and flushes count as writes, too.
    std::uint32_t bits = what | (record.op == Op::read ? category::kRead : category::kWrite);
    if (record.op == Op::discard) bits |= category::kDiscard;
    if (record.op == Op::flush) bits |= category::kFlush;
    for (const BlktraceFlag& flag : kBlktraceFlags) {
      if ((record.flags & flag.flag) != 0) bits |= flag.category;
    }
    BlktraceEvent event;
    event.sequence = ++sequence_;
    event.time = kStartNs + time_ns;
    event.sector = record.op == Op::flush ? 0 : record.sector;
    event.bytes = static_cast<std::uint32_t>(record.bytes);
    event.action = bits << 16 | act;
    event.pid = pid;
    event.device = kDevice;
    put_event(event);
  }

  void put_event(const BlktraceEvent& event) {
    static_assert(sizeof event == BlktraceEvent::kBytes);  // no padding: it is the file's layout
    const std::size_t at = out().size();
    out().resize(at + sizeof event);
    std::memcpy(out().data() + at, &event, sizeof event);
  }

  std::uint32_t sequence_ = 0;
};

}  // namespace

std::unique_ptr<TraceWriter> make_blktrace_writer(ByteSink& sink, const Carries& carries) {
  return std::make_unique<BlktraceWriter>(sink, carries);
}

}  // namespace cesasim::traces
