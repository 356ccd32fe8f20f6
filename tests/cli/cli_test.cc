// SPDX-License-Identifier: Apache-2.0
// The real program (with a stand-in machine) as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <sstream>

#include "base/text/version.h"
#include "study/result/result.h"
#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::cli::test {
using namespace study::test;  // folders, files and studies for tests

namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Outcome {
  int code = -1;
  std::string out, err;
};

/// Without what differs from run to run.
Json comparable(const fs::path& file) {
  Json json = Json::parse(read_file(file));
  for (Json& point : json["points"]) point["metrics"].erase("host_seconds");
  json.erase("date");
  json.erase("command");
  return json;
}

class CliTest : public testing::Test {
 protected:
  void SetUp() override {
    program_ = fs::absolute("tests/support/fake_cesasim").string();
    write_file(work_ / "s.yaml", good_study());
  }
  Outcome run(const std::string& arguments, const std::string& before = "") {
    const std::string command = "cd " + work_.string() + " && " + before +
                                " CESASIM_HOME=" + home_.path().string() + " " + program_ + " " +
                                arguments + " >stdout 2>stderr </dev/null";
    const int status = std::system(command.c_str());
    Outcome outcome;
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    outcome.out = read_file(work_ / "stdout");
    outcome.err = read_file(work_ / "stderr");
    return outcome;
  }
  Home home_;
  fs::path work_ = fresh_folder("cli");
  std::string program_;
};

TEST_F(CliTest, Version) {
  const Outcome o = run("--version");
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, StartsWith("cesasim "));
  EXPECT_EQ(o.err, "");
}

/// What the launcher writes beside the program stands in every result.
TEST_F(CliTest, TheSourcesItWasBuiltFrom) {
  const std::string copy = (work_ / "copy").string();
  fs::copy_file(program_, copy);
  program_ = copy;
  ASSERT_EQ(run("run s.yaml --quiet").code, 0);
  EXPECT_FALSE(Json::parse(read_file(work_ / "out/test/results.json")).contains("build"));
  write_file(copy + ".describe", "v1.2-3-gabcdef0-dirty\n");
  const std::string version = std::string(kVersion) + " (v1.2-3-gabcdef0-dirty)";
  EXPECT_EQ(run("--version").out, "cesasim " + version + "\n");
  EXPECT_NE(run("run s.yaml --print-config").out.find("# test " + version + ":"),
            std::string::npos);
  ASSERT_EQ(run("run s.yaml --quiet --junit j.xml").code, 0);
  const Json results = Json::parse(read_file(work_ / "out/test/results.json"));
  EXPECT_EQ(results.at("version"), kVersion);
  EXPECT_EQ(results.at("build"), "v1.2-3-gabcdef0-dirty");
  EXPECT_NE(read_file(work_ / "j.xml").find("name=\"version\" value=\"" + version + "\""),
            std::string::npos);
}

TEST_F(CliTest, AVcdFileShowsOnePoint) {
  const Outcome many = run("run s.yaml --vcd a.vcd");
  EXPECT_EQ(many.code, 2);
  EXPECT_THAT(many.err, HasSubstr("10 points, and the file shows one"));
  EXPECT_FALSE(fs::exists(work_ / "out")) << "nothing ran";
  const struct {
    const char* window;
    const char* message;
  } bad[] = {{"1", "valid: FROM:TO"},
             {"a:2", "'a' is no number of seconds"},
             {"1:-2", "'-2' is no number of seconds"},
             {"1:nan", "'nan' is no number of seconds"},
             {"2:1", "ends before it begins"}};
  const std::string study = good_study();
  write_file(work_ / "one.yaml", study.substr(0, study.find("axes:")));
  for (const auto& b : bad) {
    const Outcome o = run(std::string("run one.yaml --vcd a.vcd --vcd-window ") + b.window);
    EXPECT_EQ(o.code, 2);
    EXPECT_THAT(o.err, HasSubstr(b.message));
  }
  EXPECT_EQ(run("run one.yaml --vcd-window 1:2").code, 2);
  for (const auto& [file, message] :
       {std::pair{"/nowhere/a.vcd", "cannot be created"}, {".", "is a folder"}}) {
    const Outcome o = run(std::string("run one.yaml --vcd ") + file);
    EXPECT_EQ(o.code, 2);
    EXPECT_THAT(o.err, HasSubstr(message));
    EXPECT_FALSE(fs::exists(work_ / "out")) << "nothing ran";
  }
  const Outcome late = run("run one.yaml --vcd a.vcd --vcd-window 100:101");
  EXPECT_EQ(late.code, 2);
  EXPECT_THAT(late.err, HasSubstr("the run ended at 10.000000 s, before the window"));
  EXPECT_EQ(run("run one.yaml --vcd a.vcd --vcd-window :2").code, 0);
}

