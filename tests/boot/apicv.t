#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How much of the guest's local APIC the processor serves: all of it holds, whatever is chosen, and the
# operations that are not to exit do not.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

modes=(off registers x2apic delivery)

# Memory moves all the time, under what is delivered too: virtual-interrupt delivery on Bochs needs
# vmx/delivery.c for that.
{
	printf 'cpus = 3\n[run]\nmoves = 50\n'
	for mode in "${modes[@]}"; do
		printf '[run]\napicv = %s\nmoves = 500\n' "$mode"
		printf '[run]\napicv = %s\nguest = state\nmoves = 50\n' "$mode"
		printf '[run]\napicv = %s\nguest = bench\narg = 1\nmoves = 20\nlarge = off\n' "$mode"
	done
} >"$dir/apicv.cfg"
boot CONFIG="$dir/apicv.cfg"
exits 0
is "the default is x2apic" "$(field 0 result) $(field 0 apicv)" "held x2apic"
r=1
for mode in "${modes[@]}"; do
	for guest in patrol state bench; do
		is "$guest holds with $mode" \
			"$(field $r guest) $(field $r apicv) $(field $r result) $(field $r stale_reads)" \
			"$guest $mode held 0"
		r=$((r + 1))
	done
done

# accesses R NAME: those to the VMCS that an operation of the run takes, in whole ones
accesses() { field "$1" bench_vmcs_accesses | sed -nE "s/.*\"$2\":([0-9]+)\..*/\1/p"; }

# costs MODE: the accesses of EOI, IPI to itself; then in x2APIC mode of a read, EOI, TPR, IPI to itself
costs() {
	local r=$1 name list=
	for name in cpuid tpr eoi self-ipi x2apic-read x2apic-eoi x2apic-tpr x2apic-self-ipi; do
		list+="$name $([ "$(accesses "$r" $name)" = 0 ] && echo free || echo exits) "
	done
	echo "$list"
}
is "off: the TPR alone" "$(costs 3)" "cpuid exits tpr free eoi exits self-ipi exits x2apic-read exits \
x2apic-eoi exits x2apic-tpr exits x2apic-self-ipi exits "
is "registers: nothing more of these" "$(costs 6)" "$(costs 3)"
is "x2apic: the TPR there, too" "$(costs 9)" "cpuid exits tpr free eoi exits self-ipi exits \
x2apic-read free x2apic-eoi exits x2apic-tpr free x2apic-self-ipi exits "
is "delivery: all of them" "$(costs 12)" "cpuid exits tpr free eoi free self-ipi free \
x2apic-read free x2apic-eoi free x2apic-tpr free x2apic-self-ipi free "
for r in 3 6 9 12; do
	is "a CPUID exit takes four accesses, run $r" "$(accesses $r cpuid)" 4
done
is "no EOI of an edge exits with delivery" "$(grep -o '"virtualized-eoi"' "$stdout" | wc -l)" 0

plan
