// SPDX-License-Identifier: Apache-2.0
#include "base/text/junit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cesasim {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Junit, OutcomesTimesAndCounts) {
  const std::string xml = to_junit(
      {{"s",
        {{"version", "1<2"}},
        {{.group = "g", .name = "good", .ok = true, .seconds = 1.5},
         {.group = "g", .name = "bad", .message = "a<b", .type = "expectation", .seconds = 0.25},
         {.group = "g", .name = "died", .message = "m", .kind = TestCase::Kind::error},
         {.group = "g", .name = "not run", .message = "m", .kind = TestCase::Kind::skipped}}},
       {"empty", {}, {}}});
  EXPECT_THAT(
      xml,
      AllOf(HasSubstr("<testsuites name=\"cesasim\" tests=\"4\" failures=\"1\" errors=\"1\" "
                      "skipped=\"1\" time=\"1.750\">"),
            HasSubstr("<testsuite name=\"s\" tests=\"4\" failures=\"1\" errors=\"1\""),
            HasSubstr("<testsuite name=\"empty\" tests=\"0\""),
            HasSubstr("<property name=\"version\" value=\"1&lt;2\"/>"),
            HasSubstr("<testcase classname=\"g\" name=\"good\" time=\"1.500\"/>"),
            HasSubstr("<failure type=\"expectation\" message=\"a&lt;b\">a&lt;b</failure>"),
            HasSubstr("<error message=\"m\">m</error>"), HasSubstr("<skipped message=\"m\"/>")));
}

TEST(Junit, WhatXmlCannotHold) {
  const auto message = [](const std::string& text) {
    const std::string xml = to_junit({{"s", {}, {{.group = "g", .name = text, .ok = true}}}});
    const std::string mark = "classname=\"g\" name=\"";
    const std::size_t from = xml.find(mark) + mark.size();
    return xml.substr(from, xml.find("\" time", from) - from);
  };
  EXPECT_EQ(message("a<b> & \"c\"\n\t"), "a&lt;b&gt; &amp; &quot;c&quot;&#10;&#9;");
  EXPECT_EQ(message("\x01\x1f"), "??");
  EXPECT_EQ(message("\xc3\xa4 \xff \xed\xa0\x80"), "\xc3\xa4 ? ???");
}

TEST(Junit, ARunThatDidNotEnd) {
  EXPECT_THAT(unfinished_junit("s"),
              AllOf(HasSubstr("errors=\"1\""), HasSubstr("the run did not come to its end")));
}

}  // namespace
}  // namespace cesasim