TEST_F(CliTest, RunWritesResultsAndTable) {
  const Outcome o = run("run s.yaml");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.err, "");
  EXPECT_THAT(o.out, HasSubstr("ok    it costs"));
  const study::StudyResult r =
      study::study_result_from_json(Json::parse(read_file(work_ / "out/test/results.json")));
  EXPECT_EQ(r.study, "test");
  ASSERT_EQ(r.points.size(), 10u);
  EXPECT_EQ(r.points[1].axes["dmcrypt.path"], "ocf-v1");
  EXPECT_EQ(r.points[1].config["dmcrypt"]["path"], "ocf-v1");
  EXPECT_EQ(r.points[1].config["disk"]["rpm"], 7200);
  EXPECT_EQ(r.expectations[0].ok, true);
  EXPECT_THAT(read_file(work_ / "out/test/results.csv"), HasSubstr("status,phase,sim_seconds"));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& f : fs::directory_iterator(work_ / "out/test")) ++files;
  EXPECT_EQ(files, 2u);
}

TEST_F(CliTest, QuietSaysNothing) {
  const Outcome o = run("run s.yaml --quiet --out here --jobs 1");
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.out + o.err, "");
  EXPECT_TRUE(fs::exists(work_ / "here/results.json"));
}

TEST_F(CliTest, SeveralStudiesHaveAFolderEach) {
  std::string other = good_study();
  other.replace(other.find("name: test"), 10, "name: more");
  write_file(work_ / "m.yaml", other);
  EXPECT_EQ(run("run s.yaml m.yaml --out o --quiet").code, 0);
  EXPECT_TRUE(fs::exists(work_ / "o/test/results.json"));
  EXPECT_TRUE(fs::exists(work_ / "o/more/results.json"));
  EXPECT_EQ(run("run s.yaml s.yaml").code, 2);
}

TEST_F(CliTest, AFailedExpectationIsCodeOne) {
  std::string text = good_study();
  text.replace(text.find("min: 1.0"), 8, "min: 1.5");
  write_file(work_ / "s.yaml", text);
  const Outcome o = run("run s.yaml");
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.out, HasSubstr("FAIL  it costs"));
  EXPECT_TRUE(fs::exists(work_ / "out/test/results.json"));
}

TEST_F(CliTest, BadInputIsCodeTwoWithPlace) {
  std::string text = good_study();
  text.replace(text.find("soc: test-soc"), 13, "soc: test-sok");
  write_file(work_ / "s.yaml", text);
  const Outcome o = run("run s.yaml");
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(
      o.err,
      StartsWith("cesasim: s.yaml:3: soc: no soc preset 'test-sok', did you mean 'test-soc'?"));
  EXPECT_FALSE(fs::exists(work_ / "out"));
}

// A trace is read to its end before the first point runs: seed 15 would sleep for ever.
TEST_F(CliTest, BadTracesAreCodeTwoBeforeAnythingRuns) {
  const std::string header = "time_ns,op,sector,bytes,pid,phase\n";
  const std::string row = "0,W,0,4096,1,all\n";
  struct {
    std::string text;
    const char* message;
  } const cases[] = {
      {header, "t.csv: the trace holds no request"},
      {header + row + "1,W,zero,4096,1,all\n", "t.csv:3: "},
      {header + row + "1,W,8,4095,1,all\n", "t.csv:3: "},
      {header + row + "1,R,99999999999,4096,1,all\n", "t.csv:3: sectors 99999999999 to "},
      {"what is this\n", "t.csv"},
  };
  for (const auto& c : cases) {
    write_file(work_ / "t.csv", c.text);
    const Outcome o = run("run s.yaml --set seed=15 --set workload.trace=t.csv");
    EXPECT_EQ(o.code, 2) << c.text;
    EXPECT_THAT(o.err, HasSubstr(c.message));
    EXPECT_FALSE(fs::exists(work_ / "out")) << c.text;
  }
}

// The machine stops at seed 13, with code 1: code 2 comes before it ran.
TEST_F(CliTest, FitChecksTheFilesThatItIsToWriteBeforeAnythingRuns) {
  const auto fit_study = [this](const std::string& costs) {
    write_file(work_ / "f.yaml",
               "name: f\n"
               "scenario: {soc: test-soc, soc.costs: " +
                   costs + ", disk: test-disk, seed: 13, workload.trace: " +
                   (home_.path() / "traces/a.csv").string() +
                   "}\n"
                   "expect:\n"
                   "  - {name: a, metric: sim_seconds, published: {value: 9, within: 5, basis: "
                   "fitted, source: x}}\n"
                   "fit:\n"
                   "  - {key: soc.costs.kernel.wake_up, preset: " +
                   costs + ", min: 0.5, max: 2}\n");
  };
  fit_study("test-costs");
  EXPECT_THAT(run("fit f.yaml --write").err, HasSubstr("the machine stopped"));

  const std::string text = read_file(home_.preset("costs", "test-costs"));
  const auto named = [](std::string preset, const std::string& as) {
    const std::string own = "test-costs";
    return preset.replace(preset.find(own), own.size(), as);
  };
  // A name that has no room for that of the file beside it until it is complete.
  const std::string name(250, 'x');
  write_file(home_.preset("costs", name), named(text, name));
  fit_study(name);
  const Outcome unwritable = run("fit f.yaml --write");
  EXPECT_EQ(unwritable.code, 2);
  EXPECT_THAT(unwritable.err, HasSubstr("--write: "));
  EXPECT_THAT(run("fit f.yaml").err, HasSubstr("the machine stopped"));

  std::string split = named(text, "split");
  const std::size_t key = split.find("    wake_up:");
  split.replace(split.find("value: ", key), 7, "value:\n      ");
  write_file(home_.preset("costs", "split"), split);
  fit_study("split");
  const Outcome no_value = run("fit f.yaml --write");
  EXPECT_EQ(no_value.code, 2);
  EXPECT_THAT(no_value.err, HasSubstr("no 'value: ...' on this line"));
  EXPECT_EQ(read_file(home_.preset("costs", "split")), split);
}

