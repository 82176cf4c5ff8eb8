/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lab build: which part of `ordered` is left out of a run. */
#ifndef LAB_METAL_ABLATE_H
#define LAB_METAL_ABLATE_H

#include "mm/types.h"

/*
 * Leaves the part NAME, which boot/keys.c knows, out of everything from here on; "none": nothing.
 * While no vCPU runs. NULL, or why it cannot be.
 */
const char *ablate_begin(const char *name, const char *protocol);

/* The run is over. When it did not hold, its part has been noticed. */
void ablate_end(bool held);

/* NAME was noticed in this boot already, so that no further run has to show it; says so, where else
 * the run's result would be. */
bool ablate_noticed(const char *name);

/*
 * NAMES[0..N-1] is an order. ORDER gets the places that are left when NAME is taken out of it, or
 * when the two of "FIRST<>SECOND", which stand side by side in it, are swapped. How many.
 */
unsigned ablate_order(const char *name, const char *const *names, unsigned n, u8 *order);

/* steps.c and gate.c: make their list anew, without NAME. */
void ablate_steps(const char *name);
void ablate_gate(const char *name);

#endif
