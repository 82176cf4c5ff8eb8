/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's RAM as sorted ranges. Plain C. */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include "mm/types.h"

/* In pages' addresses: start and end are multiples of 4096, end is the first byte behind. */
struct mem_range {
	u64 start, end;
	bool free; /* nobody's: UEFI's conventional memory. Else RAM that holds something. */
};

struct memmap {
	struct mem_range *range;
	u32 count, capacity;
};

/* Adds a range; an empty one is left out. False when there is no room. */
bool memmap_add(struct memmap *map, u64 start, u64 end, bool free);

/* Sorts by address, cuts overlaps (what is in use wins) and joins neighbours of one kind. */
void memmap_sort(struct memmap *map);

/* Bytes of RAM, and of those that are free. */
u64 memmap_total(const struct memmap *map, bool only_free);

#endif
