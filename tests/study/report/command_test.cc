// SPDX-License-Identifier: Apache-2.0
// `cesasim report` as a user runs it, on what `cesasim run` wrote (with a stand-in machine).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "scenario/tree.h"
#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::string out, err;
};

class ReportCommand : public testing::Test {
 protected:
  void SetUp() override {
    write_file(work_ / "s.yaml", good_study());
    ASSERT_EQ(run("run s.yaml --quiet").code, 0);
  }
  Outcome run(const std::string& arguments) {
    const std::string command = "cd " + work_.string() +
                                " && CESASIM_HOME=" + home_.path().string() + " " + program_ + " " +
                                arguments + " >stdout 2>stderr </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(work_ / "stdout"),
            read_file(work_ / "stderr")};
  }
  Json data_of(const std::string& file) {
    const std::string page = read_file(work_ / file);
    const std::string begin = R"(id="data">)";
    const std::size_t from = page.find(begin);
    EXPECT_NE(from, std::string::npos);
    return Json::parse(
        page.substr(from + begin.size(), page.find("</script>", from) - from - begin.size()));
  }
  Home home_;
  fs::path work_ = fresh_folder("report");
  std::string program_ = fs::absolute("tests/support/fake_cesasim").string();
};

TEST_F(ReportCommand, WritesOnePageBesideTheResults) {
  const Outcome o = run("report out/test");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, "report: out/test/report.html\n");
  const Json data = data_of("out/test/report.html");
  EXPECT_EQ(data["study"], "test");
  EXPECT_EQ(data["points"].size(), 10u);
  // The study's own, through results.json.
  EXPECT_EQ(data["baseline"]["dmcrypt.path"], "standard");
  EXPECT_EQ(data["config"]["units"]["disk.rpm"], "rpm");
}

TEST_F(ReportCommand, OutputAndBaseline) {
  const Outcome o =
      run("report out/test/results.json --output my.html --baseline dmcrypt.path=ocf-v1");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_FALSE(fs::exists(work_ / "out/test/report.html"));
  EXPECT_EQ(data_of("my.html")["baseline"].dump(), R"({"dmcrypt.path":"ocf-v1"})");
}

TEST_F(ReportCommand, BadInputIsNamed) {
  write_file(work_ / "bad/results.json", "{");
  write_file(work_ / "other/results.json", R"({"schema": "x"})");
  const struct {
    const char* arguments;
    const char* message;
  } bad[] = {
      {"report nowhere", "nowhere: No such file or directory; valid: a folder with the results"},
      {"report .", "./results.json: No such file"},
      {"report bad", "bad/results.json: "},
      {"report other", "other/results.json: schema 'x' where 'cesasim-results-1' is needed"},
      {"report out/test --baseline dmcrypt.pth=ocf-v1", "did you mean dmcrypt.path?"},
      {"report out/test --output /nowhere/a.html", "--output: "},
      {"report", "OUT is missing"},
  };
  for (const auto& b : bad) {
    const Outcome o = run(b.arguments);
    EXPECT_EQ(o.code, 2) << b.arguments;
    EXPECT_THAT(o.err, HasSubstr(b.message)) << b.arguments << ": " << o.err;
    EXPECT_EQ(o.out, "");
  }
}

}  // namespace
}  // namespace cesasim::study::test
