/* SPDX-License-Identifier: GPL-2.0-or-later */
/* P's storage. Filling it is the fault path's work (ept/fault.c), changing it the protocol's
 * (ept/protocol.c). */
#include "mm/backing.h"
#include "mm/frame.h"

/* In bytes, by page: P, kept[], the lists. The dirty log comes last, in whole words. */
#define PER_PAGE (2 * sizeof(u64) + sizeof(struct lru_page))

static u64 run_frames(u64 pages)
{
	return (pages * PER_PAGE + (pages + 63) / 64 * sizeof(u64) + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

u64 backing_frames(u64 ram_pages)
{
	return run_frames(ram_pages + 1) + store_work_frames();
}

int backing_init(struct backing *b, u16 owner, u64 ram_pages)
{
	u64 pages = ram_pages + 1;

	*b = (struct backing){ .ram_pages = ram_pages, .owner = owner, .run = run_frames(pages) };
	b->first = frame_alloc_run(OWNER_HOST, b->run, 1);
	if (!b->first)
		return -ENOMEM;
	b->entries = frame_ptr(b->first);
	b->kept = b->entries + pages;
	lru_init(&b->lru, (struct lru_page *)(b->kept + pages), pages);
	b->dirty = (u64 *)(b->lru.pages + pages);
	if (!store_init(&b->store, owner))
		return 0;
	for (u64 i = 0; i < b->run; i++)
		frame_free(b->first + i, OWNER_HOST);
	return -ENOMEM;
}

void backing_destroy(struct backing *b)
{
	store_destroy(&b->store);
	for (u64 i = 0; i <= b->ram_pages; i++)
		if (b->entries[i] & P_PRESENT)
			frame_free((b->entries[i] & P_ADDRESS) >> PAGE_SHIFT, b->owner);
	for (u64 i = 0; i < b->run; i++)
		frame_free(b->first + i, OWNER_HOST);
}

void backing_log_dirty(struct backing *b, u64 gfn)
{
	u64 index = backing_index(b, gfn);

	if (index != ~0ul)
		__atomic_fetch_or(&b->dirty[index / 64], BIT(index % 64), __ATOMIC_RELAXED);
}

u64 backing_resident(const struct backing *b)
{
	u64 n = 0;

	for (u64 i = 0; i <= b->ram_pages; i++)
		n += b->entries[i] & P_PRESENT;
	return n;
}
