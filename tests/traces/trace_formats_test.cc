// SPDX-License-Identifier: Apache-2.0
// Readers and writers of all formats against each other and against the captures' own rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <tuple>

#include "tests/traces/files.h"
#include "traces/trace_cut.h"
#include "traces/trace_reader.h"
#include "traces/trace_writer.h"

namespace cesasim::traces {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Row {
  TraceRecord record;
  std::string phase;
};

std::vector<Row> rows_of(const std::string& path, bool completions = true,
                         const std::string& device = "") {
  TraceOptions options;
  options.completions = completions;
  options.device = device;
  const auto reader = open_trace(path, options);
  std::vector<Row> rows;
  TraceRecord record;
  while (reader->next(record)) rows.push_back({record, reader->phase_name(record.phase)});
  return rows;
}

std::string show(const Row& row) {
  const TraceRecord& r = row.record;
  return std::to_string(r.time_ns) + " " + op_name(r.op) + " " + std::to_string(r.sector) + "+" +
         std::to_string(r.bytes) + " pid " + std::to_string(r.pid) + " " + row.phase + " flags " +
         std::to_string(r.flags) + " done " +
         (r.done_ns == kUnknownTime ? "?" : std::to_string(r.done_ns));
}

void expect_same(const std::vector<Row>& expected, const std::vector<Row>& got) {
  ASSERT_EQ(expected.size(), got.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(show(expected[i]), show(got[i])) << "row " << i;
  }
}

/// `rows` as a file in `format`, under a name that asks for the encoding.
std::string written(const std::vector<Row>& rows, TraceFormat format, const std::string& name,
                    std::vector<std::string>* losses = nullptr) {
  StringSink sink;
  const auto encoded = encoding_sink(name, sink);
  const auto writer = make_writer(format, *encoded);
  for (const Row& row : rows) writer->write(row.record, row.phase);
  writer->finish();
  if (losses != nullptr) *losses = writer->losses();
  return write_file(name, sink.bytes);
}

/// What is left of `rows` in `format`, by the table of formats: the exceptions of a round trip.
std::vector<Row> carried(const std::vector<Row>& rows, TraceFormat format) {
  const Carries& c = format_info(format).carries;
  std::vector<Row> out;
  for (Row row : rows) {
    TraceRecord& r = row.record;
    if (r.op == Op::flush && !c.flush) continue;
    if (r.op == Op::discard && !c.discard) continue;
    if (!c.pid) r.pid = 0;
    if (!c.phase) row.phase = "all";
    if (!c.done) r.done_ns = kUnknownTime;
    r.flags &= c.flags;
    // A flush flushes, which only CSV can leave unsaid.
    if (r.op == Op::flush && format != TraceFormat::csv) r.flags |= kPreflush;
    if (c.time_unit_ns == 0) {
      r.time_ns = 0;
    } else {
      if (r.done_ns != kUnknownTime) {
        const std::uint64_t took = (r.done_ns - r.time_ns) / c.time_unit_ns * c.time_unit_ns;
        r.time_ns -= r.time_ns % c.time_unit_ns;
        r.done_ns = took == 0 && format == TraceFormat::msr ? kUnknownTime : r.time_ns + took;
      }
      r.time_ns -= r.time_ns % c.time_unit_ns;
    }
    out.push_back(row);
  }
  return out;
}

/// Rows of every kind. The first is a read at time 0, so that every format has the same origin.
std::vector<Row> random_rows(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  const std::vector<std::string> phases = {"all", "mkfs", "a b", "start_em"};
  std::vector<Row> rows;
  std::uint64_t time = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Row row;
    TraceRecord& r = row.record;
    r.time_ns = time;
    time += random() % 3 == 0 ? 0 : random() % 5'000'000;
    r.op = i == 0 ? Op::read : static_cast<Op>(random() % kOps);
    if (r.op != Op::flush) {
      // Disjoint ranges: events of two requests for the same range in flight look alike, and
      // which of them ends first is then not in the file.
      r.sector = i * 100'000;
      r.bytes = 512 * (1 + random() % 4096);
    }
    r.pid = static_cast<std::uint32_t>(random() % 5);
    r.flags = static_cast<std::uint8_t>(random() % 32);
    if (r.op == Op::flush) r.flags |= kPreflush;
    // Flushes have no range: they end in order.
    const std::uint64_t took = r.op == Op::flush ? 7000 : 1 + random() % 20'000'000;
    if (r.op == Op::flush || random() % 4 != 0) r.done_ns = r.time_ns + took;
    row.phase = phases[random() % phases.size()];
    rows.push_back(row);
  }
  return rows;
}

