#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# exits.sh LOG ELF: what Interlock costs the KVM under it. LOG is the outer Linux's console of a run
# with `hist=1`, where KVM's tracepoint kvm_exit was counted by reason and instruction; ELF names the
# instructions. Prints a table, and as the last line the same as JSON. Without such counts: nothing.
#
# Where the image was loaded is found by its one VMRESUME, which exits most often of all VMRESUMEs.
set -euo pipefail
log=$1 elf=$2

{
	objdump -d "$elf" | awk '$NF == "vmresume" { sub(":", "", $1); print "resume", $1 }'
	nm -n "$elf" | awk '$2 ~ /[tT]/ { print "symbol", $1, $3 }'
	tr -d '\r{}' <"$log" | sed -nE 's/,//g
		s/^ *exit_reason: +([0-9]+) +guest_rip: +([0-9]+) +hitcount: +([0-9]+).*/exit \1 \2 \3/p
		s/^kvm-stats.*"nested_run":([0-9]+).*/runs \1/p'
} | awk '
function hex(s,   i, n) {
	for (i = 1; i <= length(s); i++)
		n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return n
}
function function_at(address,   i) {
	for (i = symbols; i > 1 && at[i] > address; i--)
		;
	return name[i]
}
BEGIN {
	split("1 external-interrupt,7 interrupt-window,10 CPUID,12 HLT,18 VMCALL,19 VMCLEAR,20 VMLAUNCH," \
	      "21 VMPTRLD,23 VMREAD,24 VMRESUME,25 VMWRITE,26 VMXOFF,27 VMXON,28 CR-access," \
	      "29 DR-access,30 I/O,31 RDMSR,32 WRMSR,40 PAUSE,48 EPT-violation,49 MMIO,50 INVEPT," \
	      "52 timer,53 INVVPID,54 WBINVD,55 XSETBV,56 APIC-write", list, ",")
	for (i in list) {
		split(list[i], pair, " ")
		reasons[pair[1]] = pair[2]
	}
}
$1 == "symbol" { at[++symbols] = hex($2); name[symbols] = $3 }
$1 == "runs" { runs = $2 }
$1 == "resume" { resume = hex($2) }
$1 == "exit" { reason[++n] = $2; ip[n] = $3; hits[n] = $4; if ($2 == 24 && $4 > most) { most = $4; base = $3 } }
END {
	if (!most || !runs)
		exit
	base -= resume
	for (i = 1; i <= n; i++) {
		if (ip[i] < base || ip[i] >= base + at[symbols] + 256)
			continue
		what = reason[i] in reasons ? reasons[reason[i]] : "reason-" reason[i]
		where = function_at(ip[i] - base)
		by[what " " where] += hits[i]
		sum[what] += hits[i]
		total += hits[i]
	}
	printf "  %d exits of the guests to Interlock; exits of Interlock to the KVM under it:\n", runs
	printf "  %-20s %-28s %10s %10s\n", "why", "in", "times", "per exit"
	for (key in by) {
		if (by[key] * 200 < runs)
			continue
		split(key, pair, " ")
		printf "  %-20s %-28s %10d %10.3f\n", pair[1], pair[2], by[key], by[key] / runs | "sort -k3,3nr"
	}
	close("sort -k3,3nr")
	printf "  %-20s %-28s %10d %10.3f\n", "all", "", total, total / runs
	printf "{\"outer_exits\":%d,\"guest_exits\":%d,\"outer_exits_per_exit\":%.3f,\"by_reason\":{", total, runs,
	       total / runs
	for (what in sum)
		line = line (line ? "," : "") "\"" what "\":" sum[what]
	print line "}}"
}'
