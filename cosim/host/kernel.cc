// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/kernel.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/file/files.h"
#include "base/file/fingerprint.h"
#include "base/process/fd.h"
#include "base/process/process.h"
#include "cosim/host/edits.h"
#include "cosim/host/host_check.h"

namespace cesasim::cosim {
namespace fs = std::filesystem;
namespace {

// Between these the recipes are right; both ends are built and booted.
constexpr KernelVersion kOldest = {6, 1};
constexpr KernelVersion kNewest = {6, 12};
constexpr const char* kDriverFolder = "drivers/crypto/marvell/cesa";
constexpr unsigned kLogLines = 20;
constexpr std::size_t kFingerprintDigits = 16;  // in the names of cache folders

/// Where a kernel is built and where its sources are; the same folder for a build in the tree.
struct Tree {
  fs::path source;
  fs::path build;
};

class Builder {
 public:
  explicit Builder(const KernelOptions& options)
      : options_(options), recipes_(options.home / "cosim" / "kernel") {
    if (!fs::exists(recipes_ / "uml.config")) {
      throw UsageError("no cosim/kernel in '" + options.home.string() + "'");
    }
  }

  Kernel run() {
    const HostTracing host = probe_tracing();
    if (const std::string why = start_obstacle(host, {}); !why.empty()) {
      throw UsageError(why);
    }
    require_tools();
    const FileDescriptor lock = take_lock();
    const Tree tree = find_tree();
    const std::string why = start_obstacle(host, kernel_room(tree.build));
    if (!why.empty()) throw UsageError((options_.kernel.empty() ? "" : "--kernel: ") + why);
    Kernel kernel;
    kernel.program = tree.build / "linux";
    kernel.version = version_of(tree);
    const fs::path modules = build_modules(tree);
    kernel.glue_module = modules / "glue" / "cesa_glue.ko";
    kernel.dmcrypt_module = modules / "glue" / "cesa_dmcrypt.ko";
    kernel.tests_module = modules / "glue" / "cesa_tests.ko";
    kernel.crowd_module = modules / "glue" / "cesa_crowd.ko";
    kernel.guest_program = modules / "cosim-guest";
    if (options_.edits.empty() && options_.module_dir.empty()) {
      kernel.driver_modules = {modules / "driver" / "marvell-cesa.ko"};
    } else {
      kernel.driver_modules = build_driver(tree);
    }
    return kernel;
  }

  /// Those of the edits that fit the driver's sources, each for itself.
  std::vector<fs::path> fitting() {
    require_tools();
    const FileDescriptor lock = take_lock();
    const Tree tree = find_tree();
    std::vector<fs::path> good;
    for (const fs::path& edit : options_.edits) {
      const TemporaryFolder scratch;
      copy_sources(driver_sources(tree), scratch.path() / "driver");
      try {
        apply_edit(edit, scratch.path() / "driver", driver_sources(tree).string());
        good.push_back(edit);
      } catch (const EditError&) {
      }
    }
    return good;
  }

 private:
  void require_tools() const {
    for (const char* tool : {"make", "gcc", "flex", "bison", "bc", "patch"}) {
      if (find_program(tool).empty()) {
        throw UsageError(std::string("'") + tool + "' is needed to build the guest's kernel");
      }
    }
  }

  Tree find_tree() {
    return options_.kernel.empty()                   ? distribution_tree()
           : is_built(options_.kernel)               ? built_tree(options_.kernel)
           : fs::exists(options_.kernel / "Kconfig") ? user_tree(options_.kernel)
                                                     : throw no_kernel();
  }

  fs::path driver_sources(const Tree& tree) const {
    return options_.module_dir.empty() ? tree.source / kDriverFolder : options_.module_dir;
  }

  static bool is_built(const fs::path& folder) {
    return fs::exists(folder / "linux") && !fs::is_directory(folder / "linux") &&
           fs::exists(folder / ".config");
  }

  UsageError no_kernel() const {
    return UsageError("--kernel: '" + options_.kernel.string() +
                      "' is neither a kernel source tree (no Kconfig) nor a folder with a built "
                      "User-mode Linux (no 'linux' and '.config')");
  }

