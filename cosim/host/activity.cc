// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/activity.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace cesasim::cosim {
namespace {

struct Stat {
  char state = '?';
  pid_t group = 0;
  std::chrono::nanoseconds cpu{};
};

/// proc(5): /proc/PID/stat, whose second field is a name in parentheses.
std::optional<Stat> read_stat(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  Stat stat;
  std::string skipped;
  fields >> stat.state >> skipped >> stat.group;    // state, ppid, pgrp
  for (int i = 6; i <= 13; ++i) fields >> skipped;  // session to cmajflt
  std::uint64_t user = 0, system = 0;
  if (!(fields >> user >> system)) return std::nullopt;
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  stat.cpu = std::chrono::nanoseconds((user + system) * (1'000'000'000 / ticks));
  return stat;
}

bool runs(char state) { return state == 'R' || state == 'D'; }
bool held(char state) { return state == 'T' || state == 't'; }

}  // namespace

std::optional<Activity> activity_of_process(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat) return std::nullopt;
  return Activity{runs(stat->state) || held(stat->state), stat->cpu};
}

Activity activity_of_group(pid_t group) {
  Activity sum;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || end != name.data() + name.size()) continue;
    const auto stat = read_stat(pid);
    if (!stat || stat->group != group) continue;
    sum.awake = sum.awake || runs(stat->state) || (pid == group && held(stat->state));
    sum.cpu += stat->cpu;
  }
  return sum;
}

void Silence::add(std::uint64_t progress, const Activity& activity,
                  std::chrono::nanoseconds elapsed) {
  if (progress_ != progress) {
    progress_ = progress;
    asleep_ = computing_ = {};
  } else {
    // Less than before: one of the processes has ended and took its time out of the sum.
    if (activity.cpu > last_cpu_) computing_ += activity.cpu - last_cpu_;
    if (activity.awake || activity.cpu != last_cpu_) {
      asleep_ = {};
    } else {
      asleep_ += std::min<std::chrono::nanoseconds>(elapsed, kLongestSample);
    }
  }
  last_cpu_ = activity.cpu;
}

}  // namespace cesasim::cosim
