// SPDX-License-Identifier: Apache-2.0
// Traces as people have them: what reading one must give, by the kernel's rules and by what
// blkparse and fio make of the same file. The files in faults/ are written by hand; each stands for
// a kind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "tests/traces/files.h"
#include "traces/trace_info.h"
#include "traces/trace_reader.h"
#include "traces/trace_writer.h"

namespace cesasim::traces {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Read {
  std::vector<TraceRecord> rows;
  std::vector<std::string> remarks;
  std::string error;  // without the path
  TraceFormat format = TraceFormat::detect;

  /// Completion times; 0: unknown.
  std::vector<std::uint64_t> done() const {
    std::vector<std::uint64_t> out;
    for (const TraceRecord& r : rows) out.push_back(r.done_ns == kUnknownTime ? 0 : r.done_ns);
    return out;
  }
  std::vector<std::uint64_t> times() const {
    std::vector<std::uint64_t> out;
    for (const TraceRecord& r : rows) out.push_back(r.time_ns);
    return out;
  }
  /// "R0+4096 F W8+512"
  std::string text() const {
    std::string out;
    for (const TraceRecord& r : rows) {
      out += out.empty() ? "" : " ";
      out += "RWFD"[static_cast<std::size_t>(r.op)];
      if (r.op != Op::flush) out += std::to_string(r.sector) + "+" + std::to_string(r.bytes);
    }
    return out;
  }
};

Read read(const std::string& path, TraceOptions options = {}) {
  options.completions = true;
  Read out;
  try {
    const auto reader = open_trace(path, options);
    out.format = reader->format();
    TraceRecord record;
    while (reader->next(record)) {
      EXPECT_GE(record.done_ns, record.time_ns);
      out.rows.push_back(record);
    }
    out.remarks = reader->remarks();
  } catch (const TraceError& error) {
    out.error = error.what();
    if (out.error.starts_with(path)) out.error = out.error.substr(path.size() + 1);
  }
  return out;
}

Read fault(const std::string& name, const TraceOptions& options = {}) {
  return read("tests/traces/faults/" + name, options);
}

Read text(const std::string& content, const TraceOptions& options = {}) {
  return read(write_file("trace", content), options);
}

TraceInfo info_of_fault(const std::string& name) {
  TraceOptions options;
  options.completions = true;
  return collect_info(*open_trace("tests/traces/faults/" + name, options));
}

// --- flushes and FUA: the rules are those of traces/events/completion_matcher.h
// -------------------

struct Event {
  std::uint64_t us;
  char action;       // Q, D, R, C
  const char* rwbs;  // as blkparse prints it from a binary event
  std::uint64_t sector;
  std::uint32_t sectors;  // 0: no range
};

/// As blkparse prints them.
std::string as_text(const std::vector<Event>& events) {
  std::string out;
  for (const Event& e : events) {
    char line[200];
    const bool ended = e.action == 'C' || e.action == 'R';
    std::string what;
    if (ended || e.sectors != 0) what = std::to_string(e.sector);
    if (e.sectors != 0) what += " + " + std::to_string(e.sectors);
    std::snprintf(line, sizeof line, "8,0 0 1 %5lu.%09lu 7 %2c %3s %s [%s]\n", e.us / 1'000'000,
                  e.us % 1'000'000 * 1000, e.action, e.rwbs, what.c_str(), ended ? "0" : "app");
    out += line;
  }
  return out;
}

template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> 8 * i & 0xff);
}

/// As the kernel records them, little endian (linux/blktrace_api.h).
std::string as_binary(const std::vector<Event>& events) {
  std::string out;
  for (const Event& e : events) {
    std::string letters = e.rwbs;
    std::uint32_t what = 0;
    if (letters.front() == 'F') {
      what |= 1u << 2;
      letters.erase(0, 1);
    }
    const char op = letters.front();
    what |= op == 'W' || op == 'D' ? 1u << 1 : 1u << 0;
    if (op == 'D') what |= 1u << 13;
    for (const char c : letters.substr(1)) {
      what |= c == 'F' ? 1u << 15 : c == 'S' ? 1u << 3 : c == 'M' ? 1u << 12 : 0;
    }
    const std::uint32_t action = e.action == 'Q'   ? 1
                                 : e.action == 'D' ? 7
                                 : e.action == 'R' ? 6
                                                   : 8;
    what |= e.action == 'Q'   ? 1u << 4
            : e.action == 'D' ? 1u << 6
            : e.action == 'R' ? 1u << 5
                              : 1u << 7;
    put<std::uint32_t>(out, 0x65617407);
    put<std::uint32_t>(out, 1);
    put<std::uint64_t>(out, 5'000'000 + e.us * 1000);
    put<std::uint64_t>(out, e.sector);
    put<std::uint32_t>(out, e.sectors * 512);
    put<std::uint32_t>(out, what << 16 | action);
    put<std::uint32_t>(out, 7);
    put<std::uint32_t>(out, 8u << 20);
    put<std::uint32_t>(out, 0);
    put<std::uint32_t>(out, 0);
  }
  return out;
}

struct FlushCase {
  const char* name;
  std::vector<Event> events;           // the first at 0
  std::vector<std::uint64_t> done_us;  // per bio in queue order; 0: unknown
};