  // Two commands at once must not build into one folder. Released when the process ends.
  FileDescriptor take_lock() {
    const fs::path file = cache_folder() / "lock";
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    FileDescriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!lock) {
      throw UsageError("built kernels are kept in '" + file.parent_path().string() +
                       "', which cannot be written: " +
                       (error ? error : std::error_code(errno, std::generic_category())).message() +
                       "; XDG_CACHE_HOME names another place");
    }
    for (bool told = false; ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;) {
      if (errno != EWOULDBLOCK && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), file.string());
      }
      if (SignalWatch::interrupted()) throw Interrupted();
      if (!told) say("waiting for another cesasim that builds a kernel");
      told = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return lock;
  }

  void say(const std::string& line) const {
    if (options_.progress) options_.progress(line);
  }

  void step(const std::vector<std::string>& command, const fs::path& log, const std::string& what) {
    const int code = run_logged(command, log.string());
    if (code == 0) return;
    throw BuildError(what + " failed (" + log.string() + "):\n" +
                     tail_of(read_file(log), kLogLines));
  }

  std::string recipe_fingerprint() const {
    Fingerprint print;
    for (const char* file : {"uml.config", "unpack", "configure"}) {
      print.add(read_file(recipes_ / file));
    }
    return print.hex(kFingerprintDigits);
  }

  /// Our own patches to User-mode Linux's host layer, in the order of their names.
  std::vector<fs::path> patches() const { return edits_in(options_.home, "patches"); }

  static KernelVersion version_of(const Tree& tree) {
    const fs::path file = tree.build / "include" / "config" / "kernel.release";
    if (!fs::exists(file)) {
      throw UsageError("--kernel: '" + tree.build.string() +
                       "' has no include/config/kernel.release, as a kernel has that is built "
                       "with its modules");
    }
    return parse_kernel_version(read_file(file));
  }

  static std::string jobs() {
    return "-j" + std::to_string(std::max(1u, std::thread::hardware_concurrency()));
  }

  /// The distribution's kernel sources, unpacked, patched and built in the tree, so that the folder
  /// can be renamed when it is complete.
  Tree distribution_tree() {
    const fs::path tarball = find_kernel_sources(options_.distribution);
    if (tarball.empty()) {
      throw UsageError("no sources of Linux " + kOldest.str() + " to " + kNewest.str() + " in " +
                       options_.distribution.string() +
                       " (linux-source-VERSION.tar.xz); please install Debian's package "
                       "linux-source, or name a kernel with --kernel DIR");
    }
    Fingerprint print;
    print.add(tarball.filename().string());
    print.add(std::to_string(fs::file_size(tarball)));
    print.add(std::to_string(fs::last_write_time(tarball).time_since_epoch().count()));
    print.add(recipe_fingerprint());
    for (const fs::path& file : patches()) print.add(read_file(file));
    const fs::path folder = cache_folder() / ("kernel-" + print.hex(kFingerprintDigits));
    if (is_built(folder)) return {folder, folder};

    say("building the kernel, about 3 minutes, once");
    const fs::path part = folder.string() + ".part";
    fs::remove_all(part);  // what an interrupted build left
    fs::create_directories(part);
    const fs::path log = part / "build.log";
    step({(recipes_ / "unpack").string(), tarball.string(), part.string()}, log,
         "unpacking the kernel");
    for (const fs::path& file : patches()) apply_edit(file, part, tarball.string());
    step({(recipes_ / "configure").string(), part.string(), part.string()}, log,
         "configuring the kernel");
    step({"make", "-s", "-C", part.string(), "ARCH=um", jobs(), "linux", "modules"}, log,
         "building the kernel");
    fs::rename(part, folder);
    return {folder, folder};
  }

  /// A user's source tree, built beside it; make decides what is to be done.
  Tree user_tree(const fs::path& given) {
    const fs::path source = fs::canonical(given);
    Fingerprint print;
    print.add(source.string());
    print.add(recipe_fingerprint());
    const fs::path folder = cache_folder() / ("user-kernel-" + print.hex(kFingerprintDigits));
    const fs::path build = folder / "build";
    fs::create_directories(build);
    const fs::path log = folder / "build.log";
    fs::remove(log);
    if (!is_built(build)) {
      say("building the kernel in " + source.string() + ", about 3 minutes the first time");
      step({(recipes_ / "configure").string(), source.string(), build.string()}, log,
           "configuring the kernel");
    }
    step({"make", "-s", "-C", source.string(), "ARCH=um", "O=" + build.string(), jobs(), "linux",
          "modules"},
         log, "building the kernel");
    return {source, build};
  }

