#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Under a real KVM: a guest that uses four times the memory it is lent, with every order.
# shellcheck disable=SC2034
platform=kvm-in-bochs
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"

boot_config TIMEOUT=900 <<'END'
guest = churn
guest_mem = 16M
mem = 4M
arg = 2000
moves = 100
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
for r in 0 1 2 3 4 5; do
	is "$(field $r protocol) held on $(field $r cpus) CPUs" \
		"$(field $r result) $(field $r stale_reads) $(field $r moves_done)" "held 0 100"
	ok "within its budget" test "$(field $r held_max)" -le $((4 << 20))
	for name in reclaimed compressed refaults; do
		at_least "run $r: $name" "$(field $r $name)" 1
	done
done
plan
