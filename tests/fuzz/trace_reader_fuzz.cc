// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/trace_reader_fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "traces/trace_format.h"
#include "traces/trace_reader.h"

namespace cesasim::fuzz {
namespace {

/// Compressed input can be long; what matters shows before.
constexpr unsigned kMaxRecords = 20000;

void require(bool rule) {
  if (!rule) std::abort();
}

/// A file without a disk.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("trace", 0)) { require(fd_ >= 0); }
  void hold(const std::uint8_t* data, std::size_t size) {
    require(::ftruncate(fd_, 0) == 0);
    require(::pwrite(fd_, data, size, 0) == static_cast<ssize_t>(size));
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace

void fuzz_trace_reader(const std::uint8_t* data, std::size_t size) {
  static MemoryFile file;
  if (size == 0) return;
  traces::TraceOptions options;
  options.skip_bad_lines = (data[0] & 0x80) != 0;
  const std::size_t format = (data[0] & 0x7f) % (traces::trace_formats().size() + 1);
  if (format != 0) options.format = traces::trace_formats()[format - 1].format;
  file.hold(data + 1, size - 1);
  try {
    const auto reader = traces::open_trace(file.path(), options);
    traces::TraceRecord record;
    for (unsigned n = 0; n < kMaxRecords && reader->next(record); ++n) {
      require(record.bytes % 512 == 0);
      require(record.op == traces::Op::flush || record.bytes != 0);
      require(record.end_sector() >= record.sector);
      require(record.phase < reader->phases());
      require(!reader->phase_name(record.phase).empty());
    }
    require(options.skip_bad_lines || reader->skipped_lines() == 0);
  } catch (const traces::TraceError& error) {
    require(!error.reason().empty());
  }
}

}  // namespace cesasim::fuzz