std::vector<TraceFormatInfo> written_formats() {
  std::vector<TraceFormatInfo> out;
  for (const TraceFormatInfo& info : trace_formats()) {
    if (info.write != nullptr) out.push_back(info);
  }
  return out;
}

class EveryFormat : public testing::TestWithParam<TraceFormatInfo> {};

TEST_P(EveryFormat, RoundTripKeepsWhatTheFormatCarries) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<Row> rows = random_rows(seed, 200);
    for (const char* suffix : {"", ".gz", ".zst"}) {
      const std::string path = written(rows, GetParam().format, std::string("trace") + suffix);
      EXPECT_EQ(open_trace(path)->format(), GetParam().format);
      expect_same(carried(rows, GetParam().format), rows_of(path));
      if (HasFatalFailure()) FAIL() << "seed " << seed << suffix;
    }
  }
}

TEST_P(EveryFormat, EveryOtherFormatGivesTheSameAgain) {
  const std::vector<Row> rows = carried(random_rows(77, 300), GetParam().format);
  const std::string first = written(rows, GetParam().format, "first");
  for (const TraceFormatInfo& other : written_formats()) {
    const std::string second = written(rows_of(first), other.format, "second");
    expect_same(carried(rows, other.format), rows_of(second));
    if (HasFatalFailure()) FAIL() << GetParam().name << " to " << other.name;
  }
}

TEST_P(EveryFormat, EmptyTraceIsRefused) {
  EXPECT_THROW(rows_of(written({}, GetParam().format, "empty")), TraceError);
}

