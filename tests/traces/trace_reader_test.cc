// SPDX-License-Identifier: Apache-2.0
#include "traces/trace_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/traces/files.h"

namespace cesasim::traces {
namespace {

using testing::HasSubstr;

constexpr const char* kHeader = "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n";

std::vector<TraceRecord> records_of(TraceReader& reader) {
  std::vector<TraceRecord> records;
  TraceRecord record;
  while (reader.next(record)) records.push_back(record);
  return records;
}

/// Error message of reading `text` to its end, without the path; "no error" if there is none.
std::string error_of(const std::string& text, const TraceOptions& options = {}) {
  const std::string path = write_file("trace", text);
  try {
    records_of(*open_trace(path, options));
  } catch (const TraceError& error) {
    EXPECT_EQ(error.file(), path);
    return std::string(error.what()).substr(path.size() + 1);
  }
  return "no error";
}

std::string csv_error(const std::string& row) {
  return error_of(kHeader + std::string("0,W,0,4096,1,a,,\n") + row + "\n");
}

std::string blkparse_error(const std::string& line) {
  return error_of("253,0 1 1 0.000000000 573 Q WS 0 + 256 [fio]\n" + line + "\n");
}

TEST(CsvReader, ReadsEveryField) {
  auto reader = open_trace(write_file("t", kHeader + std::string("5,W,8,4096,7,first,USM,9\n"
                                                                 "5,F,0,0,8,second,P,\n"
                                                                 "6,R,1,512,7,first,A,7\n"
                                                                 "7,D,0,1024,7,third,,8\n")));
  EXPECT_EQ(reader->format(), TraceFormat::csv);
  EXPECT_STREQ(reader->encoding(), "plain");
  const auto records = records_of(*reader);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].time_ns, 5u);
  EXPECT_EQ(records[0].op, Op::write);
  EXPECT_EQ(records[0].sector, 8u);
  EXPECT_EQ(records[0].bytes, 4096u);
  EXPECT_EQ(records[0].end_sector(), 16u);
  EXPECT_EQ(records[0].pid, 7u);
  EXPECT_EQ(records[0].flags, kFua | kSync | kMetadata);
  EXPECT_EQ(records[0].line, 2u);
  EXPECT_EQ(reader->phase_name(records[0].phase), "first");
  EXPECT_EQ(records[1].op, Op::flush);
  EXPECT_EQ(records[1].flags, kPreflush);
  EXPECT_EQ(reader->phase_name(records[1].phase), "second");
  EXPECT_EQ(records[2].op, Op::read);
  EXPECT_EQ(records[2].flags, kReadAhead);
  EXPECT_EQ(records[2].phase, records[0].phase);
  EXPECT_EQ(records[3].op, Op::discard);
  EXPECT_EQ(records[3].line, 5u);
  EXPECT_EQ(reader->phases(), 3u);
}

TEST(CsvReader, TakesColumnsByName) {
  auto reader = open_trace(write_file("t", "bytes,time_ns,sector,op\n512,3,9,R\n"));
  const auto records = records_of(*reader);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].bytes, 512u);
  EXPECT_EQ(records[0].sector, 9u);
  EXPECT_EQ(reader->phase_name(records[0].phase), "all");
}

TEST(CsvReader, HeaderAloneIsAnEmptyTrace) {
  EXPECT_EQ(error_of(kHeader), " the trace holds no request");
}

TEST(CsvReader, BadHeaderNamesTheColumn) {
  EXPECT_THAT(error_of("time_ns,op,sektor,bytes\n"), HasSubstr("1: unknown column 'sektor'"));
  EXPECT_EQ(error_of("time_ns,op,bytes\n"), "1: column sector is missing");
  EXPECT_EQ(error_of("time_ns,op,op,sector,bytes\n"), "1: column 'op' twice");
}

