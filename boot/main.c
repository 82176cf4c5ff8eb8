/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the firmware's call to job_main(): the order of things on the booting CPU. */
#include "apic/lapic.h"
#include "boot/config.h"
#include "boot/console.h"
#include "boot/cpus.h"
#include "boot/efi.h"
#include "boot/files.h"
#include "boot/image.h"
#include "boot/job.h"
#include "boot/paging.h"
#include "boot/power.h"
#include "boot/smp.h"
#include "mm/frame.h"
#include "mm/x86.h"

#define FOUR_GB BIT(32)
#define ONE_MB BIT(20)
#define TRAMPOLINE_LIMIT 0xa0000ull /* SIPI vectors from 0xa0 on are reserved, no RAM there */
#define CR4_LA57 BIT(12)
#define CPUID_1_ECX_VMX BIT(5)
#define CPUID_EXT_EDX_NX BIT(20)

#define HOST_RESERVE 64 /* frames: for the tables that splits and faults need under pressure */

enum { PIC_MASTER_MASK = 0x21, PIC_SLAVE_MASK = 0xa1 };

static struct config cfg;
static struct acpi_cpus machine_cpus;
static u32 want_cpus;
static const struct memmap *memory;
static u64 trampoline;

static const void *map_table(void *context, u64 address, u64 length)
{
	(void)context;
	return efi_describes(address, length) ? (const void *)address : NULL;
}

/* Names the build by what it consists of (FNV-1a): the same image has the same name wherever it is
 * loaded. */
static u32 build_id(void)
{
	u32 hash = 2166136261u;

	for (const char *at = text_start; at < text_end; at++)
		hash = (hash ^ (u8)*at) * 16777619u;
	for (const char *at = rodata_start; at < rodata_end; at++)
		hash = (hash ^ (u8)*at) * 16777619u;
	return hash;
}

static void read_memory(void)
{
	memory = efi_memory();
	if (!memory)
		setup_error("the firmware gives no memory map, or has no memory left for it");
	printk("%lu MB of RAM, %lu MB free\n", memmap_total(memory, false) >> 20,
	       memmap_total(memory, true) >> 20);
}

static void read_acpi(void)
{
	static struct acpi_power power;
	struct acpi_source source = { map_table, NULL, efi_rsdp() };
	const char *why;

	if (!acpi_power(&source, &power, &why))
		power_use_acpi(&power);
	cpus_list(efi_boot_services(), &source, &machine_cpus);
}

static void read_config(void)
{
	static const CHAR16 name[] = u"\\interlock.cfg";
	char err[320];
	u8 *text;
	u64 size;

	switch (efi_read_file(name, &text, &size)) {
	case FILE_THERE:
	case FILE_MISSING:
		break;
	case FILE_BROKEN:
		setup_error("interlock.cfg is there, but the firmware cannot read it");
	case FILE_TOO_LARGE:
		setup_error("no memory left to read interlock.cfg");
	}
	if (config_parse((const char *)text, size, &cfg, err, sizeof(err)))
		setup_error("%s", err);
	if (text)
		printk("interlock.cfg: %u run%s\n", cfg.nruns, cfg.nruns == 1 ? "" : "s");
	else
		printk("no interlock.cfg: one run with the defaults (protocol %s, guest %s, "
		       "cpus %u, moves %lu, seed %lu)\n",
		       cfg.run[0].protocol, cfg.run[0].guest, cfg.run[0].cpus, cfg.run[0].moves,
		       cfg.run[0].seed);
}

/* What the machine must have. Each sentence says what to do. */
static void check_machine(void)
{
	want_cpus = config_max_cpus(&cfg);
#ifndef INTERLOCK_TEST_WITHOUT_VMX
	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX))
		setup_error("VT-x is missing: this CPU does not offer VMX; enable VT-x in the "
			    "firmware's set-up, or under QEMU use -accel kvm -cpu host on a host "
			    "with kvm_intel nested=1, or use Bochs: make run PLATFORM=bochs");
