#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The protocols by name: the order of 2017 reads stale bytes every time, the others hold; on 2, 4
# and 8 CPUs.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

{
	echo "moves = 300"
	for cpus in 2 4 8; do
		printf "[run]\ncpus = $cpus\nprotocol = %s\n" ordered range-notifier gated
	done
} | boot_config
exits 0
r=0
for cpus in 2 4 8; do
	for protocol in ordered range-notifier gated; do
		is "$protocol holds on $cpus CPUs" \
			"$(field $r protocol) $(field $r result) $(field $r cpus) $(field $r stale_reads)" \
			"$protocol held $cpus 0"
		r=$((r + 1))
	done
done

# Not by chance: every seed, every number of CPUs.
boot_config <<'END'
protocol = start-notifier
moves = 500
[run]
seed = 1
[run]
seed = 2
[run]
seed = 3
[run]
cpus = 4
[run]
cpus = 8
END
exits 3
for r in 0 1 2 3 4; do
	is "start-notifier is stale, run $r" "$(field $r result) $(field $r exit)" "stale 3"
	at_least "it counts the stale reads, run $r" "$(field $r stale_reads)" 1
done
# The report: both addresses, the guest's register and the value.
says "$stdout" 'wrong value: APIC register read at fee000[0-9a-f]+: [0-9a-f]+, expected [0-9a-f]+'
says "$stdout" 'APIC register .*A .*= [0-9a-f]+, EPT leaf = [0-9a-f]+.*they differ, so the CPU does not trap'
for name in address value expected apic_access_addr ept_leaf; do
	ok "the JSON has $name" test "$(field 0 "$name")"
done
plan