TEST_F(CliTest, BadUsageIsCodeTwo) {
  for (const char* arguments :
       {"", "frobnicate", "run", "run s.yaml --jobs 0", "run s.yaml --jobs x", "run nowhere.yaml",
        "run nowhere", "run s.yaml --set seed", "run s.yaml --set sed=1", "list nothing", "trace",
        "trace info", "trace info nowhere.csv", "run s.yaml --frob", "diff a b"}) {
    const Outcome o = run(arguments);
    EXPECT_EQ(o.code, 2) << arguments;
    EXPECT_THAT(o.err, StartsWith("cesasim: ")) << arguments << ": " << o.err;
    EXPECT_EQ(o.out, "") << arguments;
  }
}

/// Errors name what is wrong in this program's words, and the help of the command in question.
TEST_F(CliTest, ErrorsPointToTheCommandsOwnHelp) {
  const struct {
    const char* arguments;
    const char* message;
  } cases[] = {
      {"run", "cesasim: STUDY is missing; see cesasim run --help\n"},
      {"run s.yaml --frob", "cesasim: not expected: --frob; see cesasim run --help\n"},
      {"run s.yaml --jobs x", "see cesasim run --help\n"},
      {"run s.yaml --jobs", "cesasim: --jobs: its value is missing; see cesasim run --help\n"},
      {"run s.yaml --out \"\"", "see cesasim run --help\n"},
      {"trace info", "see cesasim trace info --help\n"},
      {"list nothing", "valid: paths, drivers"},
  };
  for (const auto& c : cases) {
    const Outcome o = run(c.arguments);
    EXPECT_EQ(o.code, 2) << c.arguments;
    EXPECT_NE(o.err.find(c.message), std::string::npos) << c.arguments << ": " << o.err;
    for (const char* inner : {"TEXT", "UINT", "subcommand"}) {
      EXPECT_EQ(o.err.find(inner), std::string::npos) << c.arguments << ": " << o.err;
    }
    EXPECT_FALSE(fs::exists(work_ / "out")) << c.arguments;
  }
}

TEST_F(CliTest, HelpFitsTheScreenAndHasNoInnerWords) {
  for (const char* command : {"", "run", "list", "trace", "trace info", "diff", "report", "image",
                              "cosim run", "fit", "baseline", "completion"}) {
    const Outcome o = run(std::string(command) + " --help", "COLUMNS=80");
    EXPECT_EQ(o.code, 0) << command;
    std::istringstream in(o.out);
    for (std::string line; std::getline(in, line);) EXPECT_LE(line.size(), 80u) << command << line;
    for (const char* inner :
         {"TEXT", "UINT", "REQUIRED", "SUBCOMMAND", "Positionals", "{assumed"}) {
      EXPECT_EQ(o.out.find(inner), std::string::npos) << inner << " in\n" << o.out;
    }
  }
  EXPECT_NE(run("run --help").out.find("--jobs N"), std::string::npos);
  EXPECT_NE(run("run --help").out.find("(1 to 4096)"), std::string::npos);
}

/// Without a command: what there is.
TEST_F(CliTest, BareCommandsShowWhatThereIs) {
  const Outcome bare = run("");
  EXPECT_EQ(bare.code, 2);
  EXPECT_TRUE(bare.err.starts_with("cesasim: name a command\n")) << bare.err;
  EXPECT_NE(bare.err.find("  run         Run every point"), std::string::npos) << bare.err;
  EXPECT_NE(run("trace").err.find("  convert  "), std::string::npos);
}

