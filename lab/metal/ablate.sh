#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ablate.sh: `make ablate`. Boots the lab build with each part of `ordered` left out in turn, with
# the runs of tests/ablate.cfg (under KVM, tests/ablate-nested.cfg), until one of them does not hold;
# beside that stands what the explorer says. After the runs of each part comes one with nothing left out: only while that holds is the
# boot used for the next part.
#
# PLATFORM is a list of platforms (bochs kvm-in-bochs), ABLATE a list of parts (all of them), JOBS how
# many emulators run at a time (2). JSON is where the results go, one line a part (build/ablate.json); the machine's
# words about each part that was seen are in build/ablate/seen/. Ends with 1 when the guest saw what
# the explorer says cannot be, when a part could not be tried, or when the controls are not as they
# must be: nothing left out holds, start-notifier does not. What is not in parts.h's first list is
# not tried: the explorer has no verdict on it.
# shellcheck disable=SC2317 # traps call functions
set -euo pipefail
cd "$(dirname "$0")/../.."

platforms=${PLATFORM:-bochs kvm-in-bochs} wanted=${ABLATE-} json=${JSON:-build/ablate.json}
jobs=${JOBS:-2}

wrong() {
	echo "make ablate: $1" >&2
	exit "${2-2}"
}
for name in PROTOCOL CPUS MOVES SEED GUEST BATCH ARG MEM GUEST_MEM MIGRATE APICV LARGE COLLAPSE \
	FAULT HOST_APIC CONFIG; do
	[ ! "${!name-}" ] || wrong "$name is for tests/ablate.cfg to say"
done
unset PLATFORM ABLATE JSON

dir=build/ablate/seen
rm -rf "$dir"
mkdir -p "$dir"

