#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The main job: the ordered protocol holds, and the result has everything that is promised of it.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

boot
exits 0
json_last
is "the defaults" "$(field 0 protocol) $(field 0 cpus) $(field 0 moves_asked)" "ordered 2 2000"
is "all moves are done" "$(field 0 moves_done)" 2000
is "no stale reads" "$(field 0 stale_reads)" 0
at_least "moves of the APIC-access page" "$(field 0 apic_page_moves)" 1000
at_least "moves of data pages" "$(field 0 data_page_moves)" 10000
for name in exits invepts ipis_sent ipis_avoided reloads retries vmreads_per_exit \
	vmwrites_per_exit ticks_per_move median p99; do
	ok "the JSON has $name" test "$(field 0 "$name")"
done

# Several runs in one boot, each from a clean state: the same run twice counts the same moves.
boot_config <<'END'
moves = 200
seed = 7
[run]
[run]
seed = 0x7
[run]
apicv = off
[run]
guest = state
[run]
batch = 512
moves = 20
END
exits 0
is "one JSON line for each run" "$(grep -c '^{' "$stdout")" 5
for r in 0 1 2 3 4; do
	is "run $r held" "$(field $r result) $(field $r stale_reads)" "held 0"
done
is "run 1 moves as many pages as run 0" "$(field 1 data_page_moves)" "$(field 0 data_page_moves)"

boot HOST_APIC=xapic MOVES=100
exits 0
says "$stdout" 'local APIC in xAPIC mode'
plan
