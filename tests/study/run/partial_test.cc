// SPDX-License-Identifier: Apache-2.0
#include "study/run/partial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::study::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Point make_point(int seed, const std::string& trace = "") {
  Point p;
  p.axes = {{"seed", seed}};
  p.tree = parse_yaml("seed: " + std::to_string(seed), "t.yaml", Layer::scenario);
  p.scenario.workload.trace_file = trace;
  return p;
}

PointResult make_result(const Point& point) {
  PointResult r;
  r.axes = point.axes;
  r.metrics = {{"sim_seconds", 1.0 / 3}};
  r.config = values_json(point.tree);
  return r;
}

TEST(Identity, DependsOnConfigurationAndTraceContent) {
  const fs::path folder = fresh_folder("identity");
  write_file(folder / "a", "one");
  write_file(folder / "b", "one");
  write_file(folder / "c", "two");
  Identifier id;
  const PointIdentity a = id.of(make_point(1, folder / "a"));
  EXPECT_EQ(a, id.of(make_point(1, folder / "b")));
  EXPECT_NE(a, id.of(make_point(1, folder / "c")));
  EXPECT_NE(a, id.of(make_point(2, folder / "a")));
  EXPECT_NE(a, id.of(make_point(1)));
  EXPECT_THROW(id.of(make_point(1, folder / "none")), std::system_error);
  // A trace of several processors is all of its files, whichever is named.
  write_file(folder / "t.blktrace.0", "one");
  write_file(folder / "t.blktrace.1", "two");
  const PointIdentity both = id.of(make_point(1, folder / "t.blktrace.0"));
  EXPECT_EQ(both, id.of(make_point(1, folder / "t.blktrace.1")));
  EXPECT_EQ(both, id.of(make_point(1, folder / "t")));
  write_file(folder / "t.blktrace.1", "three");
  EXPECT_NE(both, Identifier().of(make_point(1, folder / "t.blktrace.0")));
  // The sum of "one" as sha256sum prints it.
  EXPECT_EQ(a.trace, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
}

TEST(Partial, KeepsWhatWasAppendedInWhateverOrder) {
  const fs::path folder = fresh_folder("partial");
  const std::string file = folder / "partial.jsonl";
  Identifier id;
  PartialResults out(file, "s");
  EXPECT_FALSE(out.exists());
  out.start({});
  EXPECT_FALSE(out.exists()) << "nothing to keep, no file";
  for (int seed : {3, 1}) {
    EXPECT_TRUE(out.append(id.of(make_point(seed)), make_result(make_point(seed))));
  }
  PartialResults in(file, "s");
  in.load();
  std::string why;
  for (int seed : {1, 3}) {
    const auto r = in.take(make_point(seed), id.of(make_point(seed)), why);
    ASSERT_TRUE(r.has_value());
    EXPECT_EQ(to_json(*r).dump(), to_json(make_result(make_point(seed))).dump());
  }
  EXPECT_FALSE(in.take(make_point(2), id.of(make_point(2)), why).has_value());
  EXPECT_EQ(why, "");
  PointIdentity other = id.of(make_point(1));
  other.program = "0.0.0";
  EXPECT_FALSE(in.take(make_point(1), other, why).has_value());
  EXPECT_EQ(why, "the program has changed");
  in.remove();
  EXPECT_FALSE(in.exists());
}

TEST(Partial, DamagedLinesAreCounted) {
  const fs::path folder = fresh_folder("damaged");
  const std::string file = folder / "partial.jsonl";
  Identifier id;
  PartialResults out(file, "s");
  out.append(id.of(make_point(1)), make_result(make_point(1)));
  const std::string line = read_file(file);
  for (std::size_t length = 0; length + 1 < line.size(); ++length) {
    write_file(file, line + line.substr(0, length));
    PartialResults in(file, "s");
    in.load();
    EXPECT_EQ(in.damaged(), length == 0 ? 0u : 1u) << length;
    std::string why;
    EXPECT_TRUE(in.take(make_point(1), id.of(make_point(1)), why).has_value());
  }
}

TEST(Partial, OtherStudiesAndFilesAreRefused) {
  const fs::path folder = fresh_folder("other");
  const std::string file = folder / "partial.jsonl";
  Identifier id;
  PartialResults("x" + file, "s");  // only names it
  PartialResults(file, "s").append(id.of(make_point(1)), make_result(make_point(1)));
  PartialResults other(file, "t");
  EXPECT_THROW(other.load(), ResumeError);
  PartialResults none(folder / "nothing", "s");
  EXPECT_THROW(none.load(), ResumeError);
}

TEST(Partial, ResultsOfAnotherVersionAreRefused) {
  const fs::path folder = fresh_folder("version");
  const std::string file = folder / "partial.jsonl";
  Identifier id;
  PartialResults(file, "s").append(id.of(make_point(1)), make_result(make_point(1)));
  const Json line = Json::parse(read_file(file));
  const auto message = [&](const Json& changed) -> std::string {
    write_file(file, changed.dump() + "\n");
    try {
      PartialResults(file, "s").load();
    } catch (const ResumeError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(line), "");
  Json version = line;
  version["version"] = "0.0.1";
  EXPECT_THAT(message(version), AllOf(HasSubstr("written by cesasim 0.0.1 (cesasim-partial-"),
                                      HasSubstr("run without --resume to start again")));
  Json schema = line;
  schema["schema"] = "cesasim-partial-1";
  EXPECT_THAT(message(schema), HasSubstr("(cesasim-partial-1), and this is "));
  Json before = schema;  // lines had no version then
  before.erase("version");
  EXPECT_THAT(message(before), HasSubstr("written by an older cesasim (cesasim-partial-1)"));
}

TEST(Partial, APlaceThatCannotBeWritten) {
  PartialResults out("/nowhere/partial.jsonl", "s");
  Identifier id;
  EXPECT_FALSE(out.append(id.of(make_point(1)), make_result(make_point(1))));
}

}  // namespace
}  // namespace cesasim::study::test
