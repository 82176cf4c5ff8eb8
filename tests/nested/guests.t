#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Under a real KVM: what is emulated for a guest, guests side by side, vCPUs that change places, and
# guests that misbehave. Left out of these is case 11, whose IPIs take longer here than a guest has,
# and those that loop with interrupts off: on Bochs nothing ends a loop of a guest of the guest
# (docs/5-testing.md).
# shellcheck disable=SC2034
platform=kvm-in-bochs
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"

boot_config TIMEOUT=900 <<'END'
moves = 200
[run]
guest = state
[run]
guest = state
cpus = 3
moves = 50
[run]
cpus = 3
migrate = 10
[run]
cpus = 2
[with]
cpus = 2
protocol = gated
seed = 2
[run]
apicv = off
END
exits 0
is "one JSON line for each guest" "$(grep -c '^{' "$stdout")" 6
for r in 0 1 2 3 4 5; do
	is "guest $r held ($(field $r guest))" "$(field $r result) $(field $r stale_reads)" "held 0"
done
at_least "vCPUs changed places" "$(field 2 migrations)" 15

# case, variant, and what comes of it, as in tests/boot/rogue.t.
cases=("0 0 stops" "1 0 goes" "2 0 goes" "2 4 goes" "3 0 stops" "6 0 stops" "8 0 stops" "9 0 stops"
	"16 0 stops" "17 0 goes" "18 0 goes" "19 1 goes" "20 0 goes" "21 0 either" "23 0 goes")
{
	printf 'guest = rogue\ncpus = 3\nmoves = 20\n'
	for one in "${cases[@]}"; do
		read -r number variant _ <<<"$one"
		printf '[run]\narg = %d\n' $((number | variant << 8))
	done
	printf '[run]\nguest = patrol\nfault = entry\n'
} >"$dir/rogue.cfg"
boot CONFIG="$dir/rogue.cfg" TIMEOUT=900
exits 1
r=0
for one in "${cases[@]}"; do
	read -r number variant wanted <<<"$one"
	why="$(field $r error)"
	case $(field $r result):$why in
	held:) got=goes ;;
	error:?*) got=stops ;;
	*) got=$(field $r result) ;;
	esac
	if [ "$wanted" = either ] && [[ $got = goes || $got = stops ]]; then
		wanted=$got
	fi
	is "rogue $number, variant $variant: $wanted${why:+ ($why)}" "$got" "$wanted"
	r=$((r + 1))
done
ok "no invariant broke" sh -c "! grep -q PANIC '$stdout' '$stderr'"
says "$stdout" 'VM entry failed: invalid guest state: RFLAGS has bit 1 clear'
plan
