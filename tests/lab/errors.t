#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Wrong input ends with 2 and a message that says what is wrong and where; nothing crashes or hangs.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

# refused WORDS REGEX: of the last run: exit code 2, the message on standard error, no result.
refused() {
	local got=
	[ $code = 2 ] || got="exit code $code"
	grep -qE -- "$2" "$stderr" || got="$got, no '$2'"
	! grep -qE 'holds|violated [a-z]|undecided' "$stdout" || got="$got, a result"
	is "$1" "$got" ""
	[ -z "$got" ] || head -n 3 "$stderr" | cut -c 1-200 | sed 's/^/# /'
}

# bad_line REGEX LINE...: a file whose last line is wrong.
bad_line() {
	local regex=$1 n
	shift
	n=$#
	litmus bad "$@"
	explore "$file"
	refused "line: ${!#}" "bad\\.litmus:$n: .*$regex"
}
bad_line "'nonsense' is no keyword: about, protocol, .*expect" 'vcpu' '' '# fine' 'nonsense'
bad_line "'vcpus' is no keyword" 'vcpus'
bad_line "protocol: one of ordered, start-notifier" 'protocol'
bad_line "protocol: one of ordered, start-notifier" 'protocol orderly'
bad_line "'fly' is no step: begin, unmap" 'vcpu' 'steps begin fly end'
bad_line "steps: none" 'steps'
bad_line "steps: none" 'steps gated'
bad_line "steps: more than 15" "steps $(printf 'begin %.0s' {1..16})"
bad_line "'wait' is no step of the gate: reload, flush" 'gate reload wait'
bad_line "gate: more than 8" "gate $(printf 'check %.0s' {1..9})"
bad_line "a page is wanted" 'invalidator'
bad_line "'d9' is no page: apic, d0, d1, d2" 'vcpu read:d0' 'invalidator d9'
bad_line "more than 4 pages" 'invalidator d0 d0 d0 d0 d0'
bad_line "'0': a number from 1 to 8" 'invalidator d0 times 0'
bad_line "'9': a number from 1 to 8" 'invalidator d0 times 9'
bad_line "'2x': a number from 1 to 8" 'invalidator d0 times 2x'
bad_line "one number is wanted" 'invalidator d0 times'
bad_line "one number is wanted" 'invalidator d0 times 2 2'
bad_line "a page is wanted" 'reclaimer'
bad_line "more than 4 pages" 'reclaimer d0 d0 d0 d0 d0'
bad_line "'9': a number from 1 to 8" 'reclaimer d0 times 9'
bad_line "there can be but one" 'reclaimer d0' 'reclaimer d1'
bad_line "'jump' is no action: read:PAGE" 'vcpu exit jump'
bad_line "'d9' is no page" 'vcpu read:d9'
bad_line "a page is wanted, as in read:apic" 'vcpu read'
bad_line "exit takes nothing after a colon" 'vcpu exit:d0'
bad_line "notify: the number" 'vcpu notify:x'
bad_line "there are 1 vCPUs" 'vcpu notify:1'
bad_line "more than 24 actions" "vcpu $(printf 'exit %.0s' {1..25})"
bad_line "more than 64 words" "vcpu $(printf 'exit %.0s' {1..64})"
bad_line "more than 6 actors" vcpu vcpu vcpu vcpu vcpu vcpu vcpu
bad_line "start: " 'start'
bad_line "start 'fool'" 'start fool'
bad_line "what is to be left out" 'without'
bad_line "'wind' is nothing that can be left out" 'without kick_fence wind'
bad_line "at most 12 names" "without $(printf 'kick %.0s' {1..13})"
bad_line "expect: " 'expect'
bad_line "expect: " 'expect sc'
bad_line "expect: " 'expect fails'
bad_line "'x' is too much" 'expect holds x'
bad_line "'nothing' is no rule: apic-raw" 'expect violated nothing'
bad_line "NAME: OPERATION" 'cpu'
bad_line "NAME: OPERATION" 'cpu a enter'
bad_line "a name of under 12 letters" 'cpu abcdefghijkl: enter'
bad_line "'jump' is no operation" 'cpu a: enter; jump'
bad_line "map takes 2 words" 'cpu a: map d0'
bad_line "'w' is no frame" 'cpu a: map d0 w'
bad_line "only in the guest" 'cpu a: read d0'
bad_line "not in the guest" 'cpu a: enter; map d0 x'
bad_line "a number up to 255" 'cpu a: store x 256'
bad_line "no actor is named 'b'" 'cpu a: nmi b'
bad_line "a line of over 510 letters" 'vcpu' "about $(printf '%0600d' 0)"

