// SPDX-License-Identifier: Apache-2.0
// cesasim trace: options, exit codes and what stays behind, through the program.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::cli::test {
using namespace study::test;  // folders, files and studies for tests

namespace {

struct Outcome {
  int code = -1;
  std::string err;
};

using Row = std::vector<std::string>;  // time_ns, op, sector, bytes, ...

class TraceCommand : public testing::Test {
 protected:
  Outcome run(const std::string& arguments) {
    const std::string command = "cd " + work_.string() + " && CESASIM_HOME=" + home_.string() +
                                " " + program_ + " trace " + arguments +
                                " >stdout 2>stderr </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(work_ / "stderr")};
  }
  void succeeds(const std::string& arguments) {
    const Outcome o = run(arguments);
    ASSERT_EQ(o.code, 0) << arguments << ": " << o.err;
  }
  std::vector<Row> rows(const char* file) {
    std::vector<Row> out;
    std::istringstream in(read_file(work_ / file));
    std::string line;
    std::getline(in, line);  // the header
    while (std::getline(in, line)) {
      std::istringstream fields(line);
      Row& row = out.emplace_back();
      for (std::string field; std::getline(fields, field, ',');) row.push_back(field);
    }
    return out;
  }
  std::set<std::string> files() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(work_)) out.insert(entry.path().filename());
    return out;
  }

  /// A trace of tests/traces/faults.
  std::string fault(const char* name) const {
    return (home_ / "tests/traces/faults" / name).string();
  }
  std::string out() const { return read_file(work_ / "stdout"); }

  fs::path home_ = fs::current_path();
  fs::path work_ = fresh_folder("trace_command");
  std::string program_ = fs::absolute("cli/cesasim").string();
};

TEST_F(TraceCommand, ConvertsThereAndBack) {
  succeeds("generate fio a.csv --count 40 --read-percent 30 --bs 4k:70,64k:30 --region 16M");
  const std::vector<Row> all = rows("a.csv");
  ASSERT_GE(all.size(), 40u);
  for (const char* format : {"csv", "blkparse", "blktrace", "iolog2", "iolog3", "msr"}) {
    SCOPED_TRACE(format);
    succeeds(std::string("convert a.csv there --to ") + format);
    succeeds("convert there back.csv.gz");
    succeeds("convert back.csv.gz back.csv");
    const std::vector<Row> back = rows("back.csv");
    ASSERT_EQ(back.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(Row(back[i].begin() + 1, back[i].begin() + 4),
                Row(all[i].begin() + 1, all[i].begin() + 4));
      if (format != std::string("iolog2")) {
        EXPECT_EQ(back[i][0], all[i][0]) << "time";
      }
    }
  }
  EXPECT_NE(run("convert a.csv there --to iolog2").err.find("lost their time"), std::string::npos);
}

TEST_F(TraceCommand, CutsWhatFulfilsAllThatIsGiven) {
  succeeds("generate fio a.csv --count 200 --read-percent 50 --bs 4k --region 16M --seed 7");
  const std::vector<Row> all = rows("a.csv");
  succeeds("cut a.csv b.csv --records 10:20");
  EXPECT_EQ(rows("b.csv"), std::vector<Row>(all.begin() + 10, all.begin() + 20));
  succeeds("cut a.csv b.csv --records 190:");
  EXPECT_EQ(rows("b.csv"), std::vector<Row>(all.begin() + 190, all.end()));

  const auto kept = [&](auto fulfils) {
    std::vector<Row> out;
    std::copy_if(all.begin(), all.end(), std::back_inserter(out), fulfils);
    EXPECT_FALSE(out.empty() || out.size() == all.size());
    return out;
  };
  succeeds("cut a.csv b.csv --op read");
  EXPECT_EQ(rows("b.csv"), kept([](const Row& r) { return r[1] == "R"; }));
  succeeds("cut a.csv b.csv --time 0.002:0.01");
  EXPECT_EQ(rows("b.csv"), kept([](const Row& r) {
              return std::stoull(r[0]) >= 2'000'000 && std::stoull(r[0]) < 10'000'000;
            }));
  succeeds("cut a.csv b.csv --op write --sectors 8000:16000 --rebase");
  std::vector<Row> moved = kept([](const Row& r) {
    return r[1] == "W" && std::stoull(r[2]) >= 8000 && std::stoull(r[2]) + 8 <= 16000;
  });
  const std::uint64_t zero = std::stoull(moved.front()[0]);
  for (Row& r : moved) {
    r[0] = std::to_string(std::stoull(r[0]) - zero);
    r[2] = std::to_string(std::stoull(r[2]) - 8000);
    if (!r.back().empty()) r.back() = std::to_string(std::stoull(r.back()) - zero);
  }
  EXPECT_EQ(rows("b.csv"), moved);
}

