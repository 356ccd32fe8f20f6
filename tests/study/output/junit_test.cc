// SPDX-License-Identifier: Apache-2.0
#include "study/output/junit.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <stdexcept>

namespace cesasim::study::test {
namespace {

struct Element {
  std::string name, text;
  std::map<std::string, std::string> attributes;
  std::vector<std::unique_ptr<Element>> children;

  std::vector<const Element*> all(const std::string& wanted) const {
    std::vector<const Element*> out;
    for (const auto& child : children) {
      if (child->name == wanted) out.push_back(child.get());
      for (const Element* e : child->all(wanted)) out.push_back(e);
    }
    return out;
  }
};

/// As much of XML as the output uses, strictly: whatever is not well formed throws.
class XmlParser {
 public:
  explicit XmlParser(std::string text) : text_(std::move(text)) {}

  std::unique_ptr<Element> parse() {
    expect("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    space();
    auto root = element();
    space();
    if (at_ != text_.size()) fail("text after the root");
    return root;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(why + " at: " + text_.substr(at_, 60));
  }
  char peek() const {
    if (at_ >= text_.size()) throw std::runtime_error("ends too early");
    return text_[at_];
  }
  void expect(const std::string& what) {
    if (text_.compare(at_, what.size(), what) != 0) fail("no " + what);
    at_ += what.size();
  }
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  std::string name() {
    const std::size_t start = at_;
    while (std::isalnum(static_cast<unsigned char>(peek())) != 0) ++at_;
    if (at_ == start) fail("no name");
    return text_.substr(start, at_ - start);
  }
  /// Characters up to `end`, references resolved.
  std::string characters(char end) {
    static const std::map<std::string, std::string> kEntities = {
        {"amp", "&"},  {"lt", "<"},  {"gt", ">"},  {"quot", "\""},
        {"#10", "\n"}, {"#9", "\t"}, {"#13", "\r"}};
    std::string out;
    while (peek() != end) {
      const char c = peek();
      if (c == '<' || (static_cast<unsigned char>(c) < 0x20 && c != '\n')) fail("bad character");
      if (c == '&') {
        const std::size_t stop = text_.find(';', at_);
        if (stop == std::string::npos) fail("unended reference");
        out += kEntities.at(text_.substr(at_ + 1, stop - at_ - 1));
        at_ = stop + 1;
      } else {
        out += c;
        ++at_;
      }
    }
    return out;
  }
  std::unique_ptr<Element> element() {
    auto out = std::make_unique<Element>();
    expect("<");
    out->name = name();
    for (;;) {
      const std::size_t before = at_;
      space();
      if (text_.compare(at_, 2, "/>") == 0) {
        at_ += 2;
        return out;
      }
      if (peek() == '>') break;
      if (before == at_) fail("no space before an attribute");
      const std::string key = name();
      expect("=\"");
      const std::string value = characters('"');
      expect("\"");
      if (!out->attributes.emplace(key, value).second) fail("an attribute twice");
    }
    expect(">");
    for (;;) {
      out->text += characters('<');
      if (text_.compare(at_, 2, "</") == 0) {
        expect("</" + out->name + ">");
        return out;
      }
      out->children.push_back(element());
    }
  }

  std::string text_;
  std::size_t at_ = 0;
};

StudyResult sample() {
  StudyResult r;
  r.study = "s";
  r.version = "0.1.0";
  r.overrides = {"a=\"<&>\""};
  PointResult ok, failed, broken, tolerated;
  ok.axes = {{"driver", "a & <b> \"c\""}};
  ok.metrics = {{"host_seconds", 1.5}};
  failed.axes = {{"driver", "f"}};
  failed.status = Status::failed;
  failed.error = std::string("died\n\x01 <x>") + '\0' + "\xff \xc3\xa4 \xed\xa0\x80";
  broken.axes = {{"driver", "b"}};
  broken.status = Status::broken;
  broken.error = "integrity broken";
  broken.broken_guarantees = {"1 request never ended"};
  tolerated = broken;
  tolerated.config = {{"on_broken", "report"}};
  r.points = {ok, failed, broken, tolerated};
  ExpectationResult good, bad, unknown;
  good.name = "holds";
  good.ok = true;
  bad.name = "it <costs> & \"pays\"";
  bad.ok = false;
  bad.value = 0.98;
  bad.min = 1.03;
  bad.max = 1.2;
  bad.metric = "sim_seconds";
  bad.phase = "mkfs";
  bad.relative = true;
  bad.relative_to = "the baseline";
  bad.point = "ocf-v3 cryptosoft";
  unknown.name = "not seen";
  unknown.note = "not checked: no point of this run matches";
  r.expectations = {good, bad, unknown};
  return r;
}

TEST(Junit, PointsAndExpectationsAreCases) {
  const auto root = XmlParser(to_junit({sample(), sample()})).parse();
  EXPECT_EQ(root->name, "testsuites");
  EXPECT_EQ(root->attributes["tests"], "14");
  const auto suites = root->all("testsuite");
  ASSERT_EQ(suites.size(), 2u);
  auto attributes = suites[0]->attributes;
  EXPECT_EQ(attributes["name"], "s");
  EXPECT_EQ(attributes["tests"], "7");
  EXPECT_EQ(attributes["failures"], "2");
  EXPECT_EQ(attributes["errors"], "1");
  EXPECT_EQ(attributes["skipped"], "1");
  EXPECT_EQ(attributes["time"], "1.500");
  EXPECT_EQ(suites[0]->all("testcase").size(), 7u);
  EXPECT_EQ(suites[0]->all("failure").size(), 2u);
  EXPECT_EQ(suites[0]->all("error").size(), 1u);
  EXPECT_EQ(suites[0]->all("skipped").size(), 1u);
}

TEST(Junit, NamesAndTextsComeThroughUnchanged) {
  const auto root = XmlParser(to_junit({sample()})).parse();
  const auto cases = root->all("testcase");
  EXPECT_EQ(cases[0]->attributes.at("name"), "a & <b> \"c\"");
  EXPECT_EQ(cases[0]->attributes.at("classname"), "s.points");
  EXPECT_EQ(root->all("error")[0]->attributes.at("message"), "died\n? <x>?? \xc3\xa4 ???");
  EXPECT_EQ(root->all("failure")[0]->text, "integrity broken\n1 request never ended");
  EXPECT_EQ(root->all("property")[1]->attributes.at("value"), "a=\"<&>\"");
}

TEST(Junit, AFailureTellsValueBoundAndPoint) {
  const auto root = XmlParser(to_junit({sample()})).parse();
  EXPECT_EQ(root->all("failure")[1]->attributes.at("message"),
            "sim_seconds in phase mkfs relative to the baseline is 0.98, at least 1.03 expected, "
            "at most 1.2 expected, point 'ocf-v3 cryptosoft'");
}

/// Off its aim but tolerated: a passed case that says so.
TEST(Junit, AMissedAimIsAPropertyOfAPassedCase) {
  StudyResult r;
  ExpectationResult e;
  e.name = "row";
  e.ok = true;
  e.value = 148.2;
  e.published = Published{100, 15, false, "site", "", 60, "it <polls>"};
  r.expectations = {e};
  const auto root = XmlParser(to_junit({r})).parse();
  EXPECT_EQ(root->attributes["failures"], "0");
  const auto cases = root->all("testcase");
  ASSERT_EQ(cases.size(), 1u);
  const auto properties = cases[0]->all("property");
  ASSERT_EQ(properties.size(), 1u);
  EXPECT_EQ(properties[0]->attributes.at("name"), "misses_aim");
  EXPECT_EQ(properties[0]->attributes.at("value"),
            "48.2 % off the published 100, aim 15 %, tolerated to 60 %: it <polls>");
}

TEST(Junit, Nothing) { EXPECT_EQ(XmlParser(to_junit({})).parse()->attributes["tests"], "0"); }

}  // namespace
}  // namespace cesasim::study::test
