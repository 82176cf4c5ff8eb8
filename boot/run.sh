#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh: `make run`. Sets up, builds, makes the configuration out of the parameters (environment
# variables), boots, shows what the machine says, and ends with the run's exit code. The last line
# on standard output is JSON.
#
# WORK is a directory of this run alone (default build/run.PID): the exit code is left there in the
# file `code`, and then the script itself succeeds, because make would turn any failure into code 2
# (see the Makefile). For the tests: BUILT=1 skips set-up and build, NOCHECK=1 the check of the
# configuration on the host; IMAGE is another image; JSON is where the results go as well. For
# `make bench`: TABLE is an awk program that makes a table out of the results; EXITS=1 counts the outer
# KVM's exits.
# shellcheck disable=SC2317 # traps call functions
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=boot/platform.sh
. boot/platform.sh

leave_code=${WORK:+1}
work=${WORK:-build/run.$$}
json=${JSON:-build/run.json}
log=${json%.json}.log
mkdir -p "$work" "$(dirname "$json")"
work=$(cd "$work" && pwd)
: >"$json.part.$$"
emulator= socat=

# ends CODE: from here nothing is printed any more.
ends() {
	[ ! "$socat" ] || kill "$socat" 2>/dev/null || :
	mv -f "$json.part.$$" "$json"
	if [ -f "$work/serial" ]; then
		cp -f "$work/serial" "$log"
	fi
	if [ -f "$work/outer" ]; then
		cp -f "$work/outer" "${json%.json}.outer"
	fi
	find "$work" -mindepth 1 -delete
	trap - EXIT INT TERM HUP
	mkdir -p "$work"
	if [ "$leave_code" ] && [ ! "${stop-}" ]; then
		echo "$1" >"$work/code"
		exit 0
	fi
	rmdir "$work"
	exit "$1"
}

json_line() { printf '%s\n' "$1" | tee -a "$json.part.$$"; }

# fail RESULT CODE TEXT: the text for people, the JSON for programs.
fail() {
	local text=${3//\\/\\\\}
	echo "make run: $3" >&2
	text=${text//\"/\\\"}
	text=$(printf %s "$text" | tr '\n\t' '  ' | tr -d '\000-\037')
	json_line "{\"result\":\"$1\",\"exit\":$2,\"error\":\"$text\"}"
	ends "$2"
}
wrong() { fail error 2 "$1"; }

interrupted() {
	trap '' INT TERM HUP
	stop=1
	stop_emulator
	fail interrupted 1 "interrupted"
}
# Whatever breaks in here must not look like a run that held.
broken() {
	stop_emulator
	fail error 1 "the runner itself failed (boot/run.sh)"
}
trap interrupted INT TERM HUP
trap broken EXIT

# ---- parameters ----------------------------------------------------------------------------------

# number NAME LOW HIGH UNIT: for the runner's own parameters. The hypervisor's parser sees to the rest.
number() {
	local value=${!1}
	if ! [[ $value =~ ^[0-9]{1,9}$ ]] || ((10#$value < $2 || 10#$value > $3)); then
		wrong "$1=$value: a whole number of $4 is allowed, $2 to $3"
	fi
	printf -v "$1" %d $((10#$value))
}
platform=${PLATFORM:-$(pick_platform)}
nested=
case $platform in
bochs | tcg) ;;
kvm-in-bochs) nested=1 ;;
kvm) reason=$(kvm_usable) || wrong "PLATFORM=kvm: $reason; PLATFORM=bochs needs none of it" ;;
*) wrong "PLATFORM=$platform: allowed is kvm, kvm-in-bochs, bochs or tcg" ;;
esac
TIMEOUT=${TIMEOUT:-$([ "$nested" ] || [ "${GUEST-}" = linux ] && echo 900 || echo 300)}
number TIMEOUT 1 86400 seconds
RAM=${RAM:-512}
# With less, the firmware does not come up; Bochs has no more than 2048.
number RAM 48 $((nested ? 2048 - OUTER_MB : 2048)) "megabytes"
ram=$RAM
if [ "${CPU-}" ]; then
	[ "$platform" != bochs ] || wrong "CPU=$CPU: Bochs is always the same; it is for QEMU"
	[[ $CPU =~ ^[A-Za-z0-9_.,=+-]{1,200}$ ]] ||
		wrong "CPU=$CPU: a value of QEMU's -cpu is allowed, such as host,-vmx-vpid"
fi
short=$(bochs_memory) || wrong "$short"
input=
case ${INPUT:-off} in
off) ;;
on)
	[ ! "$nested" ] || wrong "INPUT=on: not with PLATFORM=kvm-in-bochs"
	input=5
	exec 5<&0
	;;
