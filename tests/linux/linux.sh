# shellcheck shell=bash disable=SC2154 # tests/boot/lib.sh's variables
# SPDX-License-Identifier: GPL-2.0-or-later

# linux MODE NAME=VALUE...: it held, with its APICs in that mode, after 10,000 moves of the APIC-access page
linux() {
	local mode=$1
	shift
	boot GUEST=linux TIMEOUT=1500 "$@"
	exits 0
	json_last
	says "$stdout" "^\[guest 1\] linux: userspace after [0-9.]+ s; 2 CPUs; .*; $mode"
	says "$stdout" '^\[guest 1\] linux: round 3 of 3: memory, pipes and timers are right'
	says "$stdout" '^\[guest 1\] linux: done after'
	is "stale accesses, and the value that the guest ended with" \
		"$(field -1 stale_reads) $(field -1 guest_exit)" "0 0"
	at_least "moves of the APIC-access page" "$(field -1 apic_page_moves)" 10000
}
