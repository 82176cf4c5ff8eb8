/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gives up a frame. Second chance over the accessed flags that the processor sets in E: a page
 * comes in at the head of the inactive list; at its tail, one that was used since goes to the active
 * list, one that was not goes out. When the inactive list is short, the active list's tail, its flags
 * cleared, moves over.
 *
 * Flags are cleared by the batch; the INVEPT that has the processor set them again is the one that
 * the batch's run of the protocol owes anyway.
 */
#include "ept/order.h"
#include "ept/reclaim.h"
#include "mm/frame.h"

#define BATCH_DEFAULT 64u

static struct reclaim *guests[MAX_ACCOUNTS];

struct reclaim *reclaim_guest(unsigned account)
{
	return guests[account];
}

static unsigned batch_of(unsigned batch)
{
	return batch ? batch : BATCH_DEFAULT;
}

/*
 * Frames that a guest's own pages leave to its store: a batch needs at most half a frame for each of
 * its pages before it gives any back.
 */
u64 reclaim_reserve(unsigned batch)
{
	return batch_of(batch) / 2 + 16;
}

/*
 * Pages of a vCPU that must fit at once. An instruction touches some dozen at most (its own, its
 * operands, the guest's page tables for each of them), and more when an interrupt is delivered in
 * between; the rest keeps reclaim from taking what was just brought in.
 */
#define WORKING_SET 64u

/* As much again for what is packed, or cannot be. */
u64 reclaim_least(unsigned nvcpus, unsigned batch)
{
	return reclaim_reserve(batch) + 4 * MIN(batch_of(batch), BATCH_DEFAULT) +
	       2 * WORKING_SET * nvcpus;
}

void reclaim_init(struct reclaim *r, struct ept *e, unsigned batch)
{
	u64 limit = MIN(frame_left(e->owner), frames_total());

	*r = (struct reclaim){ .ept = e, .batch_max = batch_of(batch) };
	r->batch.ept = e;
	r->batch.prune = true;
	e->reclaim = r;
	r->least = reclaim_reserve(batch);
	r->low = r->least + MIN(r->batch_max, limit / 8) + limit / 32;
	r->high = r->low + r->low / 2;
	guests[e->owner % MAX_ACCOUNTS] = r;
}

void reclaim_exit(struct reclaim *r)
{
	guests[r->ept->owner % MAX_ACCOUNTS] = NULL;
	r->ept->reclaim = NULL;
}

/* What is left to the guest: of its account, and of the machine. */
static u64 left(const struct reclaim *r)
{
	return MIN(frame_left(r->ept->owner), frames_free());
}

static u64 pages_listed(const struct reclaim *r)
{
	const struct lru *l = &r->ept->backing->lru;

	return lru_count(l, LRU_ACTIVE) + lru_count(l, LRU_INACTIVE);
}

bool reclaim_begin(struct reclaim *r)
{
	return !__atomic_exchange_n(&r->busy.taken, 1, __ATOMIC_ACQUIRE);
}

void reclaim_end(struct reclaim *r)
{
	unlock(&r->busy);
}

/*
 * Clears the accessed flags of N pages; USED[i] becomes whether the page was used, STUCK[i] whether
 * it is not worth a try. Pages of a 2-MB leaf share one flag: the first of them clears it, and those
 * that follow in the batch were used as it was.
 */
static void harvest(struct reclaim *r, const u32 *pages, unsigned n, bool *used, bool *stuck)
{
	struct backing *b = r->ept->backing;
	u64 *leaf_entry = NULL;
	bool leaf_used = false, dirty;

	order_lock(harvest_lock, &r->ept->lock);
	for (unsigned i = 0; i < n; i++) {
		struct ept_leaf leaf = ept_age(r->ept, backing_gfn(b, pages[i]) << PAGE_SHIFT);

		if (leaf.entry != leaf_entry || !leaf_entry)
			leaf_used = leaf.value & EPT_ACCESSED;
		leaf_entry = leaf.entry;
		used[i] = leaf_used;
		dirty = ept_flags(r->ept, leaf.value) & EPT_DIRTY;
		stuck[i] = lru_mark(&b->lru, pages[i], 0, dirty ? LRU_STUCK : 0) & LRU_STUCK;
	}
	order_unlock(harvest_unlock, &r->ept->lock);
}

