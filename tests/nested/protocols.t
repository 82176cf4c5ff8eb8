#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Under a real KVM, which shadows E: the orders hold or do not, as on Bochs alone.
# shellcheck disable=SC2034
platform=kvm-in-bochs
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"

boot_config TIMEOUT=900 <<'END'
moves = 300
[run]
[run]
protocol = range-notifier
[run]
protocol = gated
[run]
cpus = 4
[run]
cpus = 4
protocol = range-notifier
[run]
cpus = 4
protocol = gated
END
exits 0
json_last
says "$stdout" '^outer Linux is starting, [0-9]+ s'
says "$stdout" '^firmware is starting, [0-9]+ s'
for r in 0 1 2 3 4 5; do
	is "$(field $r protocol) holds on $((r < 3 ? 2 : 4)) CPUs" \
		"$(field $r result) $(field $r cpus) $(field $r moves_done) $(field $r stale_reads)" \
		"held $((r < 3 ? 2 : 4)) 300 0"
done
# Interlock's guest ran in KVM's nested guest, and KVM says so.
at_least "entries into a guest of the guest, as KVM counts them" \
	"$(sed -n 's/.*kvm-stats .*"nested_run":\([0-9]*\).*/\1/p' "$dir/run.outer")" 1000

boot_config TIMEOUT=900 <<'END'
protocol = start-notifier
moves = 2000
[run]
[run]
seed = 2
[run]
cpus = 4
[run]
guest = churn
guest_mem = 16M
mem = 4M
arg = 4000
moves = 1000
END
exits 3
for r in 0 1 2 3; do
	is "start-notifier is stale, run $r" "$(field $r result) $(field $r exit)" "stale 3"
	at_least "it counts the stale reads, run $r" "$(field $r stale_reads)" 1
done
says "$stdout" 'APIC register .*A .*= [0-9a-f]+, EPT leaf = [0-9a-f]+.*they differ, so the CPU does not trap'
plan
