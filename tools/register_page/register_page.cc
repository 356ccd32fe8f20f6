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
std::string_view units(hw::CesaFeature feature) {
  switch (feature) {
    case hw::CesaFeature::always:
      return "all units";
    case hw::CesaFeature::tdma:
      return "units with TDMA";
    case hw::CesaFeature::coalescing:
      return "units with coalescing";
    case hw::CesaFeature::second_channel:
      return "units with a second channel";
    case hw::CesaFeature::outstanding_modes:
      return "units with outstanding modes";
  }
  return "?";
}

/// A field's meaning, and where it exists if not wherever its register does.
std::string meaning(const hw::RegisterDesc& r, const hw::RegisterField& f) {
  if (f.feature == hw::CesaFeature::always || f.feature == r.feature) return std::string(f.doc);
  return fmt::format("{} ({})", f.doc, units(f.feature));
}

}  // namespace

std::string register_page() {
  std::string page =
      "# Registers of a CESA engine\n\n"
      "Generated from the table in `hw_model/cesa/registers.cc`; a test holds the two together. To "
      "write it anew:\n`bazel run -c opt //tools/register_page > docs/registers.md`.\n\n"
      "Offsets are from the unit's base; engine 1 stands 0x2000 above engine 0. All registers are "
      "32 bits, little\nendian. `w0c`: writing 0 clears, writing 1 leaves alone. Bits of no field "
      "are reserved: they read 0, and\nwriting 1 to them is dropped and counted.\n";
  for (const hw::RegisterDesc& r : hw::cesa_registers()) {
    page += fmt::format("\n## 0x{:04X} {}\n\n{}. Reset 0x{:08X}. {}.", r.offset, r.name,
                        capitalized(r.doc), r.reset, capitalized(units(r.feature)));
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
