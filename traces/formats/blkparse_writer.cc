// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>

#include "traces/format_writers.h"
#include "traces/formats/event_writer.h"

namespace cesasim::traces {
namespace {

class BlkparseWriter : public EventWriter {
 public:
  using EventWriter::EventWriter;

 private:
  void put_head(std::uint64_t time_ns, std::uint32_t pid, char action, std::string_view rwbs) {
    constexpr std::uint64_t kNsPerS = 1'000'000'000;
    fmt::format_to(std::back_inserter(out()), "253,0    0 {:>8} {:>5}.{:09} {:>5}  {} {:>3} ",
                   ++sequence_, time_ns / kNsPerS, time_ns % kNsPerS, pid, action, rwbs);
  }

  // The kernel's letters: [F = preflush] operation [F = FUA] [A] [S] [M].
  static std::string rwbs(const TraceRecord& record) {
    constexpr char kOpLetters[kOps] = {'R', 'W', 'W', 'D'};  // a flush is an empty write
    std::string text;
    if (record.op == Op::flush || (record.flags & kPreflush) != 0) text += 'F';
    text += kOpLetters[static_cast<std::size_t>(record.op)];
    if ((record.flags & kFua) != 0) text += 'F';
    if ((record.flags & kReadAhead) != 0) text += 'A';
    if ((record.flags & kSync) != 0) text += 'S';
    if ((record.flags & kMetadata) != 0) text += 'M';
    return text;
  }

  void put_queued(const TraceRecord& record) override {
    put_head(record.time_ns, record.pid, 'Q', rwbs(record));
    if (record.op != Op::flush) put_range(record);
    out() += "[trace]\n";
  }
  void put_completed(const TraceRecord& record) override {
    put_head(record.done_ns, 0, 'C', rwbs(record));
    if (record.op == Op::flush) {
      out() += "0 ";
    } else {
      put_range(record);
    }
    out() += "[0]\n";
  }
  void put_message(std::uint64_t time_ns, const std::string& text) override {
    put_head(time_ns, 0, 'm', "N");
    out() += text;
    out() += '\n';
  }
  void put_range(const TraceRecord& record) {
    fmt::format_to(std::back_inserter(out()), "{} + {} ", record.sector, record.bytes / 512);
  }

  std::uint64_t sequence_ = 0;
};

}  // namespace

std::unique_ptr<TraceWriter> make_blkparse_writer(ByteSink& sink, const Carries& carries) {
  return std::make_unique<BlkparseWriter>(sink, carries);
}

}  // namespace cesasim::traces
