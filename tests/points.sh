# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Test points, for the lib.sh of tests/boot/ and tests/lab/. A test ends with `plan`.
set -uo pipefail
shopt -s lastpipe # what a function at a pipe's end sets, stays

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2034
points=0 code=0 stdout=$dir/stdout stderr=$dir/stderr
: >"$stdout"
: >"$stderr"

# ok WORDS COMMAND...: one test point.
ok() {
	local what=$1
	shift
	points=$((points + 1))
	if "$@"; then
		echo "ok $points - $what"
	else
		echo "not ok $points - $what"
		return 0
	fi
}

# is WORDS GOT WANTED
is() {
	ok "$1" test "$2" = "$3"
	[ "$2" = "$3" ] || echo "# got '$2', wanted '$3'"
}

plan() { echo "1..$points"; }
