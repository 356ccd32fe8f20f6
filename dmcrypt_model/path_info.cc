// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/path_info.h"

#include <algorithm>

namespace cesasim::dmcrypt {

namespace {

/// What the constructor of a path's original takes.
struct Abilities {
  const char* name;
  std::vector<std::string> modes;
  const char* no_mode;  ///< why not another
  std::vector<std::string> iv_modes;
  EssivSalt salt;
};

const Abilities* abilities(const std::string& path) {
  static const std::vector<std::string> old_ivs = {"plain", "essiv"};
  static const std::vector<std::string> lsp_ivs = {"plain", "essiv", "null"};
  static const std::vector<std::string> all_ivs = {"plain", "plain64", "plain64be",
                                                   "essiv", "benbi",   "null"};
  static const char* const no_ocf_mode = "OCF has no session for it";
  static const std::vector<Abilities> rows = {
      {"standard", {"cbc", "ecb"}, "unknown chaining mode", old_ivs, EssivSalt::cut},
      {"ocf-v1", {"cbc"}, no_ocf_mode, old_ivs, EssivSalt::cut},
      {"ocf-v3", {"cbc"}, no_ocf_mode, old_ivs, EssivSalt::cut},
      {"ocf-lsp", {"cbc"}, no_ocf_mode, lsp_ivs, EssivSalt::whole},
      {"ocf-async", {"cbc"}, no_ocf_mode, all_ivs, EssivSalt::cut},
      {"modern", {"cbc", "ecb", "xts"}, "unknown chaining mode", all_ivs, EssivSalt::whole},
  };
  for (const Abilities& row : rows) {
    if (path == row.name) return &row;
  }
  return nullptr;
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void check_placement(const std::string& path, const std::string& placement,
                     bool driver_out_of_place) {
  if (placement != "native" && placement != "in-place" && placement != "out-of-place") {
    throw CipherSpecError("placement", "placement '" + placement + "' is not known",
                          "native, in-place, out-of-place");
  }
  if (placement != "out-of-place" || path == "standard" || path == "modern") return;
  if (path != "ocf-async") {
    throw CipherSpecError(
        "placement",
        "path '" + path + "': placement 'out-of-place': an OCF request has one buffer, crp_buf",
        "native, in-place");
  }
  if (!driver_out_of_place) {
    throw CipherSpecError("placement",
                          "path '" + path +
                              "': placement 'out-of-place': the crypto driver does not take "
                              "crp_out_buf",
                          "native, in-place, or a driver that does");
  }
}

}  // namespace

const std::vector<PathInfo>& crypt_paths() {
  constexpr const char* k2005 = "linux-2.6.12";
  constexpr const char* k6 = "linux-6.1";
  static const std::vector<PathInfo> paths = {
      {"standard", "Linux 2.6.12: the kernel's cipher API in the submitter (writes) or kcryptd",
       false, false, k2005},
      {"ocf-v1", "first OCF patch of 2005: post all sectors of a conversion, wait for all", true,
       true, k2005},
      {"ocf-v3", "third OCF patch of 2005: reads are posted and not waited for", true, true, k2005},
      {"ocf-lsp", "Marvell's descendant of it: retries, everything on one workqueue", true, true,
       k2005},
      {"ocf-async", "what the patch leaves for the future: nobody waits, every sector is counted",
       true, false, k2005},
      {"modern",
       "Linux 6.x: asynchronous crypto API, sorted writes, larger sectors (over cesa_tdma no stock "
       "kernel since Linux 5.10 does this: its dm-crypt refuses drivers that allocate memory, see "
       "dmcrypt.allow_allocating_drivers)",
       false, false, k6},
      {kNoCrypt,
       "no dm-crypt: the plain disk, the zero line of what encryption costs (takes the kernel of "
       "the points that it is compared with)",
       false, false, nullptr},
  };
  return paths;
}

void check_path(const std::string& path, const CryptTable& table, const PathSettings& settings,
                bool driver_out_of_place) {
  if (path == kNoCrypt) {
    if (table.cipher.cipher.empty() && table.options().empty()) return;
    throw CipherSpecError("path",
                          "path 'none': nothing is encrypted, and a cipher or an option is given",
                          "neither, or another path");
  }
  const Abilities* can = abilities(path);
  if (can == nullptr) {
    std::vector<std::string> names;
    for (const PathInfo& p : crypt_paths()) names.emplace_back(p.name);
    throw CipherSpecError("path", "there is no path '" + path + "'", join(names));
  }
  const CipherSpec& spec = table.cipher;
  const std::string who = "path '" + path + "': cipher '" + spec.str() + "': ";
  if (!contains(can->modes, spec.chainmode)) {
    throw CipherSpecError("cipher", who + can->no_mode + " '" + spec.chainmode + "'",
                          join(can->modes));
  }
  if (!spec.ivmode.empty() && !contains(can->iv_modes, spec.ivmode)) {
    throw CipherSpecError("cipher", who + "invalid IV mode '" + spec.ivmode + "'",
                          join(can->iv_modes));
  }
  const std::vector<std::uint32_t> sizes = spec.key_bits();
  if (std::find(sizes.begin(), sizes.end(), table.key.size() * 8) == sizes.end()) {
    throw CipherSpecError("key", who + "a key of " + std::to_string(table.key.size() * 8) + " bits",
                          std::to_string(sizes.front()) +
                              (sizes.size() > 1 ? " to " + std::to_string(sizes.back()) : ""));
  }
  if (spec.ivmode == "essiv") essiv_salt(spec, table.key, can->salt);
  if (path != "modern") {
    const std::vector<std::string> options = table.options();
    if (!options.empty()) {
      throw CipherSpecError(options.front().substr(0, options.front().find(':')),
                            "path '" + path + "': option '" + options.front() +
                                "': the constructor takes five arguments and no options",
                            "no options, or the path modern");
    }
    if (settings.max_read_size != 0 || settings.max_write_size != 0) {
      const std::string field = settings.max_read_size != 0 ? "max_read_size" : "max_write_size";
      throw CipherSpecError(field, "path '" + path + "': " + field + " came with Linux 6.11",
                            "0, or the path modern");
    }
  }
  if (settings.max_in_flight == 0) {
    throw CipherSpecError("max_in_flight", "max_in_flight 0: nothing could ever be posted",
                          "1 or more");
  }
  check_placement(path, settings.placement, driver_out_of_place);
}

}  // namespace cesasim::dmcrypt
