/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs as threads that use the guest of tests/unit/ram.h: each passes the real gate and has a
 * TLB of its own, which knows accessed and dirty flags as the processor's does. No access is
 * stale, and nothing that was written is lost, or the program ends.
 */
#ifndef TESTS_UNIT_CPUS_H
#define TESTS_UNIT_CPUS_H

#include "tests/unit/ram.h"
#include "vmx/vcpu.h"

#define VCPUS 3

/* What each does, and how often: every so many times, 0 never. */
struct cpus_use {
	u64 pages;		/* of data, from page 0 on */
	unsigned apic_every;	/* uses of data: one of the APIC-access page */
	unsigned read_every;	/* uses of data: one that writes nothing */
	unsigned zero_every;	/* writes: one of 0, after which one word may tell the page */
	unsigned host_every;	/* exits: the hypervisor reads or writes for the vCPU */
	unsigned reclaim_every; /* exits: a direct reclaim, beside those when there is need */
	bool short_of_memory;	/* an EPT violation may have to wait for a frame */
};
extern struct cpus_use cpus_use;

/* For ram_setup()'s guest; the trace is used to let threads run, too. */
void cpus_setup(struct cpus_use use);

/* All VCPUS at once; cpus_running() is true when each has used its memory. */
void cpus_start(void);
bool cpus_running(void);

/* They see this and end; cpus_join() waits until they have. */
void cpus_stop(void);
bool cpus_stopped(void);

struct cpus_counts {
	u64 checks, trapped; /* uses of data, of the APIC-access page */
	u64 late;	     /* EPT violations that had to wait */
};
struct cpus_counts cpus_join(void);

/* What each vCPU wrote is there, wherever it went. */
void cpus_check_all(void);

#endif
