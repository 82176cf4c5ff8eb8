/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data pages whose contents say what they must be. */
#ifndef TESTS_GUESTS_DATA_H
#define TESTS_GUESTS_DATA_H

#include "tests/guests/rt.h"

/* Verifies one page of this vCPU's share, chosen at random, and rewrites it as its next version:
 * about 9,000 instructions without an exit. Wrong words are reported as WRONG_DATA, the first
 * DATA_REPORTS of a visit. */
void data_visit(struct vcpu *v);
#define DATA_REPORTS 8

/* Verifies this vCPU's whole share, also the pages that it never wrote and that must be zero. */
void data_verify_all(struct vcpu *v);

/* The last PAGES pages of guest RAM are nobody's data. For vCPU 0, before any other begins with its
 * share. */
void data_spare(u32 pages);

#endif
