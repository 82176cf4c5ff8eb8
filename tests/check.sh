#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh TEST...: runs the tests (unit: binaries in build/unit/, boot: tests/boot/*.t, explorer:
# tests/lab/*.t), which speak TAP, under prove, two at a time, and closes with "N passed, N failed".
# Ends with 1 when anything failed.
set -euo pipefail
cd "$(dirname "$0")/.."

out=build/tap
rm -rf "$out"
mkdir -p "$out"
status=0
# The slow ones come first, so that the last one does not run alone for long.
prove -j2 --merge --exec tests/tap.sh "$@" || status=1

# prove counts files; here every test point counts, and a test that ended before its plan was done
# is one failure.
passed=0 failed=0
for test in "$@"; do
	tap=$out/${test//\//-}.tap
	read -r p f < <(awk '
		/^ok / { ok++ }
		/^not ok / && !/# *TODO/ { bad++ }
		/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned = 1 }
		/^Bail out!/ { bad++ }
		/^# exit [1-9]/ { died = 1 }
		END { if (!bad && (died || !planned || plan != ok)) bad = 1; print ok + 0, bad + 0 }
	' "$tap" 2>/dev/null || echo "0 1")
	[ "$f" = 0 ] || grep -A 20 '^not ok' "$tap" | grep -v '^ok' | sed "s|^|$test: |" || :
	passed=$((passed + p))
	failed=$((failed + f))
done
[ $status = 0 ] || [ $failed -gt 0 ] || failed=1
echo "$passed passed, $failed failed"
[ $failed = 0 ]
