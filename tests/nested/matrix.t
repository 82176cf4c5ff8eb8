#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What KVM may lack, by QEMU's vmx-* properties: Interlock runs without it, or says in one line that it
# needs it.
# shellcheck disable=SC2034
platform=kvm-in-bochs
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"

cat >"$dir/matrix.cfg" <<'END'
moves = 100
[run]
[run]
guest = state
moves = 50
[run]
guest = churn
guest_mem = 16M
mem = 4M
arg = 1000
moves = 20
END

# runs PROPERTIES TEXT...: without these, the log says so by each TEXT, and all guests hold. ends: with
# which code.
ends=0
runs() {
	local cpu=host,-${1//,/,-} text
	boot CONFIG="$dir/matrix.cfg" CPU="$cpu" TIMEOUT=900
	exits $ends
	for r in 0 1 2; do
		is "$(field $r guest) held without $1" "$(field $r result) $(field $r stale_reads)" \
			"held 0"
	done
	for text in "${@:2}"; do
		says "$stdout" "^vmx: without \"$text\"\$"
	done
	at_least "reclaim found pages" "$(field 2 refaults)" 1
}

capabilities() { sed -nE 's/^vmx: revision .* EPT\/VPID ([0-9a-f]+)$/\1/p' "$stdout"; }

# lacks NAME BIT: of IA32_VMX_EPT_VPID_CAP
lacks() { is "the processor has no $1" $((0x0$(capabilities) >> $2 & 1)) 0; }

# Each of them is missing in one of two machines.
runs vmx-apicv-register,vmx-vpid,vmx-eptad,vmx-pml "APIC-register virtualization" "enable VPID" "enable PML"
lacks "A/D flags" 21

# Here less of the APIC is served, and more, when it is asked for, refused.
printf '[run]\napicv = x2apic\n' >>"$dir/matrix.cfg"
ends=2
runs vmx-ept-1gb,vmx-ept-2mb,vmx-rdtscp-exit,vmx-invpcid-exit,vmx-apicv-x2apic "enable RDTSCP" \
	"enable INVPCID" "virtualize x2APIC mode"
lacks "1-GB leaves" 17
lacks "2-MB leaves" 16
is "nothing was to split" "$(field 0 splits)" 0
is "apicv is what is there" "$(field 0 apicv)" registers
says "$stdout" "apicv = x2apic: this CPU's VMX lacks \"virtualize x2APIC mode\"; allowed here: registers"

# needs PROPERTY TEXT
needs() {
	boot CPU="host,-$1" TIMEOUT=900
	exits 2
	says "$stdout" "this CPU's VMX lacks $2, which Interlock needs"
	json_last
}
needs vmx-flexpriority '"use TPR shadow"'
needs vmx-unrestricted-guest '"unrestricted guest"'
plan
