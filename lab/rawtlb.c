/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * E of raw actors, with two roots; and their T, with all that the SDM says of it: guest-physical
 * and combined mappings with their tags, large ones, cached table pages, and whether a write sets
 * the D flag. As in tlb.c, T is what may be cached, and an access may use any of it.
 */
#include <stdlib.h>

#include "ept/protocol.h"
#include "lab/raw.h"
#include "mm/frame.h"

struct raw_entry raw_entry[RAW_ROOTS][PAGES];
static u64 raw_root[RAW_ROOTS]; /* EP4TA */

/* ---- E ---- */

static u64 *entry_of(u64 root, unsigned page, unsigned level)
{
	u64 gpa = page_gfn(page) << PAGE_SHIFT, table = root;

	for (unsigned l = 4;; l--) {
		u64 *entry = (u64 *)table + (gpa >> (PAGE_SHIFT + 9 * (l - 1)) & 511);

		if (l == level)
			return entry;
		table = *entry & EPT_ADDRESS;
	}
}

/* Both roots map all pages by tables of their own; E is then as the test has it at the start. */
void raw_start_tables(void)
{
	static struct ept second;
	struct ept *roots[RAW_ROOTS] = { &ept, &second };

	if (ept_init(&second, ept.backing, ept.owner, ept.caps))
		abort();
	for (unsigned r = 0; r < RAW_ROOTS; r++) {
		raw_root[r] = roots[r]->eptp & EPT_ADDRESS;
		for (unsigned page = 0; page < test->npages; page++) {
			struct raw_entry *e = &raw_entry[r][page];

			ept_fault(roots[r], page_gfn(page) << PAGE_SHIFT, EPT_READ);
			e->leaf = entry_of(raw_root[r], page, 1);
			e->above = entry_of(raw_root[r], page, 2);
			e->table = ((u64)e->leaf >> PAGE_SHIFT) - FRAME_BASE;
		}
		for (unsigned page = 0; page < test->npages; page++) {
			struct raw_entry *e = &raw_entry[r][page];

			if (test->empty)
				mem_write(SETUP, (u64)e->leaf, 8, 0);
			if (test->large && page < 2)
				mem_write(SETUP, (u64)e->above, 8,
					  (*e->leaf & EPT_ADDRESS) | EPT_RWX | EPT_LARGE);
		}
	}
}

u64 *raw_walk(unsigned root, unsigned page, unsigned *level)
{
	return walk_from(raw_root[root], page, level);
}

/* ---- T ---- */

static void cache(struct cpu_model *c, unsigned page, unsigned level, u64 entry)
{
	u64 address = entry & EPT_ADDRESS;
	u32 t;

	/* A large leaf's frame need not be aligned here: frames are but numbers. */
	if (level == 2)
		address += (page_gfn(page) & 511) << PAGE_SHIFT;
	t = page | (u32)((address >> PAGE_SHIFT) - FRAME_BASE) << 3 | level << 11 |
	    (u32)c->root << 15;
	if (!page && address == c->latched)
		t |= T_APIC;
	if (test->dirty &&
	    (c->vmx & RAW_AD ? (entry & EPT_DIRTY) && rule("I5-dirty") : rule("I11")))
		t |= T_DIRTY;
	t_insert(c, t);
	if (test->tags)
		t_insert(c,
			 t | T_COMBINED | (u32)c->vpid << 17 | (c->vmx & RAW_GUEST ? 1u << 19 : 0));
}

bool raw_is_freed(u32 t)
{
	return table_is_freed(T_FRAME(t));
}

/* A cached table page of the page, the N-th from 0, or 0. */
u32 raw_table(const struct cpu_model *c, unsigned page, unsigned n)
{
	for (unsigned i = 0; test->tables && i < c->nt; i++)
		if ((c->t[i] & T_TABLE) && T_PAGE(c->t[i]) == page && T_ROOT(c->t[i]) == c->root &&
		    !n--)
			return c->t[i];
	return 0;
}

/* The leaf entry in a cached table page, whether it is linked or not. */
u64 raw_leaf_in(u32 t)
{
	u64 table = (FRAME_BASE + T_FRAME(t)) << PAGE_SHIFT;

	return mem_read(table + (page_gfn(T_PAGE(t)) & 511) * 8, 8);
}

void raw_fill_page(struct cpu_model *c, unsigned page)
{
	unsigned level;
	u64 at = (u64)raw_walk(c->root, page, &level), entry = mem_read(at, 8);
	u32 tag = page | (u32)c->root << 15, t;

	if (entry & EPT_RWX)
		cache(c, page, level, entry);
	else if (!rule("I6"))
		t_insert(c, tag | T_ABSENT);
	if (level == 1 && test->tables && rule("I18-table"))
		t_insert(c, tag | (u32)((at >> PAGE_SHIFT) - FRAME_BASE) << 3 | T_TABLE);
	for (unsigned n = 0; (t = raw_table(c, page, n)); n++)
		if (!raw_is_freed(t) && (raw_leaf_in(t) & EPT_RWX))
			cache(c, page, 1, raw_leaf_in(t));
}

void raw_fill(unsigned actor)
{
	for (unsigned page = 0; page < test->npages; page++)
		if (raw_will_touch(actor, page))
			raw_fill_page(&m.cpu[actor], page);
}

static void drop(struct cpu_model *c, bool (*which)(const struct cpu_model *c, u32 t, unsigned tag),
		 unsigned tag)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->nt; i++)
		if (!which(c, c->t[i], tag))
			c->t[n++] = c->t[i];
	c->nt = (u8)n;
}

static bool of_root(const struct cpu_model *c, u32 t, unsigned root)
{
	(void)c;
	if (t & T_COMBINED ? !rule("invept-combined") : !rule("invept"))
		return false;
	return root > RAW_ROOTS || T_ROOT(t) == root || !rule("I10");
}

static bool of_vpid(const struct cpu_model *c, u32 t, unsigned vpid)
{
	(void)c;
	if (!(t & T_COMBINED))
		return !rule("I3");
	return rule("invvpid") && (vpid > 3 || T_VPID(t) == vpid || !rule("I10-vpid"));
}

static bool of_violation(const struct cpu_model *c, u32 t, unsigned page)
{
	return T_PAGE(t) == page && T_ROOT(t) == c->root &&
	       (!(t & T_COMBINED) || T_VPID(t) == c->vpid);
}

/* Without VPIDs (0 stands for that) entries and exits drop combined mappings. */
static bool without_vpid(const struct cpu_model *c, u32 t, unsigned tag)
{
	(void)c, (void)tag;
	return (t & T_COMBINED) && !T_VPID(t);
}

void raw_invalidate(struct cpu_model *c, unsigned type, unsigned tag)
{
	if (type == INVEPT_OF || type == INVEPT_EVERY)
		drop(c, of_root, type == INVEPT_OF ? tag : ~0u);
	else
		drop(c, of_vpid, type == INVVPID_OF ? tag : ~0u);
}

/* An EPT violation drops what would have translated the page (I7). */
void raw_drop_page(struct cpu_model *c, unsigned page)
{
	drop(c, of_violation, page);
}

void raw_drop_without_vpid(struct cpu_model *c)
{
	drop(c, without_vpid, 0);
}
