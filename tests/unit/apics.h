/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Four local APICs that send each other interrupts, each on a CPU with a timer, under a clock that
 * the test moves. */
#ifndef TESTS_UNIT_APICS_H
#define TESTS_UNIT_APICS_H

#include "apic/vlapic.h"
#include "tests/unit/fake.h"

#define APICS 4

extern struct vlapic apics[APICS];
extern unsigned notified[APICS]; /* how often vlapic_notify() was called for each */
extern unsigned ended[APICS];	 /* the last level-triggered interrupt that ended at each */

/* The CPU that the test now stands for, and the TSC of all. An undivided timer counts at half
 * its rate. */
extern unsigned apics_cpu;
extern u64 apics_now;

/* What is left of a CPU's timer; and whether its interrupt is due, which this takes. */
u32 apics_timer_left(unsigned cpu);
bool apics_timer_due(unsigned cpu);
u64 apics_timer_next(unsigned cpu); /* when it will be; ~0: never */

/* A cmocka set-up: all reset, then enabled by software. */
int apics_setup(void **state);

/* FROM writes its ICR: DEST above, with bits below that are to be ignored, then ICR. */
void send(unsigned from, u32 dest, u32 icr);

#endif
