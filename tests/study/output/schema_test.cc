// SPDX-License-Identifier: Apache-2.0
// The JSON Schemas against the shipped studies, by a validator that is not ours.
#include "study/output/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "scenario/tree.h"
#include "study/matrix/study.h"
#include "study/result/result.h"
#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::study::test {
namespace {

using testing::StartsWith;

class SchemaTest : public testing::Test {
 protected:
  /// Whether python3-jsonschema finds `document` valid; what it says goes to `said_`.
  bool valid(const Json& document, const char* schema) {
    write_file(work_ / "document.json", document.dump());
    const std::string command = "python3 -W ignore -m jsonschema -i " +
                                (work_ / "document.json").string() + " studies/schema/" + schema +
                                " >" + (work_ / "said").string() + " 2>&1";
    const int status = std::system(command.c_str());
    said_ = read_file(work_ / "said");
    EXPECT_EQ(said_.find("No module named"), std::string::npos) << "install python3-jsonschema";
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  bool valid_study(const std::string& yaml) {
    return valid(values_json(parse_yaml(yaml, "s.yaml", Layer::scenario)), "study.json");
  }
  fs::path work_ = fresh_folder("schema");
  std::string said_;
};

// Made by `cesasim list study-schema` and `cesasim list results-schema`.
TEST_F(SchemaTest, TheFilesAreWhatTheProgramPrints) {
  EXPECT_EQ(read_file("studies/schema/study.json"), study_schema().dump(1) + "\n");
  EXPECT_EQ(read_file("studies/schema/results.json"), results_schema().dump(1) + "\n");
}

TEST_F(SchemaTest, EveryShippedStudyIsValidAndNamesTheSchema) {
  std::size_t studies = 0;
  for (const auto& entry : fs::directory_iterator("studies")) {
    if (entry.path().extension() != ".yaml") continue;
    ++studies;
    const std::string text = read_file(entry.path());
    EXPECT_THAT(text, StartsWith("# yaml-language-server: $schema=schema/study.json\n"))
        << entry.path();
    EXPECT_TRUE(valid_study(text)) << entry.path() << said_;
  }
  EXPECT_GT(studies, 5u);
}

TEST_F(SchemaTest, SlipsAreFound) {
  const std::string head = "name: x\nscenario:\n  soc: k\n  disk: d\n";
  for (const char* good :
       {"", "  soc.cores: 2\n", "  ocf: {policy: 2005}\n", "  ocf.policy: \"2005\"\n",
        "  faults: {a: {kind: disk_short, nth: 1}}\n", "  faults.a.kind: disk_short\n",
        "  workload: {user: {preset: p, mkfs: {user_cycles_per_bio: 1}}}\n",
        "  workload.user.mkfs.user_cycles_per_bio: 1\n",
        "axes:\n  board: {one: {soc.cores: 1}, two: {soc.cores: 2}}\n"}) {
    EXPECT_TRUE(valid_study(head + good)) << good << said_;
  }
  for (const char* bad :
       {"  sok: k\n", "  soc.cores: 20\n", "  soc.cores: many\n", "  soc.cores: 1.5\n",
        "  ocf: {policy: 2007}\n", "  faults: {a: {kind: fire}}\n", "  faults.a.kin: disk_short\n",
        "  workload: {user: {mkfs: {user_cycles: 1}}}\n", "axis: {}\n", "axes: {soc.cores: []}\n",
        "axes: {soc.cores: [many]}\n", "expect:\n  - {name: n, metric: nothing, max: 1}\n"}) {
    EXPECT_FALSE(valid_study(head + bad)) << bad;
  }
  EXPECT_FALSE(valid_study("scenario: {}\n"));
}

TEST_F(SchemaTest, ResultsAreValid) {
  StudyResult r;
  r.study = "s";
  r.version = "1";
  r.build = "v1-2-gabc";
  r.overrides = {"soc.cores=2"};
  r.baseline = {{"dmcrypt.path", "standard"}};
  PointResult point;
  point.axes = {{"dmcrypt.path", "standard"}, {"soc.cores", 2}};
  point.status = Status::broken;
  point.error = "why";
  point.metrics = {{"sim_seconds", 1.5}};
  point.phases = {{"all", {{"sim_seconds", 1.5}}}};
  point.integrity = {{"lost_requests", 1}};
  point.faults = {{"f", "disk_short", 3, 1}};
  point.broken_guarantees = {"g"};
  point.notes = {"n"};
  point.config = {{"seed", 1}};
  r.points = {point};
  ExpectationResult judged, unchecked;
  judged.name = "a";
  judged.metric = "sim_seconds";
  judged.ok = true;
  judged.value = judged.min = 1;
  judged.relative = true;
  judged.relative_to = "the baseline";
  judged.published = Published{1, 2, true, "a book", "a note"};
  unchecked.name = "b";
  unchecked.metric = "mb_per_s";
  unchecked.note = "no point";
  r.expectations = {judged, unchecked};
  Json json = to_json(r);
  EXPECT_TRUE(valid(json, "results.json")) << said_;
  json["points"][0]["state"] = "ok";
  EXPECT_FALSE(valid(json, "results.json"));
  json = to_json(r);
  json["schema"] = "cesasim-results-0";
  EXPECT_FALSE(valid(json, "results.json"));
}

}  // namespace
}  // namespace cesasim::study::test
