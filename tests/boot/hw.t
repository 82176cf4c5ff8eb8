#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tests of a PC's interrupt hardware, and of what its firmware leaves behind, pass on a machine that is not
# ours, QEMU without VT-x, and as a guest, under which memory moves meanwhile. Their points are relayed.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

on_tcg hw.elf 2
relay "2 CPUs" < <(tr -d '\r' <"$stdout")
exits 0

on_tcg hw.elf 3 "ipi ioapic"
relay "3 CPUs" < <(tr -d '\r' <"$stdout")
exits 0

on_tcg hw.elf 1 "lapic no-such-test"
exits 3
says "$stdout" '^Bail out! no test with such a name'

on_tcg flat.bin 1
relay "a PC's firmware" < <(tr -d '\r' <"$stdout")
exits 0

# The default, and those ways of serving the APIC that differ.
boot_config FILES="build/guests/hw.elf build/guests/flat.bin" TIMEOUT=900 <<'END'
guest = \hw.elf
guest_mem = 64M
cpus = 3
[run]
[run]
apicv = registers
[run]
apicv = delivery
[run]
apicv = off
cpus = 4
cmdline = lapic ipi ioapic pit
[run]
guest = \flat.bin
cpus = 2
END
exits 0
r=0
for words in "a guest" "no x2APIC virtualization" "virtual-interrupt delivery" "3 vCPUs, no APICv"; do
	relay "$words" < <(sed -n "s/^\[guest $((r + 1))\] //p" "$stdout")
	is "$words: it ends well" "$(field $r result) $(field $r guest_exit)" "held 0"
	at_least "$words: the APIC-access page moved meanwhile, times" "$(field $r apic_page_moves)" 100
	r=$((r + 1))
done
relay "a flat image" < <(sed -n 's/^\[guest 5\] //p' "$stdout")
is "a flat image: it ends well" "$(field 4 result) $(field 4 guest_exit)" "held 0"
at_least "with delivery the end of what is level-triggered exits" \
	"$(field 2 exits | grep -oE '"virtualized-eoi":[0-9]+' | cut -d: -f2)" 1
plan
