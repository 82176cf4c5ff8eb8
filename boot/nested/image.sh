#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# image.sh WORK FROM [PACKAGE...]: makes WORK/outer.img and WORK/qemu.img (see build.sh) out of the
# packages, which it unpacks into FROM. Its last line says what went wrong.
set -euo pipefail
work=$1 from=$2
shift 2
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1577836800 MTOOLS_SKIP_CHECK=1

fail() {
	echo "kvm-in-bochs: $*"
	exit 2
}

# The same input gives the same bytes.
dated() { find "$@" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

# ---- the initial RAM disk ------------------------------------------------------------------------

modinfo() { objcopy -O binary -j .modinfo "$1" /dev/stdout | tr '\0' '\n' | sed -n "s/^$2=//p"; }

# module NAME: into the RAM disk, behind those that it needs. /modules has them in that order. Left
# out is what only debugging uses and loading spends 2 s on: the unwinder's table, which is sorted,
# and the list of traced calls.
declare -A have
module() {
	local name=${1//-/_} file needs need of
	[ ! "${have[$name]-}" ] || return 0
	have[$name]=1
	file=$(find "$modules" -name "${name//_/[-_]}.ko" -print -quit)
	if [ ! "$file" ]; then
		! grep -q "/${name//_/[-_]}\.ko$" "$modules/modules.builtin" || return 0
		fail "Debian's kernel $version has no module $1"
	fi
	of=$(modinfo "$file" vermagic)
	[ "${of%% *}" = "$version" ] || fail "module $1 is for kernel ${of%% *}, the kernel is $version"
	needs=$(modinfo "$file" depends)
	for need in ${needs//,/ }; do
		module "$need"
	done
	objcopy --strip-debug -R .orc_unwind -R .orc_unwind_ip -R __mcount_loc "$file" \
		"$work/initrd/${file##*/}"
	echo "/${file##*/}" >>"$work/initrd/modules"
}

build_initrd() {
	local applet name
	version=$(basename "$(find "$from/boot" -name 'vmlinuz-*' -print -quit)")
	version=${version#vmlinuz-}
	[ "$version" ] || fail "the kernel's package has no /boot/vmlinuz-*"
	modules=$from/lib/modules/$version
	[ -d "$modules" ] ||
		fail "the kernel is $version, its modules are of" \
			"$(basename -a "$from"/lib/modules/*)"
	mkdir -p "$work/initrd"/{bin,dev,proc,sys,tmp,qemu}
	for name in kvm-intel ata_piix sd_mod squashfs; do
		module $name
	done
	install -m 755 "$from/bin/busybox" "$work/initrd/bin/busybox"
	for applet in cat dmesg grep insmod mount poweroff sh sleep stty tail; do
		ln -s busybox "$work/initrd/bin/$applet"
	done
	for name in lib lib64 usr; do
		ln -s "/qemu/$name" "$work/initrd/$name"
	done
	install -m 755 boot/nested/init "$work/initrd/init"
	dated "$work/initrd"
	(cd "$work/initrd" && find . -print0 | sort -z |
		cpio --quiet -0 -o -H newc --reproducible -R 0:0) >"$work/initrd.img"
}

# ---- QEMU ----------------------------------------------------------------------------------------

# libraries FILE: what FILE names as NEEDED, with what that needs, all in one place.
libraries() {
	local name file
	while read -r _ name; do
		[ ! -e "$libraries/$name" ] || continue
		file=$(find "$from/lib" "$from/usr/lib" -name "$name" -print -quit)
		[ "$file" ] || fail "no package has the library $name, which ${1##*/} needs"
		cp -L "$file" "$libraries/$name"
		libraries "$file"
	done < <(objdump -p "$1" | grep NEEDED)
}

build_qemu() {
	local root=$work/qemu
	libraries=$root/lib/x86_64-linux-gnu
	mkdir -p "$root"/{lib64,usr/bin,usr/share/ovmf,usr/share/qemu} "$libraries"
	cp "$from/usr/bin/qemu-system-x86_64" "$root/usr/bin/"
	gcc -O2 -Wall -Wextra -Werror -shared -fPIC -Wl,--build-id=none boot/nested/shim.c \
		-o "$libraries/shim.so"
	libraries "$root/usr/bin/qemu-system-x86_64"
	libraries "$libraries/shim.so"
	mv "$libraries/ld-linux-x86-64.so.2" "$root/lib64/"
	cp "$from/usr/share/ovmf/OVMF.fd" "$root/usr/share/ovmf/"
	cp "$from/usr/share/qemu/kvmvapic.bin" "$root/usr/share/qemu/"
	dated "$root"
	mksquashfs "$root" "$work/qemu.img" -noI -noD -noF -noX -no-xattrs -all-root -no-progress
}

# ---- the disk ------------------------------------------------------------------------------------

# platform.sh puts the parameters of a run in the place of this syslinux.cfg.
build_outer() {
	local image=$work/outer.img
	cp "$from/boot/vmlinuz-$version" "$work/linux"
	echo "DEFAULT linux" >"$work/syslinux.cfg"
	dated "$work"/{linux,initrd.img,syslinux.cfg}
	truncate -s 64M "$image"
	mformat -i "$image" -h 16 -s 63 -T 131072 -H 0 -c 8 -N 1E7A10C4 ::
	"$from/usr/bin/syslinux" --install "$image"
	mcopy -m -i "$image" "$work/linux" "$work/initrd.img" "$work/syslinux.cfg" ::
}

mkdir -p "$from"
for package; do
	dpkg-deb --fsys-tarfile "$package" | tar -x -C "$from" --exclude=./usr/share/doc
done
build_initrd
build_qemu
build_outer
