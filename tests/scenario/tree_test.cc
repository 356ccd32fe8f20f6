// SPDX-License-Identifier: Apache-2.0
#include "scenario/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text/nearest.h"

namespace cesasim {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Tree yaml(const std::string& text, Layer layer = Layer::scenario) {
  return parse_yaml(text, "f.yaml", layer);
}

std::string error(const std::string& text) {
  try {
    yaml(text);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

TEST(Nearest, FindsSlipsAndLeavesStrangersAlone) {
  EXPECT_EQ(nearest("engnes", {"cores", "engines"}), "engines");
  EXPECT_EQ(nearest("stadnard", {"standard", "ocf-v1"}), "standard");
  EXPECT_EQ(nearest("ocf-v2", {"standard", "ocf-v1", "ocf-v3"}), "ocf-v1");
  EXPECT_EQ(nearest("banana", {"cores", "engines"}), "");
  EXPECT_EQ(nearest("x", {"y"}), "");
  EXPECT_EQ(edit_distance("ab", "ba"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

TEST(Nearest, LongListsAreCut) { EXPECT_EQ(join_names({"a", "b", "c"}, 2), "a, b, ... (1 more)"); }

TEST(Tree, EveryValueKnowsItsLine) {
  const Tree tree = yaml("a: 1\nb:\n  c: x\n  d: [1, 2]\n");
  EXPECT_EQ(tree.find_path("a")->at.str(), "f.yaml:1");
  EXPECT_EQ(tree.find_path("b")->at.line, 2);
  EXPECT_EQ(tree.find_path("b.c")->at.line, 3);
  EXPECT_EQ(tree.find_path("b.d")->items[1].at.line, 4);
  EXPECT_EQ(tree.find_path("b.c.d"), nullptr);
  EXPECT_EQ(tree.find_path("nothing"), nullptr);
}

TEST(Tree, BadYamlIsNamedWithItsLine) {
  EXPECT_EQ(error("a: 1\nb: 2\na: 3\n"), "f.yaml:3: a: given twice (first in line 1)");
  EXPECT_EQ(error("x: {k: 1,\n  k: 2}\n"), "f.yaml:2: x.k: given twice (first in line 1)");
  EXPECT_THAT(error("a: 1\nb: [1, 2\n"), StartsWith("f.yaml:3: not valid YAML: "));
  EXPECT_THAT(error("a: 1\n\tb: 2\n"), StartsWith("f.yaml:2: not valid YAML: "));
  EXPECT_EQ(error("a: 1\n---\nb: 2\n"),
            "f.yaml:2: a second YAML document; valid: one document per file");
  // yaml-cpp reads this as documents of nothing without end.
  EXPECT_EQ(error(",a\n"), "f.yaml:1: a second YAML document; valid: one document per file");
  EXPECT_THAT(error("a: &x [*x]\n"), HasSubstr("alias that contains itself"));
  EXPECT_EQ(error("? [1, 2]\n: 3\n"), "f.yaml:1: a key must be a plain name");
}

TEST(Tree, AnAliasBombIsRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_NE(error(bomb), "");
}

TEST(Tree, AMissingFileIsNamed) {
  try {
    load_yaml("/nowhere/x.yaml", "x.yaml", Layer::scenario);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_STREQ(e.what(), "x.yaml: cannot be read as a file");
  }
  EXPECT_THROW(load_yaml("/tmp", "/tmp", Layer::scenario), ConfigError);
}

TEST(Tree, HigherLayersWinAndTheRestStands) {
  Tree base = yaml("a: {x: 1, y: 2}\nb: 3\n", Layer::preset);
  merge(base, yaml("a: {y: 5, z: 6}\n"));
  EXPECT_EQ(values_json(base).dump(), R"({"a":{"x":1,"y":5,"z":6},"b":3})");
  EXPECT_EQ(base.find_path("a.x")->layer, Layer::preset);
  EXPECT_EQ(base.find_path("a.y")->layer, Layer::scenario);
}

TEST(Tree, AValueKeepsItsUnitAndLosesTheSourceOfTheOneItReplaces) {
  Tree base = yaml("a: 1\n", Layer::preset);
  base.find("a")->unit = "Hz";
  base.find("a")->source = "book";
  merge(base, yaml("a: 2\n"));
  EXPECT_EQ(base.find("a")->unit, "Hz");
  EXPECT_EQ(base.find("a")->source, "");
}

TEST(Tree, ANameAndAMapOfOverridesGoTogetherInEitherOrder) {
  Tree tree = yaml("soc: kirkwood\n");
  set_path(tree, "soc.cores", Tree::scalar("2", {"--set", 0}, Layer::command_line));
  EXPECT_EQ(values_json(tree).dump(), R"({"soc":{"preset":"kirkwood","cores":2}})");
  set_path(tree, "soc", Tree::scalar("armada", {"--set", 0}, Layer::command_line));
  EXPECT_EQ(values_json(tree).dump(), R"({"soc":{"preset":"armada","cores":2}})");
}

TEST(Tree, DottedKeysAreNestedAndCheckedForDoubles) {
  Tree tree = yaml("soc: k\nsoc.cesa.engines: 2\nx: {y.z: 1}\n");
  expand_dotted(tree);
  EXPECT_EQ(values_json(tree).dump(),
            R"({"soc":{"preset":"k","cesa":{"engines":2}},"x":{"y":{"z":1}}})");
  Tree twice = yaml("a: {b: 1}\na.b: 2\n");
  try {
    expand_dotted(twice);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_STREQ(e.what(), "f.yaml:2: a.b: given twice (first in line 1)");
  }
  EXPECT_THROW(set_path(tree, "a..b", *tree.find("x")), ConfigError);
}

TEST(Tree, ScalarsBecomeJsonWithoutLoss) {
  auto json = [](const char* text) { return scalar_json(*yaml(text).find("v")).dump(); };
  EXPECT_EQ(json("v: 12"), "12");
  EXPECT_EQ(json("v: -3"), "-3");
  EXPECT_EQ(json("v: 1.5"), "1.5");
  EXPECT_EQ(json("v: 2e9"), "2000000000.0");
  EXPECT_EQ(json("v: true"), "true");
  EXPECT_EQ(json("v: \"2005\""), "\"2005\"");
  EXPECT_EQ(json("v: 0011223344556677"), "\"0011223344556677\"");
  EXPECT_EQ(json("v: 11112222333344445555"), "\"11112222333344445555\"");
  EXPECT_EQ(json("v: 0"), "0");
  EXPECT_EQ(json("v: 0.5"), "0.5");
  EXPECT_EQ(json("v: nan"), "\"nan\"");
  EXPECT_EQ(json("v: 1e999"), "\"1e999\"");
}

TEST(Tree, SurvivesJsonAndYaml) {
  Tree tree = yaml("a: \"2005\"\nb: {c: x y, d: -5, e: \"q\\\"\\n\"}\nl: [1, two]\nn:\n");
  tree.find("a")->unit = "Hz";
  tree.find("b")->expanded = true;
  const Tree copy = tree_from_json(to_json(tree));
  EXPECT_EQ(to_json(copy).dump(), to_json(tree).dump());
  const Tree again = yaml(to_yaml(tree));
  EXPECT_EQ(values_json(again).dump(), values_json(tree).dump());
}

TEST(Tree, SetPathThroughADeepNewPath) {
  Tree tree;
  set_path(tree, "a.b.c", Tree::scalar("1", {"--set", 0}, Layer::command_line));
  EXPECT_EQ(values_json(tree).dump(), R"({"a":{"b":{"c":1}}})");
}

}  // namespace
}  // namespace cesasim
