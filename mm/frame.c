/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame allocator: a table per range of memory, a list of freed frames, and a mark up to which
 * a range was never used. */
#include "mm/frame.h"
#include "mm/host.h"
#include "mm/lock.h"

#define MAX_RANGES 64
#define MIN_RANGE_PAGES 16

struct frame {
	u32 next; /* free list: index within the range + 1, 0 ends it */
	u16 owner;
};
_Static_assert(sizeof(struct frame) == 8, "the table costs 8 bytes a frame");

struct range {
	u64 first, count; /* frame numbers the range hands out */
	u64 fresh;	  /* frames from here on were never handed out */
	u32 freed;	  /* head of the list */
	struct frame *table;
};

static struct range ranges[MAX_RANGES];
static unsigned nranges;
static u64 free_count, total_count;
static struct lock frames_lock;

void frames_add(u64 start, u64 end)
{
	u64 pages = (end - start) >> PAGE_SHIFT;
	u64 table_pages = (pages * sizeof(struct frame) + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct range *r = &ranges[nranges];

	if (end <= start || pages < MIN_RANGE_PAGES || nranges == MAX_RANGES)
		return;
	*r = (struct range){ .first = (start >> PAGE_SHIFT) + table_pages,
			     .count = pages - table_pages,
			     .table = (struct frame *)start };
	for (u64 i = 0; i < r->count; i++)
		r->table[i] = (struct frame){ .owner = OWNER_FREE };
	nranges++;
	free_count += r->count;
	total_count += r->count;
}

static struct range *range_of(u64 pfn)
{
	for (unsigned i = 0; i < nranges; i++)
		if (pfn - ranges[i].first < ranges[i].count)
			return &ranges[i];
	return NULL;
}

static void fill(u64 pfn, u64 word)
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

static u64 take(struct range *r, u64 index, u16 owner)
{
	r->table[index].owner = owner;
	free_count--;
	return r->first + index;
}

u64 frame_alloc_dirty(u16 owner)
{
	u64 pfn = 0;

	lock(&frames_lock);
	for (unsigned i = nranges; i-- > 0 && !pfn;) {
		struct range *r = &ranges[i];

		if (r->freed) {
			u64 index = r->freed - 1;

			r->freed = r->table[index].next;
			pfn = take(r, index, owner);
		} else if (r->fresh < r->count) {
			pfn = take(r, r->fresh++, owner);
		}
	}
	unlock(&frames_lock);
	return pfn;
}

u64 frame_alloc(u16 owner)
{
	u64 pfn = frame_alloc_dirty(owner);

	if (pfn)
		fill(pfn, 0);
	return pfn;
}

static bool run_free(const struct range *r, u64 index, u64 count)
{
	for (u64 i = index; i < index + count; i++)
		if (r->table[i].owner != OWNER_FREE)
			return false;
	return true;
}

/* Takes a free run out of the list, to which what was never handed out up to its end is added first. */
static void take_run(struct range *r, u64 index, u64 count, u16 owner)
{
	u32 *link = &r->freed;

	for (; r->fresh < index + count; r->fresh++) {
		r->table[r->fresh].next = r->freed;
		r->freed = (u32)r->fresh + 1;
	}
	while (*link) {
		if (*link - 1 - index < count)
			*link = r->table[*link - 1].next;
		else
			link = &r->table[*link - 1].next;
	}
	for (u64 i = index; i < index + count; i++)
		take(r, i, owner);
}

/* The first run that fits. Rare, so it may search. */
u64 frame_alloc_run(u16 owner, u64 count)
{
	u64 pfn = 0;

	lock(&frames_lock);
	for (unsigned n = 0; n < nranges && !pfn; n++) {
		struct range *r = &ranges[n];

		for (u64 i = -r->first & (count - 1); i + count <= r->count && !pfn; i += count) {
			if (!run_free(r, i, count))
				continue;
			take_run(r, i, count, owner);
			pfn = r->first + i;
		}
	}
	unlock(&frames_lock);
	for (u64 i = 0; pfn && i < count; i++)
		fill(pfn + i, 0);
	return pfn;
}

void frame_free(u64 pfn, u16 owner)
{
	struct range *r = range_of(pfn);
	u64 index = r ? pfn - r->first : 0;

	if (!r || r->table[index].owner != owner || owner == OWNER_FREE)
		panic("frame-owner: frame %lx freed by %u, owned by %u", pfn, owner,
		      frame_owner(pfn));
	fill(pfn, POISON | (pfn & ~POISON_MASK));
	lock(&frames_lock);
	r->table[index].owner = OWNER_FREE;
	r->table[index].next = r->freed;
	r->freed = (u32)index + 1;
	free_count++;
	unlock(&frames_lock);
}

u16 frame_owner(u64 pfn)
{
	struct range *r = range_of(pfn);

	return r ? r->table[pfn - r->first].owner : OWNER_FREE;
}

u64 frames_free(void)
{
	return free_count;
}

u64 frames_total(void)
{
	return total_count;
}