#define HARVEST 64u

/* Keeps the inactive list at a third: moves pages over from the active list's tail. */
static void deactivate(struct reclaim *r)
{
	struct lru *l = &r->ept->backing->lru;
	u32 pages[HARVEST];
	bool used[HARVEST], stuck[HARVEST];
	unsigned n;

	while (2 * lru_count(l, LRU_INACTIVE) < lru_count(l, LRU_ACTIVE)) {
		n = lru_take(l, LRU_ACTIVE, pages, HARVEST);
		harvest(r, pages, n, used, stuck);
		for (unsigned i = 0; i < n; i++)
			lru_add(l, pages[i], LRU_INACTIVE);
	}
}

/* Takes candidates off the inactive list into the batch. FORCE: used or not. Returns false when the
 * list gives nothing more. */
static bool gather(struct reclaim *r, bool force, bool *moving)
{
	struct backing *b = r->ept->backing;
	u32 pages[HARVEST];
	bool used[HARVEST], stuck[HARVEST];
	unsigned n = lru_take(&b->lru, LRU_INACTIVE, pages,
			      MIN(HARVEST, r->batch_max - r->batch.npages));

	harvest(r, pages, n, used, stuck);
	r->scanned += n;
	for (unsigned i = 0; i < n; i++) {
		int err = -EEXIST;

		if (!stuck[i] && (force || !used[i]))
			err = batch_add_out(&r->batch, backing_gfn(b, pages[i]));
		*moving |= err == -EAGAIN;
		r->activated += err == -EEXIST;
		/* -ENOENT: not resident any more; its fault will put it on a list again. */
		if (err && err != -ENOENT)
			lru_add(&b->lru, pages[i], LRU_ACTIVE);
	}
	return n;
}

/* One run of the protocol. Returns the frames freed. MOVING: a page was on its way elsewhere. */
static unsigned run(struct reclaim *r, bool force, bool *moving)
{
	struct backing *b = r->ept->backing;
	struct batch *batch = &r->batch;
	u64 start = rdtsc(), stuck = batch->sum.stuck;
	unsigned done, tries = 1 + r->batch_max / HARVEST;

	deactivate(r);
	while (batch->npages < r->batch_max && tries-- && gather(r, force, moving))
		;
	if (!batch->npages) { /* the flags that were cleared want an INVEPT all the same */
		order_add(harvest_flush, &r->ept->generation, 1);
		return 0;
	}
	done = protocol_run(batch);
	for (unsigned i = 0; i < done; i++)
		if (batch->page[i].to & P_PRESENT)
			lru_add(&b->lru, backing_index(b, batch->page[i].gfn), LRU_ACTIVE);
	done -= batch->sum.stuck - stuck;
	r->reclaimed += done;
	r->ticks += rdtsc() - start;
	return done;
}

/* Forgets copies of pages that the dirty log tells of, some at a time: their room is better used. */
static void drop_copies(struct reclaim *r)
{
	struct backing *b = r->ept->backing;
	u64 words = b->ram_pages / 64 + 1;

	for (unsigned n = 0; n < 64 && n < words; n++) {
		u64 at = r->dirty_at++ % words, bits = 0;

		if (__atomic_load_n(&b->dirty[at], __ATOMIC_RELAXED))
			bits = __atomic_exchange_n(&b->dirty[at], 0, __ATOMIC_RELAXED);
		for (; bits; bits &= bits - 1) {
			u64 index = at * 64 + (u64)__builtin_ctzl(bits), *kept = &b->kept[index];
			u64 *p = &b->entries[index], entry = order_load(log_p, p);

			if ((entry & (P_PRESENT | P_MOVING)) != P_PRESENT ||
			    !order_load(log_kept, kept) ||
			    !order_cas(log_claim, p, &entry, entry | P_MOVING))
				continue;
			if (order_load(log_copy, kept)) {
				store_free(&b->store, order_load(log_stale, kept));
				order_store(log_drop, kept, 0);
				r->copies_dropped++;
			}
			order_and(log_end, p, ~P_MOVING);
		}
	}
}

