// SPDX-License-Identifier: Apache-2.0
// The categories of the event log.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace cesasim {

enum class LogCategory : std::uint8_t {
  cesa,          ///< register accesses of the CESA's driver, what the engines do
  ring,          ///< the same of the crypto ring
  irq,           ///< interrupts and softirqs, from their entry to their end
  sched,         ///< which thread a core runs
  dm,            ///< a bio comes to the mapped device, the map function returns
  ocf,           ///< the crypto framework (OCF or the cipher API): dispatch, driver, callback
  block,         ///< a bio comes to the disk's request queue, the disk's driver ends it
  disk,          ///< the disk takes a command and ends it
  guest_errors,  ///< what a driver does wrong to the hardware
  count
};

struct LogCategoryInfo {
  const char* name;
  const char* doc;
};
/// In the order of LogCategory.
const std::array<LogCategoryInfo, static_cast<std::size_t>(LogCategory::count)>& log_categories();

/// The categories of names as "cesa" and "all", one bit each. Throws UsageError for an unknown one,
/// with the nearest and the list.
std::uint32_t parse_log_categories(const std::vector<std::string>& names);

}  // namespace cesasim
