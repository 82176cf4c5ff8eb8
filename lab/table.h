/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The states that were seen, shared by all processes of a search. */
#ifndef LAB_TABLE_H
#define LAB_TABLE_H

#include <stdio.h>

#include "lab/lab.h"

/* Room for at most BYTES of states; it starts small and grows. */
void table_new(u64 bytes);
void table_clear(bool whole); /* empty; WHOLE: as large as it may get, at once */

/*
 * Half full, to be grown; and grows, while no other process uses it. Full: as large as it may get,
 * and there is room for one more turn of all processes.
 */
bool table_tight(void);
void table_grow(void);
bool table_full(void);
u64 table_size(void); /* in states */

/* To a file and from it; what went through adds up to a sum that tells damage. */
extern u64 file_sum;
bool file_put(FILE *f, const void *p, size_t n);
bool file_get(FILE *f, void *p, size_t n);

/* All states. */
bool table_save(FILE *f);
bool table_load(FILE *f);

/*
 * Enters a state with the choices that need not be taken from it (its sleep set). Returns those of
 * CHOICES that are to be taken: all that are not asleep when the state is new; else those that slept
 * at each visit so far and are awake now. *SEEN tells which. *SLOT numbers the state.
 */
u32 table_enter(struct key k, u32 choices, u32 sleep, bool *seen, u64 *slot);

/* --naive: how many interleavings go on from a state. */
double *table_paths(u64 slot);

u64 table_states(void);
u64 table_bytes(void);

#endif
