// SPDX-License-Identifier: Apache-2.0
// The options of `cesasim run` that write files beside the results, through the program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
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
  refused("one.yaml --requests-window 0:1", "--requests FILE");
  refused("one.yaml --timeline-window 0:1", "--timeline FILE");
  refused("one.yaml --timeline f --timeline-window 2:1", "before it begins");
  refused("one.yaml --requests f --requests-window x:1", "no number");
}

}  // namespace
}  // namespace cesasim::test
