// SPDX-License-Identifier: Apache-2.0
// The options of `cesasim run` that write files beside the results, through the program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>

#include "scenario/tree.h"
#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::test {
using namespace study::test;  // folders, files and studies for tests

namespace {

using testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::string err;
};

class ObserveCli : public testing::Test {
 protected:
  ObserveCli() {
    std::string trace = "time_ns,op,sector,bytes\n";
    for (int i = 0; i < 40; ++i) {
      trace +=
          std::to_string(i) + (i < 20 ? ",W," : ",R,") + std::to_string(i % 20 * 8) + ",4096\n";
    }
    write_file(work_ / "t.csv", trace);
    write_file(work_ / "one.yaml", study(""));
    write_file(work_ / "two.yaml", study("axes:\n  dmcrypt.path: [ocf-v1, ocf-v3]\n"));
  }
  std::string study(const std::string& more) const {
    return "name: s\nscenario:\n  soc: kirkwood-88f6281\n  disk: flash\n"
           "  dmcrypt: {path: ocf-v1}\n  ocf: {policy: \"2005\", driver: cesa_tdma}\n"
           "  workload: {trace: " +
           (work_ / "t.csv").string() + "}\n" + more;
  }
  Outcome run(const std::string& arguments) {
    const std::string command = "cd " + work_.string() + " && CESASIM_HOME=" + home_.string() +
                                " " + program_ + " run --quiet " + arguments +
                                " >stdout 2>stderr </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(work_ / "stderr")};
  }
  bool exists(const char* name) const { return fs::exists(work_ / name); }

  fs::path home_ = fs::current_path();
  fs::path work_ = fresh_folder("observe_cli");
  std::string program_ = fs::absolute("cli/cesasim").string();
};

TEST_F(ObserveCli, WritesWhatIsAskedFor) {
  const Outcome o =
      run("one.yaml --requests rows.csv --timeline t.json --timeline-window :0.001 --record "
          "bios.csv.zst "
          "--record-disk disk.csv.gz");
  EXPECT_EQ(o.code, 0) << o.err;
  const std::string rows = read_file(work_ / "rows.csv");
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 41);
  const Json timeline = Json::parse(read_file(work_ / "t.json"));
  EXPECT_GT(timeline.at("traceEvents").size(), 100u);
  for (const Json& e : timeline.at("traceEvents")) {
    if (e.at("ph") == "X") {
      EXPECT_LE(e.at("ts").get<double>(), 1000);
    }
  }
  EXPECT_TRUE(exists("bios.csv.zst") && exists("disk.csv.gz"));
  for (const auto& entry : fs::directory_iterator(work_)) {
    EXPECT_NE(entry.path().extension(), ".part") << entry.path();
  }
  // A recorded trace is one.
  write_file(work_ / "again.yaml", study(""));
  const Outcome again =
      run("one.yaml --set workload.trace=" + (work_ / "bios.csv.zst").string() + " --out again");
  EXPECT_EQ(again.code, 0) << again.err;
}

/// Lines of the categories asked for and no others, in the window; the registers by their names.
/// And the results are those of a run without a log.
TEST_F(ObserveCli, LogsByCategory) {
  const Outcome o = run("one.yaml --log cesa,irq,dm --log-file log.txt --out logged");
  EXPECT_EQ(o.code, 0) << o.err;
  std::istringstream log(read_file(work_ / "log.txt"));
  std::map<std::string, int> of;
  std::string line, whole;
  while (std::getline(log, line)) {
    std::istringstream words(line);
    double at = -1;
    std::string category;
    words >> at >> category;
    EXPECT_GE(at, 0) << line;
    ++of[category];
    whole += line + "\n";
  }
  ASSERT_EQ(of.size(), 3u) << whole;
  EXPECT_EQ(of.at("dm"), 80) << "40 bios, in and out";
  EXPECT_THAT(whole, HasSubstr("write engine 0 cmd 0x1"));
  EXPECT_THAT(whole, HasSubstr("engine 0 cipher: 512 bytes, "));
  const auto count = [&whole](const char* what) {
    int n = 0;
    for (std::size_t at = 0; (at = whole.find(what, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  EXPECT_GT(count("enters interrupt"), 0);
  EXPECT_EQ(count("enters "), count("leaves "));

  EXPECT_EQ(run("one.yaml --log all --log-file all.txt.zst --out all").code, 0);
  EXPECT_EQ(run("one.yaml --out plain").code, 0);
  const auto results = [&](const char* out) {
    Json json = Json::parse(read_file(work_ / out / "results.json"));
    json["points"][0]["metrics"].erase("host_seconds");
    return json["points"];
  };
  EXPECT_EQ(results("logged"), results("plain"));
  EXPECT_EQ(results("all"), results("plain"));

  EXPECT_EQ(run("one.yaml --log dm --log-file part.txt --log-window 0:0.001 --out part").code, 0);
  const std::string part = read_file(work_ / "part.txt");
  EXPECT_GT(part.size(), 0u);
  EXPECT_LT(std::count(part.begin(), part.end(), '\n'), 80);
}

TEST_F(ObserveCli, RefusesBeforeItRuns) {
  const auto refused = [&](const std::string& arguments, const char* says) {
    const Outcome o = run(arguments);
    EXPECT_EQ(o.code, 2) << arguments;
    EXPECT_THAT(o.err, HasSubstr(says)) << arguments << ": " << o.err;
    EXPECT_FALSE(exists("out")) << arguments;
  };
  for (const char* option : {"--requests", "--timeline", "--record", "--record-disk"}) {
    refused(std::string("two.yaml ") + option + " f", "2 points");
    refused(std::string("one.yaml ") + option + " no/such/folder/f", option);
    refused(std::string("one.yaml ") + option + " .", option);
  }
  refused("one.yaml --resume --requests f", "--resume");
  refused("one.yaml --requests f --timeline f", "twice");
  refused("one.yaml --vcd f --timeline f", "twice");
  refused("one.yaml --junit ./one.yaml", "is also an input");
  refused("one.yaml --requests one.yaml", "is also an input");
  refused("one.yaml --record t.csv", "t.csv: is also an input");
  refused("one.yaml --vcd f --export-image f", "twice");
  refused("one.yaml --log cesa", "--log-file FILE says where to");
  refused("one.yaml --log-file f", "only with --log");
  refused("one.yaml --log cessa --log-file f",
          "no category 'cessa', did you mean 'cesa'?; valid: all");
  refused("two.yaml --log cesa --log-file f", "2 points");
  refused("one.yaml --log-window 0:1", "--log FILE");
  refused("one.yaml --requests-window 0:1", "--requests FILE");
  refused("one.yaml --timeline-window 0:1", "--timeline FILE");
  refused("one.yaml --timeline f --timeline-window 2:1", "before it begins");
  refused("one.yaml --requests f --requests-window x:1", "no number");
}

}  // namespace
}  // namespace cesasim::test
