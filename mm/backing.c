/* SPDX-License-Identifier: GPL-2.0-or-later */
/* P's storage. Filling it is the fault path's work (ept/fault.c), changing it the protocol's
 * (ept/protocol.c). */
#include "mm/backing.h"
#include "mm/frame.h"

int backing_init(struct backing *b, u16 owner, u64 ram_pages)
{
	u64 pages = ((ram_pages + 1) * sizeof(u64) + PAGE_SIZE - 1) >> PAGE_SHIFT;

	for (b->run = 1; b->run < pages;)
		b->run <<= 1;
	b->first = frame_alloc_run(OWNER_HOST, b->run);
	if (!b->first)
		return -ENOMEM;
	b->entries = frame_ptr(b->first);
	b->ram_pages = ram_pages;
	b->owner = owner;
	return 0;
}

void backing_destroy(struct backing *b)
{
	for (u64 i = 0; i <= b->ram_pages; i++)
		if (b->entries[i] & P_PRESENT)
			frame_free((b->entries[i] & P_ADDRESS) >> PAGE_SHIFT, b->owner);
	for (u64 i = 0; i < b->run; i++)
		frame_free(b->first + i, OWNER_HOST);
}

u64 backing_resident(const struct backing *b)
{
	u64 n = 0;

	for (u64 i = 0; i <= b->ram_pages; i++)
		n += b->entries[i] & P_PRESENT;
	return n;
}
