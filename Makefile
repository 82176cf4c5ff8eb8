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
# INTERLOCK_LAB=1: the lab build, of which one part of `ordered` can be left out at run time.
B := $(if $(INTERLOCK_LAB),build/ablate,build)

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
C_FILES := $(filter-out $(HOST_ONLY),$(wildcard boot/*.c vmx/*.c vmx/pc/*.c ept/*.c apic/*.c mm/*.c))
ifdef INTERLOCK_LAB
# lab/metal/ has two of the files in its own, which it includes.
C_FILES := $(filter-out ept/protocol.c vmx/vcpu.c,$(C_FILES)) $(wildcard lab/metal/*.c)
CFLAGS += -DINTERLOCK_LAB -include lab/metal/order.h
HOST_CFLAGS += -DINTERLOCK_LAB
endif
ASM_FILES := $(wildcard boot/*.asm vmx/*.asm vmx/pc/*.asm)
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
	$(Q)$(NASM) -f elf64 -g -F dwarf -Werror -I $(B)/guests/ -I $(B)/ -I ./ -MD $(@:.o=.d) -MP \
		-o $@ $<

$(B)/boot/guests.asm.o: $(GUEST_BINS)

# The guests' DSDT. The compiler says nothing when it is content, or all of it.
$(B)/vmx/pc/dsdt.aml: vmx/pc/dsdt.asl | tools
	@mkdir -p $(@D)
	$(call say,IASL,$<)
	$(Q)iasl -we -p $(@:.aml=) $< >$(@:.aml=.log) 2>&1 || { cat $(@:.aml=.log) >&2; exit 1; }

$(B)/vmx/pc/dsdt.asm.o: $(B)/vmx/pc/dsdt.aml

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

# ---- kernels for any PC --------------------------------------------------------------------------

# Multiboot kernels: 64-bit code in the 32-bit ELF that multiboot loaders take. hw.elf tests a PC's
# interrupt hardware; box.elf tries to get out. Both are made of tests/guests/hw/; a kernel's own tests
# are those that its tests.c lists.
KERNELS := hw box
KERNEL_SHARED := $(patsubst tests/guests/%,$(B)/guests/%.o, \
		$(basename $(filter-out %/tests.c,$(wildcard tests/guests/hw/*.c)))) \
	$(B)/guests/stubs.asm.o $(addprefix $(B)/guests/boot/,acpi.o format.o string.o)
kernel_objs = $(B)/guests/hw/start.asm.o $(B)/guests/$(1)/tests.o \
	$(patsubst tests/guests/%.c,$(B)/guests/%.o, \
		$(filter-out tests/guests/hw/%,$(wildcard tests/guests/$(1)/*.c))) \
	$(patsubst tests/guests/%,$(B)/guests/%.o, \
		$(filter-out tests/guests/hw/%,$(wildcard tests/guests/$(1)/*.asm)))

$(B)/guests/boot/%.o: boot/%.c | tools
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(GUEST_CFLAGS) -DGUEST_CODE $(DEPS) -c $< -o $@

$(B)/guests/kernel.a: $(KERNEL_SHARED)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(KERNELS:%=$(B)/guests/%.elf): $(B)/guests/%.elf: $$(call kernel_objs,$$*) $(B)/guests/kernel.a \
		tests/guests/hw/hw.lds
	$(call say,LINK,$@)
	$(Q)$(LD) -nostdlib -static -z noexecstack --build-id=none --no-warn-rwx-segments \
		-T tests/guests/hw/hw.lds $(sort $(filter %.o,$^)) $(filter %.a,$^) -o $@.64
	$(Q)$(OBJCOPY) -O elf32-i386 --strip-all $@.64 $@

$(B)/guests/flat.bin: tests/guests/flat/bios.asm | tools
	@mkdir -p $(@D)
	$(call say,NASM,$<)
	$(Q)$(NASM) -f bin -Werror -o $@ $<

# ---- tools on the host ---------------------------------------------------------------------------

$(B)/cfgcheck: boot/cfgcheck.c boot/config.c boot/keys.c boot/number.c boot/format.c $(wildcard boot/*.h mm/*.h ept/*.h) \
		vmx/apicv.h lab/parts.h | tools
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

PARAMETERS := PROTOCOL CPUS MOVES SEED GUEST INITRD CMDLINE BATCH ARG MEM GUEST_MEM MIGRATE APICV LARGE \
	COLLAPSE X2APIC FAULT HOST_APIC ABLATE CONFIG FILES INPUT PLATFORM RAM MACHINE_CPUS CPU TIMEOUT
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

.PHONY: run bench bench-exits bench-peers launch launch-bench launch-bench-exits launch-bench-peers
run: launch
	@$(finish)

launch:
	@WORK=$(WORK) boot/run.sh

bench: launch-bench
	@$(finish)

launch-bench:
	@WORK=$(WORK) CONFIG=tests/bench$(if $(filter kvm-in-bochs,$(PLATFORM)),-nested).cfg JSON=$(B)/bench.json TABLE=boot/bench.awk boot/run.sh

# Counting makes each exit of KVM's some thousand ticks longer: a run of its own.
bench-exits: launch-bench-exits
	@$(finish)

launch-bench-exits:
	@WORK=$(WORK) PLATFORM=kvm-in-bochs CONFIG=tests/bench-nested.cfg EXITS=1 JSON=$(B)/bench-exits.json boot/run.sh

bench-peers: launch-bench-peers
	@$(finish)

launch-bench-peers:
	@$(MAKE) -s $(B)/makeexit.so
	@WORK=$(WORK) tests/peers/run.sh

# The program above KVM, for a Linux that has nothing else.
$(B)/peers-kvm: tests/peers/kvm.c | tools
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -static -pthread $< -o $@

# The lab build with each part of `ordered` left out, beside what the explorer says of it.
.PHONY: ablate launch-ablate
ablate: launch-ablate
	@$(finish)

launch-ablate:
	@boot/setup.sh run "$(or $(PLATFORM),bochs kvm-in-bochs)" && boot/setup.sh explore
	@$(if $(filter kvm-in-bochs,$(or $(PLATFORM),kvm-in-bochs)),boot/nested/build.sh)
	@$(MAKE) -s INTERLOCK_LAB=1 all build/ablate/cfgcheck
	@$(MAKE) -s $(B)/makeexit.so $(B)/explore
	@mkdir -p $(WORK)
	@lab/metal/ablate.sh; echo $$? >$(WORK)/code

# ---- tests ---------------------------------------------------------------------------------------

# A unit test is one file in tests/unit/. A line "links: FILE..." in its first comment names the
# sources that it tests; they are compiled with it, with the sanitizers on: those for addresses and
# undefined behaviour, or, with a line "sanitizer: thread", the one for data races. A line "with:
# -lLIBRARY" adds to the link. Other files there are what several tests link.
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
BOOT_TESTS := $(wildcard tests/boot/*.t)
LINUX_TESTS := $(wildcard tests/linux/*.t)
NESTED_TESTS := $(shell ls -r tests/nested/*.t) # the long ones first
LAB_TESTS := $(wildcard tests/lab/*.t)
links = $(shell sed -n 's/^.*links: *//p' tests/unit/$(1).c)
included = $(shell sed -n 's/^\#include "\(.*\.c\)"/\1/p' tests/unit/$(1).c \
	$(filter tests/unit/%,$(call links,$(1))))
with = $(shell sed -n 's/^.*with: *\(-l.*\)/\1/p' tests/unit/$(1).c)
sanitizer = $(if $(shell grep 'sanitizer: thread' tests/unit/$(1).c),tsan,asan)
objects = $(patsubst %.c,$(B)/$(1)/%.o,$(2)) # compiled once for all tests: they link the same sources
asan_cflags := $(SAN_CFLAGS)
tsan_cflags := $(TSAN_CFLAGS)

define sanitized
$(B)/$(1)/%.o: %.c $(wildcard */*.h */*/*.h) | tools
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(CC) $$($(1)_cflags) -MMD -c $$< -o $$@ # some include sources
endef
$(eval $(call sanitized,asan))
$(eval $(call sanitized,tsan))
.PRECIOUS: $(B)/asan/%.o $(B)/tsan/%.o

$(B)/unit/%: tests/unit/%.c $$(call objects,$$(call sanitizer,$$*),$$(call links,$$*)) $$(call included,$$*) \
		$(wildcard */*.h */*/*.h) | tools
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $($(call sanitizer,$*)_cflags) $< $(call objects,$(call sanitizer,$*),$(call links,$*)) \
		-lcmocka -llz4 $(call with,$*) -o $@

# A fuzzer is tests/fuzz/fuzz_NAME.c, with the same kind of line. `make check` replays its corpus
# (tests/fuzz/corpus/NAME/), `make fuzz` searches.
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_links = $(shell sed -n 's/^.*links: *//p' tests/fuzz/fuzz_$(1).c)
REPLAY := $(FUZZ:%=$(B)/fuzz/%.replay)

$(B)/fuzz/%.replay: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $$(call objects,asan,$$(filter %.c,$$(call fuzz_links,$$*))) \
		$(wildcard */*.h */*/*.h) | tools
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(SAN_CFLAGS) -DCORPUS='"tests/fuzz/corpus/$*"' $< tests/fuzz/replay.c \
		$(call objects,asan,$(call fuzz_links,$*)) -lcmocka -o $@

$(B)/fuzz/%: tests/fuzz/fuzz_%.c $$(filter %.c,$$(call fuzz_links,$$*)) $(wildcard */*.h */*/*.h) | tools
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)clang -std=gnu11 -O1 -g -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		$< $(call fuzz_links,$*) -lcmocka -o $@

# FUZZ_SECONDS=600 for each of FUZZ="decode load ...". What is found is left in build/fuzz/.
.PHONY: fuzz
FUZZ_SECONDS := 600
fuzz:
	@boot/setup.sh fuzz
	@$(MAKE) -s $(FUZZ:%=$(B)/fuzz/%)
	@for name in $(FUZZ); do \
		mkdir -p $(B)/fuzz/corpus.$$name && \
		$(B)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
			-verbosity=0 -artifact_prefix=$(B)/fuzz/$$name- $(B)/fuzz/corpus.$$name \
			tests/fuzz/corpus/$$name 2>$(B)/fuzz/$$name.log || \
			{ tail -n 40 $(B)/fuzz/$$name.log; exit 1; }; \
		awk -v name=$$name '/number_of_executed_units|average_exec_per_sec/ { n[$$1] = $$2 } \
			END { printf "%s: %d executions, %d a second, nothing found\n", name, \
			n["stat::number_of_executed_units:"], n["stat::average_exec_per_sec:"] }' \
			$(B)/fuzz/$$name.log; \
	done

.PHONY: check launch-check units
units: $(UNIT) $(REPLAY)

check: launch-check
	@$(finish)

launch-check:
	@boot/setup.sh check
	@$(MAKE) -s -j"$$(nproc)" all $(B)/guests/hw.elf $(B)/guests/box.elf $(B)/guests/flat.bin units $(B)/cfgcheck $(B)/makeexit.so $(B)/explore $(B)/keys
	@$(MAKE) -s INTERLOCK_LAB=1 all build/ablate/cfgcheck
	@mkdir -p $(WORK)
	@unset TESTS; tests/check.sh $(or $(TESTS),$(BOOT_TESTS) $(LAB_TESTS) $(UNIT) $(REPLAY)); echo $$? >$(WORK)/code

# Debian's Linux as a guest, on Bochs: minutes each.
.PHONY: check-linux launch-check-linux
check-linux: launch-check-linux
	@$(finish)

launch-check-linux:
	@boot/setup.sh check && boot/linux/build.sh
	@$(MAKE) -s all $(B)/cfgcheck $(B)/makeexit.so
	@mkdir -p $(WORK)
	@unset TESTS; tests/check.sh $(or $(TESTS),$(LINUX_TESTS)); echo $$? >$(WORK)/code

# Under a real KVM, which runs on Bochs.
.PHONY: check-nested launch-check-nested
check-nested: launch-check-nested
	@$(finish)

launch-check-nested:
	@boot/setup.sh check-nested
	@boot/nested/build.sh
	@$(MAKE) -s all $(B)/cfgcheck $(B)/makeexit.so
	@mkdir -p $(WORK)
	@unset TESTS; tests/check.sh $(or $(TESTS),$(NESTED_TESTS)); echo $$? >$(WORK)/code

# ---- the rest ------------------------------------------------------------------------------------

.PHONY: clean help
define HELP
make            builds build/interlock.efi and build/interlock.img (for a disk or a USB stick)
make run        the main job: sets up what is missing, builds, boots, shows the result
make check      unit tests on the host, the explorer's, boot tests on Bochs; TESTS=tests/boot/main.t
                for one of them
make check-linux
                those of Linux as a guest, on Bochs: some minutes each
make check-nested
                the tests of PLATFORM=kvm-in-bochs
make bench      ticks and VMCS accesses per exit, ticks and IPIs per moved page (build/bench.json)
make bench-exits
                under KVM in Bochs: how many exits of KVM's one of the guest's takes, and where
make bench-peers
                the same guest on Interlock and on Linux KVM, both on Bochs, side by side
                (build/peers.json)
make explore    the protocol under every interleaving: build/explore on all of tests/litmus/
make explore-large, explore-ablate, explore-model, explore-spin
                larger bounds; each part of `ordered` left out in turn; each rule of the modelled
                processor taken out; the same tests by Spin. EXPLORE= takes options (build/explore -h)
make ablate     the same parts left out on a machine, one table (build/ablate.json); ABLATE= takes a
                list of parts, PLATFORM= a list of platforms (bochs kvm-in-bochs)
make fuzz       image loaders, decoder, APIC, devices and configuration under libFuzzer, ten minutes
                each; FUZZ= a list of them, FUZZ_SECONDS=
make setup      installs what `make run` needs, from Debian
make clean      removes build/

Parameters of `make run` (default):
  PROTOCOL      order of the steps: ordered, start-notifier, range-notifier, gated (ordered)
  CPUS          2..8: one moves memory, each other one runs a vCPU (2; 3 for
                GUEST=linux)
  MOVES         1..1000000000 (2000; of a GUEST that is a file: as many as it
                lasts, or the run ends with them)
  SEED          of what is moved when (1)
  GUEST         patrol, bench, state, rogue, churn, peer; linux: Debian's kernel and busybox, which
                set-up fetches; or a file: a Linux bzImage, a multiboot 1 kernel, or a flat image,
                NAME.bin or NAME.flat (patrol)
  INITRD        a file: the initial RAM disk of a GUEST that is a file; for multiboot up to 4 modules,
                as QEMU has them: "FILE words, FILE words"
  CMDLINE       its command line, up to 511 characters; with GUEST=linux: what is added to that, such
                as mb=72 (MB of files in memory), rounds=3, shell=1
  BATCH         pages per move, 0..512; 0 mixes sizes (0)
  ARG           a number for the guest (0)
  MEM           of the machine's memory the guest is lent at most: bytes, or with K, M or G behind
                it; 0: no limit (0; 64M for GUEST=linux)
  GUEST_MEM     RAM the guest is promised: 4M..1G, a multiple of 2M (8M; 192M for
                GUEST=linux)
  MIGRATE       0..1000000000: after so many moves two vCPUs change places, from CPUS=3 on;
                0: never (0)
  APICV         how much of the APIC the processor serves: off, registers, x2apic, delivery;
                on: the first three, as far as the processor has them (on)
  LARGE         on, off: 2-MB leaves until a page of one moves (on)
  COLLAPSE      on, off: and again when all of one is in use (on)
  X2APIC        on, off: have a Linux use x2APIC mode, by the CPUID leaves of KVM (off)
  INPUT         on, off: standard input goes to the guest's serial port (off)
  FAULT         none, entry, panic, mute: break something on purpose to see the report; storm: moves
                without a pause (none)
  HOST_APIC     auto, xapic, x2apic (auto)
  ABLATE        leave out one part of `ordered`, by the explorer's names, in a lab build; none:
                that build with all of it (the ordinary build)
  CONFIG        a file like boot/interlock.cfg instead of all of the above; none: no such file
  FILES         the files that CONFIG names, which are put beside it
  PLATFORM      kvm: QEMU with VT-x; bochs: emulated VT-x; kvm-in-bochs: QEMU and KVM in a Linux on
                emulated VT-x; tcg: QEMU without VT-x
                (kvm where the CPU has VT-x and KVM passes it on, else bochs)
  RAM           of the machine, in MB, 48..2048 (512)
  MACHINE_CPUS  CPUs of the machine (as many as the configuration wants)
  CPU           QEMU's -cpu, such as host,-vmx-vpid (host; max for tcg)
  TIMEOUT       in seconds, 1..86400 (300; 900 for kvm-in-bochs and for GUEST=linux)

Exit codes of `make run`: 0 held; 3 a stale access was seen; 2 wrong input or set-up;
124 out of time; 1 anything else. The last line on standard output is JSON; build/run.json has one
such line for each run of the boot, build/run.log all that the machine wrote.
endef
clean:
	rm -rf $(B)

help:
	$(info $(HELP))@:

-include $(OBJS:.o=.d) $(LAB_OBJS:.o=.d) $(wildcard $(B)/guests/*.d $(B)/guests/*/*.d $(B)/[at]san/*/*.d $(B)/[at]san/*/*/*.d)
