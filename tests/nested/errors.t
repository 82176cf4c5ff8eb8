#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The outer Linux: what it lacks is said in one line, and the same packages give the same bytes.
# shellcheck disable=SC2034
platform=kvm-in-bochs
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"

# refused PARAMETER REGEX: exit code 2, and no boot.
refused() {
	boot "$1"
	is "$1 ends with 2" "$code" 2
	says "$stderr" "$2"
	ok "and nothing was booted" sh -c "! grep -q booting '$stdout'"
}
refused 'CPU=host;reboot' 'CPU=host;reboot: .*-cpu'
refused RAM=2000 'RAM=2000: .*48 to 1792'
echo "MemAvailable: 300000 kB" >"$dir/meminfo"
refused MEMINFO="$dir/meminfo" 'kvm-in-bochs needs 868 MB of memory, 292 MB are available: .*RAM='
boot PLATFORM=bochs MEMINFO="$dir/meminfo"
is "Bochs alone needs memory, too" "$code" 2
says "$stderr" 'PLATFORM=bochs needs 612 MB'
boot PLATFORM=bochs CPU=host
is "CPU= is for QEMU" "$code" 2
says "$stderr" 'CPU=host: .*QEMU'

# What only the machine can say. The lines come from the outer Linux.
boot OUTER=nested=0
exits 2
says "$stderr" 'KVM does not pass VT-x on \(kvm_intel.s parameter nested is off\)'
boot CPU=nonsense
exits 2
says "$stderr" "kvm-in-bochs: qemu-system-x86_64: .*'nonsense'"
boot CPU=host,-vmx
exits 2
says "$stdout" 'VT-x'
json_last

# ---- the packages --------------------------------------------------------------------------------

# built NAME=VALUE...: build.sh into a directory of this test.
built() {
	env "$@" boot/nested/build.sh "$dir/out" >"$stdout" 2>"$stderr" </dev/null
	code=$?
	[ $code = 0 ] || sed 's/^/# /' "$stderr"
}

# Without its libraries QEMU's package is of no use. No archive answers at port 1.
cp -rl build/nested/packages "$dir/packages"
rm "$dir"/packages/libslirp0_*
cat >"$dir/apt.conf" <<'END'
Acquire::http::Proxy "http://127.0.0.1:1";
Acquire::https::Proxy "http://127.0.0.1:1";
Acquire::Retries "0";
END
built PACKAGES="$dir/packages" APT_CONFIG="$dir/apt.conf"
is "a package that cannot be downloaded ends with 2" "$code" 2
says "$stderr" '^kvm-in-bochs: cannot be downloaded: libslirp0; apt-get says: .*127\.0\.0\.1'

# Kernels that are not what they should be. modules RELEASE NAME...: stand-ins, as kvm-intel.
kernel() {
	local tree=$dir/from vermagic=$1 release=$2
	rm -rf "$tree"
	mkdir -p "$tree/boot" "$tree/lib/modules/$release/kernel"
	: >"$tree/boot/vmlinuz-6.1.0-1-cloud-amd64"
	: >"$tree/lib/modules/$release/modules.builtin"
	[ "$vermagic" ] || return 0
	printf 'vermagic=%s SMP\0depends=\0' "$vermagic" >"$dir/modinfo"
	echo | gcc -xc -c - -o "$dir/empty.o"
	objcopy --add-section .modinfo="$dir/modinfo" --set-section-flags .modinfo=alloc "$dir/empty.o" \
		"$tree/lib/modules/$release/kernel/kvm-intel.ko"
}
kernel '' 6.1.0-2-cloud-amd64
built FROM="$dir/from"
is "modules of another kernel end with 2" "$code" 2
says "$stderr" 'the kernel is 6\.1\.0-1-cloud-amd64, its modules are of 6\.1\.0-2-cloud-amd64'
kernel '' 6.1.0-1-cloud-amd64
built FROM="$dir/from"
is "a kernel without kvm-intel ends with 2" "$code" 2
says "$stderr" 'kernel 6\.1\.0-1-cloud-amd64 has no module kvm-intel'
kernel 6.1.0-2-cloud-amd64 6.1.0-1-cloud-amd64
built FROM="$dir/from"
is "a module of another kernel ends with 2" "$code" 2
says "$stderr" 'module kvm-intel is for kernel 6\.1\.0-2-cloud-amd64, the kernel is 6\.1\.0-1-cloud'

# What `make check-nested` built is in build/nested; this one starts from nothing but the packages.
rm -rf "$dir/out"
built
is "it builds from empty" "$code" 0
for image in outer qemu; do
	ok "$image.img has the same bytes again" cmp "build/nested/$image.img" "$dir/out/$image.img"
done
built
ok "and is not built again" sh -c "! grep -q building '$stdout'"
plan
