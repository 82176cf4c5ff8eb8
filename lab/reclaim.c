/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What reclaim adds to the model: the store, of which a handle says whose page it keeps and which
 * contents; table pages that leave E while CPUs may still walk through them; the D flag.
 */
#include "ept/ept.h"
#include "lab/shim.h"
#include "mm/frame.h"

/* ---- the store ---- */

enum { STOW_SAME, STOW_PUT }; /* an EV_STOW's op */

static u64 handle_of(unsigned page, u64 content)
{
	return (page << 8 | content) + 1;
}

/* A bit for the handle's contents among those kept of its page; 0 when it is no handle. */
static u32 kept_bit(u64 handle, unsigned *page)
{
	u64 content = (handle - 1) & 0xff;

	*page = (unsigned)((handle - 1) >> 8);
	return *page < PAGES && content < 32 ? (u32)BIT(content) : 0;
}

u64 store_put_at_start(unsigned page)
{
	m.stored[page] = 1;
	return handle_of(page, 0);
}

u64 store_work_frames(void)
{
	return 0;
}

int store_init(struct store *s, u16 id)
{
	(void)s, (void)id;
	return 0;
}

void store_destroy(struct store *s)
{
	(void)s;
}

static u64 stow(unsigned op, const void *frame)
{
	const struct batch *b = &batches[self];
	u64 pfn = frame_of(frame);
	unsigned page = 0;

	for (unsigned i = 0; i < b->npages; i++)
		for (unsigned k = 0; b->page[i].old == pfn && k < test->npages; k++)
			page = b->page[i].gfn == page_gfn(k) ? k : page;
	return post(&(struct event){ .name = op == STOW_PUT ? "pack" : "same",
				     .kind = EV_STOW,
				     .op = (u8)op,
				     .addr = pfn - FRAME_BASE,
				     .page = (u8)page,
				     .writes = R_FRAMES(page) });
}

bool page_is_same(const void *page, u64 *word)
{
	*word = 0;
	return stow(STOW_SAME, page);
}

u64 store_put(struct store *s, const void *page)
{
	(void)s;
	return stow(STOW_PUT, page);
}

static void use(u8 kind, const char *name, u64 handle, u64 frame)
{
	unsigned page;
	u64 set = kept_bit(handle, &page) ? R_FRAMES(page) : R_FRAMES_ALL;

	post(&(struct event){
		.name = name, .kind = kind, .addr = frame, .v = handle, .writes = set });
}

void store_read(struct store *s, u64 handle, void *page)
{
	(void)s;
	use(EV_FETCH, "unpack", handle, frame_of(page) - FRAME_BASE);
}

void store_free(struct store *s, u64 handle)
{
	(void)s;
	use(EV_DROP, "drop the copy", handle, 0);
}

static u64 stow_event(const struct event *e)
{
	u64 content = m.content[e->addr];

	if (!(m.frame[e->addr] & FRAME_OWNED)) {
		violate("frame-freed", "frame f%lu is put away after it was released", e->addr);
		return 0;
	}
	if (test->full || (e->op == STOW_SAME && content))
		return 0;
	m.frame[e->addr] |= FRAME_COPIED;
	if (e->op == STOW_SAME)
		return 1;
	if (content >= 32)
		out_of("writes");
	if (m.stored[e->page] & BIT(content))
		violate("store-leaked",
			"%s is put away once more, and nobody dropped what was kept",
			page_name(e->page));
	m.stored[e->page] |= (u32)BIT(content);
	return handle_of(e->page, content);
}

u64 store_event(const struct event *e)
{
	unsigned page;
	u32 bit;

	if (e->kind == EV_STOW)
		return stow_event(e);
	bit = kept_bit(e->v, &page);
	if (!bit || !(m.stored[page] & bit)) {
		violate("store-freed", "a handle is %s that the store does not know any more",
			e->kind == EV_FETCH ? "used" : "dropped");
		return 0;
	}
	if (e->kind == EV_DROP) {
		m.stored[page] &= ~bit;
		return 0;
	}
	if (m.content[e->addr] != CONTENT_DIRTY)
		violate("write-lost", "frame f%lu is filled after it was in use", e->addr);
	m.content[e->addr] = (u8)(e->v - 1);
	return 0;
}

/* ---- at the end ---- */

/* What stands for the page is what was last written, and the store keeps what kept[] names alone. */
static bool page_right(unsigned page)
{
	u64 p = *p_entry(page), kept = *kept_entry(page), frame;
	bool names = (p & P_PACKED) || ((p & P_PRESENT) && kept);
	unsigned of = page;
	u32 bit = names ? kept_bit(kept, &of) : 0;
	u64 content = kept; /* a page of one word */

	if (m.stored[page] != bit || of != page) {
		violate("store-leaked", "in the end %s is kept %u times, and P names %u of them",
			page_name(page), (unsigned)__builtin_popcount(m.stored[page]), names);
		return false;
	}
	if (p & P_PRESENT) {
		frame = ((p & P_ADDRESS) >> PAGE_SHIFT) - FRAME_BASE;
		content = frame < FRAMES ? m.content[frame] : CONTENT_POISON;
	} else if (p & P_PACKED) {
		content = (kept - 1) & 0xff;
	}
	if (content != m.expected[page])
		violate("data-stale", "in the end %s is something older than was last written",
			page_name(page));
	return content == m.expected[page];
}

