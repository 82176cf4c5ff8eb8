#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# setup.sh [--check] build|run|check|check-nested|bench|explore|spin|fuzz|input|linux [PLATFORM]: installs
# what TARGET needs and this machine lacks, from Debian. --check installs nothing and names what is missing.
# Ends with 2 when something stays missing. `setup.sh lists` reads Debian's package lists anew, no more.
#
# It looks for the files, not for the packages: tools that came another way are as good.
set -euo pipefail

check=
if [ "${1-}" = --check ]; then
	check=1
	shift
fi
target=${1-run} platform=${2-}
PATH=$PATH:/usr/sbin:/sbin

# needs PACKAGE PATH|COMMAND
packages=()
needs() {
	case $2 in
	/*) [ -e "$2" ] || packages+=("$1") ;;
	*) command -v "$2" >/dev/null || packages+=("$1") ;;
	esac
}

needs gcc gcc
needs libc6-dev /usr/include/stdio.h
needs binutils objcopy
case $target in
explore | spin) ;;
*)
	needs nasm nasm
	needs acpica-tools iasl
	needs gnu-efi /usr/lib/crt0-efi-x86_64.o
	needs liblz4-dev /usr/include/lz4.h
	needs fdisk sfdisk
	needs mtools mcopy
	;;
esac
case $target in
run | check | check-nested | bench)
	case $target in
	check) platform="bochs tcg" ;;
	check-nested) platform=kvm-in-bochs ;;
	esac
	for p in $platform; do
		case $p in
		kvm | tcg) needs qemu-system-x86 qemu-system-x86_64 ;;
		*)
			if [ "$p" = kvm-in-bochs ]; then
				needs cpio cpio
				needs squashfs-tools mksquashfs
			fi
			# Bochs comes with a display package of some kind: see machine_bochs.
			needs bochs bochs
			compgen -G '/usr/lib*/*/bochs/plugins/libbx_term_gui.so' >/dev/null ||
				compgen -G '/usr/*/lib*/bochs/plugins/libbx_term_gui.so' >/dev/null ||
				packages+=(bochs-term)
			needs bsdutils script
			needs vgabios /usr/share/bochs/VGABIOS-lgpl-latest
			;;
		esac
	done
	needs ovmf /usr/share/ovmf/OVMF.fd
	;;
esac
case $target in
check | check-nested) needs perl prove ;;
esac
if [ "$target" = check ]; then
	needs libcmocka-dev /usr/include/cmocka.h
	needs libcapstone-dev /usr/include/capstone/capstone.h
	needs jq jq
fi
case $target in
check | spin) needs spin spin ;;
esac
case $target in
check | linux) needs cpio cpio ;;
input) needs socat socat ;;
esac
if [ "$target" = fuzz ]; then
	needs libcmocka-dev /usr/include/cmocka.h
	needs clang clang
	compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a' >/dev/null ||
		packages+=(libclang-rt-14-dev)
fi

[ ${#packages[@]} -gt 0 ] || [ "$target" = lists ] || exit 0
mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)

if [ "$check" ]; then
	echo "Missing: ${packages[*]}" >&2
	echo "\`make setup\` or \`make run\` installs that on Debian; by hand:" >&2
	echo "  apt-get install --no-install-recommends ${packages[*]}" >&2
	exit 2
fi

if ! command -v apt-get >/dev/null; then
	echo "This is not Debian (there is no apt-get), so nothing was installed." >&2
	echo "Needed, by their Debian names: ${packages[*]}" >&2
	exit 2
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
	if ! sudo -n true 2>/dev/null; then
		echo "Missing: ${packages[*]}" >&2
		echo "Neither root nor sudo without a password, so please run:" >&2
		echo "  sudo apt-get update && sudo apt-get install --no-install-recommends" \
			"${packages[*]}" >&2
		exit 2
	fi
	as_root=(sudo -n)
fi

mkdir -p build
log=build/setup.log
: >"$log"

# shellcheck source=boot/progress.sh
. "$(dirname "$0")/progress.sh"
apt() {
	local what=$1
	shift
	logged "$what" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q "$@"
}
update() { apt "reading Debian's package lists" update; }
install() { apt "installing" install -y --no-install-recommends "${packages[@]}"; }

if [ "$target" = lists ]; then
	update
	exit
fi

echo "setup: installing from Debian: ${packages[*]}"
# Old lists can name versions that the archive no longer has: then once more with new lists.
if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
	update || :
	install && exit 0
elif install; then
	exit 0
elif update && install; then
	exit 0
fi
echo "apt-get failed; its last lines (all of it is in $log):" >&2
tail -n 5 "$log" >&2
echo "By hand: apt-get update && apt-get install --no-install-recommends ${packages[*]}" >&2
exit 2
