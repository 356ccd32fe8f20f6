// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>

#include "traces/format_writers.h"

namespace cesasim::traces {
namespace {

constexpr std::uint64_t kTickNs = 100;
constexpr std::uint64_t kStart = 128'166'372'000'000'000;  // 2007-02-22 17:00 UTC, in ticks

class MsrWriter : public TraceWriter {
 public:
  using TraceWriter::TraceWriter;

 private:
  void put(const TraceRecord& record, std::string_view) override {
    const std::uint64_t response =
        record.done_ns == kUnknownTime ? 0 : (record.done_ns - record.time_ns) / kTickNs;
    fmt::format_to(std::back_inserter(out()), "{},trace,0,{},{},{},{}\n",
                   kStart + record.time_ns / kTickNs, record.op == Op::read ? "Read" : "Write",
                   record.sector * 512, record.bytes, response);
  }
};

}  // namespace

std::unique_ptr<TraceWriter> make_msr_writer(ByteSink& sink, const Carries& carries) {
  return std::make_unique<MsrWriter>(sink, carries);
}

}  // namespace cesasim::traces
