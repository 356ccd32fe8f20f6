// SPDX-License-Identifier: Apache-2.0
// The house's floors as its #include lines see them. Bazel's visibility keeps targets apart;
// this test says which line of which file breaks a rule, and also what visibility cannot
// say, such as "of this package the register constants only".
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/house/sources.h"

namespace cesasim {
namespace {

namespace fs = std::filesystem;

// What each floor may include, besides itself: folders (ending in '/') and single files. The
// one place to change when the house changes; docs/architecture.md says why it stands so.
const std::map<std::string, std::vector<std::string>> kAllowed = {
    // Files, processes, text: knows no simulation.
    {"base", {}},
    // Silicon knows nothing of any software.
    {"hw_model", {"base/"}},
    // The kernel runs on cores, memory and the disk. It knows no accelerator and no board.
    {"kernel_model",
     {"base/", "hw_model/common/", "hw_model/cpu/", "hw_model/memory/", "hw_model/disk/",
      "hw_model/tlm/"}},
    // Drivers reach a device through the kernel (readl, writel, DMA mapping, request_irq), so a
    // fake device can stand in; registers and descriptors are what a data sheet gives. No bios.
    {"driver",
     {"base/", "kernel_model/kernel.h", "kernel_model/mempool.h", "kernel_model/params.h",
      "kernel_model/workqueue.h", "hw_model/common/", "hw_model/cesa/registers.h",
      "hw_model/cesa/sa_descriptor.h", "hw_model/ring/registers.h", "hw_model/ring/descriptor.h"}},
    {"dmcrypt_model", {"base/", "driver/", "kernel_model/", "hw_model/common/"}},
    // A replay must not know which crypto path runs under the block device it is given.
    {"traces", {"base/", "kernel_model/", "hw_model/common/"}},
    // The silicon under a real kernel: no software of the model's.
    {"cosim", {"base/", "hw_model/"}},
    // What one point is, from text to structs.
    {"scenario", {"base/", "hw_model/", "kernel_model/", "driver/", "dmcrypt_model/", "traces/"}},
    // Puts one board together, runs and measures it.
    {"machine",
     {"base/", "hw_model/", "kernel_model/", "driver/", "dmcrypt_model/", "traces/", "scenario/"}},
    // Many points. Of the machine it knows how to run one and what that leaves behind.
    {"study",
     {"base/", "hw_model/common/", "dmcrypt_model/path_info.h", "traces/", "scenario/",
      "machine/machine.h", "machine/point_options.h", "machine/observe/options.h",
      "machine/result/"}},
    {"cli",
     {"base/", "hw_model/", "kernel_model/", "driver/", "dmcrypt_model/", "traces/", "scenario/",
      "machine/", "study/", "cosim/"}},
};

// The SystemC modules around the plain cores of their folders.
const std::set<std::string> kShells = {"hw_model/cesa/cesa", "hw_model/ring/crypto_ring"};

// A folder with more modules (a header and its source count once) than this wants a plan.
constexpr std::size_t kLooseModules = 12;

std::string floor_of(const std::string& path) { return path.substr(0, path.find('/')); }

/// Why `file` may not include `included`; nothing if it may.
std::optional<std::string> objection(const std::string& file, const std::string& included) {
  const std::string floor = floor_of(file);
  const auto rule = kAllowed.find(floor);
  if (rule == kAllowed.end()) return "no floor \"" + floor + "\" in the house";
  if (included.find("..") != std::string::npos) return "a path from the root is wanted";
  if (floor_of(included) == floor) return std::nullopt;
  for (const std::string& allowed : rule->second) {
    if (allowed.back() == '/' ? included.rfind(allowed, 0) == 0 : included == allowed) {
      return std::nullopt;
    }
  }
  if (kAllowed.count(floor_of(included)) == 0) return "not a file of the house";
  return floor + " may not use it";
}

/// What an #include line names between `open` and `close`, if it is one.
std::optional<std::string> included_name(const std::string& line, char opening, char closing) {
  std::size_t at = line.find_first_not_of(" \t");
  if (at == std::string::npos || line[at] != '#') return std::nullopt;
  at = line.find_first_not_of(" \t", at + 1);
  if (at == std::string::npos || line.compare(at, 7, "include") != 0) return std::nullopt;
  const std::size_t open = line.find_first_not_of(" \t", at + 7);
  if (open == std::string::npos || line[open] != opening) return std::nullopt;
  const std::size_t close = line.find(closing, open + 1);
  return close == std::string::npos ? line.substr(open + 1)
                                    : line.substr(open + 1, close - open - 1);
}

std::optional<std::string> quoted_include(const std::string& line) {
  return included_name(line, '"', '"');
}

bool includes_systemc(const std::string& line) {
  const std::string name = included_name(line, '<', '>').value_or("");
  return name == "systemc" || name == "tlm" || name.rfind("tlm_utils/", 0) == 0;
}

struct Include {
  std::string file;
  int line;
  std::string included;
  std::string where() const { return file + ":" + std::to_string(line); }
};

struct House {
  std::set<std::string> files;
  std::vector<Include> includes;
  std::set<std::string> systemc;  // files that include it themselves
};

const House& house() {
  static const House read = [] {
    House h;
    std::vector<std::string> floors;
    for (const auto& [floor, allowed] : kAllowed) floors.push_back(floor);
    for (const Source& source : read_sources(floors)) {
      h.files.insert(source.file);
      int number = 0;
      for (const std::string& line : source.lines) {
        ++number;
        if (const auto included = quoted_include(line)) {
          h.includes.push_back({source.file, number, *included});
        }
        if (includes_systemc(line)) h.systemc.insert(source.file);
      }
    }
    return h;
  }();
  return read;
}

bool needs_no_simulator(const std::string& file) {
  for (const char* folder :
       {"base/", "scenario/", "traces/trace_", "traces/formats/", "traces/generate/",
        "hw_model/crypto/", "hw_model/registers/", "hw_model/cesa/", "hw_model/ring/"}) {
    if (file.rfind(folder, 0) == 0) return kShells.count(file.substr(0, file.rfind('.'))) == 0;
  }
  return false;
}

TEST(Floors, NoFileIncludesWhatItsFloorMayNotUse) {
  for (const Include& i : house().includes) {
    if (const auto why = objection(i.file, i.included)) {
      ADD_FAILURE() << i.where() << ": #include \"" << i.included << "\": " << *why;
    }
  }
}

/// The two accelerators share what stands below both, and nothing of each other.
TEST(Floors, TheRingUsesNothingOfTheCesa) {
  for (const Include& i : house().includes) {
    const auto in = [](const std::string& file, const char* folder) {
      return file.rfind(folder, 0) == 0;
    };
    EXPECT_FALSE(in(i.file, "hw_model/ring/") && in(i.included, "hw_model/cesa/")) << i.where();
    EXPECT_FALSE(in(i.file, "hw_model/cesa/") && in(i.included, "hw_model/ring/")) << i.where();
  }
}

TEST(Floors, EveryFileIsLookedAt) {
  // A package whose BUILD has no `sources`, or that is not in this test's data, shows here as
  // soon as anybody includes a header of it; and no floor may be missing altogether.
  std::map<std::string, int> count;
  for (const std::string& file : house().files) ++count[floor_of(file)];
  for (const auto& [floor, allowed] : kAllowed) EXPECT_GE(count[floor], 3) << floor;
  for (const Include& i : house().includes) {
    EXPECT_EQ(house().files.count(i.included), 1u)
        << i.where() << ": \"" << i.included << "\" is not among this test's data";
  }
}

TEST(Floors, EveryHeaderIsIncludedOnce) {
  for (const std::string& file : house().files) {
    std::set<std::string> seen;
    for (const Include& i : house().includes) {
      if (i.file != file) continue;
      EXPECT_TRUE(seen.insert(i.included).second)
          << i.where() << ": \"" << i.included << "\" is included twice";
    }
  }
}

TEST(Floors, NoFolderHoldsMoreThanADozenLooseModules) {
  std::map<std::string, std::set<std::string>> modules;
  for (const std::string& file : house().files) {
    const fs::path path(file);
    modules[path.parent_path().string()].insert(path.stem().string());
  }
  for (const auto& [folder, names] : modules) {
    if (folder == "cli") continue;  // one file a command
    EXPECT_LE(names.size(), kLooseModules) << folder;
  }
}

/// Host helpers, what a point is, trace formats and the plain cores work without a simulator.
TEST(Floors, WhatNeedsNoSimulatorIncludesNone) {
  ASSERT_GT(house().systemc.size(), 20u);
  for (const std::string& start : house().files) {
    if (!needs_no_simulator(start)) continue;
    std::map<std::string, std::string> from = {{start, ""}};  // file to who includes it
    std::vector<std::string> next = {start};
    while (!next.empty()) {
      const std::string file = next.back();
      next.pop_back();
      if (house().systemc.count(file) != 0) {
        std::string way = file;
        for (std::string f = from[file]; !f.empty(); f = from[f]) way = f + " -> " + way;
        ADD_FAILURE() << way << " -> <systemc>";
      }
      for (const Include& i : house().includes) {
        if (i.file == file && from.emplace(i.included, file).second) next.push_back(i.included);
      }
    }
  }
}

TEST(Rules, LowerFloorsMayBeUsedHigherOnesNot) {
  EXPECT_FALSE(objection("kernel_model/kernel.h", "hw_model/cpu/cpu_core.h"));
  EXPECT_TRUE(objection("hw_model/cpu/cpu_core.h", "kernel_model/kernel.h"));
  EXPECT_TRUE(objection("kernel_model/block.cc", "driver/ocf/crypto.h"));
  EXPECT_TRUE(objection("driver/ocf/crypto.cc", "dmcrypt_model/dm_crypt.h"));
  EXPECT_TRUE(objection("traces/replay/replay.cc", "machine/machine.h"));
  EXPECT_FALSE(objection("machine/machine.cc", "traces/replay/replay.h"));
  EXPECT_TRUE(objection("base/text/nearest.cc", "hw_model/common/units.h"));
  EXPECT_TRUE(objection("scenario/scenario.cc", "machine/machine.h"));
  EXPECT_TRUE(objection("machine/machine.cc", "study/matrix/study.h"));
  EXPECT_TRUE(objection("study/run/runner.cc", "cli/command.h"));
  EXPECT_TRUE(objection("study/run/runner.cc", "machine/assembly.h"));
  EXPECT_FALSE(objection("study/run/runner.cc", "machine/machine.h"));
  EXPECT_FALSE(objection("cli/run_command.cc", "study/run/runner.h"));
}

TEST(Rules, OnlyTheMachineSeesTheDevices) {
  EXPECT_TRUE(objection("dmcrypt_model/dm_crypt.cc", "hw_model/cesa/cesa.h"));
  EXPECT_TRUE(objection("traces/replay/replay.cc", "hw_model/cesa/registers.h"));
  EXPECT_TRUE(objection("traces/replay/replay.cc", "dmcrypt_model/dm_crypt.h"));
  EXPECT_TRUE(objection("kernel_model/kernel.cc", "hw_model/cesa/registers.h"));
  EXPECT_TRUE(objection("kernel_model/kernel.cc", "hw_model/soc/soc.h"));
  EXPECT_TRUE(objection("driver/cesa_tdma/cesa_tdma.cc", "hw_model/cesa/engine.h"));
  EXPECT_FALSE(objection("driver/cesa_tdma/cesa_tdma.cc", "hw_model/cesa/registers.h"));
  EXPECT_TRUE(objection("driver/ocf/crypto.h", "kernel_model/bio.h"));
  EXPECT_FALSE(objection("driver/params.h", "hw_model/common/params.h"));
  EXPECT_FALSE(objection("machine/machine.cc", "hw_model/soc/soc.h"));
}

TEST(Rules, TheCoSimulationUsesTheSiliconOnly) {
  EXPECT_FALSE(objection("cosim/device/cesa_board.h", "hw_model/cesa/cesa.h"));
  EXPECT_TRUE(objection("cosim/device/cesa_board.h", "kernel_model/kernel.h"));
  EXPECT_FALSE(objection("cosim/host/selftest.cc", "base/process/process.h"));
  EXPECT_TRUE(objection("cosim/host/selftest.cc", "scenario/library.h"));
  EXPECT_TRUE(objection("hw_model/cesa/cesa.cc", "cosim/device/cesa_board.h"));
  EXPECT_FALSE(objection("cli/cli.cc", "cosim/host/selftest.h"));
}

TEST(Rules, OnlyPathsFromTheRoot) {
  EXPECT_TRUE(objection("driver/ocf/crypto.cc", "crypto.h"));
  EXPECT_TRUE(objection("driver/ocf/crypto.cc", "driver/../machine/machine.h"));
  EXPECT_TRUE(objection("driver/ocf/crypto.cc", "tests/support/board.h"));
  EXPECT_TRUE(objection("attic/old.cc", "driver/params.h"));
}

TEST(Rules, IncludeLinesAreRecognised) {
  EXPECT_EQ(quoted_include("#include \"a/b.h\""), "a/b.h");
  EXPECT_EQ(quoted_include("  #  include   \"a/b.h\"  // why"), "a/b.h");
  EXPECT_EQ(quoted_include("#include <vector>"), std::nullopt);
  EXPECT_EQ(quoted_include("// #include \"a/b.h\""), std::nullopt);
  EXPECT_EQ(quoted_include("#define X \"a/b.h\""), std::nullopt);
  EXPECT_EQ(quoted_include(""), std::nullopt);
  EXPECT_TRUE(includes_systemc("#include <systemc>"));
  EXPECT_TRUE(includes_systemc("#include <tlm_utils/simple_target_socket.h>"));
  EXPECT_FALSE(includes_systemc("#include <string>"));
  EXPECT_FALSE(includes_systemc("// as #include <systemc>"));
}

}  // namespace
}  // namespace cesasim
