// SPDX-License-Identifier: Apache-2.0
#include "base/process/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "base/process/fd.h"

namespace cesasim {
namespace {

volatile sig_atomic_t g_interrupted = 0;
constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
std::array<struct sigaction, kSignals.size()> g_previous;
int g_watches = 0;

void note_signal(int) {
  if (g_interrupted != 0) ::_exit(kInterrupted);
  g_interrupted = 1;
}

constexpr std::chrono::milliseconds kPoll{20};

}  // namespace

SignalWatch::SignalWatch() {
  if (g_watches++ > 0) return;
  struct sigaction action = {};
  action.sa_handler = note_signal;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &action, &g_previous[i]);
  }
}

SignalWatch::~SignalWatch() {
  if (--g_watches > 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &g_previous[i], nullptr);
  }
  g_interrupted = 0;
}

bool SignalWatch::interrupted() { return g_interrupted != 0; }

ChildProcess::ChildProcess(const std::function<int()>& body) : ended_(false) {
  std::fflush(nullptr);  // or both would print what is buffered
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    ::setpgid(0, 0);
    for (const int signal : kSignals) ::signal(signal, SIG_DFL);
    // Should the command be killed outright.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    const int code = body();
    std::fflush(nullptr);
    ::_exit(code);
  }
  ::setpgid(pid_, pid_);  // whichever of the two comes first
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill_group();
    pid_ = std::exchange(other.pid_, -1);
    ended_ = std::exchange(other.ended_, true);
    status_ = other.status_;
  }
  return *this;
}

ChildProcess::~ChildProcess() { kill_group(); }

bool ChildProcess::ended() {
  if (ended_) return true;
  const pid_t got = ::waitpid(pid_, &status_, WNOHANG);
  ended_ = got == pid_;
  return ended_;
}

void ChildProcess::wait() {
  while (!ended_) {
    const pid_t got = ::waitpid(pid_, &status_, 0);
    if (got == pid_ || (got < 0 && errno != EINTR)) ended_ = true;
  }
}

bool ChildProcess::wait_for(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!ended()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

void ChildProcess::kill_group() {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);  // also what the child left behind when it ended by itself
  wait();
  pid_ = -1;
}

std::string status_text(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "signal " + std::to_string(WTERMSIG(wait_status));
  return "exit code " + std::to_string(WEXITSTATUS(wait_status));
}

int execute(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  std::fprintf(stderr, "cannot start '%s': %s\n", argv[0], std::strerror(errno));
  return 127;
}

int run_logged(const std::vector<std::string>& command, const std::string& log_file) {
  ChildProcess child([&] {
    const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    const int null = ::open("/dev/null", O_RDONLY);
    if (log < 0 || null < 0) return 127;
    ::dup2(null, STDIN_FILENO);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    return execute(command);
  });
  while (!child.wait_for(std::chrono::milliseconds(100))) {
    if (SignalWatch::interrupted()) throw Interrupted();
  }
  const int status = child.status();
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string output_of(const std::vector<std::string>& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  FileDescriptor in(ends[0]);
  FileDescriptor out(ends[1]);
  ChildProcess child([&] {
    ::dup2(out.get(), STDOUT_FILENO);
    return execute(command);
  });
  out.reset();
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(in.get(), buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
    if (n == 0) break;
    if (n < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "read");
    if (SignalWatch::interrupted()) throw Interrupted();
  }
  while (!child.wait_for(std::chrono::milliseconds(100))) {
    if (SignalWatch::interrupted()) throw Interrupted();
  }
  if (child.status() != 0) {
    throw std::runtime_error(command[0] + " failed: " + status_text(child.status()));
  }
  return text;
}

}  // namespace cesasim
