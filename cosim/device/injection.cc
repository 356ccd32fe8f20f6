// SPDX-License-Identifier: Apache-2.0
#include "cosim/device/injection.h"

#include <charconv>
#include <stdexcept>
#include <utility>

namespace cesasim::cosim {
namespace {

constexpr std::pair<const char*, Injection::Kind> kKinds[] = {
    {"bus-error", Injection::Kind::bus_error},
    {"lost-irq", Injection::Kind::lost_irq},
    {"stuck", Injection::Kind::stuck},
    {"kill", Injection::Kind::kill},
};

}  // namespace

std::string Injection::str() const {
  for (const auto& [name, k] : kKinds) {
    if (k == kind) return std::string(name) + "@" + std::to_string(at);
  }
  return "none";
}

Injection parse_injection(const std::string& text) {
  const std::string name = text.substr(0, text.find('@'));
  Injection injection;
  for (const auto& [known, kind] : kKinds) {
    if (name == known) injection.kind = kind;
  }
  bool good = injection.kind != Injection::Kind::none;
  if (good && name.size() < text.size()) {
    const char* first = text.data() + name.size() + 1;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, injection.at);
    good = error == std::errc() && end == last && injection.at > 0;
  }
  if (!good) {
    throw std::invalid_argument("--inject: '" + text +
                                "'; valid: bus-error@N, lost-irq@N, stuck@N, kill@N with N from 1");
  }
  return injection;
}

}  // namespace cesasim::cosim