TEST(CsvReader, BadLinesNameLineAndReason) {
  EXPECT_EQ(csv_error("1,X,0,512,1,a,,"), "3: unknown op 'X' (known: R, W, F, D)");
  EXPECT_EQ(csv_error("1,w,0,512,1,a,,"), "3: unknown op 'w' (known: R, W, F, D)");
  EXPECT_EQ(csv_error("1,W,0,512,1,a,"), "3: expected 8 fields, found 7");
  EXPECT_EQ(csv_error("1,W,0,512,1,a,,,"), "3: expected 8 fields, found 9");
  EXPECT_EQ(csv_error("1,W,0,700,1,a,,"), "3: size is not a multiple of 512: 700 bytes");
  EXPECT_EQ(csv_error("1,W,0,0,1,a,,"), "3: a write of 0 bytes");
  EXPECT_EQ(csv_error("1,F,0,512,1,a,,"), "3: a flush carries data");
  EXPECT_EQ(csv_error("-1,W,0,512,1,a,,"), "3: time_ns is not a whole number in range: '-1'");
  EXPECT_EQ(csv_error("1,W,0x8,512,1,a,,"), "3: sector is not a whole number in range: '0x8'");
  EXPECT_EQ(csv_error("1,W,,512,1,a,,"), "3: sector is not a whole number in range: ''");
  EXPECT_EQ(csv_error("1,W,0,18446744073709551616,1,a,,"),
            "3: bytes is not a whole number in range: '18446744073709551616'");
  EXPECT_EQ(csv_error("1,W,0,512,5000000000,a,,"),
            "3: pid is not a whole number in range: '5000000000'");
  EXPECT_EQ(csv_error("1,W,0,512,1,a,q,"), "3: unknown flag 'q' (known: P, U, S, M, A)");
  EXPECT_EQ(csv_error("1,W,0,512,1,,,"), "3: phase is empty");
  EXPECT_EQ(csv_error("1,W,0,512,1,a,,soon"), "3: done_ns is not a whole number in range: 'soon'");
}

TEST(CsvReader, EndBeyondTheAddressSpaceIsAnError) {
  EXPECT_THAT(csv_error("1,W,36028797018963967,512,1,a,,"), HasSubstr("overflows"));
  EXPECT_THAT(csv_error("1,W,18446744073709551615,512,1,a,,"), HasSubstr("overflows"));
  EXPECT_THAT(csv_error("1,R,1,18446744073709551104,1,a,,"), HasSubstr("overflows"));
  EXPECT_EQ(csv_error("1,W,36028797018963966,512,1,a,,"), "no error");
}

TEST(CsvReader, NumberOfPhasesIsBounded) {
  std::string text = kHeader;
  for (int i = 0; i < 1025; ++i) text += "0,W,0,512,1,p" + std::to_string(i) + ",,\n";
  EXPECT_EQ(error_of(text), "1026: more than 1024 phases");
}

TEST(TraceReader, SkippedLinesAreCounted) {
  TraceOptions options;
  options.skip_bad_lines = true;
  const std::string path = write_file(
      "t", kHeader + std::string("0,W,0,512,1,a,,\nrubbish\n1,W,0,513,1,b,,\n2,R,0,512,1,a,,\n"));
  auto reader = open_trace(path, options);
  EXPECT_EQ(records_of(*reader).size(), 2u);
  EXPECT_EQ(reader->skipped_lines(), 2u);
  EXPECT_THAT(reader->first_skipped(), HasSubstr(":3: "));
  EXPECT_EQ(reader->phases(), 1u) << "a bad line leaves no phase behind";
}

TEST(TraceReader, AStreamThatIsCutShortIsAnErrorUnlessSkipping) {
  std::string text = "time_ns,op,sector,bytes\n";
  constexpr std::uint64_t kRows = 50'000;  // several blocks of zstd
  for (std::uint64_t i = 0; i < kRows; ++i) {
    text += std::to_string(i * 997) + ",R," + std::to_string(i * 7919 % 10007) + ",512\n";
  }
  const std::string whole = zstd_of(text);
  const std::string cut = whole.substr(0, whole.size() * 2 / 3);
  EXPECT_THAT(error_of(cut), HasSubstr(" zstd stream is cut short (--skip-bad-lines"));
  TraceOptions options;
  options.skip_bad_lines = true;
  auto reader = open_trace(write_file("cut", cut), options);
  const auto records = records_of(*reader);
  EXPECT_GT(records.size(), kRows / 3);
  EXPECT_LT(records.size(), kRows);
  for (std::size_t i = 0; i < records.size(); ++i) {
    ASSERT_EQ(records[i].sector, i * 7919 % 10007);
    ASSERT_EQ(records[i].time_ns, i * 997);
  }
  EXPECT_EQ(reader->skipped_lines(), 0u) << "the half line at the cut is no line";
  ASSERT_EQ(reader->remarks().size(), 1u);
  EXPECT_THAT(reader->remarks()[0], HasSubstr("compressed streams cut short"));
  EXPECT_EQ(error_of(whole.substr(0, 40), options),
            " compressed stream is cut short before its first line");
  // What is corrupt is no cut: nothing tells where the damage ends.
  std::string corrupt = whole;
  corrupt[whole.size() / 2] = static_cast<char>(corrupt[whole.size() / 2] + 1);
  EXPECT_THAT(error_of(corrupt, options), HasSubstr("zstd stream is corrupt"));
}

