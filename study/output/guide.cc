// SPDX-License-Identifier: Apache-2.0
#include "study/output/guide.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "machine/result/metrics.h"
#include "scenario/names.h"
#include "scenario/parameter_list.h"
#include "scenario/scenario.h"

namespace cesasim::study {
namespace {

constexpr const char* kHead = R"md(# Guide to studies

Made by `cesasim list guide` of the tables that the reader itself works by; not to be edited by hand.

A study is a YAML file: a base scenario, axes that vary it, and what is expected of the outcome.
`cesasim run NAME` takes a shipped one by its name, `cesasim run path/to/my.yaml` yours.

Editors with a YAML language server complete and check keys by `studies/schema/study.json` (made by
`cesasim list study-schema`); the first line of the shipped studies names it. `studies/schema/results.json`
is the form of `results.json`.

```yaml
name: my-study                      # letters, digits, '-', '_', '.'; names the folder out/my-study
doc: What it asks, in one line      # shown by `cesasim list studies`
scenario:                           # one simulation; the keys are below
  soc: kirkwood-88f6281             # a preset's name, or the path of a preset file ...
  disk: {preset: hdd-2005, rpm: 5400}   # ... or a map: a preset and what to change in it
  dmcrypt: {path: ocf-v3, cipher: "aes-cbc-essiv:sha256", key: "seed:1", key_bits: 128}
  ocf: {policy: "2005", driver: cesa_tdma}
  workload: {trace: traces/mkfs.csv.zst}
  soc.cores: 2                      # dots reach into a map
axes:                               # every combination is a point; the last axis varies fastest
  dmcrypt.path: [standard, ocf-v1]  # a key and its values
  board:                            # or a name of your own and named cases of several settings
    one core: {soc.cores: 1}
    two cores: {soc.cores: 2}
exclude: [{dmcrypt.path: standard, board: two cores}]   # points that do not run
baseline: {dmcrypt.path: standard}  # what the table compares with: axes that are set to these values
expect:                             # exit code 1 if one does not hold
  - name: small writes cost more    # in words
    where: {dmcrypt.path: ocf-v1}   # the points it is about (axis: value); none: all
    metric: sim_seconds             # see the table of metrics
    phase: mkfs                     # of this phase of the trace; none: the whole run
    relative_to: baseline           # or {axis: value, ...}: divided by that point's value
    min: 1.0                        # bounds; min, max or both
    max: 1.2
  - name: as measured               # or a published figure instead of bounds:
    metric: throughput_mb_s
    published:
      value: 95.2
      within: 15                    # the aim in per cent: 5 or less if fitted, 15 or less if predicted
      basis: predicted              # or fitted: parameters were chosen by it
      source: where it stands
      note: a remark                # may be left out, as may the next
      tolerated: {within: 60, reason: why it is missed}   # known: shown as OFF, fails beyond 60 % only
fit:                                # what `cesasim fit` may choose so that fitted figures are met
  - {key: soc.costs.kernel.wake_up, preset: cortex-a9-linux-2.6, min: 100, max: 5000}
```

What is given later wins: preset, scenario, axis, `--set KEY=VALUE` on the command line. `--set` on
an axis narrows it to that one value. `--print-config` shows every point with where each value came
from. Files (traces, presets) are looked for in the current folder, beside the study, and in the
simulator's own folder.

A preset file gives every value with unit, mark and source; marks are `measured`, `spec`, `derived`,
`assumed`. `bounds` is optional and says between what the value lies for all that is known
(`run --sensitivity` stays inside).

```yaml
preset: {kind: disk, name: my-disk, doc: In one line}
values:
  rpm: {value: 7200, unit: rpm, mark: spec, source: "data sheet", bounds: [5400, 7200]}
```

Exit codes: 0 fine; 1 an expectation or a comparison failed; 2 bad input; 3 a point failed or broke
a guarantee; 130 interrupted.
)md";

/// For a cell of a table.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

/// The group that a key is listed under: its first part, in soc and ocf its first two.
std::string group_of(const std::string& path) {
  const std::size_t dot = path.find('.');
  if (dot == std::string::npos) return "";
  const std::string first = path.substr(0, dot);
  if (first != "soc" && first != "ocf" && first != "workload") return first;
  const std::size_t second = path.find('.', dot + 1);
  return second == std::string::npos ? first : path.substr(0, second);
}

std::string valid_of(const ParameterInfo& p) {
  if (p.type != "number" && p.type != "count") return p.valid;
  return fmt::format("{} to {}{}{}", p.min_text, p.max_text, p.valid.empty() ? "" : "; ", p.valid);
}

void add_keys(std::string& out) {
  out += "\n## Keys of a scenario\n";
  // In the order in which groups appear first; keys without a group come first.
  std::vector<std::string> groups = {""};
  const std::vector<ParameterInfo> all = list_parameters();
  for (const ParameterInfo& p : all) {
    const std::string group = group_of(p.path);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  for (const std::string& group : groups) {
    out += group.empty() ? "" : fmt::format("\n### {}\n", group);
    out += "\n| key | unit | valid | |\n|---|---|---|---|\n";
    for (const ParameterInfo& p : all) {
      if (group_of(p.path) != group) continue;
      out += fmt::format("| `{}` | {} | {} | {} |\n", p.path, cell(p.unit), cell(valid_of(p)),
                         cell(p.doc));
    }
  }
}

void add_named(std::string& out, const char* title, const std::vector<Named>& names) {
  out += fmt::format("\n## {}\n\n| | |\n|---|---|\n", title);
  for (const Named& n : names) out += fmt::format("| `{}` | {} |\n", n.name, cell(n.doc));
}

}  // namespace

std::string study_guide() {
  std::string out = kHead;
  add_keys(out);
  add_named(out, "Data paths (dmcrypt.path)", path_list());
  add_named(out, "Drivers (ocf.driver)", driver_list());
  add_named(out, "Faults (faults.NAME.kind)", fault_list());
  out += "\n## Metrics\n\n| metric | unit | | better |\n|---|---|---|---|\n";
  for (const Metric& m : metrics()) {
    out += fmt::format("| `{}` | {} | {} | {} |\n", m.name, cell(m.unit), cell(m.doc),
                       m.better == Metric::Better::lower    ? "lower"
                       : m.better == Metric::Better::higher ? "higher"
                                                            : "");
  }
  return out;
}

}  // namespace cesasim::study
