/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-CPU areas, the start of the application processors, and their idle loop.
 *
 * One CPU's block, from low to high:  guard | stack | guard | NMI stack | guard | #DF stack | guard
 * | #MC stack | struct percpu. A guard page is not present: a stack that overflows faults, and #DF
 * has a stack of its own to say so.
 */
#include "boot/smp.h"
#include "apic/lapic.h"
#include "boot/paging.h"
#include "boot/panic.h"
#include "boot/power.h"
#include "mm/x86.h"

enum { STACK_PAGES = 4, IST_PAGES = 2, GUARDS = IST_COUNT };

#define AREA_PAGES ((sizeof(struct percpu) + PAGE_SIZE - 1) / PAGE_SIZE)
#define BLOCK_PAGES (GUARDS + STACK_PAGES + (IST_COUNT - 1) * IST_PAGES + AREA_PAGES)
_Static_assert(sizeof(struct desc) % 8 == 0, "GDT and TSS stay aligned");

struct cpu *cpus[MAX_CPUS];
unsigned ncpus;
bool percpu_ready;
u64 ap_stack_top; /* ap.asm: the stack of the AP that is starting */

static struct percpu *starting;
static int starting_apic; /* host_apic for lapic_init() */
static u64 tick_rate = 1000;

extern char ap_trampoline[], ap_trampoline_end[], ap_gdtr[], ap_long[], ap_cr3[], ap_entry[];
extern void ap_start(void);
_Noreturn void stack_switch(u64 top, void (*fn)(void));
_Noreturn void ap_main(void);

void smp_set_tick_rate(u64 ticks_per_us)
{
	tick_rate = ticks_per_us ? ticks_per_us : 1;
}

u64 smp_ticks(u64 us)
{
	return us * tick_rate;
}

void udelay(u64 us)
{
	u64 start = rdtsc(), ticks = smp_ticks(us);

	while (rdtsc() - start < ticks)
		cpu_relax();
}

u32 smp_pages_needed(u32 count)
{
	return count * (u32)BLOCK_PAGES;
}

u32 smp_guard_pages(u32 count)
{
	return count * GUARDS;
}

static u64 main_stack_top(const struct percpu *p)
{
	return p->stack_low + (1 + STACK_PAGES) * PAGE_SIZE;
}

/* The top of the stack of IST I. */
static u64 ist_top(const struct percpu *p, unsigned i)
{
	return main_stack_top(p) + i * (1 + IST_PAGES) * PAGE_SIZE;
}

void smp_init(u64 block, u32 count, const u32 *apic_id)
{
	for (u32 i = 0; i < count; i++, block += BLOCK_PAGES * PAGE_SIZE) {
		struct percpu *p =
			(struct percpu *)(block + (BLOCK_PAGES - AREA_PAGES) * PAGE_SIZE);

		memset(p, 0, AREA_PAGES * PAGE_SIZE);
		p->cpu.self = &p->cpu;
		p->cpu.index = i;
		p->cpu.apic_id = apic_id[i];
		p->cpu.guard = rdtsc() << 8; /* a NUL in it stops what overflows by strings */
		p->stack_low = block;
		p->stack_high = (u64)p;
		paging_set(p->stack_low, p->stack_low + PAGE_SIZE, ACCESS_NONE);
		for (unsigned ist = 0; ist < IST_COUNT - 1; ist++) {
			u64 guard = ist ? ist_top(p, ist) : main_stack_top(p);

			paging_set(guard, guard + PAGE_SIZE, ACCESS_NONE);
		}
		cpus[i] = &p->cpu;
	}
}

bool smp_on_stack(u64 address)
{
	for (u32 i = 0; i < MAX_CPUS && cpus[i]; i++) {
		const struct percpu *p = percpu_of(cpus[i]);
		u64 offset = address - p->stack_low, page = offset / PAGE_SIZE;

		if (address < p->stack_low || address + 8 > p->stack_high || address % 8)
			continue;
		if (page <= STACK_PAGES)
			return page != 0;
		return (page - (1 + STACK_PAGES)) % (1 + IST_PAGES) != 0;
	}
	return false;
}