TEST(TraceReader, UnknownFormatsAreRefused) {
  EXPECT_EQ(error_of(""), " file is empty");
  EXPECT_EQ(
      error_of("fio version 4 iolog\n"),
      "1: unknown trace format (known: csv, blkparse, blktrace, iolog2, iolog3, msr, biosnoop, "
      "cloudphysics; --format or workload.format names one): 'fio version 4 iolog'");
  EXPECT_THAT(error_of(std::string("\x07\x74\x61\x64\0\1", 6)),
              HasSubstr("1: unknown trace format"));
}

TEST(BlkparseReader, ReadsQueueLinesOnly) {
  auto reader = open_trace(write_file(
      "t",
      "Input file t.blktrace.1 added\n"
      "253,0    1        1     0.000000000   573  Q  WS 0 + 256 [fio]\n"
      "253,0    1        2     0.000000005   573  C  WS 0 + 256 [0]\n"
      "253,0    0        3     1.000000007   574  Q RAM 8 + 8 [my [odd] name]\n"
      "253,0    0        4     1.5   574  X  W 8 / 16 [k]\n"
      "253,0    0        5     2.000000000   575  Q FWS [mkfs.ext2]\n"
      "253,0    0        6     2.000000000   575  Q WFSM 16 + 8 [x]\n"
      "253,0    0        7     2.000000000   575  Q FWFS 16 + 8 [x]\n"
      "253,0    0        8     2.000000000   575  Q DS 16 + 8 [x]\n"
      "253,0    0        9     2.000000000   575  m   N cfq whatever\n"
      "253,0    0       10     2.000000000   575  U   N [x] 1\n"
      "CPU0 (dm-0):\n Reads Queued:           1,        4KiB\n\nEvents (dm-0): 6 entries\n"));
  EXPECT_EQ(reader->format(), TraceFormat::blkparse);
  const auto records = records_of(*reader);
  ASSERT_EQ(records.size(), 6u);
  EXPECT_EQ(records[0].bytes, 131072u);
  EXPECT_EQ(records[0].flags, kSync);
  EXPECT_EQ(records[1].op, Op::read);
  EXPECT_EQ(records[1].time_ns, 1000000007u);
  EXPECT_EQ(records[1].flags, kReadAhead | kMetadata);
  EXPECT_EQ(records[1].line, 4u);
  EXPECT_EQ(records[2].op, Op::flush);
  EXPECT_EQ(records[2].bytes, 0u);
  EXPECT_EQ(records[2].flags, kPreflush | kSync);
  EXPECT_EQ(records[3].flags, kFua | kSync | kMetadata);
  EXPECT_EQ(records[4].flags, kPreflush | kFua | kSync);
  EXPECT_EQ(records[4].op, Op::write);
  EXPECT_EQ(records[5].op, Op::discard);
}

TEST(BlkparseReader, BadLinesNameLineAndReason) {
  EXPECT_THAT(blkparse_error("hello"), HasSubstr("2: does not begin with a device number"));
  EXPECT_EQ(blkparse_error("253,0 x 1 0.0 1 Q W 0 + 8 [a]"), "2: bad cpu 'x'");
  EXPECT_EQ(blkparse_error("253,0 1 x 0.0 1 Q W 0 + 8 [a]"), "2: bad sequence number 'x'");
  EXPECT_EQ(blkparse_error("253,0 1 1 7 1 Q W 0 + 8 [a]"), "2: bad time '7'");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.1234567890 1 Q W 0 + 8 [a]"), "2: bad time '0.1234567890'");
  EXPECT_EQ(blkparse_error("253,0 1 1 99999999999.0 1 Q W 0 + 8 [a]"),
            "2: bad time '99999999999.0'");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.0 -1 Q W 0 + 8 [a]"), "2: bad pid '-1'");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.0 1 Z W 0 + 8 [a]"), "2: unknown action 'Z'");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.0 1 C"), "2: line ends after its action");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.0 1 Q Q 0 + 8 [a]"), "2: unknown operation in 'Q'");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.0 1 Q ZX 0 + 8 [a]"), "2: unknown operation in 'ZX'");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.0 1 Q WZ 0 + 8 [a]"), "2: unknown flag 'Z' in 'WZ'");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.0 1 Q W 0 - 8 [a]"),
            "2: bad size after the sector: '-' '8'");
  EXPECT_EQ(blkparse_error("253,0 1 1 0.0 1 Q W x + 8 [a]"), "2: bad sector 'x'");
  EXPECT_THAT(blkparse_error("253,0 1 1 0.0 1 Q W 0 + 36028797018963968 [a]"),
              HasSubstr("overflows"));
  EXPECT_THAT(blkparse_error("CPU0 (x):\n253,0 1 1 0.0 1 Q W 0 + 8 [a]"),
              HasSubstr("3: event after the summary"));
}

