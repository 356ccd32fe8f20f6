// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>

#include "traces/format_writers.h"

namespace cesasim::traces {
namespace {

constexpr const char* kFile = "/dev/trace";
constexpr std::uint64_t kNsPerUs = 1000;

class IologWriter : public TraceWriter {
 public:
  IologWriter(ByteSink& sink, const Carries& carries, bool times)
      : TraceWriter(sink, carries), times_(times) {
    out() = fmt::format("fio version {} iolog\n", times ? 3 : 2);
    put_line(0, "add");
    put_line(0, "open");
  }

 private:
  void put(const TraceRecord& record, std::string_view) override {
    constexpr const char* kActions[kOps] = {"read", "write", "sync", "trim"};
    last_us_ = record.time_ns / kNsPerUs;
    const bool flush = record.op == Op::flush;
    put_line(last_us_, fmt::format("{} {} {}", kActions[static_cast<std::size_t>(record.op)],
                                   flush ? 0 : record.sector * 512, record.bytes));
  }
  void put_end() override { put_line(last_us_, "close"); }

  void put_line(std::uint64_t us, std::string_view what) {
    if (times_) fmt::format_to(std::back_inserter(out()), "{} ", us);
    fmt::format_to(std::back_inserter(out()), "{} {}\n", kFile, what);
  }

  bool times_;
  std::uint64_t last_us_ = 0;
};

}  // namespace

std::unique_ptr<TraceWriter> make_iolog2_writer(ByteSink& sink, const Carries& carries) {
  return std::make_unique<IologWriter>(sink, carries, false);
}

std::unique_ptr<TraceWriter> make_iolog3_writer(ByteSink& sink, const Carries& carries) {
  return std::make_unique<IologWriter>(sink, carries, true);
}

}  // namespace cesasim::traces
