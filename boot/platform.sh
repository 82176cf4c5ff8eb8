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

# Of the RAM that Bochs gives it, the outer Linux needs this much for itself.
OUTER_MB=256

# Says that Bochs would not get its memory, and fails; or succeeds and says nothing. It takes all of
# it at its start. MEMINFO is for the tests.
bochs_memory() {
	local need=$ram free
	case $platform in
	kvm-in-bochs) need=$((need + OUTER_MB)) ;;
	bochs) ;;
	*) return 0 ;;
	esac
	need=$((need + 100)) # Bochs itself
	free=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' "${MEMINFO:-/proc/meminfo}")
	if [ "$free" -lt $need ]; then
		echo "PLATFORM=$platform needs $need MB of memory, $free MB are available: give RAM= less" \
			"than $ram, or end other programs"
		return 1
	fi
}

# bochs_machine MODEL CPUS MB ROM: a machine that boots $work/disk.img; standard input holds the lines of
# its configuration that differ between platforms.
bochs_machine() {
	# sync=none: emulated time follows the instructions alone, so the same image gives the same
	# run. Info and error events are many and cost time; a triple fault stops the machine
	# instead of starting it again.
	cat >"$work/bochsrc" - <(cat <<END
log: bochs.log
config_interface: textconfig
display_library: term
cpu: model=$1, count=$2, ips=${IPS:-50000000}, reset_on_triple_fault=0
memory: guest=$3, host=$3
romimage: file=$4
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
clock: sync=none, time0=1577836800
boot: disk
panic: action=report
error: action=ignore
info: action=ignore
debug: action=ignore
END
	)
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

# stop_emulator: ends the process $emulator and what it started; nothing if there is none.
stop_emulator() {
	local main
	[ "$emulator" ] || return 0
	main=$(cat "$work/pid" 2>/dev/null || echo "$emulator")
	kill -TERM "$main" 2>/dev/null || :
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		kill -0 "$emulator" 2>/dev/null || break
		sleep 0.1
	done
	if kill -0 "$emulator" 2>/dev/null; then
		kill -KILL "$main" "$emulator" 2>/dev/null || :
	fi
	wait "$emulator" 2>/dev/null || :
	emulator=
}

# machine_bochs [MODEL]
machine_bochs() {
	local com1="mode=file, dev=serial"
	# A terminal that socat makes: its other side is standard input, and the file.
	[ ! "${input-}" ] || com1="mode=term, dev=com1"
	# The variables and the code of the 2-MB firmware, in the order in which they lie below 4
	# GB.
	cat /usr/share/OVMF/OVMF_VARS.fd /usr/share/OVMF/OVMF_CODE.fd >"$work/firmware"
	bochs_machine "${1:-corei7_skylake_x}" "$cpus" "$ram" firmware <<-END
		ata0-master: type=disk, path=disk.img, mode=flat
		com1: enabled=1, $com1
	END
}

# machine_qemu ACCEL CPU DISK SERIAL
machine_qemu() {
	machine=(qemu-system-x86_64 -machine "q35,accel=$1,usb=off,vmport=off,hpet=off" -cpu "$2"
		-smp "$cpus" -m "$ram" -nodefaults -display none -no-reboot -bios /usr/share/ovmf/OVMF.fd
		-drive "file=$3,format=raw,if=none,id=disk" -device ide-hd,drive=disk
		-device isa-debug-exit,iobase=0xf4,iosize=4
		-chardev "file,id=com1,path=$4${input:+,input-path=/dev/fd/$input}" -device isa-serial,chardev=com1)
}

machine_kvm() { machine_qemu kvm "${CPU:-host}" "$work/disk.img" "$work/serial"; }
machine_tcg() { machine_qemu tcg "${CPU:-max}" "$work/disk.img" "$work/serial"; }

# Bochs boots an outer Linux (boot/nested/), whose KVM and QEMU boot the same disk with the same
# command line as machine_kvm. The kernel hands `qemu` and OUTER on to boot/nested/init.
machine_kvm-in-bochs() {
	local parameters
	parameters="console=ttyS0,115200 quiet loglevel=3 panic=1 mitigations=off tsc=reliable nokaslr"
	parameters+=" no_timer_check lpj=200000 audit=0 rcupdate.rcu_expedited=1 cryptomgr.notests"
	parameters+=" initcall_blacklist=crypto_kdf108_init,load_system_certificate_list"
	[ ! "${EXITS-}" ] || parameters+=" hist=1"
	machine_qemu kvm "${CPU:-host}" /dev/sdc /dev/ttyS1
	cat >"$work/syslinux.cfg" <<-END
		DEFAULT linux
		LABEL linux
		LINUX linux
		INITRD initrd.img
		APPEND $parameters ${OUTER-} qemu="${machine[*]}"
	END
	cp --sparse=always build/nested/outer.img "$work/outer.img"
	ln -s "$PWD/build/nested/qemu.img" "$work/qemu.img" # is only read
	mcopy -o -i "$work/outer.img" "$work/syslinux.cfg" ::/syslinux.cfg
	: >"$work/outer"
	bochs_machine corei7_haswell_4770 1 $((ram + OUTER_MB)) \
		/usr/share/bochs/BIOS-bochs-latest,options=fastboot <<-END
		ata0-master: type=disk, path=outer.img, mode=flat, cylinders=0, heads=16, spt=63
		ata0-slave: type=disk, path=qemu.img, mode=flat
		ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
		ata1-master: type=disk, path=disk.img, mode=flat
		com1: enabled=1, mode=file, dev=outer
		com2: enabled=1, mode=file, dev=serial
	END
}