TEST(BlkparseReader, ASecondDeviceIsAnErrorUnlessOneIsChosen) {
  const std::string text =
      "253,0 1 1 0.0 1 Q W 0 + 8 [a]\n8,0 1 1 0.0 1 Q W 64 + 8 [a]\n8,0 1 1 0.0 1 Q R 1 + 8 [a]\n";
  EXPECT_EQ(error_of(text),
            "2: a second device, 8,0 beside 253,0: say which one to take (--device, "
            "workload.device)");
  TraceOptions options;
  options.device = "8,0";
  EXPECT_EQ(records_of(*open_trace(write_file("t", text), options)).size(), 2u);
  options.device = "dm-0";
  EXPECT_EQ(
      error_of(text, options),
      " no request of device 'dm-0'; valid for --device (workload.device): 253,0 (1 request), "
      "8,0 (2 requests)");
}

class SameCapture : public testing::TestWithParam<const char*> {};

TEST_P(SameCapture, CsvAndBlkparseAgreeRowByRow) {
  const std::string base = std::string("traces/samples/") + GetParam();
  const auto csv = records_of(*open_trace(base + ".csv.zst"));
  const auto text = records_of(*open_trace(base + ".blkparse.txt.zst"));
  ASSERT_EQ(csv.size(), text.size());
  for (std::size_t i = 0; i < csv.size(); ++i) {
    EXPECT_EQ(csv[i].time_ns, text[i].time_ns) << i;
    EXPECT_EQ(csv[i].op, text[i].op) << i;
    EXPECT_EQ(csv[i].sector, text[i].sector) << i;
    EXPECT_EQ(csv[i].bytes, text[i].bytes) << i;
    EXPECT_EQ(csv[i].pid, text[i].pid) << i;
    EXPECT_EQ(csv[i].flags, text[i].flags) << i;
  }
}
INSTANTIATE_TEST_SUITE_P(Samples, SameCapture, testing::Values("fio", "discard"));

TEST(TraceReader, SameRecordsWhateverTheEncoding) {
  const std::string text = decoded("traces/samples/discard.csv.zst");
  const auto plain = records_of(*open_trace(write_file("p", text)));
  const auto gzip = records_of(*open_trace(write_file("g", gzip_of(text))));
  const auto zstd = records_of(*open_trace("traces/samples/discard.csv.zst"));
  ASSERT_EQ(plain.size(), 507u);
  ASSERT_EQ(gzip.size(), plain.size());
  ASSERT_EQ(zstd.size(), plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_TRUE(plain[i].sector == gzip[i].sector && plain[i].sector == zstd[i].sector);
    EXPECT_TRUE(plain[i].line == gzip[i].line && plain[i].line == zstd[i].line);
  }
}

// A damaged file must end in an error or in records that hold what every record promises.
TEST(TraceReader, MutatedFilesNeverBreakTheReader) {
  std::mt19937 random(20051);
  for (const char* sample :
       {"traces/samples/fio.csv.zst", "traces/samples/fio.blkparse.txt.zst",
        "traces/samples/discard.csv.zst", "traces/samples/discard.blkparse.txt.zst"}) {
    const std::string text = decoded(sample).substr(0, 6000);
    const std::string gz = gzip_of(text);
    const std::string zst = zstd_of(text);
    int errors = 0;
    for (int round = 0; round < 600; ++round) {
      std::string bytes = round % 3 == 0 ? text : round % 3 == 1 ? gz : zst;
      for (int n = 1 + static_cast<int>(random() % 4); n > 0; --n) {
        const std::size_t at = random() % bytes.size();
        switch (random() % 4) {
          case 0:
            bytes[at] = static_cast<char>(random());
            break;
          case 1:
            bytes.erase(at, random() % 20);
            break;
          case 2:
            bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 40));
            break;
          default:
            bytes[at] = "0123456789,+[]-\n RWFDQ"[random() % 22];
            break;
        }
      }
      TraceOptions options;
      options.skip_bad_lines = round % 2 == 0;
      try {
        auto reader = open_trace(write_file("mutant", bytes), options);
        TraceRecord record;
        while (reader->next(record)) {
          ASSERT_EQ(record.bytes % 512, 0u);
          ASSERT_GE(record.end_sector(), record.sector);
          ASSERT_LT(record.phase, reader->phases());
          ASSERT_EQ(record.op == Op::flush, record.bytes == 0);
        }
      } catch (const TraceError&) {
        ++errors;
      }
    }
    EXPECT_GT(errors, 100);
  }
}

}  // namespace
}  // namespace cesasim::traces
