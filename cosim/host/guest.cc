// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <optional>
#include <sstream>
#include <system_error>

#include "base/file/files.h"
#include "base/process/process.h"
#include "cosim/host/activity.h"
#include "cosim/host/cpio.h"

namespace cesasim::cosim {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

// Which of the guest's lines stands on which descriptor.
constexpr int kResultFd = 3;
constexpr int kCommandFd = 4;

/// How often both are looked at.
constexpr std::chrono::milliseconds kSampleEvery{500};

std::string shell_quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// A program of the host with the libraries that it loads.
void add_program(CpioWriter& archive, const std::string& name) {
  const std::string file = find_program(name);
  if (file.empty()) throw UsageError("'" + name + "' is needed for the guest");
  archive.add_host_file("/sbin/" + name, file);
  std::istringstream libraries(output_of({"ldd", file}));
  for (std::string word; libraries >> word;) {
    if (word[0] == '/' && !archive.has(word)) archive.add_host_file(word, word);
  }
}

std::string initramfs(const Kernel& kernel, const hw::CesaParams& cesa, const fs::path& home,
                      const GuestOptions& options) {
  CpioWriter archive;
  for (const char* folder : {"/dev", "/proc", "/sys", "/tmp", "/mnt", "/host", "/run", "/sbin"}) {
    archive.add_folder(folder);
  }
  const std::string busybox = find_program("busybox");
  if (busybox.empty()) throw UsageError("'busybox' is needed for the guest (busybox-static)");
  archive.add_host_file("/bin/busybox", busybox);
  std::istringstream applets(output_of({busybox, "--list"}));
  for (std::string applet; applets >> applet;) {
    if (applet != "busybox" && applet != "mke2fs" && !archive.has("/bin/" + applet)) {
      archive.add_link("/bin/" + applet, "busybox");
    }
  }
  add_program(archive, "dmsetup");
  add_program(archive, "mke2fs");
  archive.add_host_file("/bin/cosim-guest", kernel.guest_program.string());
  archive.add_host_file("/modules/cesa_glue.ko", kernel.glue_module.string());
  archive.add_host_file("/modules/cesa_dmcrypt.ko", kernel.dmcrypt_module.string());
  // Where a registration does not wait for its self test, all of them would run at once.
  const bool order_tests = kernel.version > KernelVersion{6, 1};
  if (order_tests) archive.add_host_file("/modules/cesa_tests.ko", kernel.tests_module.string());
  archive.add_host_file("/modules/cesa_crowd.ko", kernel.crowd_module.string());
  std::vector<std::string> modules;
  for (const fs::path& module : kernel.driver_modules) {
    modules.push_back(module.filename().string());
    archive.add_host_file("/modules/" + modules.back(), module.string());
  }
  archive.add_host_file("/init", (home / "cosim" / "guest" / "init").string());

  const std::string glue = "variant=" + compatible_of(cesa) +
                           " engines=" + std::to_string(cesa.engines) +
                           " sram_bytes=" + std::to_string(cesa.sram_bytes) +
                           " sram_reserved=" + std::to_string(cesa.sram_reserved_bytes) +
                           " tdma=" + (cesa.tdma ? "1" : "0");
  std::string pairs = "mv-md5=md5-generic mv-sha1=sha1-generic";
  if (cesa.sha256) pairs += " mv-sha256=sha256-generic";
  std::string conf = "GLUE=" + shell_quoted(glue) + "\n";
  conf += "DRIVER_MODULES=" + shell_quoted(joined(modules)) + "\n";
  conf += "TESTS_MODULE=" + std::string(order_tests ? "cesa_tests.ko" : "") + "\n";
  conf += "STEPS=" + shell_quoted(joined(options.steps)) + "\n";
  conf += "ALGORITHMS=" + shell_quoted(joined(options.algorithms)) + "\n";
  conf += "ENGINES=" + std::to_string(cesa.engines) + "\n";
  conf += "HASH_PAIRS=" + shell_quoted(pairs) + "\n";
  conf += "CONCURRENCY_SECONDS=" + std::to_string(options.concurrency_seconds) + "\n";
  if (!options.host_folder.empty()) {
    conf += "HOST_DIR=" + shell_quoted(options.host_folder.string()) + "\n";
  }
  archive.add_file("/etc/cosim.conf", conf);
  std::string command;
  for (const std::string& word : options.command) command += shell_quoted(word) + " ";
  archive.add_file("/etc/cosim.command", command + "\n");
  return archive.finish();
}

/// The device-tree node from which the driver learns the variant. It is disabled so that the
/// kernel makes no device of it: the glue module does.
std::string device_tree(const hw::CesaParams& cesa) {
  const std::string compatible = compatible_of(cesa);
  std::string text = "/dts-v1/;\n/ {\n\t#address-cells = <1>;\n\t#size-cells = <1>;\n";
  if (compatible != "none") {
    text += "\tcrypto {\n\t\tcompatible = \"" + compatible +
            "\";\n\t\tmarvell,crypto-sram-size = <" +
            std::to_string(cesa.sram_bytes - cesa.sram_reserved_bytes) +
            ">;\n\t\tstatus = \"disabled\";\n\t};\n";
  }
  return text + "};\n";
}

/// Memory that the device's process shares with this one.
class SharedStatus {
 public:
  SharedStatus() {
    void* memory = ::mmap(nullptr, sizeof(DeviceStatus), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    status_ = new (memory) DeviceStatus;
  }
  ~SharedStatus() { ::munmap(status_, sizeof(DeviceStatus)); }
  SharedStatus(const SharedStatus&) = delete;
  SharedStatus& operator=(const SharedStatus&) = delete;
  DeviceStatus& operator*() { return *status_; }
  DeviceStatus* operator->() { return status_; }
  const DeviceStatus* operator->() const { return status_; }

 private:
  DeviceStatus* status_;
};

struct Pipe {
  FileDescriptor in, out;
  std::string text;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1]), ""};
}

