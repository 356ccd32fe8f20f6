// SPDX-License-Identifier: Apache-2.0
#include "base/file/fingerprint.h"

#include <gtest/gtest.h>

#include <system_error>

#include "base/file/files.h"

namespace cesasim {
namespace {

// The digest of "abc" is FIPS 180-2's example.
TEST(Fingerprint, AFileIsItsSha256) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a", "abc");
  EXPECT_EQ(file_fingerprint(folder.path() / "a"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  write_file(folder.path() / "empty", "");
  EXPECT_EQ(file_fingerprint(folder.path() / "empty"),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_THROW(file_fingerprint(folder.path() / "none"), std::system_error);
  EXPECT_THROW(file_fingerprint(folder.path()), std::system_error);
}

TEST(Fingerprint, WhereOneTextEndsCounts) {
  const auto of = [](std::initializer_list<const char*> texts) {
    Fingerprint print;
    for (const char* text : texts) print.add(text);
    return print.hex();
  };
  EXPECT_EQ(of({"ab", "c"}), of({"ab", "c"}));
  EXPECT_NE(of({"ab", "c"}), of({"a", "bc"}));
  EXPECT_NE(of({"abc"}), of({"abc", ""}));
  EXPECT_EQ(of({}).size(), 64u);
  Fingerprint print;
  EXPECT_EQ(print.hex(16).size(), 16u);
}

}  // namespace
}  // namespace cesasim
