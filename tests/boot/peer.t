#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest of `make bench-peers` on Interlock: it measures each operation, finds nothing wrong, and what
# it did is what was to be measured. Counts, not ticks: those are the measurement.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

boot CONFIG=tests/peers/peers.cfg
exits 0
is "it holds" "$(field 0 result) $(field 0 stale_reads)" "held 0"
figures=$(grep -cE 'peer [a-z-]+ [0-9]+\.[0-9][0-9]$' "$stdout")
is "as many figures as the table wants" "$figures" \
	$(($(grep -cE '^\s(row\("[a-z-]+",|pair\()' tests/peers/table.awk) + 1 + \
		$(grep -cE '^\spair\(' tests/peers/table.awk)))
ok "the guest found nothing wrong" test "$(grep -cE 'peer (wrong|lost)' "$stdout")" = 0
says "$stdout" 'peer end$'

# 41 samples of 25 exits; a few more from the start and the end.
count() { grep -oE '"exits":\{[^}]*\}' "$stdout" | grep -oE "\"$1\":[0-9]+" | cut -d : -f 2; }
between() {
	ok "$1 ($3..$4)" test "${2:-0}" -ge "$3" -a "${2:-0}" -le "$4"
	echo "# $1: ${2:-none}"
}
between "CPUID exits" "$(count cpuid)" 1025 1100
between "APIC-access exits" "$(count apic-access)" 1025 1100
between "port exits" "$(count io)" 2050 4000

# 15 times 64 pages each, kept twice and dropped once; the APIC-access page 41 times.
is "pages that left their frames at the guest's word" "$(field 0 offered)" $((3 * 15 * 64 + 41))
is "of these, frames taken back" "$(field 0 reclaimed)" $((3 * 15 * 64))
is "pages of one word, and dropped ones" "$(field 0 same_filled)" $((2 * 15 * 64))
is "pages of text" "$(field 0 compressed)" $((15 * 64))
is "each came back" "$(field 0 refaults)" $((3 * 15 * 64))
at_least "reloads of A" "$(field 0 reloads)" 41
ok "at most 5 VMREADs an exit" test "$(field 0 vmreads_per_exit | cut -d . -f 1)" -lt 5
plan
