/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be left out of the code and of the modelled processor, and what notices. */
#ifndef LAB_ABLATE_H
#define LAB_ABLATE_H

#include "lab/search.h"

/*
 * NAME can be left out: a step of the invalidator or the gate, a named access, a locked access's
 * lock prefix and fence ("NAME.plain"), or two steps' order ("FIRST<>SECOND").
 */
bool ablation_known(const char *name);
const char *ablation_names(void);

/*
 * Leaves each thing of `ordered` out in turn and runs those of the N tests that are about `ordered`
 * whole, under TSO. Prints which one notices; what none notices must have its reason in the table
 * of ablate.c, and what has a reason must be noticed by none, nor by the tests in a folder large/,
 * which are run for those alone. The exit code.
 */
int ablate_all(struct litmus *tests, unsigned n, struct limits *l);

/* Takes each rule of the modelled processor out in turn: one of the N tests must have another
 * verdict. The exit code. */
int check_rules(struct litmus *tests, unsigned n, struct limits *l);

#endif
