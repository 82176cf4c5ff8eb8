#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the explorer's options and exit codes promise.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

start=tests/litmus/start-notifier.litmus
litmus huge 'invalidator apic d0' 'invalidator apic d0' \
	'vcpu read:apic write:d0' 'vcpu read:apic write:d0' 'expect holds'
huge=$file

# ---- exit codes ----

explore "$start"
exits "as expected" 0
says "the table" "$stdout" '^start-notifier +tso +violated apic-raw'
says "its last line" "$stdout" '^2 as expected, 0 not'

sed 's/^expect.*/expect holds/' "$start" >"$dir/wrong.litmus"
explore "$dir/wrong.litmus" "$start"
exits "a violation where none is expected" 3
says "the table" "$stdout" 'NOT AS EXPECTED'
says "and how it comes about" "$stdout" '^replay: --replay'
sed 's/^expect.*/expect violated frame-freed/' "$start" >"$dir/wrong.litmus"
explore --csv "$dir/wrong.litmus"
exits "another rule than expected" 3
is "which is said" "$(column rule) $(column expected)" "apic-raw no"
sed 's/^expect.*/expect stuck/' "$start" >"$dir/wrong.litmus"
explore "$dir/wrong.litmus"
exits "not stuck" 3
sed 's/^expect.*/expect violated apic-raw/' tests/litmus/ordered-1x1.litmus >"$dir/wrong.litmus"
explore --csv "$dir/wrong.litmus"
exits "holds where a violation is expected" 3

explore --csv --model tso --time 1 "$huge"
exits "--time 1" 124
is "no verdict" "$(column verdict)" undecided
ok "after a second" awk -v s="$(column seconds)" 'BEGIN { exit !(s >= 1 && s < 4) }'
explore --csv --model tso --time 1 --naive "$huge"
exits "--time 1 --naive" 124
explore --csv --model sc --time 1 --stateless "$huge"
exits "--time 1 --stateless" 124
for o in -j1 -j2 "-j1 --naive" "-j2 --preemptions 4"; do
	# shellcheck disable=SC2086
	explore --csv --model tso --memory 8 $o "$huge"
	exits "--memory 8 $o" 4
	is "no verdict" "$(column verdict)" undecided
	ok "it used what it may" test "$(column states)" -gt 300000
done
explore --csv --model tso --memory 8 "$huge" "$dir/wrong.litmus"
exits "a wrong verdict counts more than none" 3
explore --help
exits "--help" 0
for o in $("$EXPLORER" --help | grep -oE -- '--[a-z-]+' | sort -u); do
	ok "$o is known" grep -qF -- "\"${o#--}\"" lab/main.c
done

# ---- counterexamples ----

# The seven steps of docs/1-ordering.md, in their order.
seven() {
	awk '
		BEGIN {
			n = split("^unmap:? .*E=none|^publish_flush|^publish_reload|" \
				  "^ +reload: .*finds P\\[apic\\]=(f[0-9]+),moving|^copy|^clear|" \
				  "^rebind: .*P\\[apic\\]=f[0-9]+|^release|^end: .*P\\[apic\\]=f[0-9]+|" \
				  "^ +read apic: EPT violation|^ +exit: .*E=f[0-9]+|^ +enter|" \
				  "^ +read apic$|^apic-raw: .*as plain memory", want, "|")
			i = 1
		}
		# The frames: reload finds the old one, the fault maps the new one.
		match($0, /^ +reload: .*=f[0-9]+,moving/) { old = $0; gsub(/.*=f|,moving.*/, "", old) }
		match($0, /^ +exit: .*E=f/) { new = $0; gsub(/.*E=f/, "", new) }
		i <= n && $0 ~ want[i] { i++ }
		END {
			if (i <= n)
				print "# no line, or not in this place: " want[i]
			exit !(i > n && old != "" && new != "" && old != new)
		}' "$1"
}
for model in sc tso; do
	explore --model $model "$start"
	ok "$model: the seven steps of docs/1-ordering.md" seven "$stdout"
	lines=$(sed -n '/^mover0/,/^apic-raw/p' "$stdout" | wc -l)
	ok "$model: in few lines ($lines)" test "$lines" -le 35
	ok "$model: with three switches between CPUs" test "$(sed -n '/^mover0/,/^$/p' "$stdout" |
		sed 1d | awk '{ c = /^ /; if (NR > 1 && c != last) n++; last = c } END { print n }')" -le 4
	explore --model $model -v "$start"
	for part in '^        P: apic=f[0-9]+  E: apic=none' 'vcpu0: .*A=f' ' T: apic=f' \
		'^mover0 +locked begin_claim P\[apic\]=f[0-9]+,moving' \
		'^vcpu0 +read apic EPT violation'; do
		says "$model -v" "$stdout" "$part"
	done