#endif
	if (cpuid(0x80000000, 0).eax < 0x80000001 || !(cpuid(0x80000001, 0).edx & CPUID_EXT_EDX_NX))
		setup_error("the CPU does not offer NX; enable it (execute disable) in the "
			    "firmware's set-up");
	if (read_cr4() & CR4_LA57)
		setup_error("the firmware uses 5-level paging; turn it off in its set-up");
	if (machine_cpus.count > MAX_CPUS)
		printk("the machine has %u CPUs; the first %u can be used\n",
		       machine_cpus.count + machine_cpus.over, MAX_CPUS);
	if (want_cpus > machine_cpus.count)
		setup_error("cpus = %u, but this machine has %u CPU%s%s", want_cpus,
			    machine_cpus.count, machine_cpus.count == 1 ? "" : "s",
			    machine_cpus.count < 2 ? "; at least 2 are needed" : "; ask for fewer");
}

/* Everything of ours that needs memory is allocated while the firmware can still say what is free.
 */
static void allocate_and_exit(void)
{
	u32 block_pages = smp_pages_needed(want_cpus), table_pages;
	u64 blocks, tables;

	/* Singles: page 0, the trampoline, and each CPU's guards, at worst with a page table for
	 * every one. */
	table_pages = paging_pages_needed(memory, 2 + smp_guard_pages(want_cpus));
	trampoline = efi_pages(1, TRAMPOLINE_LIMIT);
	blocks = efi_pages(block_pages, ADDRESS_LIMIT);
	tables = efi_pages(table_pages, FOUR_GB);
	if (!trampoline)
		setup_error("no free page below 640 KB for the start of the other CPUs");
	if (!blocks || !tables)
		setup_error("not enough RAM: %u KB are needed for %u CPUs before any guest; give "
			    "the machine more",
			    (block_pages + table_pages) * (PAGE_SIZE >> 10), want_cpus);

	if (!console_has_serial())
		printk("There is no serial port at 0x3f8: nothing can be shown once the firmware "
		       "is gone.\n");
	smp_set_tick_rate(efi_tick_rate());
	memory = efi_exit();
	if (!memory)
		setup_error("the firmware refuses ExitBootServices");
	outb(PIC_MASTER_MASK, 0xff);
	outb(PIC_SLAVE_MASK, 0xff);
	cpu_control_init();
	paging_build(memory, tables, table_pages);
	smp_init(blocks, want_cpus, machine_cpus.apic_id);
	smp_place_trampoline(trampoline);
	paging_load();
}

static void check_apic(int rc)
{
	if (rc == -ENOSYS)
		setup_error("interlock.cfg asks for host_apic = x2apic, but this CPU has none; use "
			    "auto or xapic");
	if (rc)
		setup_error("the local APIC is not at 0x%x; use host_apic = x2apic", LAPIC_BASE);
	for (u32 i = 0; i < want_cpus; i++)
		if (!lapic_is_x2apic() && cpus[i]->apic_id > 254)
			setup_error("CPU %u has APIC id %u, which xAPIC mode cannot reach; use "
				    "host_apic = auto",
				    i, cpus[i]->apic_id);
}

/* On the booting CPU's own stack, descriptors and page tables. The firmware is gone. */
static void run(void)
{
	u64 leaves, free = 0;

	for (u32 i = 0; i < memory->count; i++) {
		const struct mem_range *r = &memory->range[i];
		u64 start = r->start < ONE_MB ? ONE_MB : r->start;

		if (!r->free || r->end <= start)
			continue;
		frames_add(start, r->end);
		free += r->end - start;
	}
	frames_keep_back(HOST_RESERVE);
	check_apic(lapic_init(cfg.host_apic));
	smp_start_all(want_cpus, trampoline, cfg.host_apic);
	leaves = paging_check();
	printk("%u CPUs up, local APIC in %s mode, %lu MB for guests, W^X holds for %lu pages\n",
	       ncpus, lapic_is_x2apic() ? "x2APIC" : "xAPIC", free >> 20, leaves);
	finish(job_main(&cfg, ncpus));
}

/* Called by GNU-EFI's start code, which has relocated the image, in the System V convention. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	console_init();
	efi_init(image, system);
	printk("\nInterlock, build %08x\n", build_id());
	read_memory();
	read_acpi();
	read_config();
	check_machine();
	files_read(&cfg);
	allocate_and_exit();
	smp_enter_boot_cpu(run);
}
