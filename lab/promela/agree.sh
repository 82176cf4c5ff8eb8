#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# agree.sh [-l] [-n] [-m sc|tso] [-x NAME,...] [FILE.litmus...]: does Spin, with the model in this
# directory, come to the explorer's verdict? Default: all of tests/litmus/, both memory models.
#
#	-x	leaves steps, fences and checks out, by the explorer's names
#	-l	looks for actors that go round for ever, too; they count as stuck
#	-n	does without partial-order reduction
#	FROM=expect	compares with the files' expectation; the default while there is no
#			build/explore. FROM=explorer insists
#	LIMIT=, MEMORY=	seconds and megabytes for each run of pan
#
# Speaks TAP. Ends with 0: all agree; 3: not all; 2: wrong file or set-up; 124: out of time or memory.
#
# Several rules may be broken by one test, and each side stops at the first that it comes to. So where
# the two differ in that, Spin is asked once more for what the explorer found.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

LIMIT=${LIMIT:-300}
MEMORY=${MEMORY:-4000}
work=build/spin
models="sc tso"
without=
reduction=
cycles=
while getopts lnm:x: option; do
	case $option in
	l) cycles=1 ;;
	n) reduction=-DNOREDUCE ;;
	m) models=$OPTARG ;;
	x) without=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- tests/litmus/*.litmus
if [ -z "${FROM:-}" ]; then
	FROM=expect
	[ ! -x build/explore ] || FROM=explorer
fi
for tool in spin gcc awk timeout; do
	command -v $tool >/dev/null || { echo "agree.sh: $tool is missing" >&2; exit 2; }
done

# The other side's verdict for file $1 under memory model $2: holds, stuck, or violated RULE.
verdict_of_explorer() {
	build/explore --csv --model "$2" ${without:+--ablate "$without"} "$1" | awk -F, '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		{
			gsub(/"/, "")
			print $column["verdict"] (column["rule"] && $column["verdict"] == "violated" ? \
				" " $column["rule"] : "")
		}'
}

verdict_of_expect() {
	awk -v model="$2" '
		{ sub(/#.*/, "") }
		$1 == "expect" && ($2 == "sc" || $2 == "tso") {
			if ($2 == model)
				verdict = $3 ($4 ? " " $4 : "")
			next
		}
		$1 == "expect" { verdict = $2 ($3 ? " " $3 : "") }
		END { print verdict }' "$1"
}

rules=(any apic-raw frame-freed write-lost frame-owner data-stale frame-leaked none)

number_of_rule() {
	local i

	[ "$1" != stuck ] || { echo 7; return; }
	for i in 1 2 3 4 5 6; do
		[ "$1" != "violated ${rules[i]}" ] || echo $i
	done
}

# Builds pan for the model in directory $1 with options $2, runs it with $3. Ends with 124 when the
# search was cut short: it has found nothing yet, which is no verdict.
run_pan() {
	(
		cd "$1" || exit 2
		gcc -w -O1 $2 $reduction -DCOLLAPSE -DVECTORSZ=512 -DMEMLIM="$MEMORY" -o pan pan.c || exit 2
		timeout "$LIMIT" ./pan $3 -m2000000 -n >out 2>&1
		[ $? != 124 ] || exit 124
		! grep -qi 'memlim bound\|out of memory\|depth too small' out || exit 124
	)
}

# spin_verdict FILE MODEL RULE: sets verdict, and states. Ends with 2, 5 (cannot be expressed; the
# reason is in $dir/why) or 124.
spin_verdict() {
	local dir=$work/$2 tso=0 rule

	[ "$2" = sc ] || tso=1
	rm -rf "$dir"
	mkdir -p "$dir"
	awk -v without="$without" -f lab/promela/convert.awk ept/protocol.c vmx/gate.h "$1" \
		>"$dir/test.h" 2>"$dir/why" || return
	# Spin's own call of the preprocessor would not find test.h.
	gcc -E -x c -DTSO=$tso -DWANT="$3" -I "$dir" lab/promela/protocol.pml >"$dir/model.pml" &&
		(cd "$dir" && spin -a model.pml) >"$dir/log" 2>&1 ||
		{ cat "$dir/log" >&2; return 2; }
	run_pan "$dir" -DSAFETY "" || return
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$dir/out" | head -1)
	rule=$(sed -n 's/^pan:1: assertion violated .*||(*\([1-6]\)==0)*.*/\1/p' "$dir/out")
	if grep -q '^pan:1: invalid end state' "$dir/out"; then
		verdict=stuck
	elif [ -n "$rule" ]; then
		verdict="violated ${rules[rule]}"
	elif grep -q 'errors: 0' "$dir/out" && ! grep -qi 'not completed' "$dir/out"; then
		verdict=holds
		[ -n "$cycles" ] || return 0
		run_pan "$dir" -DNP -l || return
		! grep -q '^pan:1: non-progress cycle' "$dir/out" || verdict=stuck
	else
		cat "$dir/out" >&2
		return 2
	fi
}

n=0 agreed=0 other_side=0 status=0
for file; do
	[ -r "$file" ] || { echo "agree.sh: cannot read $file" >&2; exit 2; }
	for model in $models; do
		name="$(basename "$file" .litmus) $model${without:+ without $without}"
		began=$(date +%s%N)
		spin_verdict "$file" "$model" 0
		case $? in
		0) ;;
		5)
			other_side=$((other_side + 1))
			echo "# $name is the explorer's alone: $(sed 's/^[^ ]*: //' "$work/$model/why")"
			continue
			;;
		124)
			n=$((n + 1))
			echo "not ok $n - $name: spin: no verdict in $LIMIT seconds and $MEMORY MB"
			status=124
			continue
			;;
		*)
			cat "$work/$model/why" >&2
			echo "Bail out! $name"
			exit 2
			;;
		esac
		other=$(verdict_of_$FROM "$file" "$model")
		first=$verdict first_states=$states
		want=$(number_of_rule "$other")
		if [[ $other = violated* ]] && [ -z "$want" ]; then
			other_side=$((other_side + 1))
			echo "# $name is the explorer's alone: no rule ${other#* } here; spin: $verdict"
			continue
		fi
		n=$((n + 1))
		if [ "$verdict" != "$other" ] && [ "$verdict" != holds ] && [ -n "$want" ]; then
			spin_verdict "$file" "$model" "$want" || verdict="none in time"
			[ "$verdict" = "$other" ] || verdict=$first
		fi
		took=$((($(date +%s%N) - began) / 1000000))
		said="$name: spin $verdict, $FROM ${other:-nothing}"
		[ "$verdict" = "$first" ] || said="$said (spin also $first)"
		if [ "$verdict" = "$other" ]; then
			agreed=$((agreed + 1))
			echo "ok $n - $said"
		else
			[ $status = 124 ] || status=3
			echo "not ok $n - $said"
		fi
		echo "# $first_states states, $took ms"
	done
done
echo "1..$n"
echo "# $agreed of $n verdicts agree; $other_side are the explorer's alone"
exit $status
