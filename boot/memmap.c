/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM ranges: collected from the firmware's memory map in any order, then sorted once. */
#include "boot/memmap.h"

bool memmap_add(struct memmap *map, u64 start, u64 end, bool free)
{
	if (start >= end)
		return true;
	if (map->count == map->capacity)
		return false;
	map->range[map->count++] = (struct mem_range){ start, end, free };
	return true;
}

/* By start; of two with the same start the longer first, so that the other one is the overlap. */
static bool before(const struct mem_range *a, const struct mem_range *b)
{
	return a->start != b->start ? a->start < b->start : a->end > b->end;
}

static void insertion_sort(struct memmap *map)
{
	for (u32 i = 1; i < map->count; i++) {
		struct mem_range range = map->range[i];
		u32 at = i;

		for (; at && before(&range, &map->range[at - 1]); at--)
			map->range[at] = map->range[at - 1];
		map->range[at] = range;
	}
}

void memmap_sort(struct memmap *map)
{
	u32 kept = 0;

	insertion_sort(map);
	for (u32 i = 0; i < map->count; i++) {
		struct mem_range range = map->range[i];
		struct mem_range *last = kept ? &map->range[kept - 1] : NULL;

		/* Firmware's maps do not overlap. If one does, what it says is doubtful: the
		 * overlap is not free. */
		if (last && range.start < last->end) {
			if (last->free != range.free || range.end <= last->end)
				last->free = last->free && range.free;
			range.start = MIN(last->end, range.end);
			if (range.start == range.end)
				continue;
		}
		if (last && last->end == range.start && last->free == range.free)
			last->end = range.end;
		else
			map->range[kept++] = range;
	}
	map->count = kept;
}

u64 memmap_total(const struct memmap *map, bool only_free)
{
	u64 total = 0;

	for (u32 i = 0; i < map->count; i++)
		if (map->range[i].free || !only_free)
			total += map->range[i].end - map->range[i].start;
	return total;
}