*) wrong "INPUT=$INPUT: on or off is allowed" ;;
esac

# GUEST=linux is two files of Debian's, which set-up makes.
linux=
if [ "${GUEST-}" = linux ]; then
	linux=1
	GUEST=build/linux/vmlinuz INITRD=${INITRD:-build/linux/initrd.img}
	CMDLINE="console=ttyS0,115200 loglevel=5 panic=-1 mitigations=off audit=0 cryptomgr.notests clearcpuid=erms${CMDLINE:+ $CMDLINE}"
	CPUS=${CPUS:-3} GUEST_MEM=${GUEST_MEM:-192M} MEM=${MEM:-64M}
fi

# Files of this machine that the guest's image needs: pairs of the file and its name on the ESP.
files=()
# esp NAME FILE: puts FILE, which the parameter NAME names, beside the configuration; there it is $placed
esp() {
	local base=${2##*/} dir=${1,,}
	[[ $base =~ ^[A-Za-z0-9._+-]{1,40}$ ]] ||
		wrong "$1=$2: a file name of at most 40 letters, digits, . _ + and - is allowed"
	placed="\\$dir\\$base"
	files+=("$2" "/$dir/$base")
}

# "FILE words, FILE words": the words are for multiboot
initrds() {
	local one file words list=()
	while IFS= read -r -d , one; do
		read -r file words <<<"$one"
		[ "$linux" ] || [ -f "$file" ] || wrong "INITRD=$INITRD: no such file${file:+ as $file}"
		esp INITRD "$file"
		list+=("$placed${words:+ $words}")
	done <<<"$INITRD,"
	configured[INITRD]=$(IFS=, && echo "${list[*]}")
}

given=()
declare -A configured=()
for name in PROTOCOL CPUS MOVES SEED GUEST INITRD CMDLINE BATCH ARG MEM GUEST_MEM MIGRATE APICV LARGE \
	COLLAPSE X2APIC FAULT HOST_APIC ABLATE; do
	value=${!name-}
	[ "$value" ] || continue
	given+=("$name")
	configured[$name]=$value
	case $name in
	GUEST)
		if [ "$linux" ] || [ -f "$value" ]; then
			esp GUEST "$value"
			configured[GUEST]=$placed
			continue
		elif [[ $value = */* ]]; then
			wrong "GUEST=$value: no such file"
		fi
		;;
	INITRD | CMDLINE)
		[[ $value =~ ^[[:print:]]*$ && $value != *\#* ]] ||
			wrong "$name=$value: printable characters are allowed, but no #"
		[ $name = CMDLINE ] || initrds
		continue
		;;
	esac
	[[ $value =~ ^[A-Za-z0-9_.\<\>-]{1,64}$ ]] ||
		wrong "$name=$value: allowed is one word of at most 64 letters, digits, -, _, . and <>"
done
if [ "${CONFIG-}" ] && [ ${#given[@]} -gt 0 ]; then
	wrong "CONFIG=$CONFIG holds all of the configuration: ${given[*]} cannot be given with it"
fi
if [ "${CONFIG-}" ] && [ "$CONFIG" != none ] && ! { [ -f "$CONFIG" ] && [ -r "$CONFIG" ]; }; then
	wrong "CONFIG=$CONFIG: no such file, or not readable (none: an image without one)"
fi

# The lab build is for who names a part to leave out, in the file or here.
image=${IMAGE:-build/interlock.img} lab=()
if [ "${ABLATE-}" ] ||
	{ [ -f "${CONFIG-}" ] && grep -qE '^[[:space:]]*ablate[[:space:]]*=' "$CONFIG"; }; then
	image=${IMAGE:-build/ablate/interlock.img} lab=(INTERLOCK_LAB=1)
fi
cfgcheck=$(dirname "$image")/cfgcheck

# ---- set-up and build ----------------------------------------------------------------------------

# A make of its own, without the caller's flags: the caller's `-n` or `-k` is not meant for it.
build() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES "${MAKE:-make}" -s -j"$(nproc)" "$@"
}

if [ ! "${BUILT-}" ]; then
	boot/setup.sh run "$platform" || wrong "set-up is not complete, see above"
	[ "$platform" != kvm-in-bochs ] || boot/nested/build.sh || wrong "set-up is not complete, see above"
	if [ "$input" ] && [ "$platform" = bochs ]; then
		boot/setup.sh input || wrong "set-up is not complete, see above"
	fi
	[ ! "$linux" ] || { boot/setup.sh linux && boot/linux/build.sh; } || wrong "set-up is not complete, see above"
	if ! { build build/makeexit.so && build "${lab[@]}" "$cfgcheck"; }; then
		wrong "the build failed, see above"
	fi
fi

# ---- the configuration ---------------------------------------------------------------------------

# One line per parameter, so that the line number in the parser's error is the parameter.
cfg=$work/interlock.cfg
if [ "${CONFIG-}" ] && [ "$CONFIG" != none ]; then
	cp "$CONFIG" "$cfg"
else
	for name in "${given[@]}"; do
		echo "${name,,} = ${configured[$name]}"
	done >"$cfg"
fi
if [ "${NOCHECK-}" ]; then
	checked=cpus=2
elif ! checked=$("$cfgcheck" "$cfg" 2>&1); then
	if [[ ${CONFIG-} && $checked =~ ^interlock\.cfg:(.*)$ ]]; then
		wrong "$CONFIG:${BASH_REMATCH[1]}"
	elif [[ $checked =~ ^interlock\.cfg:([0-9]+):\ (.*)$ ]] &&
		[ "${BASH_REMATCH[1]}" -le ${#given[@]} ]; then
		name=${given[BASH_REMATCH[1] - 1]}
		wrong "$name=${!name}: ${BASH_REMATCH[2]}"
	fi
	wrong "$checked"
fi
[[ $checked =~ ^cpus=([0-9]+) ]]
MACHINE_CPUS=${MACHINE_CPUS:-${BASH_REMATCH[1]}}
number MACHINE_CPUS 1 64 CPUs
cpus=$MACHINE_CPUS

if [ ! "${BUILT-}" ]; then
	echo "make run: building"
	build "${lab[@]}" all || wrong "the build failed, see above"
fi

# ---- boot ----------------------------------------------------------------------------------------

# FILES, for a CONFIG that names files: they lie in the ESP's root.
for file in ${FILES-}; do
	files+=("$file" "/${file##*/}")
done
if [ ${#files[@]} -gt 0 ]; then
	boot/image.sh "${image%.img}.efi" "$cfg" "$work/disk.img" "${files[@]}" ||
		wrong "the disk image cannot be made, see above"
else
	cp --sparse=always "$image" "$work/disk.img"
fi
esp=$work/disk.img@@1M
if [ "${CONFIG-}" = none ]; then
	mdel -i "$esp" ::/interlock.cfg
else
	mcopy -o -i "$esp" "$cfg" ::/interlock.cfg
fi
: >"$work/serial"
machine=()
"machine_$platform"
if [ "$input" ] && [ "$platform" = bochs ]; then
	socat "PTY,link=$work/com1,raw,echo=0" "STDIN,ignoreeof!!OPEN:$work/serial,append" <&5 &
	socat=$!
	for ((i = 0; i < 50; i++)); do
		[ ! -e "$work/com1" ] || break
		sleep 0.1
	done
fi
echo "make run: booting on $platform, $cpus CPUs, $ram MB"
"${machine[@]}" </dev/null >"$work/emulator" 2>&1 &
emulator=$!

# Shows the lines of the machine as they come. The firmware writes to the same port, with escape
# sequences: what comes before the hypervisor's first line is not shown. Results (@json) are kept
# for the end.
exec 3<"$work/serial"
# A descriptor nothing ever comes from, to wait on without starting a process five times a second.
exec 4<> <(:)
start=$SECONDS spoken=$SECONDS started='' code='' partial='' results=()

# The firmware's last words: it never comes back from these. The machine would stay up until
# TIMEOUT.
firmware_failed=
last_words() {
	case $1 in
	*'!!!! X64 Exception'*) firmware_failed="the firmware caught an exception: $1" ;;
	*BdsDxe:\ failed\ to\ load*) firmware_failed="the firmware could not load the image: $1" ;;
	*'UEFI Interactive Shell'* | *'No bootable option'*)
		firmware_failed="the firmware found nothing to boot"
		;;
	esac
	firmware_failed=${firmware_failed//[^[:print:]]/}
}

show() {
	local line=${1%$'\r'}
	last_words "$line"
	if [ ! "$started" ]; then
		[[ $line =~ (interlock|Interlock|@json|@end).* ]] || return 0
		line=${BASH_REMATCH[0]}
		started=1
	fi
	case $line in
	'@json '*) results+=("${line#@json }") ;;
	'@end '*) [[ $line =~ ^@end\ ([0-9]+) ]] && code=${BASH_REMATCH[1]} ;;
	*) printf '%s\n' "${line//[^[:print:]]/}" ;;
	esac
	spoken=$SECONDS
}

