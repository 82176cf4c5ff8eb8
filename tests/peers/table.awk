# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the table of `make bench-peers` out of both sides' lines "peer NAME TICKS": first Interlock's
# file, then KVM's. Ends with 1 when a figure is missing or a guest found something wrong.
FNR == 1 { side++ }
/peer [a-z-]+ [0-9.]+$/ {
	sub(/^.*peer /, "")
	ticks[side, $1] = $2
}
/peer wrong|peer lost-interrupt/ { wrong = 1 }
# Then it was only asked for: Linux lets the page go in most runs, not in all.
/^peer gone-apic 0 of/ { kept["apic-page"] = 1 }
/^peer gone-kept 0 of/ { kept["same"] = kept["text"] = 1 }
/^peer gone-dropped 0 of/ { kept["dropped"] = 1 }
/^peers: / { about = about (about ? ", " : "") substr($0, 8) }
/^peer gone-/ { gone = gone (gone ? ", " : "") substr($0, 11) }
# PART: Interlock's ticks are to be at most one PART of KVM's; 0: nothing is demanded.
function row(name, what, part,   a, b, met) {
	if (!((1, name) in ticks) || !((2, name) in ticks)) {
		print "no figure: " name
		wrong = 1
		return
	}
	a = ticks[1, name]
	b = ticks[2, name]
	met = !part ? "" : a * part <= b ? "yes, 1/" part : "NO, 1/" part
	printf "%-58s %12.2f %12.2f %8s  %s\n", what, a, b, a ? sprintf("%.1f", b / a) : "-", met
	objects = objects sprintf("%s\"%s\":{\"interlock\":%s,\"kvm\":%s,\"part\":%d,\"met\":%s}",
		objects ? "," : "", name, a, b, part, !part || a * part <= b ? "true" : "false")
}
# A page that goes and comes back: what is demanded is of both together.
function pair(name, what, part) {
	if (name in kept) {
		print what ": no figure, KVM's Linux kept it in this run"
		return
	}
	row(name "-out", what, 0)
	row(name "-back", "  and touched again", 0)
	ticks[1, name] = ticks[1, name "-out"] + ticks[1, name "-back"]
	ticks[2, name] = ticks[2, name "-out"] + ticks[2, name "-back"]
	row(name, "  both", part)
}
END {
	printf "\n%-58s %12s %12s %8s  %s\n", "ticks, as the guest sees them", "Interlock", "KVM",
		"ratio", "demand"
	row("cpuid", "CPUID", 7)
	row("vmcall", "VMCALL", 7)
	row("port-kernel", "I/O port; KVM answers in the kernel", 0)
	row("port-far", "I/O port; KVM's user answers", 0)
	row("apic-read", "APIC read (timer's current count)", 5)
	row("apic-id-read", "APIC read (ID)", 5)
	row("apic-write", "APIC write (ICR, high half)", 5)
	row("tpr", "TPR write and read", 0)
	row("eoi", "EOI", 5)
	row("self-ipi", "IPI to itself, until it has arrived", 5)
	row("ipi-running", "IPI to a vCPU that runs, and back", 5)
	row("ipi-halted", "IPI to a vCPU that sleeps, and back", 5)
	row("fresh", "first touch of a page", 2)
	pair("dropped", "a page taken back, contents dropped (KVM: MADV_DONTNEED)", 2)
	pair("same", "a page of one word taken back (KVM: MADV_PAGEOUT, zram)", 2)
	pair("text", "a page of text taken back (KVM: MADV_PAGEOUT, zram)", 2)
	pair("apic-page", "the APIC-access page taken from its frame (the same)", 2)
	print "KVM: " about
	print "KVM, pages looked at after a request, gone " gone
	printf "{%s}\n", objects >json
	exit wrong
}
