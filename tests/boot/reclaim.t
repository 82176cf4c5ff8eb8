#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests that are lent less memory than they were promised: they run to their end with nothing wrong,
# within their budgets, alone and together; and what cannot be says so before it starts.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

# within R: run R kept to its budget, and used what was promised all the same.
within() {
	local mem guest_mem held resident
	mem=$(field "$1" mem) guest_mem=$(field "$1" guest_mem)
	held=$(field "$1" held_max) resident=$(field "$1" resident_pages)
	ok "run $1 took at most $mem bytes" test "${held:-$((mem + 1))}" -le "$mem"
	[ "${held:-0}" -le "$mem" ] || echo "# $held bytes"
	at_least "it could not hold all of it" $((guest_mem / 4096)) "$((resident + 1))"
}

# churned R TOUCHES: the guest found every page as it had left it, although memory was short.
churned() {
	is "run $1 held" "$(field "$1" result) $(field "$1" stale_reads)" "held 0"
	is "all moves are done" "$(field "$1" moves_done)" "$(field "$1" moves_asked)"
	at_least "touches" "$(field "$1" touches | sed 's/\..*//')" "$2"
	for name in scanned activated reclaimed same_filled compressed refaults background_runs \
		reclaim_ticks; do
		at_least "run $1: $name" "$(field "$1" $name)" 1
	done
}

# What is too little, and how much is not: with 2, 4 and 8 CPUs.
boot_config <<'END'
guest = churn
guest_mem = 32M
mem = 4K
[run]
[run]
cpus = 4
[run]
cpus = 8
[run]
guest_mem = 1G
mem = 0
[run]
migrate = 2
[run]
mem = 16M
[with]
END
exits 2
is "one JSON line for each run" "$(grep -c '^{' "$stdout")" 6
least=()
for r in 0 1 2; do
	is "run $r is an error" "$(field $r result) $(field $r exit)" "error 2"
	least[r]=$(field $r error | sed -nE 's/^mem = 4K is too little: .*needs at least ([0-9]+) KB.*/\1/p')
	at_least "it says what is enough" "${least[r]}" 100
done
says "$stdout" '^not enough RAM: the run needs 10[0-9]+ MB free, [0-9]+ MB are; .*guest_mem'
says "$stdout" '^migrate = 2 wants two vCPUs: cpus = 3'
is "a guest that cannot be keeps the one before it from starting" "$(field 5 result)" error

boot_config <<END
guest = churn
guest_mem = 32M
cpus = 4
[run]
mem = $((least[1] - 4))K
END
exits 2
says "$stdout" "needs at least ${least[1]} KB"

# A quarter and an eighth of what is promised, and the least that is taken.
boot_config <<END
guest = churn
guest_mem = 32M
arg = 20000
moves = 200
[run]
mem = 8M
[run]
mem = 8M
cpus = 4
[run]
mem = 4M
[run]
mem = ${least[0]}K
[run]
mem = ${least[1]}K
cpus = 4
[run]
mem = ${least[2]}K
cpus = 8
END
exits 0
for r in 0 1 2 3 4 5; do
	churned $r 20000
	within $r
done

# Guests side by side, one of which stops at once; vCPUs that change places; a mover that never
# rests; other guests on little memory, which is enough for one of them.
boot_config <<'END'
guest_mem = 24M
moves = 300
[run]
guest = churn
arg = 10000
mem = 8M
cpus = 3
[with]
guest = rogue
[with]
guest = churn
arg = 10000
mem = 6M
seed = 2
[with]
[run]
guest = churn
arg = 10000
mem = 8M
cpus = 4
migrate = 3
[run]
guest = churn
arg = 10000
mem = 8M
cpus = 4
fault = storm
moves = 2000
[run]
guest = state
mem = 4M
cpus = 4
migrate = 7
[run]
mem = 4M
cpus = 4
# A timer that stood still while its vCPU moved would be measured too slow, and storm.
[run]
guest = state
cpus = 3
migrate = 4
moves = 200
END
exits 1
# Results come in the order in which the guests end.
declare -A run
for ((r = 0; r < 9; r++)); do
	run[$(field $r guest_id)]=$r
done
is "each guest has its result" "${#run[@]}" 9
first=$(printf '%s\n' "${!run[@]}" | sort -n | head -n 1)
of() { echo "${run[$((first + $1))]}"; }
is "the one that stops comes first" "$(field 0 guest) $(field 0 result)" "rogue error"
for n in 0 2; do
	churned "$(of $n)" 10000
done
is "a guest without a limit beside them held" "$(field "$(of 3)" result)" held
is "nothing of it was reclaimed" "$(field "$(of 3)" reclaimed)" 0
churned "$(of 4)" 10000
is "vCPUs changed places" "$(field "$(of 4)" migrations)" 100
churned "$(of 5)" 10000
is "state held while its vCPUs went to and fro" "$(field "$(of 8)" result)" held
is "state held in 4 MB" "$(field "$(of 6)" result)" held
is "patrol, whose pages do not compress, did not" "$(field "$(of 7)" result)" error
says "$stdout" 'vCPU [0-2]: no memory for guest-physical [0-9a-f]+: [0-9]+ pages are resident.*\(mem\)'
for n in 0 2 4 5; do
	within "$(of $n)"
done
at_least "state: vCPUs changed places" "$(field "$(of 6)" migrations)" 40
plan