TEST_F(CliTest, TablesKnowTheScreen) {
  const Outcome o = run("run s.yaml", "COLUMNS=80");
  EXPECT_EQ(o.code, 0) << o.err;
  std::istringstream in(o.out);
  for (std::string line; std::getline(in, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST_F(CliTest, BashCompletes) {
  const Outcome script = run("completion");
  ASSERT_EQ(script.code, 0) << script.err;
  write_file(work_ / "complete.bash", script.out);
  const auto complete = [this](const std::string& words, int at) {
    write_file(work_ / "ask.bash", "source complete.bash\ncompopt() { :; }\nCOMP_WORDS=(" + words +
                                       ")\nCOMP_CWORD=" + std::to_string(at) +
                                       "\n_cesasim\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n");
    const std::string command = "cd " + work_.string() +
                                " && CESASIM_HOME=" + home_.path().string() +
                                " bash ask.bash >answer 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return read_file(work_ / "answer");
  };
  EXPECT_EQ(complete(program_ + " re", 1), "report\n");
  EXPECT_EQ(complete(program_ + " run --re", 2),
            "--resume\n--requests\n--requests-window\n--record\n"
            "--record-disk\n");
  EXPECT_EQ(complete(program_ + " trace con", 2), "convert\n");
  EXPECT_NE(complete(program_ + " run s.yaml --set soc.co", 4).find("soc.cores=\n"),
            std::string::npos);
}

/// Two runs never write into one folder at once, and other overrides never share one.
TEST_F(CliTest, AFolderIsOfOneRun) {
  fs::create_directories(work_ / "here");
  write_file(
      work_ / "here/lock",
      "{\"host\": \"elsewhere\", \"process\": 7, \"start_ticks\": 1, \"started\": \"today\", "
      "\"command\": \"cesasim run x\"}");
  const Outcome o = run("run s.yaml --out here --set seed=15");  // would sleep for ever
  EXPECT_EQ(o.code, 2);
  EXPECT_NE(o.err.find("--out: here: another run writes there: process 7 on elsewhere since today "
                       "(cesasim run x)"),
            std::string::npos)
      << o.err;
  EXPECT_EQ(run("run s.yaml --out there --quiet").code, 0);
  EXPECT_FALSE(fs::exists(work_ / "there/lock"));
}

TEST_F(CliTest, OtherOverridesHaveAnotherFolder) {
  write_file(work_ / "a_b.csv", read_file(home_.path() / "traces/a.csv"));
  fs::create_directories(work_ / "a");
  write_file(work_ / "a/b.csv", read_file(home_.path() / "traces/a.csv"));
  EXPECT_EQ(run("run s.yaml --quiet --set workload.trace=a_b.csv").code, 0);
  EXPECT_EQ(run("run s.yaml --quiet --set workload.trace=a/b.csv").code, 0);
  std::set<std::string> sets;
  for (const auto& folder : fs::directory_iterator(work_ / "out")) {
    const Json json = Json::parse(read_file(folder.path() / "results.json"));
    sets.insert(json["overrides"][0].get<std::string>());
    EXPECT_LT(folder.path().filename().string().size(), 100u);
  }
  EXPECT_EQ(sets, (std::set<std::string>{"workload.trace=a_b.csv", "workload.trace=a/b.csv"}));
}

TEST_F(CliTest, ResultsSayWhatTheyAreOf) {
  EXPECT_EQ(run("run s.yaml --quiet --out o").code, 0);
  const Json json = Json::parse(read_file(work_ / "o/results.json"));
  EXPECT_EQ(json["command"], "cesasim run s.yaml --quiet --out o");
  EXPECT_TRUE(json["date"].get<std::string>().ends_with(" UTC"));
}

TEST_F(CliTest, AnOutputFolderThatCannotBeWrittenIsSeenBeforeTheRun) {
  write_file(work_ / "file", "x");
  const Outcome o = run("run s.yaml --out file --set seed=15");  // would sleep for ever
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("cesasim: --out: file: "));
}

TEST_F(CliTest, AMachineThatStopsIsCodeThree) {
  const Outcome o = run("run s.yaml --set seed=13");
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.err, HasSubstr("failed: the machine stopped"));
  const study::StudyResult r = study::study_result_from_json(
      Json::parse(read_file(work_ / "out/test,seed=13/results.json")));
  EXPECT_EQ(r.points[0].status, Status::failed);
  EXPECT_EQ(r.expectations[0].ok, false);
}

TEST_F(CliTest, AMachineThatDiesIsCodeThree) {
  const Outcome o = run("run s.yaml --set seed=14 --quiet");
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.err, HasSubstr("the worker died: Aborted"));
}

TEST_F(CliTest, LostRequestsAreCodeThree) {
  const Outcome o = run("run s.yaml --set seed=16 --quiet");
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.err, HasSubstr("broken: integrity broken: lost_requests 2"));
}

