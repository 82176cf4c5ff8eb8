# SPDX-License-Identifier: GPL-2.0-or-later
#
# convert.awk: turns a litmus file into test.h for protocol.pml.
#
#	awk -f convert.awk -v without=NAME,... ept/protocol.c vmx/gate.h FILE.litmus >test.h
#
# The shipped lists of steps are read from the first two files. Ends with 2 when the file is wrong, 5
# when the model cannot express it; the reason is on standard error.

BEGIN {
	split("begin unmap publish_reload publish_flush kick wait copy clear rebind release end", w)
	for (i in w) is_step[w[i]] = 1
	split("reload flush arm check", w)
	for (i in w) is_gate[w[i]] = 1
	# Which of them may be left out, and which may be plain.
	n = split("kick_fence arm_fence read_fence sleep_fence unmap_lock unmap_unlock fault_lock " \
		"fault_unlock reload_clear reload_again end_p see_clear request event clear_p " \
		"rebind_p exit_leave enter_leave check_leave read_leave read_again sleep_leave " \
		"arm_mode read_mode sleep_mode check_requests check_generation fault_p read_p " \
		"reload_p elided publish_reload publish_flush", w)
	for (i = 1; i <= n; i++) may_go[w[i]] = names[++nnames] = w[i]
	names[++nnames] = "begin_claim"
	split("begin_claim reload_clear reload_again end_p see_clear request event publish_reload " \
		"publish_flush", w)
	for (i in w) may_be_plain[w[i]] = 1
	nv = ni = npages = 0
	page["apic"] = npages++
	protocol = "ordered"
}

function fail(code, why) {
	print FILENAME ": " why >"/dev/stderr"
	failed = code
	exit code
}

function number_of(name) {
	if (!(name in page)) {
		if (name !~ /^d[0-9]+$/)
			fail(2, "no such page: " name)
		page[name] = npages++
	}
	return page[name]
}

function ablate(name,   base) {
	base = name
	sub(/\.plain$/, "", base)
	if (base != name) {
		if (!(base in may_be_plain))
			fail(5, "cannot be plain in the model: " base)
		x[base] = 2
		plain_flush = plain_flush || base == "publish_flush"
	} else if ((name in is_step) || (name in is_gate)) {
		gone[name] = 1
	} else if (name in may_go) {
		x[name] = 1
	} else {
		fail(5, "not a name that the model knows: " name)
	}
}

# Shipped lists.
FILENAME ~ /\.[ch]$/ {
	if (match($0, /\{ "[a-z-]+", \.gated = (true|false)/)) {
		split($0, w, "\"")
		list = w[2]
		is_gated[list] = / = true/
	}
	if (/#define GATE\(S\)/)
		list = "gate"
	for (line = $0; list && match(line, /S\([a-z_]+\)/); line = substr(line, RSTART + RLENGTH)) {
		name = substr(line, RSTART + 2, RLENGTH - 3)
		if (name != "step")
			shipped[list] = shipped[list] " " name
	}
	if (list == "gate" || /\} \},/)
		list = ""
	next
}

