// SPDX-License-Identifier: Apache-2.0
// The host's side without a kernel: what it writes for the guest and reads from it, and what it
// says to bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file/files.h"
#include "base/process/process.h"
#include "cosim/device/injection.h"
#include "cosim/host/cpio.h"
#include "cosim/host/expectations.h"
#include "cosim/host/guest_report.h"
#include "cosim/host/host_check.h"
#include "cosim/host/kernel.h"

namespace cesasim::cosim {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

// The field at `index` (of 8 hexadecimal digits each) of the newc header at `at`.
unsigned long field(const std::string& archive, std::size_t at, unsigned index) {
  return std::strtoul(archive.substr(at + 6 + 8 * index, 8).c_str(), nullptr, 16);
}

TEST(Cpio, EntriesAsTheKernelReadsThem) {
  CpioWriter writer;
  writer.add_file("/a/b", "hello", 0640);
  writer.add_link("/l", "a/b");
  const std::string archive = writer.finish();
  struct Entry {
    std::string name, content;
    unsigned long mode;
  };
  std::vector<Entry> entries;
  for (std::size_t at = 0; at < archive.size();) {
    ASSERT_EQ(archive.substr(at, 6), "070701");
    const unsigned long bytes = field(archive, at, 6);
    const unsigned long name_bytes = field(archive, at, 11);
    const std::string name = archive.substr(at + 110, name_bytes - 1);
    ASSERT_EQ(archive[at + 110 + name_bytes - 1], '\0');
    const std::size_t data = (at + 110 + name_bytes + 3) & ~std::size_t{3};
    entries.push_back({name, archive.substr(data, bytes), field(archive, at, 1)});
    at = (data + bytes + 3) & ~std::size_t{3};
  }
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[0].mode, 0040755u);
  EXPECT_EQ(entries[1].name, "a/b");
  EXPECT_EQ(entries[1].content, "hello");
  EXPECT_EQ(entries[1].mode, 0100640u);
  EXPECT_EQ(entries[2].content, "a/b");
  EXPECT_EQ(entries[2].mode, 0120777u);
  EXPECT_EQ(entries[3].name, "TRAILER!!!");
}

TEST(Cpio, BadPathsAreRefused) {
  CpioWriter writer;
  EXPECT_THROW(writer.add_file("relative", ""), std::invalid_argument);
  EXPECT_THROW(writer.add_file("/folder/", ""), std::invalid_argument);
  writer.add_file("/twice", "");
  EXPECT_THROW(writer.add_file("/twice", ""), std::invalid_argument);
  EXPECT_THROW(writer.add_host_file("/x", "/nonexistent/file"), std::system_error);
}

TEST(Report, EveryKindOfLine) {
  const GuestReport r = parse_guest_report(
      "up 6.1.192\r\n"
      "algorithm mv-cbc-aes passed 300\r\n"
      "algorithm mv-md5 unknown 0\n"
      "algorithm mv-sha1 missing\n"
      "check dmcrypt-read ok\n"
      "check dmcrypt-write failed cp: no space left\n"
      "speed dmcrypt-read 4194304 55000000\n"
      "irq 65: 1795\nirq 66: 224\n"
      "something else\n"
      "exit 3\nend\n");
  EXPECT_EQ(r.release, "6.1.192");
  ASSERT_EQ(r.algorithms.size(), 3u);
  EXPECT_TRUE(r.find("mv-cbc-aes")->passed);
  EXPECT_EQ(r.find("mv-cbc-aes")->priority, 300);
  EXPECT_FALSE(r.find("mv-md5")->passed);
  EXPECT_EQ(r.find("mv-sha1")->state, "missing");
  EXPECT_EQ(r.find("mv-sha256"), nullptr);
  ASSERT_EQ(r.checks.size(), 2u);
  EXPECT_TRUE(r.checks[0].ok);
  EXPECT_EQ(r.checks[1].detail, "cp: no space left");
  ASSERT_EQ(r.speeds.size(), 1u);
  EXPECT_NEAR(r.speeds[0].mb_per_s(), 76.26, 0.01);
  EXPECT_EQ(r.interrupts, (std::vector<std::uint64_t>{1795, 224}));
  EXPECT_EQ(r.notes, std::vector<std::string>{"something else"});
  EXPECT_EQ(r.exit_code, 3);
  EXPECT_TRUE(r.ended);
}