TEST_F(CliTest, BrokenPointsCanBeReportedOnly) {
  std::string text = good_study();
  text.erase(text.find("expect:"));
  write_file(work_ / "n.yaml", text);
  EXPECT_EQ(run("run n.yaml --set seed=16 --quiet").code, 3);
  const Outcome told = run("run n.yaml --set seed=16 --set on_broken=report");
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_EQ(told.err, "");
  EXPECT_THAT(told.out, HasSubstr("broken: integrity broken: lost_requests 2"));
  EXPECT_THAT(told.out, HasSubstr("only reports (on_broken: report)"));
  EXPECT_THAT(told.out, Not(HasSubstr("errors\n"))) << "it is none";
  // A point that did not run to its end is an error all the same, and so is what was expected of
  // the broken ones.
  EXPECT_EQ(run("run n.yaml --set seed=14 --set on_broken=report --quiet").code, 3);
  EXPECT_EQ(run("run s.yaml --set seed=16 --set on_broken=report --quiet").code, 1);
  const Outcome unknown = run("run n.yaml --set on_broken=ignore");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("on_broken"));
}

TEST_F(CliTest, AFullDiskIsReportedAndLeavesNothing) {
  // Many points, so that the results outgrow a limit that a single point's input stays under.
  std::string text = good_study();
  text.erase(text.find("axes:"));
  text += "axes:\n  disk.rpm: [1000";
  for (int rpm = 1001; rpm < 1040; ++rpm) text += ", " + std::to_string(rpm);
  write_file(work_ / "s.yaml", text + "]\n");
  const Outcome o = run("run s.yaml --quiet", "ulimit -f $((128 * 1024 / 512));");
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.err, HasSubstr("results.json: cannot be written: File too large"));
  EXPECT_TRUE(fs::is_empty(work_ / "out/test"));
}

TEST_F(CliTest, ALostStandardOutputIsNoticed) {
  ASSERT_EQ(run("run s.yaml --quiet --out a").code, 0);
  const std::string trace = (home_.path() / "traces/a.csv").string();
  for (const std::string& arguments :
       {std::string("list"), std::string("list metrics"), std::string("list guide"),
        std::string("diff a a"), std::string("report a"), std::string("run s.yaml --print-config"),
        std::string("run s.yaml --out b"), "trace info " + trace,
        "trace convert " + trace + " - --to csv", std::string("--help"),
        std::string("--version")}) {
    for (const char* lost : {">/dev/full", ">&-"}) {
      const std::string command = "cd " + work_.string() +
                                  " && CESASIM_HOME=" + home_.path().string() + " " + program_ +
                                  " " + arguments + " " + lost + " 2>stderr";
      EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 3) << arguments << lost;
      EXPECT_THAT(read_file(work_ / "stderr"),
                  HasSubstr("cesasim: standard output cannot be written\n"))
          << arguments << lost;
    }
  }
  // What is printed goes to no file that was opened in the place of a closed standard output.
  EXPECT_EQ(comparable(work_ / "a/results.json"), comparable(work_ / "b/results.json"));
}

// An output is checked before anything else happens: what the user has there stays.
TEST_F(CliTest, OutputsThatCannotBeAreRefusedBeforeAnythingRuns) {
  const std::string study = good_study();
  write_file(work_ / "one.yaml", study.substr(0, study.find("axes:")));
  write_file(work_ / "old", "old");
  ASSERT_EQ(::mkfifo((work_ / "pipe").c_str(), 0600), 0);
  const struct {
    const char* arguments;
    const char* message;
  } cases[] = {
      {"run one.yaml --vcd old --junit old", "--junit: old is asked for twice, also by --vcd"},
      {"run one.yaml --junit old --record ./old", "is asked for twice"},
      {"run one.yaml --vcd old --export-image old.part", "is asked for twice"},
      {"run one.yaml --vcd pipe", "--vcd: pipe: is no regular file"},
      {"run one.yaml --junit pipe", "--junit: pipe: is no regular file"},
      {"run one.yaml --junit one.yaml", "--junit: one.yaml: is also an input"},
  };
  for (const auto& c : cases) {
    const Outcome o = run(c.arguments);
    EXPECT_EQ(o.code, 2) << c.arguments << ": " << o.err;
    EXPECT_THAT(o.err, HasSubstr(c.message)) << c.arguments;
    EXPECT_EQ(read_file(work_ / "old"), "old") << c.arguments;
    EXPECT_TRUE(fs::is_fifo(work_ / "pipe")) << c.arguments;
    EXPECT_FALSE(fs::exists(work_ / "out")) << c.arguments;
  }
}

/// The points that ran are kept, and the message says how they are taken up.
TEST_F(CliTest, AFullDiskNamesResume) {
  std::string text = good_study();
  text.erase(text.find("axes:"));
  text += "axes:\n  disk.rpm: [1000";
  for (int rpm = 1001; rpm < 1040; ++rpm) text += ", " + std::to_string(rpm);
  write_file(work_ / "s.yaml", text + "]\n");
  EXPECT_EQ(run("run s.yaml --quiet --out whole").code, 0);
  // Room for the points as they are kept, but not for results.json, which has a line for each
  // value.
  const auto blocks = fs::file_size(work_ / "whole/results.json") * 9 / 10 / 512;
  const Outcome o = run("run s.yaml --quiet", "ulimit -f " + std::to_string(blocks) + ";");
  EXPECT_EQ(o.code, 3);
  EXPECT_NE(
      o.err.find("the points that ran are kept in out/test/partial.jsonl; once there is room: "
                 "cesasim run s.yaml --quiet --resume"),
      std::string::npos)
      << o.err;
  EXPECT_EQ(run("run s.yaml --quiet --resume").code, 0);
  EXPECT_TRUE(fs::exists(work_ / "out/test/results.json"));
}