  /// A kernel that the user has built.
  Tree built_tree(const fs::path& given) {
    const fs::path build = fs::canonical(given);
    const std::string config = read_file(build / ".config");
    for (const char* option :
         {"CONFIG_UML=y", "CONFIG_UML_PCI_OVER_VIRTIO=y",
          "CONFIG_UML_PCI_OVER_VIRTIO_DEVICE_ID=1234", "CONFIG_UML_TIME_TRAVEL_SUPPORT=y",
          "CONFIG_OF=y", "CONFIG_SSL=y", "CONFIG_MODULES=y", "CONFIG_DM_CRYPT=y",
          "CONFIG_CRYPTO_USER_API_SKCIPHER=y"}) {
      if (("\n" + config).find("\n" + std::string(option) + "\n") == std::string::npos) {
        throw UsageError("--kernel: the kernel in '" + build.string() + "' is built without " +
                         option + "; cosim/kernel/uml.config lists what it needs");
      }
    }
    const fs::path link = build / "source";
    return {fs::exists(link) ? fs::canonical(link) : build, build};
  }

  void make_modules(const Tree& tree, const fs::path& folder, const fs::path& log,
                    const std::string& what) {
    step({"make", "-s", "-C", tree.build.string(), "ARCH=um", "M=" + folder.string(), "modules"},
         log, what);
  }

  static void copy_sources(const fs::path& from, const fs::path& to) {
    fs::create_directories(to);
    for (const auto& entry : fs::directory_iterator(from)) {
      const fs::path& file = entry.path();
      const bool wanted = file.extension() == ".c" || file.extension() == ".h" ||
                          file.filename() == "Kbuild" || file.filename() == "Makefile";
      if (entry.is_regular_file() && wanted && file.string().find(".mod.c") == std::string::npos) {
        fs::copy_file(file, to / file.filename());
      }
    }
  }

  std::string kernel_fingerprint(const Tree& tree) const {
    Fingerprint print;
    print.add(tree.build.string());
    print.add(std::to_string(fs::last_write_time(tree.build / "linux").time_since_epoch().count()));
    return print.hex(kFingerprintDigits);
  }

  /// Glue, the stock driver and the guest's program, for this very kernel.
  fs::path build_modules(const Tree& tree) {
    const fs::path driver = tree.source / kDriverFolder;
    if (!fs::exists(driver / "cesa.c")) {
      throw UsageError("--kernel: no " + std::string(kDriverFolder) + " in '" +
                       tree.source.string() + "'");
    }
    Fingerprint print;
    print.add(kernel_fingerprint(tree));
    for (const fs::path& folder : {recipes_ / "glue", driver}) {
      std::vector<fs::path> files;
      for (const auto& entry : fs::directory_iterator(folder)) {
        const fs::path extension = entry.path().extension();
        if (extension == ".c" || extension == ".h" || entry.path().filename() == "Kbuild") {
          files.push_back(entry.path());
        }
      }
      std::ranges::sort(files);
      for (const fs::path& file : files) print.add(read_file(file));
    }
    print.add(read_file(recipes_ / "driver.Kbuild"));
    std::vector<fs::path> program;
    for (const auto& entry : fs::directory_iterator(options_.home / "cosim" / "guest")) {
      const fs::path extension = entry.path().extension();
      if (extension == ".c" || extension == ".h") program.push_back(entry.path());
    }
    std::ranges::sort(program);
    for (const fs::path& file : program) print.add(read_file(file));
    const fs::path folder = cache_folder() / ("modules-" + print.hex(kFingerprintDigits));
    if (fs::exists(folder)) return folder;

    say("building the guest's modules");
    const fs::path part = folder.string() + ".part";
    fs::remove_all(part);
    const fs::path log = part / "build.log";
    copy_sources(recipes_ / "glue", part / "glue");
    make_modules(tree, part / "glue", log, "building the glue modules");
    copy_sources(driver, part / "driver");
    // Kbuild is preferred to the kernel's own Makefile, which is left out by a name it lacks.
    fs::copy_file(recipes_ / "driver.Kbuild", part / "driver" / "Kbuild",
                  fs::copy_options::overwrite_existing);
    make_modules(tree, part / "driver", log, "building the stock driver");
    std::vector<std::string> compile = {"gcc",   "-static", "-O2",
                                        "-Wall", "-o",      (part / "cosim-guest").string()};
    for (const fs::path& file : program) {
      if (file.extension() == ".c") compile.push_back(file.string());
    }
    step(compile, log, "building the guest's program");
    fs::rename(part, folder);
    return folder;
  }

