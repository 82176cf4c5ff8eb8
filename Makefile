# SPDX-License-Identifier: GPL-2.0-or-later
# `make help` lists the targets and the parameters.

# Sub-directory messages would come after a run's last line, which is JSON.
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDEXPANSION:

CC := gcc
LD := ld
OBJCOPY := objcopy
NASM := nasm
B := build

# Verbose with V=1.
Q := $(if $(V),,@)
short_flags := $(filter-out --%,$(firstword -$(MAKEFLAGS)))
say = $(if $(V)$(findstring s,$(short_flags)),,@printf '  %-7s %s\n' $(1) $(2))

# ---- flags ---------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Werror
# For code with nothing under it.
BARE := -std=gnu11 -O2 -g -ffreestanding -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	-fno-strict-aliasing -fno-asynchronous-unwind-tables -fcf-protection=none $(WARN) -I.
CFLAGS := $(BARE) -fno-omit-frame-pointer -fpic -fvisibility=hidden -fshort-wchar \
	-I/usr/include/efi -I/usr/include/efi/x86_64 -DGNU_EFI_USE_MS_ABI
# The guests keep the frame pointer off and the code position-dependent: they are linked at 0x8000.
GUEST_CFLAGS := $(BARE) -fno-pic -fno-pie -mcmodel=small
HOST_CFLAGS := -std=gnu11 -O1 -g $(WARN) -I.
SAN_CFLAGS := $(HOST_CFLAGS) -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
TSAN_CFLAGS := $(HOST_CFLAGS) -fno-omit-frame-pointer -fsanitize=thread -pthread
DEPS = -MMD -MP -MF $(@:.o=.d)
# -Bsymbolic and the check of the relocations in the link rule: the image binds to nothing but
# itself.
LDFLAGS := -nostdlib -shared -Bsymbolic -z noexecstack -z nocombreloc --build-id=none \
	--no-undefined --no-warn-rwx-segments -T boot/interlock.lds
CRT0 := /usr/lib/crt0-efi-x86_64.o

# ---- the hypervisor ------------------------------------------------------------------------------

