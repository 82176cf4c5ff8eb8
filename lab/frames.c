/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mm/frame.h for the explorer. */
#include <stdlib.h>
#include <string.h>

#include "lab/shim.h"
#include "mm/frame.h"

static u32 notes[FRAMES_TOTAL];

u32 *frame_note_of(u64 pfn)
{
	return &notes[pfn - FRAME_BASE];
}

bool is_note(u64 addr)
{
	return addr - (u64)notes < sizeof(notes);
}

/* Each actor takes frames from a pool of its own, none twice: who allocates first makes no
 * difference, and a frame that was freed is never right again. */
u64 frame_alloc_dirty(u16 owner)
{
	struct cpu_model *c = &m.cpu[self];
	unsigned n;

	if (owner == OWNER_HOST) {
		n = TABLES + self * ACTOR_TABLES + c->tables++;
		if (c->tables > ACTOR_TABLES)
			out_of("EPT tables");
		memset(frame_ptr(FRAME_BASE + n), 0, PAGE_SIZE);
		notes[n] = 0;
		return FRAME_BASE + n;
	}
	n = self * POOL + c->frames++;
	if (c->frames > (self == SETUP ? 2 * POOL : POOL))
		out_of("frames");
	m.frame[n] = FRAME_OWNED;
	m.content[n] = CONTENT_DIRTY;
	return FRAME_BASE + n;
}

u64 frame_alloc(u16 owner)
{
	u64 pfn = frame_alloc_dirty(owner);

	if (pfn < FRAME_BASE + FRAMES)
		m.content[pfn - FRAME_BASE] = 0;
	return pfn;
}

u64 frame_alloc_run(u16 owner, u64 count, u64 align)
{
	if (owner != OWNER_HOST || align > 1 || count > FRAMES_TOTAL - P_ENTRIES)
		return 0;
	memset(frame_ptr(FRAME_BASE + P_ENTRIES), 0, count * PAGE_SIZE);
	return FRAME_BASE + P_ENTRIES;
}

u64 frame_left(u16 id)
{
	(void)id;
	return ~0ull;
}

/* No event: until P names it the frame is its actor's own. */
void frame_fill(u64 pfn, u64 word)
{
	u64 frame = pfn - FRAME_BASE;

	if (m.content[frame] != CONTENT_DIRTY)
		violate("write-lost", "frame f%lu is filled after it was in use", frame);
	m.content[frame] = (u8)word;
}

/* The resource of a frame that the actor's batch has to do with. */
static u64 frames_of(u64 pfn)
{
	const struct batch *b = &batches[self];
	u64 set = 0;

	for (unsigned i = 0; i < b->npages; i++)
		for (unsigned page = 0; page < test->npages; page++)
			if ((b->page[i].old == pfn || b->page[i].new == pfn) &&
			    b->page[i].gfn == page_gfn(page))
				set |= R_FRAMES(page);
	return set ? set : R_FRAMES_ALL;
}

/* Who is in the guest, or enters it, may walk through a table. */
static u64 all_vcpus(void)
{
	u64 set = 0;

	for (unsigned i = 0; i < nactors; i++)
		set |= test->actor[i].kind == VCPU ? R_CPU(i) : 0;
	return set;
}

void frame_free(u64 pfn, u16 owner)
{
	bool table = owner == OWNER_HOST;

	post(&(struct event){ .name = table ? "free table" : "free",
			      .kind = EV_FREE,
			      .addr = pfn - FRAME_BASE,
			      .reads = table ? all_vcpus() : 0,
			      .writes = table ? 0 : frames_of(pfn) });
}

void frame_copy(u64 to, u64 from)
{
	post(&(struct event){ .name = "copy",
			      .kind = EV_COPY,
			      .addr = to - FRAME_BASE,
			      .old = from - FRAME_BASE,
			      .writes = frames_of(from) | frames_of(to) });
}

static u8 page_read(void)
{
	return test->actor[self].action[m.cpu[self].at - 1].page;
}

void *lab_memset(void *dst, int byte, size_t n)
{
	if (m.expected[page_read()])
		violate("data-stale", "%s is read as never written", page_name(page_read()));
	return memset(dst, byte, n);
}

void *lab_memcpy(void *dst, const void *src, size_t n)
{
	u64 frame = frame_of(src) - FRAME_BASE, to = frame_of(dst) - FRAME_BASE;

	if (to < FRAMES) {
		u8 page = page_read();

		post(&(struct event){ .name = "write frame",
				      .kind = EV_WRITE,
				      .addr = to,
				      .page = page,
				      .writes = opt.tso ? 0 : R_FRAMES(page) });
	} else if (frame_of(src) == 0) {
		violate("frame-freed", "%s is read, which has no frame", page_name(page_read()));
	} else if (frame < FRAMES) {
		u8 page = page_read();

		post(&(struct event){ .name = "read frame",
				      .kind = EV_READ,
				      .addr = frame,
				      .page = page,
				      .reads = R_FRAMES(page) });
	} else {
		memcpy(dst, src, n);
	}
	return dst;
}

/* ept_split() writes a table before anybody can see it, and again when the leaf has changed. */
struct region split_table(unsigned actor)
{
	u64 n = m.cpu[actor].tables;

	if (!test->large || !test->out || !n)
		return (struct region){ NULL, 0 };
	n += FRAME_BASE + TABLES + actor * ACTOR_TABLES - 1;
	return (struct region){ frame_ptr(n), (PAGES - 1) * sizeof(u64) };
}

bool is_entry(u64 addr)
{
	u64 frame = (addr >> PAGE_SHIFT) - FRAME_BASE;

	return frame >= TABLES && frame < P_ENTRIES;
}

bool frames_right(void)
{
	u64 named = 0;

	if (test->raw) /* programs end where they like */
		return true;
	for (unsigned page = 0; page < test->npages; page++)
		if (*p_entry(page) & P_PRESENT)
			named |= BIT(((*p_entry(page) & P_ADDRESS) >> PAGE_SHIFT) - FRAME_BASE);
	for (unsigned i = 0; i < FRAMES; i++)
		if (!!(m.frame[i] & FRAME_OWNED) != (named >> i & 1)) {
			violate("frame-leaked", "in the end frame f%u %s", i,
				named >> i & 1 ? "is free, and P names it"
					       : "has an owner, and P does not name it");
			return false;
		}
	return reclaim_right();
}
