/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's local APIC, in xAPIC or x2APIC mode. */
#ifndef APIC_LAPIC_H
#define APIC_LAPIC_H

#include "mm/types.h"

#define LAPIC_BASE 0xfee00000u /* where the hypervisor's page tables map it uncached */

enum {
	VECTOR_WAKE = 0xf0,	/* an idle CPU has work; nothing to do but EOI */
	VECTOR_TIMER = 0xf1,	/* sets this_cpu()->timer_due */
	VECTOR_SPURIOUS = 0xff, /* the APIC's own; takes no EOI */
};

/*
 * Makes this CPU's local APIC ready: enabled, in the mode wanted (0: x2APIC where the CPU has it,
 * 1: xAPIC, 2: x2APIC, as config's host_apic), every LVT masked, timer stopped, task priority 0,
 * nothing left in service. The same WANT on every CPU; the booting CPU goes first. Returns 0,
 * -ENOSYS when the CPU lacks the mode, -EINVAL when the APIC is not at LAPIC_BASE.
 */
int lapic_init(int want);

/* True once lapic_init() has chosen x2APIC mode. */
bool lapic_is_x2apic(void);

/* This CPU's APIC id. Also before lapic_init(). */
u32 lapic_id(void);

void lapic_eoi(void);

/* A fixed interrupt to one CPU. Stores before the call are visible to whoever handles it. */
void lapic_ipi(u32 apic_id, u8 vector);

/* An NMI to one CPU; the same promise. */
void lapic_nmi(u32 apic_id);

/* An NMI to each other CPU that has been through lapic_init(), and to no CPU that is still the
 * firmware's. */
void lapic_nmi_others(void);

/* INIT: the CPU then waits for a SIPI. */
void lapic_init_ipi(u32 apic_id);

/* SIPI: a waiting CPU starts in real mode at PAGE * 4096. */
void lapic_sipi(u32 apic_id, u8 page);

#define DIVIDE_BY_1 0xbu /* of the timer's divide configurations */

/*
 * Starts the timer at INITIAL_COUNT (0 stops it); it counts down at the bus clock divided as
 * DIVIDE_CONFIG says (the register's encoding), then VECTOR_TIMER comes, again and again if
 * PERIODIC.
 */
void lapic_timer_set(u32 initial_count, u32 divide_config, bool periodic);

/* What is left of the count. */
u32 lapic_timer_count(void);

/* How far the timer would count in TSC ticks, divided as DIVIDE_CONFIG says: by the rate that
 * lapic_init() measured on the booting CPU. All CPUs' timers run by one clock. */
u64 lapic_timer_counts(u64 tsc_ticks, u32 divide_config);

/* The rate of the timer, undivided, in Hz, where the TSC has TICKS_PER_US ticks in a microsecond. */
u64 lapic_timer_hz(u32 ticks_per_us);

/* Handles an interrupt that has been taken, by the IDT or by a VM exit with acknowledge-on-exit.
 * Ends it at the APIC; one with a vector of nobody's is only ended. */
void lapic_interrupt(u8 vector);

#endif
