# SPDX-License-Identifier: GPL-2.0-or-later
#
# How many executions of two CPUs differ? Input: a line with the operations of each CPU, as in
# `store:x load:y`; -v tso=1 for store buffers. Counts by brute force: all interleavings, of which
# those are the same in which each CPU does its own things in the same order, and of any two
# accesses of one variable by both CPUs, of which one writes, the same one comes first.
# (Mazurkiewicz's traces.) Prints that number, then the number of interleavings of reads, writes,
# and stores that leave the buffer.

{
	for (i = 1; i <= NF; i++) {
		split($i, w, ":")
		op[NR, i] = w[1]
		variable[NR, i] = w[2]
	}
	n[NR] = NF
}

END {
	go(1, 1, "", "", "")
	for (t in seen)
		traces++
	print traces, all
}

# AT: each CPU's next operation; BUFFER: variables, oldest first; DONE: events "CPU R|W VARIABLE;".
function go(at1, at2, buffer1, buffer2, done)
{
	while (eager(1, at1, buffer1)) {
		buffer1 = buffer1 buffered(1, at1)
		at1++
	}
	while (eager(2, at2, buffer2)) {
		buffer2 = buffer2 buffered(2, at2)
		at2++
	}
	if (at1 > n[1] && at2 > n[2] && buffer1 buffer2 == "") {
		all++
		seen[trace(done)] = 1
	}
	if (possible(1, at1, buffer1))
		go(at1 + 1, at2, buffer1, buffer2, done event(1, at1))
	if (possible(2, at2, buffer2))
		go(at1, at2 + 1, buffer1, buffer2, done event(2, at2))
	if (buffer1 != "")
		go(at1, at2, substr(buffer1, 2), buffer2, done "1W" substr(buffer1, 1, 1) ";")
	if (buffer2 != "")
		go(at1, at2, buffer1, substr(buffer2, 2), done "2W" substr(buffer2, 1, 1) ";")
}

# What only the CPU itself can notice: a store into the buffer, a fence when there is nothing in it.
function eager(cpu, at, buffer)
{
	return at <= n[cpu] && ((tso && op[cpu, at] == "store") ||
				(op[cpu, at] == "fence" && buffer == ""))
}

function buffered(cpu, at)
{
	return op[cpu, at] == "store" ? variable[cpu, at] : ""
}

function possible(cpu, at, buffer)
{
	return at <= n[cpu] && op[cpu, at] != "fence" && (op[cpu, at] != "xchg" || buffer == "")
}

function event(cpu, at)
{
	return cpu (op[cpu, at] == "load" ? "R" : "W") variable[cpu, at] ";"
}

# What each CPU did, and for each two accesses that meet which came first.
function trace(done, e, k, i, j, own, place, pairs)
{
	k = split(done, e, ";") - 1
	for (i = 1; i <= k; i++) {
		j = substr(e[i], 1, 1)
		own[j] = own[j] substr(e[i], 2)
		place[j, length(own[j]) / 2] = i
	}
	for (i = 1; i <= length(own[1]) / 2; i++)
		for (j = 1; j <= length(own[2]) / 2; j++)
			if (meet(e[place[1, i]], e[place[2, j]]))
				pairs = pairs (place[1, i] < place[2, j])
	return own[1] "|" own[2] "|" pairs
}

function meet(x, y) { return substr(x, 3) == substr(y, 3) && (x y) ~ /W/ }
