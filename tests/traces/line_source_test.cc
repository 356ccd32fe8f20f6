// SPDX-License-Identifier: Apache-2.0
#include "traces/line_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/traces/files.h"

namespace cesasim::traces {
namespace {

using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& path) {
  LineSource source(path);
  std::vector<std::string> lines;
  std::string_view line;
  while (source.next(line)) lines.emplace_back(line);
  return lines;
}

template <class Body>
std::string error_of(Body body) {
  try {
    body();
  } catch (const TraceError& error) {
    return error.what();
  }
  return "no error";
}

/// Text that does not compress to nothing, so that a cut file really misses lines.
std::string long_text() {
  std::string text;
  std::uint32_t x = 1;
  for (int i = 0; i < 200000; ++i) {
    x = x * 1664525 + 1013904223;
    text += std::to_string(x) + (i % 3 == 0 ? "\r\n" : "\n");
  }
  return text;
}

TEST(LineSource, SplitsLinesWithAndWithoutFinalNewline) {
  EXPECT_THAT(lines_of(write_file("a", "one\ntwo\r\n\nfour")),
              testing::ElementsAre("one", "two", "", "four"));
  EXPECT_THAT(lines_of(write_file("a", "one\n")), testing::ElementsAre("one"));
  EXPECT_THAT(lines_of(write_file("a", "")), testing::IsEmpty());
}

TEST(LineSource, SameLinesWhateverTheEncoding) {
  const std::string text = long_text();
  const auto plain = lines_of(write_file("plain", text));
  EXPECT_EQ(plain.size(), 200000u);
  EXPECT_EQ(plain, lines_of(write_file("gz", gzip_of(text))));
  EXPECT_EQ(plain, lines_of(write_file("zst", zstd_of(text))));
  EXPECT_STREQ(LineSource(scratch_path("gz")).encoding(), "gzip");
  EXPECT_STREQ(LineSource(scratch_path("zst")).encoding(), "zstd");
}

TEST(LineSource, JoinsConcatenatedStreams) {
  EXPECT_THAT(lines_of(write_file("gz", gzip_of("a\nb") + gzip_of("c\n"))),
              testing::ElementsAre("a", "bc"));
  EXPECT_THAT(lines_of(write_file("zst", zstd_of("a\nb") + zstd_of("c\n"))),
              testing::ElementsAre("a", "bc"));
}

TEST(LineSource, EmptyCompressedFileHasNoLines) {
  EXPECT_THAT(lines_of(write_file("gz", gzip_of(""))), testing::IsEmpty());
  EXPECT_THAT(lines_of(write_file("zst", zstd_of(""))), testing::IsEmpty());
}

TEST(LineSource, EveryTruncationOfASmallStreamIsAnError) {
  for (const bool zstd : {false, true}) {
    const std::string whole = zstd ? zstd_of("some text\nmore\n") : gzip_of("some text\nmore\n");
    for (std::size_t n = 4; n < whole.size(); ++n) {
      const std::string path = write_file("cut", whole.substr(0, n));
      EXPECT_THAT(error_of([&] { lines_of(path); }), HasSubstr("cut: ")) << n << " " << zstd;
    }
  }
}

TEST(LineSource, TruncatedLongStreamsAreErrors) {
  const std::string text = long_text();
  for (const std::string& whole : {gzip_of(text), zstd_of(text)}) {
    const std::string path = write_file("cut", whole.substr(0, whole.size() / 2));
    EXPECT_THAT(error_of([&] { lines_of(path); }), HasSubstr("stream is cut short"));
  }
}

TEST(LineSource, CorruptStreamsAreErrors) {
  const std::string text = long_text();
  std::string gz = gzip_of(text);
  gz[gz.size() - 6] ^= 1;  // the checksum
  EXPECT_THAT(error_of([&] { lines_of(write_file("bad", gz)); }),
              HasSubstr("gzip stream is corrupt"));
  EXPECT_THAT(error_of([&] { lines_of(write_file("bad", gzip_of(text) + "junk")); }),
              HasSubstr("gzip stream is corrupt"));
  std::string zst = zstd_of(text);
  zst.replace(40, 200, 200, '\xff');
  EXPECT_THAT(error_of([&] { lines_of(write_file("bad", zst)); }),
              HasSubstr("zstd stream is corrupt"));
}

TEST(LineSource, UnreadableFilesAreErrors) {
  EXPECT_THAT(error_of([] { lines_of("/no/such/file"); }),
              HasSubstr("/no/such/file: cannot open: No such file"));
  EXPECT_THAT(error_of([] { lines_of("/"); }), HasSubstr("/: cannot read: Is a directory"));
}

TEST(LineSource, OverlongLineIsAnErrorWithItsNumber) {
  const std::string longest(LineSource::kMaxLine, 'x');
  EXPECT_EQ(lines_of(write_file("ok", "a\n" + longest + "\r\nb\n")).at(1), longest);
  const std::string path = write_file("long", "a\n" + longest + "x\nb\n");
  EXPECT_EQ(error_of([&] { lines_of(path); }), path + ":2: line is longer than 65536 bytes");
  const std::string endless = write_file("endless", std::string(3 << 20, 'x'));
  EXPECT_EQ(error_of([&] { lines_of(endless); }), endless + ":1: line is longer than 65536 bytes");
}

TEST(PeekSource, DeliversWhatWasLookedAtAgain) {
  const std::string text = long_text();
  for (const std::size_t looked : {std::size_t{1}, std::size_t{4096}, text.size() + 1}) {
    PeekSource source(open_bytes(write_file("gz", gzip_of(text))), looked);
    EXPECT_EQ(source.head(), std::string_view(text).substr(0, looked));
    EXPECT_STREQ(source.encoding(), "gzip");
    std::string got;
    char buffer[1000];
    while (const std::size_t n = source.read(buffer, sizeof buffer)) got.append(buffer, n);
    EXPECT_TRUE(got == text) << looked;
  }
}

}  // namespace
}  // namespace cesasim::traces