TEST(Report, BrokenLinesBecomeNotes) {
  const GuestReport r = parse_guest_report(
      "algorithm\nalgorithm mv-md5\ncheck x maybe\nspeed a b c\nirq 1:\nexit\nup");
  EXPECT_TRUE(r.algorithms.empty());
  EXPECT_TRUE(r.checks.empty());
  EXPECT_TRUE(r.speeds.empty());
  EXPECT_FALSE(r.exit_code);
  EXPECT_FALSE(r.ended);
  EXPECT_EQ(r.notes.size(), 7u);
  EXPECT_EQ(parse_guest_report("").notes.size(), 0u);
}

TEST(Report, PanicsAndFailedTestsAreFound) {
  const std::string console =
      "alg: ahash: mv-hmac-md5 test failed (wrong result) on test vector 0\n"
      "INFO: task cryptomgr_test:40 blocked for more than 20 seconds.\n"
      "Kernel panic - not syncing: hung_task: blocked tasks\n";
  EXPECT_EQ(find_panic(console),
            "INFO: task cryptomgr_test:40 blocked for more than 20 seconds.; "
            "Kernel panic - not syncing: hung_task: blocked tasks");
  EXPECT_EQ(find_panic("all is well\n"), "");
  EXPECT_EQ(find_test_failure(console, "mv-hmac-md5"),
            "alg: ahash: mv-hmac-md5 test failed (wrong result) on test vector 0");
  EXPECT_EQ(find_test_failure(console, "mv-md5"), "");
}

TEST(Report, TheConsoleWithoutNoise) {
  EXPECT_EQ(readable_console("Using a channel type which is configured out of UML\r\n"
                             "setup_one_line failed for device 2 : failed to parse channel pair\n"
                             "Run /init as init process\n"),
            "Run /init as init process\n");
}

// The texts are User-mode Linux 6.1's own.
TEST(Report, WhyAGuestDidNotStart) {
  const std::string head =
      "Core dump limits :\n\tsoft - 0\n\thard - 0\n"
      "Checking that ptrace can change system call numbers...OK\n"
      "Checking syscall emulation patch for ptrace...OK\n"
      "Checking environment variables for a tempdir...none found\n"
      "Checking if /dev/shm is on tmpfs...OK\n"
      "Checking PROT_EXEC mmap in /dev/shm...OK\n"
      "Kernel command line: mem=256M initrd=/tmp/x/initrd dtb=/tmp/x/failed/dtb\n"
      "Unknown kernel command line parameters \"dtb=/tmp/x/dtb\", will be passed to user space.\n"
      "devtmpfs: initialized\n"
      "Freeing initrd memory: 8400K\n"
      "Using a channel type which is configured out of UML\n";
  EXPECT_EQ(find_start_failure(head + "Linux version 6.1.192\nRun /init as init process\n"
                                      "userspace - ptrace set fp regs failed, errno = 14\n"
                                      "Kernel panic - not syncing: Attempted to kill init!\n"),
            "its console says: userspace - ptrace set fp regs failed, errno = 14");
  EXPECT_EQ(find_start_failure("Checking PROT_EXEC mmap in /dev/shm...Operation not permitted\n"
                               "/dev/shm must be not mounted noexec\n"),
            "its console says: Checking PROT_EXEC mmap in /dev/shm...Operation not permitted; "
            "/dev/shm must be not mounted noexec");
  EXPECT_EQ(
      find_start_failure("ptrace: Operation not permitted\n"
                         "check_ptrace : expected SIGSTOP, got status = 256\n"),
      "its console says: ptrace: Operation not permitted; check_ptrace : expected SIGSTOP, got "
      "status = 256");
  EXPECT_EQ(find_start_failure(head + "one\n\ntwo\nthree\nfour\n"),
            "its console ends with: two; three; four");
  EXPECT_EQ(find_start_failure(""), "its console is empty");
}

TEST(Host, TheProbeOfThisOne) {
  const HostTracing host = probe_tracing();
  if (!host.refusal.empty()) GTEST_SKIP() << "ptrace: " << host.refusal;
  EXPECT_EQ(start_obstacle(host, {}), "");
  if (!host.xstate_bytes) GTEST_SKIP() << "no XSAVE";
  EXPECT_GE(*host.xstate_bytes, 576u);  // legacy area and header of XSAVE
  EXPECT_EQ(start_obstacle(host, {*host.xstate_bytes, {}}), "");
  EXPECT_NE(start_obstacle(host, {*host.xstate_bytes - 8, {}}), "");
}

