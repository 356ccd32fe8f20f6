// SPDX-License-Identifier: Apache-2.0
// Random programs: nothing is lost, nothing runs twice, and running ahead changes nothing.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <random>
#include <sstream>

#include "kernel_model/workqueue.h"
#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

/// Runs `program` in a child process (SystemC elaborates once per process); returns its log.
std::string in_child(const std::function<std::string()>& program) {
  int fd[2];
  if (pipe(fd) != 0) return "no pipe";
  const pid_t pid = fork();
  if (pid == 0) {
    close(fd[0]);
    const std::string out = program() + (testing::Test::HasFailure() ? "FAILED" : "");
    for (std::size_t at = 0; at < out.size();) {
      const ssize_t n = write(fd[1], out.data() + at, out.size() - at);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    std::fflush(stdout);
    _exit(0);
  }
  close(fd[1]);
  std::string out;
  std::array<char, 65536> buffer;
  for (ssize_t n; (n = read(fd[0], buffer.data(), buffer.size())) > 0;) {
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(fd[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) out += "CRASHED";
  return out;
}

constexpr int kThreads = 7;

/// Threads that compute, lock, sleep, wake each other, defer work and set timers at random,
/// among interrupts. Returns one line for every step of every context, with its local time.
std::string random_program(unsigned seed, unsigned cpus, bool run_ahead, const char* preempt) {
  BenchOptions options = with_cpus(cpus);
  options.settings.preempt = preempt;
  Bench b(options);
  Kernel& k = b.k();
  k.set_run_ahead(run_ahead);
  Workqueue wq(k, "w");
  std::ostringstream log;
  auto note = [&](const std::string& who, const char* what) {
    log << k.now() << ' ' << k.smp_processor_id() << ' ' << who << ' ' << what << '\n';
  };
  struct Mate {
    explicit Mate(Kernel& kernel) : wait(kernel) {}
    WaitQueue wait;
    int tokens = 0;
    Tasklet tasklet;
    Timer timer;
  };
  std::vector<std::unique_ptr<Mate>> mates;
  SpinLock lock;
  int in_section = 0;
  for (int i = 0; i < kThreads; ++i) {
    mates.push_back(std::make_unique<Mate>(k));
    const std::string name = std::to_string(i);
    mates.back()->tasklet.fn = [&, name] {
      k.charge_ps(Activity::driver, 12'347);
      note(name, "tasklet");
    };
    mates.back()->timer.fn = [&, name, i] {
      note(name, "timer");
      k.tasklet_schedule(mates[(i + 1) % kThreads]->tasklet);
    };
  }
  std::mt19937 random(seed);
  for (unsigned irq = 10; irq < 13; ++irq) {
    std::vector<Ps> times;
    for (int i = 0; i < 40; ++i) times.push_back(random() % (60 * kMs));
    b.device(
        irq, times,
        [&, irq] {
          k.charge_ps(Activity::driver, 7'919 * irq);
          note("irq" + std::to_string(irq), "handler");
          Mate& mate = *mates[irq % kThreads];
          ++mate.tokens;
          mate.wait.wake_up();
          k.tasklet_schedule(mate.tasklet);
        },
        irq % cpus);
  }
  for (int i = 0; i < kThreads; ++i) {
    const int nice = std::array{-5, 0, 0, 0, 5, 0, 0}[static_cast<std::size_t>(i)];
    const int bound = i % 3 == 2 ? static_cast<int>(i % cpus) : -1;
    Thread** self = new Thread*(nullptr);
    *self = &b.thread(
        std::to_string(i),
        [&, i, self, bound] {
          std::mt19937 r(seed * 1000 + static_cast<unsigned>(i));
          const std::string me = std::to_string(i);
          Mate& mine = *mates[i];
          for (int step = 0; step < 150; ++step) {
            Mate& other = *mates[r() % kThreads];
            switch (r() % 13) {
              case 0:
                b.use(r() % 700'000);
                note(me, "work");
                break;
              case 1: {
                Kernel::IrqLock held(k, lock, Activity::fs);
                EXPECT_EQ(in_section++, 0);
                k.charge_ps(Activity::fs, r() % 90'000);
                if (r() % 2) k.sync();
                note(me, "locked");
                --in_section;
                break;
              }
              case 2:
                note(me, "give");
                ++other.tokens;
                other.wait.wake_up();
                break;
              case 3: {
                const bool got =
                    mine.wait.wait_event_timeout([&] { return mine.tokens > 0; }, r() % (3 * kMs));
                if (got) --mine.tokens;
                note(me, got ? "got" : "timeout");
                break;
              }
              case 4:
                k.tasklet_schedule(other.tasklet);
                note(me, "tasklet_schedule");
                break;
              case 5:
                k.mod_timer(other.timer, r() % (4 * kMs));
                note(me, "mod_timer");
                break;
              case 6:
                k.del_timer(other.timer);
                note(me, "del_timer");
                break;
              case 7:
              case 8:
                b.use_as_user(r() % (3 * kMs));
                note(me, "user");
                break;
              case 9:
                k.cond_resched();
                note(me, "resched");
                break;
              case 10:
                k.yield();
                note(me, "yield");
                break;
              case 11: {
                const Ps work = r() % 50'000;
                wq.queue_work([&, me, work] {
                  k.charge_ps(Activity::dm, work);
                  note(me, "work item");
                });
                note(me, "queue_work");
                break;
              }
              case 12:
                k.memcpy(4096 * (1 + r() % 8), 65536, r() % 4096);
                note(me, "copy");
                break;
            }
            EXPECT_EQ(&k.current(), *self);
            EXPECT_FALSE(k.in_interrupt());
            if (bound >= 0) {
              EXPECT_EQ(k.smp_processor_id(), static_cast<unsigned>(bound));
            }
          }
        },
        nice, bound);
  }
  sc_core::sc_spawn([&] {
    for (;;) {
      sc_core::wait(sc_core::sc_time::from_value(333'331));
      for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        const auto t = k.core_time(cpu);
        EXPECT_EQ(t.busy + t.idle, stamp());
        EXPECT_LE(t.busy, b.charged(cpu));
      }
    }
  });
  b.go();
  log << k.context_switches() << ' ' << k.interrupts() << '\n';
  return log.str();
}

void expect_same(const std::string& a, const std::string& b) {
  EXPECT_THAT(a, testing::Not(testing::HasSubstr("FAILED")));
  EXPECT_THAT(a, testing::Not(testing::HasSubstr("CRASHED")));
  EXPECT_GT(a.size(), 10'000u);
  if (a == b) return;
  std::istringstream ia(a), ib(b);
  std::string la, lb, before;
  for (int line = 1; std::getline(ia, la) && std::getline(ib, lb); ++line) {
    if (la != lb) {
      FAIL() << "line " << line << ": \"" << la << "\" against \"" << lb << "\" after \"" << before
             << "\"";
    }
    before = la;
  }
  FAIL() << "one log is longer";
}

struct Case {
  unsigned cpus;
  unsigned seed;
  const char* preempt = "none";
};

std::string case_name(const testing::TestParamInfo<Case>& i) {
  const bool full = std::string(i.param.preempt) == "full";
  return "cpus" + std::to_string(i.param.cpus) + "seed" + std::to_string(i.param.seed) +
         (full ? "full" : "");
}

class RandomProgram : public testing::TestWithParam<Case> {};

TEST_P(RandomProgram, IsTheSameTwice) {
  const Case c = GetParam();
  auto run = [c] { return random_program(c.seed, c.cpus, true, c.preempt); };
  expect_same(in_child(run), in_child(run));
}

TEST_P(RandomProgram, IsTheSameWithoutRunningAhead) {
  const Case c = GetParam();
  expect_same(in_child([c] { return random_program(c.seed, c.cpus, true, c.preempt); }),
              in_child([c] { return random_program(c.seed, c.cpus, false, c.preempt); }));
}

INSTANTIATE_TEST_SUITE_P(Cores, RandomProgram,
                         testing::Values(Case{1, 1}, Case{1, 2}, Case{1, 3}, Case{2, 1}, Case{2, 2},
                                         Case{4, 1}, Case{1, 1, "full"}, Case{1, 2, "full"},
                                         Case{2, 1, "full"}),
                         case_name);

class Tokens : public testing::TestWithParam<Case> {};

TEST_P(Tokens, NoWakeUpIsLost) {
  // Tokens go from thread to thread; nobody has a time-out. One lost wake-up and all sleep.
  const auto [cpus, seed, preempt] = GetParam();
  BenchOptions options = with_cpus(cpus);
  options.settings.preempt = preempt;
  Bench b(options);
  Kernel& k = b.k();
  struct Place {
    explicit Place(Kernel& kernel) : wait(kernel) {}
    WaitQueue wait;
    int tokens = 0;
  };
  std::vector<std::unique_ptr<Place>> places;
  for (int i = 0; i < kThreads; ++i) places.push_back(std::make_unique<Place>(k));
  places[0]->tokens = 2;
  int passes = 0;
  constexpr int kPasses = 4000;
  Tasklet late;
  std::vector<int> parked;
  auto give = [&](int to) {
    ++places[to]->tokens;
    places[to]->wait.wake_up();
  };
  late.fn = [&] {
    for (const int to : std::exchange(parked, {})) give(to);
  };
  for (int i = 0; i < kThreads; ++i) {
    b.thread(
        std::to_string(i),
        [&, i, seed = seed, cpus = cpus] {
          std::mt19937 r(seed * 77 + static_cast<unsigned>(i));
          Place& mine = *places[i];
          for (;;) {
            mine.wait.wait_event([&] { return mine.tokens > 0; });
            --mine.tokens;
            const bool last = ++passes >= kPasses;  // then once round, to end everybody
            if (r() % 4 == 0) b.use_as_user(r() % 400'000);
            k.charge_ps(Activity::fs, r() % 9'000);
            const int to = last ? (i + 1) % kThreads : static_cast<int>(r() % kThreads);
            if (!last && r() % 5 == 0) {
              parked.push_back(to);
              k.tasklet_schedule(late);
            } else {
              give(to);
            }
            if (last) return;
          }
        },
        static_cast<int>(i % 3) * 3, i % 4 == 3 ? static_cast<int>(i % cpus) : -1);
  }
  b.go(1000 * hw::kPsPerS);
  EXPECT_GE(passes, kPasses);
}

INSTANTIATE_TEST_SUITE_P(Cores, Tokens,
                         testing::Values(Case{1, 1}, Case{2, 1}, Case{2, 2}, Case{3, 1}, Case{4, 1},
                                         Case{4, 2}, Case{1, 1, "full"}, Case{2, 1, "full"}),
                         case_name);

}  // namespace
}  // namespace cesasim::kernel