# runs PLATFORM: sets defaults, sections and at_a_time to what is tried there.
runs() {
	local file=tests/ablate.cfg
	[ "$1" = bochs ] || file=tests/ablate-nested.cfg
	defaults=$(sed '/^\[run\]/,$d' "$file")
	mapfile -d '' -t sections < <(sed -n '/^#/d; /^\[run\]/,$p' "$file" |
		awk 'BEGIN { ORS = "" } /^\[run\]/ && NR > 1 { print "\0" } { print $0 "\n" }')
	at_a_time=$((64 / (${#sections[@]} + 1))) # parts in one boot, of 64 runs at most
}

# ---- what the explorer says ----

tests=$(printf '%s\n' tests/litmus/*.litmus)
explored=build/ablate/explored.csv
if ! [ -s "$explored" ] ||
	[ -n "$(find build/explore tests/litmus -newer "$explored" -print -quit)" ]; then
	echo "make ablate: asking the explorer"
	# shellcheck disable=SC2086 # a list
	build/explore --csv --ablate-all $tests >"$explored.part"
	mv "$explored.part" "$explored"
fi
declare -A verdict reason
names=()
while IFS=, read -r name said rule _ why; do
	[ "$name" != ablation ] || continue
	verdict[$name]=$said${rule:+ $rule}
	why=${why%,*}
	reason[$name]=${why//\"/}
	names+=("$name")
done <"$explored"
for name in $wanted; do
	[ "${verdict[$name]-}" ] || wrong "ABLATE=$name is not known; allowed: ${names[*]}"
done
# shellcheck disable=SC2206 # a list of words
[ ! "$wanted" ] || names=($wanted)

# ---- one boot ----

# configure NAME...: for each name all sections, and the control. start-notifier is an order and no
# part of one.
configure() {
	local name section key
	printf '%s\nablate = none\n' "$defaults"
	for name; do
		key=ablate
		[ "$name" != start-notifier ] || key=protocol
		for section in "${sections[@]}"; do
			printf '%s\n%s = %s\n' "$section" "$key" "$name"
		done
		printf '[run]\nmoves = 60\n'
	done
}

runner=
stop() {
	[ ! "$runner" ] || kill "$runner" 2>/dev/null || :
	wait || :
	exit 1
}

# stuck FILE LINES: so many lines of progress in a row tell of the same number of rounds.
stuck() {
	awk -v want="$2" '/^(run:|HELD|STALE|ERROR)/ { last = ""; n = 0 }
		/ has done / { n = $(NF - 1) == last ? n + 1 : 1; last = $(NF - 1) }
		END { exit n < want }' "$1"
}

# boot PLATFORM FILES: boots $files.cfg and watches until it ends, or a run goes on without end.
boot() {
	local platform=$1 files=$2 out=$2.out since=$SECONDS said=-1 now silence=90 lines=3
	[ "$platform" = bochs ] || silence=150 lines=6
	rm -f "$files.log" # what the last boot said must not count for this one
	: >"$out"
	env WORK="$files.work" BUILT=1 IMAGE=build/ablate/interlock.img PLATFORM="$platform" \
		TIMEOUT=7200 CONFIG="$files.cfg" JSON="$files.json" \
		boot/run.sh >"$out" 2>&1 </dev/null &
	runner=$!
	while kill -0 "$runner" 2>/dev/null; do
		# The machine's words, without the runner's. The firmware takes its time.
		now=$(grep -cvE '^(make run|running|firmware)' "$out" || :)
		[ "$now" = "$said" ] || { said=$now since=$SECONDS; }
		((SECONDS - since < (said ? silence : 4 * silence))) || break
		! stuck "$out" "$lines" || break
		sleep 0.5
	done
	kill "$runner" 2>/dev/null || :
	wait "$runner" || :
	runner=
}

field() {
	[[ $2 =~ \"$1\":(\"([^\"]*)\"|([0-9]+)) ]] || return
	echo "${BASH_REMATCH[2]:-${BASH_REMATCH[3]-}}"
}

# what RESULT: a few words on a run that did not hold.
what() {
	local error apic data
	error=$(field error "$1" || :)
	apic=$(($(field apic_read "$1" || echo 0) + $(field apic_write "$1" || echo 0)))
	data=$(field data "$1" || echo 0)
	[ "$(field result "$1")" != panic ] || error="panic: $error"
	case $error in
	panic:*) ;;
	*'triple fault'* | *unhandled* | *'no memory at'* | *'not supported'*) error="guest died" ;;
	*'did not finish'* | *'no round'* | *'complete a round'*) error="guest stuck" ;;
	*'no stale accesses'*) error="wrong values" ;;
	esac
	if ((apic && data)); then
		echo "stale APIC page and data${error:+, $error}"
	elif ((apic)); then
		echo "stale APIC page${error:+, $error}"
	elif ((data)); then
		echo "stale data${error:+, $error}"
	else
		echo "$error"
	fi
}

# silent FILES: the same when a run has no result.
silent() {
	if stuck "$1.out" 2; then
		echo "guest stuck"
	elif grep -q 'machine stopped' "$1.out"; then
		echo "machine dead"
	else
		echo "hypervisor hangs"
	fi
}

# judge FILES NAME...: a line "NAME outcome words" for each name that is decided; the others are to
# come again.
judge() {
	local files=$1 name line at=0 seen='' text part
	local log=$files.log results=()
	shift
	mapfile -t results < <(grep -a -o '@json {.*' "$log" || :)
	for name; do
		text=
		for part in "${sections[@]}" control; do
			line=${results[at]-}
			at=$((at + 1))
			case $(field result "$line" || :) in
			held | skipped) continue ;;
			esac
			[ ! "$text" ] || break 1
			if [ "$line" ]; then
				text=$(what "$line")
			elif [ "$at" = 1 ] && ! grep -qa '^run: ' "$log"; then
				printf '%s\tfailed\t%s\n' "$name" "$(tail -n 1 "$files.out")"
				return
			else
				text=$(silent "$files")
			fi
			[ "$part" != control ] || text="left behind: $text"
		done
		if [ ! "$text" ]; then
			printf '%s\theld\t\n' "$name"
			continue
		fi
		# What another has left behind must not speak against the explorer.
		if [ "$seen" ] && [ "${reason[$name]-}" ]; then
			return
		fi
		seen=1
		printf '%s\tseen\t%s\n' "$name" "$text"
		cp "$log" "$dir/$(basename "$(dirname "$files")").${name//[<>]/-}.log"
		[ "$(field result "$line" || :)" = held ] || return 0 # the control
	done
}

# work PLATFORM N NAME...: all of the names, some in a boot.
work() {
	local platform=$1 files=build/ablate/$1/$2
	shift 2
	trap stop INT TERM
	: >"$files.done"
	while [ $# -gt 0 ]; do
		configure "${@:1:at_a_time}" >"$files.cfg"
		boot "$platform" "$files"
		judge "$files" "${@:1:at_a_time}" >"$files.new"
		shift "$(wc -l <"$files.new")"
		cat "$files.new" >>"$files.done"
	done
}

workers=()
interrupted() {
	trap '' INT TERM
	kill "${workers[@]}" 2>/dev/null || :
	wait || :
	echo "make ablate: interrupted" >&2
	exit 1
}
trap interrupted INT TERM

declare -A outcome words

# on PLATFORM NAME...: outcome and words of each.
on() {
	local platform=$1 files=build/ablate/$1 total shown=0 spoken=$SECONDS count n state text i
	shift
	total=$#
	rm -rf "$files"
	mkdir -p "$files"
	workers=()
	for ((i = 0; i < jobs && i < total; i++)); do
		n=$(for ((k = i + 1; k <= total; k += jobs)); do printf '%s ' "${!k}"; done)
		: >"$files/$i.done"
		# shellcheck disable=SC2086 # a list of words
		work "$platform" "$i" $n &
		workers+=($!)
	done
	while :; do
		count=$(cat "$files"/*.done | wc -l)
		if [ "$count" != "$shown" ] || ((SECONDS - spoken >= 5)); then
			n=$(tail -qn 1 "$files"/*.done | tr '\t\n' ' ;')
			echo "$platform: $count of $total, $SECONDS s; $n"
			shown=$count spoken=$SECONDS
		fi
		kill -0 "${workers[@]}" 2>/dev/null || [ -n "$(jobs -pr)" ] || break
		sleep 1
	done
	wait
	workers=()
	while IFS=$'\t' read -r n state text; do
		outcome[$platform $n]=$state words[$platform $n]=$text
	done < <(cat "$files"/*.done)
}

# ---- the controls and all parts ----

for platform in $platforms; do
	runs "$platform"
	on "$platform" none "${names[@]}" start-notifier # which may end the boot
	control=${outcome[$platform none]-failed} wrong_order=${outcome[$platform start-notifier]-failed}
	[ "$control $wrong_order" = "held seen" ] ||
		wrong "$platform: no table, as these should be \"held\" and \"seen\": nothing left out:
  $control ${words[$platform none]-}; start-notifier: $wrong_order ${words[$platform start-notifier]-}" 1
done

# ---- the table ----

: >"$json"
bad=0
printf '%-32s %-24s' "left out, or swapped" "explorer"
# shellcheck disable=SC2086 # a list of words
printf ' %-40s' $platforms
echo
for name in "${names[@]}"; do
	printf '%-32s %-24s' "$name" "${verdict[$name]}"
	printf '{"ablation":"%s","explorer":"%s","reason":"%s"' "$name" "${verdict[$name]}" \
		"${reason[$name]}" >>"$json"
	for platform in $platforms; do
		state=${outcome[$platform $name]-failed} text=${words[$platform $name]-}
		mark=
		[ "$state" != failed ] || bad=1
		if [ "$state" = seen ] && [ "${reason[$name]}" ]; then
			mark="CONTRADICTION: " bad=1
		fi
		printf ' %-40s' "$mark$([ "$state" = held ] && echo - || echo "${text:-$state}")"
		text=${text//\\/}
		printf ',"%s":{"outcome":"%s","what":"%s"}' "$platform" "$state" \
			"${text//\"/}" >>"$json"
	done
	echo
	echo '}' >>"$json"
done
for platform in $platforms; do
	seen=0
	for name in "${names[@]}"; do
		[ "${outcome[$platform $name]-}" != seen ] || seen=$((seen + 1))
	done
	echo "$platform: $seen of ${#names[@]} seen; nothing left out: held;" \
		"start-notifier: ${words[$platform start-notifier]}"
done
echo "$SECONDS s"
exit $bad