TEST_F(TraceCommand, GeneratesWhatTheParametersSay) {
  succeeds("generate mkfs m.csv --size 64M");
  succeeds("generate bonnie b.csv --size 1G --file 16M --seeks 50");
  succeeds("generate fio f.csv --count 30 --pattern seq --bs 8k --region 1M --read-percent 100");
  for (const Row& r : rows("m.csv")) {
    if (r[1] == "W") {
      EXPECT_LE(std::stoull(r[2]) * 512 + std::stoull(r[3]), 64u << 20);
    }
  }
  std::set<std::string> phases;
  for (const Row& r : rows("b.csv")) phases.insert(r[5]);
  EXPECT_GE(phases.size(), 5u) << "phases of Bonnie";
  const std::vector<Row> f = rows("f.csv");
  ASSERT_EQ(f.size(), 30u);
  for (std::size_t i = 0; i < f.size(); ++i) {
    EXPECT_EQ(f[i][1], "R");
    EXPECT_EQ(f[i][2], std::to_string(16 * i));
  }
}

TEST_F(TraceCommand, RefusesAndLeavesNothingBehind) {
  write_file(work_ / "a.csv", "time_ns,op,sector,bytes\n0,W,0,4096\n5,W,8,4096\n");
  write_file(work_ / "bad.csv", "time_ns,op,sector,bytes\n0,W,0,4096\n5,W,x,4096\n");
  const struct {
    const char* arguments;
    const char* says;
  } kCases[] = {
      {"convert a.csv o", "--to csv, blkparse"},
      {"convert a.csv o.csv --to xyz", "unknown trace format 'xyz'; valid: csv"},
      {"convert none.csv o.csv", "none.csv: cannot open"},
      {"convert bad.csv o.csv", "bad.csv:3: "},
      {"convert a.csv .", "give --to"},
      {"cut a.csv o.csv --records 5", "--records '5' is not a range FROM:TO"},
      {"cut a.csv o.csv --time 2:1", "--time '2:1'"},
      {"cut a.csv o.csv --time -1:2", "--time '-1:2'"},
      {"cut a.csv o.csv --sectors 1:x", "--sectors '1:x'"},
      {"cut a.csv o.csv --op wrote", "unknown operation 'wrote'; valid: read"},
      {"generate fio o.csv --pattern zigzag", "unknown pattern 'zigzag'; valid: seq"},
      {"generate fio o.csv --phase fill,read=0", "--phase 'fill,read=0': no key 'read'; valid: "},
      {"generate fio o.csv --phase fill,jobs=x", "--phase 'fill,jobs=x': jobs: not 'x'"},
      {"generate fio o.csv --phase a/b", "--phase 'a/b': a name of letters, digits, _ and -"},
      {"generate fio o.csv --phase fill,jobs=2000", "2000 jobs: 1 to 1024"},
      {"generate fio o.csv --bs 4q", "--bs '4q' is not SIZE or SIZE:WEIGHT"},
      {"generate fio o.csv --bs 4k:x", "--bs '4k:x'"},
      {"generate bonnie o.csv --block 0", "valid: 1024, 2048, 4096"},
      {"generate mkfs o.csv --tables half", "--tables"},
      {"generate fio o.csv --count -3", "--count"},
      {"generate fio o.csv --seed -1", "--seed"},
      {"cut a.csv o.csv --phase nowhere", "none of the 2 requests read"},
      {"cut a.csv ./a.csv --records 0:1", "./a.csv: is also an input"},
      {"convert a.csv a.csv", "a.csv: is also an input"},
      {"convert a.csv o --to biosnoop",
       "there is no writer of trace format 'biosnoop'; valid: csv"},
      {"info a.csv --format xyz", "--format: unknown trace format 'xyz'; valid: csv, blkparse"},
      {"info a.csv --format msr", "a.csv:1: expected 7 fields"},
      {"info a.csv --arrivals xyz", "--arrivals: unknown event 'xyz'; valid: queue, issue"},
  };
  (void)run("info a.csv");  // stdout and stderr are there
  const std::set<std::string> before = files();
  for (const auto& c : kCases) {
    const Outcome o = run(c.arguments);
    EXPECT_EQ(o.code, 2) << c.arguments;
    EXPECT_NE(o.err.find(c.says), std::string::npos) << c.arguments << ": " << o.err;
    EXPECT_EQ(files(), before) << c.arguments;
  }
  const Outcome o = run("convert a.csv no/such/o.csv");
  EXPECT_NE(o.code, 0);
  EXPECT_NE(o.err.find("no/such/o.csv: cannot be created"), std::string::npos) << o.err;
  // Of a stream that is damaged half-way nothing is kept either.
  write_file(work_ / "o.csv", "before");
  EXPECT_EQ(run("convert bad.csv o.csv").code, 2);
  EXPECT_EQ(read_file(work_ / "o.csv"), "before");
}

