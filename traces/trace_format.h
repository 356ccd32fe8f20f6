// SPDX-License-Identifier: Apache-2.0
// The one table of trace formats: recognising, reading, writing, help and errors come from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cesasim {
class ByteSink;
}

namespace cesasim::traces {

class ByteSource;
class TraceReader;
class TraceWriter;
struct TraceOptions;

enum class TraceFormat : std::uint8_t {
  detect,        ///< by content
  csv,           ///< normalized CSV (header line, see traces/README.md)
  blkparse,      ///< default text output of blkparse
  blktrace,      ///< binary events of blktrace: one CPU's file, or merged by `blkparse -d`
  iolog2,        ///< fio iolog version 2
  iolog3,        ///< fio iolog version 3
  msr,           ///< CSV of the MSR-Cambridge collection
  biosnoop,      ///< output of bcc's biosnoop
  cloudphysics,  ///< CSV of the CloudPhysics collection
};

/// What a format can say about a request beside operation, sector and size of reads and writes.
struct Carries {
  bool flush = true;
  bool discard = true;
  bool pid = true;
  bool phase = true;
  bool done = true;
  std::uint8_t flags = 0xff;        ///< RecordFlag bits
  std::uint64_t time_unit_ns = 1;   ///< times are multiples of it; 0: there are none
  bool any_origin = true;           ///< false: time 0 is the first row's
  std::uint64_t max_bytes = ~0ull;  ///< of one request
};

struct TraceFormatInfo {
  TraceFormat format;
  const char* name;  ///< as on the command line
  const char* doc;
  /// File names (without .gz or .zst) that end so are of this format when written; "" ends it.
  std::array<const char*, 3> suffixes;
  Carries carries;
  /// True if a trace of this format may begin with this line (of a binary format: these bytes).
  bool (*recognises)(std::string_view head);
  /// `lines_before`: so many lines stand before the first of this format.
  std::unique_ptr<TraceReader> (*open)(const std::string& path, std::unique_ptr<ByteSource> bytes,
                                       const TraceOptions& options, std::uint64_t lines_before);
  /// nullptr: this format is only read.
  std::unique_ptr<TraceWriter> (*write)(ByteSink& sink, const Carries& carries);
};

std::span<const TraceFormatInfo> trace_formats();
/// Precondition: `format` is not TraceFormat::detect.
const TraceFormatInfo& format_info(TraceFormat format);
/// "detect" or the name in the table.
const char* format_name(TraceFormat format);
/// By name; TraceFormat::detect if there is none.
TraceFormat format_of_name(std::string_view name);
/// By the end of a file name; TraceFormat::detect if it says nothing.
TraceFormat format_of_path(std::string_view path);
/// "csv, blkparse, ..." for messages; of those that can be written, or of all.
std::string format_names(bool writable_only = false);

}  // namespace cesasim::traces
