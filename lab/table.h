/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The states that were seen, shared by all processes of a search. */
#ifndef LAB_TABLE_H
#define LAB_TABLE_H

#include "lab/lab.h"

/* Room for about BYTES of states; memory is used as it fills. */
void table_new(u64 bytes);
void table_clear(void);

/*
 * Enters a state with the choices that need not be taken from it (its sleep set). Returns those of
 * TODO that are to be taken: all that are not asleep when the state is new; else those that slept
 * at each visit so far and are awake now. *SEEN tells which. *SLOT numbers the state.
 */
u32 table_enter(struct key k, u32 todo, u32 sleep, bool *seen, u64 *slot);

/* --naive: how many interleavings go on from a state. */
double *table_paths(u64 slot);

u64 table_states(void);
u64 table_bytes(void);
bool table_full(void);

#endif
