#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/count_tests: what this run made is counted, and what is missing from it is a failure.
set -euo pipefail
count=tools/count_tests
work=$TEST_TMPDIR/count
mkdir -p "$work"
problems=0

# expect NAME PASSED FAILURE...: what the last count printed, line by line (FAILURE is a part of one).
expect() {
  local name=$1 lines part i=1
  mapfile -t lines <<<"$output"
  shift
  if [[ ${lines[0]} != "$1" ]] || ((${#lines[@]} != $#)); then
    printf 'FAILED: %s: expected %s passed and %s failures; got\n%s\n' "$name" "$1" $(($# - 1)) "$output" >&2
    problems=1
    return
  fi
  for part in "${@:2}"; do
    [[ ${lines[i]} == *"$part"* ]] || { echo "FAILED: $name: no '$part' in '${lines[i]}'" >&2; problems=1; }
    i=$((i + 1))
  done
}

# report FILE CASE...: a JUnit file; CASE is NAME, NAME:failure, NAME:error or NAME:skipped.
report() {
  local file=$1 case
  shift
  {
    echo '<?xml version="1.0"?><testsuites><testsuite name="s">'
    for case in "$@"; do
      if [[ $case == *:* ]]; then
        echo "<testcase name=\"${case%:*}\" classname=\"Suite\"><${case#*:} message=\"&lt;x&gt;\"/></testcase>"
      else
        echo "<testcase name=\"$case\" classname=\"Suite\"/>"
      fi
    done
    echo '</testsuite></testsuites>'
  } >"$file"
}

# Events as Bazel writes them.
configured() { echo "{\"id\":{\"targetConfigured\":{\"label\":\"$1\"}},\"configured\":{\"targetKind\":\"cc_test rule\",\"testSize\":\"SMALL\"}}"; }
incompatible() { echo "{\"id\":{\"targetCompleted\":{\"label\":\"$1\"}},\"aborted\":{\"reason\":\"SKIPPED\"}}"; }
# result LABEL STATUS SHARD ATTEMPT [REPORT]
result() {
  local outputs=""
  [[ -z ${5-} ]] || outputs=",{\"name\":\"test.xml\",\"uri\":\"file://$5\"}"
  echo "{\"id\":{\"testResult\":{\"label\":\"$1\",\"run\":1,\"shard\":$3,\"attempt\":$4,\"configuration\":{\"id\":\"c\"}}},\"testResult\":{\"testActionOutput\":[{\"name\":\"test.log\",\"uri\":\"file:///dev/null\"}$outputs],\"status\":\"$2\"}}"
}
bazel() { output=$($count bazel stage "$work/events" "$@"); }

report "$work/two.xml" a b
report "$work/one.xml" c
report "$work/mixed.xml" d e:failure f:error g:skipped

{ configured //t:a; result //t:a PASSED 1 1 "$work/two.xml"; result //t:a PASSED 2 1 "$work/one.xml"; } >"$work/events"
bazel 0 ""
expect "Bazel says no number" 3 "did not say how many"
bazel 0 3
expect "Bazel's own number" 3
bazel 0 4
expect "fewer than Bazel ran" 3 "Bazel ran 4 cases, only 3"
bazel 4 ""
expect "Bazel failed without a failure" 3 "bazel ended with 4"

# A report of an older run lies where Bazel would have put it; no event names it.
{ configured //t:a; configured //t:unbuilt; result //t:a PASSED 1 1 "$work/two.xml"; } >"$work/events"
bazel 1 ""
expect "a test that did not build" 2 "//t:unbuilt did not run"

{ configured //t:a; result //t:a FAILED 1 1 "$work/mixed.xml"; } >"$work/events"
bazel 3 4
expect "failures by name" 1 "Suite.e" "Suite.f"

{ configured //t:a; result //t:a TIMEOUT 1 1; result //t:a FAILED 2 1 "$work/two.xml"; } >"$work/events"
bazel 3 2
expect "a time-out, and a crash behind the last case" 2 "//t:a ended with TIMEOUT" "shard 2, run 1) ended with FAILED"

{ configured //t:a; result //t:a PASSED 1 1; result //t:a PASSED 2 1 "$work/gone.xml"; } >"$work/events"
bazel 0 0
expect "passed without a report" 0 "passed without a report" "no report"

report "$work/empty.xml"
{ configured //t:a; result //t:a PASSED 1 1 "$work/empty.xml"; } >"$work/events"
bazel 0 0
expect "passed without a case" 0 "ran without a test case"

# More shards than cases.
{ configured //t:a; result //t:a PASSED 1 1 "$work/two.xml"; result //t:a PASSED 2 1 "$work/empty.xml"; } >"$work/events"
bazel 0 2
expect "an empty shard" 2

{ configured //t:a; result //t:a FAILED 1 1 "$work/mixed.xml"; result //t:a PASSED 1 2 "$work/two.xml"; } >"$work/events"
bazel 0 0
expect "the last attempt counts" 2

{ configured //t:a; configured //t:b; result //t:a PASSED 1 1 "$work/two.xml"; incompatible //t:b; } >"$work/events"
bazel 0 0
expect "a test for another configuration" 2

: >"$work/events"
bazel 0 0
expect "nothing ran" 0 "Bazel ran no test"
echo '{"id"' >"$work/events"
status=0
output=$($count bazel stage "$work/events" 0 0 2>&1) || status=$?
((status == 2)) || { echo "FAILED: events that cannot be read end with $status" >&2; problems=1; }

output=$($count junit stage "$work/two.xml" "$work/mixed.xml")
expect "JUnit files" 3 "stage: Suite.e" "stage: Suite.f"
output=$($count junit stage "$work/empty.xml" "$work/gone.xml")
expect "JUnit files without a case" 0 "no test case in" "no report"

exit $problems
