// SPDX-License-Identifier: Apache-2.0
// The patches for copies of the stock driver, without a kernel: that they fit, one by one, and that
// one that does not is refused by name.
#include "cosim/host/edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "base/file/files.h"
#include "cosim/host/expectations.h"

namespace cesasim::cosim {
namespace {

using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

const char* const kDriver = "external/marvell_cesa_driver";
const char* const kFiles[] = {"cesa.c", "cesa.h", "cipher.c", "hash.c", "tdma.c"};

/// A copy of the stock driver's sources.
class Copy {
 public:
  Copy() {
    for (const char* file : kFiles) fs::copy_file(fs::path(kDriver) / file, path() / file);
  }
  fs::path path() const { return folder_.path(); }
  void apply(const fs::path& edit) const { apply_edit(edit, path(), "the copy"); }
  std::string text() const {
    std::string all;
    for (const char* file : kFiles) all += read_file(path() / file);
    return all;
  }

 private:
  TemporaryFolder folder_;
};

std::string refusal(const Copy& copy, const fs::path& edit) {
  try {
    copy.apply(edit);
  } catch (const EditError& error) {
    return error.what();
  }
  return "";
}

class Edits : public testing::Test {
 protected:
  void SetUp() override {
    if (find_program("patch").empty()) GTEST_SKIP() << "no 'patch'";
  }
};

TEST_F(Edits, EachMendFitsTheStockDriverOnce) {
  const auto mends = edits_in(".", "mends");
  EXPECT_EQ(mends.size(), 3u);
  for (const fs::path& mend : mends) {
    const Copy copy;
    const std::string before = copy.text();
    copy.apply(mend);
    EXPECT_NE(copy.text(), before) << mend;
    const std::string why = refusal(copy, mend);
    EXPECT_THAT(why, HasSubstr(mend.filename().string()));
    EXPECT_THAT(why, HasSubstr("does not fit the sources in 'the copy'"));
  }
}

TEST_F(Edits, EachMutantFitsTheMendedDriverAndSaysThatItRuns) {
  const auto mutants = edits_in(".", "mutants");
  EXPECT_EQ(mutants.size(), 14u);
  for (const fs::path& mutant : mutants) {
    const Copy copy;
    for (const fs::path& mend : edits_in(".", "mends")) copy.apply(mend);
    EXPECT_THAT(copy.text(), Not(HasSubstr("the mutated code ran")));
    copy.apply(mutant);
    EXPECT_THAT(copy.text(), HasSubstr("\"cesasim: the mutated code ran\\n\"")) << mutant;
    EXPECT_EQ(read_mutant(mutant).name, mutant.stem());
  }
}

TEST_F(Edits, APatchThatDoesNotFitChangesNothingElsewhere) {
  const Copy copy;
  const fs::path patch = copy.path() / "wrong.patch";
  // The context of the one hunk is almost that of the driver's.
  write_file(patch,
             "--- a/hash.c\n+++ b/hash.c\n@@ -67,2 +67,3 @@\n \t\t      req->cache_dmA);\n"
             "+\treq->cache = NULL;\n }\n");
  const std::string before = copy.text();
  EXPECT_THAT(refusal(copy, patch), HasSubstr("wrong.patch"));
  EXPECT_EQ(copy.text(), before);
  EXPECT_NE(refusal(copy, copy.path() / "missing.patch"), "");
}

TEST_F(Edits, AMutantNamesItsSoc) {
  const TemporaryFolder folder;
  const fs::path patch = folder.path() / "m.patch";
  write_file(patch, "# Soc: kirkwood-88f6281\n--- a/x\n+++ b/x\n");
  EXPECT_EQ(read_mutant(patch).soc, "kirkwood-88f6281");
  write_file(patch, "--- a/x\n+++ b/x\n# Soc: kirkwood-88f6281\n");
  try {
    read_mutant(patch);
    FAIL() << "no SoC, and accepted";
  } catch (const EditError& error) {
    EXPECT_THAT(std::string(error.what()), HasSubstr("m.patch: no line '# Soc: PRESET'"));
  }
}

const std::vector<std::string> kLoad = {"algorithms", "speed", "users", "unload"};

// What the load meets of the stock driver's faults can be mended, or a further fault would hide
// behind it.
TEST(LoadExpectations, EveryKnownFaultOfTheLoadHasItsMend) {
  std::set<std::string> shipped;
  for (const fs::path& mend : edits_in(".", "mends")) shipped.insert(mend.stem());
  for (const KernelVersion& version : kKnownKernels) {
    std::set<std::string> used;
    for (const bool tdma : {true, false}) {
      hw::CesaParams params;
      params.tdma = tdma;
      std::vector<KnownFault> faults;
      for (const auto& c : expected_checks(params, version, kLoad)) faults.push_back(c.fault);
      for (const auto& e : expected_algorithms(params, version, false)) faults.push_back(e.fault);
      for (const KnownFault& fault : faults) {
        if (fault.what.empty()) continue;
        EXPECT_TRUE(shipped.contains(fault.mend)) << fault.what;
        used.insert(fault.mend);
      }
    }
    EXPECT_EQ(used, shipped) << version.str();
  }
}

TEST(LoadExpectations, TheHashFaultNeedsSeveralUsersAndDma) {
  std::set<std::string> known;
  for (const auto& c : expected_checks({}, {6, 1}, kLoad)) {
    if (!c.fault.what.empty()) known.insert(c.name);
  }
  const std::set<std::string> expected = {"hashes-many-users", "crowd-hashes", "unload-hash-cache"};
  EXPECT_EQ(known, expected);
}

TEST(LoadExpectations, AnUnknownStepIsNoStepWithoutChecks) {
  EXPECT_THROW(expected_checks({}, {6, 1}, {"user"}), std::out_of_range);
}

}  // namespace
}  // namespace cesasim::cosim
