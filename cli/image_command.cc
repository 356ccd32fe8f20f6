// SPDX-License-Identifier: Apache-2.0
// cesasim image encrypt|decrypt.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "base/file/outputs.h"
#include "base/process/process.h"
#include "cli/command.h"
#include "dmcrypt_model/path_info.h"
#include "dmcrypt_model/table.h"
#include "machine/image.h"
#include "scenario/scenario.h"

namespace cesasim::cli {
namespace {

struct ImageArguments {
  std::string table;  ///< as dmsetup takes it
  std::string in, out;
  std::string path = "modern";
  std::string driver = "cryptosoft";
  std::string policy;  ///< "": the usual one of the path
  std::string soc = "kirkwood-88f6281";
  std::string placement = "native";
  bool quiet = false;
};

/// The scenario of the command: a flash disk as large as the mapping needs. Errors: ConfigError.
Scenario image_scenario(const ImageArguments& arguments, const Library& library) {
  if (arguments.path == dmcrypt::kNoCrypt) {
    throw ConfigError({"--path", 0}, "dmcrypt.path", "'none' encrypts nothing",
                      "another one of `list paths`");
  }
  Tree tree;
  tree.kind = Tree::Kind::map;
  tree.at = {"image", 0};
  const auto set = [&tree](const char* key, const std::string& value, const char* option) {
    set_path(tree, key, Tree::scalar(value, {option, 0}, Layer::command_line, /*quoted=*/true));
  };
  set("soc", arguments.soc, "--soc");
  set("disk", "flash", "image");
  set("workload.trace", "none", "image");
  Tree blank = tree;
  const double disk_sectors =
      static_cast<double>(resolve_scenario(blank, library, /*check_files=*/false).disk.sectors());
  set("dmcrypt.table", arguments.table, "--table");
  set("dmcrypt.path", arguments.path, "--path");
  set("dmcrypt.placement", arguments.placement, "--placement");
  set("ocf.driver", arguments.driver, "--driver");
  set("ocf.policy",
      !arguments.policy.empty()     ? arguments.policy
      : arguments.path == "ocf-lsp" ? "marvell"
                                    : "2010",
      "--policy");
  try {
    const auto table = dmcrypt::CryptTable::parse(arguments.table);
    const double end = static_cast<double>(table.start) + static_cast<double>(table.sectors);
    if (end > disk_sectors) {
      set_path(tree, "disk.capacity_gib",
               Tree::scalar(fmt::format("{:.17g}", (end + 1) / (1 << 21)), {"--table", 0},
                            Layer::command_line));
    }
  } catch (const dmcrypt::CipherSpecError&) {
    // The scenario's own check says it, with its place.
  }
  return resolve_scenario(tree, library, /*check_files=*/false);
}

/// Checks the arguments as a scenario, runs the image and prints one line. Errors: ConfigError, and
/// those of run_image(); Interrupted on SIGINT or SIGTERM.
void image_command(bool encrypt, const ImageArguments& arguments) {
  const Library library = Library::locate();
  const Scenario scenario = image_scenario(arguments, library);
  check_outputs({{"OUT", arguments.out}}, {arguments.in});
  const SignalWatch watch;
  ImageJob job;
  job.encrypt = encrypt;
  job.in = arguments.in;
  job.out = arguments.out;
  const bool show = !arguments.quiet && ::isatty(STDERR_FILENO) != 0;
  auto shown = std::chrono::steady_clock::now();
  job.progress = [&](double fraction) {
    const auto now = std::chrono::steady_clock::now();
    if (show && now - shown > std::chrono::milliseconds(200)) {
      shown = now;
      fmt::print(stderr, "\r{}: {:.0f} %\x1b[K", arguments.in, fraction * 100);
      std::fflush(stderr);
    }
    return !SignalWatch::interrupted();
  };
  const auto clear = [show] {
    if (show) fmt::print(stderr, "\r\x1b[K");
  };
  ImageResult result;
  try {
    result = run_image(scenario, job);
  } catch (const ImageStopped&) {
    clear();
    throw Interrupted();
  } catch (...) {
    clear();
    throw;
  }
  clear();
  if (arguments.quiet) return;
  const double bytes = static_cast<double>(result.bytes);
  fmt::print("{}: {} bytes in {:.6f} simulated seconds, {:.3f} MB/s\n", arguments.out, result.bytes,
             result.sim_seconds, result.sim_seconds > 0 ? bytes / 1e6 / result.sim_seconds : 0);
}

}  // namespace

void add_image_command(Command& app, Action& chosen) {
  const auto given = std::make_shared<ImageArguments>();
  ImageArguments& image = *given;
  Command* image_app =
      app.add_subcommand("image", "Encrypt or decrypt a file through the simulated dm-crypt");
  image_app->require_subcommand(1);
  Command* encrypt_command = image_app->add_subcommand(
      "encrypt", "Write IN to the mapping; OUT is the disk up to the mapping's end");
  Command* decrypt_command =
      image_app->add_subcommand("decrypt", "Read the mapping of the disk IN; OUT is its plaintext");
  for (Command* command : {encrypt_command, decrypt_command}) {
    command
        ->add_option("--table", image.table,
                     "the mapping as dmsetup takes it (the device's name does not matter)")
        ->required();
    command->add_option("--path", image.path, "data path, see `list paths` (modern)");
    command->add_option("--driver", image.driver, "driver, see `list drivers` (cryptosoft)");
    command->add_option("--policy", image.policy,
                        "OCF core: 2005, 2006, 2010, marvell (2010; ocf-lsp: marvell)");
    command->add_option("--soc", image.soc, "soc preset (kirkwood-88f6281)");
    command->add_option("--placement", image.placement, "native, in-place, out-of-place (native)");
    command->add_flag("--quiet", image.quiet, "only errors");
    command->add_option("IN", image.in, "a file or a block device")->required();
    command->add_option("OUT", image.out, "a file; replaced when all has gone well")->required();
    const bool encrypt = command == encrypt_command;
    command->callback([given, encrypt, &chosen] {
      chosen = [given, encrypt] {
        image_command(encrypt, *given);
        return kOk;
      };
    });
  }
}

}  // namespace cesasim::cli
