// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/table.h"

#include <charconv>

namespace cesasim::dmcrypt {

namespace {

constexpr std::uint32_t kSector = 512;
constexpr const char* kForm =
    "0 <sectors> crypt <cipher> <key> <iv_offset> <device> <start> [<n> <options>...]";
constexpr const char* kOptions =
    "sector_size:<512|1024|2048|4096>, iv_large_sectors, same_cpu_crypt, submit_from_crypt_cpus, "
    "no_read_workqueue, no_write_workqueue";

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(kBlanks, at)) != std::string_view::npos) {
    const std::size_t end = line.find_first_of(kBlanks, at);
    words.push_back(line.substr(at, end - at));
    if (end == std::string_view::npos) break;
    at = end;
  }
  return words;
}

/// A decimal number that fills the whole word.
std::uint64_t number(std::string_view word, const char* field, const char* what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) {
    throw CipherSpecError(field,
                          "table: " + std::string(what) + " " + quote(word) + " is no number",
                          "a decimal number below 2^64");
  }
  return value;
}

void option(CryptTable& t, std::string_view word) {
  constexpr std::string_view kSectorSize = "sector_size:";
  if (word == "iv_large_sectors") {
    t.iv_large_sectors = true;
  } else if (word == "same_cpu_crypt") {
    t.same_cpu_crypt = true;
  } else if (word == "submit_from_crypt_cpus") {
    t.submit_from_crypt_cpus = true;
  } else if (word == "no_read_workqueue") {
    t.no_read_workqueue = true;
  } else if (word == "no_write_workqueue") {
    t.no_write_workqueue = true;
  } else if (word.substr(0, kSectorSize.size()) == kSectorSize) {
    const std::uint64_t size =
        number(word.substr(kSectorSize.size()), "sector_size", "sector_size");
    if (size != 512 && size != 1024 && size != 2048 && size != 4096) {
      throw CipherSpecError("sector_size",
                            "table: " + quote(word) + ": no size of an encryption unit",
                            "512, 1024, 2048, 4096");
    }
    t.sector_size = static_cast<std::uint32_t>(size);
  } else if (word == "allow_discards") {
    throw CipherSpecError("options", "table: option 'allow_discards': discards are not modelled",
                          kOptions);
  } else if (word.substr(0, 10) == "integrity:") {
    throw CipherSpecError(
        "options", "table: option " + quote(word) + ": integrity tags are not modelled", kOptions);
  } else {
    throw CipherSpecError("options", "table: option " + quote(word) + " is not known", kOptions);
  }
}

}  // namespace

CryptTable CryptTable::parse(std::string_view line) {
  const std::vector<std::string_view> w = words_of(line);
  if (w.size() < 8) {
    throw CipherSpecError("table",
                          "table: " + std::to_string(w.size()) + " words" +
                              (w.empty() ? "" : ", the last is " + quote(w.back())),
                          kForm);
  }
  if (number(w[0], "first_sector", "the first sector") != 0) {
    throw CipherSpecError(
        "first_sector",
        "table: the first sector " + quote(w[0]) + ": a mapping of several targets is not modelled",
        "0");
  }
  CryptTable t;
  t.sectors = number(w[1], "sectors", "the number of sectors");
  if (t.sectors == 0) {
    throw CipherSpecError("sectors", "table: the number of sectors '0': an empty mapping",
                          "1 or more");
  }
  if (w[2] != "crypt") {
    throw CipherSpecError("target", "table: target " + quote(w[2]) + " is not modelled", "crypt");
  }
  if (w[3].substr(0, 5) == "capi:") {
    throw CipherSpecError(
        "cipher",
        "table: cipher " + quote(w[3]) +
            ": the capi syntax names crypto API templates, which are not modelled",
        "<cipher>-<chainmode>-<ivmode>[:<ivopts>]");
  }
  t.cipher = CipherSpec::parse(w[3]);
  if (w[4].substr(0, 1) == ":") {
    throw CipherSpecError("key", "table: key " + quote(w[4]) + ": there is no keyring",
                          "the key in hexadecimal digits");
  }
  t.key = parse_key(w[4], t.cipher);
  t.iv_offset = number(w[5], "iv_offset", "iv_offset");
  t.device = w[6];
  t.start = number(w[7], "start", "the start on the device");
  if (t.sectors > ~std::uint64_t{0} - t.start) {
    throw CipherSpecError(
        "start",
        "table: the start on the device " + quote(w[7]) + ": start plus sectors is beyond 2^64",
        "a sector of the device");
  }
  if (w.size() > 8) {
    const std::uint64_t count = number(w[8], "options", "the number of options");
    if (count != w.size() - 9) {
      throw CipherSpecError("options",
                            "table: the number of options " + quote(w[8]) + ", but " +
                                std::to_string(w.size() - 9) + " words follow",
                            kForm);
    }
    for (std::size_t i = 9; i < w.size(); ++i) option(t, w[i]);
  }
  const std::uint32_t unit = t.sector_size / kSector;
  if (t.sectors % unit != 0) {
    throw CipherSpecError(
        "sectors",
        "table: the number of sectors " + quote(w[1]) + " is not a multiple of sector_size",
        "multiples of " + std::to_string(unit));
  }
  if (t.iv_offset % unit != 0) {
    throw CipherSpecError("iv_offset",
                          "table: iv_offset " + quote(w[5]) + " is not a multiple of sector_size",
                          "multiples of " + std::to_string(unit));
  }
  return t;
}

std::vector<std::string> CryptTable::options() const {
  std::vector<std::string> out;
  if (sector_size != kSector) out.push_back("sector_size:" + std::to_string(sector_size));
  if (iv_large_sectors) out.emplace_back("iv_large_sectors");
  if (same_cpu_crypt) out.emplace_back("same_cpu_crypt");
  if (submit_from_crypt_cpus) out.emplace_back("submit_from_crypt_cpus");
  if (no_read_workqueue) out.emplace_back("no_read_workqueue");
  if (no_write_workqueue) out.emplace_back("no_write_workqueue");
  return out;
}

std::string CryptTable::str() const {
  static const char* const kDigits = "0123456789abcdef";
  std::string hex;
  for (std::uint8_t b : key) {
    hex += kDigits[b >> 4];
    hex += kDigits[b & 15];
  }
  std::string line = "0 " + std::to_string(sectors) + " crypt " + cipher.str() + " " + hex + " " +
                     std::to_string(iv_offset) + " " + (device.empty() ? "-" : device) + " " +
                     std::to_string(start);
  const std::vector<std::string> opts = options();
  if (!opts.empty()) line += " " + std::to_string(opts.size());
  for (const std::string& o : opts) line += " " + o;
  return line;
}

}  // namespace cesasim::dmcrypt