// As in a container whose seccomp profile has no ptrace.
TEST(Host, WithoutPermissionToTrace) {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {std::size(rules), rules};
  constexpr int kNoFilter = 2;
  ChildProcess child([&] {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      return kNoFilter;
    }
    return start_obstacle(probe_tracing(), {}).find("Operation not permitted") == std::string::npos
               ? 1
               : 0;
  });
  while (!child.wait_for(std::chrono::seconds(1))) {
  }
  if (WEXITSTATUS(child.status()) == kNoFilter) GTEST_SKIP() << "no seccomp";
  EXPECT_EQ(child.status(), 0);
}

TEST(Host, AnObstacleNamesBothSizes) {
  const HostTracing amx = {"", 11008};
  const std::string why = start_obstacle(amx, {2696, 65536});
  EXPECT_THAT(why, HasSubstr("11008 bytes"));
  EXPECT_THAT(why, HasSubstr("room for 2696"));
  EXPECT_THAT(why, HasSubstr("xstate-size.patch"));
  EXPECT_EQ(start_obstacle(amx, {11008, {}}), "");
  EXPECT_EQ(start_obstacle(amx, {16384, {}}), "");
  EXPECT_EQ(start_obstacle(amx, {}), "");  // the kernel asks the host itself
  EXPECT_EQ(start_obstacle({"", std::nullopt}, {2696, 16384}), "");
  const std::string refused = start_obstacle({"Operation not permitted", {}}, {16384, {}});
  EXPECT_THAT(refused, HasSubstr("ptrace: Operation not permitted"));
}

// The buffers lie on the kernel's stacks.
TEST(Host, ALargeBufferWantsALargeStack) {
  constexpr std::size_t kOrder2 = 4096 << 2, kOrder4 = 4096 << 4;
  const HostTracing amx = {"", 11008}, avx512 = {"", 2696}, old = {"", std::nullopt};
  for (const HostTracing& host : {amx, avx512, old}) {
    EXPECT_EQ(start_obstacle(host, {16384, kOrder4}), "");
    const std::string why = start_obstacle(host, {16384, kOrder2});
    EXPECT_THAT(why, HasSubstr("stacks of 16384 bytes"));
    EXPECT_THAT(why, HasSubstr("CONFIG_KERNEL_STACK_ORDER=4"));
  }
  // Linux' own default.
  EXPECT_EQ(start_obstacle(avx512, {2696, kOrder2}), "");
  EXPECT_EQ(start_obstacle(old, {2696, kOrder2}), "");
  EXPECT_NE(start_obstacle(amx, {11008, kOrder2}), "");
}

TEST(Host, TheRoomOfABuiltKernel) {
  const TemporaryFolder folder;
  const fs::path generated = folder.path() / "include" / "generated";
  EXPECT_EQ(kernel_room(folder.path()).register_bytes, std::nullopt);
  EXPECT_EQ(kernel_room(folder.path()).stack_bytes, std::nullopt);
  fs::create_directories(generated);
  write_file(generated / "user_constants.h",
             "#define HOST_FP_SIZE 337 /* 2696 / sizeof(unsigned long) */\n"
             "#define HOST_BX 5 /* RBX */\n");
  write_file(folder.path() / ".config", "CONFIG_UML=y\nCONFIG_KERNEL_STACK_ORDER=3\n");
  EXPECT_EQ(kernel_room(folder.path()).register_bytes, 2696u);
  EXPECT_EQ(kernel_room(folder.path()).stack_bytes, 32768u);
  write_file(generated / "user_constants.h", "/* HOST_FP_SIZE */\n#define HOST_BX 5\n");
  EXPECT_EQ(kernel_room(folder.path()).register_bytes, std::nullopt);
  for (const char* other : {"", "# CONFIG_KERNEL_STACK_ORDER=3\n", "CONFIG_KERNEL_STACK_ORDER=\n",
                            "CONFIG_KERNEL_STACK_ORDER=99\n"}) {
    write_file(folder.path() / ".config", other);
    EXPECT_EQ(kernel_room(folder.path()).stack_bytes, std::nullopt) << other;
  }
}