TEST_F(CliTest, AFullStandardOutputIsNoticed) {
  const std::string command = "CESASIM_HOME=" + home_.path().string() + " " + program_ +
                              " list metrics >/dev/full 2>" + (work_ / "stderr").string();
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 3);
  EXPECT_EQ(read_file(work_ / "stderr"), "cesasim: standard output cannot be written\n");
}

TEST_F(CliTest, CtrlCBeforeAPointHasEndedWritesNothing) {
  const std::string command = "cd " + work_.string() + " && CESASIM_HOME=" + home_.path().string() +
                              " exec timeout -s INT 1 " + program_ +
                              " run s.yaml --set seed=15 >stdout 2>stderr";
  (void)!std::system(command.c_str());
  EXPECT_EQ(read_file(work_ / "stderr"),
            "cesasim: interrupted before a point had ended, nothing written\n");
  EXPECT_TRUE(fs::is_empty(work_ / "out/test,seed=15"));
}

// The points of ocf-v3 wait for a file: the run is interrupted once the others have ended.
class InterruptTest : public CliTest {
 protected:
  std::string gate() const { return "FAKE_MACHINE_GATE=" + (work_ / "gate").string(); }
  /// Runs until `lines` points are kept, then sends the signal. Returns code and messages.
  Outcome interrupt(const std::string& arguments, const char* signal, int lines) {
    const std::string script =
        "cd " + work_.string() + "; export CESASIM_HOME=" + home_.path().string() + " " + gate() +
        "; " + program_ + " " + arguments + " --jobs 1 >stdout 2>stderr </dev/null & pid=$!; cd " +
        work_.string() + "; while [ $(cat out/*/partial.jsonl 2>/dev/null | wc -l) -lt " +
        std::to_string(lines) + " ]; do sleep 0.05; done; kill -" + signal +
        " $pid; wait $pid; exit $?";
    const int status = std::system(("sh -c '" + script + "'").c_str());
    return {WEXITSTATUS(status), read_file(work_ / "stdout"), read_file(work_ / "stderr")};
  }
  void open_gate() { write_file(work_ / "gate", ""); }
};

TEST_F(InterruptTest, CtrlCKeepsFinishedPointsAndResumeGoesOn) {
  const Outcome o = interrupt("run s.yaml --set seed=17", "INT", 3);
  EXPECT_EQ(o.code, 130);
  EXPECT_EQ(o.err,
            "cesasim: interrupted; 3 of 10 points are kept in out/test,seed=17/partial.jsonl; to "
            "go on: cesasim run s.yaml --set seed=17 --jobs 1 --resume\n");
  EXPECT_FALSE(fs::exists(work_ / "out/test,seed=17/results.json"));

  open_gate();
  const Outcome resumed = run("run s.yaml --set seed=17 --resume", gate());
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("test: 3 of 10 points were finished, 7 to run\n"));
  EXPECT_FALSE(fs::exists(work_ / "out/test,seed=17/partial.jsonl"));

  EXPECT_EQ(run("run s.yaml --set seed=17 --out whole", gate()).code, 0);
  EXPECT_EQ(comparable(work_ / "out/test,seed=17/results.json").dump(),
            comparable(work_ / "whole/results.json").dump());
}

TEST_F(InterruptTest, SigtermIsTheSame) {
  EXPECT_EQ(interrupt("run s.yaml --set seed=17", "TERM", 3).code, 130);
  EXPECT_TRUE(fs::exists(work_ / "out/test,seed=17/partial.jsonl"));
}

TEST_F(InterruptTest, ADamagedLastLineIsLeftOut) {
  interrupt("run s.yaml --set seed=17", "INT", 3);
  const fs::path partial = work_ / "out/test,seed=17/partial.jsonl";
  std::string text = read_file(partial);
  text.resize(text.size() - 40);
  write_file(partial, text);
  open_gate();
  const Outcome o = run("run s.yaml --set seed=17 --resume", gate());
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("test: 2 of 10 points were finished, 8 to run (a line that was not "
                               "complete is left out)"));
}

TEST_F(InterruptTest, WhatHasChangedRunsAgainAndIsTold) {
  interrupt("run s.yaml --set seed=17 --out out/here", "INT", 3);
  open_gate();
  std::string text = good_study();
  text.replace(text.find("disk: test-disk"), 15, "disk: {preset: test-disk, rpm: 5400}");
  write_file(work_ / "s.yaml", text);
  const Outcome o = run("run s.yaml --set seed=17 --out out/here --resume", gate());
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err,
              HasSubstr("point 'traces/a.csv standard cryptosoft' runs again: its configuration "
                        "has changed"));
  EXPECT_THAT(o.err, HasSubstr("0 of 10 points were finished, 10 to run"));
  EXPECT_EQ(comparable(work_ / "out/here/results.json")["points"][0]["config"]["disk"]["rpm"],
            5400);
}

