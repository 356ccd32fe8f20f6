// SPDX-License-Identifier: Apache-2.0
#include "study/run/folder_lock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/file/atomic_file.h"
#include "base/file/files.h"
#include "base/text/json.h"

namespace cesasim::study {
namespace {

std::string host_name() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return "unknown";
  return name;
}

/// When a process of this host began, in ticks since the host did; 0 if there is no such process.
/// Tells a process from another one that has got its number since.
long long start_ticks(long long process) {
  std::ifstream in(fmt::format("/proc/{}/stat", process));
  std::string text;
  std::getline(in, text);
  const std::size_t name_end = text.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 3; i < 22; ++i) fields >> field;  // the state is the third field
  long long ticks = 0;
  fields >> ticks;
  return ticks;
}

struct Holder {
  std::string text;  ///< the whole file
  std::string host, started, command;
  long long process = 0, ticks = 0;
  bool readable = false;
};

Holder read_holder(const std::string& file) {
  Holder out;
  try {
    out.text = read_file(file);
  } catch (const std::system_error&) {
    return out;  // gone meanwhile: nothing is known of it
  }
  const Json json = Json::parse(out.text, nullptr, false);
  if (!json.is_object()) return out;
  try {
    out.host = json.at("host").get<std::string>();
    out.process = json.at("process").get<long long>();
    out.ticks = json.at("start_ticks").get<long long>();
    out.started = json.at("started").get<std::string>();
    out.command = json.at("command").get<std::string>();
    out.readable = true;
  } catch (const nlohmann::json::exception&) {
    // by another program: nothing is known of it
  }
  return out;
}

bool is_dead(const Holder& holder) {
  if (!holder.readable || holder.host != host_name()) return false;
  if (::kill(static_cast<pid_t>(holder.process), 0) != 0 && errno == ESRCH) return true;
  const long long ticks = start_ticks(holder.process);
  return ticks != 0 && ticks != holder.ticks;
}

[[noreturn]] void refuse(const std::string& folder, const std::string& file, const Holder& holder) {
  if (!holder.readable) {
    throw FolderInUse(
        fmt::format("{}: {} holds it, which no run of this program wrote; valid: another folder, "
                    "or remove that file",
                    folder, file));
  }
  throw FolderInUse(fmt::format(
      "{}: another run writes there: process {} on {} since {} ({}); valid: another "
      "folder, or wait for its end{}",
      folder, holder.process, holder.host, holder.started, holder.command,
      holder.host == host_name() ? "" : fmt::format("; if it no longer runs, remove {}", file)));
}

}  // namespace

FolderLock::FolderLock(const std::string& folder, const std::string& command) {
  const std::string file = file_of(folder);
  const std::string own = fmt::format("{}.{}.{}", file, host_name(), ::getpid());
  Json json;
  json["host"] = host_name();
  json["process"] = ::getpid();
  json["start_ticks"] = start_ticks(::getpid());
  json["started"] = fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::time(nullptr)));
  json["command"] = command;
  write_file_atomic(own, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  struct Remove {
    std::string file;
    ~Remove() { std::remove(file.c_str()); }
  } const remove_own{own};
  // A dead one is taken over once; whoever comes in between has the folder.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (::link(own.c_str(), file.c_str()) == 0) {
      file_ = file;
      return;
    }
    if (errno != EEXIST) {
      throw OutputError(fmt::format("{}: cannot be written: {}", file, std::strerror(errno)));
    }
    const Holder holder = read_holder(file);
    if (!is_dead(holder)) refuse(folder, file, holder);
    const std::string aside = own + ".old";
    if (std::rename(file.c_str(), aside.c_str()) != 0) continue;  // another took it over
    if (read_holder(aside).text != holder.text) {
      // It was not the dead one any more: back with it.
      (void)!::link(aside.c_str(), file.c_str());
      std::remove(aside.c_str());
      refuse(folder, file, read_holder(file));
    }
    std::remove(aside.c_str());
  }
  refuse(folder, file, read_holder(file));
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, "")) {}

FolderLock::~FolderLock() {
  if (!file_.empty()) std::remove(file_.c_str());
}

}  // namespace cesasim::study
