#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every study that the launcher compares with its baseline has one, and no baseline lies there that
# nothing is compared with.
set -euo pipefail

names() { tr -s ' ' '\n' | sed '/^$/d' | sort; }

# The arguments of its calls of study_tests, lines that go on joined.
compared=$(sed -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' cesasim |
  sed -n 's/^ *study_tests //p' | names)
baselines=$(for file in studies/baselines/*.json; do basename "$file" .json; done | names)

failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}

(($(wc -l <<<"$compared") > 3)) || fail "these are not all the studies that cesasim compares: $compared"
twice=$(uniq -d <<<"$compared")
[[ -z $twice ]] || fail "compared twice: $twice"
for study in $compared; do
  [[ -e studies/$study.yaml ]] || fail "cesasim compares $study, and there is no studies/$study.yaml"
done
for study in $(comm -23 <(echo "$compared") <(echo "$baselines")); do
  fail "cesasim compares $study, and there is no studies/baselines/$study.json"
done
for study in $(comm -13 <(echo "$compared") <(echo "$baselines")); do
  fail "studies/baselines/$study.json is compared with nothing: cesasim has no study_tests $study"
done
exit "$failed"
