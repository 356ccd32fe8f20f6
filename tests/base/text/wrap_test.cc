// SPDX-License-Identifier: Apache-2.0
#include "base/text/wrap.h"

#include <gtest/gtest.h>

namespace cesasim {
namespace {

using Lines = std::vector<std::string>;

TEST(Wrap, BreaksBetweenWordsOnly) {
  EXPECT_EQ(wrap_words("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(wrap_words("one two three", 6), (Lines{"one", "two", "three"}));
  EXPECT_EQ(wrap_words("a incomprehensible b", 5), (Lines{"a", "incomprehensible", "b"}));
  EXPECT_EQ(wrap_words("ok    it", 8), (Lines{"ok    it"})) << "spaces within a line stay";
  EXPECT_EQ(wrap_words("", 8), (Lines{""}));
}

TEST(Wrap, AColumnIsACharacterAndNoByte) {
  EXPECT_EQ(text_width("\xc3\xa4\xe2\x82\xac"), 2u);
  EXPECT_EQ(wrap_words("\xc3\xa4\xc3\xa4 \xc3\xa4\xc3\xa4", 5).size(), 1u);
}

TEST(Wrap, LinesAreFoldedUnderTheirIndent) {
  EXPECT_EQ(fold_lines("  aaaa bbbb cccc dddd eeee ffff\nshort\n", 24, 3),
            "  aaaa bbbb cccc dddd\n     eeee ffff\nshort\n");
  EXPECT_EQ(fold_lines("a b c", 0, 2), "a b c") << "0 is no limit";
}

TEST(Wrap, NamesWithTexts) {
  EXPECT_EQ(name_and_text("--a", "one two three four five six", 6, 26),
            "--a   one two three four\n      five six\n");
  EXPECT_EQ(name_and_text("--long", "text", 6, 26), "--long\n      text\n");
  EXPECT_EQ(name_and_text("--a", "", 6, 26), "--a\n");
  EXPECT_EQ(name_and_text("--a", "one\ntwo", 6, 0), "--a   one\n      two\n");
}

TEST(Wrap, CutWithAMark) {
  EXPECT_EQ(cut_to("0123456789", 10), "0123456789");
  EXPECT_EQ(cut_to("0123456789", 8), "01234...");
  EXPECT_EQ(cut_to("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 4), "\xc3\xa4...");
  EXPECT_EQ(cut_to("0123456789", 0), "0123456789");
}

}  // namespace
}  // namespace cesasim
