#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `make ablate` without a machine: what it makes of results, and when it ends with 1. In the place of
# boot/run.sh stands a script that has the results at hand.
# shellcheck source=tests/points.sh
. "$(dirname "$0")/../points.sh"

mkdir -p "$dir"/{lab/metal,boot,tests/litmus,build/ablate}
cp lab/metal/ablate.sh "$dir/lab/metal/"
cp tests/ablate.cfg "$dir/tests/"
: >"$dir/build/explore"
cat >"$dir/build/ablate/explored.csv" <<'END'
ablation,verdict,rule,test,reason,ok
unmap,violated,frame-freed,one,"",yes
end,stuck,,one,"",yes
wait,violated,frame-freed,one,"",yes
release,violated,frame-leaked,one,"",yes
elided,holds,,,"argued, at length",yes
copy<>rebind,violated,frame-leaked,one,"",yes
END

# STALE, PANIC, STUCK, DAMAGE: parts without which a run ends so. Without the last it holds, and the
# next run with nothing left out does not.
cat >"$dir/boot/run.sh" <<'END'
#!/bin/bash
log=${JSON%.json}.log
: >"$log"
part=none damaged= noticed=
result() {
	local wrong="{\"apic_read\":$3,\"apic_write\":0,\"data\":0}"
	echo "@json {\"result\":\"$1\",\"error\":\"$2\",\"wrong\":$wrong}" >>"$log"
}
run() {
	[ "$part" != "$noticed" ] || { result skipped "" 0 && return; }
	echo "run: protocol $order" | tee -a "$log"
	if [ "$damaged" ] && [ "$part" = none ]; then
		result error "the guest found wrong values that are no stale accesses" 0
	elif [[ " $PANIC " = *" $part "* ]]; then
		result panic "frames: 2" 0
		exit 1
	elif [[ " $STUCK " = *" $part "* ]]; then
		for _ in 1 2 3; do echo "ordered: 1 of 9 moves, guest 1 has done 7 rounds"; done
		sleep 20 &
		wait
		exit 1
	elif [[ " $STALE " = *" $part "* ]] || [ "$order" != ordered ]; then
		noticed=${part/none/}
		result stale "" 5
	else
		result held "" 0
	fi
	[[ " $DAMAGE " != *" $part "* ]] || damaged=${part/none/}
}
trap 'kill $! 2>/dev/null; exit 1' TERM
started=
while read -r key _ value; do
	case $key in
	'[run]')
		[ ! "$started" ] || run
		started=1 part=none order=ordered
		;;
	protocol) order=$value ;;
	ablate) part=$value ;;
	esac
done <"$CONFIG"
run
END
chmod +x "$dir/boot/run.sh"

# ablate NAME=VALUE...
ablate() {
	touch "$dir/build/ablate/explored.csv"
	env PLATFORM=bochs STALE= PANIC= STUCK= DAMAGE= "$@" "$dir/lab/metal/ablate.sh" >"$stdout" 2>"$stderr" </dev/null
	code=$?
	echo "# $*: exit code $code"
}

# row NAME WORDS: of the table, whose columns have 32, 24 and 40 places.
row() {
	is "$1: $2" "$(awk -v name="$1" '/^left out/ { table = 1 }
		table && $1 == name { sub(/ *$/, ""); print substr($0, 59) }' "$stdout")" "$2"
}

ablate STALE="none" ABLATE=wait
is "no table when nothing left out does not hold" "$code $(grep -c 'no table' "$stderr")" "1 1"

ablate STALE="unmap copy<>rebind" PANIC=release STUCK=end
is "exit code" "$code" 0
row unmap "stale APIC page"
row end "guest stuck"
row wait "-"
row release "panic: frames: 2"
row elided "-"
row "copy<>rebind" "stale APIC page"
is "a line of JSON for each" "$(grep -c . "$dir/build/ablate.json")" 6
json='{"ablation":"end","explorer":"stuck","reason":"",'
json+='"bochs":{"outcome":"seen","what":"guest stuck"}}'
is "with the outcome" "$(sed -n 2p "$dir/build/ablate.json")" "$json"
ok "what the machine said is kept" test -s "$dir/build/ablate/seen/bochs.unmap.log"

ablate STALE="wait elided" JOBS=1
is "seen, though it is argued to be redundant" "$code" 1
row elided "CONTRADICTION: stale APIC page"

ablate DAMAGE=wait JOBS=1
is "what one leaves behind does not speak against the next" "$code" 0
row wait "left behind: wrong values"
row release "-"
row elided "-"

ablate ABLATE="wait nothing"
is "a wrong name ends with 2" "$code" 2
ok "and says what is allowed" grep -q 'ABLATE=nothing is not known; allowed: unmap end wait' "$stderr"
ablate MOVES=3
is "so does what the file is to say" "$code" 2
plan