TEST(KernelVersions, ReadAndCompared) {
  EXPECT_EQ(parse_kernel_version("6.1.192\n"), (KernelVersion{6, 1}));
  EXPECT_EQ(parse_kernel_version("6.12"), (KernelVersion{6, 12}));
  EXPECT_LT(parse_kernel_version("6.1"), parse_kernel_version("6.12"));
  EXPECT_LT(parse_kernel_version("6.9"), parse_kernel_version("6.12"));
  EXPECT_EQ(parse_kernel_version("6.12.117-local").str(), "6.12");
  for (const char* bad : {"", "6", "6.", "x.1", ".1", "-6.1"}) {
    EXPECT_THROW(parse_kernel_version(bad), std::invalid_argument) << bad;
  }
}

TEST(KernelVersions, TheNewestKnownSourcesAreTaken) {
  const TemporaryFolder folder;
  EXPECT_EQ(find_kernel_sources(folder.path()), fs::path());
  EXPECT_EQ(find_kernel_sources(folder.path() / "missing"), fs::path());
  const auto add = [&](const char* name) { write_file(folder.path() / name, ""); };
  for (const char* other :
       {"linux-source-5.10.tar.xz", "linux-source-6.99.tar.xz", "linux-source-6.9-rt.tar.xz",
        "linux-patch-6.1-rt.patch.xz", "linux-source-.tar.xz", "linux-source-6.5.tar.gz"}) {
    add(other);
  }
  EXPECT_EQ(find_kernel_sources(folder.path()), fs::path());
  add("linux-source-6.1.tar.xz");
  EXPECT_EQ(find_kernel_sources(folder.path()).filename(), "linux-source-6.1.tar.xz");
  add("linux-source-6.9.tar.xz");
  add("linux-source-6.12.tar.xz");
  EXPECT_EQ(find_kernel_sources(folder.path()).filename(), "linux-source-6.12.tar.xz");
}

TEST(Expectations, AsTheDriversTablesSay) {
  hw::CesaParams params;
  const auto broken = [](const auto& all) {
    return std::count_if(all.begin(), all.end(),
                         [](const auto& a) { return !a.fault.what.empty(); });
  };
  const std::vector<std::string> steps = {"algorithms", "dmcrypt", "speed"};
  for (const KernelVersion version : kKnownKernels) {
    params = {};
    params.tdma = true;
    params.sha256 = true;
    EXPECT_EQ(expected_algorithms(params, version, false).size(), 12u);
    EXPECT_EQ(broken(expected_algorithms(params, version, false)), 0);
    EXPECT_EQ(broken(expected_algorithms(params, version, true)), 3);
    EXPECT_EQ(broken(expected_checks(params, version, steps)), 0);
    params.sha256 = false;
    EXPECT_EQ(expected_algorithms(params, version, false).size(), 10u);
    params.tdma = false;
    const auto without_dma = expected_algorithms(params, version, false);
    EXPECT_EQ(broken(without_dma), 4);
    // Each for its own reason.
    EXPECT_EQ(without_dma[6].fault.sign, "(wrong result)") << without_dma[6].driver;
    EXPECT_EQ(without_dma[8].fault.sign, "actual_error=-80") << without_dma[8].driver;
    EXPECT_EQ(broken(expected_checks(params, version, steps)), 2);
    EXPECT_EQ(broken(expected_checks(params, version, {"dmcrypt"})), 0);
  }
  EXPECT_EQ(expected_checks(params, {6, 1}, steps).size(), 12u);
  EXPECT_EQ(expected_checks(params, {6, 1}, {"algorithms"}).size(), 0u);
}

TEST(Expectations, FaultsThatTheBoardCanHave) {
  hw::CesaParams params;
  const auto has_bus_error = [&] {
    unsigned found = 0;
    const auto faults = faults_to_inject(params);
    EXPECT_GE(faults.size(), 3u);
    for (const std::string& fault : faults) {
      found += parse_injection(fault).kind == Injection::Kind::bus_error;
    }
    return found == 1;
  };
  params.tdma = true;
  EXPECT_TRUE(has_bus_error());
  params.tdma = false;
  EXPECT_FALSE(has_bus_error()) << "the processor copies: there is no DMA to fail";
}

TEST(Expectations, OfAKernelThatNobodyLookedAt) {
  EXPECT_EQ(lists_for({6, 1}), (KernelVersion{6, 1}));
  EXPECT_EQ(lists_for({6, 6}), (KernelVersion{6, 1}));
  EXPECT_EQ(lists_for({6, 12}), (KernelVersion{6, 12}));
  EXPECT_EQ(lists_for({7, 0}), (KernelVersion{6, 12}));
  EXPECT_EQ(lists_for({5, 10}), (KernelVersion{6, 1}));
}