const std::vector<FlushCase>& flush_cases() {
  static const std::vector<FlushCase> cases = {
      {"EmptyFlush",
       {{0, 'Q', "FWS", 0, 0},
        {1, 'D', "FN", 0, 0},
        {900, 'C', "FN", 0, 0},
        {901, 'C', "WS", 0, 0}},
       {901}},
      // Two bios wait for one flush request: each has an end of its own.
      {"CoalescedFlushes",
       {{0, 'Q', "FWS", 0, 0},
        {1, 'D', "FN", 0, 0},
        {2, 'Q', "FWS", 0, 0},
        {3, 'Q', "FWS", 0, 0},
        {100, 'C', "FN", 0, 0},
        {101, 'C', "WS", 0, 0},
        {102, 'D', "FN", 0, 0},
        {200, 'C', "FN", 0, 0},
        {201, 'C', "WS", 0, 0},
        {202, 'C', "WS", 0, 0}},
       {101, 201, 202}},
      // Before 3.11: the end of the flush request is not traced.
      {"NoFlushRequestTraced",
       {{0, 'Q', "FWS", 0, 0}, {1, 'Q', "FWS", 0, 0}, {90, 'C', "WS", 0, 0}, {91, 'C', "WS", 0, 0}},
       {90, 91}},
      // 3.11 to 4.7: the flush request is printed as FWS, too.
      {"FlushRequestPrintedAsWrite",
       {{0, 'Q', "FWS", 0, 0},
        {1, 'D', "FWS", 0, 0},
        {2, 'Q', "FWS", 0, 0},
        {80, 'C', "FWS", 0, 0},
        {81, 'C', "WS", 0, 0},
        {82, 'D', "FWS", 0, 0},
        {160, 'C', "FWS", 0, 0},
        {161, 'C', "WS", 0, 0}},
       {81, 161}},
      // dm and md end the bio itself and know no requests.
      {"BioBased",
       {{0, 'Q', "FWS", 0, 0},
        {10, 'Q', "FWS", 0, 0},
        {50, 'C', "FWS", 0, 0},
        {60, 'C', "FWS", 0, 0},
        {70, 'Q', "WFS", 8, 8},
        {95, 'C', "WFS", 8, 8}},
       {50, 60, 95}},
      // The driver hands the flush request back; only its second issue ends.
      {"RequeuedFlush",
       {{0, 'Q', "FWS", 0, 0},
        {1, 'D', "FN", 0, 0},
        {2, 'R', "FN", 0, 0},
        {50, 'D', "FN", 0, 0},
        {150, 'C', "FN", 0, 0},
        {151, 'C', "WS", 0, 0}},
       {151}},
      // A device that knows FUA: the data is all there is.
      {"FuaOfTheDevice",
       {{0, 'Q', "WFS", 64, 8}, {1, 'D', "WFS", 64, 8}, {70, 'C', "WFS", 64, 8}},
       {70}},
      // One that does not: data, then a flush.
      {"FuaByPostflush",
       {{0, 'Q', "WFSM", 64, 8},
        {1, 'D', "WSM", 64, 8},
        {70, 'C', "WSM", 64, 8},
        {71, 'D', "FN", 0, 0},
        {300, 'C', "FN", 0, 0},
        {301, 'C', "WSM", 64, 0}},
       {301}},
      // Preflush and data: the bio ends right after its data.
      {"PreflushAndData",
       {{0, 'Q', "FWS", 64, 8},
        {1, 'D', "FN", 0, 0},
        {80, 'C', "FN", 0, 0},
        {81, 'D', "WS", 64, 8},
        {140, 'C', "WS", 64, 8},
        {141, 'C', "WS", 64, 0}},
       {141}},
      {"PreflushDataPostflush",
       {{0, 'Q', "FWFS", 64, 8},
        {1, 'D', "FN", 0, 0},
        {80, 'C', "FN", 0, 0},
        {81, 'D', "WS", 64, 8},
        {140, 'C', "WS", 64, 8},
        {141, 'D', "FN", 0, 0},
        {220, 'C', "FN", 0, 0},
        {221, 'C', "WS", 64, 0}},
       {221}},
      // The post-flush of the one and the flush of the other are one request.
      {"FlushSharedWithAPostflush",
       {{0, 'Q', "WFS", 0, 8},
        {1, 'D', "WS", 0, 8},
        {30, 'C', "WS", 0, 8},
        {31, 'D', "FN", 0, 0},
        {32, 'Q', "FWS", 0, 0},
        {33, 'Q', "WFS", 16, 8},
        {60, 'C', "WS", 16, 8},
        {90, 'C', "FN", 0, 0},
        {91, 'C', "WS", 0, 0},
        {92, 'D', "FN", 0, 0},
        {180, 'C', "FN", 0, 0},
        {181, 'C', "WS", 0, 0},
        {182, 'C', "WS", 16, 0}},
       {91, 181, 182}},
      // Plain writes to the same place are not what a completion without a range ends.
      {"PlainWriteBeside",
       {{0, 'Q', "WFS", 64, 8},
        {1, 'Q', "WS", 128, 8},
        {40, 'C', "WS", 128, 8},
        {50, 'C', "WS", 64, 8},
        {60, 'Q', "WS", 64, 8},
        {90, 'C', "WS", 64, 0},
        {99, 'C', "WS", 64, 8}},
       {90, 40, 99}},
      // The capture ends before the post-flush: the data is what is known.
      {"CaptureEnds",
       {{0, 'Q', "WFS", 64, 8}, {70, 'C', "WS", 64, 8}, {80, 'Q', "FWS", 0, 0}},
       {70, 0}},
      // It began after the flush was queued.
      {"CaptureBegins",
       {{0, 'C', "FN", 0, 0},
        {1, 'C', "WS", 0, 0},
        {5, 'Q', "FWS", 0, 0},
        {50, 'C', "FN", 0, 0},
        {51, 'C', "WS", 0, 0}},
       {51}},
  };
  return cases;
}

