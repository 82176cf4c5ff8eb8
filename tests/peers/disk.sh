#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# disk.sh VMM GUEST IMAGE: makes the disk from which Bochs boots the Linux whose KVM is measured: that
# of PLATFORM=kvm-in-bochs (boot/nested/), with VMM and GUEST, swap and tests/peers/init in the place
# of QEMU.
set -euo pipefail
vmm=$1 guest=$2 image=$3
outer=build/nested/outer.img
export LC_ALL=C TZ=UTC MTOOLS_SKIP_CHECK=1

fail() {
	echo "bench-peers: $*" >&2
	exit 2
}

work=$(mktemp -d "$image.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir "$root"
mcopy -i "$outer" ::/linux ::/initrd.img "$work"
(cd "$root" && cpio --quiet -idm bin 'bin/*' dev proc sys <"$work/initrd.img")

# KVM's modules as they are in the package: what the other RAM disk leaves out of them has its price.
for package in build/nested/packages/linux-image-*.deb; do
	rm -rf "$work/package"
	mkdir "$work/package"
	dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work/package" ./boot ./lib
	cmp -s "$work"/package/boot/vmlinuz-* "$work/linux" && break
	rm -rf "$work/package"
done
[ -d "$work/package" ] || fail "no package in build/nested/packages has the kernel of $outer"
for module in lz4_compress lz4 zsmalloc zram irqbypass kvm kvm-intel; do
	file=$(find "$work/package/lib/modules" -name "$module.ko")
	[ "$file" ] || fail "the kernel's package has no module $module"
	cp "$file" "$root/"
	echo "/$module.ko" >>"$root/modules"
done

for applet in cat dmesg echo grep insmod mkswap mount poweroff sh sleep swapon tail uname; do
	ln -sf busybox "$root/bin/$applet"
done
install -m 755 tests/peers/init "$root/init"
install -m 755 "$vmm" "$root/kvm"
cp "$guest" "$root/peer.bin"
find "$root" -exec touch -h -d @1577836800 {} +
(cd "$root" && find . -print0 | sort -z | cpio --quiet -0 -o -H newc --reproducible -R 0:0) \
	>"$work/initrd.img"

# idle=halt: the emulated MWAIT does not wake when another CPU writes to what it waits for. The rest
# makes the start quicker, and KVM, too: no mitigations.
parameters="console=ttyS0,115200 quiet loglevel=3 panic=1 idle=halt mitigations=off tsc=reliable"
parameters+=" nokaslr no_timer_check lpj=200000 audit=0 cryptomgr.notests"
cat >"$work/syslinux.cfg" <<END
DEFAULT linux
LABEL linux
LINUX linux
INITRD initrd.img
APPEND $parameters
END
touch -d @1577836800 "$work"/{initrd.img,syslinux.cfg}
cp --sparse=always "$outer" "$work/disk"
mcopy -o -m -i "$work/disk" "$work/initrd.img" "$work/syslinux.cfg" ::
mv "$work/disk" "$image"
