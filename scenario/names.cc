// SPDX-License-Identifier: Apache-2.0
#include "scenario/names.h"

#include <fmt/format.h>

#include <stdexcept>

#include "driver/driver_info.h"
#include "hw_model/common/fault.h"

namespace cesasim {

const dmcrypt::PathInfo& path_info(const std::string& name) {
  for (const dmcrypt::PathInfo& info : dmcrypt::crypt_paths()) {
    if (name == info.name) return info;
  }
  throw std::invalid_argument("no path " + name);
}
std::vector<Named> path_list() {
  std::vector<Named> out;
  for (const dmcrypt::PathInfo& p : dmcrypt::crypt_paths()) out.push_back({p.name, p.doc});
  return out;
}

std::vector<Named> driver_list() {
  std::vector<Named> out;
  for (const driver::DriverInfo& d : driver::kDrivers) {
    out.push_back({d.name, d.doc});
    if (d.ocf_only) {
      out.back().doc +=
          " (a driver of OCF, not of Linux's cipher API: no stock kernel has ever done path "
          "modern over it)";
    } else if (d.allocates_memory) {
      out.back().doc +=
          " (over it no stock kernel since Linux 5.10 does path modern: its dm-crypt refuses "
          "drivers that allocate memory, see dmcrypt.allow_allocating_drivers)";
    }
  }
  return out;
}

namespace {

/// "0 the page cache, 1 dm-crypt's bounce pages": the places of a kind of allocation.
std::string alloc_sites(hw::FaultKind kind) {
  std::string out;
  for (unsigned i = 0; i < static_cast<unsigned>(hw::AllocSite::count); ++i) {
    const auto site = static_cast<hw::AllocSite>(i);
    if (hw::alloc_site_kind(site) != kind) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", i, hw::alloc_site_name(site));
  }
  return out;
}

}  // namespace

std::vector<Named> fault_list() {
  std::vector<Named> out;
  for (const hw::FaultInfo& info : hw::kFaultInfos) {
    std::string doc = info.doc;
    if (*info.place != '\0') doc += fmt::format("; place: {}", info.place);
    if (hw::at_alloc_site(info.kind)) doc += ": " + alloc_sites(info.kind);
    if (*info.note != '\0') doc += fmt::format(" ({})", info.note);
    out.push_back({info.name, doc});
  }
  return out;
}

}  // namespace cesasim
