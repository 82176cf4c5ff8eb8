#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The reductions lose nothing: the default search, one without any reduction (--naive) and one that
# remembers no states (--stateless) come to the same verdict, and, where nothing is violated, to the
# same final states. How many executions there are is counted by brute force as well.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

# ---- the corpus ----

# verdicts FILE OPTION...: "test model verdict ends" for each result. Where something is wrong the
# search stops at the first thing it meets, so the rule may differ and ends do not count.
verdicts() {
	local to=$1
	shift
	LIMIT=500 explore --csv "$@" tests/litmus/*.litmus
	awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
		{ v = $c["verdict"]; print $1, $2, v, v == "holds" ? $c["ends"] : "-" }' "$stdout" >"$to"
}
verdicts "$dir/default" -j 1
verdicts "$dir/naive" --naive --memory 64
verdicts "$dir/stateless" --stateless -j 1 --time 1

for how in naive stateless; do
	while read -r name model verdict ends _ _ other other_ends; do
		if [ "$other" = undecided ]; then
			echo "# $name $model is too large for --$how"
			continue
		fi
		is "--$how $name $model" "$other $other_ends" "$verdict $ends"
	done < <(paste -d ' ' "$dir/default" "$dir/$how")
done
for how in naive stateless; do
	undecided=$(grep -c undecided "$dir/$how") all=$(wc -l <"$dir/default")
	ok "--$how leaves $undecided of $all undecided, few" test $((undecided * 2)) -lt "$all"
done

# ---- executions that differ, counted by brute force ----

# program "load:x fence store:y" -> "load x; fence; store y 1"
program() {
	local op
	for op in $1; do
		case $op in
		store:* | xchg:*) echo -n "${op/:/ } 1; " ;;
		*) echo -n "${op/:/ }; " ;;
		esac
	done
}
# counts WORDS A B: of two CPUs' programs. Under TSO a CPU's own stores and loads may change places,
# which the search need not tell apart: there it may find fewer, unless a fence follows each store.
counts() {
	local model tso traces complete ends naive_ends
	litmus raw "cpu a: $(program "$1")" "cpu b: $(program "$2")" 'expect holds'
	for model in sc tso; do
		[ $model = tso ] && tso=1 || tso=0
		read -r traces _ < <(printf '%s\n%s\n' "$1" "$2" |
			awk -v tso=$tso -f tests/lab/traces.awk)
		explore --csv --model $model --stateless -j 1 "$file"
		complete=$(column complete) ends=$(column ends)
		explore --csv --model $model --naive "$file"
		naive_ends=$(column ends)
		is "$model: $1 | $2: final states" "$ends" "$naive_ends"
		if [ $model = sc ] || ! grep -qE 'store:[a-z]+ (load|xchg)' <<<"$1 | $2"; then
			is "$model: $1 | $2: executions" "$complete" "$traces"
		else
			ok "$model: $1 | $2: $naive_ends <= $complete <= $traces executions" \
				test "$naive_ends" -le "$complete" -a "$complete" -le "$traces"
		fi
	done
}
counts "load:x" "load:x"
counts "store:x" "store:y"
counts "store:x" "load:x"
counts "xchg:x xchg:x" "xchg:x xchg:x"
counts "xchg:x xchg:x xchg:x" "xchg:x xchg:x xchg:x"
counts "xchg:x xchg:y xchg:x" "xchg:y xchg:x xchg:y"
counts "store:x store:y" "store:y store:x"
counts "store:x fence load:y" "store:y fence load:x"
counts "store:x load:y" "store:y load:x"
counts "store:x store:y load:y" "xchg:x load:y store:x"
counts "store:x fence store:y fence load:x" "load:y load:x load:y"
counts "store:x fence load:y load:y" "store:y load:y load:x"
# Chosen by a number; the same ones each time.
for seed in 1 2 3 4 5 6 7 8; do
	read -r a < <(awk -v seed=$seed 'BEGIN {
		srand(seed)
		split("load:x load:y store:x store:y xchg:x xchg:y fence", op, " ")
		for (i = 0; i < 8; i++)
			printf "%s%s", op[1 + int(7 * rand())], i == 3 ? "|" : " "
	}')
	counts "${a%|*}" "${a#*|}"
done

# ---- interleavings ----

# binomial N: N out of 2 N.
binomial() {
	awk -v n="$1" 'BEGIN {
		b = 1
		for (i = 1; i <= n; i++)
			b = b * (n + i) / i
		printf "%.15g", b
	}'
}
for k in 1 2 3 5; do
	load=$(printf 'load x; %.0s' $(seq $k))
	litmus loads "cpu a: $load" "cpu b: $load" 'expect holds'
	explore --csv --model sc --naive "$file"
	is "two CPUs with $k loads and their end" "$(column interleavings)" "$(binomial $((k + 1)))"
done
# Two vCPUs that have nothing to do with each other: from one alone it follows what two can do.
litmus one 'vcpu exit'
explore --csv --naive "$file"
for model in sc tso; do
	[ $model = sc ] && r=1 || r=2
	length=$(column deepest "$r") paths=$(column interleavings "$r")
	want[r]=$(awk -v p="$paths" -v b="$(binomial "$length")" 'BEGIN { printf "%.9g", p * p * b }')
done
litmus two 'vcpu exit' 'vcpu exit'
explore --csv --naive "$file"
for r in 1 2; do
	is "two vCPUs apart, $(column model $r)" \
		"$(awk -v n="$(column interleavings $r)" 'BEGIN { printf "%.9g", n }')" "${want[r]}"
done
explore --csv --model sc --stateless -j 1 "$file"
is "which are one execution" "$(column complete)" 1

explore --csv --model sc --naive tests/litmus/ordered-1x2.litmus
exits "--naive on two vCPUs" 0
all=$(column interleavings)
explore --csv --model sc tests/litmus/ordered-1x2.litmus
few=$(($(column complete) + $(column pruned) + $(column blocked)))
ok "$few executions stand for $all interleavings" \
	awk -v few="$few" -v all="$all" 'BEGIN { exit !(few * 100 <= all) }'
plan
