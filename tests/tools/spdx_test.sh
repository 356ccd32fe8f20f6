#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/spdx gives a licence line to sources that have none, and to nothing else.
set -euo pipefail
tree=$TEST_TMPDIR/tree
mkdir -p "$tree/tools" "$tree/cosim/kernel" "$tree/tests/fuzz/corpus" "$tree/out"
cp -L tools/spdx "$tree/tools/"
cd "$tree"
printf '#include "a.h"\n' >a.cc
printf '#!/bin/sh\necho hello' >script
chmod 750 script
printf '// SPDX-License-Identifier: MIT\nint b;\n' >b.h
printf 'cc_library()\n' >BUILD
printf 'a {}\n' >a.css
: >empty.cc
printf '# A page\n' >page.md
printf 'plain\n' >text
for kept in cosim/kernel/k.c tests/fuzz/corpus/f.cc out/o.cc; do echo 'int x;' >"$kept"; done

failed=0
expect() { [[ $1 == "$2" ]] || { echo "FAILED: '$1' where '$2' is expected" >&2; failed=1; }; }

status=0
listed=$(tools/spdx --check) || status=$?
expect "$status" 1
expect "$listed" $'BUILD\na.cc\na.css\nempty.cc\nscript'
expect "$(cat a.cc)" '#include "a.h"'

expect "$(tools/spdx)" "5 files"
expect "$(cat a.cc)" $'// SPDX-License-Identifier: Apache-2.0\n#include "a.h"'
expect "$(cat script)" $'#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho hello'
expect "$(stat -c %a script)" 750
expect "$(cat b.h)" $'// SPDX-License-Identifier: MIT\nint b;'
expect "$(cat BUILD)" $'# SPDX-License-Identifier: Apache-2.0\ncc_library()'
expect "$(cat a.css)" $'/* SPDX-License-Identifier: Apache-2.0 */\na {}'
expect "$(cat empty.cc)" '// SPDX-License-Identifier: Apache-2.0'
expect "$(cat page.md text)" $'# A page\nplain'
expect "$(cat cosim/kernel/k.c tests/fuzz/corpus/f.cc out/o.cc)" $'int x;\nint x;\nint x;'

# Once is enough.
expect "$(tools/spdx)" "0 files"
tools/spdx --check || expect "$?" 0
status=0
tools/spdx --all 2>/dev/null || status=$?
expect "$status" 2
exit $failed
