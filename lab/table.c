/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table of states in memory that processes share. A state is kept as 96 bits of its hash:
 * with N states the chance that two fall together is about N*N / 2^97, so under 1 in 10^12 for a
 * hundred million.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lab/table.h"

#define VALID BIT(31)

struct slot {
	_Atomic u64 key;
	_Atomic u64 rest; /* 32 more bits of the hash; VALID; the sleep set */
};
_Static_assert(ACTORS * OPTIONS < 31, "a sleep set fits beside VALID");

static struct slot *slots;
static u64 nslots;
static _Atomic u64 *used;

void table_new(u64 bytes)
{
	for (nslots = 1 << 16; nslots * 2 * sizeof(*slots) <= bytes;)
		nslots *= 2;
	slots = mmap(NULL, nslots * sizeof(*slots) + 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (slots == MAP_FAILED) {
		perror("explore: no memory for the table of states (--memory takes less)");
		exit(2);
	}
	used = (_Atomic u64 *)(slots + nslots);
}

static double *paths;

double *table_paths(u64 slot)
{
	if (!paths)
		paths = mmap(NULL, nslots * sizeof(*paths), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (paths == MAP_FAILED) {
		perror("explore: no memory to count interleavings");
		exit(2);
	}
	return &paths[slot];
}

void table_clear(void)
{
	if (paths)
		munmap(paths, nslots * sizeof(*paths));
	paths = NULL;
	/* Punches the pages out: cheaper than writing where few were used. */
	if (madvise(slots, nslots * sizeof(*slots) + 4096, MADV_REMOVE))
		perror("madvise");
}

u32 table_enter(struct key k, u32 todo, u32 sleep, bool *seen, u64 *slot)
{
	u64 fresh = (u64)k.b << 32 | VALID | sleep;

	for (u64 i = k.a & (nslots - 1);; i = (i + 1) & (nslots - 1)) {
		struct slot *s = &slots[i];
		u64 key = 0, rest;

		if (atomic_load(&s->key) == 0 && atomic_compare_exchange_strong(&s->key, &key, k.a)) {
			atomic_store(&s->rest, fresh);
			atomic_fetch_add(used, 1);
			*seen = false;
			*slot = i;
			return todo & ~sleep;
		}
		if (atomic_load(&s->key) != k.a)
			continue;
		while (!((rest = atomic_load(&s->rest)) & VALID))
			;
		if (rest >> 32 != k.b)
			continue;
		*seen = true;
		*slot = i;
		rest = atomic_fetch_and(&s->rest, ~(u64)(u32)~(sleep | VALID));
		return todo & (u32)rest & ~(sleep | VALID);
	}
}

u64 table_states(void)
{
	return atomic_load(used);
}

u64 table_bytes(void)
{
	return table_states() * sizeof(struct slot);
}

bool table_full(void)
{
	return table_states() > nslots / 8 * 7;
}
