#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is typed comes to the guest's serial port: a shell in Debian's Linux does as it is told.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"

boot/setup.sh input >&2 || exit 1
mkfifo "$dir/typed"
exec 9<>"$dir/typed"
# Waits for the shell's prompt, however long that takes: the boot below has a time limit.
while ! grep -q '^\[guest 1\] / # ' "$stdout"; do
	sleep 1
done && printf 'echo it is $((6 * 7))\nexit\n' >&9 &
env BUILT=1 JSON="$dir/run.json" TIMEOUT=1500 PLATFORM=bochs GUEST=linux CMDLINE=shell=1 INPUT=on boot/run.sh \
	>"$stdout" 2>"$stderr" <"$dir/typed"
code=$?
kill %1 2>/dev/null
exits 0
says "$stdout" '^\[guest 1\] it is 42'
is "the shell's end is the machine's" "$(field -1 result) $(field -1 guest_exit)" "held 0"
plan
