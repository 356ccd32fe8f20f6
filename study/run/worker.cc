// SPDX-License-Identifier: Apache-2.0
#include "study/run/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>

namespace cesasim::study {
namespace {

// The worker's ends of the pipes, fixed so that the command line can name them.
constexpr int kInFd = 3;
constexpr int kOutFd = 4;
constexpr int kStatusFd = 5;
constexpr std::size_t kStderrKept = 4096;

struct Pipe {
  FileDescriptor read, write;
  Pipe() {
    int fds[2];
    // Close-on-exec: a worker must not hold the other workers' pipes open.
    if (::pipe2(fds, O_CLOEXEC) != 0) throw_errno("pipe");
    read = FileDescriptor(fds[0]);
    write = FileDescriptor(fds[1]);
  }
};

void write_text(int fd, const std::string& text) {
  write_all(fd, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Json window_json(const TimeWindow& window) {
  Json out = {{"from", window.from}};
  if (!std::isinf(window.to)) out["to"] = window.to;  // JSON knows no infinity
  return out;
}

TimeWindow window_from(const Json& json) {
  TimeWindow out;
  out.from = json.at("from").get<double>();
  out.to = json.value("to", out.to);
  return out;
}

Json observe_json(const ObserveOptions& o) {
  return {{"requests", o.requests},
          {"requests_window", window_json(o.requests_window)},
          {"timeline", o.timeline},
          {"timeline_window", window_json(o.timeline_window)},
          {"log", o.log},
          {"log_window", window_json(o.log_window)},
          {"record", o.record},
          {"record_disk", o.record_disk},
          {"log_categories", o.log_categories}};
}

ObserveOptions observe_from(const Json& json) {
  ObserveOptions o;
  o.requests = json.at("requests").get<std::string>();
  o.requests_window = window_from(json.at("requests_window"));
  o.timeline = json.at("timeline").get<std::string>();
  o.timeline_window = window_from(json.at("timeline_window"));
  o.log = json.at("log").get<std::string>();
  o.log_window = window_from(json.at("log_window"));
  o.log_categories = json.at("log_categories").get<std::uint32_t>();
  o.record = json.at("record").get<std::string>();
  o.record_disk = json.at("record_disk").get<std::string>();
  return o;
}

/// What worker_main() reads.
Json job_json(const Point& point, const WorkerOptions& options) {
  Json job;
  job["axes"] = point.axes;
  job["tree"] = to_json(point.tree);
  job["trace_file"] = point.scenario.workload.trace_file;
  if (!options.vcd.file.empty()) {
    job["vcd"] = window_json({options.vcd.from, options.vcd.to});
    job["vcd"]["file"] = options.vcd.file;
  }
  if (!options.export_image.empty()) job["export_image"] = options.export_image;
  if (options.observe.wanted()) job["observe"] = observe_json(options.observe);
  return job;
}

/// The inverse of job_json() for what a point writes.
PointOptions point_options(const Json& job) {
  PointOptions options;
  if (const auto vcd = job.find("vcd"); vcd != job.end()) {
    const TimeWindow window = window_from(*vcd);
    options.vcd.file = vcd->at("file").get<std::string>();
    options.vcd.from = window.from;
    options.vcd.to = window.to;
  }
  options.export_image = job.value("export_image", "");
  if (const auto o = job.find("observe"); o != job.end()) options.observe = observe_from(*o);
  return options;
}

/// Everything up to the end; nullopt if it cannot be read.
std::optional<std::string> read_all(int fd) {
  std::string text;
  char buffer[65536];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof(buffer))) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

void read_into(FileDescriptor& fd, std::string& text) {
  char buffer[65536];
  while (fd.get() >= 0) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof(buffer));
    if (n > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    fd.reset();
  }
}

}  // namespace

Worker::Worker(std::size_t index, const Point& point, const WorkerOptions& options)
    : index_(index), axes_(point.axes), config_(values_json(point.tree)) {
  FileDescriptor input(::memfd_create("point", MFD_CLOEXEC));
  if (input.get() < 0) throw_errno("memfd_create");
  write_text(input.get(),
             job_json(point, options).dump(-1, ' ', false, Json::error_handler_t::replace));
  if (::lseek(input.get(), 0, SEEK_SET) < 0) throw_errno("lseek");

  Pipe out, error, status;
  std::vector<std::string> arguments = options.worker;
  for (int fd : {kInFd, kOutFd, kStatusFd}) arguments.push_back(std::to_string(fd));
  child_ = ChildProcess([&] {
    // Lift our ends above the fixed numbers first, so that none is overwritten.
    const int in = ::fcntl(input.get(), F_DUPFD, 10);
    const int o = ::fcntl(out.write.get(), F_DUPFD, 10);
    const int s = ::fcntl(status.write.get(), F_DUPFD, 10);
    const int e = ::fcntl(error.write.get(), F_DUPFD, 10);
    ::dup2(in, kInFd);
    ::dup2(o, kOutFd);
    ::dup2(s, kStatusFd);
    ::dup2(e, STDOUT_FILENO);
    ::dup2(e, STDERR_FILENO);
    for (int fd : {in, o, s, e}) ::close(fd);
    return execute(arguments);
  });
  out_ = std::move(out.read);
  error_ = std::move(error.read);
  status_ = std::move(status.read);
  for (const FileDescriptor* fd : {&out_, &error_, &status_})
    ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
}

void Worker::add_fds(std::vector<pollfd>& fds) const {
  for (const FileDescriptor* fd : {&out_, &error_, &status_}) {
    if (fd->get() >= 0) fds.push_back({fd->get(), POLLIN, 0});
  }
}

bool Worker::drain() {
  read_into(out_, result_text_);
  read_into(error_, stderr_text_);
  if (stderr_text_.size() > 4 * kStderrKept) {
    stderr_text_.erase(0, stderr_text_.size() - kStderrKept);
  }
  read_into(status_, status_text_);
  parse_status();
  return out_.get() >= 0 || error_.get() >= 0 || status_.get() >= 0;
}

PointResult Worker::finish() {
  child_.wait();
  const int status = child_.status();
  PointResult out;
  std::string problem;
  if (WIFSIGNALED(status)) {
    problem = fmt::format("the worker died: {}", ::strsignal(WTERMSIG(status)));
  } else if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    problem = fmt::format("the worker exited with code {}", WEXITSTATUS(status));
  } else {
    try {
      out = point_from_json(Json::parse(result_text_));
    } catch (const std::exception& error) {
      problem = fmt::format("the worker's result cannot be read ({})", error.what());
    }
  }
  if (!problem.empty()) {
    out = PointResult();
    out.status = Status::failed;
    std::string tail = stderr_text_.size() > kStderrKept
                           ? stderr_text_.substr(stderr_text_.size() - kStderrKept)
                           : stderr_text_;
    while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.pop_back();
    out.error = tail.empty() ? problem : problem + ": " + tail;
  }
  out.axes = axes_;
  out.config = config_;
  check_integrity(out);
  return out;
}

