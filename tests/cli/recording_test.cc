// SPDX-License-Identifier: Apache-2.0
// Outputs of the real program: checked before anything runs, and whole or not there afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::cli::test {
using namespace study::test;  // folders, files and studies for tests

namespace {

using testing::HasSubstr;
using testing::StartsWith;

class RecordingTest : public testing::Test {
 protected:
  RecordingTest() {
    std::string trace = "time_ns,op,sector,bytes\n";
    for (int i = 0; i < 400; ++i) {
      trace += std::to_string(i) + ",W," + std::to_string(i * 8) + ",4096\n";
    }
    write_file(work_ / "t.csv", trace);
    write_file(work_ / "s.yaml",
               "name: s\nscenario:\n  soc: kirkwood-88f6281\n  disk: flash\n"
               "  dmcrypt: {path: ocf-v1}\n  ocf: {policy: \"2005\", driver: cesa_tdma}\n"
               "  workload: {trace: t.csv}\n");
  }
  int run(const std::string& before, const std::string& arguments) {
    const std::string command = "cd " + work_.string() + " && " + before +
                                " CESASIM_HOME=" + fs::current_path().string() + " " + program_ +
                                " " + arguments + " >stdout 2>stderr </dev/null";
    const int status = std::system(command.c_str());
    err_ = read_file(work_ / "stderr");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  fs::path work_ = fresh_folder("recording");
  std::string program_ = fs::absolute("cli/cesasim").string();
  std::string err_;
};

TEST_F(RecordingTest, AVcdFileOnAFullDisk) {
  ASSERT_EQ(run("", "run s.yaml --quiet --vcd whole.vcd"), 0) << err_;
  const std::string whole = read_file(work_ / "whole.vcd");
  EXPECT_THAT(whole, StartsWith("$date"));
  ASSERT_GT(whole.size(), 512u * 1024);
  // As much as the results need, and less than the signals do.
  EXPECT_EQ(run("ulimit -f $((256 * 1024 / 512));", "run s.yaml --quiet --vcd a.vcd"), 3);
  EXPECT_THAT(err_, HasSubstr("a.vcd: cannot be written: File too large"));
  for (const auto& entry : fs::directory_iterator(work_)) {
    EXPECT_NE(entry.path().filename().string().substr(0, 5), "a.vcd") << entry.path();
  }
}

// An output is checked before anything else happens: what the user has there stays.
TEST_F(RecordingTest, OutputsThatCannotBeAreRefusedBeforeAnythingRuns) {
  write_file(work_ / "old", std::string(4096, 'o'));
  ASSERT_EQ(::mkfifo((work_ / "pipe").c_str(), 0600), 0);
  const struct {
    const char* arguments;
    const char* message;
  } cases[] = {
      {"image encrypt --table '0 8 crypt aes-cbc-plain 00112233445566778899aabbccddeeff 0 x 0' old "
       "old",
       "OUT: old: is also an input"},
      {"cosim selftest --junit nowhere/j.xml", "--junit: nowhere/j.xml: cannot be created"},
      {"cosim selftest --junit pipe", "--junit: pipe: is no regular file"},
      {"cosim run --device-log nowhere/log -- true", "--device-log: nowhere/log: cannot be"},
      {"cosim run --device-log pipe -- true", "--device-log: pipe: is no regular file"},
      // These stop at what comes next: there are no recipes of a kernel here.
      {"cosim selftest --junit old", "no cosim/kernel in"},
      {"cosim mutants --junit old", "cosim/kernel/mutants"},
      {"cosim run --device-log old -- true", "no cosim/kernel in"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(run("", c.arguments), 2) << c.arguments << ": " << err_;
    EXPECT_THAT(err_, HasSubstr(c.message)) << c.arguments;
    EXPECT_EQ(read_file(work_ / "old"), std::string(4096, 'o')) << c.arguments;
    EXPECT_TRUE(fs::is_fifo(work_ / "pipe")) << c.arguments;
  }
}

}  // namespace
}  // namespace cesasim::cli::test
