/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gather: which pages the next run of the protocol is for, and where they are to go. */
#include "ept/order.h"
#include "ept/protocol.h"
#include "mm/frame.h"

static int add(struct batch *b, u64 gfn, u64 new)
{
	u64 *p = backing_entry(b->ept->backing, gfn);
	u64 entry = p ? order_load(add_p, p) : 0;

	if (entry & P_MOVING)
		return -EAGAIN;
	if (!(entry & P_PRESENT))
		return -ENOENT;
	if (b->npages == BATCH_MAX)
		return -ENOMEM;
	b->page[b->npages++] = (struct batch_page){
		.gfn = gfn, .p = p, .old = (entry & P_ADDRESS) >> PAGE_SHIFT, .new = new
	};
	return 0;
}

int batch_add_out(struct batch *b, u64 gfn)
{
	return add(b, gfn, 0);
}

int batch_add_to(struct batch *b, u64 gfn, u64 new)
{
	frame_note(new, (u32)backing_index(b->ept->backing, gfn));
	return add(b, gfn, new);
}

int batch_add(struct batch *b, u64 gfn)
{
	int err = add(b, gfn, 0);
	struct batch_page *page = &b->page[b->npages - !err];

	if (err)
		return err;
	page->new = frame_alloc_dirty(b->ept->owner);
	if (!page->new) {
		b->npages--;
		return -ENOMEM;
	}
	/* The page has moved since, or its frame would not be free. In a batch it would look as if it
	 * were to stay where it is. */
	if (unlikely(page->new == page->old)) {
		b->npages--;
		frame_free(page->new, b->ept->owner);
		return -EAGAIN;
	}
	frame_note(page->new, (u32)backing_index(b->ept->backing, gfn));
	return 0;
}
