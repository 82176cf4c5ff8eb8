/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 2-MB leaves again: a large page whose 512 pages are resident and in use moves, as one batch, to
 * frames in a row; the table above them goes with the batch, and the next fault maps one leaf. Where
 * no free frames are in a row, compaction first moves the guests' pages out of some 2 MB of memory.
 */
#include "ept/order.h"
#include "ept/reclaim.h"
#include "mm/frame.h"

/* Small leaves, all there, half of them used since the last harvest, and no code: that would split
 * it again. */
static bool worth_it(struct reclaim *r, u64 first)
{
	struct backing *b = r->ept->backing;
	unsigned used = 0;
	bool small = true;

	for (u64 gfn = first; gfn < first + LARGE_PAGES; gfn++)
		if ((order_load(collapse_look, backing_entry(b, gfn)) & (P_PRESENT | P_MOVING)) !=
			    P_PRESENT ||
		    (lru_flags(&b->lru, gfn) & LRU_EXEC))
			return false;
	order_lock(collapse_lock, &r->ept->lock);
	for (u64 gfn = first; gfn < first + LARGE_PAGES && small; gfn++) {
		struct ept_leaf leaf = ept_walk(r->ept, gfn << PAGE_SHIFT);

		small = leaf.level < 2;
		used += !!(leaf.value & EPT_ACCESSED);
	}
	order_unlock(collapse_unlock, &r->ept->lock);
	return small && used >= LARGE_PAGES / 2;
}

/* The frame that backs GFN, or 0. */
static u64 frame_behind(const struct reclaim *r, u64 gfn)
{
	u64 entry = order_load(behind_p, backing_entry(r->ept->backing, gfn));

	return entry & P_PRESENT ? (entry & P_ADDRESS) >> PAGE_SHIFT : 0;
}

/* Moves what guest R has in the block of frames from FIRST on to other frames. */
static void evacuate(struct reclaim *r, u64 block)
{
	struct backing *b = r->ept->backing;

	for (u64 pfn = block; pfn < block + LARGE_PAGES; pfn++) {
		u64 gfn = backing_gfn(b, frame_noted(pfn));

		if (frame_owner(pfn) == r->ept->owner && backing_entry(b, gfn) &&
		    frame_behind(r, gfn) == pfn)
			batch_add(&r->batch, gfn);
	}
	if (r->batch.npages)
		protocol_run(&r->batch);
}

/* True when 2 MB of free frames in a row have come of it. */
static bool compact(struct reclaim *r)
{
	u64 block = frames_isolate();
	bool whole;

	if (!block)
		return false;
	for (unsigned i = 0; i < MAX_ACCOUNTS; i++) {
		struct reclaim *other = reclaim_guest(i);

		if (!other || (other != r && !reclaim_begin(other)))
			continue;
		evacuate(other, block);
		if (other != r)
			reclaim_end(other);
	}
	whole = frames_isolate_end();
	r->compactions += whole;
	return whole;
}

static u64 get_run(struct reclaim *r)
{
	u16 owner = r->ept->owner;
	u64 run = frame_alloc_run(owner, LARGE_PAGES, LARGE_PAGES);

	if (!run && compact(r))
		run = frame_alloc_run(owner, LARGE_PAGES, LARGE_PAGES);
	return run;
}

/* Moves the pages to the frames from RUN on, which are their own if they are in a row already. */
static bool move_all(struct reclaim *r, u64 first, u64 run, bool own)
{
	struct batch *b = &r->batch;
	u64 i = 0;

	/* Its own frame only if it is that still: another would be somebody else's by now. */
	while (i < LARGE_PAGES && !batch_add_to(b, first + i, run + i) &&
	       (!own || b->page[i].old == run + i))
		i++;
	if (i == LARGE_PAGES)
		return protocol_run(b) == LARGE_PAGES;
	/* A page has gone, or begun to move, since it was looked at. */
	b->npages = 0;
	for (i = 0; i < LARGE_PAGES && !own; i++)
		frame_free(run + i, r->ept->owner);
	return false;
}

bool reclaim_collapse(struct reclaim *r)
{
	u64 pages = r->ept->backing->ram_pages / LARGE_PAGES, first, run;
	bool done = false;

	if (!r->ept->large || !pages)
		return false;
	first = r->collapse_at++ % pages * LARGE_PAGES;
	if (!worth_it(r, first) || !reclaim_begin(r))
		return false;
	if (ept_in_a_row(backing_entry(r->ept->backing, first))) {
		done = move_all(r, first, frame_behind(r, first), true);
	} else if (reclaim_make_room(r, LARGE_PAGES)) {
		run = get_run(r);
		done = run && move_all(r, first, run, false);
	}
	r->collapses += done;
	reclaim_end(r);
	return done;
}
