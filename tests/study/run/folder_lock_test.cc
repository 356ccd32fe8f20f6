// SPDX-License-Identifier: Apache-2.0
#include "study/run/folder_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text/json.h"
#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

namespace fs = std::filesystem;

std::string refusal(const fs::path& folder) {
  try {
    const FolderLock lock(folder.string(), "second");
  } catch (const FolderInUse& error) {
    return error.what();
  }
  return "";
}

TEST(FolderLock, OneRunAtATime) {
  const fs::path folder = fresh_folder("lock");
  {
    const FolderLock lock(folder.string(), "cesasim run first");
    const std::string why = refusal(folder);
    EXPECT_NE(why.find("another run writes there: process " + std::to_string(::getpid())),
              std::string::npos)
        << why;
    EXPECT_NE(why.find("(cesasim run first)"), std::string::npos) << why;
    EXPECT_NE(refusal(folder), "") << "a refusal takes nothing away";
  }
  EXPECT_TRUE(fs::is_empty(folder)) << "nothing is left behind";
  EXPECT_EQ(refusal(folder), "");
}

/// Of this host a process that has ended is known to have ended.
TEST(FolderLock, WhatADeadProcessLeftIsTakenOver) {
  const fs::path folder = fresh_folder("dead");
  const pid_t child = ::fork();
  if (child == 0) {
    FolderLock lock(folder.string(), "dies");
    ::_exit(0);  // without the destructor
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(fs::exists(folder / "lock"));
  const std::string left = read_file(folder / "lock");
  EXPECT_EQ(refusal(folder), "");

  // The number is another process's by now.
  Json json = Json::parse(left);
  json["process"] = ::getpid();
  write_file(folder / "lock", json.dump());
  EXPECT_EQ(refusal(folder), "");

  // Of another host nothing can be known.
  json = Json::parse(left);
  json["host"] = "somewhere-else";
  write_file(folder / "lock", json.dump());
  const std::string why = refusal(folder);
  EXPECT_NE(why.find("on somewhere-else"), std::string::npos) << why;
  EXPECT_NE(why.find("if it no longer runs, remove " + (folder / "lock").string()),
            std::string::npos)
      << why;
}

TEST(FolderLock, AFileOfSomethingElse) {
  const fs::path folder = fresh_folder("other");
  for (const char* text : {"", "12", "{}", "{\"host\": 5}"}) {
    write_file(folder / "lock", text);
    EXPECT_NE(refusal(folder).find("which no run of this program wrote"), std::string::npos)
        << text;
    EXPECT_EQ(read_file(folder / "lock"), text);
  }
}

}  // namespace
}  // namespace cesasim::study::test