/// Takes what has come; the new part.
std::string drain(Pipe& pipe) {
  std::string fresh;
  char buffer[8192];
  for (;;) {
    const ssize_t n = ::read(pipe.in.get(), buffer, sizeof buffer);
    if (n <= 0) break;
    fresh.append(buffer, static_cast<std::size_t>(n));
  }
  pipe.text += fresh;
  return fresh;
}

class Boot {
 public:
  Boot(const Kernel& kernel, const DeviceOptions& device, const fs::path& home,
       const GuestOptions& options)
      : kernel_(kernel), device_options_(device), options_(options) {
    write_file(folder_.path() / "initrd", initramfs(kernel, device.cesa, home, options));
    write_file(folder_.path() / "dts", device_tree(device.cesa));
    const std::string dtc = find_program("dtc");
    if (dtc.empty()) throw UsageError("'dtc' is needed for the guest (device-tree-compiler)");
    const fs::path log = folder_.path() / "dtc.log";
    if (run_logged({dtc, "-q", "-O", "dtb", "-o", (folder_.path() / "dtb").string(),
                    (folder_.path() / "dts").string()},
                   log.string()) != 0) {
      throw BuildError("dtc failed:\n" + read_file(log));
    }
  }

  GuestOutcome run() {
    const auto start = Clock::now();
    start_device();
    start_guest();
    watch(start);
    GuestOutcome out;
    out.wall_seconds = std::chrono::duration<double>(Clock::now() - start).count();
    take_output();
    // A device that is alive here is not to blame for what the signals below do to it.
    device_died_ = device_.ended() && device_.status() != 0;
    if (device_died_) device_end_ = status_text(device_.status());
    if (guest_.ended()) guest_end_ = status_text(guest_.status());
    guest_.kill_group();
    device_.kill_group();
    out.console = console_.text;
    out.report = parse_guest_report(result_.text);
    out.device = status_->summary;
    out.injected = status_->injected;
    out.end = end_of(out);
    out.failure = failure(out);
    out.ok = out.end == GuestEnd::planned;
    return out;
  }

 private:
  fs::path at(const char* name) const { return folder_.path() / name; }

  void start_device() {
    FileDescriptor calendar = listen_at(at("time").string());
    FileDescriptor device = listen_at(at("device").string());
    device_ = ChildProcess([&] {
      serve_guest(device_options_, std::move(calendar), std::move(device), *status_);
      return 0;
    });
  }