TEST_F(TraceCommand, SaysWhatTheTraceHasInsteadOfRequests) {
  const std::string issued = fault("e1-issue-complete-only.blkparse.txt");
  for (const char* command : {"info ", "convert ", "cut "}) {
    const std::string to = std::string(command) == "info " ? "" : " o.csv";
    const Outcome o = run(command + issued + to);
    EXPECT_EQ(o.code, 2) << command;
    EXPECT_NE(o.err.find("no queue event (Q), but 2 issue (D) and 2 complete (C) events; "
                         "--arrivals issue"),
              std::string::npos)
        << o.err;
    EXPECT_EQ(files().count("o.csv"), 0u);
  }
  succeeds("convert " + issued + " o.csv --arrivals issue");
  EXPECT_EQ(rows("o.csv").size(), 2u);
  const Outcome o = run("info --device sda " + fault("e4-two-devices.blktrace.0"));
  EXPECT_EQ(o.code, 2);
  EXPECT_NE(o.err.find("no request of device 'sda'; valid for --device (workload.device): 253,0 (1 "
                       "request), 8,0 (1 request)"),
            std::string::npos)
      << o.err;
  write_file(work_ / "header.csv", "time_ns,op,sector,bytes\n");
  EXPECT_EQ(run("info header.csv").code, 2);
}

TEST_F(TraceCommand, SaysOnceWhatWasLeftOutOrPutRight) {
  const Outcome converted =
      run("convert " + fault("g3-done-before-queued.blkparse.txt") + " y.csv");
  EXPECT_EQ(converted.code, 0);
  EXPECT_NE(
      converted.err.find("completions before their request was queued, left out: 1, in line 3\n"),
      std::string::npos)
      << converted.err;
  EXPECT_EQ(rows("y.csv")[1].size(), 7u) << "no done_ns";
  succeeds("info y.csv");
  succeeds("convert " + fault("g3-done-before-queued.blkparse.txt") + " y.msr.csv");
  EXPECT_EQ(read_file(work_ / "y.msr.csv").find("1844674"), std::string::npos);

  succeeds("info " + fault("g1-time-backward.blkparse.txt"));
  EXPECT_NE(out().find("rows earlier than a row before them, put in order of time: 1, in line 3"),
            std::string::npos)
      << out();
  succeeds("info " + fault("f1-zone-management.blktrace.0"));
  EXPECT_NE(
      out().find("operation left out, zone command (no data, no flush): 2, the first in event"),
      std::string::npos)
      << out();
  succeeds("info --json " + fault("i1-sync-file-range.v3.iolog"));
  EXPECT_NE(out().find("\"sync_file_range\""), std::string::npos) << out();
}

TEST_F(TraceCommand, TakesAFolderAndAFormatByItsName) {
  fs::create_directories(work_ / "capture");
  fs::copy_file(fault("e4-two-devices.blktrace.0"), work_ / "capture" / "x.blktrace.0");
  succeeds("convert capture o.csv --device 8,0");
  EXPECT_EQ(rows("o.csv").size(), 1u);
  // More that is no data than is looked at.
  std::string far;
  while (far.size() < 70'000) far += "no data at all\n";
  write_file(work_ / "far.txt", far + read_file(fault("h1-header-row.msr.csv")));
  EXPECT_EQ(run("info far.txt").code, 2);
  EXPECT_EQ(run("info far.txt --format msr").code, 2);
  succeeds("convert far.txt o.csv --format msr --skip-bad-lines");
  EXPECT_EQ(rows("o.csv").size(), 2u);
}

TEST_F(TraceCommand, AnInterruptedOneLeavesNothingBehind) {
  (void)run("info none.csv");  // stdout and stderr are there
  const std::set<std::string> before = files();
  const std::string command =
      "cd " + work_.string() + " && CESASIM_HOME=" + home_.string() + " " + program_ +
      " trace generate fio o.csv --count 1000000000000 2>stderr & pid=$!; "
      "until [ -s " +
      (work_ / "o.csv.part").string() + " ]; do sleep 0.05; done; kill -TERM $pid; wait $pid";
  EXPECT_NE(std::system(command.c_str()), 0);
  EXPECT_EQ(files(), before);
}

}  // namespace
}  // namespace cesasim::cli::test
