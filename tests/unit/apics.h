/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Four local APICs that send each other interrupts, with timers that do nothing. */
#ifndef TESTS_UNIT_APICS_H
#define TESTS_UNIT_APICS_H

#include "apic/vlapic.h"
#include "tests/unit/fake.h"

#define APICS 4

extern struct vlapic apics[APICS];
extern unsigned notified[APICS]; /* how often vlapic_notify() was called for each */

/* A cmocka set-up: all reset, then enabled by software. */
int apics_setup(void **state);

/* FROM writes its ICR: DEST above, with bits below that are to be ignored, then ICR. */
void send(unsigned from, u32 dest, u32 icr);

#endif
