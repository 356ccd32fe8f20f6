#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# style_test.sh shellcheck|format|links|plain_only: every shell script passes ShellCheck; every C++ file
# is as clang-format leaves it; every file that a page names is there; CONTRIBUTING.md lists what does
# not run under the sanitizers. Where a program is missing, its case is skipped with a message.
# It looks at the tree itself, not at a list of files that somebody must keep (so BUILD tags it
# "external": Bazel does not know when its answer changes).
set -euo pipefail

# The formatter's output differs from version to version: .clang-format is meant for this one.
clang_format_version=14

what=$1
cd "$(dirname "$(readlink -f cesasim)")"

# skip WHY: a case that is neither passed nor failed.
skip() {
  echo "skipped: $1"
  if [[ -n ${XML_OUTPUT_FILE-} ]]; then
    printf '<testsuites><testsuite name="%s" tests="1" skipped="1"><testcase name="%s">%s</testcase></testsuite></testsuites>\n' \
      style_test "$what" "<skipped message=\"$1\"/>" >"$XML_OUTPUT_FILE"
  fi
  exit 0
}

# files FIND_ARGUMENT...: the tree's own files but cosim/kernel: it is written in the kernel's style,
# and a built kernel is kept by the content of its recipes.
files() {
  find . \( -path ./out -o -path ./.git -o -path './bazel-*' -o -path ./cosim/kernel -o \
    -path ./tests/fuzz/corpus \) -prune -o -type f "$@" -print0
}

is_shell_script() {
  local first=''
  IFS= read -r -n 100 first <"$1" || true
  [[ $first =~ ^#!.*[/\ ](ba)?sh( |$) ]]
} 2>/dev/null

case $what in
  shellcheck)
    command -v shellcheck >/dev/null || skip "shellcheck is not installed"
    scripts=()
    while IFS= read -r -d '' file; do
      if is_shell_script "$file"; then scripts+=("$file"); fi
    done < <(files -size -200k ! -name '*.zst' ! -name '*.png')
    ((${#scripts[@]} > 10)) || { echo "only ${#scripts[@]} scripts found" >&2; exit 1; }
    shellcheck "${scripts[@]}"
    echo "${#scripts[@]} scripts"
    ;;
  format)
    program=''
    for name in "clang-format-$clang_format_version" clang-format; do
      if command -v "$name" >/dev/null && [[ $("$name" --version) == *" version $clang_format_version."* ]]; then
        program=$name
        break
      fi
    done
    [[ -n $program ]] || skip "clang-format $clang_format_version is not installed"
    mapfile -d '' -t sources < <(files ! -path './cosim/guest/*' \( -name '*.cc' -o -name '*.h' \))
    ((${#sources[@]} > 100)) || { echo "only ${#sources[@]} sources found" >&2; exit 1; }
    "$program" --dry-run -Werror "${sources[@]}"
    echo "${#sources[@]} files"
    ;;
  links)
    pages=0 named=0 missing=0
    # exists PAGE PATH...: one of the paths is there.
    exists() {
      local page=$1 path
      shift
      named=$((named + 1))
      for path; do [[ ! -e $path ]] || return 0; done
      echo "$page: no $1" >&2
      missing=$((missing + 1))
    }
    # Paths in code that begin with a folder of the tree; a test may be named without its ending, a
    # word in capitals stands for a name.
    folders='base|cli|cosim|dmcrypt_model|docs|driver|hw_model|kernel_model|machine|scenario|studies|study|tests|tools|traces'
    while IFS= read -r -d '' page; do
      pages=$((pages + 1))
      while IFS= read -r path; do
        exists "$page" "$path" "$path.cc" "$path.yaml"
      done < <(grep -ohE "\`($folders)/[A-Za-z0-9_./-]+\`" "$page" | tr -d '`' |
        grep -vE '\b(NAME|STUDY|TARGET|OUT)\b' || true)
      while IFS= read -r path; do
        exists "$page" "${page%/*}/$path"
      done < <(grep -ohE '\]\([^)#:]+[)#]' "$page" | sed -E 's/^..//; s/.$//' || true)
    done < <(files -name '*.md')
    ((pages > 20 && named > 100)) || { echo "only $pages pages and $named names found" >&2; exit 1; }
    ((missing == 0)) || exit 1
    echo "$named names in $pages pages"
    ;;
  plain_only)
    tagged=$(files -name BUILD | xargs -0 grep -l '"plain-only"' | sed 's#^\./##; s#/BUILD$##' | sort)
    listed=$(sed -n '/"plain-only"/,/plain_only_test/p' CONTRIBUTING.md | sed -n 's/^- `\(tests[^`:]*\).*/\1/p' | sort -u)
    [[ $(wc -l <<<"$listed") -gt 2 ]] || { echo "CONTRIBUTING.md has no list of them" >&2; exit 1; }
    diff <(echo "$tagged") <(echo "$listed") || {
      echo "<: folders with the tag \"plain-only\" in BUILD; >: what CONTRIBUTING.md says" >&2
      exit 1
    }
    ;;
  *)
    echo "style_test.sh: '$what'; valid: shellcheck, format, links, plain_only" >&2
    exit 2
    ;;
esac