bool reclaim_make_room(struct reclaim *r, u64 frames)
{
	bool moving = false;
	u16 owner = r->ept->owner;
	u64 end = r->scanned + 4 * frames;

	/* Not for a guest that would be emptied for it. */
	if (frame_left(owner) != ~0ul && frame_left(owner) + frame_used(owner) < 4 * frames)
		return false;
	while (left(r) < r->low + frames && r->scanned < end && pages_listed(r))
		run(r, false, &moving);
	return left(r) >= r->low + frames;
}

unsigned reclaim_background(struct reclaim *r)
{
	bool moving = false;
	unsigned freed;

	r->wanted = left(r) < (r->wanted ? r->high : r->low);
	if (!reclaim_begin(r))
		return 0;
	drop_copies(r);
	freed = r->wanted ? run(r, false, &moving) : 0;
	r->background += freed != 0;
	reclaim_end(r);
	return freed;
}

static void offer_page(struct batch *b, u64 gfn, enum offer offer)
{
	if (!(offer == OFFER_SWAP ? batch_add(b, gfn) : batch_add_out(b, gfn)))
		b->page[b->npages - 1].discard = offer == OFFER_DISCARD;
}

/* Pages stay on their lists, which are hints: whoever takes one off finds that it has no frame. */
void reclaim_offered(struct reclaim *r, u64 gfn, unsigned count, enum offer offer)
{
	u64 end = gfn + count, stuck = r->batch.sum.stuck;
	unsigned done = 0;

	while (!reclaim_begin(r)) /* who has it never waits for this vCPU, which is OUTSIDE */
		cpu_relax();
	while (gfn < end) {
		while (gfn < end && r->batch.npages < r->batch_max)
			offer_page(&r->batch, gfn++, offer);
		if (r->batch.npages)
			done += protocol_run(&r->batch);
	}
	r->offered += done;
	if (offer != OFFER_SWAP)
		r->reclaimed += done - (r->batch.sum.stuck - stuck);
	reclaim_end(r);
}

/*
 * What cannot be put away, and what the rest is packed into, leave the vCPUs less than they need at
 * once. Some page could still go, only to be wanted again by the next instruction.
 */
static bool exhausted(const struct reclaim *r)
{
	const struct backing *b = r->ept->backing;
	u64 limit = frame_left(b->owner);
	u64 pinned = __atomic_load_n(&b->lru.stuck, __ATOMIC_RELAXED) +
		     __atomic_load_n(&b->store.frames, __ATOMIC_RELAXED);

	if (limit == ~0ul)
		return false;
	limit += frame_used(b->owner);
	return limit < pinned + reclaim_reserve(r->batch_max) + WORKING_SET * r->ept->ngates;
}

int reclaim_direct(struct reclaim *r)
{
	bool moving = false;
	unsigned freed = 0;
	u64 first, pages;

	if (!reclaim_begin(r)) {
		/* Who reclaims never waits for this vCPU, which is OUTSIDE. */
		while (__atomic_load_n(&r->busy.taken, __ATOMIC_RELAXED) && left(r) <= r->least)
			cpu_relax();
		return -EBUSY;
	}
	/* Once round with a second chance for each, once without. */
	first = r->scanned;
	pages = pages_listed(r);
	while (!freed && pages_listed(r) && r->scanned - first < 2 * pages && !exhausted(r))
		freed = run(r, r->scanned - first > pages, &moving);
	r->direct += freed != 0;
	reclaim_end(r);
	return freed || (moving && !exhausted(r)) ? -EBUSY : -ENOMEM;
}
