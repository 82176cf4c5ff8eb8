#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A part of `ordered` left out on a machine: the lab build does that and the ordinary one has nothing
# of it; what is left out is noticed, and nothing else.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"
[ -x build/ablate/cfgcheck ] && [ -f build/ablate/interlock.img ] ||
	make -s INTERLOCK_LAB=1 all build/ablate/cfgcheck >&2 || exit 1

# Each name stands for something: a step, a named access, or what lab/metal/gate.c asks for.
steps=$(sed -n 's/^#define GATE(S)//p; /"ordered"/,/},$/p' \
	vmx/gate.h ept/protocol.c | grep -oE 'S\([a-z_]+\)' | sed 's/^S(//; s/)$//')
accesses=$(cat vmx/*.[ch] ept/*.[ch] apic/*.c | tr -d '\n\t ' |
	grep -oE '(order_(load|store|or|and|add|xchg|cas|fence|lock|unlock)|gate_(set|leave))\([a-z_]+,?' |
	sed 's/.*(//; s/,$//')
known=$(printf '%s\n' "$steps" "$accesses" gated elided INVEPT NMI)
names=$(sed '/OTHER_PARTS/,$d' lab/parts.h | grep -oE 'PART\("[^"]+"' | cut -d'"' -f2)
ok "over 80 names" test "$(wc -l <<<"$names")" -gt 80
for name in $names; do
	for word in ${name//<>/ }; do
		ok "$name is in the code" grep -qx -- "${word%.plain}" <<<"$known"
	done
done

boot ABLATE=nonsense
is "ABLATE=nonsense ends with 2" "$code $(field -1 result)" "2 error"
says "$stderr" 'ABLATE=nonsense: .*allowed: none, begin, unmap, .*prune_entry'
ok "and nothing was booted" sh -c "! grep -q booting '$stdout'"

ok "the ordinary build has none of it" sh -c '! nm build/interlock.elf | grep -q ablate'
boot_config IMAGE=build/interlock.img NOCHECK=1 <<'END'
cpus = 2
ablate = unmap
END
exits 2
says "$stdout" 'interlock\.cfg:2: unknown key "ablate"; allowed: protocol, '

boot_config <<'END'
cpus = 3
moves = 100
[run]
[run]
ablate = unmap
[run]
ablate = unmap
[run]
[run]
ablate = begin<>unmap
[run]
ablate = publish_reload
[run]
protocol = gated
ablate = copy
END
exits 2
is "with nothing left out it holds" "$(field 0 ablate) $(field 0 result)" "none held"
is "without unmap the guest sees stale bytes" "$(field 1 ablate) $(field 1 result)" "unmap stale"
is "which one run shows" "$(field 2 ablate) $(field 2 result)" "unmap skipped"
is "the next run has all of ordered" "$(field 3 ablate) $(field 3 result)" "none held"
is "two steps swapped" "$(field 4 ablate) $(field 4 result)" "begin<>unmap stale"
is "without publish_reload" "$(field 5 ablate) $(field 5 result)" "publish_reload stale"
is "parts are those of ordered" "$(field 6 result) $(field 6 exit)" "error 2"
says "$stdout" 'ablate names a part of protocol = ordered'
plan
