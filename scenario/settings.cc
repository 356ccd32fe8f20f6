// SPDX-License-Identifier: Apache-2.0
#include "scenario/settings.h"

#include "scenario/names.h"

namespace cesasim {

hw::FaultRule FaultSettings::rule() const {
  hw::FaultRule r;
  r.name = name;
  for (const hw::FaultInfo& info : hw::kFaultInfos) {
    if (kind == info.name) r.kind = info.kind;
  }
  r.nth = nth;
  r.every = every;
  r.probability = probability;
  r.first = first;
  r.last = last;
  constexpr auto kPsPerS = static_cast<double>(hw::kPsPerS);
  r.from = static_cast<hw::Ps>(from * kPsPerS);
  if (to < kNever) r.to = static_cast<hw::Ps>(to * kPsPerS);
  r.times = times;
  return r;
}

bool Scenario::path_uses_ocf() const { return path_info(dmcrypt.path).ocf; }

bool Scenario::path_is_historical() const { return path_info(dmcrypt.path).historical; }

driver::Recovery Scenario::recovery() const {
  const bool path = dmcrypt.path == "ocf-async" || dmcrypt.path == "modern" ||
                    ocf.driver == "cesa_ring" || workload.bench.wanted();
  return {ocf.recovery == "watchdog" || (ocf.recovery == "path" && path), ocf.drivers.watchdog_ms,
          ocf.retry_tick};
}

}  // namespace cesasim