/// Lines "sim_seconds fraction"; the last complete one counts.
void Worker::parse_status() {
  const std::size_t end = status_text_.rfind('\n');
  if (end == std::string::npos) return;
  const std::size_t begin = end == 0 ? 0 : status_text_.rfind('\n', end - 1) + 1;
  Progress read;
  if (std::sscanf(status_text_.c_str() + begin, "%lf %lf", &read.sim_seconds, &read.fraction) ==
      2) {
    progress_ = read;
    progress_.fraction = std::clamp(progress_.fraction, 0.0, 1.0);
  }
  status_text_.erase(0, end + 1);
}

int worker_main(int in_fd, int out_fd, int status_fd) {
  const std::optional<std::string> text = read_all(in_fd);
  if (!text) return 2;
  const Json job = Json::parse(*text);
  Tree tree = tree_from_json(job.at("tree"));
  // The tree is resolved and checked already: no preset is looked up here.
  Scenario scenario = read_scenario(tree, Library({}));
  scenario.workload.trace_file = job.at("trace_file").get<std::string>();

  auto last = std::chrono::steady_clock::now();
  PointOptions options = point_options(job);
  options.progress = [&last, status_fd](const Progress& p) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::milliseconds(200)) return;
    last = now;
    const std::string line = fmt::format("{} {}\n", p.sim_seconds, p.fraction);
    (void)!::write(status_fd, line.data(), line.size());
  };
  const auto start = std::chrono::steady_clock::now();
  PointResult result;
  try {
    result = run_point(scenario, options);
  } catch (const std::exception& error) {
    result.status = Status::failed;
    result.error = error.what();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!find_value(result.metrics, "host_seconds")) {
    result.metrics.emplace_back("host_seconds", seconds);
  }
  write_text(out_fd, to_json(result).dump(-1, ' ', false, Json::error_handler_t::replace));
  return 0;
}

}  // namespace cesasim::study
