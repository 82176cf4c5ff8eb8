/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guests of raw actors, with all that the SDM says of T: guest-physical and combined mappings
 * with their tags, large ones, cached table pages, A/D flags and PML. As in tlb.c, T is what may be
 * cached, and an access may use any of it.
 */
#include "ept/ept.h"
#include "lab/raw.h"
#include "mm/frame.h"
#include "vmx/vmcs.h"

/* The entry that ends a walk from the root, and its level; the table page below level 2, if any. */
static u64 end_of_walk(unsigned root, unsigned page, unsigned *level, u64 *table)
{
	u64 gpa = page_gfn(page) << PAGE_SHIFT, entry = raw_root[root];

	*table = 0;
	for (*level = 4;; --*level) {
		u64 at = (entry & EPT_ADDRESS) + (gpa >> (PAGE_SHIFT + 9 * (*level - 1)) & 511) * 8;

		entry = mem_read(at, 8);
		if (*level == 1)
			*table = (at >> PAGE_SHIFT) - FRAME_BASE;
		if (!(entry & EPT_RWX) || *level == 1 || (entry & EPT_LARGE))
			return entry;
	}
}

static bool present(const struct cpu_model *c, unsigned page)
{
	unsigned level;
	u64 table;

	return end_of_walk(c->root, page, &level, &table) & EPT_RWX;
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
		t_insert(c, t | T_COMBINED | (u32)c->vpid << 17 |
				    (c->vmx & RAW_GUEST ? 1u << 19 : 0));
}

void raw_free_table(u64 frame)
{
	if (frame - RAW_TABLES < 16)
		m.freed |= (u16)BIT(frame - RAW_TABLES);
}

static bool is_freed(u32 t)
{
	return m.freed & BIT(T_FRAME(t) - RAW_TABLES);
}

/* A cached table page of the page, the N-th from 0, or 0. */
static u32 table_of(const struct cpu_model *c, unsigned page, unsigned n)
{
	for (unsigned i = 0; test->tables && i < c->nt; i++)
		if ((c->t[i] & T_TABLE) && T_PAGE(c->t[i]) == page &&
		    T_ROOT(c->t[i]) == c->root && !n--)
			return c->t[i];
	return 0;
}

/* The leaf entry in a cached table page, whether it is linked or not. */
static u64 leaf_in(u32 t)
{
	u64 table = (FRAME_BASE + T_FRAME(t)) << PAGE_SHIFT;

	return mem_read(table + (page_gfn(T_PAGE(t)) & 511) * 8, 8);
}

static void fill(struct cpu_model *c, unsigned page)
{
	unsigned level;
	u64 table, entry = end_of_walk(c->root, page, &level, &table);
	u32 tag = page | (u32)c->root << 15, t;

	if (entry & EPT_RWX)
		cache(c, page, level, entry);
	else if (!rule("I6"))
		t_insert(c, tag | T_ABSENT);
	if (table && test->tables && rule("I18-table"))
		t_insert(c, tag | (u32)table << 3 | T_TABLE);
	for (unsigned n = 0; (t = table_of(c, page, n)); n++)
		if (!is_freed(t) && (leaf_in(t) & EPT_RWX))
			cache(c, page, 1, leaf_in(t));
}