class Flushes : public testing::TestWithParam<FlushCase> {};

TEST_P(Flushes, EndAsTheStateMachineSays) {
  std::vector<std::uint64_t> expected;
  for (const std::uint64_t us : GetParam().done_us) expected.push_back(us * 1000);
  const Read from_text = text(as_text(GetParam().events));
  EXPECT_EQ(from_text.done(), expected) << from_text.error << as_text(GetParam().events);
  const Read from_binary = text(as_binary(GetParam().events));
  EXPECT_EQ(from_binary.format, TraceFormat::blktrace);
  EXPECT_EQ(from_binary.done(), expected) << from_binary.error;
  EXPECT_EQ(from_binary.text(), from_text.text());
  EXPECT_EQ(from_binary.times(), from_text.times());
}

INSTANTIATE_TEST_SUITE_P(Kinds, Flushes, testing::ValuesIn(flush_cases()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(TraceFaults, CoalescedFlushes) {
  const Read r = fault("c1-coalesced-flushes.blkparse.txt");
  EXPECT_THAT(r.done(), ElementsAre(9'001'000, 19'001'000, 19'001'500, 108'001'000, 508'001'000,
                                    908'001'000));
  const TraceInfo info = info_of_fault("c1-coalesced-flushes.blkparse.txt");
  EXPECT_EQ(info.all.depth.seen.max(), 2u);
  EXPECT_EQ(info.all.depth.seen.percentile(50), 0u);
}

TEST(TraceFaults, FuaWriteWithPostflush) {
  const Read r = fault("c3-fua-write-postflush.blkparse.txt");
  EXPECT_EQ(r.text(), "F W3328128+4096 W3459072+4096");
  EXPECT_THAT(r.done(), ElementsAre(86'211'819'060, 86'212'179'870, 86'212'025'184));
}

// --- blkparse's text
// ------------------------------------------------------------------------------

TEST(TraceFaults, PassThroughRequestsArePassedOver) {
  const Read r = fault("d1-passthrough.blkparse.txt");
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.text(), "W2048+4096 R4096+8192 F");
  EXPECT_THAT(r.done(), ElementsAre(88'000, 988'000, 1'988'900));
}

TEST(TraceFaults, ElapsedTimesOfBlkparseT) {
  const Read r = fault("d4-blkparse-t-flush.blkparse.txt");
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.text(), "W2048+4096 R4096+8192 F");
  EXPECT_THAT(r.done(), ElementsAre(88'000, 988'000, 1'988'900));
}

TEST(TraceFaults, CgroupInMessages) {
  const Read r = fault("d5-cgroup-in-message.blkparse.txt");
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.text(), "R2048+4096");
}

TEST(BlkparseText, IsReadAsTheEventsAre) {
  const std::string device = "8,0 1 1 0.000001000 528 ";
  const struct {
    const char* line;
    const char* rows;
  } kCases[] = {
      {"Q WB [mount]", "F"},  // an empty barrier of old kernels
      {"Q WBS [mount]", "F"},
      {"Q NB [mount]", "F"},
      {"Q WB 8 + 8 [mount]", "W8+4096"},  // one with data
      {"Q FF [x]", "F"},                  // the kernel's own letters
      {"Q FWS (   12345) [x]", "F"},      // -t
      {"Q W 8 + 8 (   12345) [x]", "W8+4096"},
      {"Q R 512 [probe]", ""},  // pass-through
      {"Q R 36 (12 00 00 00 24 00 ..) [probe]", ""},
      {"C R (12 00 00 00 24 00 ..) [0]", ""},
      {"C R (28 00 ..) [0]", ""},
      {"C N [0]", ""},
      {"C R [0]", ""},
      {"1,0 m N bfq [x] wr_busy 0", ""},  // with a cgroup
      {"2a,17c m N a message", ""},
      {"1,0 Q W 8 + 8 [x]", "W8+4096"},
      {"m N a message without a cgroup", ""},
      {"Q WU 8 + 8 [x]", "W8+4096"},  // atomic
      {"P N [x]", ""},
      {"U N [x] 4", ""},
      {"X W 8 / 16 [x]", ""},
      {"A W 8 + 8 <- (8,1) 0", ""},
      {"R FN 0 [0]", ""},
      {"D FN [x]", ""},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.line);
    const Read r = text("8,0 1 1 0.000000000 528 Q R 0 + 8 [a]\n" + device + c.line + "\n");
    EXPECT_EQ(r.error, "");
    EXPECT_EQ(r.text(), std::string("R0+4096") + (*c.rows == '\0' ? "" : " ") + c.rows);
    EXPECT_THAT(r.remarks, IsEmpty());
  }
}