# Reads what is there. A line may come in pieces.
follow() {
	local piece
	while IFS= read -r piece <&3; do
		show "$partial$piece"
		partial=
	done
	partial+=$piece
}

where() {
	if [ "$started" ]; then
		echo running
	elif [ "$nested" ] && ! grep -q '^outer: starting QEMU' "$work/outer"; then
		echo "outer Linux is starting"
	else
		echo "firmware is starting"
	fi
}

# The outer Linux says itself what it lacks. QEMU's own errors are those of its options.
outer_last_words() {
	local why
	why=$(sed -n '/^outer: error: /{s///;s/\r$//;p;q}' "$work/outer")
	if [ ! "$why" ] && [ ! -s "$work/serial" ]; then
		why=$(sed -n '/^qemu-system-x86_64: /{/: warning: /!{s/\r$//;p;q}}' "$work/outer")
	fi
	[ ! "$why" ] || wrong "PLATFORM=kvm-in-bochs: $why"
	echo "the outer Linux's last words:" >&2
	tail -n 12 "$work/outer" | tr -cd '[:print:]\n' >&2
}

timed_out=
stop=
# Only a mark: bash leaves a handler half-way when the time of the `read -t` that it interrupted is
# up.
trap 'stop=1' INT TERM HUP
while kill -0 "$emulator" 2>/dev/null; do
	[ ! "$stop" ] || interrupted
	follow
	[ ! "$code$firmware_failed" ] || break
	if [ $((SECONDS - start)) -ge "$TIMEOUT" ]; then
		timed_out=1
		break
	fi
	if [ $((SECONDS - spoken)) -ge 3 ]; then
		spoken=$SECONDS
		echo "$(where), $((SECONDS - start)) s"
	fi
	read -r -t 0.2 <&4 || :