void raw_fill(unsigned actor)
{
	for (unsigned page = 0; page < test->npages; page++)
		if (raw_will_touch(actor, page))
			fill(&m.cpu[actor], page);
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

/* ---- accesses ---- */

/* The N-th different mapping that the access may use, from 0; 0 when there are no more. */
static u32 choice(const struct cpu_model *c, const struct op *op, unsigned n)
{
	u32 seen[TLB];
	unsigned k = 0;

	for (unsigned i = 0; i < c->nt; i++) {
		u32 t = c->t[i], what;
		bool new = true;

		if ((t & (T_TABLE | T_ABSENT)) || T_PAGE(t) != op->page ||
		    (T_ROOT(t) != c->root && rule("I9")))
			continue;
		if ((t & T_COMBINED) && (op->kind == RAW_WALK ||
					 (T_VPID(t) != c->vpid && rule("I9-vpid"))))
			continue;
		/* A D flag is set by walking E again: what that finds is a mapping of its own. */
		if (op->kind == RAW_WRITE && (c->vmx & RAW_AD) && !(t & T_DIRTY) &&
		    !present(c, op->page))
			continue;
		/* Tags are done with, but for mappings that another guest's tables gave. */
		what = (t & ((T_COMBINED - 1) | T_DIRTY)) | BIT(31);
		if ((t & T_COMBINED) && T_GUEST(t) != !!(c->vmx & RAW_GUEST))
			what |= T_COMBINED;
		for (unsigned s = 0; s < k; s++)
			new &= seen[s] != what;
		if (!new)
			continue;
		if (k == n)
			return what;
		seen[k++] = what;
	}
	return 0;
}

static bool walks_freed_table(const struct cpu_model *c, unsigned page)
{
	u32 t;

	for (unsigned n = 0; (t = table_of(c, page, n)); n++)
		if (is_freed(t))
			return true;
	return false;
}

static bool may_be_absent(const struct cpu_model *c, unsigned page)
{
	u32 t;

	if (!present(c, page))
		return true;
	for (unsigned i = 0; i < c->nt; i++)
		if ((c->t[i] & T_ABSENT) && T_PAGE(c->t[i]) == page && T_ROOT(c->t[i]) == c->root)
			return true;
	for (unsigned n = 0; (t = table_of(c, page, n)); n++)
		if (!(leaf_in(t) & EPT_RWX))
			return true;
	return false;
}

static bool virtualized(const struct cpu_model *c, unsigned page)
{
	return !page && !(c->vmx & RAW_APIC_OFF);
}

u32 raw_enabled(unsigned actor)
{
	const struct cpu_model *c = &m.cpu[actor];
	const struct op *op = raw_op(actor);
	u32 set = c->nmi && rule("nmi-exits") ? BIT(NMI) : 0;
	bool any, absent;

	if (c->at >= test->actor[actor].nops || (set && !rule("nmi-late")))
		return set;
	if (op->kind == RAW_EXIT)
		return set | BIT(TAKE);
	if (op->kind == RAW_WRITE && c->nbuffer == BUFFER)
		return set;
	any = choice(c, op, 0);
	absent = may_be_absent(c, op->page);
	if (any || walks_freed_table(c, op->page) ||
	    (!rule("I13-fill") && present(c, op->page)) ||
	    (!rule("I14") && absent && virtualized(c, op->page)))
		set |= BIT(TAKE);
	if (op->kind == RAW_WRITE && choice(c, op, c->pick + 1u))
		set |= BIT(OTHER);
	if (absent && (!any || rule("I13-drop")))
		set |= BIT(VIOLATION);
	return set;
}

/* What makes the guest exit goes on behind the next `exit`. */
static void leave(struct cpu_model *c, const struct actor_text *t, u8 reason)
{
	while (c->at < t->nops && t->op[c->at].kind != RAW_EXIT)
		c->at++;
	c->at += c->at < t->nops;
	c->in_guest = 0;
	c->pick = 0;
	c->reason = reason;
	drop(c, without_vpid, 0);
	if (!rule("I8"))
		c->nt = 0;
}

static void enter(struct cpu_model *c, unsigned actor, unsigned option)
{
	if (option == NMI) {
		c->nmi = 0;
		if (rule("nmi-entry")) {
			leave(c, &test->actor[actor], EXIT_EXCEPTION);
			return;
		}
	}
	if (c->vmx & RAW_VMXOFF)
		violate("panic", "VM entry outside VMX operation");
	if (c->a_unflushed && !(c->vmx & RAW_APIC_OFF))
		letters |= BIT(2);
	if (c->vmx & RAW_APIC_OFF)
		c->latched = ~0ull;
	else if (rule("A-latched") || !c->latched)
		c->latched = c->a;
	c->irq = 0;
	c->in_guest = 1;
	c->at++;
	drop(c, without_vpid, 0);
	if (rule("I13-fill"))
		raw_fill(actor);
}

/* Sets the D flag, and logs the page, or finds the log full. */
static bool make_dirty(struct cpu_model *c, unsigned actor, unsigned page)
{
	u64 leaf = (u64)raw_entry[c->root][page].leaf, entry = mem_read(leaf, 8);

	if (entry & EPT_DIRTY)
		return true;
	if (c->vmx & RAW_PML) {
		if (c->pml <= 511)
			m.logged |= BIT(page);
		else if (rule("I15"))
			return false;
		c->pml--;
	}
	mem_write(actor, leaf, 8, entry | EPT_DIRTY);
	return true;
}

static void write(struct cpu_model *c, unsigned actor, unsigned page, u32 t)
{
	if ((c->vmx & RAW_AD) && !(t & T_DIRTY) && !make_dirty(c, actor, page)) {
		leave(c, &test->actor[actor], EXIT_PML_FULL);
		return;
	}
	m.written |= BIT(page);
	if (opt.tso)
		c->buffer[c->nbuffer++] = (struct store){ .addr = T_FRAME(t), .page = (u8)page,
							  .name = "guest store",
							  .writes = R_FRAMES_ALL };
	else
		frame_touch(actor, T_FRAME(t), page, true);
	c->at++;
	c->pick = 0;
}

static bool tags_right(u32 t, unsigned page)
{
	if (!(t & T_COMBINED))
		return true;
	violate("tag-mixed", "the access of %s uses a combined mapping that was cached under other "
		"guest page tables with the same VPID (I9)", page_name(page));
	return false;
}

static void access(struct cpu_model *c, unsigned actor, const struct op *op)
{
	unsigned page = op->page, level;
	u64 table, entry = end_of_walk(c->root, page, &level, &table);
	struct leaf now = { entry & EPT_RWX, level,
			    ((entry & EPT_ADDRESS) >> PAGE_SHIFT) - FRAME_BASE };
	u32 t;

	if (walks_freed_table(c, page)) {
		violate("table-freed", "the access of %s walks through a cached entry to a table "
			"page that was released (I18)", page_name(page));
		return;
	}
	if (!choice(c, op, 0) && !rule("I13-fill"))
		fill(c, page);
	if (op->kind == RAW_WRITE && !virtualized(c, page)) {
		t = choice(c, op, c->pick);
		t = t ? t : choice(c, op, 0);
		if (page && T_FRAME(t) + FRAME_BASE == c->latched >> PAGE_SHIFT)
			violate("data-traps", "an access of %s goes to frame f%u, which A names",
				page_name(page), T_FRAME(t));
		else if (tags_right(t, page))
			write(c, actor, page, t);
		return;
	}
	for (unsigned n = 0; (t = choice(c, op, n)) && !violated; n++) {
		if (!tags_right(t, page))
			return;
		if (virtualized(c, page))
			apic_access(c, t, now);
		else if (page && T_FRAME(t) + FRAME_BASE == c->latched >> PAGE_SHIFT)
			violate("data-traps", "an access of %s goes to frame f%u, which A names",
				page_name(page), T_FRAME(t));
		else
			frame_touch(actor, T_FRAME(t), page, false);
	}
	if (!virtualized(c, page) || (op->kind == RAW_WALK && !rule("I17")) ||
	    (op->kind == RAW_READ && (c->vmx & RAW_REGISTERS)))
		c->at++;
	else
		leave(c, &test->actor[actor], EXIT_APIC_ACCESS);
}

void raw_event(unsigned actor, unsigned option)
{
	struct cpu_model *c = &m.cpu[actor];
	const struct op *op = raw_op(actor);

	if (c->ev.kind == EV_ENTER) {
		enter(c, actor, option);
	} else if (option == NMI) {
		c->nmi = 0;
		leave(c, &test->actor[actor], EXIT_EXCEPTION);
	} else if (option == VIOLATION) {
		if (rule("I7"))
			drop(c, of_violation, op->page);
		leave(c, &test->actor[actor], EXIT_EPT_VIOLATION);
	} else if (option == OTHER) {
		c->pick++;
	} else if (op->kind == RAW_EXIT) {
		leave(c, &test->actor[actor], EXIT_CPUID);
	} else {
		access(c, actor, op);
	}
}
