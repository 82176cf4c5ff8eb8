/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUs: their memory, how they are started, how one gets work. */
#ifndef BOOT_SMP_H
#define BOOT_SMP_H

#include "boot/desc.h"
#include "mm/host.h"

/* Runs FN(ARG) on CPU INDEX, which must be idle, and returns at once. What the caller wrote before,
 * FN sees. */
void cpu_start(unsigned index, void (*fn)(void *), void *arg);

/* True when that CPU has nothing to do, or no more; then what FN wrote is visible to the caller. */
bool cpu_idle(unsigned index);

/* The rest is for boot/ alone. */

#define TRACE_EVENTS 64

struct trace_event {
	const char *event;
	u64 tsc, a, b;
};

/* A CPU's own pages: its struct cpu, which GS points to, and what only boot/ knows. */
struct percpu {
	struct cpu cpu;
	struct desc desc;
	void (*fn)(void *); /* the work, valid while BUSY */
	void *arg;
	u32 busy;
	u32 online;
	const struct trap_regs *stopped; /* set by the NMI of a panic */
	u64 traced;			 /* events so far; the ring holds the last TRACE_EVENTS */
	struct trace_event ring[TRACE_EVENTS];
	u64 stack_low, stack_high; /* all of this CPU's stacks lie between */
};

static inline struct percpu *percpu_of(struct cpu *cpu)
{
	return (struct percpu *)cpu; /* the first member */
}

/* True once this_cpu() works on the booting CPU, and on every other before it runs C code of
 * weight. */
extern bool percpu_ready;

/* Pages that smp_init() needs for COUNT CPUs, and how many of them are guards. */
u32 smp_pages_needed(u32 count);
u32 smp_guard_pages(u32 count);

/* Lays out COUNT CPUs' areas in BLOCK and makes the guard pages of the stacks not present. After
 * paging_build(). */
void smp_init(u64 block, u32 count, const u32 *apic_id);

/* Makes the calling CPU, the booting one, CPU 0: descriptors, GS, and then FN on its own stack. */
_Noreturn void smp_enter_boot_cpu(void (*fn)(void));

/* Copies the trampoline to PAGE (below 1 MB) and makes that page executable. Before paging_load().
 */
void smp_place_trampoline(u64 page);

/* Starts CPUs 1..COUNT-1, one after the other. A CPU that does not come up is a set-up error, with
 * its number and APIC id. */
void smp_start_all(u32 count, u64 trampoline, int host_apic);

/* Says how many TSC ticks one microsecond takes; udelay() and every bound in time rest on it. */
void smp_set_tick_rate(u64 ticks_per_us);
u64 smp_ticks(u64 us);
void udelay(u64 us);

/* True when the 8 bytes at ADDRESS are in some CPU's stacks and present. */
bool smp_on_stack(u64 address);

#endif
