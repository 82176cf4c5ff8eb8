/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table of states in memory that processes share. A state is kept as 96 bits of its hash:
 * with N states the chance that two fall together is about N*N / 2^97, so under 1 in 10^12 for a
 * hundred million.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lab/table.h"

#define VALID BIT(31)

struct slot {
	_Atomic u64 key;
	_Atomic u64 rest; /* 32 more bits of the hash; VALID; the sleep set */
};
_Static_assert(ACTORS *OPTIONS < 31, "a sleep set fits beside VALID");

/* Two areas: the table in use, and the one that it grows into. Address space only, until used. */
static struct slot *area[2];
static struct {
	u64 nslots;
	_Atomic u64 used;
	unsigned area;
} * shared;
static u64 most;

#define SMALLEST (1ull << 16)

static void *reserve(u64 bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("explore: no memory for the table of states (--memory takes less)");
		exit(2);
	}
	return p;
}

void table_new(u64 bytes)
{
	for (most = SMALLEST; most * 2 * sizeof(struct slot) <= bytes;)
		most *= 2;
	for (unsigned i = 0; i < 2; i++)
		area[i] = reserve(most * sizeof(struct slot));
	shared = reserve(sizeof(*shared));
	shared->nslots = SMALLEST;
}

/* Gives the pages back: cheaper than clearing them where few were used. */
static void empty(unsigned i)
{
	if (madvise(area[i], most * sizeof(struct slot), MADV_REMOVE))
		perror("explore: madvise");
}

static double *paths;

double *table_paths(u64 slot)
{
	if (!paths)
		paths = mmap(NULL, most * sizeof(*paths), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (paths == MAP_FAILED) {
		perror("explore: no memory to count interleavings");
		exit(2);
	}
	return &paths[slot];
}

void table_clear(bool whole)
{
	if (paths)
		munmap(paths, most * sizeof(*paths));
	paths = NULL;
	empty(shared->area);
	shared->nslots = whole ? most : SMALLEST;
	atomic_store(&shared->used, 0);
}

bool table_tight(void)
{
	return shared->nslots < most && atomic_load(&shared->used) > shared->nslots / 5 * 3;
}

bool table_full(void)
{
	return shared->nslots == most && atomic_load(&shared->used) > most / 10 * 7;
}

u64 table_size(void)
{
	return shared->nslots;
}

static void insert(struct slot *to, u64 n, u64 key, u64 rest)
{
	u64 i = key & (n - 1);

	while (atomic_load_explicit(&to[i].key, memory_order_relaxed))
		i = (i + 1) & (n - 1);
	atomic_store_explicit(&to[i].key, key, memory_order_relaxed);
	atomic_store_explicit(&to[i].rest, rest, memory_order_relaxed);
}

void table_grow(void)
{
	const struct slot *from = area[shared->area];
	u64 n = shared->nslots, to = MIN(n * (n < 1 << 24 ? 4 : 2), most);

	for (u64 i = 0; i < n; i++)
		if (from[i].key)
			insert(area[!shared->area], to, from[i].key, from[i].rest);
	empty(shared->area);
	shared->area = !shared->area;
	shared->nslots = to;
}

u32 table_enter(struct key k, u32 choices, u32 sleep, bool *seen, u64 *slot)
{
	u64 fresh = (u64)k.b << 32 | VALID | sleep, nslots = shared->nslots;
	struct slot *slots = area[shared->area];

	for (u64 i = k.a & (nslots - 1);; i = (i + 1) & (nslots - 1)) {
		struct slot *s = &slots[i];
		u64 key = 0, rest;

		if (atomic_load(&s->key) == 0 &&
		    atomic_compare_exchange_strong(&s->key, &key, k.a)) {
			atomic_store(&s->rest, fresh);
			atomic_fetch_add_explicit(&shared->used, 1, memory_order_relaxed);
			*seen = false;
			*slot = i;
			return choices & ~sleep;
		}
		if (atomic_load(&s->key) != k.a)
			continue;
		while (!((rest = atomic_load(&s->rest)) & VALID))
			;
		if (rest >> 32 != k.b)
			continue;
		*seen = true;
		*slot = i;
		rest = atomic_fetch_and(&s->rest, ~(u64)(u32) ~(sleep | VALID));
		return choices & (u32)rest & ~(sleep | VALID);
	}
}

u64 table_states(void)
{
	return atomic_load(&shared->used);
}

u64 table_bytes(void)
{
	return shared->nslots * sizeof(struct slot);
}

/* ---- files ---- */

u64 file_sum;

static void add_to_sum(const void *p, size_t n)
{
	for (u64 word; n; p = (const char *)p + MIN(n, 8), n -= MIN(n, 8)) {
		word = 0;
		memcpy(&word, p, MIN(n, 8));
		file_sum = mix(file_sum, word);
	}
}

bool file_put(FILE *f, const void *p, size_t n)
{
	add_to_sum(p, n);
	return fwrite(p, n, 1, f) == 1;
}

bool file_get(FILE *f, void *p, size_t n)
{
	if (fread(p, n, 1, f) != 1)
		return false;
	add_to_sum(p, n);
	return true;
}

bool table_save(FILE *f)
{
	const struct slot *s = area[shared->area];
	u64 n = table_states();

	if (!file_put(f, &n, sizeof(n)))
		return false;
	for (u64 i = 0; i < shared->nslots; i++)
		if (s[i].key && !file_put(f, &s[i], sizeof(s[i])))
			return false;
	return true;
}

bool table_load(FILE *f)
{
	struct slot s;
	u64 n;

	table_clear(false);
	if (!file_get(f, &n, sizeof(n)))
		return false;
	while (shared->nslots < n * 2 && shared->nslots < most)
		shared->nslots *= 2;
	if (n > shared->nslots / 10 * 7)
		return false;
	for (u64 i = 0; i < n; i++) {
		if (!file_get(f, &s, sizeof(s)))
			return false;
		insert(area[shared->area], shared->nslots, s.key, s.rest);
	}
	atomic_store(&shared->used, n);
	return true;
}