litmus empty
explore "$file"
refused "an empty file" 'empty\.litmus.*: no actors'
litmus full 'start full' 'vcpu read:d0'
explore "$file"
refused "a full store and nobody to put anything there" 'full\.litmus: start full: .*no reclaimer'
for line in 'reclaimer d0' 'start packed'; do
	litmus both "$line" 'cpu a: enter; read d0; exit'
	explore "$file"
	refused "$line, and a program" 'both\.litmus: reclaim, and programs'
done
litmus comments '# nothing' ''
explore "$file"
refused "a file of comments" 'comments\.litmus.*: no actors'
head -c 5000 "$EXPLORER" >"$dir/binary.litmus"
explore "$dir/binary.litmus"
refused "a binary file" 'binary\.litmus:1: no text'
explore "$dir/none.litmus"
refused "no such file" 'none\.litmus: No such file'
explore "$dir"
refused "a directory" "$dir: Is a directory"
litmus good 'vcpu exit' 'expect holds'
good=$file
if [ "$(id -u)" != 0 ]; then
	litmus secret 'vcpu'
	chmod 0 "$file"
	explore "$file"
	refused "no permission" 'secret\.litmus: Permission denied'
fi
explore "$good" "$dir/none.litmus"
refused "the second file is missing: nothing runs" 'none\.litmus: No such file'

# wrong_option REGEX OPTION...
wrong_option() {
	local regex=$1
	shift
	explore "$@" "$good"
	refused "option: $*" "$regex"
}
wrong_option "unrecognized option '--fast'" --fast
wrong_option '--model x86: sc or tso' --model x86
wrong_option '--jobs 0: a number from 1 to 16' -j 0
wrong_option '--jobs 17: a number from 1 to 16' --jobs 17
wrong_option '--jobs two: a number' -j two
wrong_option '--time -1: a number' --time=-1
wrong_option '--time 1s: a number' --time 1s
wrong_option '--memory 7: a number from 8' --memory 7
wrong_option '--preemptions 101: a number' --preemptions 101
wrong_option '--seed 18446744073709551616: a number' --random 5 --seed 18446744073709551616
wrong_option '--random 0: a number' --random 0
wrong_option '--depth 21: a number' --pct 5 --depth 21
wrong_option "'kik' is nothing that can be left out; known" --ablate wait,kik
wrong_option "'kick<>begins' is nothing" --ablate 'kick<>begins'
wrong_option 'more than 12 ablations' --ablate "$(printf 'kick,%.0s' {1..13})"
wrong_option '--rule-out I99: no such rule; known' --rule-out I99
wrong_option 'take one file' --replay sc:a "$good"
wrong_option 'take one file' --checkpoint "$dir/ck"
wrong_option 'ck: No such file' --model sc --checkpoint "$dir/none/ck"
wrong_option 'Is a directory' --model sc --checkpoint "$dir"
wrong_option 'No such file' --model sc --resume "$dir/none"
explore
refused "no file" 'no litmus file'
explore "$good" --time
refused "option: --time and nothing after it" 'requires an argument'

# Replay strings.
for s in 'nonsense' 'sc' 'tso' 'sc:' 'pso:a' 'sc:b' 'sc:a0' 'sc:a?' 'sc:a!!' 'tso:a3 a'; do
	explore --replay "$s" "$good"
	refused "replay '$s'" 'the replay string is wrong at|step [0-9]+ of the replay is not possible'
done
explore --replay "sc:a99999999999999999999" "$good"
refused "replay of too many steps" 'step [0-9]+ of the replay is not possible'
explore --csv --model tso tests/litmus/no-arm-fence.litmus
s=$(column replay)
explore --replay "$s" "$good"
refused "replay of another test" 'the replay string is wrong at|of another test'
explore --replay "$s" tests/litmus/ordered-1x1-data.litmus
ok "the replay of a test that has what it left out is no violation" test $code != 3

# Checkpoints.
big=tests/litmus/large/ordered-1x3.litmus
ck=$dir/ck
explore --model sc --time 1 -j 1 --checkpoint "$ck" tests/litmus/large/ordered-2x2.litmus
exits "a checkpoint" 124
# resumed WORDS REGEX FILE OPTION...
resumed() {
	local words=$1 regex=$2
	shift 2
	LIMIT=10 explore --model sc --resume "$@" tests/litmus/large/ordered-2x2.litmus
	refused "checkpoint: $words" "$regex"
}
size=$(stat -c %s "$ck")
for n in 1 15 17 100 5000 $((size / 2)) $((size - 8)) $((size - 1)); do
	head -c "$n" "$ck" >"$dir/cut"
	resumed "cut to $n bytes" 'cut: no checkpoint|cut is cut short' "$dir/cut"
