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
	return at <= n[cpu] && ((tso && op[cpu, at] == "store") || (op[cpu, at] == "fence" && buffer == ""))
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

function trace(done, e, k, i, j, own, pairs)
{
	k = split(done, e, ";") - 1
	for (i = 1; i <= k; i++) {
		own[substr(e[i], 1, 1)] = own[substr(e[i], 1, 1)] substr(e[i], 2)
		number[i] = ++count[substr(e[i], 1, 1)]
	}
	delete count
	for (i = 1; i <= k; i++)
		for (j = i + 1; j <= k; j++)
			if (substr(e[i], 1, 1) != substr(e[j], 1, 1) && substr(e[i], 3) == substr(e[j], 3) &&
			    (e[i] e[j]) ~ /W/)
				first[(e[i] < e[j]) ? number[i] "," number[j] "<" : number[j] "," number[i] ">"]
	# Sorted by number, so that the order in which pairs were found does not count.
	for (i = 1; i <= count1(own["1"]); i++)
		for (j = 1; j <= count1(own["2"]); j++) {
			if ((i "," j "<") in first)
				pairs = pairs i "<" j ";"
			if ((i "," j ">") in first)
				pairs = pairs i ">" j ";"
		}
	delete first
	return own["1"] "|" own["2"] "|" pairs
}

function count1(s) { return length(s) / 2 }
