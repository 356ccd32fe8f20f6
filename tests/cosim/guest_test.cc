// SPDX-License-Identifier: Apache-2.0
// How a boot ends, with programs of the host in the place of the guest's kernel; and when silence
// is an end.
#include "cosim/host/guest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/file/files.h"
#include "base/process/process.h"
#include "cosim/host/activity.h"

namespace cesasim::cosim {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(SilenceOf, SomebodyAsleep) {
  Silence silence(seconds(20), seconds(60));
  for (int i = 0; i < 20; ++i) silence.add(7, {false, seconds(3)}, milliseconds(1000));
  EXPECT_FALSE(silence.silent()) << "the first sample is the beginning";
  silence.add(7, {false, seconds(3)}, milliseconds(1000));
  EXPECT_TRUE(silence.silent());
  EXPECT_FALSE(silence.spins());
  silence.reset();
  EXPECT_FALSE(silence.silent());
}

TEST(SilenceOf, SomebodyWhoWaitsForAProcessor) {
  // Hours of host time in which it never ran: that is the machine's load.
  Silence silence(seconds(20), seconds(60));
  for (int i = 0; i < 1000; ++i) silence.add(7, {true, seconds(3)}, seconds(60));
  EXPECT_FALSE(silence.silent());
  EXPECT_FALSE(silence.spins());
  // A little progress, or a little processor time, now and then.
  for (int i = 0; i < 1000; ++i) {
    silence.add(static_cast<std::uint64_t>(8 + i / 10), {false, seconds(3)}, milliseconds(1000));
  }
  EXPECT_FALSE(silence.silent());
  for (int i = 0; i < 1000; ++i) silence.add(9, {false, milliseconds(i)}, milliseconds(1000));
  EXPECT_FALSE(silence.silent());
}

TEST(SilenceOf, SamplesThatComeLate) {
  // The watcher had no processor for a minute: neither had the others.
  Silence silence(seconds(20), seconds(60));
  for (int i = 0; i < 20; ++i) silence.add(7, {false, seconds(3)}, seconds(60));
  EXPECT_FALSE(silence.silent());
}

TEST(SilenceOf, SomebodyWhoComputesForNothing) {
  Silence silence(seconds(20), seconds(60));
  for (int i = 0; i <= 59; ++i) silence.add(7, {true, seconds(i)}, milliseconds(1000));
  EXPECT_FALSE(silence.spins());
  silence.add(7, {true, seconds(60)}, milliseconds(1000));
  EXPECT_TRUE(silence.spins());
  silence.add(8, {true, seconds(61)}, milliseconds(1000));
  EXPECT_FALSE(silence.spins()) << "it got on";
  // Of a group whose members end, the sum falls.
  silence.add(8, {true, seconds(1)}, milliseconds(1000));
  silence.add(8, {true, seconds(2)}, milliseconds(1000));
  EXPECT_FALSE(silence.spins());
}

TEST(ActivityOf, ProcessesOfTheHost) {
  ChildProcess sleeper([] { return execute({"sleep", "1000"}); });
  std::optional<Activity> seen;
  do {  // until it sleeps in its own program
    usleep(1000);
    seen = activity_of_process(sleeper.pid());
    ASSERT_TRUE(seen);
  } while (seen->awake);
  ChildProcess runner([]() -> int {
    const volatile bool ever = true;
    while (ever) {
    }
    return 0;
  });
  do {
    seen = activity_of_process(runner.pid());
    ASSERT_TRUE(seen);
    EXPECT_TRUE(seen->awake);
    usleep(1000);
  } while (seen->cpu < milliseconds(30));
  EXPECT_GE(activity_of_group(runner.pid()).cpu, milliseconds(30));
  ::kill(runner.pid(), SIGSTOP);
  usleep(1000);
  EXPECT_TRUE(activity_of_process(runner.pid())->awake) << "held is not silent";
  const pid_t gone = runner.pid();
  runner.kill_group();
  EXPECT_FALSE(activity_of_process(gone));
}

class Guest : public testing::Test {
 protected:
  Guest() {
    for (const char* tool : {"busybox", "dmsetup", "mke2fs", "dtc"}) {
      if (find_program(tool).empty()) missing_ = tool;
    }
    kernel.program = folder.path() / "linux";
    for (fs::path* file : {&kernel.glue_module, &kernel.dmcrypt_module, &kernel.crowd_module,
                           &kernel.guest_program}) {
      *file = folder.path() / "file";
    }
    write_file(folder.path() / "file", "");
    fs::create_directories(folder.path() / "cosim" / "guest");
    write_file(folder.path() / "cosim" / "guest" / "init", "");
    options.silence_limit = seconds(2);
    options.computing_limit = seconds(2);
  }
  void SetUp() override {
    if (!missing_.empty()) GTEST_SKIP() << "no " << missing_;
  }
  /// `script` runs as the guest's kernel; its descriptor 3 is the result line.
  GuestOutcome boot(const std::string& script) {
    write_file(kernel.program, "#!/bin/sh\n" + script + "\n");
    ::chmod(kernel.program.c_str(), 0755);
    return boot_guest(kernel, device, folder.path(), options);
  }
  /// A guest that is up and plays `how` of fake_guest.cc.
  GuestOutcome play(const std::string& how) {
    return boot("echo 'up 6.1.192' >&3; exec " + fs::absolute("tests/cosim/fake_guest").string() +
                " " + how + " \"$@\"");
  }
  TemporaryFolder folder;
  Kernel kernel;
  DeviceOptions device;
  GuestOptions options;

