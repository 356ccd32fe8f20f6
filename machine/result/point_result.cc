// SPDX-License-Identifier: Apache-2.0
#include "machine/result/point_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace cesasim {
namespace {

Json metrics_json(const MetricList& list) {
  Json out = Json::object();
  for (const auto& [name, value] : list) {
    // JSON has no infinity and no NaN.
    out[name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  }
  return out;
}

MetricList metrics_from(const Json& json) {
  MetricList out;
  for (const auto& [name, value] : json.items()) {
    out.emplace_back(name, value.is_null() ? std::nan("") : value.get<double>());
  }
  return out;
}

}  // namespace

std::optional<double> find_value(const MetricList& list, const std::string& name) {
  for (const auto& [key, value] : list) {
    if (key == name) return value;
  }
  return std::nullopt;
}

const char* status_name(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::failed:
      return "failed";
    case Status::broken:
      return "broken";
  }
  return "";
}

bool PointResult::broken_is_tolerated() const {
  return status == Status::broken && config.is_object() &&
         config.value("on_broken", "") == "report";
}

const PhaseResult* PointResult::find_phase(const std::string& name) const {
  for (const PhaseResult& phase : phases) {
    if (phase.name == name) return &phase;
  }
  return nullptr;
}

std::string hit_text(const FaultResult& fault) {
  std::string out;
  for (const auto& [site, count] : fault.hit) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", site, count);
  }
  return out;
}

Json to_json(const PointResult& result) {
  Json out;
  out["axes"] = result.axes;
  out["status"] = status_name(result.status);
  if (!result.error.empty()) out["error"] = result.error;
  out["metrics"] = metrics_json(result.metrics);
  Json& phases = out["phases"] = Json::array();
  for (const PhaseResult& phase : result.phases) {
    phases.push_back(Json{{"name", phase.name}, {"metrics", metrics_json(phase.metrics)}});
  }
  Json& integrity = out["integrity"] = Json::object();
  for (const auto& [name, count] : result.integrity) integrity[name] = count;
  if (!result.faults.empty()) {
    Json& faults = out["faults"] = Json::object();
    for (const FaultResult& f : result.faults) {
      Json& fault = faults[f.name] =
          Json{{"kind", f.kind}, {"opportunities", f.opportunities}, {"fired", f.fired}};
      for (const auto& [site, count] : f.hit) fault["hit"][site] = count;
    }
  }
  if (!result.broken_guarantees.empty()) out["broken_guarantees"] = result.broken_guarantees;
  if (!result.dma_hazards.empty()) out["dma_hazards"] = result.dma_hazards;
  if (!result.notes.empty()) out["notes"] = result.notes;
  if (!result.series.is_null()) out["series"] = result.series;
  if (!result.latency_histogram.is_null()) out["latency_histogram"] = result.latency_histogram;
  out["config"] = result.config;
  return out;
}

PointResult point_from_json(const Json& json) {
  try {
    PointResult out;
    out.axes = json.at("axes");
    const std::string status = json.at("status").get<std::string>();
    if (status == "ok") {
      out.status = Status::ok;
    } else if (status == "failed") {
      out.status = Status::failed;
    } else if (status == "broken") {
      out.status = Status::broken;
    } else {
      throw std::runtime_error(fmt::format("unknown status '{}'", status));
    }
    out.error = json.value("error", "");
    out.metrics = metrics_from(json.at("metrics"));
    for (const Json& phase : json.at("phases")) {
      out.phases.push_back(
          {phase.at("name").get<std::string>(), metrics_from(phase.at("metrics"))});
    }
    for (const auto& [name, count] : json.at("integrity").items()) {
      out.integrity.emplace_back(name, count.get<std::uint64_t>());
    }
    if (const auto faults = json.find("faults"); faults != json.end()) {
      for (const auto& [name, f] : faults->items()) {
        out.faults.push_back({name, f.at("kind").get<std::string>(),
                              f.at("opportunities").get<std::uint64_t>(),
                              f.at("fired").get<std::uint64_t>()});
        if (!f.contains("hit")) continue;
        for (const auto& [site, count] : f["hit"].items()) {
          out.faults.back().hit.emplace_back(site, count.get<std::uint64_t>());
        }
      }
    }
    out.broken_guarantees = json.value("broken_guarantees", std::vector<std::string>{});
    out.dma_hazards = json.value("dma_hazards", std::vector<std::string>{});
    out.notes = json.value("notes", std::vector<std::string>{});
    out.series = json.value("series", Json());
    out.latency_histogram = json.value("latency_histogram", Json());
    if (json.contains("config")) out.config = json["config"];
    return out;
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("not a point's result: {}", json_problem(error)));
  }
}

const std::vector<IntegrityCounter>& integrity_counters() {
  static const std::vector<IntegrityCounter> table = {
      {"requests_ended", "bios (benchmark: operations) that ended", false},
      {"verified_reads", "reads (benchmark: operations) whose data was right", false},
      {"verified_sectors", "sectors read whose data was right", false},
      {"verified_disk_sectors", "sectors that held the right ciphertext after the run", false},
      {"mismatched_sectors", "sectors with wrong data, when read or on the disk after the run",
       true},
      {"clobbered_sectors", "sectors whose caller's page was changed by a write", true},
      {"plaintext_sectors", "sectors whose plaintext reached the disk", true},
      {"lost_requests", "requests that never ended", true},
      {"hung_requests", "requests that took longer than verdict.hang_seconds", false},
      {"double_ended", "bios that ended twice", true},
      {"unreported_errors", "errors that no bio carried", true},
      {"guest_errors", "mistakes of drivers that the hardware noticed", true},
      {"dma_hazards", "accesses to a buffer by the wrong side, between processor and device", true},
      {"unimplemented", "uses of what the hardware model does not have", true},
      {"write_timeouts", "writes that gave up waiting for their callbacks", true},
      {"late_callbacks", "callbacks after their writer had given up", false},
      {"flags_not_carried", "writes whose FUA or preflush flag was dropped", false},
      {"skipped_lines", "lines of the trace that did not parse", false},
  };
  return table;
}

const std::vector<std::string>& fault_counters() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const IntegrityCounter& c : integrity_counters()) {
      if (c.is_fault) out.emplace_back(c.name);
    }
    return out;
  }();
  return names;
}

void count_integrity(PointResult& result, const char* name, std::uint64_t count) {
  const std::string wanted = name;
  for (const IntegrityCounter& c : integrity_counters()) {
    if (c.name != wanted) continue;
    result.integrity.emplace_back(wanted, count);
    return;
  }
  throw std::logic_error("integrity counter " + wanted + " is not in the table");
}

void check_integrity(PointResult& result) {
  if (result.status != Status::ok) return;
  std::string faults;
  for (const auto& [name, count] : result.integrity) {
    const auto& counters = fault_counters();
    if (count == 0 || std::find(counters.begin(), counters.end(), name) == counters.end()) {
      continue;
    }
    if (!faults.empty()) faults += ", ";
    faults += fmt::format("{} {}", name, count);
  }
  if (faults.empty()) return;
  result.status = Status::broken;
  result.error = "integrity broken: " + faults;
}

}  // namespace cesasim