{ sub(/#.*/, "") }
NF == 0 { next }
$1 == "about" { next }
$1 == "protocol" { protocol = $2; next }
$1 == "steps" {
	own = 1
	gated = $NF == "gated"
	for (i = 2; i <= NF - gated; i++) {
		if (!($i in is_step))
			fail(2, "no such step: " $i)
		steps = steps " " $i
	}
	next
}
$1 == "gate" {
	for (i = 2; i <= NF; i++) {
		if (!($i in is_gate))
			fail(2, "no such step of the gate: " $i)
		gate = gate " " $i
	}
	next
}
$1 == "invalidator" {
	times[ni] = 1
	for (i = 2; i <= NF && $i != "times"; i++) {
		mask[ni] += 2 ^ number_of($i)
		moves[ni, number_of($i)] = 1
	}
	if ($i == "times")
		times[ni] = $(i + 1)
	ni++
	next
}
$1 == "vcpu" {
	for (i = 2; i <= NF; i++) {
		split($i, w, ":")
		if (w[1] == "read" || w[1] == "write")
			a = (w[1] == "read" ? 1 : 2) * 16 + number_of(w[2])
		else if (w[1] == "exit")
			a = 3 * 16
		else if (w[1] == "hread" && w[2] != "apic")
			a = 4 * 16 + number_of(w[2])
		else if (w[1] == "halt")
			a = 5 * 16
		else if (w[1] == "notify")
			a = 6 * 16 + w[2]
		else if (w[1] == "end")
			a = 7 * 16
		else
			fail(5, "not an action that the model knows: " $i)
		events = events || w[1] == "halt" || w[1] == "notify"
		act[nv, i - 2] = a
		nact[nv] = i - 1
	}
	nv++
	next
}
$1 == "start" {
	for (i = 2; i <= NF; i++) {
		if ($i != "empty" && $i != "boot")
			fail(5, "not a start that the model knows: " $i)
		start[$i] = 1
	}
	next
}
$1 == "without" {
	for (i = 2; i <= NF; i++)
		ablate($i)
	next
}
$1 == "expect" { next }
$1 == "reclaimer" { fail(5, "in the model no page goes out of memory") }
$1 == "cpu" { fail(5, "raw actors are no part of the protocol") }
{ fail(2, "what is this: " $0) }

# The names in LIST that are not left out, as calls.
function calls(list,   n, w, i, s) {
	n = split(list, w)
	for (i = 1; i <= n; i++)
		if (!(w[i] in gone))
			s = s " " w[i] "();"
	return s
}

# What a pass of the gate can do about a request and a new generation: a step that comes after a check
# that fails is never reached.
function gate_means(   n, w, i, at, asks, compares) {
	n = split(gate, w)
	for (i = 1; i <= n; i++)
		if (!(w[i] in gone))
			at[w[i]] = i
	asks = at["check"] && x["check_requests"] != 1
	compares = at["check"] && x["check_generation"] != 1
	print "#define RELOAD_RUNS " (at["reload"] && !(asks && at["reload"] > at["check"]))
	print "#define FLUSH_RUNS " (at["flush"] && !(compares && at["flush"] > at["check"]))
	print "#define CHECK_ASKS " (asks + 0)
	print "#define CHECK_COMPARES " (compares + 0)
}

END {
	if (failed)
		exit failed
	n = split(without, w, ",")
	for (i = 1; i <= n; i++)
		ablate(w[i])
	if (!own) {
		if (!(protocol in is_gated))
			fail(2, "no such protocol: " protocol)
		steps = shipped[protocol]
		gated = is_gated[protocol]
	}
	if (!gate)
		gate = shipped["gate"]
	if (!nv)
		fail(5, "the model has at least one vCPU")
	if (!ni)
		times[ni++] = 0
	if (nv > 8 || npages > 4)
		fail(5, "the model has at most 8 vCPUs and 4 pages")
	if (plain_flush && ni > 1)
		fail(5, "publish_flush.plain for one invalidator only")
	for (p = 0; p < npages; p++) {
		frames = 2
		for (i = 0; i < ni; i++)
			frames += moves[i, p] * times[i]
		if (frames > 7)
			fail(5, "the model has at most 7 frames for a page")
	}
	printf "#define NV %d\n#define NI %d\n#define NP %d\n", nv, ni, npages
	printf "#define GATED %d\n#define EVENTS %d\n", gated, events
	printf "#define START_EMPTY %d\n#define START_BOOT %d\n", start["empty"], start["boot"]
	print "#define STEPS" calls(steps)
	print "#define GATE" calls(gate)
	gate_means()
	printf "#define PAGES(i) ("
	for (i = 0; i < ni; i++)
		printf "(i) == %d -> %d : (", i, mask[i]
	printf "0)"
	for (i = 0; i < ni; i++)
		printf ")"
	printf "\n#define TIMES(i) ("
	for (i = 0; i < ni; i++)
		printf "(i) == %d -> %d : (", i, times[i]
	printf "0)"
	for (i = 0; i < ni; i++)
		printf ")"
	printf "\n#define ACT(v, n) ("
	k = 0
	for (i = 0; i < nv; i++)
		for (j = 0; j < nact[i]; j++) {
			printf "(v) == %d && (n) == %d -> %d : (", i, j, act[i, j]
			k++
		}
	printf "0)"
	while (k--)
		printf ")"
	printf "\n"
	for (i = 1; i <= nnames; i++)
		printf "#define X_%s %d\n", names[i], x[names[i]]
}
