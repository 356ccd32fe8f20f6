// SPDX-License-Identifier: Apache-2.0
// The shipped presets and studies load: complete, with units, marks and sources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "study/matrix/study.h"

namespace cesasim {
namespace {

using testing::HasSubstr;

Library shipped() { return Library(std::filesystem::current_path()); }

Scenario resolve(const std::string& text) {
  Tree tree = parse_yaml(text, "t.yaml", Layer::scenario);
  expand_dotted(tree);
  return resolve_scenario(tree, shipped());
}

// What sets the SoCs apart, from the capability tables of Linux 6.1's driver, its device trees
// and its coherency code; not from the presets.
struct Generation {
  const char* name;
  unsigned engines;
  unsigned channels;
  bool tdma;
  bool sha256;
  bool coalescing;
  bool non_coherent;
};
constexpr Generation kGenerations[] = {
    {"armada-370", 1, 1, true, true, true, true},
    {"armada-375", 2, 1, true, true, true, false},
    {"armada-385", 2, 1, true, true, true, false},
    {"armada-xp-mv78230", 2, 1, true, true, true, false},
    {"dove-88ap510", 1, 1, true, false, false, true},
    {"kirkwood-88f6281", 1, 1, true, false, false, true},
    {"orion-88f5182", 1, 2, false, false, false, true},
};

TEST(Presets, EverySocIsComplete) {
  std::vector<std::string> expected;
  for (const Generation& g : kGenerations) expected.emplace_back(g.name);
  expected.insert(expected.end(), {"pc-2005", "via-nehemiah"});  // the next test
  EXPECT_EQ(shipped().preset_names("soc"), expected);
  for (const Generation& g : kGenerations) {
    SCOPED_TRACE(g.name);
    const Scenario s = resolve("soc: " + std::string(g.name) +
                               "\ndisk: hdd-2005\nworkload.trace: traces/mkfs.csv.zst\n");
    EXPECT_EQ(s.soc.cesa.engines, g.engines);
    EXPECT_EQ(s.soc.cesa.channels, g.channels);
    EXPECT_EQ(s.soc.cesa.tdma, g.tdma);
    EXPECT_EQ(s.soc.cesa.sha256, g.sha256);
    EXPECT_EQ(s.soc.cesa.coalescing, g.coalescing);
    EXPECT_EQ(s.kernel.non_coherent_dma, g.non_coherent);
    // The units hang on the clock of the bus, and the ring has what the CESA has.
    EXPECT_EQ(s.soc.cesa.clock_hz, s.soc.mbus.clock_hz);
    EXPECT_EQ(s.soc.ring.clock_hz, s.soc.mbus.clock_hz);
    EXPECT_EQ(s.soc.ring.engines, g.engines);
    EXPECT_EQ(s.soc.ring.rings, s.soc.cores);
  }
}

TEST(Presets, PcsHaveCoherentDmaAndNoUnit) {
  for (const char* name : {"pc-2005", "via-nehemiah"}) {
    SCOPED_TRACE(name);
    const std::string text = "soc: " + std::string(name) +
                             "\ndisk: barracuda-7200-7\nworkload.trace: traces/mkfs.csv.zst\n";
    EXPECT_FALSE(resolve(text).kernel.non_coherent_dma);
    EXPECT_NO_THROW(resolve(text + "dmcrypt.path: ocf-v1\n"));
    for (const char* driver : {"cesa_pio", "cesa_tdma", "cesa_ring"}) {
      try {
        resolve(text + "dmcrypt.path: ocf-v1\nocf.driver: " + driver + "\n");
        ADD_FAILURE() << driver << " has nothing to drive";
      } catch (const std::exception& error) {
        EXPECT_NE(std::string(error.what()).find("has no crypto unit"), std::string::npos)
            << error.what();
      }
    }
  }
}

TEST(Presets, EveryOtherPresetLoads) {
  for (const char* kind : {"disk", "user", "kernel", "drivers"}) {
    for (const std::string& name : shipped().preset_names(kind)) {
      const std::string key = std::string(kind) == "user"      ? "workload.user"
                              : std::string(kind) == "drivers" ? "ocf.drivers"
                                                               : kind;
      std::string text = "soc: kirkwood-88f6281\nworkload.trace: traces/mkfs.csv.zst\n";
      if (key != "disk") text += "disk: hdd-2005\n";
      EXPECT_NO_THROW(resolve(text + key + ": " + name + "\n")) << kind << " " << name;
    }
  }
  for (const char* kind : {"cesa", "ring", "costs"}) {
    for (const std::string& name : shipped().preset_names(kind)) {
      EXPECT_NO_THROW(resolve("soc: {preset: kirkwood-88f6281, " + std::string(kind) + ": " + name +
                              "}\ndisk: hdd-2005\nworkload.trace: traces/mkfs.csv.zst\n"))
          << kind << " " << name;
    }
  }
}

// Tunables of the later kernel, from its source; the earlier one stands beside it.
TEST(Presets, TheKernelsDifferWhereTheirSourcesDo) {
  const auto kernel = [](const char* name) {
    return resolve(
               "soc: armada-385\ndisk: hdd-2005\nworkload.trace: traces/mkfs.csv.zst\nkernel: " +
               std::string(name) + "\n")
        .kernel;
  };
  EXPECT_EQ(shipped().preset_names("kernel"),
            (std::vector<std::string>{"linux-2.6.12", "linux-6.1"}));
  const kernel::KernelSettings old = kernel("linux-2.6.12");
  const kernel::KernelSettings now = kernel("linux-6.1");
  EXPECT_EQ(old.workqueue_nice(), -10);
  EXPECT_EQ(now.workqueue_nice(), 0);
  EXPECT_EQ(old.block, "sq");
  EXPECT_EQ(now.block, "mq");
  EXPECT_EQ(old.elevator, "deadline");
  EXPECT_EQ(now.elevator, "mq-deadline");
  EXPECT_EQ(now.max_sectors, 2560u);
  EXPECT_EQ(now.max_segments, 168u);
  EXPECT_EQ(old.unplug_threshold, 4u);
  EXPECT_EQ(now.plug_max_requests, 32u);
  EXPECT_EQ(now.plug_flush_kib, 128u);
  EXPECT_EQ(now.deadline_async_depth, now.nr_requests * 3 / 4);
  EXPECT_EQ(now.deadline_fifo_batch, 16u);
  EXPECT_EQ(now.deadline_writes_starved, 2u);
}

TEST(Presets, UserCostsCoverThePhasesOfTheShippedTraces) {
  const Scenario s =
      resolve("soc: kirkwood-88f6281\ndisk: hdd-2005\nworkload.trace: traces/bonnie.csv.zst\n");
  for (const char* phase :
       {"mkfs", "Writing_with_putc_", "Writing_intelligently", "Rewriting", "Reading_with_getc_",
        "Reading_intelligently", "start_em", "pre", "between", "sync", "default"}) {
    EXPECT_EQ(s.workload.user.count(phase), 1u) << phase;
  }
  // What the study rests on: a character at a time is far dearer than a block at a time.
  EXPECT_GT(s.workload.user.at("Writing_with_putc_").user_cycles_per_byte,
            10 * s.workload.user.at("Writing_intelligently").user_cycles_per_byte);
}

TEST(Studies, EveryShippedStudyExpands) {
  const std::vector<Listed> studies = shipped().studies();
  EXPECT_FALSE(studies.empty());
  for (const Listed& listed : studies) {
    const study::Study study = study::load_study(listed.file.string());
    EXPECT_EQ(study.name, listed.name);
    EXPECT_FALSE(study.doc.empty());
    EXPECT_FALSE(study::expand(study, {}, shipped()).empty());
  }
}

TEST(Studies, TheDefaultStudyHasTwelvePoints) {
  const study::Study study = study::load_study(shipped().find_study("mkfs-vs-bonnie").string());
  EXPECT_EQ(expand(study, {}, shipped()).size(), 12u);
}

TEST(Studies, AnUnknownStudyIsNamedWithTheNearest) {
  try {
    shipped().find_study("mkfs-vs-bonny");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(std::string(error.what()), HasSubstr("did you mean 'mkfs-vs-bonnie'?"));
  }
}

}  // namespace
}  // namespace cesasim
