# shellcheck shell=bash disable=SC2154,SC2034,SC2054 # run.sh's variables; QEMU's commas
# SPDX-License-Identifier: GPL-2.0-or-later
# The platforms. run.sh sources this file. Each machine_NAME function sets `machine`, the command
# line of an emulator that boots $work/disk.img with $cpus CPUs and $ram MB and appends what the
# machine writes to COM1 to $work/serial.

# Says why Interlock cannot run under KVM here, and fails; or succeeds and says nothing. A /dev/kvm alone
# proves nothing: the CPU must have VMX, and KVM pass it on.
kvm_usable() {
	local nested
	if ! grep -qw vmx /proc/cpuinfo; then
		echo "this CPU has no VT-x (no vmx in /proc/cpuinfo)"
		return 1
	fi
	nested=$(cat /sys/module/kvm_intel/parameters/nested 2>/dev/null || :)
	if ! [[ $nested = [Y1] ]]; then
		echo "KVM does not pass VT-x on: load kvm_intel with nested=1"
		return 1
	fi
	if ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
		echo "/dev/kvm cannot be opened: is this user in the group kvm?"
		return 1
	fi
}

pick_platform() {
	if kvm_usable >/dev/null; then
		echo kvm
	else
		echo bochs
	fi
}

machine_bochs() {
	# The variables and the code of the 2-MB firmware, in the order in which they lie below 4
	# GB.
	cat /usr/share/OVMF/OVMF_VARS.fd /usr/share/OVMF/OVMF_CODE.fd >"$work/firmware"
	# sync=none: emulated time follows the instructions alone, so the same image gives the same
	# run. Info and error events are many and cost time; a triple fault stops the machine
	# instead of starting it again.
	cat >"$work/bochsrc" <<END
log: bochs.log
config_interface: textconfig
display_library: term
cpu: model=corei7_skylake_x, count=$cpus, ips=50000000, reset_on_triple_fault=0
memory: guest=$ram, host=$ram
romimage: file=firmware
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
clock: sync=none
ata0-master: type=disk, path=disk.img, mode=flat
boot: disk
com1: enabled=1, mode=file, dev=serial
panic: action=report
error: action=ignore
info: action=ignore
debug: action=ignore
END
	# Debian's build has the debugger in it, which waits for a command: continue.
	echo c >"$work/debugger"
	rm -f "$work"/*.lock
	# Bochs wants a display. Debian has none that shows nothing; rfb would listen on the network; term
	# is content with a terminal that nobody looks at, which script makes. The process to stop is not
	# script but its child, which leaves its number in a file.
	cat >"$work/start" <<-'END'
		echo $$ >pid
		TERM=vt100 exec bochs -q -f bochsrc -rc debugger
	END
	machine=(script -qfec "cd ${work@Q} && exec sh start" /dev/null)
}

machine_qemu() {
	machine=(qemu-system-x86_64 -machine "q35,accel=$1" -cpu "$2" -smp "$cpus" -m "$ram"
		-nodefaults -display none -no-reboot -bios /usr/share/ovmf/OVMF.fd
		-drive "file=$work/disk.img,format=raw,if=none,id=disk" -device ide-hd,drive=disk
		-device isa-debug-exit,iobase=0xf4,iosize=4
		-chardev "file,id=com1,path=$work/serial" -device isa-serial,chardev=com1)
}

machine_kvm() { machine_qemu kvm host; }
machine_tcg() { machine_qemu tcg max; }
