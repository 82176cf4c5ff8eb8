#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Wrong input: what costs no boot, and what only the machine can say.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

# refused PARAMETER REGEX: exit code 2, the words on standard error, JSON, and no boot.
refused() {
	boot "$1"
	is "$1 ends with 2" "$code" 2
	says "$stderr" "$2"
	is "its JSON says so" "$(field -1 result) $(field -1 exit)" "error 2"
	ok "and nothing was booted" sh -c "! grep -q booting '$stdout'"
}
refused PROTOCOL=nonsense 'PROTOCOL=nonsense: .*ordered.*start-notifier.*range-notifier.*gated'
refused CPUS=1 'CPUS=1: .*2.*8'
refused CPUS=99 'CPUS=99: .*2.*8'
refused CPUS=two 'CPUS=two: '
refused MOVES=0 'MOVES=0: '
refused SEED=18446744073709551616 'SEED=18446744073709551616: '
refused GUEST=nobody 'GUEST=nobody: .*patrol'
refused BATCH=513 'BATCH=513: .*512'
refused MEM=5000 'MEM=5000: .*multiple of 4K.*64G'
refused MEM=16T 'MEM=16T: .*K, M or G'
refused GUEST_MEM=3M 'GUEST_MEM=3M: .*multiple of 2M, 4M\.\.1G'
refused MIGRATE=often 'MIGRATE=often: .*number'
refused COLLAPSE=2 'COLLAPSE=2: .*off, on'
refused FAULT=rain 'FAULT=rain: .*storm'
refused 'MOVES=1;halt' 'MOVES=1;halt: .*letters'
refused TIMEOUT=0 'TIMEOUT=0: .*seconds'
refused INITRD=/nonexistent 'INITRD=/nonexistent: no such file'
refused INITRD=Makefile, 'INITRD=Makefile,: no such file'
refused 'INITRD=Makefile words, README.mdx' 'no such file as README.mdx'
refused INITRD=Makefile,Makefile,Makefile,Makefile,Makefile 'initrd is too long; allowed: 4 files'
refused PLATFORM=vax 'PLATFORM=vax: .*kvm.*bochs.*tcg'
if ! grep -qw vmx /proc/cpuinfo; then
	refused PLATFORM=kvm 'PLATFORM=kvm: this CPU has no VT-x'
fi
refused RAM=9 'RAM=9: .*megabytes'
refused CONFIG=/nonexistent 'CONFIG=/nonexistent: no such file'

printf 'cpus = 2\n\n# fine\nmoves = many\n' >"$dir/bad.cfg"
refused CONFIG="$dir/bad.cfg" 'bad\.cfg:4: '
printf '[run]\ncpus = 5\n[with]\ncpus = 5\n' >"$dir/bad.cfg"
refused CONFIG="$dir/bad.cfg" 'bad\.cfg:3: .*9 CPUs; allowed: 8'
printf '[with]\n' >"$dir/bad.cfg"
refused CONFIG="$dir/bad.cfg" 'bad\.cfg:1: .*behind a \[run\]'
boot CONFIG="$dir/bad.cfg" CPUS=2
is "CONFIG and CPUS together end with 2" "$code" 2
says "$stderr" 'CPUS cannot be given with it'

# make's own exit code, and nothing after the JSON.
make -s run BUILT=1 PROTOCOL=nonsense >"$stdout" 2>"$stderr"
is "make run passes the exit code on" "$?" 2
ok "the last line of make run is JSON" grep -q '^{.*}$' <(tail -n 1 "$stdout")
ok "make adds no error of its own" sh -c "! grep -q 'Error 2' '$stdout' '$stderr'"

# The same mistakes where only the hypervisor can see them: a stick that was edited by hand.
boot PLATFORM=tcg
exits 2
says "$stdout" 'VT-x'
is "the JSON says so" "$(field -1 result) $(field -1 exit)" "error 2"
json_last

# NOCHECK skips the check on the host.
boot_config NOCHECK=1 <<'END'
cpus = 2
moves = 10
protocol = nonsense
END
exits 2
says "$stdout" 'interlock\.cfg:3: .*ordered'
is "the JSON says so" "$(field -1 result) $(field -1 exit)" "error 2"

boot_config MACHINE_CPUS=2 <<'END'
cpus = 4
moves = 10
END
exits 2
says "$stdout" '4'

boot CONFIG=none RAM=64
says "$stdout" '[Dd]efault'
ok "without a configuration and with 64 MB it ends by itself" test "$code" = 0 -o "$code" = 2
is "the JSON agrees" "$(field -1 exit)" "$code"
plan
