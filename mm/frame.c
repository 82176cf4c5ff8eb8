/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame allocator: who gets which frame, and at whose expense. Its tables: mm/block.h. */
#include "mm/block.h"
#include "mm/host.h"
#include "mm/lock.h"

#define MAX_RANGES 64
#define MIN_RANGE_PAGES 16

/* Counts change under the lock, and are read without it. */
struct account {
	u64 limit, reserve, used, peak;
};

static struct range ranges[MAX_RANGES];
static unsigned nranges;
static struct block *pools[POOLS];
static struct block *isolated; /* in no pool, whatever is free in it */
static struct account accounts[MAX_ACCOUNTS] = { [0 ... MAX_ACCOUNTS - 1] = { .limit = ~0ul } };
static u64 free_count, total_count, kept_back;
static struct lock frames_lock;

static void count(u64 *counter, u64 change)
{
	__atomic_store_n(counter, *counter + change, __ATOMIC_RELAXED);
}

static u64 counted(const u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* NULL: such frames are nobody's expense. */
static struct account *account_of(u16 owner)
{
	return owner == OWNER_HOST ? NULL : &accounts[(owner & ~OWNER_STORE_BIT) % MAX_ACCOUNTS];
}

static bool affordable(u16 owner, u64 pages)
{
	const struct account *a = account_of(owner);

	if (is_guest_page(owner) && free_count < pages + kept_back)
		return false;
	return !a || a->limit - a->used >= pages + (is_guest_page(owner) ? a->reserve : 0);
}

static struct range *range_of(u64 pfn)
{
	for (unsigned i = 0; i < nranges; i++)
		if (pfn - ranges[i].first < ranges[i].count)
			return &ranges[i];
	return NULL;
}

/* NULL for what is no frame. */
static struct frame *entry_of(u64 pfn)
{
	struct range *r = range_of(pfn);

	return r ? &r->table[pfn - r->first] : NULL;
}

/* Puts the block into the pool in which it belongs by now. */
static void settle(struct block *b)
{
	block_move(b, pools, b == isolated ? POOL_NONE : block_pool(b));
}

/* PAGES more, or with -PAGES less, are OWNER's. */
static void charge(u16 owner, u64 pages)
{
	struct account *a = account_of(owner);

	count(&free_count, -pages);
	if (!a)
		return;
	count(&a->used, pages);
	if (a->used > a->peak)
		count(&a->peak, a->used - a->peak);
}

/* What was OWNER's becomes free. */
static void put(const struct range *r, u64 pfn, u16 owner)
{
	struct block *b = block_of(r, pfn);

	block_put(b, pfn, owner);
	charge(owner, -1ul);
	settle(b);
}

void frames_add(u64 start, u64 end)
{
	u64 pages = (end - start) >> PAGE_SHIFT;
	u64 table_pages = (range_tables(pages) + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct range *r = &ranges[nranges];

	if (end <= start || pages < MIN_RANGE_PAGES || nranges == MAX_RANGES)
		return;
	nranges++;
	*r = (struct range){ .first = (start >> PAGE_SHIFT) + table_pages,
			     .count = pages - table_pages,
			     .table = (struct frame *)start };
	r->blocks = (struct block *)(r->table + r->count);
	for (u64 pfn = r->first & -LARGE_PAGES; pfn < r->first + r->count; pfn += LARGE_PAGES)
		*block_of(r, pfn) = (struct block){ .range = r,
						    .first = pfn,
						    .list = LIST_END,
						    .fixed = LARGE_PAGES,
						    .pool = POOL_NONE };
	for (u64 i = r->count; i-- > 0;) {
		r->table[i] = (struct frame){ .owner = OWNER_FREE };
		put(r, r->first + i, OWNER_HOST);
	}
	total_count += r->count;
}

void frame_fill(u64 pfn, u64 word)
{
	void *p = frame_ptr(pfn);
	u64 words = PAGE_SIZE / sizeof(word);

	asm volatile("rep stosq" : "+D"(p), "+c"(words) : "a"(word) : "memory");
}

void frame_copy(u64 to, u64 from)
{
	void *dst = frame_ptr(to), *src = frame_ptr(from);
	u64 words = PAGE_SIZE / sizeof(u64);

	asm volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
}

u64 frame_alloc_dirty(u16 owner)
{
	enum pool own = is_guest_page(owner) ? POOL_MOVABLE : POOL_FIXED;
	struct block *b;
	u64 pfn = 0;

	if (!alloc_allowed())
		return 0;
	lock(&frames_lock);
	b = pools[own] ? pools[own] : pools[POOL_WHOLE];
	if (!b)
		b = pools[own == POOL_FIXED ? POOL_MOVABLE : POOL_FIXED];
	if (b && affordable(owner, 1)) {
		pfn = block_take(b, &b->list, owner);
		charge(owner, 1);
		settle(b);
	}
	unlock(&frames_lock);
	return pfn;
}

u64 frame_alloc(u16 owner)
{
	u64 pfn = frame_alloc_dirty(owner);

	if (pfn)
		frame_fill(pfn, 0);
	return pfn;
}

static void take_run(const struct range *r, u64 pfn, u64 pages, u16 owner)
{
	for (u64 first = pfn & -LARGE_PAGES; first < pfn + pages; first += LARGE_PAGES) {
		struct block *b = block_of(r, first);

		for (u16 *link = &b->list; *link != LIST_END;) {
			u64 at = b->first + *link - 1;

			if (at - pfn < pages)
				block_take(b, link, owner);
			else
				link = &r->table[at - r->first].next;
		}
		settle(b);
	}
	charge(owner, pages);
}

/* The first run that fits. It searches the blocks, and the frames of those only that could hold
 * it. */
u64 frame_alloc_run(u16 owner, u64 pages, u64 align)
{
	u64 found = 0;

	if (!alloc_allowed())
		return 0;
	lock(&frames_lock);
	for (unsigned n = 0; n < nranges && !found && affordable(owner, pages); n++) {
		const struct range *r = &ranges[n];
		u64 pfn = (r->first + align - 1) & -align, stop;

		for (; pfn + pages <= r->first + r->count && !found;
		     pfn = (stop + align) & -align) {
			stop = range_obstacle(r, pfn, pages);
			if (stop == pfn + pages)
				found = pfn;
		}
		if (found)
			take_run(r, found, pages, owner);
	}
	unlock(&frames_lock);
	for (u64 i = 0; found && i < pages; i++)
		frame_fill(found + i, 0);
	return found;
}

void frame_free(u64 pfn, u16 owner)
{
	struct frame *f = entry_of(pfn);
	u16 expected = owner;

	/* One step, so that of two CPUs that free the same frame one is told. */
	if (!f || owner == OWNER_FREE ||
	    !__atomic_compare_exchange_n(&f->owner, &expected, OWNER_FREE, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		panic("frame-owner: frame %lx freed by %u, owned by %u", pfn, owner,
		      frame_owner(pfn));
	frame_fill(pfn, POISON | (pfn & ~POISON_MASK));
	lock(&frames_lock);
	put(range_of(pfn), pfn, owner);
	unlock(&frames_lock);
}

void frames_keep_back(u64 pages)
{
	kept_back = pages;
}

void frame_account(u16 id, u64 limit, u64 reserve)
{
	struct account *a = account_of(id);
	u64 used;

	lock(&frames_lock);
	used = a->used;
	a->limit = limit;
	a->reserve = reserve;
	a->peak = 0;
	unlock(&frames_lock);
	if (used)
		panic("frame-account: %lu frames are guest %u's before it is there", used, id);
}

u64 frame_used(u16 id)
{
	return counted(&account_of(id)->used);
}

u64 frame_peak(u16 id)
{
	return counted(&account_of(id)->peak);
}

u64 frame_left(u16 id)
{
	const struct account *a = account_of(id);
	u64 limit = counted(&a->limit);

	return limit == ~0ul ? limit : limit - counted(&a->used);
}

u32 *frame_note_of(u64 pfn)
{
	struct frame *f = entry_of(pfn);

	if (!f)
		panic("frame-note: %lx is no frame", pfn);
	return &f->note;
}

void frame_note(u64 pfn, u32 note)
{
	__atomic_store_n(frame_note_of(pfn), note, __ATOMIC_RELAXED);
}

u32 frame_noted(u64 pfn)
{
	const struct frame *f = entry_of(pfn);

	return f ? __atomic_load_n(&f->note, __ATOMIC_RELAXED) : 0;
}

u16 frame_owner(u64 pfn)
{
	const struct frame *f = entry_of(pfn);

	return f ? __atomic_load_n(&f->owner, __ATOMIC_RELAXED) : OWNER_FREE;
}

u64 frames_isolate(void)
{
	struct block *best = NULL;

	lock(&frames_lock);
	for (struct block *b = isolated ? NULL : pools[POOL_MOVABLE]; b; b = b->next)
		if (!best || b->free > best->free)
			best = b;
	if (best) {
		isolated = best;
		settle(best);
	}
	unlock(&frames_lock);
	return best ? best->first : 0;
}

bool frames_isolate_end(void)
{
	struct block *b;
	bool whole;

	lock(&frames_lock);
	b = isolated;
	isolated = NULL;
	settle(b);
	whole = b->pool == POOL_WHOLE;
	unlock(&frames_lock);
	return whole;
}

u64 frames_free(void)
{
	return counted(&free_count);
}

u64 frames_total(void)
{
	return total_count;
}