// --- traces without a request
// ---------------------------------------------------------------------

TEST(TraceFaults, IssueAndCompleteEventsOnly) {
  const Read r = fault("e1-issue-complete-only.blkparse.txt");
  EXPECT_EQ(r.error,
            " no queue event (Q), but 2 issue (D) and 2 complete (C) events; --arrivals issue "
            "(workload.arrivals: issue) takes the D events as requests");
  TraceOptions options;
  options.arrivals = Arrivals::issue;
  const Read issued = fault("e1-issue-complete-only.blkparse.txt", options);
  EXPECT_EQ(issued.text(), "W2048+4096 R4096+131072");
  EXPECT_THAT(issued.done(), ElementsAre(384'126, 1'684'126));
}

TEST(TraceFaults, DeviceThatIsNotThere) {
  for (const char* device : {"8:0", "sda", "8,16"}) {
    TraceOptions options;
    options.device = device;
    EXPECT_EQ(fault("e4-two-devices.blktrace.0", options).error,
              " no request of device '" + std::string(device) +
                  "'; valid for --device (workload.device): 253,0 (1 request), 8,0 (1 request)");
  }
  TraceOptions options;
  options.device = "8,0";
  EXPECT_EQ(fault("e4-two-devices.blktrace.0", options).rows.size(), 1u);
}

TEST(EmptyTraces, SayWhatThereIs) {
  TraceOptions issue;
  issue.arrivals = Arrivals::issue;
  const std::string queued = "8,0 1 1 0.000000000 528 Q R 0 + 8 [a]\n";
  EXPECT_THAT(text(queued, issue).error,
              HasSubstr("no issue event (D), but 1 queue (Q) and 0 complete (C) events; --arrivals "
                        "queue"));
  EXPECT_THAT(text("8,0 1 1 0.000000000 528 C R 0 + 8 [0]\n").error,
              HasSubstr("neither queue (Q) nor issue (D) events, but 1 complete"));
  EXPECT_THAT(
      text("8,0 1 1 0.000000000 528 Q ZR 0 + 8 [0]\n").error,
      HasSubstr("the trace holds no request; operation left out, zone reset: 1, in line 1"));
  TraceOptions skip;
  skip.skip_bad_lines = true;
  EXPECT_THAT(text("time_ns,op,sector,bytes\n1,2,3\n", skip).error,
              AllOf(HasSubstr("holds no request"), HasSubstr("1 lines skipped, the first:")));
  TraceOptions device;
  device.device = "usr,1";
  EXPECT_THAT(text("128166372003061629,usr,0,Read,0,512,1\n", device).error,
              HasSubstr("no request of device 'usr,1'; valid for --device (workload.device): usr,0 "
                        "(1 request)"));
  device.device = "/dev/b";
  EXPECT_THAT(text("fio version 3 iolog\n1 /dev/a read 0 512\n2 /dev/a read 0 512\n", device).error,
              HasSubstr("valid for --device (workload.device): /dev/a (2 requests)"));
}

TEST(IssueEvents, AreRequestsOfTheDriver) {
  TraceOptions options;
  options.arrivals = Arrivals::issue;
  // Two bios merged into one request; a flush that is issued twice; a pass-through request.
  const std::vector<Event> events = {
      {0, 'Q', "WS", 8, 8},   {1, 'Q', "WS", 16, 8},  {2, 'Q', "FWS", 0, 0},
      {3, 'D', "WS", 8, 16},  {4, 'D', "FN", 0, 0},   {5, 'R', "FN", 0, 0},
      {9, 'D', "FN", 0, 0},   {50, 'C', "WS", 8, 16}, {90, 'C', "FN", 0, 0},
      {91, 'C', "WS", 0, 0},  {95, 'D', "R", 512, 8}, {96, 'R', "R", 512, 8},
      {97, 'D', "R", 512, 8}, {120, 'C', "R", 512, 8}};
  for (const std::string& trace : {as_text(events), as_binary(events)}) {
    const Read r = text(trace, options);
    EXPECT_EQ(r.text(), "W8+8192 F R512+4096") << r.error;
    EXPECT_THAT(r.done(), ElementsAre(50'000, 90'000, 120'000));
  }
}

// --- operations that no record can stand for
// --------------------------------------------------------

TEST(TraceFaults, ZoneCommandsAreLeftOut) {
  const Read r = fault("f1-zone-management.blktrace.0");
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.text(), "W0+4096 W524288+4096");
  EXPECT_THAT(r.remarks,
              ElementsAre("operation left out, zone command (no data, no flush): 2, the first in "
                          "event 3"));
}

TEST(TraceFaults, SyncFileRangeIsLeftOut) {
  const Read r = fault("i1-sync-file-range.v3.iolog");
  EXPECT_EQ(r.error, "");
  EXPECT_EQ(r.rows.size(), 22u);
  EXPECT_THAT(r.remarks,
              ElementsAre("operation left out, sync_file_range: 5, the first in line 8"));
}

TEST(Operations, BeyondTheFourAreCountedByName) {
  const std::string q = "8,0 1 1 0.000000000 528 Q ";
  const Read blkparse = text(q + "W 0 + 8 [a]\n" + q + "ZR 8 + 0 [a]\n" + q + "ZRAS 0 + 0 [a]\n" +
                             q + "ZA 8 + 8 [a]\n" + q + "DE 8 + 8 [a]\n" + q + "N 8 + 8 [a]\n" + q +
                             "NS 8 + 8 [a]\n" + q + "W [a]\n" + q + "DE 16 + 8 [a]\n");
  EXPECT_EQ(blkparse.text(), "W0+4096");
  EXPECT_THAT(blkparse.remarks,
              ElementsAre("operation left out, zone reset: 1, in line 2",
                          "operation left out, zone reset all: 1, in line 3",
                          "operation left out, zone append: 1, in line 4",
                          "operation left out, secure erase: 2, the first in line 5",
                          "operation left out, N (write-zeroes or another): 2, the first in line 6",
                          "operation left out, zone command (no data, no flush): 1, in line 8"));
  const Read iolog = text(
      "fio version 3 iolog\n1 f add\n2 f write 0 512\n3 f wait 10 0\n4 f erase 0 512\n5 f close\n");
  EXPECT_EQ(iolog.text(), "W0+512");
  EXPECT_THAT(iolog.remarks, ElementsAre("operation left out, wait: 1, in line 4",
                                         "operation left out, erase: 1, in line 5"));
  const Read msr = text(
      "128166372003061629,h,0,Write,0,512,0\n128166372003061630,h,0,Trim,0,512,0\n"
      "128166372003061631,h,0,read,512,512,0\n");
  EXPECT_EQ(msr.text(), "W0+512 R1+512");
  EXPECT_THAT(msr.remarks, ElementsAre("operation left out, Trim: 1, in line 2"));
}

TEST(Operations, TheEndOfAZoneCommandEndsNoFlush) {
  const std::vector<Event> events = {{0, 'Q', "FWS", 0, 0},    {1, 'Q', "WS", 4096, 0},
                                     {2, 'Q', "WFS", 4096, 8}, {3, 'C', "WS", 4096, 0},
                                     {50, 'C', "WS", 4096, 8}, {80, 'C', "FN", 0, 0},
                                     {81, 'C', "WS", 0, 0},    {82, 'C', "WS", 4096, 0}};
  EXPECT_THAT(text(as_binary(events)).done(), ElementsAre(81'000, 82'000));
}

// --- time
// -------------------------------------------------------------------------------------------

TEST(TraceFaults, TimeBackward) {
  const Read r = fault("g1-time-backward.blkparse.txt");
  EXPECT_THAT(r.times(), ElementsAre(1'000'000'000, 5'000'000'000, 6'002'000'000));
  EXPECT_THAT(r.done(), ElementsAre(1'000'500'000, 5'001'000'000, 6'002'684'126));
  EXPECT_THAT(r.remarks, ElementsAre("rows earlier than a row before them, put in order of time: "
                                     "1, in line 3"));
  const TraceInfo info = info_of_fault("g1-time-backward.blkparse.txt");
  EXPECT_EQ(info.all.depth.seen.max(), 0u);
  EXPECT_NEAR(info.all.span_s(), 5.002, 1e-9);
}

TEST(TraceFaults, DoneBeforeQueued) {
  const Read r = fault("g3-done-before-queued.blkparse.txt");
  EXPECT_THAT(r.done(), ElementsAre(500'000, 0, 2'684'126));
  EXPECT_THAT(r.remarks,
              ElementsAre("completions before their request was queued, left out: 1, in line 3"));
}

TEST(TraceFaults, FirstRowNotTheEarliest) {
  const Read r = fault("g4-first-row-not-earliest.msr.csv");
  EXPECT_EQ(r.error, "");
  EXPECT_THAT(r.times(), ElementsAre(0, 6'162'900, 1'338'215'500));
  EXPECT_EQ(r.text(), "W5512+65536 R749016+32768 W5512+65536");
  EXPECT_EQ(r.rows[1].done_ns, 6'162'900u + 11'373'600u);
}

TEST(Time, NothingImpossibleIsWritten) {
  TraceRecord record;
  record.time_ns = 5000;
  record.done_ns = 4000;
  record.bytes = 512;
  for (const TraceFormatInfo& info : trace_formats()) {
    if (info.write == nullptr) continue;
    StringSink sink;
    const auto writer = make_writer(info.format, sink);
    writer->write(record, "all");
    writer->finish();
    EXPECT_THAT(writer->losses(),
                testing::Contains("1 rows lost their completion time: it lies before their own"));
    EXPECT_EQ(text(sink.bytes).done(), std::vector<std::uint64_t>{0}) << info.name;
    EXPECT_EQ(sink.bytes.find("18446744"), std::string::npos);
  }
}

TEST(Time, RowsOfOwnCsvMayBeDoneTooEarly) {
  const Read r = text("time_ns,op,sector,bytes,done_ns\n10,R,0,512,5\n20,R,8,512,25\n");
  EXPECT_THAT(r.done(), ElementsAre(0, 25));
  EXPECT_EQ(r.remarks.size(), 1u);
}

// 2^64 ns less 300 us, with its seconds cut to 32 bits: an event of another processor, 300 us
// before the first.
TEST(Time, BlkparsesWrappedClock) {
  const Read r = text(
      "8,0 0 1 0.000000000 528 Q R 0 + 8 [a]\n"
      "8,0 1 1 1266874889.709251616 529 Q R 8 + 8 [a]\n"
      "8,0 1 2 1266874889.709300000 0 C R 8 + 8 [0]\n"
      "8,0 0 2 0.000100000 528 C R 0 + 8 [0]\n");
  EXPECT_THAT(r.times(), ElementsAre(0, 0));
  EXPECT_THAT(r.done(), ElementsAre(100'000, 0)) << "ended at time 0, too";
  EXPECT_THAT(r.remarks,
              ElementsAre(HasSubstr("blkparse shows them 40 years later), put at time 0: "
                                    "2, the first in line 2")));
  const Read wide = text(
      "8,0 0 1 0.000000000 528 Q R 0 + 8 [a]\n"
      "8,0 1 1 18446744073.709251616 529 Q R 8 + 8 [a]\n");
  EXPECT_THAT(wide.times(), ElementsAre(0, 0)) << wide.error;
}

TEST(Time, BinaryEventsBeforeTheFirst) {
  std::vector<Event> events = {{100, 'Q', "R", 0, 8}, {0, 'Q', "R", 8, 8}, {150, 'C', "R", 8, 8}};
  const Read r = text(as_binary(events));
  EXPECT_EQ(r.text(), "R8+4096 R0+4096");
  EXPECT_THAT(r.times(), ElementsAre(0, 100'000));
  EXPECT_THAT(r.done(), ElementsAre(150'000, 0));
  // blkparse -d counts from the first event and wraps: 5 ms before it.
  std::string merged = as_binary({{10'000, 'Q', "R", 0, 8}, {0, 'Q', "R", 8, 8}});
  const std::uint64_t times[] = {0, std::uint64_t{0} - 5'000'000};
  for (std::size_t i = 0; i < 2; ++i) {
    std::string time;
    put(time, times[i]);
    merged.replace(48 * i + 8, 8, time);
  }
  const Read wrapped = text(merged);
  EXPECT_EQ(wrapped.text(), "R8+4096 R0+4096");
  EXPECT_THAT(wrapped.times(), ElementsAre(0, 5'000'000));
}

TEST(Time, CapturesPutTogetherStayInTheirOrder) {
  std::string rows = "time_ns,op,sector,bytes\n";
  constexpr int kRows = 6000;
  for (int capture = 0; capture < 2; ++capture) {
    for (int i = 0; i < kRows; ++i) {
      rows += std::to_string(i * 1000) + ",R," + std::to_string(capture * 100'000 + i) + ",512\n";
    }
  }
  const Read r = text(rows);
  ASSERT_EQ(r.rows.size(), 2u * kRows);
  for (int i = 0; i < 2 * kRows; ++i) {
    ASSERT_EQ(r.rows[i].sector, static_cast<std::uint64_t>(i / kRows * 100'000 + i % kRows));
  }
  EXPECT_THAT(r.remarks, ElementsAre(HasSubstr("rows where time starts again, left in their place "
                                               "(open replay: due at once): 1, in line 6002")));
}

TEST(Time, SeriesBeginWithTheTrace) {
  const std::string path = write_file(
      "epoch",
      "time_ns,op,sector,bytes,done_ns\n1700000000000000000,R,0,512,1700000000001000000\n"
      "1700000000002000000,R,0,512,1700000000003000000\n");
  const TraceInfo info = collect_info(*open_trace(path));
  EXPECT_EQ(info.depth_start_ns, 1'700'000'000'000'000'000u);
  EXPECT_THAT(info.depth_over_time.means(), ElementsAre(1, 0, 1));
}

// --- formats beyond their first line
// ----------------------------------------------------------------

TEST(TraceFaults, HeaderRow) {
  const Read r = fault("h1-header-row.msr.csv");
  EXPECT_EQ(r.format, TraceFormat::msr);
  EXPECT_EQ(r.text(), "R749016+32768 W5512+65536");
  EXPECT_THAT(r.remarks, ElementsAre("lines that hold no data, passed over: 1, in line 1"));
}

TEST(TraceFaults, CommentLine) {
  const Read r = fault("h2-comment-line.blkparse.txt");
  EXPECT_EQ(r.format, TraceFormat::blkparse);
  EXPECT_EQ(r.text(), "W2048+4096 R4096+131072");
}

struct Sample {
  const char* name;
  TraceFormat format;
  const char* text;
};
const Sample kSamples[] = {
    {"csv", TraceFormat::csv, "time_ns,op,sector,bytes\n0,R,8,512\n5,W,9,512\n"},
    {"blkparse", TraceFormat::blkparse,
     "8,0 0 1 0.000000000 528 Q R 8 + 1 [a]\n8,0 0 1 0.000000005 528 Q W 9 + 1 [a]\n"},
    {"iolog2", TraceFormat::iolog2,
     "fio version 2 iolog\nf add\nf read 4096 512\nf write 4608 512\n"},
    {"iolog3", TraceFormat::iolog3,
     "fio version 3 iolog\n0 f add\n0 f read 4096 512\n0 f write 4608 512\n"},
    {"msr", TraceFormat::msr,
     "128166372003061629,h,0,Read,4096,512,1\n128166372003061629,h,0,Write,4608,512,1\n"},
    {"biosnoop", TraceFormat::biosnoop,
     "TIME(s) COMM PID DISK T SECTOR BYTES LAT(ms)\n0.000004 a b 1 sda R 8 512 0.74\n"
     "0.000005 a 1 sda W 9 512 0.10\n"},
    {"cloudphysics", TraceFormat::cloudphysics,
     "version,time,op,size,lbn\n1,5,28,512,8\n1,5,2a,512,9\n"},
};

class Beginnings : public testing::TestWithParam<Sample> {};

TEST_P(Beginnings, AreFoundBehindWhatIsNoData) {
  const std::string plain = GetParam().text;
  std::string crlf, blanks;
  for (const char c : plain) {
    if (c == '\n') {
      crlf += '\r';
      blanks += " \t";
    }
    crlf += c;
    blanks += c;
  }
  const std::string with_comments = "# begin\n" + plain.substr(0, plain.find('\n') + 1) +
                                    "\n# between\n\n" + plain.substr(plain.find('\n') + 1) + "\n";
  for (const std::string& content :
       {plain, "\n\n" + plain, "# a comment\n" + plain, "a title, of something\n\n" + plain,
        "\xef\xbb\xbf" + plain, "\xef\xbb\xbf# x\n" + plain, crlf, blanks, with_comments,
        std::string(60, '-') + "\n" + plain, plain.substr(0, plain.size() - 1)}) {
    const Read r = text(content);
    EXPECT_EQ(r.format, GetParam().format) << content;
    EXPECT_EQ(r.error, "") << content;
    EXPECT_EQ(r.rows.size(), 2u) << content;
    ASSERT_FALSE(r.rows.empty());
    EXPECT_TRUE(r.rows[0].sector == 8 || r.rows[0].sector == 9) << content;
    // And so with its name.
    TraceOptions options;
    options.format = GetParam().format;
    EXPECT_EQ(text(content, options).rows.size(), 2u) << content;
  }
  // Behind more than is looked at, the name helps, where no header line is needed.
  TraceOptions options;
  options.format = GetParam().format;
  options.skip_bad_lines = true;
  std::string far;
  for (int i = 0; i < 2000; ++i) far += "so many words that are no data at all\n";
  EXPECT_NE(text(far + plain).error, "");
  if (GetParam().format == TraceFormat::msr || GetParam().format == TraceFormat::blkparse) {
    EXPECT_EQ(text(far + plain, options).rows.size(), 2u);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Beginnings, testing::ValuesIn(kSamples),
                         [](const auto& param) { return std::string(param.param.name); });

// --- what else people have
// --------------------------------------------------------------------------

TEST(Compressed, ZerosAfterTheStreamAreNoPartOfIt) {
  const std::string rows = "time_ns,op,sector,bytes\n0,R,8,512\n5,W,9,512\n";
  for (const std::size_t zeros : {std::size_t{1}, std::size_t{511}, std::size_t{300'000}}) {
    EXPECT_EQ(text(gzip_of(rows) + std::string(zeros, '\0')).rows.size(), 2u) << zeros;
    EXPECT_EQ(text(zstd_of(rows) + std::string(zeros, '\0')).rows.size(), 2u) << zeros;
  }
  EXPECT_EQ(text(gzip_of(rows) + std::string(9, '\0') + gzip_of("9,R,0,512\n")).rows.size(), 3u);
  EXPECT_THAT(text(gzip_of(rows) + std::string(9, '\0') + "xyz!").error, HasSubstr("corrupt"));
}

TEST(Compressed, GzipThatIsCutShort) {
  std::string rows = "time_ns,op,sector,bytes\n";
  for (int i = 0; i < 5000; ++i) {
    rows += std::to_string(i * 997) + ",R," + std::to_string(i * 7919 % 10007) + ",512\n";
  }
  const std::string whole = gzip_of(rows);
  const std::string cut = whole.substr(0, whole.size() / 2);
  EXPECT_THAT(text(cut).error, HasSubstr("gzip stream is cut short (--skip-bad-lines"));
  TraceOptions skip;
  skip.skip_bad_lines = true;
  const Read r = text(cut, skip);
  EXPECT_GT(r.rows.size(), 1000u);
  EXPECT_LT(r.rows.size(), 5000u);
  for (std::size_t i = 0; i < r.rows.size(); ++i) {
    ASSERT_EQ(r.rows[i].sector, i * 7919 % 10007) << "the half line at the cut is no row";
  }
  EXPECT_THAT(r.remarks, ElementsAre(HasSubstr("cut short")));
}

TEST(Folder, OfProcessorsFilesIsOneTrace) {
  namespace fs = std::filesystem;
  const fs::path folder = scratch_path("capture");
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto put_file = [&](const char* name, const std::string& bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  EXPECT_THAT(read(folder).error, HasSubstr("a folder without files NAME.blktrace.0"));
  put_file("notes.txt", "hello");
  put_file("sda.blktrace.0", as_binary({{0, 'Q', "R", 0, 8}, {20, 'Q', "R", 16, 8}}));
  put_file("sda.blktrace.1", as_binary({{10, 'Q', "R", 8, 8}, {40, 'C', "R", 0, 8}}));
  const Read r = read(folder);
  EXPECT_EQ(r.text(), "R0+4096 R8+4096 R16+4096") << r.error;
  EXPECT_THAT(r.done(), ElementsAre(40'000, 0, 0));
  put_file("sdb.blktrace.0", as_binary({{0, 'Q', "R", 0, 8}}));
  EXPECT_THAT(read(folder).error, AllOf(HasSubstr("a folder with several traces; valid: one of "),
                                        HasSubstr("sda, "), HasSubstr("sdb")));
}

// The rows of bcc's own example, with its columns.
TEST(Biosnoop, TimesAreThoseOfTheEnd) {
  const Read r = text(
      "TIME(s)        COMM           PID    DISK    T  SECTOR    BYTES   LAT(ms)\n"
      "0.000004001    supervise      1950   xvda1   W  13092560  4096       0.74\n"
      "0.000178002    supervise      1950   xvda1   W  13092432  4096       0.61\n"
      "0.001469001    Web Content    1956   xvda1   R  13092440  4096       1.24\n");
  EXPECT_EQ(r.format, TraceFormat::biosnoop);
  // Queued at end less latency: -735.999, -431.998 and 229.001 us, so time 0 is the first of them.
  EXPECT_THAT(r.times(), ElementsAre(0, 304'001, 965'000));
}

TEST(Biosnoop, QueueTimeLettersAndOrder) {
  const Read r = text(
      "TIME(s)     COMM           PID    DISK      T    SECTOR     BYTES  QUE(ms) LAT(ms)\n"
      "0.010000    slow one       7      nvme0n1   RAM  64         4096    2.000   8.000\n"
      "0.011000    jbd2/nvme-8    8      nvme0n1   FF   0          0       0.000   1.000\n"
      "0.012000    quick          9      nvme0n1   WS   128        512     0.500   0.500\n"
      "0.013000    quick          9      nvme0n1   N    128        512     0.500   0.500\n");
  EXPECT_EQ(r.text(), "R64+4096 F W128+512");
  EXPECT_THAT(r.times(), ElementsAre(0, 10'000'000, 11'000'000));
  EXPECT_THAT(r.done(), ElementsAre(10'000'000, 11'000'000, 12'000'000));
  EXPECT_EQ(r.rows[0].pid, 7u);
  EXPECT_EQ(r.rows[0].flags, kReadAhead | kMetadata);
  EXPECT_EQ(r.rows[2].flags, kSync);
  EXPECT_EQ(r.remarks.size(), 1u) << "rows by their end are nothing to mention";
  // As a terminal shows it.
  EXPECT_EQ(text("Tracing block device I/O... Hit Ctrl-C to end.\nTIME(s) COMM PID DISK T SECTOR "
                 "BYTES LAT(ms)\n0.1 a 1 sda R 1 512 0.5\n^C\n")
                .text(),
            "R1+512");
  EXPECT_THAT(text("TIME(s) COMM PID DISK T SECTOR BYTES LAT(ms)\n0.1 a 1 sda R x 512 0.5\n").error,
              HasSubstr("2: bad SECTOR 'x'"));
  EXPECT_THAT(text("TIME(s) COMM PID DISK T SECTOR BYTES LAT(ms)\n0.1 a 1 sda R 1 512 x\n").error,
              HasSubstr("2: bad LAT(ms) 'x'"));
}

TEST(CloudPhysics, ColumnsByTheirNames) {
  const Read seconds = text(
      "version,time,op,size,lbn\n1,33898,2a,512,42932745\n1,33899,28,6656,40409911\n"
      "1,33899.5,35,0,0\n1,33900,8a,512,1\n1,33901,41,512,1\n");
  EXPECT_EQ(seconds.format, TraceFormat::cloudphysics);
  EXPECT_EQ(seconds.text(), "W42932745+512 R40409911+6656 F W1+512") << seconds.error;
  EXPECT_THAT(seconds.times(), ElementsAre(0, 1'000'000'000, 1'500'000'000, 2'000'000'000));
  EXPECT_THAT(seconds.remarks, ElementsAre("operation left out, SCSI operation code 41: 1, in line "
                                           "6"));
  const Read micros = text("timestamp,lbn,len,cmd,ver\n1500,8,512,40,2\n1000,16,1024,42,2\n");
  EXPECT_EQ(micros.text(), "W16+1024 R8+512");
  EXPECT_THAT(micros.times(), ElementsAre(0, 500'000));
  EXPECT_THAT(text("version,time,op,size,lbn\n1,5,28,512\n").error,
              HasSubstr("2: expected 5 fields, found 4"));
  EXPECT_THAT(text("version,time,op,size,lbn\n1,5,zz,512,8\n").error,
              HasSubstr("2: unknown operation 'zz'"));
  EXPECT_THAT(text("ts,lba,op,len\n5,8,r,100\n").error, HasSubstr("not a multiple of 512"));
}

}  // namespace
}  // namespace cesasim::traces
