// SPDX-License-Identifier: Apache-2.0
#include "scenario/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "scenario/crypt_table.h"
#include "scenario/names.h"
#include "scenario/parameter_list.h"
#include "scenario/tree_reader.h"
#include "tests/support/fixture.h"

namespace cesasim::test {
using namespace study::test;  // folders, files and studies for tests

namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ScenarioTest : public testing::Test {
 protected:
  Tree tree(const std::string& extra = "") {
    Tree t = parse_yaml("soc: test-soc\ndisk: test-disk\nworkload: {trace: traces/a.csv}\n",
                        "base.yaml", Layer::scenario);
    Tree more = parse_yaml(extra.empty() ? "{}" : extra, "s.yaml", Layer::scenario);
    expand_dotted(more);
    merge(t, more);
    return t;
  }
  Scenario resolve(const std::string& extra = "") {
    Tree t = tree(extra);
    return resolve_scenario(t, home_.library());
  }
  std::string error(const std::string& extra) {
    return error_of([&] { resolve(extra); });
  }
  /// Replaces `from` by `to` in a preset file; returns the 1-based line where it stood.
  int spoil(const std::string& kind, const std::string& name, const std::string& from,
            const std::string& to) {
    const auto file = home_.preset(kind, name);
    std::string text = read_file(file);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    const int line = 1 + static_cast<int>(std::count(text.begin(), text.begin() + at, '\n'));
    text.replace(at, from.size(), to);
    write_file(file, text);
    return line;
  }
  std::string where(const std::string& kind, const std::string& name, int line) {
    return home_.preset(kind, name).string() + ":" + std::to_string(line) + ": ";
  }
  Home home_;
};

TEST_F(ScenarioTest, DefaultsAreTheDocumentedOnes) {
  const Scenario s = resolve();
  EXPECT_EQ(s.soc.preset, "test-soc");
  EXPECT_EQ(s.soc.cesa_preset, "test-cesa");
  EXPECT_EQ(s.soc.costs_preset, "test-costs");
  EXPECT_EQ(s.disk_preset, "test-disk");
  EXPECT_EQ(s.disk.rpm, 7200);
  EXPECT_EQ(s.kernel_preset, "linux-2.6.12");
  EXPECT_TRUE(s.kernel.non_coherent_dma);
  EXPECT_EQ(s.dmcrypt.path, "standard");
  EXPECT_EQ(s.dmcrypt.key_bits, 128u);
  EXPECT_EQ(s.ocf.policy, "2005");
  EXPECT_EQ(s.ocf.driver, "cryptosoft");
  EXPECT_EQ(s.workload.replay, "closed");
  EXPECT_EQ(s.workload.depth_read, 2u);
  EXPECT_EQ(s.workload.depth_write, 32u);
  EXPECT_EQ(s.workload.max_bio_bytes, 131072u);
  EXPECT_EQ(s.workload.trace_file, (home_.path() / "traces/a.csv").string());
  EXPECT_EQ(s.workload.user.size(), 2u);
  EXPECT_TRUE(s.workload.user.contains("default") && s.workload.user.contains("mkfs"));
  EXPECT_EQ(s.fidelity, "descriptor");
  EXPECT_EQ(s.seed, 1u);
}

TEST_F(ScenarioTest, SingleValuesOfPresetsAreOverridden) {
  const Scenario s = resolve(
      "soc.cores: 2\nsoc.cesa.engines: 2\nsoc.cesa.sram_base1: 0xF2000000\n"
      "soc.costs.kernel.irq_entry: 77.5\ndisk.rpm: 5400\nkernel.elevator: noop\n"
      "workload.user.mkfs.user_cycles_per_bio: 9\nsoc.io_coherent: true\n");
  EXPECT_EQ(s.soc.cores, 2u);
  EXPECT_EQ(s.soc.cesa.engines, 2u);
  EXPECT_EQ(s.soc.cesa.sram_base1, 0xF2000000u);
  EXPECT_EQ(s.soc.costs.kernel.irq_entry, 77.5);
  EXPECT_EQ(s.soc.costs.kernel.irq_exit, 1);
  EXPECT_EQ(s.disk.rpm, 5400);
  EXPECT_EQ(s.kernel.elevator, "noop");
  EXPECT_EQ(s.workload.user.at("mkfs").user_cycles_per_bio, 9);
  EXPECT_EQ(s.workload.user.at("default").user_cycles_per_bio, 1);
  EXPECT_FALSE(s.kernel.non_coherent_dma);
}

TEST_F(ScenarioTest, AMapNamesThePresetAndItsOverrides) {
  const Scenario s = resolve("soc: {preset: no-tdma, cores: 3}\n");
  EXPECT_EQ(s.soc.preset, "no-tdma");
  EXPECT_EQ(s.soc.cores, 3u);
  EXPECT_FALSE(s.soc.cesa.tdma);
}

TEST_F(ScenarioTest, TheUnitOfASocCanBeExchanged) {
  EXPECT_FALSE(resolve("soc.cesa: plain-cesa\n").soc.cesa.tdma);
}

TEST_F(ScenarioTest, AUsersOwnPresetFile) {
  const auto file = home_.path() / "mine" / "disk.yaml";
  write_file(file, read_file(home_.preset("disk", "test-disk")));
  EXPECT_EQ(resolve("disk: mine/disk.yaml\n").disk.rpm, 7200);
  EXPECT_EQ(resolve("disk: " + file.string() + "\n").disk_preset, file.string());
}

TEST_F(ScenarioTest, TheResolvedTreeIsCompleteAndReadsBackTheSame) {
  Tree first = tree("soc.cores: 2\n");
  resolve_scenario(first, home_.library());
  Tree printed = parse_yaml(to_yaml(first), "printed.yaml", Layer::scenario);
  resolve_scenario(printed, home_.library());
  EXPECT_EQ(values_json(printed).dump(), values_json(first).dump());
  EXPECT_EQ(values_json(first)["workload"]["depth"]["write"], 32);
  EXPECT_EQ(values_json(first)["soc"]["cesa"]["preset"], "test-cesa");
  EXPECT_EQ(first.find_path("soc.cores")->layer, Layer::scenario);
  EXPECT_EQ(first.find_path("soc.cpu.clock_hz")->layer, Layer::preset);
  EXPECT_EQ(first.find_path("soc.cpu.clock_hz")->source, "a test");
  EXPECT_EQ(first.find_path("seed")->layer, Layer::standard);
}

TEST_F(ScenarioTest, AResolvedTreeNeedsNoPresetFiles) {
  Tree first = tree();
  resolve_scenario(first, home_.library());
  Tree copy = tree_from_json(to_json(first));
  const Scenario s = resolve_scenario(copy, Library("/nowhere"), false);
  EXPECT_EQ(s.disk.rpm, 7200);
}

TEST_F(ScenarioTest, UnknownKeysAreNamedWithTheNearest) {
  EXPECT_THAT(error("soc.cesa.engnes: 1\n"),
              StartsWith("s.yaml:1: soc.cesa.engnes: unknown key, did you mean "
                         "'engines'?; valid: preset, engines, "));
  EXPECT_THAT(error("soc: {cessa: {engines: 1}}\n"),
              StartsWith("s.yaml:1: soc.cessa: unknown key, did you mean 'cesa'?"));
  EXPECT_THAT(error("\nworkload: {dept: 3}\n"),
              StartsWith("s.yaml:2: workload.dept: unknown key, did you mean 'depth'?"));
  EXPECT_EQ(error("frobnicate: 1\n"),
            "s.yaml:1: frobnicate: unknown key; valid: soc, disk, kernel, dmcrypt, ocf, workload, "
            "fidelity, faults, verdict, on_broken, seed");
}

TEST_F(ScenarioTest, AMisspelledPresetKeyComesBeforeTheMissingOne) {
  const int line = spoil("disk", "test-disk", "rpm:", "rmp:");
  EXPECT_THAT(error(""), StartsWith(where("disk", "test-disk", line) +
                                    "disk.rmp: unknown key, did you mean 'rpm'?"));
}

TEST_F(ScenarioTest, WrongTypesAndRanges) {
  EXPECT_THAT(error("disk.rpm: fast\n"),
              StartsWith("s.yaml:1: disk.rpm: not a number: 'fast'; valid: a number in rpm, "));
  EXPECT_THAT(error("disk.rpm: \"7200\"\n"), StartsWith("s.yaml:1: disk.rpm: not a number"));
  EXPECT_THAT(error("disk.rpm: 7200rpm\n"), StartsWith("s.yaml:1: disk.rpm: not a number"));
  EXPECT_THAT(error("disk.rpm: .nan\n"), StartsWith("s.yaml:1: disk.rpm: not a number"));
  EXPECT_THAT(error("disk.rpm: {a: 1}\n"), HasSubstr("disk.rpm: not a number"));
  EXPECT_THAT(error("disk.rpm: [1]\n"), StartsWith("s.yaml:1: disk.rpm: not a number: a list"));
  EXPECT_THAT(error("disk.rpm:\n"), StartsWith("s.yaml:1: disk.rpm: not a number: nothing"));
  EXPECT_EQ(error("soc.cores: 0\n"),
            "s.yaml:1: soc.cores: out of range: 0; valid: a whole number in cores, 1 .. 8");
  EXPECT_THAT(error("soc.cesa.engines: 0\n"),
              StartsWith("s.yaml:1: soc.cesa.engines: out of range: 0; valid: a whole number "
                         "in engines, 1 .. "));
  EXPECT_THAT(error("soc.cores: -1\n"), StartsWith("s.yaml:1: soc.cores: out of range: -1"));
  EXPECT_THAT(error("soc.cores: 1.5\n"), StartsWith("s.yaml:1: soc.cores: not a whole number"));
  EXPECT_THAT(error("soc.cores: 99999999999999999999\n"), StartsWith("s.yaml:1: soc.cores: "));
  EXPECT_EQ(error("soc.io_coherent: maybe\n"),
            "s.yaml:1: soc.io_coherent: neither true nor false: 'maybe'; valid: true, false");
  EXPECT_EQ(error("dmcrypt: {path: stndard}\n"),
            "s.yaml:1: dmcrypt.path: unknown: 'stndard', did you mean 'standard'?; valid: "
            "standard, ocf-v1, ocf-v3, ocf-lsp, ocf-async, modern, none");
  EXPECT_EQ(error("dmcrypt: fast\n"),
            "s.yaml:1: dmcrypt: 'fast' where a map of settings is needed; valid: key: value");
  EXPECT_EQ(error("soc.cpu: fast\n"),
            "s.yaml:1: soc.cpu: 'fast' where a map of settings is needed; valid: key: value");
  EXPECT_THAT(error("workload.trace: [a]\n"), StartsWith("s.yaml:1: workload.trace: not a text"));
  EXPECT_THAT(error("workload.depth.read: 0\n"),
              StartsWith("s.yaml:1: workload.depth.read: out of range: 0"));
  EXPECT_THAT(error("workload.max_bio_bytes: 700\n"),
              StartsWith("s.yaml:1: workload.max_bio_bytes: 700 is not a multiple of 512"));
}

TEST_F(ScenarioTest, MissingThings) {
  Tree none =
      parse_yaml("disk: test-disk\nworkload: {trace: traces/a.csv}\n", "s.yaml", Layer::scenario);
  EXPECT_EQ(error_of([&] { resolve_scenario(none, home_.library()); }),
            "s.yaml:1: soc: missing; valid: no-tdma, test-soc, or the path of a preset file");
  Tree no_trace = parse_yaml("disk: test-disk\nsoc: test-soc\n", "s.yaml", Layer::scenario);
  EXPECT_EQ(error_of([&] { resolve_scenario(no_trace, home_.library()); }),
            "s.yaml:1: workload.trace: missing; valid: the path of a trace file");
  Tree nothing = parse_yaml("", "s.yaml", Layer::scenario);
  EXPECT_EQ(error_of([&] { resolve_scenario(nothing, home_.library()); }),
            "s.yaml:1: nothing where a map of settings is needed; valid: key: value");
  Tree bare = parse_yaml("disk: test-disk\nworkload: {trace: traces/a.csv}\nsoc: {cores: 2}\n",
                         "s.yaml", Layer::scenario);
  EXPECT_THAT(error_of([&] { resolve_scenario(bare, home_.library()); }),
              StartsWith("s.yaml:3: soc.preset: missing: these settings override a preset"));
}

TEST_F(ScenarioTest, UnknownPresets) {
  EXPECT_EQ(error("soc: test-sok\n"),
            "s.yaml:1: soc: no soc preset 'test-sok', did you mean 'test-soc'?; valid: no-tdma, "
            "test-soc, or the path of a preset file");
  EXPECT_THAT(error("disk: ../up\n"), StartsWith("s.yaml:1: disk: no file '../up'"));
  EXPECT_THAT(error("disk: nowhere/x.yaml\n"), StartsWith("s.yaml:1: disk: no file"));
  EXPECT_THAT(error("soc.cesa: kirkwod\n"), StartsWith("s.yaml:1: soc.cesa: no cesa preset"));
  EXPECT_THAT(error("soc: 5\n"), StartsWith("s.yaml:1: soc: no soc preset '5'"));
  EXPECT_THAT(error("soc: [a]\n"), StartsWith("s.yaml:1: soc.preset: a list where a preset"));
}

TEST_F(ScenarioTest, APresetWithoutAValueIsNamed) {
  const int line = spoil("disk", "test-disk", "  rpm: {", "  # {");
  EXPECT_THAT(error(""), StartsWith(where("disk", "test-disk", 2) +
                                    "disk.rpm: preset 'test-disk' gives no value; valid: "));
  (void)line;
}

TEST_F(ScenarioTest, PresetValuesNeedUnitMarkAndSource) {
  const std::string rpm = "rpm: {value: 7200, unit: rpm, mark: assumed, source: \"a test\"}";
  int line = spoil("disk", "test-disk", rpm, "rpm: {value: 7200, unit: Hz, mark: spec, source: s}");
  EXPECT_EQ(error(""),
            where("disk", "test-disk", line) + "disk.rpm: unit 'Hz' does not fit; valid: rpm");
  spoil("disk", "test-disk", "rpm: {value: 7200, unit: Hz, mark: spec, source: s}",
        "rpm: {value: 7200, mark: spec, source: s}");
  EXPECT_EQ(error(""), where("disk", "test-disk", line) + "disk.rpm: no unit; valid: rpm");
  spoil("disk", "test-disk", "rpm: {value: 7200, mark: spec, source: s}",
        "rpm: {value: 7200, unit: rpm, source: s}");
  EXPECT_THAT(error(""), StartsWith(where("disk", "test-disk", line) + "disk.rpm: no mark"));
  spoil("disk", "test-disk", "rpm: {value: 7200, unit: rpm, source: s}",
        "rpm: {value: 7200, unit: rpm, mark: spec}");
  EXPECT_THAT(error(""), StartsWith(where("disk", "test-disk", line) + "disk.rpm: no source"));
  spoil("disk", "test-disk", "rpm: {value: 7200, unit: rpm, mark: spec}", "rpm: 7200");
  EXPECT_EQ(error(""), where("disk", "test-disk", line) + "disk.rpm: no unit; valid: rpm");
  spoil("disk", "test-disk", "rpm: 7200",
        "rpm: {value: 7200, unit: rpm, mark: guessed, source: s}");
  EXPECT_EQ(error(""), where("disk", "test-disk", line) +
                           "rpm.mark: unknown mark 'guessed'; valid: measured, spec, derived, "
                           "assumed");
  spoil("disk", "test-disk", "rpm: {value: 7200, unit: rpm, mark: guessed, source: s}",
        "rpm: {value: 7200, unitt: rpm, mark: spec, source: s}");
  EXPECT_THAT(error(""), HasSubstr("unknown key, did you mean 'unit'?"));
}

TEST_F(ScenarioTest, PresetHeads) {
  spoil("disk", "test-disk", "name: test-disk", "name: other");
  EXPECT_EQ(error(""), where("disk", "test-disk", 1) +
                           "preset.name: 'other' differs from the file's name; valid: test-disk");
  spoil("disk", "test-disk", "kind: disk, name: other", "kind: soc, name: test-disk");
  EXPECT_EQ(error(""), where("disk", "test-disk", 1) +
                           "preset.kind: 'soc' where a preset of kind 'disk' is needed; valid: "
                           "disk");
  write_file(home_.preset("disk", "test-disk"), "- 1\n");
  EXPECT_THAT(error(""), StartsWith(where("disk", "test-disk", 1) + "not a preset file"));
  write_file(home_.preset("disk", "test-disk"), "preset: {kind: disk, name: test-disk}\n");
  EXPECT_THAT(error(""), HasSubstr("preset.doc: missing"));
  write_file(home_.preset("disk", "test-disk"), "preset: {kind: disk, name: test-disk, doc: d}\n");
  EXPECT_THAT(error(""), HasSubstr("values: missing"));
}

TEST_F(ScenarioTest, Keys) {
  EXPECT_EQ(error("dmcrypt: {key: 00112233445566778899aabbccddeeff}\n"), "");
  EXPECT_EQ(error("dmcrypt: {key: 0011}\n"),
            "s.yaml:1: dmcrypt.key: 16 bits where key_bits says 128; valid: seed:N, or 32 "
            "hexadecimal digits (128 bits)");
  EXPECT_THAT(error("dmcrypt: {key: 001}\n"),
              StartsWith("s.yaml:1: dmcrypt.key: an odd number of hexadecimal digits (3)"));
  EXPECT_THAT(error("dmcrypt: {key: xyz}\n"),
              StartsWith("s.yaml:1: dmcrypt.key: 'x' is not hexadecimal"));
  EXPECT_THAT(error("dmcrypt: {key: \"seed:one\"}\n"),
              StartsWith("s.yaml:1: dmcrypt.key: 'seed:one' is no seed"));
  EXPECT_THAT(error("dmcrypt: {key: \"seed:\"}\n"), HasSubstr("is no seed"));
  EXPECT_EQ(error("dmcrypt:\n  key_bits: 100\n"),
            "s.yaml:2: dmcrypt.key_bits: 100 bits are no whole bytes; valid: a multiple of 8");
  EXPECT_THAT(error("dmcrypt:\n  key_bits: 104\n"),
              StartsWith("s.yaml:2: dmcrypt.key_bits: key: 104 bits, but "));
  EXPECT_EQ(error("dmcrypt: {key_bits: 256}\n"), "");
}

TEST_F(ScenarioTest, KeyBytes) {
  DmCryptSettings s;
  s.key = "00ff10Ab";
  s.key_bits = 32;
  EXPECT_EQ(key_bytes(s), (std::vector<std::uint8_t>{0, 255, 16, 0xAB}));
  s.key = "seed:1";
  s.key_bits = 256;
  const auto one = key_bytes(s);
  EXPECT_EQ(one.size(), 32u);
  EXPECT_EQ(one, key_bytes(s));
  s.key = "seed:2";
  EXPECT_NE(one, key_bytes(s));
}

TEST_F(ScenarioTest, Ciphers) {
  EXPECT_EQ(error("dmcrypt: {cipher: aes-cbc-essiv:sha256}\n"), "");
  EXPECT_THAT(error("dmcrypt: {cipher: aes-ctr-plain}\n"),
              StartsWith("s.yaml:1: dmcrypt.cipher: "));
  EXPECT_NE(error("dmcrypt: {cipher: twofish-cbc-plain}\n"), "");
  EXPECT_NE(error("dmcrypt: {cipher: aes-cbc-essiv}\n"), "");
}

TEST_F(ScenarioTest, CombinationsThatMakeNoSense) {
  EXPECT_EQ(
      error("ocf: {driver: cesa_tdma}\n"),
      "s.yaml:1: ocf.driver: 'cesa_tdma' would never be called: standard dm-crypt does not "
      "use OCF; valid: cryptosoft, or dmcrypt.path ocf-v1, ocf-v3, ocf-lsp, ocf-async, modern");
  EXPECT_EQ(error("soc: no-tdma\nocf: {driver: cesa_tdma}\ndmcrypt: {path: ocf-v3}\n"),
            "s.yaml:2: ocf.driver: the crypto unit of 'no-tdma' has no TDMA, which cesa_tdma "
            "needs; valid: cryptosoft, or a SoC whose unit has TDMA");
  EXPECT_THAT(error("fidelity: cycle\n"), StartsWith("s.yaml:1: fidelity: "));
}

TEST_F(ScenarioTest, DriverSettingsThatWouldNotStartOrNeverEnd) {
  const std::string ring = "ocf: {driver: cesa_ring}\ndmcrypt: {path: ocf-async}\n";
  EXPECT_THAT(error(ring + "ocf.drivers.cesa_ring.entries: 100\n"),
              StartsWith("s.yaml:3: ocf.drivers.cesa_ring.entries: 100 is no power of 2; "));
  EXPECT_THAT(error(ring + "ocf.drivers.cesa_ring: {entries: 64, coalesce: fixed, coalesce_count: "
                           "4, coalesce_us: 0}\n"),
              StartsWith("s.yaml:3: ocf.drivers.cesa_ring.coalesce_us: "));
  const std::string hal = "ocf: {driver: cesa_hal}\ndmcrypt: {path: ocf-async}\n";
  EXPECT_THAT(error(hal + "ocf.drivers.cesa_hal: {generation: armada, coalesce_count: 4, "
                          "coalesce_us: 0}\n"),
              StartsWith("s.yaml:3: ocf.drivers.cesa_hal.coalesce_us: "));
  EXPECT_EQ(error(hal + "ocf.drivers.cesa_hal: {generation: armada, coalesce_count: 1, "
                        "coalesce_us: 0}\n"),
            "");
}

// Every window and line of the board: two that clash, or one that is nowhere, are refused with the
// place of the value that the study gives, or else of the preset's.
TEST_F(ScenarioTest, WindowsAndLinesOfTheBoardAreEachTheirOwn) {
  const struct {
    const char* text;
    const char* message;
  } bad[] = {
      {"soc.disk_irq: 1\n",
       "s.yaml:1: soc.disk_irq: disk and cesa engine 0 interrupt on the same "
       "line, 1; valid: "},
      {"soc.disk_irq: 80\n",
       "s.yaml:1: soc.disk_irq: disk and ring 0 interrupt on the same line, "
       "80; valid: "},
      {"soc.ring.irq_first: 1\n",
       "s.yaml:1: soc.ring.irq_first: ring 0 and cesa engine 0 interrupt "
       "on the same line, 1; valid: "},
      {"soc.ring: {rings: 3, irq_first: 5}\n",
       "s.yaml:1: soc.ring.irq_first: disk and ring 2 "
       "interrupt on the same line, 7; valid: "},
      {"soc.ring.rings: 8\nsoc.ring.irq_first: 90\n",
       "s.yaml:2: soc.ring.irq_first: there is no interrupt line 96 for ring 6: the controller has "
       "lines 0 to 95; valid: "},
      {"soc.cesa: {engines: 2, sram_base1: 0xF2000000, irq0: 3, irq1: 3}\n",
       "s.yaml:1: soc.cesa.irq1: cesa engine 1 and cesa engine 0 interrupt on the same line, 3; "},
      {"soc.ring.regs_offset: 0\nsoc.cesa.regs_offset: 0x8000\n",
       "s.yaml:1: soc.ring.regs_offset: the address window of ring registers, "
       "0xf1000000..0xf100ffff, overlaps that of cesa registers, 0xf1008000..0xf1017fff; valid: "},
      {"soc.cesa.sram_base0: 0xF10C8000\n",
       "s.yaml:1: soc.cesa.sram_base0: the address window of ring registers, "
       "0xf10c0000..0xf10cffff, overlaps that of cesa sram 0, 0xf10c8000..0xf10c8"},
      {"soc.ring.regs_offset: 0xFFFFFFFF\n",
       "s.yaml:1: soc.ring.regs_offset: the address window of ring registers, "
       "0x1f0ffffff..0x1f100fffe, goes past 4 GiB; valid: "},
      {"soc.dram.size_mib: 4096\n",
       "s.yaml:1: soc.dram.size_mib: the address window of cesa registers, "},
      {"soc.cesa.engines: 2\n",
       "s.yaml:1: soc.cesa.engines: 2 engines, but no address of the second SRAM; valid: "},
      {"soc.ring.burst_bytes: 64\n",
       "s.yaml:1: soc.ring.burst_bytes: ring: burst_bytes must be 32 or 128, not 64; "
       "valid: 32 or 128"},
      {"soc.cesa: {sram_bytes: 512, sram_reserved_bytes: 512}\n",
       "s.yaml:1: soc.cesa.sram_reserved_bytes: cesa: sram_reserved_bytes must be below "
       "sram_bytes, "
       "512, not 512; valid: below sram_bytes, 512"},
      {"soc.cesa: {engines: 2, sram_base1: 0xF2000000}\nsoc.cesa.sram_base0: 0xF2000100\n",
       "s.yaml:1: soc.cesa.sram_base1: cesa: sram_base1 is less than sram_bytes away from "
       "sram_base0; valid: "},
  };
  for (const auto& b : bad) {
    const std::string got = error(b.text);
    EXPECT_THAT(got, StartsWith(b.message)) << b.text << got;
  }
  EXPECT_EQ(error("soc.ring: {rings: 8, irq_first: 88}\n"), "");
  EXPECT_EQ(error("soc.disk_irq: 81\n"), "");
}

TEST_F(ScenarioTest, PathsSayWhatTheyCannotDo) {
  struct {
    const char* text;
    const char* message;
  } bad[] = {
      {"dmcrypt: {path: ocf-v3, cipher: aes-xts-plain64, key_bits: 256}\n",
       "s.yaml:1: dmcrypt.cipher: path 'ocf-v3': cipher 'aes-xts-plain64': "},
      {"dmcrypt: {path: standard, cipher: aes-cbc-plain64}\n", "s.yaml:1: dmcrypt.cipher: "},
      {"dmcrypt: {path: modern, cipher: aes-xts-plain64, key_bits: 256}\nocf: {driver: "
       "cesa_hal}\n",
       "s.yaml:2: ocf.driver: 'cesa_hal' would never be called: it has no xts"},
      {"dmcrypt: {path: ocf-v3}\nocf: {driver: cesa_tdma}\nsoc: no-tdma\n",
       "s.yaml:2: ocf.driver: the crypto unit of 'no-tdma' has no TDMA"},
      {"dmcrypt: {path: ocf-lsp}\n", "base.yaml:1: ocf.driver: 'cryptosoft' ends its requests"},
      {"dmcrypt: {path: ocf-v1, placement: out-of-place}\n",
       "s.yaml:1: dmcrypt.placement: path 'ocf-v1': placement 'out-of-place'"},
      {"dmcrypt: {sector_size: 4096}\n", "s.yaml:1: dmcrypt.sector_size: path 'standard': option"},
      {"dmcrypt: {path: modern, sector_size: 600}\n", "s.yaml:1: dmcrypt.sector_size: "},
      {"dmcrypt: {path: modern, sector_size: 1536}\n", "s.yaml:1: dmcrypt.sector_size: "},
      {"dmcrypt: {path: modern, sector_size: 4096, iv_offset: 1}\n",
       "s.yaml:1: dmcrypt.iv_offset: iv_offset 1 is not a multiple"},
      {"dmcrypt: {path: modern, sector_size: 4096}\nworkload.max_bio_bytes: 512\n",
       "s.yaml:2: workload.max_bio_bytes: 512 is not a multiple of the sector_size 4096"},
      {"dmcrypt: {max_read_size: 4096}\n", "s.yaml:1: dmcrypt.max_read_size: "},
      {"dmcrypt: {max_write_size: 4096}\n", "s.yaml:1: dmcrypt.max_write_size: "},
      {"dmcrypt: {no_read_workqueue: true}\n", "s.yaml:1: dmcrypt.no_read_workqueue: "},
      {"ocf: {crypto_nice: 1.5}\n", "s.yaml:1: ocf.crypto_nice: not a whole number: 1.5"},
      {"ocf: {crypto_nice: 20}\n", "s.yaml:1: ocf.crypto_nice: out of range: 20"},
  };
  for (const auto& b : bad) {
    EXPECT_THAT(error(b.text), StartsWith(b.message)) << b.text << error(b.text);
  }
  EXPECT_EQ(error("dmcrypt: {path: modern, cipher: aes-xts-plain64, key_bits: 512, "
                  "sector_size: 4096, iv_large_sectors: true, no_read_workqueue: true}\n"),
            "");
  EXPECT_EQ(error("dmcrypt: {path: ocf-lsp}\nocf: {driver: cesa_hal, policy: marvell}\n"), "");
}

TEST_F(ScenarioTest, ATableLineIsTheWholeMapping) {
  const std::string hex(64, '3');
  const std::string line = "0 1024 crypt aes-cbc-essiv:sha256 " + hex + " 8 /dev/sda 16";
  const Scenario s = resolve("dmcrypt:\n  path: modern\n  table: \"" + line + "\"\n");
  const dmcrypt::CryptTable table = crypt_table(s.dmcrypt, 1u << 30);
  EXPECT_EQ(table.str(), line);
  EXPECT_EQ(table.sectors, 1024u);
  EXPECT_EQ(table.start, 16u);
  EXPECT_EQ(table.key, std::vector<std::uint8_t>(32, 0x33));

  EXPECT_EQ(error("dmcrypt:\n  table: \"" + line + "\"\n  iv_offset: 1\n"),
            "s.yaml:3: dmcrypt.iv_offset: given both here and in dmcrypt.table; valid: one of the "
            "two");
  EXPECT_THAT(error("dmcrypt: {table: \"0 8 crypt\"}\n"),
              StartsWith("s.yaml:1: dmcrypt.table: table: 3 words"));
  EXPECT_THAT(
      error("dmcrypt: {table: \"0 99999999999999 crypt aes-cbc-plain " + hex + " 0 - 0\"}\n"),
      StartsWith("s.yaml:1: dmcrypt.table: sectors 0 to 99999999999998 of a disk"));

  // Printed and read again it is the same, and the keys that the line stands for are gone.
  Tree first = tree("dmcrypt:\n  table: \"" + line + "\"\n");
  resolve_scenario(first, home_.library());
  EXPECT_EQ(first.find_path("dmcrypt.cipher"), nullptr);
  Tree printed = parse_yaml(to_yaml(first), "printed.yaml", Layer::scenario);
  resolve_scenario(printed, home_.library());
  EXPECT_EQ(values_json(printed).dump(), values_json(first).dump());
}

// What the kernel keeps in 64 bits is taken in 64 bits: as a key, in a table line, resolved again.
TEST_F(ScenarioTest, SectorNumbersHave64Bits) {
  const struct {
    const char* text;
    std::uint64_t value;
  } good[] = {{"4294967295", 0xFFFFFFFFull},
              {"4294967296", 1ull << 32},
              {"0x123456789a", 0x123456789aull},
              {"9223372036854775808", 1ull << 63},
              {"18446744073709551615", ~0ull}};
  for (const auto& g : good) {
    SCOPED_TRACE(g.text);
    const std::string text = std::string("dmcrypt.iv_offset: ") + g.text + "\n";
    EXPECT_EQ(resolve(text).dmcrypt.iv_offset, g.value);
    EXPECT_EQ(crypt_table(resolve(text).dmcrypt, 1024).iv_offset, g.value);
    const std::string rule = std::string("faults: {a: {kind: disk_read_error, nth: 1, first: ") +
                             g.text + ", last: " + g.text + "}}\n";
    EXPECT_EQ(resolve(rule).faults[0].rule().first, g.value);
    EXPECT_EQ(resolve(rule).faults[0].rule().last, g.value);
  }
  const Scenario table = resolve(
      "dmcrypt.table: \"0 8 crypt aes-cbc-plain 000102030405060708090a0b0c0d0e0f "
      "18446744073709551615 - 0\"\n");
  EXPECT_EQ(crypt_table(table.dmcrypt, 1024).iv_offset, ~0ull);
  // Whole units still.
  EXPECT_EQ(error("dmcrypt: {path: modern, sector_size: 4096, iv_offset: 18446744073709551608}\n"),
            "");
  EXPECT_EQ(error("dmcrypt: {path: modern, sector_size: 4096, iv_offset: 18446744073709551615}\n"),
            "s.yaml:1: dmcrypt.iv_offset: iv_offset 18446744073709551615 is not a multiple of "
            "sector_size; valid: multiples of 8");
  for (const char* bad : {"18446744073709551616", "-1", "99999999999999999999999"}) {
    EXPECT_EQ(error(std::string("dmcrypt.iv_offset: ") + bad + "\n"),
              std::string("s.yaml:1: dmcrypt.iv_offset: out of range: ") + bad +
                  "; valid: a whole number in sectors, 0 .. 18446744073709551615");
  }
  for (const ParameterInfo& info : list_parameters()) {
    if (info.path == "dmcrypt.iv_offset") {
      EXPECT_EQ(info.max_text, "18446744073709551615");
    } else if (info.path == "soc.cores") {
      EXPECT_EQ(info.max_text, "8");
    }
  }
}

// Which drivers allocate is said where drivers and paths are listed; the driver itself declares it.
TEST_F(ScenarioTest, ListsSayWhatNoStockKernelDoes) {
  const auto doc_of = [](const std::vector<Named>& list, const std::string& name) {
    for (const Named& named : list) {
      if (named.name == name) return named.doc;
    }
    return std::string("not listed");
  };
  // Of Linux's cipher API, and allocates; Marvell's allocates too, but no stock dm-crypt of any
  // version could have found it.
  const std::string refused =
      "no stock kernel since Linux 5.10 does path modern: its dm-crypt refuses drivers that "
      "allocate memory, see dmcrypt.allow_allocating_drivers";
  for (const Named& driver : driver_list()) {
    EXPECT_EQ(driver.doc.find(refused) != std::string::npos, driver.name == "cesa_tdma")
        << driver.name;
    EXPECT_EQ(
        driver.doc.find("no stock kernel has ever done path modern over it") != std::string::npos,
        driver.name == "cesa_hal")
        << driver.name;
  }
  EXPECT_THAT(doc_of(driver_list(), "cesa_hal"), Not(HasSubstr("5.10")));
  for (const Named& path : path_list()) {
    EXPECT_EQ(path.doc.find("no stock kernel since Linux 5.10 does this: its dm-crypt refuses "
                            "drivers that allocate memory") != std::string::npos,
              path.name == "modern")
        << path.name;
  }
  EXPECT_TRUE(resolve().dmcrypt.allow_allocating_drivers);
  EXPECT_FALSE(resolve("dmcrypt: {path: modern, allow_allocating_drivers: false}\n")
                   .dmcrypt.allow_allocating_drivers);
  EXPECT_EQ(error("dmcrypt.allow_allocating_drivers: 1\n"),
            "s.yaml:1: dmcrypt.allow_allocating_drivers: neither true nor false: '1'; valid: true, "
            "false");
}

// The kernel follows the path, unless it is named.
TEST_F(ScenarioTest, TheKernelIsThePathsOwn) {
  for (const char* path : {"standard", "ocf-v1", "ocf-v3", "ocf-async"}) {
    EXPECT_EQ(resolve("dmcrypt.path: " + std::string(path) + "\n").kernel_preset, "linux-2.6.12");
  }
  EXPECT_EQ(resolve("dmcrypt.path: modern\n").kernel_preset, "linux-6.1");
  EXPECT_EQ(resolve("dmcrypt.path: modern\nkernel: {hz: 300}\n").kernel_preset, "linux-6.1");
  EXPECT_EQ(resolve("dmcrypt.path: modern\nkernel: linux-2.6.12\n").kernel_preset, "linux-2.6.12");
  EXPECT_EQ(resolve("dmcrypt.path: none\nkernel: linux-6.1\n").kernel_preset, "linux-6.1");
  EXPECT_EQ(error("dmcrypt:\n  path: none\n"),
            "s.yaml:2: kernel: missing: path none has no kernel of its own; valid: kernel: "
            "linux-2.6.12, linux-6.1, or the path of a preset file");
}

TEST_F(ScenarioTest, PathNoneHasNoOtherKeys) {
  const std::string kernel = "kernel: linux-2.6.12\n";
  Tree plain = tree(kernel + "dmcrypt.path: none\n");
  const Scenario s = resolve_scenario(plain, home_.library());
  EXPECT_EQ(plain.find("dmcrypt")->keys(), std::vector<std::string>{"path"});
  EXPECT_TRUE(crypt_table(s.dmcrypt, 1000).cipher.cipher.empty());
  EXPECT_EQ(crypt_table(s.dmcrypt, 1000).sectors, 1000u);
  for (const char* key : {"cipher: aes-cbc-plain", "key: 'seed:2'", "sector_size: 512",
                          "placement: native", "max_in_flight: 5", "no_read_workqueue: true",
                          "table: none", "allow_allocating_drivers: true"}) {
    const std::string name(key, std::string(key).find(':'));
    EXPECT_EQ(error(kernel + "dmcrypt:\n  path: none\n  " + key + "\n"),
              "s.yaml:4: dmcrypt." + name +
                  ": means nothing with dmcrypt.path none, which encrypts nothing; valid: "
                  "dmcrypt.path alone, or another path");
  }
  EXPECT_NE(error(kernel + "dmcrypt.path: none\nocf.driver: cesa_tdma\n")
                .find("s.yaml:3: ocf.driver: 'cesa_tdma' would never be called: path none "
                      "encrypts nothing"),
            std::string::npos);
}

// What one of them takes is listed, though the other refuses it.
TEST_F(ScenarioTest, ChoicesOfBothBlockLayersAreListed) {
  unsigned found = 0;
  for (const ParameterInfo& info : list_parameters()) {
    if (info.path == "kernel.elevator") {
      ++found;
      EXPECT_EQ(info.valid, "noop, deadline, none, mq-deadline; default deadline");
      EXPECT_EQ(info.choices,
                (std::vector<std::string>{"noop", "deadline", "none", "mq-deadline"}));
    }
    for (const char* key : {"unplug_threshold", "plug_max_requests", "plug_flush_kib",
                            "deadline_async_depth", "schedule_jitter_us"}) {
      if (info.path == std::string("kernel.") + key) ++found;
    }
  }
  EXPECT_EQ(found, 6u);
}

// Each block layer has keys of its own.
TEST_F(ScenarioTest, BlockLayers) {
  EXPECT_EQ(resolve().kernel.block, "sq");
  EXPECT_NE(error("kernel.plug_max_requests: 5\n").find("kernel.plug_max_requests: unknown key"),
            std::string::npos);
  EXPECT_NE(error("kernel.elevator: mq-deadline\n").find("valid: noop, deadline"),
            std::string::npos);
}

// Who asks for memory is listed with number and name, as a run names it.
TEST_F(ScenarioTest, FaultListNamesWhoAsks) {
  for (unsigned i = 0; i < static_cast<unsigned>(hw::AllocSite::count); ++i) {
    const std::string place =
        std::to_string(i) + " " + hw::alloc_site_name(static_cast<hw::AllocSite>(i));
    for (const Named& fault : fault_list()) {
      EXPECT_EQ(fault.doc.find(place) != std::string::npos,
                fault.name == (i < 2 ? "page_alloc" : "request_alloc"))
          << fault.name << ": " << place;
    }
  }
}

// A driver that only says it is full has nothing to end: without the retry tick a hang for sure.
TEST_F(ScenarioTest, QueueFullNeedsTheRetryTick) {
  const std::string faults = "faults:\n  a: {kind: queue_full, nth: 20}\n";
  const std::string path = "dmcrypt.path: ocf-v1\n";
  EXPECT_EQ(
      error(path + "ocf: {driver: cesa_tdma, retry_tick: false}\n" + faults),
      "s.yaml:4: faults.a: queue_full without ocf.retry_tick: a driver that is not full has "
      "nothing to end, so nobody unblocks it, and the run hangs as no real driver did; valid: "
      "ocf.retry_tick true, or a queue that really fills (a small "
      "ocf.drivers.cesa_tdma.queue_depth)");
  EXPECT_THAT(error(path + "ocf: {driver: cesa_ring, retry_tick: false}\n" + faults),
              HasSubstr("ocf.drivers.cesa_ring.entries"));
  EXPECT_EQ(error(path + "ocf: {driver: cesa_tdma}\n" + faults), "");
  EXPECT_EQ(error(path + "ocf: {driver: cesa_tdma, retry_tick: false}\n"), "");
  // These two have no such tick.
  EXPECT_EQ(error(path + "ocf: {driver: cryptosoft, retry_tick: false}\n" + faults), "");
  EXPECT_EQ(error("dmcrypt.path: ocf-lsp\n"
                  "ocf: {driver: cesa_hal, policy: marvell, retry_tick: false}\n" +
                  faults),
            "");
}

TEST_F(ScenarioTest, FaultRules) {
  const Scenario s = resolve(
      "seed: 3\nfaults:\n  late: {kind: lost_interrupt, nth: 5, every: 2, times: 3, from: 0.5}\n"
      "  bad: {kind: disk_read_error, probability: 0.25, first: 8, last: 15, to: 2}\n");
  ASSERT_EQ(s.faults.size(), 2u);
  const hw::FaultRule late = s.faults[0].rule();
  EXPECT_EQ(late.name, "late");
  EXPECT_EQ(late.kind, hw::FaultKind::lost_interrupt);
  EXPECT_EQ(late.nth, 5u);
  EXPECT_EQ(late.every, 2u);
  EXPECT_EQ(late.times, 3u);
  EXPECT_EQ(late.from, hw::kPsPerS / 2);
  EXPECT_EQ(late.to, hw::FaultRule().to);
  EXPECT_EQ(late.last, hw::FaultRule().last);
  const hw::FaultRule bad = s.faults[1].rule();
  EXPECT_EQ(bad.kind, hw::FaultKind::disk_read_error);
  EXPECT_EQ(bad.probability, 0.25);
  EXPECT_EQ(bad.first, 8u);
  EXPECT_EQ(bad.last, 15u);
  EXPECT_EQ(bad.to, 2 * hw::kPsPerS);
  EXPECT_TRUE(resolve().faults.empty());

  EXPECT_THAT(error("faults: {a: {kind: engine_eror, nth: 1}}\n"),
              StartsWith("s.yaml:1: faults.a.kind: unknown: 'engine_eror', did you mean "
                         "'engine_error'?"));
  EXPECT_THAT(error("faults: {a: {nth: 1}}\n"), HasSubstr("faults.a.kind: missing"));
  EXPECT_THAT(error("faults:\n  a: {kind: queue_full}\n"),
              StartsWith("s.yaml:2: faults.a: a rule that never happens"));
  EXPECT_THAT(error("faults: {a: {kind: queue_full, nth: 1, first: 2, last: 1}}\n"),
              StartsWith("s.yaml:1: faults.a: no place from 2 to 1"));
  EXPECT_THAT(error("faults: {a: {kind: queue_full, nth: 1, from: 2, to: 1}}\n"),
              StartsWith("s.yaml:1: faults.a: no time from 2 s to 1 s"));
  EXPECT_THAT(error("faults: {a: {kind: queue_full, probability: 2}}\n"),
              StartsWith("s.yaml:1: faults.a.probability: out of range: 2"));
  EXPECT_THAT(error("faults: {a: 5}\n"), StartsWith("s.yaml:1: faults.a: '5' where a map"));
  EXPECT_THAT(error("faults: {a: {kind: queue_full, nth: 1, evry: 2}}\n"),
              StartsWith("s.yaml:1: faults.a.evry: unknown key, did you mean 'every'?"));
}

TEST_F(ScenarioTest, EveryFaultOfTheHardwareHasAName) {
  const std::vector<Named> all = fault_list();
  ASSERT_EQ(all.size(), static_cast<std::size_t>(hw::FaultKind::count));
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].name, hw::fault_name(static_cast<hw::FaultKind>(i)));
  }
}