  void start_guest() {
    std::vector<std::string> command = {
        kernel_.program.string(),
        "mem=" + std::to_string(options_.memory_mib) + "M",
        "initrd=" + at("initrd").string(),
        "dtb=" + at("dtb").string(),
        "con0=null,fd:1",
        "ssl0=null,fd:" + std::to_string(kResultFd),
        "ssl1=null,fd:" + std::to_string(kCommandFd),
        "time-travel=ext:1:" + at("time").string(),
        "virtio_uml.device=" + at("device").string() + ":1234",
        "uml_dir=" + folder_.path().string(),
        "umid=guest",
        "norandmaps",
    };
    command.insert(command.end(), options_.kernel_arguments.begin(),
                   options_.kernel_arguments.end());
    guest_ = ChildProcess([&] {
      // The guest's physical addresses hang on where its program lies.
      ::personality(ADDR_NO_RANDOMIZE);
      const rlimit no_core = {0, 0};
      ::setrlimit(RLIMIT_CORE, &no_core);
      const int null = ::open("/dev/null", O_RDONLY);
      // First out of the way of the numbers that are given away.
      const int result = ::fcntl(result_.out.get(), F_DUPFD, 10);
      const int output = ::fcntl(command_.out.get(), F_DUPFD, 10);
      const int console = ::fcntl(console_.out.get(), F_DUPFD, 10);
      ::dup2(null, STDIN_FILENO);
      ::dup2(console, STDOUT_FILENO);
      ::dup2(console, STDERR_FILENO);
      ::dup2(result, kResultFd);
      ::dup2(output, kCommandFd);
      for (const int fd : {result, output, console}) ::close(fd);
      return execute(command);
    });
    for (Pipe* pipe : {&console_, &result_, &command_}) pipe->out.reset();
  }

  void forward(const std::string& text) {
    if (text.empty() || !options_.on_output) return;
    std::string plain = text;
    std::erase(plain, '\r');  // of the serial line
    options_.on_output(plain);
  }

  void take_output() {
    forward(drain(command_));
    drain(result_);
    drain(console_);
  }

  void watch(Clock::time_point start) {
    while (!guest_.ended()) {
      pollfd fds[3] = {{console_.in.get(), POLLIN, 0},
                       {result_.in.get(), POLLIN, 0},
                       {command_.in.get(), POLLIN, 0}};
      ::poll(fds, 3, 50);
      // At the end of the guest a closed pipe is always ready: do not spin on it.
      if ((fds[0].revents | fds[1].revents | fds[2].revents) == POLLHUP) ::usleep(10000);
      take_output();
      if (SignalWatch::interrupted()) throw Interrupted();
      if (options_.wall_limit.count() > 0 && Clock::now() - start > options_.wall_limit) {
        stop(GuestEnd::wall_limit, "the guest did not end within " +
                                       std::to_string(options_.wall_limit.count()) +
                                       " s (--wall-limit)");
        return;
      }
      if (!look()) return;
    }
    // A device that the guest came to sees that it has gone, and writes what it has left.
    while (status_->turns > 0 && !device_.wait_for(kSampleEvery)) {
      if (SignalWatch::interrupted()) throw Interrupted();
      if (!look()) return;
    }
  }

  /// Samples both; false if it stopped them.
  bool look() {
    const auto now = Clock::now();
    if (now - last_look_ < kSampleEvery) return true;
    const auto elapsed = now - last_look_;
    last_look_ = now;

    const auto device = activity_of_process(device_.pid()).value_or(Activity{});
    if (!status_->busy || device_.ended()) {
      device_silence_.reset();
    } else {
      device_silence_.add(status_->turns, device, elapsed);
    }
    if (device_silence_.silent() || device_silence_.spins()) {
      stop(GuestEnd::device_silent,
           device_silence_.silent()
               ? "the device has not responded for " + seconds(options_.silence_limit)
               : "the device has computed for " + seconds(options_.computing_limit) +
                     " of processor time without an answer");
      return false;
    }

    Activity both = activity_of_group(guest_.pid());
    both.awake = both.awake || device.awake;
    both.cpu += device.cpu;
    const std::uint64_t said = console_.text.size() + result_.text.size() + command_.text.size();
    if (device_.ended()) orphan_.add(0, both, elapsed);
    silence_.add(said + status_->turns, both, elapsed);
    standstill_.add(status_->simulated_ns, both, elapsed);
    if (orphan_.silent() || orphan_.spins()) {
      stop(GuestEnd::orphan, "the guest did not end with its device");
      return false;
    }
    if (silence_.silent()) {
      stop(GuestEnd::silent, "neither the guest nor its device has done anything for " +
                                 seconds(options_.silence_limit));
      return false;
    }
    if (standstill_.spins()) {
      stop(GuestEnd::spins, "guest and device have computed for " +
                                seconds(options_.computing_limit) +
                                " of processor time while simulated time stood still");
      return false;
    }
    return true;
  }

