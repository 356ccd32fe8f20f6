#!/usr/bin/env bash
# The launcher asks Bazel whether something must be built: times of files say nothing (a file restored
# with its old time, the root BUILD). What it runs is what Bazel built last.
set -euo pipefail
tree=$TEST_TMPDIR/tree
tools=$TEST_TMPDIR/bin
mkdir -p "$tree" "$tools"
cp -L cesasim "$tree/cesasim"
# A Bazel that "builds" what the source says.
cat >"$tools/bazel" <<END
#!$(command -v bash)
case \$1 in
  build)
    echo build >>"$TEST_TMPDIR/asked"
    [[ ! -e "$tree/broken" ]] || exit 1
    mkdir -p "$TEST_TMPDIR/bin-dir/cli"
    printf '#!%s\necho program %s "\$@"\n' "$(command -v bash)" "\$(cat "$tree/source")" >"$TEST_TMPDIR/bin-dir/cli/cesasim"
    ;;
  info) echo "$TEST_TMPDIR/bin-dir" ;;
esac
END
chmod +x "$tools/bazel"

failed=0
expect() {
  [[ $output == *"$1"* ]] || { echo "FAILED: no '$1' in: $output" >&2; failed=1; }
}
launch() { status=0; output=$(PATH="$tools:$PATH" "$tree/cesasim" "$@" 2>&1) || status=$?; }

# There is a program and Bazel: no package is looked for.
mkdir -p "$tree/out/.bin"
printf '#!/bin/false\n' >"$tree/out/.bin/cesasim"
chmod +x "$tree/out/.bin/cesasim"

echo one >"$tree/source"
launch list paths
expect "program one list paths"
echo two >"$tree/source"
touch -d 2001-01-01 "$tree/source"  # restored with an old time
launch list paths
expect "program two list paths"
first=$(stat -c %Y%i "$tree/out/.bin/cesasim")
launch list
[[ $(stat -c %Y%i "$tree/out/.bin/cesasim") == "$first" ]] || { echo "FAILED: copied though equal" >&2; failed=1; }
touch "$tree/broken"
launch list
((status == 2)) || { echo "FAILED: exit code $status of a failed build" >&2; failed=1; }
expect "the build failed"
[[ $output != *"program two"* ]] || { echo "FAILED: an old program ran behind a failed build" >&2; failed=1; }

# A machine without Bazel runs what is there, and says so.
mkdir "$TEST_TMPDIR/nothing"
for name in bash dirname readlink; do ln -s "$(command -v $name)" "$TEST_TMPDIR/nothing/$name"; done
status=0
output=$(PATH=$TEST_TMPDIR/nothing "$TEST_TMPDIR/nothing/bash" "$tree/cesasim" list 2>&1) || status=$?
((status == 0)) || { echo "FAILED: exit code $status without Bazel" >&2; failed=1; }
expect "no Bazel here"
expect "program two list"
exit $failed
