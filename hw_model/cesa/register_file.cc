#include "hw_model/cesa/register_file.h"

#include <cstdio>

namespace cesasim::hw {

RegisterFile::RegisterFile(std::uint8_t features)
    : words_(internal::kIndexWords),
      reserved_(cesa_registers().size()),
      present_(cesa_registers().size(), kNoRegister) {
  const auto table = cesa_registers();
  const auto has = [features](CesaFeature needed) {
    const auto bits = static_cast<std::uint8_t>(needed);
    return (bits & features) == bits;
  };
  for (std::size_t i = 0; i < table.size(); ++i) {
    reserved_[i] = table[i].reserved;
    for (const RegisterField& f : table[i].fields) {
      if (!has(f.feature)) reserved_[i] |= f.mask();
    }
    if (!has(table[i].feature)) continue;
    present_[i] =
        table[i].alias_of ? find_cesa_register(table[i].alias_of) : static_cast<std::uint8_t>(i);
  }
  reset();
}

void RegisterFile::reset() {
  for (const RegisterDesc& r : cesa_registers()) at(r.offset) = r.reset;
}

RegisterWrite RegisterFile::write(std::uint8_t index, std::uint32_t value) {
  const RegisterDesc& r = cesa_registers()[index];
  const std::uint32_t reserved = reserved_[index];
  const std::uint32_t plain = ~(r.ro | r.w0c | r.self_clearing | reserved);
  std::uint32_t& stored = at(r.offset);
  stored = (stored & ~plain) | (value & plain);
  stored &= ~(r.w0c & ~value);
  // Drivers clear causes by writing ~bit, which sets every reserved bit: no mistake.
  const std::uint32_t dropped = r.w0c ? 0 : value & reserved;
  return {value & r.self_clearing & ~reserved, dropped, value & r.unimplemented & ~reserved};
}

std::string RegisterFile::dump() const {
  std::string out;
  const auto table = cesa_registers();
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (present_[i] == kNoRegister) continue;
    const std::uint32_t value = read(present_[i]);
    char line[96];
    std::snprintf(line, sizeof line, "0x%04x %-20.*s 0x%08x", table[i].offset,
                  static_cast<int>(table[i].name.size()), table[i].name.data(), value);
    out += line;
    for (const RegisterField& f : table[i].fields) {
      const std::uint32_t v = (value & f.mask()) >> f.low;
      if (v == 0 || f.mask() == 0xFFFFFFFF) continue;
      std::snprintf(line, sizeof line, " %.*s=0x%x", static_cast<int>(f.name.size()), f.name.data(),
                    v);
      out += line;
    }
    out += '\n';
  }
  return out;
}

}  // namespace cesasim::hw
