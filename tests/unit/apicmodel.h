/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The four local APICs of apics.h beside a model of them, that was written from the SDM: flags, a
 * clock, and no thought of speed. Both do the same; whatever a guest could see of them is compared.
 */
#ifndef TESTS_UNIT_APICMODEL_H
#define TESTS_UNIT_APICMODEL_H

#include "tests/unit/apics.h"

#define OP_BYTES 8

/* Both as apics_setup() leaves the APICs. */
void apicmodel_start(void);

/* One thing that happens, by OP_BYTES bytes of any value; then all is compared. */
void apicmodel_step(const u8 *op);

/* What the test defines: WHAT differs at the APIC numbered I. Does not return. */
void apicmodel_differs(const char *what, unsigned i, u64 is, u64 should_be);

#endif