TEST_P(EveryFormat, NamesLeadToIt) {
  EXPECT_EQ(format_of_name(GetParam().name), GetParam().format);
  for (const std::string suffix : GetParam().suffixes) {
    if (suffix.empty()) continue;
    EXPECT_EQ(format_of_path("a/b" + suffix), GetParam().format);
    EXPECT_EQ(format_of_path("a/b" + suffix + ".zst"), GetParam().format);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryFormat, testing::ValuesIn(written_formats()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(TraceWriter, SaysWhatIsLost) {
  Row write;
  write.record = {
      .time_ns = 150, .bytes = 4096, .done_ns = 999, .pid = 7, .op = Op::write, .flags = kSync};
  write.phase = "mkfs";
  Row flush = write;
  flush.record.op = Op::flush;
  flush.record.bytes = 0;
  Row discard = write;
  discard.record.op = Op::discard;
  const std::vector<Row> rows = {write, flush, discard, write};
  std::vector<std::string> losses;
  for (const auto format : {TraceFormat::csv, TraceFormat::blkparse}) {
    written(rows, format, "x", &losses);
    EXPECT_THAT(losses, IsEmpty());
  }
  written(rows, TraceFormat::blktrace, "x", &losses);
  EXPECT_THAT(losses, ElementsAre("times count from the first row, which was at 150 ns"));
  written(rows, TraceFormat::iolog3, "x", &losses);
  EXPECT_THAT(losses,
              ElementsAre("4 rows lost their pid", "4 rows lost their phase", "4 rows lost flags",
                          "4 rows lost their completion time", "4 times were cut to 1000 ns"));
  written(rows, TraceFormat::msr, "x", &losses);
  EXPECT_THAT(losses,
              ElementsAre("1 flushes left out: the format has none",
                          "1 discards left out: the format has none", "2 rows lost their pid",
                          "2 rows lost their phase", "2 rows lost flags",
                          "times count from the first row, which was at 150 ns"));
}

TEST(TraceWriter, RefusesWhatNoFileCanHold) {
  StringSink sink;
  const auto writer = make_writer(TraceFormat::blktrace, sink);
  TraceRecord record;
  record.bytes = 1ull << 32;
  EXPECT_THROW(writer->write(record, "all"), TraceWriteError);
  record.bytes = 512;
  for (const char* phase : {"", "a,b", "a\nb"}) {
    EXPECT_THROW(writer->write(record, phase), TraceWriteError);
  }
}

constexpr const char* kDir = "traces/samples/";

// The rows of discard.csv were made from the binary files by another program.
TEST(Samples, FilesOfTheProcessorsAreOneTrace) {
  const auto expected = rows_of(std::string(kDir) + "discard.csv.zst");
  ASSERT_EQ(expected.size(), 507u);
  for (const char* name : {"discard.blktrace.0.zst", "discard.blktrace.1.zst", "discard"}) {
    expect_same(expected, rows_of(std::string(kDir) + name));
  }
}

TEST(Samples, MergedBinaryHasAllButThePhases) {
  auto expected = rows_of(std::string(kDir) + "discard.csv.zst");
  for (Row& row : expected) row.phase = "all";
  expect_same(expected, rows_of(std::string(kDir) + "discard.merged.bin.zst"));
}

TEST(Samples, TextHasCompletions) {
  for (const std::string name : {"discard", "fio"}) {
    auto expected = rows_of(kDir + name + ".csv.zst");
    for (Row& row : expected) row.phase = "all";
    expect_same(expected, rows_of(kDir + name + ".blkparse.txt.zst"));
  }
}

TEST(Samples, FioLogs) {
  const auto v3 = rows_of(std::string(kDir) + "randwrite.v3.iolog");
  std::size_t flushes = 0;
  for (const Row& row : v3) flushes += row.record.op == Op::flush;
  EXPECT_GT(flushes, 20u);
  EXPECT_EQ(v3[0].record.bytes, 8192u);
  const auto v2 = rows_of(std::string(kDir) + "mkfs.v2.iolog");
  EXPECT_EQ(v2[0].record.op, Op::flush);
  EXPECT_EQ(v2[2].record.sector, 67108736u);
  EXPECT_EQ(v2[2].record.bytes, 65536u);
}

std::string error_of(const std::string& text, const TraceOptions& options = {}) {
  const std::string path = write_file("bad", text);
  try {
    const auto reader = open_trace(path, options);
    TraceRecord record;
    while (reader->next(record)) {
    }
  } catch (const TraceError& error) {
    return std::string(error.what()).substr(path.size() + 1);
  }
  return "no error";
}

TEST(Iolog, BadLines) {
  const auto v3 = [](const std::string& line) {
    return error_of("fio version 3 iolog\n0 /dev/a add\n1 /dev/a read 0 512\n" + line + "\n");
  };
  EXPECT_EQ(v3("x /dev/a read 0 512"), "4: bad time in microseconds 'x'");
  EXPECT_EQ(v3("99999999999999999999 /dev/a read 0 512"),
            "4: bad time in microseconds '99999999999999999999'");
  EXPECT_EQ(v3("5"), "4: line ends after its time");
  EXPECT_THAT(v3("5 /dev/a 17 0 512"), HasSubstr("4: unknown action '17' (known: add"));
  EXPECT_EQ(v3("5 /dev/a read x 512"), "4: bad offset 'x'");
  EXPECT_EQ(v3("5 /dev/a read 0"), "4: bad length ''");
  EXPECT_EQ(v3("5 /dev/a read 0 512 1"), "4: text after the length");
  EXPECT_EQ(v3("5 /dev/a read 100 512"), "4: offset is not a multiple of 512: 100 bytes");
  EXPECT_EQ(v3("5 /dev/a read 0 100"), "4: size is not a multiple of 512: 100 bytes");
  EXPECT_EQ(v3("5 /dev/b read 0 512"),
            "4: a second device, /dev/b beside /dev/a: say which one to take (--device, "
            "workload.device)");
  EXPECT_EQ(v3("5 /dev/a read 18446744073709551104 1024"),
            "4: sector 36028797018963967 plus 1024 bytes overflows");
}

TEST(Iolog, WaitsOfVersion2AddUp) {
  const auto rows = rows_of(write_file("w",
                                       "fio version 2 iolog\nf add\nf wait 100 0\nf read 0 512\n"
                                       "f wait 50 0\nf datasync 0 0\n"));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].record.time_ns, 100'000u);
  EXPECT_EQ(rows[1].record.time_ns, 150'000u);
  EXPECT_EQ(rows[1].record.op, Op::flush);
}

constexpr const char* kMsrRow = "128166372003061629,usr,0,Read,7014609920,24576,41286\n";

TEST(Msr, UnitsAreFileTimesAndBytes) {
  const auto rows = rows_of(
      write_file("m", std::string(kMsrRow) + "128166372016382155,usr,0,Write,512,4096,0\n"));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(show(rows[0]), "0 read 13700410+24576 pid 0 all flags 0 done 4128600");
  EXPECT_EQ(show(rows[1]), "1332052600 write 1+4096 pid 0 all flags 0 done ?");
}

TEST(Msr, BadLines) {
  const auto msr = [](const std::string& row) { return error_of(kMsrRow + row + "\n"); };
  EXPECT_THAT(msr("1,2,3"), HasSubstr("2: expected 7 fields"));
  EXPECT_EQ(msr("x,usr,0,Read,0,512,0"), "2: bad Timestamp 'x'");
  EXPECT_EQ(msr("128166372003061630,usr,0,7,0,512,0"), "2: unknown Type '7' (known: Read, Write)");
  EXPECT_EQ(msr("128166372003061630,usr,0,Read,-1,512,0"), "2: bad Offset '-1'");
  EXPECT_EQ(msr("128166372003061630,usr,0,Read,0,512,x"), "2: bad ResponseTime 'x'");
  EXPECT_EQ(msr("128166372003061630,usr,0,Read,1,512,0"),
            "2: Offset is not a multiple of 512: 1 bytes");
  EXPECT_EQ(msr("128166372003061630,usr,0,Read,0,512,18446744073709551615"), "2: time overflows");
  EXPECT_EQ(msr("128166372003061630,usr,1,Read,0,512,0"),
            "2: a second device, usr,1 beside usr,0: say which one to take (--device, "
            "workload.device)");
  TraceOptions options;
  options.device = "usr,1";
  const std::string two = std::string(kMsrRow) + "128166372003061630,usr,1,Read,0,512,0\n";
  EXPECT_EQ(rows_of(write_file("two", two), true, "usr,1").size(), 1u);
}

/// A binary trace of two requests, to be damaged.
std::string binary() {
  Row row;
  row.record.bytes = 4096;
  row.phase = "all";
  Row later = row;
  later.record.time_ns = 1000;
  later.record.sector = 8;
  return decoded(written({row, later}, TraceFormat::blktrace, "binary"));
}

TEST(Blktrace, DamageIsAnErrorWithItsByte) {
  const std::string good = binary();
  ASSERT_EQ(good.size(), 96u);
  TraceOptions options;
  options.skip_bad_lines = true;
  std::string bad = good;
  bad[49] = 'x';
  EXPECT_EQ(error_of(bad, options), " byte 48: no event begins here (its magic number is missing)");
  bad = good;
  bad[48] = 9;
  EXPECT_EQ(error_of(bad), " byte 48: event of version 9; known: 7");
  EXPECT_EQ(error_of(good + std::string(100, '\0') + "x"),
            " byte 96: no event begins here (its magic number is missing)");
}

// A capture that is stopped or copied while it runs ends anywhere.
TEST(Blktrace, ACaptureCutInItsLastEventIsReadUpToThere) {
  const std::string good = binary();
  std::string longer_payload = good;
  longer_payload[48 + 46] = 1;  // pdu_len
  for (const std::string& cut : {good.substr(0, 95), good.substr(0, 50), good.substr(0, 49),
                                 longer_payload, good.substr(0, 48) + std::string(70, '\0')}) {
    const std::string path = write_file("cut", cut);
    const auto reader = open_trace(path);
    TraceRecord record;
    EXPECT_TRUE(reader->next(record));
    EXPECT_FALSE(reader->next(record)) << cut.size();
    EXPECT_THAT(reader->remarks(),
                ElementsAre("events cut short, " + path + " read up to its byte 48: 1"));
  }
  const std::string first = write_file("first", good.substr(0, 40));
  EXPECT_THROW(rows_of(first), TraceError) << "nothing is left";
}

TEST(Blktrace, BadEventsAreCounted) {
  const std::string good = binary();
  constexpr std::size_t kBytesAt = 24, kActionAt = 28, kDeviceAt = 36;
  std::string bad = good;
  bad[48 + kActionAt] = 99;
  EXPECT_EQ(error_of(bad), " byte 48: unknown action 99");
  bad = good;
  bad[48 + kBytesAt] = 1;
  EXPECT_EQ(error_of(bad), " byte 48: size is not a multiple of 512: 4097 bytes");
  bad = good;
  bad[48 + kDeviceAt] = 1;
  EXPECT_EQ(error_of(bad),
            " byte 48: a second device, 253,1 beside 253,0: say which one to take (--device, "
            "workload.device)");
  TraceOptions options;
  options.skip_bad_lines = true;
  const auto reader = open_trace(write_file("skip", bad), options);
  TraceRecord record;
  EXPECT_TRUE(reader->next(record));
  EXPECT_FALSE(reader->next(record));
  EXPECT_EQ(reader->skipped_lines(), 1u);
  EXPECT_THAT(reader->first_skipped(), HasSubstr("byte 48: a second device"));
}

TEST(Blktrace, EitherByteOrder) {
  const std::vector<Row> rows = random_rows(5, 50);
  std::string bytes = decoded(written(rows, TraceFormat::blktrace, "little"));
  const auto expected = rows_of(scratch_path("little"));
  // Field by field: 4-byte, 8-byte and 2-byte numbers of the kernel's struct.
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint16_t pdu = 0;
    std::memcpy(&pdu, bytes.data() + at + 46, 2);
    std::size_t field = at;
    for (const std::size_t width : {4, 4, 8, 8, 4, 4, 4, 4, 4, 2, 2}) {
      std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(field),
                   bytes.begin() + static_cast<std::ptrdiff_t>(field + width));
      field += width;
    }
    at = field + pdu;
  }
  expect_same(expected, rows_of(write_file("big", bytes)));
}

TEST(Cut, KeepsWhatIsAskedFor) {
  const auto cut_of = [](const Cut& cut, CutCounts* counts = nullptr) {
    StringSink sink;
    const auto writer = make_writer(TraceFormat::csv, sink);
    TraceOptions options;
    options.completions = true;
    const auto reader = open_trace(std::string(kDir) + "discard.csv.zst", options);
    const CutCounts n = copy_trace(*reader, *writer, cut);
    writer->finish();
    if (counts != nullptr) *counts = n;
    return rows_of(write_file("cut", sink.bytes));
  };
  const auto all = rows_of(std::string(kDir) + "discard.csv.zst");
  expect_same(all, cut_of({}));
  Cut cut;
  cut.records = {10, 20};
  expect_same({all.begin() + 10, all.begin() + 20}, cut_of(cut));
  cut = {};
  cut.phases = {"mount"};
  EXPECT_EQ(cut_of(cut).size(), 237u);
  cut = {};
  cut.ops = {Op::discard};
  EXPECT_EQ(cut_of(cut).size(), 131u);
  cut = {};
  cut.time_ns = {all[100].record.time_ns, all[200].record.time_ns};
  cut.rebase = true;
  const auto window = cut_of(cut);
  ASSERT_EQ(window.size(), 100u);
  EXPECT_EQ(window[0].record.time_ns, 0u);
  EXPECT_EQ(window[99].record.done_ns, all[199].record.done_ns - all[100].record.time_ns);
  cut = {};
  cut.sectors = {4, 524160};
  cut.rebase = true;
  CutCounts counts;
  for (const Row& row : cut_of(cut, &counts)) EXPECT_LE(row.record.end_sector(), 524156u);
  EXPECT_GT(counts.across_edge, 0u);
  EXPECT_EQ(counts.read, 507u);
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// Writes into a file piece by piece, as the program does.
class FileSink : public ByteSink {
 public:
  explicit FileSink(const std::string& path) : out_(path, std::ios::binary) {}
  void write(const char* data, std::size_t size) override {
    out_.write(data, static_cast<std::streamsize>(size));
  }
  void finish() override { out_.close(); }

 private:
  std::ofstream out_;
};

// A million requests, 32 in flight, through every writer and reader: memory must not follow.
TEST(Streaming, MillionRequestsInConstantMemory) {
#ifdef __SANITIZE_ADDRESS__
  constexpr std::uint64_t kRequests = 50'000;  // the sanitizer keeps what was freed
#else
  constexpr std::uint64_t kRequests = 1'000'000;
#endif
  [[maybe_unused]] constexpr long kMostKib = 24 * 1024;  // the records alone would be 56 MB
  [[maybe_unused]] const long before = peak_kib();
  for (const TraceFormatInfo& info : written_formats()) {
    const std::string path = scratch_path("million.zst");
    FileSink file(path);
    const auto encoded = encoding_sink(path, file);
    const auto writer = make_writer(info.format, *encoded);
    TraceRecord record;
    record.bytes = 4096;
    for (std::uint64_t i = 0; i < kRequests; ++i) {
      record.time_ns = i * 1000;
      record.done_ns = record.time_ns + 32'000;
      record.sector = i * 7919 % 1'000'003 * 8;
      record.op = i % 3 == 0 ? Op::read : Op::write;
      writer->write(record, "all");
    }
    writer->finish();
    TraceOptions options;
    options.completions = true;
    const auto reader = open_trace(path, options);
    std::uint64_t rows = 0;
    while (reader->next(record)) ++rows;
    EXPECT_EQ(rows, kRequests) << info.name;
  }
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(peak_kib() - before, kMostKib);
#endif
}

}  // namespace
}  // namespace cesasim::traces