done
for n in 3 12 40 130 300 2000 $((size / 2)) $((size - 3)); do
	cp "$ck" "$dir/bad"
	printf '\xa5\x5a' | dd of="$dir/bad" bs=1 seek="$n" conv=notrunc status=none
	resumed "byte $n changed" 'bad: no checkpoint|bad is (of another|cut short or damaged)' \
		"$dir/bad"
done
resumed "a litmus file" 'no checkpoint of this program' "$big"
resumed "an empty file" 'no checkpoint of this program' /dev/null
resumed "of other options" 'of another test, model, set of options or build' "$ck" --preemptions 3
resumed "with other ablations" 'of another test' "$ck" --ablate kick
explore --model sc --resume "$ck" "$big"
refused "checkpoint of another test" 'ck is of another test'
explore --model tso --resume "$ck" tests/litmus/large/ordered-2x2.litmus
refused "checkpoint of the other model" 'ck is of another test'
ok "a refused checkpoint is left as it was" test "$(stat -c %s "$ck")" = "$size"
explore --naive --model sc --checkpoint "$ck" "$good"
refused "--naive has no checkpoints" 'naive'

# Nobody reads the results.
ok "a closed pipe ends it" sh -c "'$EXPLORER' tests/litmus/*.litmus | head -n 1 >'$dir/first'"

# Mutated files: exit code 0, 2, 3, 4 or 124, each within its time.
FUZZ_SEED=${FUZZ_SEED:-1} FUZZ_ROUNDS=${FUZZ_ROUNDS:-250}
echo "# fuzz: FUZZ_SEED=$FUZZ_SEED FUZZ_ROUNDS=$FUZZ_ROUNDS; to repeat one: FUZZ_ROUNDS=1, its seed"
mutated() {
	awk -v seed="$1" '
		function any(n) { return int(rand() * n) }
		BEGIN {
			srand(seed)
			n = split("begin unmap publish_reload publish_flush kick wait copy clear " \
				  "rebind release end gated reload flush arm check apic d0 d1 d2 " \
				  "times 8 read:apic write:d0 write:d1 hread:d0 read:d1 exit halt " \
				  "leave " \
				  "notify:0 notify:1 empty boot large kick_fence arm_fence " \
				  "INVEPT NMI elided sc tso holds stuck violated frame-freed vcpu " \
				  "invalidator steps gate start without expect protocol cpu a: " \
				  "enter; " \
				  "b: ; x y z never map unmap invept single all 1 read write d0; free " \
				  "nmi a exit; store load; await only 0 fence; ~ # \" %s \377", word, " ")
		}
		{ line[++lines] = $0 }
		END {
			for (k = 1 + any(3); k > 0; k--) {
				i = 1 + any(lines)
				what = any(6)
				if (what == 0)
					line[i] = ""
				else if (what == 1)
					line[++lines] = line[i]
				else if (what == 2)
					line[i] = line[i] " " word[1 + any(n)]
				else if (what == 3 || what == 4) {
					m = split(line[i], w, " ")
					if (m) {
						w[1 + any(m)] = what == 3 ? word[1 + any(n)] : ""
						line[i] = w[1]
						for (j = 2; j <= m; j++)
							line[i] = line[i] " " w[j]
					}
				} else {
					j = any(length(line[i]) + 1)
					line[i] = substr(line[i], 1, j) \
						  sprintf("%c", 1 + any(255)) substr(line[i], j + 2)
				}
			}
			for (i = 1; i <= lines; i++)
				print line[i]
		}' "$2"
}
files=(tests/litmus/*.litmus)
bad="" ends=""
for ((i = FUZZ_SEED; i < FUZZ_SEED + FUZZ_ROUNDS; i++)); do
	mutated "$i" "${files[RANDOM = i, RANDOM % ${#files[@]}]}" >"$dir/fuzz.litmus"
	LIMIT=20 explore -j 1 --memory 64 --time 1 "$dir/fuzz.litmus"
	case $code in
	0 | 2 | 3 | 4 | 124) ends="$ends $code" ;;
	*)
		bad="$bad seed $i: $code;"
		tail -n 2 "$stderr" | sed 's/^/# /'
		sed 's/^/#   /' "$dir/fuzz.litmus"
		;;
	esac
	[ $code != 2 ] || [ -s "$stderr" ] || bad="$bad seed $i: 2 without a word;"
done
is "$FUZZ_ROUNDS mutated files" "$bad" ""
for c in 0 2 3; do
	ok "some of them ended with $c" test "${ends/ $c/}" != "$ends" -o "$FUZZ_ROUNDS" -lt 100
done
plan
