#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kernels from other people than Linux's, while their memory moves and comes and goes: Xen on two vCPUs, which is
# multiboot, as far as a Linux on it that has done its work, and beside it memtest86+, whose work is to find memory
# that is not what was written.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"
# shellcheck source=boot/progress.sh
. boot/progress.sh
# shellcheck source=boot/packages.sh
. boot/packages.sh

fail() {
	echo "Bail out! $*"
	exit 1
}
# shellcheck disable=SC2034 # boot/packages.sh's
log=$dir/packages.log packages=$(realpath build)/others
mkdir -p "$packages"
: >"$log"
names() {
	apt-cache depends xen-system-amd64 | sed -n 's/^ *Depends: \(xen-hypervisor-.*\)/\1/p' | head -n 1
	echo memtest86+
}
packages_list names "the test"
packages_fetch names "the test" >&2
for file in "${files[@]}"; do
	dpkg-deb --fsys-tarfile "$packages/$file" | tar -x -C "$dir"
done
gunzip -c "$dir"/boot/xen-*-amd64.gz >"$dir/xen"

boot_config RAM=768 TIMEOUT=2400 FILES="$dir/xen build/linux/vmlinuz build/linux/initrd.img $dir/boot/memtest86+x64.bin" <<END
[run]
guest = \\xen
cpus = 3
cmdline = xen console=com1 com1=115200,8n1 dom0_mem=224M dom0_max_vcpus=2
initrd = \\vmlinuz console=hvc0 earlyprintk=xen mitigations=off log=/dev/kmsg printk.devkmsg=on mb=8 rounds=1, \\initrd.img
guest_mem = 384M
mem = 128M
[with]
guest = \\memtest86+x64.bin
cmdline = console=ttyS0,115200
guest_mem = 16M
moves = 20000
END
# Debian's cloud kernel is not made for the first domain: it does not find ACPI, and its power-off ends in
# a Xen that halts.
exits 1
says "$stdout" '^\[guest 1\] .*linux: userspace after .* 2 CPUs'
says "$stdout" '^\[guest 1\] .*linux: round 1 of 1: memory, pipes and timers are right'
says "$stdout" '^\[guest 1\] \(XEN\) Hardware Dom0 halted: halting machine'
says "$stdout" 'guest 1: vCPU 0 halts at e008:ffff'
is "no stale access in either" "$(field 0 stale_reads) $(field 1 stale_reads)" "0 0"
says "$stdout" '^\[guest 2\] .*Testing'
says "$stdout" '^\[guest 2\] .*Errors: 0 '
ok "and no other number" sh -c "! grep -qE '^\[guest 2\] .*Errors: +[1-9]' '$stdout'"
says "$stdout" '^\[guest 1\] .*linux: done after'
for r in 0 1; do
	at_least "$(field $r guest): pages that moved" "$(field $r pages_moved)" 100000
	case $(field $r guest) in *xen) at_least "and that went and came back" "$(field $r refaults)" 1000 ;; esac
done
plan
