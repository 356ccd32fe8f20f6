// SPDX-License-Identifier: Apache-2.0
#include "traces/trace_format.h"

#include <array>

#include "base/file/byte_sink.h"
#include "traces/format_writers.h"
#include "traces/formats/blkparse_reader.h"
#include "traces/formats/blktrace_reader.h"
#include "traces/formats/csv_reader.h"
#include "traces/formats/csv_writer.h"
#include "traces/formats/iolog_reader.h"
#include "traces/formats/logs/biosnoop_reader.h"
#include "traces/formats/logs/cloudphysics_reader.h"
#include "traces/formats/msr_reader.h"
#include "traces/trace_writer.h"

namespace cesasim::traces {
namespace {

template <class Reader>
std::unique_ptr<TraceReader> open_lines(const std::string& path, std::unique_ptr<ByteSource> bytes,
                                        const TraceOptions& options, std::uint64_t lines_before) {
  LineSource lines(path, std::move(bytes));
  lines.pass_over(lines_before);
  return std::make_unique<Reader>(std::move(lines), options);
}

template <class Reader>
std::unique_ptr<TraceReader> open_binary(const std::string& path, std::unique_ptr<ByteSource> bytes,
                                         const TraceOptions& options, std::uint64_t) {
  return std::make_unique<Reader>(path, std::move(bytes), options);
}

template <class Writer>
std::unique_ptr<TraceWriter> write_as(ByteSink& sink, const Carries& carries) {
  return std::make_unique<Writer>(sink, carries);
}

// The length is a 32-bit number, in fio's reader too.
constexpr std::uint64_t kMaxBytes32 = 0xffff'ffff;

constexpr std::array<TraceFormatInfo, 8> kFormats = {{
    {.format = TraceFormat::csv,
     .name = "csv",
     .doc = "normalized CSV with a header line (traces/README.md): says everything",
     .suffixes = {".csv", "", ""},
     .carries = {},
     .recognises = &CsvReader::recognises,
     .open = &open_lines<CsvReader>,
     .write = &write_as<CsvWriter>},
    {.format = TraceFormat::blkparse,
     .name = "blkparse",
     .doc = "text as blkparse prints it by default; times in ns",
     .suffixes = {".blkparse.txt", ".blkparse", ".txt"},
     .carries = {},
     .recognises = &BlkparseReader::recognises,
     .open = &open_lines<BlkparseReader>,
     .write = &make_blkparse_writer},
    {.format = TraceFormat::blktrace,
     .name = "blktrace",
     .doc = "binary events of blktrace: NAME.blktrace.0, .1 ..., or merged by blkparse -d; ns",
     .suffixes = {".blktrace", ".bin", ""},
     .carries = {.any_origin = false, .max_bytes = kMaxBytes32},
     .recognises = &BlktraceReader::recognises,
     .open = &open_binary<BlktraceReader>,
     .write = &make_blktrace_writer},
    {.format = TraceFormat::iolog2,
     .name = "iolog2",
     .doc = "fio iolog version 2; no times",
     .suffixes = {".v2.iolog", ".iolog2", ""},
     .carries = {.pid = false,
                 .phase = false,
                 .done = false,
                 .flags = 0,
                 .time_unit_ns = 0,
                 .max_bytes = kMaxBytes32},
     .recognises = &IologReader::recognises_v2,
     .open = &open_lines<IologReader>,
     .write = &make_iolog2_writer},
    {.format = TraceFormat::iolog3,
     .name = "iolog3",
     .doc = "fio iolog version 3; times in microseconds",
     .suffixes = {".v3.iolog", ".iolog3", ".iolog"},
     .carries = {.pid = false,
                 .phase = false,
                 .done = false,
                 .flags = 0,
                 .time_unit_ns = 1000,
                 .max_bytes = kMaxBytes32},
     .recognises = &IologReader::recognises_v3,
     .open = &open_lines<IologReader>,
     .write = &make_iolog3_writer},
    {.format = TraceFormat::msr,
     .name = "msr",
     .doc = "CSV of the MSR-Cambridge traces; file times of 100 ns, bytes",
     .suffixes = {".msr.csv", ".msr", ""},
     .carries = {.flush = false,
                 .discard = false,
                 .pid = false,
                 .phase = false,
                 .flags = 0,
                 .time_unit_ns = 100,
                 .any_origin = false},
     .recognises = &MsrReader::recognises,
     .open = &open_lines<MsrReader>,
     .write = &make_msr_writer},
    {.format = TraceFormat::biosnoop,
     .name = "biosnoop",
     .doc = "output of bcc's biosnoop, a row per I/O that ended; only read",
     .suffixes = {"", "", ""},
     .carries = {.discard = true, .phase = false, .time_unit_ns = 1000, .any_origin = false},
     .recognises = &BiosnoopReader::recognises,
     .open = &open_lines<BiosnoopReader>,
     .write = nullptr},
    {.format = TraceFormat::cloudphysics,
     .name = "cloudphysics",
     .doc = "CSV of the CloudPhysics traces, by its header line; only read",
     .suffixes = {"", "", ""},
     .carries = {.discard = false,
                 .pid = false,
                 .phase = false,
                 .done = false,
                 .flags = 0,
                 .time_unit_ns = 1000,
                 .any_origin = false},
     .recognises = &CloudPhysicsReader::recognises,
     .open = &open_lines<CloudPhysicsReader>,
     .write = nullptr},
}};

}  // namespace

std::span<const TraceFormatInfo> trace_formats() { return kFormats; }

const TraceFormatInfo& format_info(TraceFormat format) {
  return kFormats.at(static_cast<std::size_t>(format) - 1);
}

const char* format_name(TraceFormat format) {
  return format == TraceFormat::detect ? "detect" : format_info(format).name;
}

TraceFormat format_of_name(std::string_view name) {
  for (const TraceFormatInfo& info : kFormats) {
    if (name == info.name) return info.format;
  }
  return TraceFormat::detect;
}

TraceFormat format_of_path(std::string_view path) {
  path = without_encoding(path);
  TraceFormat format = TraceFormat::detect;
  std::size_t longest = 0;
  for (const TraceFormatInfo& info : kFormats) {
    for (const std::string_view suffix : info.suffixes) {
      if (info.write == nullptr || suffix.size() <= longest || !path.ends_with(suffix)) continue;
      longest = suffix.size();
      format = info.format;
    }
  }
  return format;
}

std::string format_names(bool writable_only) {
  std::string names;
  for (const TraceFormatInfo& info : kFormats) {
    if (writable_only && info.write == nullptr) continue;
    if (!names.empty()) names += ", ";
    names += info.name;
  }
  return names;
}

std::unique_ptr<TraceWriter> make_writer(TraceFormat format, ByteSink& sink) {
  const TraceFormatInfo& info = format_info(format);
  return info.write(sink, info.carries);
}

}  // namespace cesasim::traces