TEST_F(InterruptTest, AnotherTraceRunsAgain) {
  interrupt("run s.yaml --set seed=17", "INT", 3);
  open_gate();
  write_file(home_.path() / "traces/a.csv", "time_ns,op,sector,bytes\n0,W,8,4096\n");
  const Outcome o = run("run s.yaml --set seed=17 --resume", gate());
  EXPECT_THAT(o.err, HasSubstr("runs again: its trace has changed"));
}

TEST_F(InterruptTest, AnotherStudyIsRefused) {
  interrupt("run s.yaml --set seed=17 --out out/here", "INT", 3);
  std::string text = good_study();
  text.replace(text.find("name: test"), 10, "name: more");
  write_file(work_ / "s.yaml", text);
  const Outcome o = run("run s.yaml --out out/here --resume");
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err,
              HasSubstr("--resume: out/here/partial.jsonl: holds points of study 'test', and this "
                        "is study 'more'"));
}

TEST_F(InterruptTest, WithoutResumeTheRunStartsAnew) {
  interrupt("run s.yaml --set seed=17", "INT", 3);
  open_gate();
  const Outcome o = run("run s.yaml --set seed=17", gate());
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.err, HasSubstr("partial.jsonl of an interrupted run is dropped"));
  EXPECT_EQ(run("run s.yaml --set seed=17 --resume", gate()).code, 0) << "nothing to resume";
}

TEST_F(InterruptTest, OfSeveralStudiesTheFinishedOnesAreTaken) {
  std::string other = good_study();
  other.replace(other.find("name: test"), 10, "name: more");
  other.replace(other.find("  workload:"), 11, "  seed: 17\n  workload:");
  write_file(work_ / "m.yaml", other);
  EXPECT_EQ(interrupt("run s.yaml m.yaml", "INT", 13).code, 130);
  EXPECT_TRUE(fs::exists(work_ / "out/test/results.json"));
  open_gate();
  const Outcome o = run("run s.yaml m.yaml --resume", gate());
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("test: 10 of 10 points were finished"));
  EXPECT_THAT(o.err, HasSubstr("more: 3 of 10 points were finished"));
  for (const char* study : {"test", "more"}) {
    EXPECT_TRUE(fs::exists(work_ / "out" / study / "results.json"));
    EXPECT_FALSE(fs::exists(work_ / "out" / study / "partial.jsonl"));
  }
}

TEST_F(CliTest, ResumeNeedsNoRecordingOfThePoint) {
  EXPECT_EQ(run("run s.yaml --resume --export-image i --set dmcrypt.path=standard --set "
                "workload.trace=traces/a.csv --set ocf.driver=cryptosoft")
                .code,
            2);
}

TEST_F(CliTest, ProgressInLines) {
  const Outcome o = run("run s.yaml --progress --quiet");
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.err, HasSubstr("test: 10/10 points, "));
  EXPECT_EQ(o.err.find('\r'), std::string::npos);
}

TEST_F(CliTest, JunitOfSeveralStudies) {
  std::string other = good_study();
  other.replace(other.find("name: test"), 10, "name: more");
  other.replace(other.find("min: 1.0"), 8, "min: 1.5");
  write_file(work_ / "m.yaml", other);
  EXPECT_EQ(run("run s.yaml m.yaml --quiet --junit j.xml").code, 1);
  const std::string xml = read_file(work_ / "j.xml");
  EXPECT_THAT(xml, HasSubstr("<testsuite name=\"test\" tests=\"11\" failures=\"0\""));
  EXPECT_THAT(xml, HasSubstr("<testsuite name=\"more\" tests=\"11\" failures=\"1\""));
  EXPECT_THAT(xml,
              HasSubstr("sim_seconds relative to the baseline is 1.2, at least 1.5 expected, point "
                        "'traces/a.csv ocf-v1 cryptosoft"));
  const Outcome bad = run("run s.yaml --set seed=15 --junit /nowhere/j.xml");
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("--junit: /nowhere/j.xml"));
}

