/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests of raw actors: entries, exits, and accesses by all that T may have, with PML. */
#include "ept/ept.h"
#include "lab/raw.h"
#include "mm/frame.h"
#include "vmx/vmcs.h"

static u64 current(const struct cpu_model *c, unsigned page, unsigned *level)
{
	return mem_read((u64)raw_walk(c->root, page, level), 8);
}

static bool present(const struct cpu_model *c, unsigned page)
{
	unsigned level;

	return current(c, page, &level) & EPT_RWX;
}

/* E has the mapping as it is in T. */
static bool in_e(const struct cpu_model *c, u32 t)
{
	unsigned level;
	u64 entry = current(c, T_PAGE(t), &level), frame = (entry & EPT_ADDRESS) >> PAGE_SHIFT;

	if (level == 2)
		frame += page_gfn(T_PAGE(t)) & 511;
	return (entry & EPT_RWX) && level == T_LEVEL(t) && frame == FRAME_BASE + T_FRAME(t);
}

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
		if ((t & T_COMBINED) &&
		    (op->kind == RAW_WALK || (T_VPID(t) != c->vpid && rule("I9-vpid"))))
			continue;
		/* A D flag is set by walking E again: what that finds is a mapping of its own. */
		if (op->kind == RAW_WRITE && (c->vmx & RAW_AD) && !(t & T_DIRTY) && !in_e(c, t))
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

	for (unsigned n = 0; (t = raw_table(c, page, n)); n++)
		if (raw_is_freed(t))
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
	for (unsigned n = 0; (t = raw_table(c, page, n)); n++)
		if (!(raw_leaf_in(t) & EPT_RWX))
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

	if (c->at >= test->actor[actor].nops || op->kind == RAW_STAY || (set && !rule("nmi-late")))
		return set;
	if (op->kind == RAW_EXIT)
		return set | BIT(TAKE);
	if (op->kind == RAW_WRITE && c->nbuffer == BUFFER)
		return set;
	any = choice(c, op, 0);
	absent = may_be_absent(c, op->page);
	if (any || walks_freed_table(c, op->page) || (!rule("I13-fill") && present(c, op->page)) ||
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
	raw_drop_without_vpid(c);
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
	raw_drop_without_vpid(c);
	if (rule("I13-fill"))
		raw_fill(actor);
}

/* Sets the D flag, and logs the page, or finds the log full. */
static bool make_dirty(struct cpu_model *c, unsigned actor, unsigned page)
{
	unsigned level;
	u64 leaf = (u64)raw_walk(c->root, page, &level), entry = mem_read(leaf, 8);

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
		c->buffer[c->nbuffer++] = (struct buffered){ .addr = T_FRAME(t),
							     .page = (u8)page,
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
	violate("tag-mixed",
		"the access of %s uses a combined mapping that was cached under other "
		"guest page tables with the same VPID (I9)",
		page_name(page));
	return false;
}

static void access(struct cpu_model *c, unsigned actor, const struct op *op)
{
	unsigned page = op->page, level;
	u64 entry = current(c, page, &level);
	struct leaf now = { entry & EPT_RWX, level,
			    ((entry & EPT_ADDRESS) >> PAGE_SHIFT) - FRAME_BASE, false };
	u32 t;

	if (walks_freed_table(c, page)) {
		violate("table-freed",
			"the access of %s walks through a cached entry to a table "
			"page that was released (I18)",
			page_name(page));
		return;
	}
	if (!choice(c, op, 0) && !rule("I13-fill"))
		raw_fill_page(c, page);
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
			raw_drop_page(c, op->page);
		leave(c, &test->actor[actor], EXIT_EPT_VIOLATION);
	} else if (option == OTHER) {
		c->pick++;
	} else if (op->kind == RAW_EXIT) {
		leave(c, &test->actor[actor], EXIT_CPUID);
	} else {
		access(c, actor, op);
	}
}
