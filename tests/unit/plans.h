/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes plans for guest images, and says what is wrong with one: for the tests of boot/load.h and the
 * fuzzer. */
#ifndef TESTS_UNIT_PLANS_H
#define TESTS_UNIT_PLANS_H

#include "boot/load.h"

/* What the next plan is made of, and its outcome. */
extern struct load_input plan_in;
extern struct load_plan plan;
extern char plan_err[200];
extern size_t plan_scratch; /* bytes */

/* The plan for plan_in, whose blocks are copied into blocks of exactly their size, so that the
 * sanitizer sees every byte read too far; the copies last until the next call. The result is
 * load_plan()'s. */
int plan_make(void);

/* What a plan, or a refusal, must be and the last one is not; or NULL. */
const char *plan_problem(int rc);

/* The SIZE bytes of the last plan at GPA, or NULL: they are not in one piece that is no zeroes. */
const void *plan_at(u64 gpa, u64 size);

/* The same for little-endian numbers; 0 for NULL. */
u16 plan_u16(u64 gpa);
u32 plan_u32(u64 gpa);
u64 plan_u64(u64 gpa);

#endif