TEST(InjectionText, GoodAndBad) {
  EXPECT_EQ(parse_injection("lost-irq@3").at, 3u);
  EXPECT_EQ(parse_injection("kill").at, 1u);
  EXPECT_EQ(parse_injection("bus-error@40").str(), "bus-error@40");
  EXPECT_EQ(parse_injection("stuck@2").kind, Injection::Kind::stuck);
  for (const char* bad : {"", "fire", "kill@", "kill@0", "kill@-1", "kill@1x", "@1", "stuck@1@2"}) {
    EXPECT_THROW(parse_injection(bad), std::invalid_argument) << bad;
  }
}

TEST(Files, Tail) {
  EXPECT_EQ(tail_of("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(tail_of("a\nb", 5), "a\nb");
  EXPECT_EQ(tail_of("", 1), "");
  EXPECT_EQ(find_program("no such program"), "");
}

TEST(Process, OutputAndStatus) {
  EXPECT_EQ(output_of({"echo", "hello"}), "hello\n");
  EXPECT_THROW(output_of({"false"}), std::runtime_error);
  EXPECT_THROW(output_of({"/no/such/program"}), std::runtime_error);
  const TemporaryFolder folder;
  EXPECT_EQ(run_logged({"sh", "-c", "echo out; echo err >&2; exit 7"}, folder.path() / "log"), 7);
  EXPECT_EQ(read_file(folder.path() / "log"), "out\nerr\n");
}

TEST(Process, TheWholeGroupDies) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "pid";
  {
    ChildProcess child([&] {
      return execute({"sh", "-c", "trap '' TERM; sleep 100 & echo $! > " + file + "; wait"});
    });
    while (!fs::exists(file) || fs::file_size(file) == 0) usleep(1000);
    EXPECT_FALSE(child.ended());
  }
  const pid_t grandchild = std::stoi(read_file(file));
  // It may still be a zombie that init has not collected. The test's own limit ends the wait.
  const auto lives = [&] {
    std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
    std::string line;
    return std::getline(stat, line) && line.find(") Z") == std::string::npos;
  };
  while (lives()) usleep(1000);
}

TEST(Process, ASignalIsSeenAndTheChildGoes) {
  const SignalWatch watch;
  const TemporaryFolder folder;
  ChildProcess sender([parent = ::getpid()] {
    usleep(50000);
    ::kill(parent, SIGINT);
    return 0;
  });
  EXPECT_THROW(run_logged({"sleep", "100"}, folder.path() / "log"), Interrupted);
}

class KernelFolders : public testing::Test {
 protected:
  KernelFolders() {
    options.home = folder.path() / "home";
    fs::create_directories(options.home / "cosim" / "kernel");
    write_file(options.home / "cosim" / "kernel" / "uml.config", "");
    setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
  }
  std::string refusal() {
    try {
      prepare_kernel(options);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }
  TemporaryFolder folder;
  KernelOptions options;
};

TEST_F(KernelFolders, TheCacheStandsWhereTheUserWantsIt) {
  EXPECT_EQ(cache_folder(), folder.path() / "cesasim");
  setenv("XDG_CACHE_HOME", "", 1);
  setenv("HOME", "/somewhere", 1);
  EXPECT_EQ(cache_folder(), "/somewhere/.cache/cesasim");
}

TEST_F(KernelFolders, AFolderThatIsNoKernel) {
  if (find_program("flex").empty() || find_program("bc").empty()) GTEST_SKIP() << "no build tools";
  options.kernel = folder.path();
  EXPECT_THAT(refusal(), HasSubstr("neither a kernel source tree"));
  options.kernel = folder.path() / "missing";
  EXPECT_THAT(refusal(), HasSubstr("neither a kernel source tree"));
}

TEST_F(KernelFolders, AKernelWithoutWhatItNeeds) {
  if (find_program("flex").empty() || find_program("bc").empty()) GTEST_SKIP() << "no build tools";
  write_file(folder.path() / "linux", "");
  write_file(folder.path() / ".config", "CONFIG_UML=y\n");
  options.kernel = folder.path();
  EXPECT_THAT(refusal(), HasSubstr("without CONFIG_UML_PCI_OVER_VIRTIO=y"));
}

/// A built kernel whose make copies every C file to a module, unless a file says "broken".
class BuiltKernel : public KernelFolders {
 protected:
  BuiltKernel() {
    for (const char* tool : {"make", "gcc", "flex", "bison", "bc", "patch"}) {
      if (find_program(tool).empty()) missing = tool;
    }
    put("home/cosim/kernel/driver.Kbuild", "");
    put("home/cosim/kernel/glue/glue.c", "");
    put("home/cosim/guest/guest.c", "int main(void) { return 0; }\n");
    put("kernel/linux", "");
    put("kernel/.config",
        "CONFIG_UML=y\nCONFIG_UML_PCI_OVER_VIRTIO=y\n"
        "CONFIG_UML_PCI_OVER_VIRTIO_DEVICE_ID=1234\nCONFIG_UML_TIME_TRAVEL_SUPPORT=y\n"
        "CONFIG_OF=y\nCONFIG_SSL=y\nCONFIG_MODULES=y\nCONFIG_DM_CRYPT=y\n"
        "CONFIG_CRYPTO_USER_API_SKCIPHER=y\nCONFIG_KERNEL_STACK_ORDER=2\n");
    put("kernel/include/config/kernel.release", "6.1.192\n");
    put("kernel/drivers/crypto/marvell/cesa/cesa.c", "");
    put("kernel/Makefile",
        "modules:\n"
        "\tcd $(M) && ! grep -q broken *.c && for f in *.c; do cp $$f $${f%.c}.ko; done\n");
    put("driver/Kbuild", "obj-m := my.o\n");
    options.kernel = folder.path() / "kernel";
    options.module_dir = folder.path() / "driver";
  }
  void SetUp() override {
    if (!missing.empty()) GTEST_SKIP() << "no " << missing;
  }
  void put(const std::string& file, const std::string& content) const {
    fs::create_directories((folder.path() / file).parent_path());
    write_file(folder.path() / file, content);
  }
  std::string missing;
};

// A guest reads its modules after the kernel's lock has been given back.
TEST_F(BuiltKernel, AnotherBuildOfTheDriverLeavesTheModulesThatAreInUse) {
  put("driver/my.c", "first");
  const Kernel first = prepare_kernel(options);
  ASSERT_EQ(first.driver_modules.size(), 1u);
  EXPECT_EQ(read_file(first.driver_modules[0]), "first");

  put("driver/my.c", "second");
  const Kernel second = prepare_kernel(options);
  EXPECT_EQ(read_file(second.driver_modules.at(0)), "second");
  ASSERT_TRUE(fs::exists(first.driver_modules[0]));
  EXPECT_EQ(read_file(first.driver_modules[0]), "first");

  put("driver/my.c", "broken");
  EXPECT_THROW(prepare_kernel(options), BuildError);
  EXPECT_EQ(read_file(second.driver_modules[0]), "second");
}

TEST_F(BuiltKernel, ADriverThatMakesNoModule) {
  put("driver/my.h", "");
  put("kernel/Makefile", "modules:\n\t[ ! -e $(M)/glue.c ] || touch $(M)/cesa_glue.ko\n");
  for (int again = 0; again < 2; ++again) {
    EXPECT_THAT(refusal(), HasSubstr("makes no module"));
  }
  options.module_dir = folder.path() / "missing";
  EXPECT_THAT(refusal(), HasSubstr("is no folder"));
}

// Whatever the host, such a kernel dies without a reason at its first signals.
TEST_F(BuiltKernel, WhoseStacksAreTooSmallForItsRegisters) {
  put("driver/my.c", "");
  EXPECT_EQ(refusal(), "");
  put("kernel/include/generated/user_constants.h", "#define HOST_FP_SIZE 2048 /* 16384 */\n");
  EXPECT_THAT(refusal(), HasSubstr("--kernel: this kernel's stacks of 16384 bytes"));
}

TEST_F(KernelFolders, NoSourcesOfAKnownKernel) {
  if (find_program("flex").empty() || find_program("bc").empty()) GTEST_SKIP() << "no build tools";
  options.distribution = folder.path();
  EXPECT_THAT(refusal(), HasSubstr("no sources of Linux 6.1 to 6.12 in " + folder.path().string()));
}

TEST_F(KernelFolders, AHomeWithoutRecipes) {
  options.home = folder.path();
  EXPECT_THAT(refusal(), HasSubstr("no cosim/kernel"));
}

}  // namespace
}  // namespace cesasim::cosim
