#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh: `make bench-peers`. The guest peer, the same bytes, on Interlock and on Linux KVM, each on a
# Bochs of the same processor; then the table. build/peers.json has the same for programs,
# build/peers-NAME.log what each machine wrote.
#
# As boot/run.sh does, it leaves its exit code in WORK/code and succeeds. BUILT=1 skips set-up and
# build; SIDES picks one side.
# shellcheck disable=SC2317 # traps and prepare_$1 call functions
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=boot/platform.sh
. boot/platform.sh

MODEL=corei7_haswell_4770 # Linux has trouble with the emulated skylake_x
CPUS=3                    # two vCPUs; one more moves memory, or is Linux's
MB=512
TIMEOUT=${TIMEOUT:-400}
leave_code=${WORK:+1}
top=${WORK:-build/peers.$$}
mkdir -p "$top"
top=$(cd "$top" && pwd)
emulator=

ends() {
	trap - EXIT INT TERM HUP
	stop_emulator
	find "$top" -mindepth 1 -delete
	if [ "$leave_code" ]; then
		echo "$1" >"$top/code"
		exit 0
	fi
	rmdir "$top"
	exit "$1"
}
fail() {
	echo "make bench-peers: $2" >&2
	ends "$1"
}
trap 'fail 1 interrupted' INT TERM HUP
trap 'fail 1 "tests/peers/run.sh itself failed"' EXIT

# ---- set-up and build ----------------------------------------------------------------------------

VMM=build/peers-kvm
if [ ! "${BUILT-}" ]; then
	boot/setup.sh bench kvm-in-bochs || fail 2 "set-up is not complete, see above"
	boot/nested/build.sh || fail 2 "set-up is not complete, see above"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "${MAKE:-make}" -s -j"$(nproc)" all "$VMM" ||
		fail 2 "the build failed, see above"
fi

cpus=$CPUS ram=$MB platform=bochs
reason=$(bochs_memory) || fail 2 "$reason"

# ---- the two machines ----------------------------------------------------------------------------

prepare_interlock() {
	cp --sparse=always build/interlock.img "$work/disk.img"
	mcopy -o -i "$work/disk.img@@1M" tests/peers/peers.cfg ::/interlock.cfg
	machine_bochs "$MODEL"
}

prepare_kvm() {
	tests/peers/disk.sh "$VMM" build/guests/peer.bin "$work/disk.img" ||
		fail 2 "the disk of KVM's side cannot be made, see above"
	bochs_machine "$MODEL" "$CPUS" "$MB" /usr/share/bochs/BIOS-bochs-latest,options=fastboot <<-END
		ata0-master: type=disk, path=disk.img, mode=flat, cylinders=0, heads=16, spt=63
		com1: enabled=1, mode=file, dev=serial
	END
}

# measure SIDE: leaves its lines in build/peers-SIDE.log. A machine stops by itself, or a second after
# it has said what ends it.
measure() {
	local start=$SECONDS spoken=$SECONDS over='@end|peers: error|Kernel panic|X64 Exception'
	work=$top/$1
	mkdir "$work"
	: >"$work/serial"
	machine=()
	"prepare_$1"
	echo "bench-peers: $1 on Bochs, $CPUS CPUs, $MB MB"
	"${machine[@]}" </dev/null >"$work/emulator" 2>&1 &
	emulator=$!
	while kill -0 "$emulator" 2>/dev/null; do
		if [ $((SECONDS - start)) -ge "$TIMEOUT" ]; then
			cp "$work/serial" "build/peers-$1.log"
			fail 124 "$1: not finished after TIMEOUT=$TIMEOUT seconds"
		fi
		if [ $((SECONDS - spoken)) -ge 3 ]; then
			spoken=$SECONDS
			echo "$1: $((SECONDS - start)) s," \
				"$(grep -ac 'peer [a-z-]* [0-9]' "$work/serial" || :) figures"
		fi
		if grep -aqE "$over" "$work/serial"; then
			sleep 1
			break
		fi
		sleep 0.5
	done
	stop_emulator
	tr -d '\r' <"$work/serial" >"build/peers-$1.log"
	rm -rf "$work"
	grep -aq 'peer end' "build/peers-$1.log" || {
		tail -n 5 "build/peers-$1.log" >&2
		fail 1 "$1: the machine stopped before the guest's end; see build/peers-$1.log"
	}
}

for side in ${SIDES:-interlock kvm}; do
	measure "$side"
done
awk -v json=build/peers.json -f tests/peers/table.awk build/peers-interlock.log build/peers-kvm.log ||
	fail 1 "a side lacks figures; see build/peers-*.log"
ends 0