  void add_kbuild(const fs::path& folder, const fs::path& source) const {
    // The stock driver's Makefile asks for an option that cannot be set here.
    const bool stock = fs::exists(folder / "cesa.c") && fs::exists(folder / "tdma.c") &&
                       !fs::exists(folder / "Kbuild");
    if (stock) fs::copy_file(recipes_ / "driver.Kbuild", folder / "Kbuild");
    if (!stock && !fs::exists(folder / "Kbuild") && !fs::exists(folder / "Makefile")) {
      throw UsageError("--module-dir: neither Kbuild nor Makefile in '" + source.string() + "'");
    }
  }

  static std::vector<fs::path> modules_in(const fs::path& folder) {
    std::vector<fs::path> modules;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".ko") modules.push_back(entry.path());
    }
    std::ranges::sort(modules);
    return modules;
  }

  /// A copy of the user's driver or of the kernel's own, patched, kept by its content: another
  /// command that builds from the same folder takes nothing away from a guest.
  std::vector<fs::path> build_driver(const Tree& tree) {
    const bool users = !options_.module_dir.empty();
    if (users && !fs::is_directory(options_.module_dir)) {
      throw UsageError("--module-dir: '" + options_.module_dir.string() + "' is no folder");
    }
    const fs::path source = fs::canonical(driver_sources(tree));
    const TemporaryFolder scratch;
    const fs::path sources = scratch.path() / "driver";
    copy_sources(source, sources);
    if (users && fs::is_empty(sources)) {
      throw UsageError("--module-dir: no C sources in '" + source.string() + "'");
    }
    if (users) {
      add_kbuild(sources, source);
    } else {
      fs::copy_file(recipes_ / "driver.Kbuild", sources / "Kbuild",
                    fs::copy_options::overwrite_existing);
    }
    for (const fs::path& edit : options_.edits) apply_edit(edit, sources, source.string());

    Fingerprint print;
    print.add(kernel_fingerprint(tree));
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(sources)) files.push_back(entry.path());
    std::ranges::sort(files);
    for (const fs::path& file : files) print.add(file.filename().string() + read_file(file));
    const fs::path folder = cache_folder() / ("driver-modules-" + print.hex(kFingerprintDigits));
    if (!fs::exists(folder)) {
      const fs::path part = folder.string() + ".part";
      fs::remove_all(part);
      copy_sources(sources, part / "driver");
      if (users) say("building the driver in " + source.string());
      make_modules(tree, part / "driver", part / "build.log",
                   options_.edits.empty() ? "building your driver" : "building the changed driver");
      if (modules_in(part / "driver").empty()) {
        throw UsageError("--module-dir: '" + source.string() + "' makes no module");
      }
      fs::rename(part, folder);
    }
    return modules_in(folder / "driver");
  }

  const KernelOptions& options_;
  fs::path recipes_;
};

}  // namespace

fs::path cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return fs::path(cache) / "cesasim";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    throw UsageError("neither XDG_CACHE_HOME nor HOME says where built kernels may be kept");
  }
  return fs::path(home) / ".cache" / "cesasim";
}

std::string KernelVersion::str() const {
  return std::to_string(major) + "." + std::to_string(minor);
}

KernelVersion parse_kernel_version(const std::string& release) {
  KernelVersion version;
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec == std::errc() && major.ptr != end && *major.ptr == '.') {
    const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
    if (minor.ec == std::errc()) return version;
  }
  throw std::invalid_argument("'" + release + "' is no kernel's version, as 6.1.192");
}

fs::path find_kernel_sources(const fs::path& folder) {
  constexpr std::string_view kPrefix = "linux-source-";
  constexpr std::string_view kSuffix = ".tar.xz";
  fs::path best;
  KernelVersion best_version;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const std::string middle =
        name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
    KernelVersion version;
    try {
      version = parse_kernel_version(middle);
    } catch (const std::invalid_argument&) {
      continue;
    }
    // Others of that name are patches and parts, as linux-source-6.1-rt.
    if (middle != version.str() || version < kOldest || version > kNewest) continue;
    if (best.empty() || version > best_version) {
      best = entry.path();
      best_version = version;
    }
  }
  return best;
}

Kernel prepare_kernel(const KernelOptions& options) { return Builder(options).run(); }

std::vector<fs::path> fitting_edits(const KernelOptions& options) {
  return Builder(options).fitting();
}

}  // namespace cesasim::cosim
