#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/compile_commands turns Bazel's list of actions into what editors read.
set -euo pipefail
tree=$TEST_TMPDIR/tree
bin=$TEST_TMPDIR/bin
mkdir -p "$tree/tools" "$bin"
cp -L tools/compile_commands "$tree/tools/"

# A Bazel with three compilations, one of them of a file that another target compiles too.
cat >"$bin/bazel" <<END
#!$(command -v bash)
[[ ! -e "$tree/broken" ]] || exit 7
case "\$1 \${2-}" in
  "info output_base") echo /base ;;
  "info execution_root") echo /base/execroot/cesasim ;;
  aquery*) echo "\$*" >"$TEST_TMPDIR/asked"; cat "$TEST_TMPDIR/actions" ;;
esac
END
chmod +x "$bin/bazel"
cat >"$TEST_TMPDIR/actions" <<'END'
action 'Compiling base/text/nearest.cc'
  Mnemonic: CppCompile
  Target: //base/text:nearest
  Command Line: (exec /usr/bin/gcc \
    '-D__DATE__="redacted"' \
    -fno-canonical-system-headers \
    -iquote \
    bazel-out/k8-opt/bin \
    -isystem \
    external/syslibs/include \
    -Ibazel-out/k8-opt/bin/_virtual \
    -c \
    base/text/nearest.cc \
    -o \
    bazel-out/k8-opt/bin/nearest.o)

action 'Compiling base/text/nearest.cc'
  Mnemonic: CppCompile
  Command Line: (exec /usr/bin/gcc \
    -DSECOND \
    -c \
    base/text/nearest.cc)
# Configuration: another line that is no argument

action 'Compiling external/x/y.c'
  Mnemonic: CppCompile
  Command Line: (exec /usr/bin/gcc \
    -c \
    external/x/y.c \
    -o \
    y.o)
  ExecutionInfo: {}
END

failed=0
fail() { echo "FAILED: $*" >&2; failed=1; }
run() { status=0; output=$(PATH="$bin:$PATH" "$tree/tools/compile_commands" "$@" 2>&1) || status=$?; }

run
((status == 0)) || fail "exit code $status: $output"
grep -q '//\.\.\.' "$TEST_TMPDIR/asked" || fail "asked for $(cat "$TEST_TMPDIR/asked")"
expected='[
  {"directory": "'$tree'", "file": "'$tree'/base/text/nearest.cc", "command": "/usr/bin/gcc '\''-D__DATE__=\"redacted\"'\'' -iquote /base/execroot/cesasim/bazel-out/k8-opt/bin -isystem /base/external/syslibs/include -I/base/execroot/cesasim/bazel-out/k8-opt/bin/_virtual -c base/text/nearest.cc -o /base/execroot/cesasim/bazel-out/k8-opt/bin/nearest.o"},
  {"directory": "'$tree'", "file": "/base/external/x/y.c", "command": "/usr/bin/gcc -c /base/external/x/y.c -o y.o"}
]'
[[ $(<"$tree/compile_commands.json") == "$expected" ]] || fail "$(cat "$tree/compile_commands.json")"

# What was there stays when nothing better comes.
: >"$TEST_TMPDIR/actions"
run //base:none
((status != 0)) || fail "no compilation is no failure"
touch "$tree/broken"
run
((status != 0)) || fail "Bazel's failure is none"
[[ $(<"$tree/compile_commands.json") == "$expected" ]] || fail "overwritten: $(cat "$tree/compile_commands.json")"
[[ ! -e $tree/compile_commands.json.part ]] || fail "a part is left"
run a b
((status == 2)) || fail "exit code $status of two arguments"
exit $failed
