# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the tables of `make bench` out of the results, one line of JSON each: first the run of the
# bench guest, then one run for each size of a batch, then those of the guest that is reclaimed.
function number(text, name,   found) {
	if (!match(text, "\"" name "\":[0-9.]+"))
		return "-"
	found = substr(text, RSTART, RLENGTH)
	sub(/^.*:/, "", found)
	return found
}
function field(name) {
	return number($0, name)
}
# The exits of the run are counted under some of the same names.
function row(what, name,   ticks, accesses) {
	ticks = number(substr($0, index($0, "\"bench\":{")), name)
	accesses = number(substr($0, index($0, "\"bench_vmcs_accesses\":{")), name)
	if (ticks != "-")
		printf "  %-52s %12.2f %12.2f\n", what, ticks, accesses
}
/"guest":"bench"/ {
	printf "  %-52s %12s %12s\n", "as the guest sees it", "ticks", "VMCS accesses"
	row("CPUID exit", "cpuid")
	row("VMCALL exit", "vmcall")
	row("APIC-access exit (a register whose read exits)", "apic-read")
	row("EOI", "eoi")
	row("TPR write", "tpr")
	row("IPI to itself, until it has arrived", "self-ipi")
	row("I/O port exit", "port")
	row("IPI to another vCPU and back", "ipi")
	row("first touch of a page (EPT violation)", "fresh-page")
	next
}
function per_million(name) {
	return 1000000 * field(name) / field("run_ticks")
}
# The kinds of faults are told from other fields of the same names by the object that they are in.
function fault(name) {
	return number(substr($0, index($0, "\"ticks_per_fault\":{")), name)
}
/"guest":"churn"/ {
	if (!reclaims++)
		printf "%s\n%6s %6s %8s %12s %10s %13s %12s %12s %38s\n", \
			"reclaim, by vCPUs and the size of the batch:", "vCPUs", "batch", "pages", \
			"ticks/page", "IPIs/page", "INVEPTs/page", "out/M ticks", "back/M ticks", \
			"a fault, ticks: mapped absent same packed"
	pages = field("reclaimed")
	if (pages > 0)
		printf "%6d %6d %8d %12.1f %10.4f %13.4f %12.1f %12.1f %17d %6d %6d %6d\n", \
			field("cpus") - 1, field("batch"), pages, field("reclaim_ticks") / pages, \
			field("reclaim_ipis") / pages, field("invepts") / pages, \
			per_million("reclaimed"), per_million("refaults"), fault("mapped"), \
			fault("absent"), fault("same"), fault("packed")
	next
}
/"pages_moved":/ && field("pages_moved") > 0 {
	if (!rows++)
		printf "%s\n%8s %8s %8s %14s %14s %16s\n", "moves, by the size of the batch:",
			"batch", "moves", "pages", "ticks/page", "IPIs/page", "ticks/move, p99"
	pages = field("pages_moved")
	printf "%8d %8d %8d %14.1f %14.3f %16d\n", field("batch"), field("moves_done"), pages,
		field("total") / pages, field("ipis_sent") / pages, field("p99")
}