/* Notes the tables below, and the table itself. True when each of them has as many entries as its frame's
 * note says. */
static bool mark_tables(u64 table, unsigned level, u64 *linked)
{
	u32 counted = *frame_note_of(table >> PAGE_SHIFT);
	u64 n = (table >> PAGE_SHIFT) - FRAME_BASE - TABLES, present = 0;

	linked[n / 64] |= BIT(n % 64);
	for (unsigned i = 0; i < 512; i++) {
		u64 entry = mem_read(table + 8 * i, 8);

		present += !!(entry & EPT_RWX);
		if (level > 1 && (entry & EPT_RWX) && !(entry & EPT_LARGE) &&
		    !mark_tables(entry & EPT_ADDRESS, level - 1, linked))
			return false;
	}
	if (present != counted && !without("count_entry"))
		violate("frame-leaked",
			"in the end table page f%lu has %lu entries, %u are counted", n + TABLES,
			present, counted);
	return !violated;
}

static bool tables_right(void)
{
	u64 linked[TABLE_WORDS] = { 0 };

	if (!mark_tables(ept.eptp & EPT_ADDRESS, 4, linked))
		return false;
	for (unsigned actor = 0; actor <= ACTORS; actor++)
		for (unsigned i = 0; i < m.cpu[actor].tables; i++) {
			unsigned n = actor * ACTOR_TABLES + i;
			bool in_e = linked[n / 64] >> n % 64 & 1;

			if (in_e != table_is_freed(TABLES + n))
				continue;
			violate("frame-leaked", "in the end table page f%u %s", TABLES + n,
				in_e ? "is free, and in E" : "is not free, and not in E");
			return false;
		}
	return true;
}

bool reclaim_right(void)
{
	for (unsigned page = 0; test->out && page < test->npages; page++)
		if (!page_right(page))
			return false;
	return !test->prunes || tables_right();
}

/* What of all that belongs to a state, and of a split table what was written without events. */
u64 reclaim_key(void)
{
	u64 h = 1;

	for (unsigned page = 0; page < test->npages; page++) {
		unsigned level;

		h = mix(h, m.stored[page]);
		if (test->large)
			h = mix(h, *walk_from(ept.eptp & EPT_ADDRESS, page, &level));
	}
	for (unsigned i = 0; i < TABLE_WORDS; i++) {
		h = mix(h, m.freed[i]);
		for (unsigned k = 0; k < nactors; k++)
			h = mix(h, m.cpu[k].walks[i]);
	}
	return h;
}

/* ---- table pages ---- */

bool table_is_freed(u64 frame)
{
	return m.freed[(frame - TABLES) / 64] >> (frame - TABLES) % 64 & 1;
}

static bool walks_freed(unsigned actor)
{
	const struct cpu_model *c = &m.cpu[actor];
	u64 both = 0;

	for (unsigned i = 0; i < TABLE_WORDS; i++)
		both |= c->walks[i] & m.freed[i];
	if (both)
		violate("table-freed",
			"%s is in the guest, and may walk through a cached entry to a table page "
			"that was released (I18)",
			test->actor[actor].name);
	return both;
}

void table_free(u64 frame)
{
	if (table_is_freed(frame))
		violate("frame-owner", "table page f%lu is freed twice", frame);
	m.freed[(frame - TABLES) / 64] |= BIT((frame - TABLES) % 64);
	for (unsigned i = 0; i < nactors; i++)
		if (m.cpu[i].in_guest && walks_freed(i))
			return;
}

void tables_entered(unsigned actor)
{
	if (m.cpu[actor].in_guest && test->prunes)
		walks_freed(actor);
}

void tables_fill(struct cpu_model *c, unsigned page)
{
	u64 gpa = page_gfn(page) << PAGE_SHIFT, table = ept.eptp & EPT_ADDRESS, n;

	if (!rule("I18-table"))
		return;
	for (unsigned level = 4; level > 1; level--) {
		u64 entry = mem_read(table + 8 * (gpa >> (PAGE_SHIFT + 9 * (level - 1)) & 511), 8);

		if (!(entry & EPT_RWX) || (entry & EPT_LARGE))
			return;
		table = entry & EPT_ADDRESS;
		n = (table >> PAGE_SHIFT) - FRAME_BASE - TABLES;
		c->walks[n / 64] |= BIT(n % 64);
	}
}

/* ---- D ---- */

u32 writable(const struct cpu_model *c, unsigned page, unsigned n)
{
	struct leaf now = walk(page);
	u32 walked = t_of(c, page, now) & ~T_DIRTY;

	for (unsigned i = 0; i < c->nt; i++) {
		u32 t = c->t[i];

		if (T_PAGE(t) != page || !(t & T_DIRTY))
			continue;
		if (!n--)
			return t | BIT(31);
		if ((t & ~T_DIRTY) == walked)
			now.present = false;
	}
	return now.present && !n ? walked | BIT(31) : 0;
}

void set_dirty(unsigned actor, unsigned page)
{
	unsigned level;
	u64 leaf = (u64)walk_from(ept.eptp & EPT_ADDRESS, page, &level);

	mem_write(actor, leaf, 8, mem_read(leaf, 8) | EPT_DIRTY);
}
