// SPDX-License-Identifier: Apache-2.0
#include "hw_model/common/fault.h"

#include <utility>

namespace cesasim::hw {

FaultPlan::FaultPlan(std::vector<FaultRule> rules, std::uint64_t seed) {
  for (FaultRule& rule : rules) {
    has_.at(static_cast<std::size_t>(rule.kind)) = true;
    State state;
    // A stream of its own, so that one more rule does not change when the others fire.
    std::seed_seq mix{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                      static_cast<std::uint32_t>(rules_.size())};
    state.random.seed(mix);
    state.rule = std::move(rule);
    rules_.push_back(std::move(state));
  }
}

bool FaultPlan::decide(FaultKind kind, Ps now, std::uint64_t where) {
  bool fires = false;
  for (State& s : rules_) {
    const FaultRule& rule = s.rule;
    if (rule.kind != kind || now < rule.from || now >= rule.to || where < rule.first ||
        where > rule.last) {
      continue;
    }
    ++s.opportunities;
    if (rule.times != 0 && s.fired >= rule.times) continue;
    bool now_it_does = false;
    if (rule.nth != 0 && s.opportunities >= rule.nth) {
      const std::uint64_t past = s.opportunities - rule.nth;
      now_it_does = rule.every == 0 ? past == 0 : past % rule.every == 0;
    }
    if (!now_it_does && rule.probability > 0) {
      // 53 bits: the same on every library, unlike std::bernoulli_distribution.
      now_it_does = static_cast<double>(s.random() >> 11) * 0x1p-53 < rule.probability;
    }
    if (!now_it_does) continue;
    ++s.fired;
    s.last_fired = now;
    if (at_alloc_site(kind) && where < s.fired_at.size()) ++s.fired_at[where];
    fires = true;
  }
  return fires;
}

std::vector<FaultPlan::Outcome> FaultPlan::outcomes() const {
  std::vector<Outcome> out;
  for (const State& s : rules_) {
    out.push_back({&s.rule, s.opportunities, s.fired, s.last_fired, s.fired_at});
  }
  return out;
}

std::uint64_t FaultPlan::fired() const {
  std::uint64_t n = 0;
  for (const State& s : rules_) n += s.fired;
  return n;
}

}  // namespace cesasim::hw