HOST_ONLY := boot/makeexit.c boot/cfgcheck.c
C_FILES := $(filter-out $(HOST_ONLY),$(wildcard boot/*.c vmx/*.c ept/*.c apic/*.c mm/*.c))
ASM_FILES := $(wildcard boot/*.asm vmx/*.asm)
# Two files of a room may differ in the ending only (entry.c, entry.asm).
OBJS := $(C_FILES:%.c=$(B)/%.o) $(ASM_FILES:%.asm=$(B)/%.asm.o)
GUESTS := $(shell sed -n 's/^\#define GUEST_NAMES //p' boot/guests.h | tr -d '",')
GUEST_BINS := $(GUESTS:%=$(B)/guests/%.bin)

.PHONY: all
all: $(B)/interlock.efi $(B)/interlock.img

$(B)/%.o: %.c | tools
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS) $(DEPS) -c $< -o $@

$(B)/%.asm.o: %.asm | tools
	@mkdir -p $(@D)
	$(call say,NASM,$<)
	$(Q)$(NASM) -f elf64 -g -F dwarf -Werror -I $(B)/guests/ -I ./ -MD $(@:.o=.d) -MP -o $@ $<

$(B)/boot/guests.asm.o: $(GUEST_BINS)

# Backtraces name functions. The table of names comes out of a first link with an empty table; it
# lies after all text, so the second link leaves every function where it was, and the rule proves
# it.
$(B)/symbols.none.asm: boot/symbols.awk
	@mkdir -p $(@D)
	$(Q)awk -f $< </dev/null >$@

$(B)/symbols.asm: $(B)/interlock.pass1 boot/symbols.awk
	$(call say,SYMBOLS,$@)
	$(Q)nm -n $< | awk -f boot/symbols.awk >$@

$(B)/symbols.o $(B)/symbols.none.o: %.o: %.asm
	$(Q)$(NASM) -f elf64 -o $@ $<

# Of liblz4 the image takes the one file with the block format. It was not compiled with our flags,
# so what mm/lz4.c rests on is looked up: the registers that it uses, the functions that it needs.
LZ4 := $(B)/liblz4/lz4.o
LZ4_REGISTERS := %([yz]mm|mm[0-7]|st|k[0-7]|cr|dr)|[[:space:]]v[a-z0-9]+ +.*%xmm|(ldmxcsr|f?xrstor)
LZ4_NEEDS := __stack_chk_fail|calloc|free|memcpy|memmove|memset

$(LZ4): | tools
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)cd $(@D) && ar x "$$($(CC) -print-file-name=liblz4.a)" $(@F)
	$(Q)! objdump -d --no-show-raw-insn $@ | grep -E '$(LZ4_REGISTERS)' || \
		{ echo "$@: uses registers that mm/lz4.c does not put back" >&2; exit 1; }
	$(Q)! nm -u $@ | grep -vwE '$(LZ4_NEEDS)' || \
		{ echo "$@: needs functions that boot/libc.c does not have" >&2; exit 1; }

$(B)/interlock.pass1: $(OBJS) $(LZ4) $(B)/symbols.none.o boot/interlock.lds
	$(call say,LINK,$@)
	$(Q)$(LD) $(LDFLAGS) $(CRT0) $(OBJS) $(LZ4) $(B)/symbols.none.o -L/usr/lib -lgnuefi -o $@

$(B)/interlock.elf: $(B)/interlock.pass1 $(B)/symbols.o
	$(call say,LINK,$@)
	$(Q)$(LD) $(LDFLAGS) $(CRT0) $(OBJS) $(LZ4) $(B)/symbols.o -L/usr/lib -lgnuefi -o $@
	$(Q)nm -n $@ | awk -f boot/symbols.awk | cmp -s - $(B)/symbols.asm || \
		{ echo "$@: functions moved between the two links: backtraces would lie" >&2; \
		  exit 1; }
	$(Q)! readelf -rW $@ | grep R_X86_64_ | grep -v R_X86_64_RELATIVE || \
		{ echo "$@: relocations that gnu-efi's _relocate() does not know" >&2; exit 1; }

$(B)/interlock.efi: $(B)/interlock.elf
	$(call say,EFI,$@)
	$(Q)$(OBJCOPY) -j .text -j .rodata -j .data -j .dynamic -j .rela -j .reloc --strip-all \
		--target efi-app-x86_64 --subsystem=10 $< $@

$(B)/interlock.img: $(B)/interlock.efi boot/interlock.cfg boot/image.sh
	$(call say,IMAGE,$@)
	$(Q)boot/image.sh $(B)/interlock.efi boot/interlock.cfg $@

# ---- the guests ----------------------------------------------------------------------------------

# Each guest is start.asm (entered at its first byte), its own file, and what it uses of the files
# that are no guest.
GUEST_C := $(filter-out $(GUESTS:%=tests/guests/%.c),$(wildcard tests/guests/*.c))
GUEST_ASM := $(filter-out tests/guests/start.asm,$(wildcard tests/guests/*.asm))
GUEST_SHARED := $(GUEST_C:tests/guests/%.c=$(B)/guests/%.o) \
	$(GUEST_ASM:tests/guests/%.asm=$(B)/guests/%.asm.o)

$(B)/guests/%.o: tests/guests/%.c | tools
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(GUEST_CFLAGS) -DGUEST_CODE $(DEPS) -c $< -o $@

$(B)/guests/%.asm.o: tests/guests/%.asm | tools
	@mkdir -p $(@D)
	$(call say,NASM,$<)
	$(Q)$(NASM) -f elf64 -Werror -I tests/guests/ -I ./ -MD $(@:.o=.d) -MP -o $@ $<

$(B)/guests/shared.a: $(GUEST_SHARED)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(B)/guests/%.elf: $(B)/guests/start.asm.o $(B)/guests/%.o $(B)/guests/shared.a \
		tests/guests/guest.lds
	$(call say,LINK,$@)
	$(Q)$(LD) -nostdlib -static -z noexecstack --build-id=none --no-warn-rwx-segments \
		-T tests/guests/guest.lds $(filter %.o %.a,$^) -o $@

$(B)/guests/%.bin: $(B)/guests/%.elf
	$(Q)$(OBJCOPY) -O binary $< $@

.SECONDARY:

# ---- tools on the host ---------------------------------------------------------------------------

$(B)/cfgcheck: boot/cfgcheck.c boot/config.c boot/keys.c boot/format.c $(wildcard boot/*.h mm/*.h ept/*.h) | tools
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(filter %.c,$^) -o $@

$(B)/makeexit.so: boot/makeexit.c | tools
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -fPIC -shared $< -o $@

# A missing compiler is better named once, with what to do, than by the first rule that trips over
# it.
.PHONY: tools setup
tools:
	@boot/setup.sh --check build

setup:
	@boot/setup.sh run "$(PLATFORM)"

# ---- the laboratory ------------------------------------------------------------------------------

# The shipped files that hold the ordering argument, compiled for the explorer: lab/order.h stands
# before them in the place of ept/order.h.
LAB_SHIPPED := vmx/vcpu.c vmx/exit.c vmx/eptexit.c vmx/guestmem.c ept/ept.c ept/batch.c \
	ept/fault.c apic/access.c mm/backing.c lab/steps.c
LAB_OBJS := $(patsubst %.c,$(B)/lab/%.o,$(sort $(LAB_SHIPPED) $(wildcard lab/*.c)))
LAB_CFLAGS := -std=gnu11 -O2 -g $(WARN) -I. -fno-pie -mno-red-zone -fno-strict-aliasing \
	-include lab/order.h

$(B)/lab/%.o: %.c | lab-tools
	@mkdir -p $(@D)
	$(call say,LAB,$<)
	$(Q)$(CC) $(LAB_CFLAGS) $(if $(filter $<,$(LAB_SHIPPED)),-DLAB_SHIPPED) $(DEPS) -c $< -o $@

$(B)/explore: $(LAB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) -no-pie $^ -o $@

# The explorer with another command: tests/lab/keys.c walks by itself.
$(B)/keys: tests/lab/keys.c $(filter-out $(B)/lab/lab/main.o,$(LAB_OBJS))
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -include lab/order.h,$(LAB_CFLAGS)) -no-pie $^ -o $@

LITMUS := $(sort $(wildcard tests/litmus/*.litmus))
LITMUS_LARGE := $(sort $(wildcard tests/litmus/large/*.litmus))

explorer = boot/setup.sh explore && $(MAKE) -s $(B)/explore && $(B)/explore $(EXPLORE)

# EXPLORE= takes further options.
.PHONY: lab-tools explore explore-large explore-ablate explore-model explore-spin
lab-tools:
	@boot/setup.sh --check explore

explore:
	@$(explorer) $(LITMUS)

explore-large:
	@$(explorer) $(LITMUS_LARGE)

explore-ablate:
	@$(explorer) --ablate-all $(LITMUS) \
		$(filter-out %2x2.litmus %stay.litmus,$(LITMUS_LARGE))

explore-model:
	@$(explorer) --check-model $(LITMUS)

explore-spin:
	@boot/setup.sh spin && $(MAKE) -s $(B)/explore && lab/promela/agree.sh $(EXPLORE)

# ---- runs ----------------------------------------------------------------------------------------

PARAMETERS := PROTOCOL CPUS MOVES SEED GUEST BATCH ARG MEM GUEST_MEM MIGRATE APICV LARGE COLLAPSE \
	FAULT HOST_APIC CONFIG PLATFORM RAM MACHINE_CPUS TIMEOUT
export $(PARAMETERS)

# Work files of this make: two runs side by side do not meet.
WORK := $(B)/run.$(shell echo $$PPID)

# make turns the failure of a recipe into exit code 2 and prints a line about it after the run's
# last line. So the recipe of `launch` always succeeds and leaves the run's code in a file, and ends
# make itself with that code through a loaded function (boot/makeexit.c). The list of lines is
# expanded when the prerequisites are done. The sub-make that builds is not named $(MAKE) here, or
# `make -n run` would boot.
dry := $(findstring n,$(short_flags))$(findstring q,$(short_flags))$(findstring t,$(short_flags))
code = $(or $(shell cat $(WORK)/code 2>/dev/null; rm -rf $(WORK)),1)
finish = $(if $(dry),,$(if $(wildcard $(B)/makeexit.so),$(exit-now),exit $(code)))
exit-now = $(eval load $(B)/makeexit.so)$(make-exit $(code))

.PHONY: run bench launch launch-bench
run: launch
	@$(finish)

launch:
	@WORK=$(WORK) boot/run.sh

bench: launch-bench
	@$(finish)

launch-bench:
	@WORK=$(WORK) CONFIG=tests/bench.cfg JSON=$(B)/bench.json TABLE=boot/bench.awk boot/run.sh

# ---- tests ---------------------------------------------------------------------------------------

# A unit test is one file in tests/unit/. A line "links: FILE..." in its first comment names the
# sources that it tests; they are compiled with it, with the sanitizers on: those for addresses and
# undefined behaviour, or, with a line "sanitizer: thread", the one for data races. Other files
# there are what several tests link.
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
BOOT_TESTS := $(wildcard tests/boot/*.t)
LAB_TESTS := $(wildcard tests/lab/*.t)
links = $(shell sed -n 's/^.*links: *//p' tests/unit/$(1).c)
included = $(shell sed -n 's/^\#include "\(.*\.c\)"/\1/p' tests/unit/$(1).c)
san_cflags = $(if $(shell grep 'sanitizer: thread' tests/unit/$(1).c),$(TSAN_CFLAGS),$(SAN_CFLAGS))

$(B)/unit/%: tests/unit/%.c $$(call links,$$*) $$(call included,$$*) $(wildcard */*.h tests/unit/*.h) | tools
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(call san_cflags,$*) $< $(call links,$*) -lcmocka -llz4 -o $@

.PHONY: check launch-check units
units: $(UNIT)

check: launch-check
	@$(finish)

launch-check:
	@boot/setup.sh check
	@$(MAKE) -s all units $(B)/cfgcheck $(B)/makeexit.so $(B)/explore $(B)/keys
	@mkdir -p $(WORK)
	@tests/check.sh $(or $(TESTS),$(BOOT_TESTS) $(LAB_TESTS) $(UNIT)); echo $$? >$(WORK)/code

# ---- the rest ------------------------------------------------------------------------------------

.PHONY: clean help
define HELP
make            builds build/interlock.efi and build/interlock.img (for a disk or a USB stick)
make run        the main job: sets up what is missing, builds, boots, shows the result
make check      unit tests on the host, the explorer's, boot tests on Bochs; TESTS=tests/boot/main.t
                for one of them
make bench      ticks and VMCS accesses per exit, ticks and IPIs per moved page (build/bench.json)
make explore    the protocol under every interleaving: build/explore on all of tests/litmus/
make explore-large, explore-ablate, explore-model, explore-spin
                larger bounds; each part of `ordered` left out in turn; each rule of the modelled
                processor taken out; the same tests by Spin. EXPLORE= takes options (build/explore -h)
make setup      installs what `make run` needs, from Debian
make clean      removes build/

Parameters of `make run` (default):
  PROTOCOL      order of the steps: ordered, start-notifier, range-notifier, gated (ordered)
  CPUS          2..8: one moves memory, each other one runs a vCPU (2)
  MOVES         1..1000000000 (2000)
  SEED          of what is moved when (1)
  GUEST         patrol, bench, state, rogue, churn (patrol)
  BATCH         pages per move, 0..512; 0 mixes sizes (0)
  ARG           a number for the guest (0)
  MEM           of the machine's memory the guest is lent at most: bytes, or with K, M or G behind
                it; 0: no limit (0)
  GUEST_MEM     RAM the guest is promised: 4M..1G, a multiple of 2M (8M)
  MIGRATE       0..1000000000: after so many moves two vCPUs change places, from CPUS=3 on;
                0: never (0)
  APICV         on, off: APIC-register virtualization where the CPU has it (on)
  LARGE         on, off: 2-MB leaves until a page of one moves (on)
  COLLAPSE      on, off: and again when all of one is in use (on)
  FAULT         none, entry, panic, mute: break something on purpose to see the report; storm: moves
                without a pause (none)
  HOST_APIC     auto, xapic, x2apic (auto)
  CONFIG        a file like boot/interlock.cfg instead of all of the above; none: no such file
  PLATFORM      kvm: QEMU with VT-x; bochs: emulated VT-x; tcg: QEMU without VT-x
                (kvm where the CPU has VT-x and KVM passes it on, else bochs)
  RAM           of the machine, in MB, 48..2048 (512)
  MACHINE_CPUS  CPUs of the machine (as many as the configuration wants)
  TIMEOUT       in seconds, 1..86400 (300)

Exit codes of `make run`: 0 held; 3 a stale access was seen; 2 wrong input or set-up;
124 out of time; 1 anything else. The last line on standard output is JSON; build/run.json has one
such line for each run of the boot, build/run.log all that the machine wrote.
endef
clean:
	rm -rf $(B)

help:
	$(info $(HELP))@:

-include $(OBJS:.o=.d) $(LAB_OBJS:.o=.d) $(wildcard $(B)/guests/*.d)
