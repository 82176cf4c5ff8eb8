#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Linux whose memory is short is not disturbed by the guests beside it, whose memory is short as well:
# another Linux whose kernel crashes, one that is stopped since it cannot do with its budget, a guest
# that triple-faults, one that storms its APIC.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"

cmdline="console=ttyS0,115200 loglevel=5 panic=-1 mitigations=off audit=0 cryptomgr.notests clearcpuid=erms"
boot_config FILES="build/linux/vmlinuz build/linux/initrd.img" TIMEOUT=2400 <<END
guest = \\vmlinuz
initrd = \\initrd.img
guest_mem = 128M
mem = 56M
[run]
cpus = 3
cmdline = $cmdline mb=60 rounds=1
[with]
cmdline = $cmdline crash=1
[with]
cmdline = $cmdline
mem = 24M
[with]
guest = rogue
guest_mem = 8M
mem = 0
arg = 0
[with]
guest = rogue
guest_mem = 8M
mem = 0
moves = 5000
arg = 11
END
exits 1
# Results come in the order in which the guests end.
declare -A run
for r in 0 1 2 3 4; do
	run[$(field $r guest_id)]=$r
done
is "each guest has its result" "${#run[@]}" 5
of() { field "${run[$1]-99}" "$2"; }
is "the Linux holds" "$(of 1 result) $(of 1 guest_exit) $(of 1 stale_reads)" "held 0 0"
says "$stdout" '^\[guest 1\] linux: wrote 60 MB, sum '
says "$stdout" '^\[guest 1\] linux: round 1 of 1: memory, pipes and timers are right'
ok "and does with 56 MB" test "$(of 1 held_max)" -le $((56 << 20))
says "$stdout" '^\[guest 2\] linux: crashes now'
ok "its neighbour has reset itself" grep -q 'reset the machine' <<<"$(of 2 error)"
ok "the next one was stopped" grep -q 'no memory for guest-physical' <<<"$(of 3 error)"
ok "the next one has triple-faulted" grep -q 'triple fault' <<<"$(of 4 error)"
is "the one that storms its APIC goes on" "$(of 5 result)" held
plan
