# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of the explorer share. A test sources this file, runs `explore OPTION... FILE...`,
# and looks at what came back:
#
#   code            the exit code; 137 when it had to be killed
#   stdout, stderr  files
#   column NAME [R] the column NAME of the R-th result of a run with --csv (1 is the first one)
#
# and ends with `plan`. Every check is one test point.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/points.sh
. tests/points.sh
# EXPLORER=... tests another build.
EXPLORER=${EXPLORER:-build/explore}

# `make check` has built already; a test that is started by hand builds first.
[ -x "$EXPLORER" ] || make -s "$EXPLORER" >&2 || exit 1

# LIMIT only ends what hangs.
explore() {
	timeout -k 1 "${LIMIT:-100}" "$EXPLORER" "$@" >"$stdout" 2>"$stderr" </dev/null
	code=$?
}

# litmus NAME LINE...: writes a file and names it in $file.
litmus() {
	file=$dir/$1.litmus
	shift
	printf '%s\n' "$@" >"$file"
}

column() {
	awk -F, -v name="$1" -v r="${2:-1}" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) k = i }
		NR == r + 1 { print $k }' "$stdout"
}

# exits WORDS WANTED: the exit code of the last run; shows the end of its output when it is another.
exits() {
	is "$1: exit code $2" "$code" "$2"
	[ "$code" = "$2" ] || { tail -n 10 "$stdout" "$stderr" | sed 's/^/# /'; }
}

# says WORDS FILE REGEX: some line of FILE matches
says() {
	ok "$1 says: $3" grep -qE -- "$3" "$2"
	grep -qE -- "$3" "$2" || tail -n 5 "$2" | cut -c 1-200 | sed 's/^/# /'
}