/* What every CPU does first in C, on its final page tables. */
static void become(struct percpu *p)
{
	u64 tops[IST_COUNT - 1];

	for (unsigned i = 0; i < IST_COUNT - 1; i++)
		tops[i] = ist_top(p, i + 1);
	desc_init(&p->desc, tops, (u64)&p->cpu);
	p->online = 1;
}

_Noreturn void smp_enter_boot_cpu(void (*fn)(void))
{
	struct percpu *p = percpu_of(cpus[0]);

	become(p);
	percpu_ready = true;
	ncpus = 1;
	stack_switch(main_stack_top(p), fn);
}

void smp_place_trampoline(u64 page)
{
	u8 *to = (u8 *)page;

	memcpy(to, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	*(u32 *)(to + (ap_gdtr + 2 - ap_trampoline)) += (u32)page;
	*(u32 *)(to + (ap_long - ap_trampoline)) += (u32)page;
	*(u32 *)(to + (ap_cr3 - ap_trampoline)) = (u32)paging_root();
	*(u64 *)(to + (ap_entry - ap_trampoline)) = (u64)ap_start;
	paging_set(page, page + PAGE_SIZE, ACCESS_EXECUTE);
}

/* An AP in 64-bit mode, on its own stack. */
_Noreturn void ap_main(void)
{
	struct percpu *p = starting;

	become(p);
	cpu_control_init();
	paging_load();
	if (lapic_init(starting_apic))
		panic("this CPU's local APIC differs from the booting CPU's");
	p->cpu.apic_id = lapic_id();
	__atomic_store_n(&p->online, 2, __ATOMIC_RELEASE);
	for (;;) {
		/* Interrupts are off between the test and the HLT in irq_wait(): the wake-up cannot
		 * slip through. */
		while (!__atomic_load_n(&p->busy, __ATOMIC_ACQUIRE))
			irq_wait();
		p->fn(p->arg);
		__atomic_store_n(&p->busy, 0, __ATOMIC_RELEASE);
	}
}

/* True once the AP says so; false after US microseconds. */
static bool came_up(const struct percpu *p, u64 us)
{
	u64 start = rdtsc(), ticks = smp_ticks(us);

	while (__atomic_load_n(&p->online, __ATOMIC_ACQUIRE) != 2) {
		if (rdtsc() - start > ticks)
			return false;
		cpu_relax();
	}
	return true;
}

void smp_start_all(u32 count, u64 trampoline, int host_apic)
{
	u8 page = (u8)(trampoline >> PAGE_SHIFT);

	starting_apic = host_apic;
	for (u32 i = 1; i < count; i++) {
		struct percpu *p = percpu_of(cpus[i]);
		u32 id = p->cpu.apic_id;

		starting = p;
		ap_stack_top = main_stack_top(p);
		/* The waits are the SDM's: 10 ms after INIT, 200 us after the first SIPI; the
		 * second is for CPUs that missed it. */
		lapic_init_ipi(id);
		udelay(10000);
		lapic_sipi(id, page);
		if (!came_up(p, 200)) {
			lapic_sipi(id, page);
			if (!came_up(p, 2000000))
				setup_error("CPU %u (APIC id %u) did not start within 2 seconds of "
					    "INIT and SIPI; ask for fewer cpus in interlock.cfg",
					    i, id);
		}
		if (p->cpu.apic_id != id)
			setup_error("the CPU started as APIC id %u says it is %u", id,
				    p->cpu.apic_id);
		ncpus = i + 1;
	}
}

void cpu_start(unsigned index, void (*fn)(void *), void *arg)
{
	struct percpu *p;

	if (index == 0 || index >= ncpus)
		panic("cpu_start: CPU %u, but those that can be given work are 1..%u", index,
		      ncpus - 1);
	p = percpu_of(cpus[index]);
	if (!cpu_idle(index))
		panic("cpu_start: CPU %u is at work", index);
	p->fn = fn;
	p->arg = arg;
	__atomic_store_n(&p->busy, 1, __ATOMIC_RELEASE);
	lapic_ipi(p->cpu.apic_id, VECTOR_WAKE);
}

bool cpu_idle(unsigned index)
{
	return !__atomic_load_n(&percpu_of(cpus[index])->busy, __ATOMIC_ACQUIRE);
}
