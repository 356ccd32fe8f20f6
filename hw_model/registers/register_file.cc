// SPDX-License-Identifier: Apache-2.0
#include "hw_model/registers/register_file.h"

#include <cstdio>

namespace cesasim::hw {

RegisterFile::RegisterFile(std::span<const RegisterDesc> table, std::uint8_t features)
    : table_(table),
      words_(table.back().offset / 4 + 1),
      index_(words_.size(), kNoRegister),
      reserved_(table.size()) {
  const auto has = [features](std::uint8_t needed) { return (needed & features) == needed; };
  for (std::size_t i = 0; i < table.size(); ++i) {
    reserved_[i] = table[i].reserved;
    for (const RegisterField& f : table[i].fields) {
      if (!has(f.features)) reserved_[i] |= f.mask();
    }
    if (!has(table[i].features)) continue;
    index_[table[i].offset / 4] =
        table[i].alias_of ? find_register(table, table[i].alias_of) : static_cast<std::uint8_t>(i);
  }
  reset();
}

void RegisterFile::reset() {
  for (const RegisterDesc& r : table_) set(r.offset, r.reset);
}

RegisterWrite RegisterFile::write(std::uint8_t index, std::uint32_t value) {
  const RegisterDesc& r = table_[index];
  const std::uint32_t reserved = reserved_[index];
  const std::uint32_t plain = ~(r.ro | r.w0c | r.self_clearing | reserved);
  std::uint32_t& stored = words_[r.offset / 4];
  stored = (stored & ~plain) | (value & plain);
  stored &= ~(r.w0c & ~value);
  // Drivers clear causes by writing ~bit, which sets every reserved bit: no mistake.
  const std::uint32_t dropped = r.w0c ? 0 : value & reserved;
  return {value & r.self_clearing & ~reserved, dropped, value & r.unimplemented & ~reserved};
}

void RegisterFile::poke(std::uint8_t index, std::uint32_t value) {
  const RegisterDesc& r = table_[index];
  const std::uint32_t plain = ~(r.ro | r.self_clearing | reserved_[index]);
  std::uint32_t& stored = words_[r.offset / 4];
  stored = (stored & ~plain) | (value & plain);
}

std::string RegisterFile::dump() const {
  std::string out;
  for (const RegisterDesc& r : table_) {
    const std::uint8_t index = find(r.offset);
    if (index == kNoRegister) continue;
    const std::uint32_t value = read(index);
    char line[96];
    std::snprintf(line, sizeof line, "0x%04x %-20.*s 0x%08x", r.offset,
                  static_cast<int>(r.name.size()), r.name.data(), value);
    out += line;
    for (const RegisterField& f : r.fields) {
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
