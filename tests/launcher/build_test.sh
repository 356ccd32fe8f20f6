#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
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

# What git says of the sources stands beside the program: of these sources only, and it follows them
# without a new program.
rm "$tree/broken"
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
export HOME=$TEST_TMPDIR GIT_CONFIG_NOSYSTEM=1
described=$tree/out/.bin/cesasim.describe
expect_described() {
  launch list
  local found=none
  [[ ! -e $described ]] || found=$(<"$described")
  [[ $found == "$1" ]] || { echo "FAILED: described as '$found', not '$1'" >&2; failed=1; }
}
if command -v git >/dev/null; then
  expect_described none
  # A tree unpacked inside another project's.
  git -C "$TEST_TMPDIR" init -q
  git -C "$TEST_TMPDIR" commit -q --allow-empty -m outer
  expect_described none
  git -C "$tree" init -q
  git -C "$tree" add cesasim source
  expect_described none  # no commit yet
  git -C "$tree" commit -q -m inner
  commit=$(git -C "$tree" rev-parse --short HEAD)
  expect_described "$commit"
  git -C "$tree" tag -a -m tag v9
  git -C "$tree" commit -q --allow-empty -m next
  commit=$(git -C "$tree" rev-parse --short HEAD)
  expect_described "v9-1-g$commit"
  echo three >"$tree/source"
  expect_described "v9-1-g$commit-dirty"
  echo two >"$tree/source"
  expect_described "v9-1-g$commit"
  rm -r "$tree/.git" "$TEST_TMPDIR/.git"
  expect_described none
else
  echo "no git here: what it says of the sources is not tested" >&2
fi

# A machine without Bazel runs what is there, and says so.
mkdir "$TEST_TMPDIR/nothing"
for name in bash dirname readlink; do ln -s "$(command -v $name)" "$TEST_TMPDIR/nothing/$name"; done
status=0
output=$(PATH=$TEST_TMPDIR/nothing "$TEST_TMPDIR/nothing/bash" "$tree/cesasim" list 2>&1) || status=$?
((status == 0)) || { echo "FAILED: exit code $status without Bazel" >&2; failed=1; }
expect "no Bazel here"
expect "program two list"
exit $failed