 private:
  std::string missing_;
};

TEST_F(Guest, ThatCannotStartSaysWhy) {
  const GuestOutcome out = boot(
      "echo 'Linux version 6.1.192'\n"
      "echo 'userspace - ptrace set fp regs failed, errno = 14'\n"
      "echo 'Kernel panic - not syncing: Attempted to kill init!'\n"
      "exit 1");
  EXPECT_FALSE(out.ok);
  EXPECT_EQ(out.end, GuestEnd::never_up);
  EXPECT_THAT(out.failure, HasSubstr("ptrace set fp regs failed, errno = 14"));
  EXPECT_THAT(out.failure, HasSubstr("Attempted to kill init"));
}

TEST_F(Guest, WithoutAnExecutableMemoryFileSystem) {
  const GuestOutcome out = boot("echo '/dev/shm must be not mounted noexec' >&2; exit 1");
  EXPECT_THAT(out.failure, HasSubstr("/dev/shm must be not mounted noexec"));
}

TEST_F(Guest, ThatIsNoProgramOfThisMachine) {
  write_file(kernel.program,
             "\x7f"
             "ELF no program");
  ::chmod(kernel.program.c_str(), 0755);
  const GuestOutcome out = boot_guest(kernel, device, folder.path(), options);
  EXPECT_EQ(out.end, GuestEnd::never_up);
  EXPECT_THAT(out.failure, HasSubstr("its console"));
}

TEST_F(Guest, ThatEndsAsPlanned) {
  // No device was used, so none is missed.
  const GuestOutcome out = boot("echo 'up 6.1.192' >&3; echo end >&3");
  EXPECT_TRUE(out.ok) << out.failure;
  EXPECT_EQ(out.end, GuestEnd::planned);
  EXPECT_FALSE(out.injected);
}

TEST_F(Guest, ThatSaysNothingEndsBySilence) {
  const GuestOutcome out = boot("echo 'up 6.1.192' >&3; sleep 1000");
  EXPECT_EQ(out.end, GuestEnd::silent);
  EXPECT_THAT(out.failure, HasSubstr("neither the guest nor its device has done anything for 2 s"));
}

TEST_F(Guest, ThatComputesForNothingIsToldFromASilentOne) {
  const GuestOutcome out = boot("echo 'up 6.1.192' >&3; while :; do :; done");
  EXPECT_EQ(out.end, GuestEnd::spins);
  EXPECT_THAT(out.failure, HasSubstr("simulated time stood still"));
}

// The device is the guest's only sibling.
const char* const kKillDevice =
    "echo 'up 6.1.192' >&3\n"
    "for p in $(cat /proc/$PPID/task/*/children); do\n"
    "  [ $p = $$ ] || { kill -9 $p; device=$p; }\n"
    "done\n";

TEST_F(Guest, WhoseDeviceDies) {
  // A killed process is not dead at once.
  const GuestOutcome out = boot(std::string(kKillDevice) +
                                "while grep -q '^State:.[^ZX]' /proc/$device/status; do :; done\n"
                                "echo end >&3");
  EXPECT_EQ(out.end, GuestEnd::device_died);
  EXPECT_THAT(out.failure, HasSubstr("the device's process was ended by signal 9"));
}

TEST_F(Guest, ThatLivesOnAfterItsDeviceDied) {
  // That is what ended it, however the guest takes it.
  const GuestOutcome out = boot(std::string(kKillDevice) + "sleep 1000");
  EXPECT_EQ(out.end, GuestEnd::device_died);
}

TEST_F(Guest, ThatLeavesItsDeviceAndLivesOn) {
  const GuestOutcome out = play("leaves");
  EXPECT_EQ(out.end, GuestEnd::orphan);
  EXPECT_THAT(out.failure, HasSubstr("the guest did not end with its device"));
}

TEST_F(Guest, WhoseDeviceSleepsOverAMessage) {
  const GuestOutcome out = play("half");
  EXPECT_EQ(out.end, GuestEnd::device_silent);
  EXPECT_THAT(out.failure, HasSubstr("the device has not responded for 2 s"));
}

TEST_F(Guest, ThatBreaksTheProtocol) {
  const GuestOutcome out = play("nonsense");
  EXPECT_EQ(out.end, GuestEnd::protocol);
  EXPECT_THAT(out.failure, HasSubstr("time travel: operation 77"));
}

TEST_F(Guest, WithALimitOfSimulatedTime) {
  device.time_limit_ns = 50'000'000'000;
  const GuestOutcome out = play("late");
  EXPECT_EQ(out.end, GuestEnd::simulated_limit);
  EXPECT_THAT(out.failure, HasSubstr("simulated time reached its limit of 50 s"));
}

TEST_F(Guest, WithAHostTimeLimitOfTheUser) {
  options.wall_limit = seconds(1);
  options.silence_limit = seconds(1000);
  const GuestOutcome out = boot("echo 'up 6.1.192' >&3; sleep 1000");
  EXPECT_EQ(out.end, GuestEnd::wall_limit);
  EXPECT_THAT(out.failure, HasSubstr("--wall-limit"));
}

}  // namespace
}  // namespace cesasim::cosim
