#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the launcher asks for on a machine that has nothing of what it needs: Debian's packages by
# names that fit any release, and words where there is no apt-get.
set -euo pipefail

# A copy without anything else of the tree: it must not get as far as building.
tree=$TEST_TMPDIR/tree
tools=$TEST_TMPDIR/bin
mkdir -p "$tree" "$tools"
cp -L cesasim "$tree/cesasim"
for program in bash cut dirname env mkdir readlink sed tr; do
  ln -s "$(command -v "$program")" "$tools/$program"
done

failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}

# A command of that name which runs the given shell code.
fake() {
  printf '#!%s\n%s\n' "$tools/bash" "$2" >"$tools/$1"
  chmod +x "$tools/$1"
}

# launch ARGUMENT...: what it says, and its exit code in `status`.
launch() {
  status=0
  output=$(env -i PATH="$tools" HOME="$TEST_TMPDIR" "$tree/cesasim" "$@" 2>&1) || status=$?
}

expect_text() { [[ $output == *"$1"* ]] || fail "'$1' is not in: $output"; }
expect_no_text() { [[ $output != *"$1"* ]] || fail "'$1' is in: $output"; }

# Another distribution: words, with versions, and nothing that only Debian would know.
launch build
((status == 2)) || fail "exit code $status without apt-get"
expect_text "a C++20 compiler"
expect_text "Bazel 4.2.3 or later"
expect_text "SystemC 2.3.4 or later"
expect_text "GoogleTest"
expect_no_text "clang"
for name in bazel-bootstrap libsystemc-dev libgtest-dev; do expect_no_text "$name"; done
launch test
((status == 2)) || fail "exit code $status without apt-get"
expect_text "clang 14 or later"
expect_text "libFuzzer"

for arguments in "test --foo" "test --all extra" "build --foo"; do
  # shellcheck disable=SC2086  # words
  launch $arguments
  ((status == 2)) || fail "exit code $status of $arguments"
  expect_text "unknown argument '${arguments##* }'"
done

# Debian: what is asked of apt-get. It installs nothing here, which the launcher notices.
fake apt-get 'echo "apt-get $*" >>"$HOME/asked"'
fake sudo 'exec "$@"'
asked() {
  rm -f "$TEST_TMPDIR/asked"
  launch "$@"
  ((status == 2)) || fail "exit code $status though nothing was installed"
  expect_text "installed, but not found"
  asked=" $(sed -n 's/^apt-get install //p' "$TEST_TMPDIR/asked") "
}
expect_asked() { [[ $asked == *" $1 "* ]] || fail "$1 is not asked for: $asked"; }

asked build
for name in g++ bazel-bootstrap libsystemc-dev libyaml-cpp-dev libnlopt-cxx-dev; do
  expect_asked "$name"
done
[[ $asked != *clang* ]] || fail "the program itself needs no clang: $asked"
[[ $asked != *[a-z]-[0-9]* ]] || fail "a version in the name of a package: $asked"

# The release's own clang, and one of another version whose runtime is not there.
asked test
expect_asked clang
expect_asked libclang-rt-dev
expect_asked python3-jsonschema
expect_asked shellcheck
expect_asked clang-format
[[ $asked != *[a-z]-[0-9]* ]] || fail "a version in the name of a package: $asked"
for version in 14.0.6 19.1.7 21; do
  fake clang++ "[[ \$1 == -dumpversion ]] && echo $version"
  asked test
  expect_asked "libclang-rt-${version%%.*}-dev"
  [[ $asked != *" clang "* ]] || fail "clang is there: $asked"
done

# A header is looked for with the compiler, wherever it stands.
fake g++ 'while read -r line; do
  case $line in systemc | zlib.h) echo "$line" ;; esac
done'
asked build
expect_asked libssl-dev
for name in g++ libsystemc-dev zlib1g-dev; do
  [[ $asked != *" $name "* ]] || fail "$name is there: $asked"
done

exit $failed
