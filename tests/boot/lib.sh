# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the boot tests share. A test sources this file, boots with `boot NAME=VALUE...` (the
# parameters of `make run`) or `boot_config NAME=VALUE... <<END` (an interlock.cfg on standard input),
# and looks at what came back:
#
#   code            the exit code
#   stdout, stderr  files
#   field R NAME    the field NAME of the JSON line of run R (0 is the first one, -1 the last line)
#
# and ends with `plan`. A test may set `platform` first (bochs). Every check is one test point.
# Several runs in one boot save time: use [run] sections.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/points.sh
. tests/points.sh

# `make check` has built already; a test that is started by hand builds first.
if ! { [ -x build/cfgcheck ] && [ -f build/interlock.img ]; }; then
	make -s all build/cfgcheck build/makeexit.so build/guests/{hw.elf,box.elf,flat.bin} >&2 || exit 1
fi

boot() {
	# The tests run two at a time on possibly slow machines: TIMEOUT only ends what hangs.
	env BUILT=1 JSON="$dir/run.json" TIMEOUT=500 PLATFORM="${platform:-bochs}" "$@" boot/run.sh \
		>"$stdout" 2>"$stderr" </dev/null
	code=$?
	echo "# boot $*: exit code $code"
}

boot_config() {
	cat >"$dir/test.cfg"
	boot CONFIG="$dir/test.cfg" "$@"
}

# exits WANTED: the exit code of the last boot; shows the end of its output when it is another one.
exits() {
	is "exit code $1" "$code" "$1"
	[ "$code" = "$1" ] || { tail -n 15 "$stdout" "$stderr" | sed 's/^/# /'; }
}

# says FILE REGEX: some line of FILE matches
says() {
	ok "says: $2" grep -qE -- "$2" "$1"
	grep -qE -- "$2" "$1" || tail -n 5 "$1" | cut -c 1-300 | sed 's/^/# /'
}

# field R NAME: a number, a word or a whole object, without quotes; nothing when there is none.
field() {
	local line
	if [ "$1" = -1 ]; then
		line=$(tail -n 1 "$stdout")
	else
		line=$(grep '^{' "$stdout" | sed -n "$(($1 + 1))p")
	fi
	grep -oE "\"$2\":(\"[^\"]*\"|\\{[^}]*\\}|[^,}]*)" <<<"$line" | head -n 1 |
		sed -E 's/^"[^"]*"://; s/^"(.*)"$/\1/'
}

# at_least WORDS GOT LOW
at_least() {
	ok "$1 (at least $3)" test "${2:--1}" -ge "$3"
	[ "${2:--1}" -ge "$3" ] 2>/dev/null || echo "# got '$2'"
}

# json_last: the last line of standard output is JSON, and run.json has the same.
json_last() {
	ok "the last line is one JSON object" grep -qE '^\{.*\}$' <(tail -n 1 "$stdout")
	is "run.json ends with the same line" "$(tail -n 1 "$dir/run.json")" \
		"$(tail -n 1 "$stdout")"
}

# relay WORDS: each point of the TAP on standard input as one of this test's, with the comments of those
# that failed; and that the plan came.
relay() {
	local line n=0 plan=
	while read -r line; do
		case $line in
		"ok "*) ok "$1: ${line#*- }" true ;;
		"not ok "*) ok "$1: ${line#*- }" false ;;
		"#"* | "Bail out!"*) echo "${line/#Bail/# Bail}" ;;
		1..*) plan=$line ;;
		esac
		[[ $line =~ ^(not )?ok\  ]] && n=$((n + 1))
	done
	is "$1: it came to its end" "$plan" "1..$n"
}

# on_tcg KERNEL CPUS [APPEND]: boots KERNEL of build/guests/, NAME.elf by multiboot or NAME.bin, a disk that
# boots, on QEMU without VT-x: no machine of ours. What it says is in stdout, code is what it wrote to port
# 0xf4. That machine's clocks are the host's: on a busy one an interrupt comes late that is not, so it has three tries.
on_tcg() {
	local try what=(-kernel "build/guests/$1" -append "${3-}")
	[[ $1 = *.elf ]] || what=(-drive "format=raw,file=build/guests/$1")
	for try in 1 2 3; do
		timeout 120 qemu-system-x86_64 -accel tcg -M pc -cpu max -smp "$2" -m 64 \
			"${what[@]}" -nodefaults -display none \
			-serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 \
			>"$stdout" 2>"$stderr" </dev/null
		code=$?
		[ $code != 1 ] || code=0 # isa-debug-exit: 2 * what was written + 1
		echo "# $1 on $2 CPUs, try $try: exit code $code"
		grep -q '^not ok' "$stdout" || break
	done
}