done
says "tso -v" "$stdout" 'buffer: [a-z_]+'

# Every counterexample of the corpus can be replayed.
explore --csv tests/litmus/*.litmus
cp "$stdout" "$dir/all.csv"
bad="" n=0
while IFS=, read -r name model rule replay; do
	explore --replay "$replay" "tests/litmus/$name.litmus"
	n=$((n + 1))
	grep -q "^${rule:-stuck}" "$stdout" && [ $code = 3 ] || bad="$bad $name/$model: $code;"
done < <(awk -F, '$3 == "violated" || $3 == "stuck" {
	print $1 "," $2 "," $4 "," $NF }' "$dir/all.csv")
is "$n counterexamples replayed" "$bad" ""
ok "there are some" test "$n" -gt 20
explore --csv --model sc --ablate wait tests/litmus/ordered-1x1-data.litmus
exits "--ablate wait" 3
s=$(column replay)
explore --ablate wait --replay "$s" tests/litmus/ordered-1x1-data.litmus
exits "its replay" 3
explore -v --ablate wait --replay "$s" tests/litmus/ordered-1x1-data.litmus
says "its replay with -v" "$stdout" '^        P: '

# ---- machine-readable ----

is "--csv: as many columns in each line" "$(awk -F, '{ print NF }' "$dir/all.csv" | sort -u | wc -l)" 1
files=(tests/litmus/*.litmus)
explore --json "${files[@]}"
exits "--json" 0
ok "each line is JSON" sh -c "jq -c . '$stdout' >'$dir/jq'"
is "a line a result" "$(wc -l <"$dir/jq")" $((2 * ${#files[@]}))
is "the same fields as --csv" "$(head -n 1 "$dir/jq" | jq -r 'keys_unsorted | join(",")')" \
	"$(head -n 1 "$dir/all.csv")"
is "the same verdicts as --csv" \
	"$(jq -r '[.test, .model, .verdict, .rule, .letters] | join(",")' "$dir/jq" | cksum)" \
	"$(tail -n +2 "$dir/all.csv" | cut -d, -f 1-5 | cksum)"

# ---- random runs ----

for how in random pct; do
	for model in sc tso; do
		explore --csv --model $model --$how 20000 --seed 7 "$start"
		exits "--$how, $model" 0
		first=$(tail -n 1 "$stdout" | cut -d, -f 1-14)
		s=$(column replay)
		explore --csv --model $model --$how 20000 --seed 7 "$start"
		is "--$how, $model: the same seed, the same run" \
			"$(tail -n 1 "$stdout" | cut -d, -f 1-14) $(column replay)" "$first $s"
		explore --csv --model $model --$how 20000 --seed 8 "$start"
		ok "--$how, $model: another seed, another run" \
			test "$(tail -n 1 "$stdout" | cut -d, -f 1-14)" != "$first"
		explore --replay "$s" "$start"
		exits "--$how, $model: its replay" 3
	done
done
explore --csv --random 500 tests/litmus/ordered-1x1.litmus
exits "--random finds nothing: no verdict" 4

# ---- processes, preemptions ----

for j in 1 2 3; do
	explore --csv --model tso -j $j tests/litmus/ordered-1x2.litmus tests/litmus/ordered-2x1.litmus
	exits "-j $j" 0
	now="$(column verdict) $(column ends) $(column verdict 2) $(column ends 2)"
	[ $j = 1 ] && first=$now
	is "-j $j: verdicts and ends as with -j 1" "$now" "$first"
done
# One preemption, of the invalidator before `clear`: then the vCPU waits in its fault by itself.
explore --csv --model sc --preemptions 0 "$start"
is "--preemptions 0 finds nothing, which is no verdict" "$(column verdict) $code" "undecided 4"
explore --csv --model sc --preemptions 1 "$start"
is "--preemptions 1 finds the violation" "$(column verdict) $(column rule) $code" "violated apic-raw 0"
last=0 states=0
for n in 0 2 4 6 100; do
	explore --csv --model sc --preemptions $n tests/litmus/ordered-1x1.litmus
	ok "--preemptions $n: no fewer ends, more states" \
		test "$(column ends)" -ge "$last" -a "$(column states)" -gt "$states"
	last=$(column ends) states=$(column states)
done
explore --csv --model sc tests/litmus/ordered-1x1.litmus
is "with very many all ends are reached" "$last" "$(column ends)"

# One of its processes is killed: no hang, no verdict.
"$EXPLORER" -j 2 --model tso "$huge" >"$stdout" 2>"$stderr" &
pid=$!
child=
for ((i = 0; i < 50 && !${#child}; i++)); do
	sleep 0.1
	child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
	child=${child%% *}
done
sleep 0.3
kill -9 "$child"
for ((i = 0; i < 50; i++)); do
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
kill -9 $pid 2>/dev/null
wait $pid
is "a process is killed: exit code 1" $? 1
says "it" "$stderr" 'one of its processes died'

# ---- checkpoints ----

ck=$dir/ck
for j in 1 2; do
	for file in tests/litmus/large/ordered-1x3.litmus tests/litmus/ordered-1x2.litmus; do
		explore --csv --model tso -j $j "$file"
		whole="$(column verdict) $(column ends)" states=$(column states) steps=$(column steps)
		[ $j = 1 ] && whole="$whole $states $steps"
		rm -f "$ck"
		# Stopped after a part of its time, again and again.
		part=$(awk -v s="$(column seconds)" 'BEGIN { print s / 8 + 0.01 }')
		resume=() stops=0
		for ((tries = 0; tries < 60; tries++)); do
			timeout --preserve-status -k 5 "$part" "$EXPLORER" --csv --model tso -j $j \
				--checkpoint "$ck" "${resume[@]}" "$file" >"$stdout" 2>"$stderr"
			code=$?
			# A little more each time, in case a loaded machine does not even come to start.
			part=$(awk -v p="$part" 'BEGIN { print p * 1.1 }')
			case $code in
			130)
				stops=$((stops + 1))
				resume=(--resume "$ck")
				;;
			143) ;; # before it listened to signals
			*) break ;;
			esac
		done
		now="$(column verdict) $(column ends)"
		[ $j = 1 ] && now="$now $(column states) $(column steps)"
		is "-j $j: stopped $stops times and resumed: as in one go" "$now" "$whole"
		ok "-j $j: it was stopped at all" test $stops -gt 0
	done
done
explore --model tso --time 1 --checkpoint "$ck" "$huge"
exits "--time and --checkpoint" 124
says "it" "$stderr" "what is left is in $ck; --resume"
explore --csv --model tso --time 1 --resume "$ck" --checkpoint "$ck" "$huge"
exits "resumed, and stopped again" 124
ok "the time of both counts" awk -v s="$(column seconds)" 'BEGIN { exit !(s >= 2 && s < 6) }'
ok "nothing is left beside it" test ! -e "$ck.new"
plan