done
if [ "$code" ]; then
	# It powers off by itself, or stays halted where there is nothing to power it off with. An
	# outer Linux has KVM's statistics to print.
	for ((i = 0; i < (nested ? 150 : 10); i++)); do
		kill -0 "$emulator" 2>/dev/null || break
		read -r -t 0.2 <&4 || :
	done
fi
stop_emulator
[ ! "$stop" ] || interrupted
trap interrupted INT TERM HUP
follow
[ ! "$partial" ] || show "$partial"

if [ "${TABLE-}" ] && [ ${#results[@]} -gt 0 ]; then
	printf '%s\n' "${results[@]}" | awk -f "$TABLE"
fi
if [ "${EXITS-}" ] && [ ${#results[@]} -gt 0 ]; then
	table=$(boot/nested/exits.sh "$work/outer" build/interlock.elf)
	sed '$d' <<<"$table"
	results=("${table##*$'\n'}" "${results[@]}")
fi
for line in "${results[@]}"; do
	json_line "$line"
done
if [ "$code" ]; then
	[ ${#results[@]} -gt 0 ] || fail error 1 "the machine ended with $code and without a result"
	ends "$code"
elif [ "$timed_out" ]; then
	[ ! "$nested" ] || [ "$started" ] || outer_last_words
	fail timeout 124 "not finished after TIMEOUT=$TIMEOUT seconds"
fi
if [ "$firmware_failed" ]; then
	[ "$ram" -ge 64 ] || firmware_failed+=" (RAM=$ram MB may be too little for it)"
	fail error 1 "$firmware_failed"
fi
if [ "$nested" ]; then
	outer_last_words
fi
why=$({ grep -h PANIC "$work/bochs.log" 2>/dev/null || :; } | tail -n 1)
[ "$why" ] || why=$(tail -n 1 "$work/emulator")
fail error 1 "the machine stopped before its result${started:+, after its start}; $platform: $why"
