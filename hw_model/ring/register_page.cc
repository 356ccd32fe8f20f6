#include "hw_model/ring/register_page.h"

namespace cesasim::hw {

RegisterPage::RegisterPage(std::span<const RegisterDesc> table)
    : table_(table), index_(table.back().offset / 4 + 1, kNoRegister), values_(table.size()) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    index_[table[i].offset / 4] = static_cast<std::uint8_t>(i);
  }
  reset();
}

void RegisterPage::reset() {
  for (std::size_t i = 0; i < table_.size(); ++i) values_[i] = table_[i].reset;
}

RegisterPage::Write RegisterPage::write(std::uint32_t offset, std::uint32_t value) {
  const std::uint8_t i = index_[offset / 4];
  const RegisterDesc& r = table_[i];
  const std::uint32_t plain = ~(r.ro | r.w0c | r.self_clearing | r.reserved);
  values_[i] = (values_[i] & ~plain) | (value & plain);
  values_[i] &= ~(r.w0c & ~value);
  // Causes are cleared by writing ~bit, which sets every reserved bit: no mistake.
  return {value & r.self_clearing, r.w0c ? 0 : value & r.reserved};
}

}  // namespace cesasim::hw
