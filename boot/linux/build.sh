#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh [DIR]: makes the guest of GUEST=linux in DIR (build/linux): vmlinuz, Debian's cloud kernel as
# its package has it, and initrd.img, busybox with boot/linux/init and words.c. The packages are downloaded into
# build/linux/packages and unpacked, not installed; the same packages give the same bytes, and as long
# as they are the same, nothing is built again.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${1:-build/linux}
packages=build/nested/packages # one place for both: the kernel is the same
mkdir -p "$dir" "$packages"
dir=$(realpath "$dir")
packages=$(realpath "$packages")
log=$dir/build.log
: >"$log"
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1577836800
# shellcheck source=boot/progress.sh
. boot/progress.sh
# shellcheck source=boot/packages.sh
. boot/packages.sh

fail() {
	echo "GUEST=linux: $*" >&2
	exit 2
}

names() { kernel_package && echo busybox-static; }

packages_list names "the guest"
stamp=$(cat - boot/packages.sh boot/linux/{build.sh,init,words.c} <<<"$(cut -d ' ' -f 2- <<<"$wanted")" | sha256sum)
if [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
rm -f "$dir/stamp"
packages_fetch names "the guest"

work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
for file in "${files[@]}"; do
	dpkg-deb --fsys-tarfile "$packages/$file" | tar -x -C "$work" --wildcards './boot/vmlinuz-*' 2>>"$log" ||
		dpkg-deb --fsys-tarfile "$packages/$file" | tar -x -C "$work" ./bin/busybox
done
root=$work/initrd
mkdir -p "$root"/{bin,dev,proc,sys,tmp}
mv "$work/bin/busybox" "$root/bin/"
install -m 755 boot/linux/init "$root/init"
gcc -O2 -Wall -Wextra -Werror -static -s -Wl,--build-id=none boot/linux/words.c -o "$root/bin/words"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$root" && find . -print0 | sort -z |
	cpio --quiet -0 -o -H newc --reproducible -R 0:0) | gzip -n9 >"$work/initrd.img"
mv "$work"/boot/vmlinuz-* "$dir/vmlinuz"
mv "$work/initrd.img" "$dir/"
echo "$stamp" >"$dir/stamp"
