// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/log_category.h"

#include <fmt/format.h>

#include "base/text/errors.h"
#include "base/text/nearest.h"

namespace cesasim {

const std::array<LogCategoryInfo, static_cast<std::size_t>(LogCategory::count)>& log_categories() {
  static constexpr std::array<LogCategoryInfo, static_cast<std::size_t>(LogCategory::count)>
      kInfos = {{
          {"cesa", "register accesses of the crypto unit's driver, what the engines do"},
          {"ring", "the same of the crypto ring"},
          {"irq", "interrupts and softirqs, from their entry to their end"},
          {"sched", "which thread a core runs"},
          {"dm", "a bio comes to the mapped device, the map function returns"},
          {"ocf", "the crypto framework (OCF or the cipher API): dispatch, driver, callback"},
          {"block", "a bio comes to the disk's request queue, the disk's driver ends it"},
          {"disk", "the disk takes a command and ends it"},
          {"guest_errors", "what a driver does wrong to the hardware"},
      }};
  return kInfos;
}

std::uint32_t parse_log_categories(const std::vector<std::string>& names) {
  const auto& infos = log_categories();
  std::uint32_t bits = 0;
  for (const std::string& name : names) {
    std::vector<std::string> known = {"all"};
    std::uint32_t found = name == "all" ? (1u << infos.size()) - 1 : 0;
    for (std::size_t i = 0; i < infos.size(); ++i) {
      known.emplace_back(infos[i].name);
      if (name == infos[i].name) found = 1u << i;
    }
    if (found == 0) {
      throw UsageError(fmt::format("--log: no category '{}'{}; valid: {}", name,
                                   did_you_mean(name, known), fmt::join(known, ", ")));
    }
    bits |= found;
  }
  return bits;
}

}  // namespace cesasim