  static std::string seconds(std::chrono::seconds s) { return std::to_string(s.count()) + " s"; }

  void stop(GuestEnd end, const std::string& why) {
    stopped_ = end;
    stop_reason_ = why;
  }

  GuestEnd end_of(const GuestOutcome& out) const {
    const DeviceEnd end = status_->end;
    if (end == DeviceEnd::time_limit) return GuestEnd::simulated_limit;
    if (end == DeviceEnd::error) return GuestEnd::device_error;
    if (end == DeviceEnd::protocol) return GuestEnd::protocol;
    if (device_died_) return GuestEnd::device_died;
    if (stopped_) return *stopped_;
    if (out.report.release.empty()) return GuestEnd::never_up;
    if (!find_panic(out.console).empty()) return GuestEnd::panic;
    if (!out.report.fatal.empty()) return GuestEnd::failed;
    return out.report.ended ? GuestEnd::planned : GuestEnd::early;
  }

  std::string failure(const GuestOutcome& out) const {
    std::string why;
    switch (out.end) {
      case GuestEnd::planned:
        return "";
      case GuestEnd::simulated_limit:
      case GuestEnd::device_error:
        why = "the device ended: " + std::string(status_->message);
        break;
      case GuestEnd::protocol:
        why = "the guest broke the protocol of the device: " + std::string(status_->message);
        break;
      case GuestEnd::device_died:
        why = "the device's process was ended by " + device_end_ + " after " +
              std::to_string(out.device.register_accesses) + " register accesses";
        break;
      case GuestEnd::panic:
        why = "the guest's kernel gave up";
        break;
      case GuestEnd::failed:
        why = out.report.fatal;
        break;
      case GuestEnd::never_up:
      case GuestEnd::early:
        why = "the guest ended early (" + guest_end_ + ")";
        break;
      case GuestEnd::device_silent:
      case GuestEnd::orphan:
      case GuestEnd::silent:
      case GuestEnd::spins:
      case GuestEnd::wall_limit:
        why = stop_reason_;
        break;
    }
    if (const std::string panic = find_panic(out.console); !panic.empty()) why += ": " + panic;
    if (out.report.release.empty()) why += "; it never came up, " + find_start_failure(out.console);
    if (*out.device.report) why += "; the unit reports: " + std::string(out.device.report);
    return why;
  }

  const Kernel& kernel_;
  const DeviceOptions& device_options_;
  const GuestOptions& options_;
  TemporaryFolder folder_;
  SharedStatus status_;
  Pipe console_ = make_pipe();
  Pipe result_ = make_pipe();
  Pipe command_ = make_pipe();
  ChildProcess device_;
  ChildProcess guest_;
  bool device_died_ = false;
  std::string device_end_, guest_end_;
  std::optional<GuestEnd> stopped_;
  std::string stop_reason_;
  Clock::time_point last_look_ = Clock::now();
  Silence device_silence_{options_.silence_limit, options_.computing_limit};
  Silence silence_{options_.silence_limit, options_.computing_limit};
  Silence standstill_{options_.silence_limit, options_.computing_limit};
  Silence orphan_{options_.silence_limit, options_.silence_limit};
};

}  // namespace

std::string compatible_of(const hw::CesaParams& params) {
  if (!params.tdma) return "none";
  if (!params.sha256) return "marvell,kirkwood-crypto";
  return params.engines > 1 ? "marvell,armada-38x-crypto" : "marvell,armada-370-crypto";
}

GuestOutcome boot_guest(const Kernel& kernel, const DeviceOptions& device, const fs::path& home,
                        const GuestOptions& options) {
  return Boot(kernel, device, home, options).run();
}

}  // namespace cesasim::cosim
