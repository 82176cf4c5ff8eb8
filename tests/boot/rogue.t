#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that misbehaves hurts only itself: each case of tests/guests/rogue.c is a run of its own,
# and whatever it does, the machine and the runs after it go on. Not one ends in a panic.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

# A page walk into the APIC page (case 21) is, by Bochs 2.7's account of the exit, a read of the
# instruction's own, which is done.
# case, variant, and what comes of it: goes on (held), stops (the guest, with a reason), sticks (and
# is reported), or either of the first two.
cases=(
	"0 0 stops" "1 0 goes" "2 0 goes" "2 1 goes" "2 2 goes" "2 3 goes" "2 4 goes" "2 5 goes"
	"2 6 stops" "3 0 stops" "6 0 stops" "6 1 stops" "6 2 stops" "6 3 stops" "7 0 goes" "8 0 stops"

	"9 0 stops" "10 0 either" "10 1 either" "10 2 either" "10 3 either" "10 4 either" "10 5 either"
	"10 6 either" "11 0 goes" "12 0 goes" "14 0 goes" "15 0 goes" "16 0 stops" "17 0 goes"
	"18 0 goes" "18 1 goes"

	"18 2 goes" "19 0 goes" "19 1 goes" "19 2 goes" "20 0 goes" "20 1 either" "21 0 either"
	"21 1 stops" "23 0 goes" "24 0 goes" "4 0 sticks" "5 0 sticks" "13 0 sticks" "13 1 sticks"
	"15 1 sticks" "22 0 sticks" "25 0 goes"
)

# Not too many in one boot: when one of them hangs, the others are lost.
for ((first = 0; first < ${#cases[@]}; first += 16)); do
	{
		printf 'guest = rogue\ncpus = 3\nmoves = 40\n'
		for one in "${cases[@]:first:16}"; do
			read -r number variant _ <<<"$one"
			printf '[run]\narg = %d\n' $((number | variant << 8))
		done
	} >"$dir/rogue.cfg"
	boot CONFIG="$dir/rogue.cfg" TIMEOUT=900
	r=0
	for one in "${cases[@]:first:16}"; do
		read -r number variant wanted <<<"$one"
		got="$(field $r result)"
		why="$(field $r error)"
		case $got:$why in
		held:) got=goes ;;
		error:*'did not finish'*) got=sticks ;;
		error:?*) got=stops ;;
		esac
		if [ "$wanted" = either ] && [[ $got = goes || $got = stops ]]; then
			wanted=$got
		fi
		is "case $number, variant $variant: $wanted${why:+ ($why)}" "$got" "$wanted"
		r=$((r + 1))
	done
	ok "the boot ends by itself" test "$code" -le 1
	ok "no invariant broke" sh -c "! grep -q PANIC '$stdout' '$stderr'"
done
plan