TEST_F(CliTest, DiffOfTwoRuns) {
  ASSERT_EQ(run("run s.yaml --quiet --out a").code, 0);
  ASSERT_EQ(run("run s.yaml --quiet --out b --set seed=2").code, 0);
  const Outcome same = run("diff a b");
  EXPECT_EQ(same.code, 0) << same.out;
  EXPECT_THAT(same.out, HasSubstr("the same: 0 of "));
  EXPECT_THAT(same.out, HasSubstr("seed")) << "the configuration differs";
  std::string text = read_file(work_ / "b/results.json");
  text.replace(text.find("\"sim_seconds\": 12.0"), 19, "\"sim_seconds\": 12.6");
  write_file(work_ / "c.json", text);
  const Outcome moved = run("diff a c.json");
  EXPECT_EQ(moved.code, 1);
  EXPECT_THAT(moved.out, HasSubstr("+5.000 %"));
  EXPECT_EQ(run("diff a c.json --tolerance sim_seconds=5 --tolerance default=0").code, 0);
  EXPECT_EQ(Json::parse(run("diff a c.json --json").out)["moved"].size(), 1u);
  for (const char* bad : {"diff a", "diff a nowhere", "diff a b --tolerance x", "diff a s.yaml",
                          "diff a b --tolerance sim_second=1"}) {
    EXPECT_EQ(run(bad).code, 2) << bad;
  }
}

TEST_F(CliTest, BaselinesAreWrittenAndUpdated) {
  EXPECT_EQ(run("baseline").code, 2);
  EXPECT_EQ(run("baseline --all").code, 2) << "there is none yet";
  write_file(home_.path() / "studies/test.yaml", good_study());
  const Outcome o = run("baseline test");
  EXPECT_EQ(o.code, 0) << o.err;
  const fs::path file = home_.path() / "studies/baselines/test.json";
  const std::string text = read_file(file);
  EXPECT_THAT(o.out, HasSubstr("studies/baselines/test.json"));
  EXPECT_EQ(run("diff " + file.string() + " out/test").code, 0);
  write_file(file, "old");
  EXPECT_EQ(run("baseline --all").code, 0);
  EXPECT_EQ(read_file(file), text);
  // What fails is nothing to compare with.
  std::string failing = good_study();
  failing.replace(failing.find("min: 1.0"), 8, "min: 1.5");
  write_file(home_.path() / "studies/test.yaml", failing);
  EXPECT_EQ(run("baseline --all").code, 1);
  EXPECT_EQ(read_file(file), text);
}

TEST_F(CliTest, SensitivityIsWritten) {
  const Outcome o =
      run("run s.yaml --set seed=18 --sensitivity --sensitivity-parameters '*.irq_entry' --out o");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("soc.costs.kernel.irq_entry"));
  EXPECT_EQ(Json::parse(read_file(work_ / "o/sensitivity.json"))["parameters"].size(), 1u);
  EXPECT_FALSE(fs::exists(work_ / "o/sensitivity-partial.jsonl"));
  EXPECT_FALSE(fs::exists(work_ / "o/results.json"));
  EXPECT_EQ(run("run s.yaml --sensitivity=most").code, 2);
  EXPECT_EQ(run("run s.yaml --sensitivity-parameters x").code, 2);
  EXPECT_EQ(run("run s.yaml --sensitivity --sensitivity-parameters nothing").code, 2);
  EXPECT_EQ(run("run s.yaml --sensitivity --junit j.xml").code, 2);
}

TEST_F(CliTest, PrintConfigReadsBackAsAStudy) {
  const Outcome o =
      run("run s.yaml --set dmcrypt.path=ocf-v1 --set ocf.driver=cesa_tdma "
          "--set workload.trace=traces/b.csv --print-config");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("# rpm; assumed; "));
  EXPECT_FALSE(fs::exists(work_ / "out"));
  write_file(work_ / "again.yaml", o.out);
  EXPECT_EQ(run("run again.yaml --quiet").code, 0);
  const study::StudyResult r =
      study::study_result_from_json(Json::parse(read_file(work_ / "out/test/results.json")));
  ASSERT_EQ(r.points.size(), 1u);
  EXPECT_EQ(r.points[0].config["ocf"]["driver"], "cesa_tdma");
}

TEST_F(CliTest, Lists) {
  EXPECT_THAT(run("list").out, HasSubstr("test-disk"));
  EXPECT_THAT(run("list paths").out, HasSubstr("ocf-v3"));
  EXPECT_THAT(run("list drivers").out, HasSubstr("cesa_tdma"));
  EXPECT_THAT(run("list metrics").out, HasSubstr("latency_us.p99"));
  EXPECT_THAT(run("list parameters").out, HasSubstr("soc.costs.kernel.irq_entry"));
  EXPECT_THAT(run("list presets").out, HasSubstr("linux-2.6.12"));
  EXPECT_EQ(run("list studies").code, 0);
}

TEST_F(CliTest, TraceInfo) {
  write_file(work_ / "t.csv",
             "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n0,W,0,4096,1,p,,10\n");
  const Outcome text = run("trace info t.csv");
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_FALSE(text.out.empty());
  const Outcome json = run("trace info t.csv --json");
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_TRUE(Json::parse(json.out).is_object());
}

TEST_F(CliTest, HomeIsFoundFromTheCurrentFolder) {
  const std::string command = "cd " + (home_.path() / "traces").string() +
                              " && env -u CESASIM_HOME " + program_ + " list presets >out.txt 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(read_file(home_.path() / "traces/out.txt"), HasSubstr("test-soc"));
}

}  // namespace
}  // namespace cesasim::cli::test
