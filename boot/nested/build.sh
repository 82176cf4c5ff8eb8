#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh [DIR]: makes the two disks of the outer Linux for PLATFORM=kvm-in-bochs in DIR
# (build/nested): outer.img, a FAT file system with SYSLINUX, Debian's kernel and an initial RAM disk
# of busybox and modules; and qemu.img, a squashfs with QEMU, its libraries and the firmware, which is
# read when needed: that starts sooner than a RAM disk of 60 MB.
#
# All of it comes from Debian's packages as apt's lists name them now, downloaded into
# build/nested/packages and unpacked, not installed. The same packages and scripts give the same
# bytes, and as long as they are the same, nothing is built again.
#
# For the tests: PACKAGES is another directory of downloaded packages; FROM one of unpacked ones, and
# then nothing is downloaded.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${1:-build/nested}
mkdir -p "$dir" "${PACKAGES:=build/nested/packages}"
dir=$(realpath "$dir")
packages=$(realpath "$PACKAGES")
log=$dir/build.log
: >"$log"
export LC_ALL=C
# shellcheck source=boot/progress.sh
. boot/progress.sh
# shellcheck source=boot/packages.sh
. boot/packages.sh

fail() {
	echo "kvm-in-bochs: $*" >&2
	exit 2
}

# Of what QEMU's package depends on it takes libraries, no more.
names() {
	kernel_package || return 1
	printf '%s\n' busybox-static syslinux ovmf qemu-system-x86 qemu-system-data
	apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
		--no-replaces --no-enhances qemu-system-x86 | grep -xE 'lib[a-z0-9.+-]+|zlib1g'
}

if [ "${FROM-}" ]; then
	wanted=$FROM files=()
else
	packages_list names "the outer Linux"
fi
stamp=$(cat - boot/packages.sh boot/nested/{build.sh,image.sh,init,shim.c} <<<"$(cut -d ' ' -f 2- <<<"$wanted")" |
	sha256sum)
if [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
rm -f "$dir/stamp"

[ "${FROM-}" ] || packages_fetch names "the outer Linux"
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
logged "building the outer Linux" boot/nested/image.sh "$work" "${FROM:-$work/packages}" \
	"${files[@]/#/$packages/}" || {
	tail -n 1 "$log" >&2
	exit 2
}
mv "$work/outer.img" "$work/qemu.img" "$dir/"
echo "$stamp" >"$dir/stamp"
