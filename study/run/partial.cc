// SPDX-License-Identifier: Apache-2.0
#include "study/run/partial.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/file/atomic_file.h"
#include "base/file/fingerprint.h"
#include "base/text/version.h"
#include "traces/formats/blktrace_reader.h"

namespace cesasim::study {
namespace {

constexpr const char* kSchema = "cesasim-partial-2";

}  // namespace

Identifier::Identifier() : program_(file_fingerprint("/proc/self/exe")) {}

PointIdentity Identifier::of(const Point& point) {
  PointIdentity out;
  out.program = program_;
  Fingerprint config;
  config.add(values_json(point.tree).dump(-1, ' ', false, Json::error_handler_t::replace));
  out.config = config.hex();
  if (const std::string& file = point.scenario.workload.trace_file; !file.empty()) {
    std::string& known = files_[file];
    if (known.empty()) {
      // Of one file its own, which other tools compute too; of several one of theirs.
      const std::vector<std::string> files = traces::trace_files(file);
      Fingerprint all;
      for (const std::string& one : files) all.add(known = file_fingerprint(one));
      if (files.size() != 1) known = all.hex();
    }
    out.trace = known;
  }
  return out;
}

PartialResults::PartialResults(std::string file, std::string study)
    : file_(std::move(file)), study_(std::move(study)) {}

bool PartialResults::exists() const {
  std::error_code error;
  return std::filesystem::exists(file_, error);
}

void PartialResults::check_head(const Json& json) const {
  const char* const restart = "run without --resume to start again";
  const std::string schema = json.at("schema").get<std::string>();
  const std::string version = json.value("version", "");
  if (schema != kSchema || version != kVersion) {
    throw ResumeError(fmt::format(
        "{}: written by {} ({}), and this is cesasim {} ({}), whose results may differ; {}", file_,
        version.empty() ? "an older cesasim" : "cesasim " + version, schema, kVersion, kSchema,
        restart));
  }
  if (const std::string study = json.at("study").get<std::string>(); study != study_) {
    throw ResumeError(fmt::format(
        "{}: holds points of study '{}', and this is study '{}'; give another --out, or "
        "{}",
        file_, study, study_, restart));
  }
}

void PartialResults::load() {
  std::ifstream in(file_, std::ios::binary);
  if (!in) throw ResumeError(fmt::format("{}: cannot be read", file_));
  for (std::string text; std::getline(in, text);) {
    Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
      ++damaged_;
      continue;
    }
    try {
      check_head(json);
      Line line;
      line.identity = {json.at("program").get<std::string>(), json.at("config").get<std::string>(),
                       json.at("trace").get<std::string>()};
      line.result = point_from_json(json.at("result"));
      lines_.push_back(std::move(line));
    } catch (const ResumeError&) {
      throw;
    } catch (const std::exception&) {
      ++damaged_;
    }
  }
}

std::optional<PointResult> PartialResults::take(const Point& point, const PointIdentity& identity,
                                                std::string& why) const {
  why.clear();
  for (const Line& line : lines_) {
    if (!same_axes(line.result.axes, point.axes)) continue;
    if (line.identity == identity) {
      why.clear();
      return line.result;
    }
    why = line.identity.program != identity.program ? "the program has changed"
          : line.identity.config != identity.config ? "its configuration has changed"
                                                    : "its trace has changed";
  }
  return std::nullopt;
}

std::string PartialResults::text(const PointIdentity& identity, const PointResult& result) const {
  Json json;
  json["schema"] = kSchema;
  json["version"] = kVersion;
  json["study"] = study_;
  json["program"] = identity.program;
  json["config"] = identity.config;
  json["trace"] = identity.trace;
  json["result"] = to_json(result);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void PartialResults::start(const std::vector<std::pair<PointIdentity, PointResult>>& keep) {
  remove();
  if (keep.empty()) return;
  std::string all;
  for (const auto& [identity, result] : keep) all += text(identity, result);
  write_file_atomic(file_, all);
}

bool PartialResults::append(const PointIdentity& identity, const PointResult& result) {
  if (given_up_) return false;
  const std::string line = text(identity, result);
  const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  bool good = fd >= 0;
  std::size_t done = 0;
  while (good && done < line.size()) {
    const ssize_t n = ::write(fd, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    good = n > 0;
    if (good) done += static_cast<std::size_t>(n);
  }
  if (fd >= 0 && ::close(fd) != 0) good = false;
  if (!good) {
    given_up_ = true;
    remove();
  }
  return good;
}

void PartialResults::remove() {
  std::error_code error;
  std::filesystem::remove(file_, error);
}

}  // namespace cesasim::study
