#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that tries to leave its box gets the processor's own answers: those that it gets on QEMU
# without VT-x. The guest beside it holds; what no kernel survives ends that one guest with a reason;
# and in the end all of E leads to the guest's own frames.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

on_tcg box.elf 2
relay "QEMU" < <(tr -d '\r' <"$stdout")
exits 0

# The name of what ends the guest, and some of the reason.
ends=(
	"end-walk|page walk" "end-walk-apic|page walk" "end-cr3|page walk"
	"end-stack|no memory at guest-physical 3ef" "end-code|instruction fetch"
	"end-code-apic|code in the APIC-access page" "end-idt|event delivery"
	"end-idt-apic|while an event was delivered" "end-gdt|no memory at guest-physical 3f0"
	"end-delivery|event delivery" "end-delivery-apic|while an event was delivered"
	"end-triple|triple fault" "end-task|task switch" "end-sse|APIC register 80"
)
printf '\xfa\xf4\xeb\xfd' >"$dir/halt.bin" # CLI, HLT, and again
{
	printf 'guest_mem = 64M\n'
	printf '[run]\nguest = patrol\nmoves = 1000\n'
	printf '[with]\nguest = \\box.elf\ncpus = 3\n'
	printf '[run]\nguest = \\box.elf\ncpus = 3\ncmdline = end-debug\n'
	for one in "${ends[@]}"; do
		printf '[run]\nguest = \\box.elf\ncmdline = %s\n' "${one%|*}"
	done
	printf '[run]\nguest = \\halt.bin\n'
} | boot_config FILES="build/guests/box.elf $dir/halt.bin" TIMEOUT=900

is "patrol beside it holds" "$(field 0 result)" held
is "and has seen nothing stale" "$(field 0 stale_reads)" 0
relay "Interlock" < <(sed -n 's/^\[guest 2\] //p' "$stdout")
is "the guest that tries ends by itself" "$(field 1 result)" held
at_least "pages that E led to were looked at" "$(field 1 pages_audited)" 1000
is "#DB for ever" "$(field 2 result)" held
r=3
for one in "${ends[@]}"; do
	why=$(field $r error) result=$(field $r result)
	# Bochs takes this one for an access that is fine.
	[ "${one%|*}:$result" = end-walk-apic:held ] && result=error why="page walk: it did not stop"
	is "${one%|*} stops the guest" "$result" error
	ok "${one%|*}: $why" grep -qF -- "${one#*|}" <<<"$why"
	r=$((r + 1))
done
ok "a guest that halts for good is stopped" grep -q 'halted with interrupts off' <<<"$(field $r error)"
says "$stdout" 'vCPU 0 halts at 800:2, CR0 30'
ok "the boot ends by itself" test "$code" -le 1
ok "no invariant broke" sh -c "! grep -q PANIC '$stdout' '$stderr'"
plan
