// SPDX-License-Identifier: Apache-2.0
#include "base/file/atomic_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace cesasim {
namespace {

class AtomicFileTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* base = std::getenv("TEST_TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/atomic.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  std::string read(const fs::path& file) {
    std::ostringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
  }
  std::size_t files() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

TEST_F(AtomicFileTest, WritesAndReplaces) {
  write_file_atomic(folder_ / "a", "one");
  EXPECT_EQ(read(folder_ / "a"), "one");
  write_file_atomic(folder_ / "a", "");
  EXPECT_EQ(read(folder_ / "a"), "");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, AFullDiskLeavesTheOldFileAndNothingElse) {
  write_file_atomic(folder_ / "a", "old");
  // In a child, because the limit cannot be lifted again.
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomic(folder_ / "a", std::string(100000, 'x'));
    } catch (const OutputError& error) {
      const std::string text = error.what();
      ::_exit(text.find("/a: cannot be written: File too large") != std::string::npos ? 7 : 8);
    }
    ::_exit(9);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(read(folder_ / "a"), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, AFolderThatIsNotThere) {
  EXPECT_THROW(write_file_atomic(folder_ / "no" / "a", "x"), OutputError);
}

TEST_F(AtomicFileTest, ATargetThatCannotBeReplacedLeavesNothingBehind) {
  fs::create_directories(folder_ / "a" / "b");
  EXPECT_THROW(write_file_atomic(folder_ / "a", "x"), OutputError);
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, APipeStaysAPipe) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(write_file_atomic(folder_ / "pipe", "x"), OutputError);
  EXPECT_THROW(SparseFile(folder_ / "pipe"), OutputError);
  EXPECT_TRUE(fs::is_fifo(folder_ / "pipe"));
}

TEST_F(AtomicFileTest, AnInputIsKnownByWhateverName) {
  write_file_atomic(folder_ / "in", "x");
  fs::create_symlink("in", folder_ / "link");
  fs::create_hard_link(folder_ / "in", folder_ / "hard");
  for (const char* name : {"in", "./in", "link", "hard"}) {
    EXPECT_THROW(refuse_input(folder_ / name, {folder_ / "in"}), OutputError) << name;
  }
  EXPECT_NO_THROW(refuse_input(folder_ / "out", {folder_ / "in", folder_ / "gone"}));
  EXPECT_NO_THROW(refuse_input("", {folder_ / "in"}));
}

TEST_F(AtomicFileTest, PrepareMakesTheFolderAndLeavesNoProbe) {
  prepare_folder(folder_ / "x" / "y");
  EXPECT_TRUE(fs::is_directory(folder_ / "x" / "y"));
  EXPECT_TRUE(fs::is_empty(folder_ / "x" / "y"));
  prepare_folder(folder_ / "x");
}

TEST_F(AtomicFileTest, PrepareRefusesWhatCannotBeWritten) {
  write_file_atomic(folder_ / "file", "x");
  EXPECT_THROW(prepare_folder(folder_ / "file"), OutputError);
  EXPECT_THROW(prepare_folder(folder_ / "file" / "below"), OutputError);
  EXPECT_THROW(prepare_folder("/proc/cesasim-test"), OutputError);
}

TEST_F(AtomicFileTest, PrepareRefusesAReadOnlyFolder) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  ::chmod(folder_.c_str(), 0500);
  EXPECT_THROW(prepare_folder(folder_), OutputError);
  ::chmod(folder_.c_str(), 0700);
}

TEST_F(AtomicFileTest, ASparseFileHasHolesWhereZerosAre) {
  std::string data(3 << 20, '\0');
  data[0] = 'a';
  data[(1 << 20) + 5000] = 'b';
  data[data.size() - 1] = 'c';
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());
  {
    SparseFile file(folder_ / "a");
    // Pieces that end inside a block, in any order.
    file.write((1 << 20) + 77, bytes + (1 << 20) + 77, data.size() - (1 << 20) - 77);
    file.write(0, bytes, (1 << 20) + 77);
    EXPECT_FALSE(fs::exists(folder_ / "a"));
    file.commit(data.size() + 100);
  }
  EXPECT_TRUE(read(folder_ / "a") == data + std::string(100, '\0'));
  struct stat info;
  ASSERT_EQ(::stat((folder_ / "a").c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, ASparseFileThatIsNotCommittedGoes) {
  write_file_atomic(folder_ / "a", "old");
  {
    SparseFile file(folder_ / "a");
    file.write(0, reinterpret_cast<const std::uint8_t*>("new"), 3);
    EXPECT_EQ(files(), 2u);
  }
  EXPECT_EQ(read(folder_ / "a"), "old");
  EXPECT_EQ(files(), 1u);
  EXPECT_THROW(SparseFile(folder_.string()), OutputError);
  EXPECT_THROW(SparseFile(folder_ / "absent/a"), OutputError);
  EXPECT_THROW(SparseFile("/dev/null"), OutputError);
  EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace cesasim