TEST_F(ScenarioTest, Recovery) {
  const auto watchdog = [&](const char* text) { return resolve(text).recovery().watchdog; };
  EXPECT_FALSE(watchdog("dmcrypt: {path: ocf-v3}\nocf: {driver: cesa_tdma}\n"));
  EXPECT_TRUE(watchdog("dmcrypt: {path: ocf-async}\nocf: {driver: cesa_tdma}\n"));
  EXPECT_TRUE(watchdog("dmcrypt: {path: modern}\nocf: {driver: cesa_tdma}\n"));
  EXPECT_FALSE(watchdog("dmcrypt: {path: modern}\nocf: {driver: cesa_tdma, recovery: none}\n"));
  EXPECT_TRUE(watchdog("dmcrypt: {path: ocf-v1}\nocf: {recovery: watchdog}\n"));
  EXPECT_EQ(resolve().recovery().watchdog_ms, 1);
  EXPECT_TRUE(resolve().recovery().retry_tick);
  EXPECT_FALSE(resolve("ocf.retry_tick: false\n").recovery().retry_tick);
}

TEST_F(ScenarioTest, TracesMustExist) {
  EXPECT_THAT(error("workload.trace: traces/no.csv\n"),
              StartsWith("s.yaml:1: workload.trace: no file 'traces/no.csv'; valid: an "
                         "existing file (looked for "));
  EXPECT_THAT(error("workload.trace: traces\n"),
              StartsWith("s.yaml:1: workload.trace: 'traces' is a folder"));
}

TEST_F(ScenarioTest, EveryParameterIsListedOnce) {
  const std::vector<ParameterInfo> all = list_parameters();
  std::set<std::string> paths;
  for (const ParameterInfo& info : all) {
    EXPECT_TRUE(paths.insert(info.path).second) << info.path;
    EXPECT_FALSE(info.doc.empty()) << info.path;
    if (info.type == "number" || info.type == "count") {
      EXPECT_LT(info.min, info.max) << info.path;
      EXPECT_FALSE(info.unit.empty()) << info.path;
    }
  }
  for (const char* path :
       {"soc", "soc.cores", "soc.cesa", "soc.cesa.engines", "disk.rpm", "disk.flash_channels",
        "soc.costs.kernel.irq_entry", "soc.costs.cipher.aes_setup",
        "workload.user.default.fs_cycles_per_bio", "dmcrypt.key", "seed"}) {
    EXPECT_EQ(paths.count(path), 1u) << path;
  }
}

}  // namespace
}  // namespace cesasim::test
