/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs as threads that use the guest of tests/unit/ram.h: each passes the real gate and has a
 * TLB of its own, which knows accessed and dirty flags as the processor's does. No access is
 * stale, and nothing that was written is lost, or the program ends.
 */
#ifndef TESTS_UNIT_CPUS_H
#define TESTS_UNIT_CPUS_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/ram.h"
#include "vmx/vcpu.h"

#define VCPUS 3

extern u64 cpus_pages;		/* that the guest uses, from page 0 on */
extern unsigned reclaims_every; /* exits of a vCPU; 0: when it needs to */

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

/* For ram_setup()'s guest; the trace is used to let threads run, too. */
void cpus_setup(void);

/* A thread cannot fail a test of cmocka's: it says what is wrong, and ends the program. */
#define MUST(condition, ...)                                                                       \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("Bail out! %s: ", ept.protocol->name);                              \
			printf(__VA_ARGS__);                                                       \
			printf(" (SEED=%lu)\n", fake_seed);                                        \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#endif
