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
#include <sstream>
#include <system_error>

#include "cosim/host/cpio.h"
#include "cosim/host/files.h"
#include "cosim/host/process.h"

namespace cesasim::cosim {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

// Which of the guest's lines stands on which descriptor.
constexpr int kResultFd = 3;
constexpr int kCommandFd = 4;

/// The device works on one message or event for microseconds.
constexpr std::chrono::seconds kStuckAfter{20};
/// How long the guest may live without its device (it panics by itself).
constexpr std::chrono::seconds kOrphanLimit{2};

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

std::chrono::nanoseconds busy_time(const DeviceStatus& status) {
  const std::uint64_t since = status.busy_since_ns;
  if (since == 0) return {};
  return Clock::now().time_since_epoch() - std::chrono::nanoseconds(since);
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
    forward(drain(command_));
    drain(result_);
    drain(console_);
    // A device that is alive here is not to blame for what the signals below do to it.
    device_died_ = device_.ended() && device_.status() != 0;
    if (device_died_) device_end_ = status_text(device_.status());
    if (guest_.ended()) {
      guest_end_ = status_text(guest_.status());
      const int status = guest_.status();
      if (options_.processor_limit.count() > 0 && WIFSIGNALED(status) &&
          WTERMSIG(status) == SIGKILL && killed_.empty()) {
        killed_ = "the guest's kernel computed for " +
                  std::to_string(options_.processor_limit.count()) + " s and came to no end";
      }
    }
    guest_.kill_group();
    device_.kill_group();
    out.console = console_.text;
    out.report = parse_guest_report(result_.text);
    out.device = status_->summary;
    out.failure = failure(out);
    out.ok = out.failure.empty();
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
      if (const auto limit = static_cast<rlim_t>(options_.processor_limit.count()); limit > 0) {
        const rlimit seconds = {limit, limit};
        ::setrlimit(RLIMIT_CPU, &seconds);
      }
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

  void watch(Clock::time_point start) {
    std::optional<Clock::time_point> orphaned;
    while (!guest_.ended()) {
      pollfd fds[3] = {{console_.in.get(), POLLIN, 0},
                       {result_.in.get(), POLLIN, 0},
                       {command_.in.get(), POLLIN, 0}};
      ::poll(fds, 3, 50);
      // At the end of the guest a closed pipe is always ready: do not spin on it.
      if ((fds[0].revents | fds[1].revents | fds[2].revents) == POLLHUP) ::usleep(10000);
      forward(drain(command_));
      drain(result_);
      drain(console_);
      if (SignalWatch::interrupted()) throw Interrupted();
      const auto now = Clock::now();
      if (now - start > options_.wall_limit) {
        killed_ = "the guest did not end within " + std::to_string(options_.wall_limit.count()) +
                  " s (--wall-limit)";
        return;
      }
      if (busy_time(*status_) > kStuckAfter) {
        killed_ = "the device has not answered for " + std::to_string(kStuckAfter.count()) + " s";
        return;
      }
      if (device_.ended() && !orphaned) orphaned = now;
      if (orphaned && now - *orphaned > kOrphanLimit) {
        killed_ = "the guest did not end with its device";
        return;
      }
    }
    device_.wait_for(kOrphanLimit);
  }

  std::string failure(const GuestOutcome& out) {
    const std::string panic = find_panic(out.console);
    const std::string model =
        *out.device.report ? "; the unit reports: " + std::string(out.device.report) : "";
    std::string why;
    const DeviceEnd end = status_->end;
    if (end == DeviceEnd::time_limit || end == DeviceEnd::error) {
      why = "the device ended: " + std::string(status_->message);
    } else if (end == DeviceEnd::protocol) {
      why = "the guest broke the protocol of the device: " + std::string(status_->message);
    } else if (device_died_) {
      why = "the device's process was ended by " + device_end_ + " after " +
            std::to_string(out.device.register_accesses) + " register accesses";
    } else if (!killed_.empty()) {
      why = killed_;
    } else if (!panic.empty()) {
      why = "the guest's kernel gave up";
    } else if (!out.report.fatal.empty()) {
      why = out.report.fatal;
    } else if (!out.report.ended) {
      why = "the guest ended early (" + guest_end_ + ")";
    }
    if (why.empty()) return "";
    if (!panic.empty()) why += ": " + panic;
    return why + model;
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
  std::string killed_;
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
