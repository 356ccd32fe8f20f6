// SPDX-License-Identifier: Apache-2.0
#include "tools/register_page/register_page.h"

#include <fmt/format.h>

#include <cctype>

#include "hw_model/cesa/registers.h"

namespace cesasim::tools {
namespace {

/// How software may use the bits of `mask`: one word where all of them agree.
std::string access(const hw::RegisterDesc& r, std::uint32_t mask) {
  const auto all = [mask](std::uint32_t bits) { return (bits & mask) == mask; };
  if (all(r.self_clearing)) return "w1, clears itself";
  if (all(r.w0c)) return "w0c";
  if (all(r.ro)) return "ro";
  const std::uint32_t special = (r.self_clearing | r.w0c | r.ro) & mask;
  return special == 0 ? "rw" : "mixed";
}

std::string bits(const hw::RegisterField& f) {
  return f.high == f.low ? fmt::format("{}", f.high) : fmt::format("{}:{}", f.high, f.low);
}

std::string capitalized(std::string_view text) {
  std::string out(text);
  if (!out.empty()) out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

/// Units that have a register or field of this feature.
std::string_view units(std::uint8_t features) {
  switch (features) {
    case 0:
      return "all units";
    case hw::cesa_feature::kTdma:
      return "units with TDMA";
    case hw::cesa_feature::kCoalescing:
      return "units with coalescing";
    case hw::cesa_feature::kSecondChannel:
      return "units with a second channel";
    case hw::cesa_feature::kOutstandingModes:
      return "units with outstanding modes";
  }
  return "?";
}

/// A field's meaning, and where it exists if not wherever its register does.
std::string meaning(const hw::RegisterDesc& r, const hw::RegisterField& f) {
  if (f.features == 0 || f.features == r.features) return std::string(f.doc);
  return fmt::format("{} ({})", f.doc, units(f.features));
}

// What the registers point at (sources: the public drivers, as for the registers).
constexpr const char* kFormats = R"(
## What stands in memory

DMA descriptor, 16 bytes, 16-byte aligned, in DRAM; NEXT points at the first:

| offset | |
| --- | --- |
| 0x0 | [15:0] byte count, 31 own: 1 = the DMA moves the bytes, 0 = hand over to the accelerator |
| 0x4, 0x8 | source, destination: bus addresses, one of them in the engine's SRAM window |
| 0xC | next descriptor, 0 = end of the chain |

Accelerator descriptor, 32 bytes, in the SRAM at DESC_P0 (DESC_P1); all offsets are in the SRAM:

| word | |
| --- | --- |
| 0 | [1:0] 0 MAC, 1 cipher, 2 MAC then cipher, 3 cipher then MAC; [6:4] 1 SHA-256, 3 HMAC-SHA-256, 4 MD5, 5 SHA-1, 6 HMAC-MD5, 7 HMAC-SHA-1; 7 digest of 96 bits; [9:8] 1 DES, 2 3DES, 3 AES; 12 decrypt; 16 CBC; 20 EDE; [25:24] AES key 128, 192, 256; [31:30] 0 whole, 1 first, 2 last, 3 middle fragment |
| 1 | [15:0] cipher source, [31:16] cipher destination |
| 2 | [15:0] cipher length |
| 3 | [15:0] key (to decrypt with AES: the end of the key schedule) |
| 4 | [15:0] IV, [31:16] IV buffer |
| 5 | [15:0] MAC source, [31:16] MAC length of the whole message |
| 6 | [15:0] digest, [31:16] MAC length of this fragment |
| 7 | [15:0] inner, [31:16] outer HMAC state |

A chain of the Linux driver for one cipher request: operation (descriptor, key, IV) into the SRAM, data
in, a descriptor with own 0, data out, operation back; then CFG = 0x2A80, NEXT, CMD = 1.

In the VCD file of `run --vcd` each engine has `irq`, the registers of the names below, and `tdma_state`:
0 idle, 1 fetching a descriptor, 2 has one, 3 moving bytes, 4 waiting for the accelerator, 5 finishing.
With `fidelity: descriptor` a whole descriptor is one step (it shows as 1); `fidelity: burst` shows
every state.
)";

}  // namespace

std::string register_page() {
  std::string page =
      "# Registers of a CESA engine\n\n"
      "Generated from the table in `hw_model/cesa/registers.cc`; a test holds the two together. To "
      "write it anew:\n`bazel run -c opt //tools/register_page > docs/registers.md`.\n\n"
      "Offsets are from the unit's base; engine 1 stands 0x2000 above engine 0. All registers are "
      "32 bits, little\nendian. `w0c`: writing 0 clears, writing 1 leaves alone. Bits of no field "
      "are reserved: they read 0, and\nwriting 1 to them is dropped and counted.\n";
  page += kFormats;
  page += "\n## Index\n\n| offset | register | |\n| --- | --- | --- |\n";
  for (const hw::RegisterDesc& r : hw::cesa_registers()) {
    page += fmt::format("| 0x{:04X} | {} | {} |\n", r.offset, r.name, r.doc);
  }
  for (const hw::RegisterDesc& r : hw::cesa_registers()) {
    page += fmt::format("\n## 0x{:04X} {}\n\n{}. Reset 0x{:08X}. {}.", r.offset, r.name,
                        capitalized(r.doc), r.reset, capitalized(units(r.features)));
    if (r.alias_of != 0) page += fmt::format(" The same register as 0x{:04X}.", r.alias_of);
    page += "\n\n| bits | field | access | meaning |\n| --- | --- | --- | --- |\n";
    for (const hw::RegisterField& f : r.fields) {
      page += fmt::format("| {} | {} | {}{} | {} |\n", bits(f), f.name, access(r, f.mask()),
                          r.unimplemented & f.mask() ? ", not modelled" : "", meaning(r, f));
    }
  }
  return page;
}

}  // namespace cesasim::tools
