/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * T, A and the guest. T is kept as the set of mappings that a CPU may have cached: it grows by all
 * that E allows while the CPU is in guest mode (rule I13: filled at any time), and shrinks by what
 * must drop mappings. That one may have been dropped by itself needs no step of its own: an access
 * may use any mapping of the set, or none when E has none. So an access is wrong when one of its
 * choices is.
 */
#include <string.h>

#include "ept/ept.h"
#include "ept/protocol.h"
#include "lab/lab.h"
#include "mm/frame.h"
#include "vmx/vmcs.h"

u64 *walk_from(u64 table, unsigned page, unsigned *level)
{
	u64 gpa = page_gfn(page) << PAGE_SHIFT;

	for (*level = 4;; --*level) {
		u64 at = table + 8 * (gpa >> (PAGE_SHIFT + 9 * (*level - 1)) & 511);
		u64 entry = mem_read(at, 8);

		if (!(entry & EPT_RWX) || *level == 1 || (entry & EPT_LARGE))
			return (u64 *)at;
		table = entry & EPT_ADDRESS;
	}
}

struct leaf walk(unsigned page)
{
	unsigned level;
	u64 entry = mem_read((u64)walk_from(ept.eptp & EPT_ADDRESS, page, &level), 8);
	u64 offset = (page_gfn(page) << PAGE_SHIFT) & (ept_level_size(level) - 1);

	if (!(entry & EPT_RWX))
		return (struct leaf){ false };
	return (struct leaf){ true, level,
			      (((entry & EPT_ADDRESS) + offset) >> PAGE_SHIFT) - FRAME_BASE,
			      (entry & EPT_DIRTY) && rule("I5-dirty") };
}

u64 leaf_address(unsigned page)
{
	unsigned level;
	u64 at = (u64)walk_from(ept.eptp & EPT_ADDRESS, page, &level);

	return level == 1 ? at : 0;
}

static u64 frame_address(u64 frame)
{
	return (FRAME_BASE + frame) << PAGE_SHIFT;
}

void t_insert(struct cpu_model *c, u32 t)
{
	unsigned i = 0;

	while (i < c->nt && c->t[i] < t)
		i++;
	if (i < c->nt && c->t[i] == t)
		return;
	if (c->nt == TLB)
		out_of("mappings in T");
	for (unsigned k = c->nt++; k > i; k--)
		c->t[k] = c->t[k - 1];
	c->t[i] = t;
}

u32 t_of(const struct cpu_model *c, unsigned page, struct leaf l)
{
	return page | (u32)l.frame << 3 | l.level << 11 | (l.dirty ? T_DIRTY : 0) |
	       (!page && frame_address(l.frame) == c->latched ? T_APIC : 0);
}

void t_fill(unsigned actor)
{
	struct cpu_model *c = &m.cpu[actor];

	if (test->raw && test->actor[actor].kind == RAW) {
		raw_fill(actor);
		return;
	}
	for (unsigned page = 0; page < test->npages; page++) {
		struct leaf l;

		if (!will_touch(actor, page))
			continue; /* what is cached of it does not matter any more */
		l = walk(page);
		if (l.present)
			t_insert(c, t_of(c, page, l));
		if (test->prunes)
			tables_fill(c, page);
	}
}

void t_fill_all(void)
{
	for (unsigned i = 0; i < nactors; i++)
		if (m.cpu[i].in_guest && rule("I13-fill"))
			t_fill(i);
}

void t_drop_all(unsigned actor)
{
	m.cpu[actor].nt = 0;
	memset(m.cpu[actor].walks, 0, sizeof(m.cpu[actor].walks));
}

void t_coherent(void)
{
	for (unsigned i = 0; i < nactors; i++)
		t_drop_all(i);
}

/* On its own CPU alone (I12). */
void t_invalidate(unsigned actor, const struct event *e)
{
	for (unsigned i = 0; i < nactors; i++) {
		if (i != actor && rule("I12"))
			continue;
		if (test->actor[i].kind == RAW)
			raw_invalidate(&m.cpu[i], e->op, (unsigned)e->v);
		else if (rule("invept"))
			t_drop_all(i);
	}
	if (e->op == INVEPT_EVERY || (e->op == INVEPT_OF && e->v == m.cpu[actor].root))
		m.cpu[actor].a_unflushed = 0;
	if (!rule("I12"))
		t_fill_all();
}

void t_drop_page(unsigned actor, unsigned page)
{
	struct cpu_model *c = &m.cpu[actor];
	unsigned n = 0;

	for (unsigned i = 0; i < c->nt; i++)
		if (T_PAGE(c->t[i]) != page)
			c->t[n++] = c->t[i];
	c->nt = n;
}

/* A frame is read or written as memory of PAGE. */
void frame_touch(unsigned actor, unsigned frame, unsigned page, bool write)
{
	const struct cpu_model *c = &m.cpu[actor];

	if (frame >= FRAMES || !(m.frame[frame] & FRAME_OWNED)) {
		if (rule("I18"))
			violate("frame-freed", "%s of %s uses frame f%u, which was released (I18)",
				write ? "a write" : "a read", page_name(page), frame);
		return;
	}
	if (write) {
		if (m.frame[frame] & FRAME_COPIED)
			violate("write-lost",
				"a write to %s lands in frame f%u after it was copied",
				page_name(page), frame);
		m.content[frame] = ++m.expected[page];
		return;
	}
	for (unsigned i = 0; i < c->nbuffer; i++)
		if (c->buffer[i].page == page)
			return; /* forwarded */
	if (m.content[frame] != m.expected[page])
		violate("data-stale",
			"a read of %s finds in frame f%u something older than was "
			"last written",
			page_name(page), frame);
}

void frame_write(unsigned actor, unsigned frame, u8 page, const char *name)
{
	struct cpu_model *c = &m.cpu[actor];

	if (!opt.tso) {
		frame_touch(actor, frame, page, true);
		return;
	}
	if (c->nbuffer == BUFFER)
		__builtin_trap();
	c->buffer[c->nbuffer++] = (struct buffered){
		.addr = frame, .page = page, .name = name, .writes = R_FRAMES(page)
	};
}

void apic_access(const struct cpu_model *c, u32 t, struct leaf now)
{
	u64 address = frame_address(T_FRAME(t));

	if (T_LEVEL(t) > 1 && rule("I1"))
		violate("apic-raw",
			"the APIC-access page is reached through a %u-level leaf: the "
			"access need not exit (I1)",
			T_LEVEL(t));
	else if (address != c->latched)
		violate("apic-raw",
			"the guest reaches frame f%u as plain memory: its %s, A is f%lu",
			T_FRAME(t),
			now.present && now.frame == T_FRAME(t)
				? "translation is E's"
				: "cached translation is none of E's any more",
			(unsigned long)((c->latched >> PAGE_SHIFT) - FRAME_BASE));
	else if (!(t & T_APIC) && rule("I4"))
		violate("apic-raw",
			"the mapping to frame f%u was cached before A became that: the "
			"access need not exit (I4)",
			T_FRAME(t));
}

/* The action's page through one mapping. True when the access is done. */
static void data_access(unsigned actor, const struct action *a, u32 t)
{
	struct cpu_model *c = &m.cpu[actor];

	if (frame_address(T_FRAME(t)) == c->latched) {
		violate("data-traps", "an access of %s goes to frame f%u, which A still names",
			page_name(a->page), T_FRAME(t));
	} else if (a->kind == ACT_READ) {
		frame_touch(actor, T_FRAME(t), a->page, false);
	} else {
		frame_write(actor, T_FRAME(t), a->page, "guest store");
	}
}

static const struct action *next(unsigned actor)
{
	static const struct action idle = { .kind = ACT_IDLE };
	const struct actor_text *t = &test->actor[actor];

	return m.cpu[actor].at < t->nactions ? &t->action[m.cpu[actor].at] : &idle;
}

bool sets_dirty(const struct action *a)
{
	return a->kind == ACT_WRITE && a->page && test->out;
}

/* The N-th different frame that T has for the page, from 0: its mapping, or 0. */
static u32 choice(const struct cpu_model *c, unsigned page, unsigned n)
{
	for (unsigned i = 0; i < c->nt; i++)
		if (T_PAGE(c->t[i]) == page && !n--)
			return c->t[i] | BIT(31);
	return 0;
}

/* The N-th mapping that the access may use. */
static u32 mapping(const struct cpu_model *c, const struct action *a, unsigned n)
{
	return sets_dirty(a) ? writable(c, a->page, n) : choice(c, a->page, n);
}

u32 guest_enabled(unsigned actor)
{
	const struct cpu_model *c = &m.cpu[actor];
	const struct action *a = next(actor);
	u32 set = c->nmi && rule("nmi-exits") ? BIT(NMI) : 0;

	if (test->raw && test->actor[actor].kind == RAW)
		return raw_enabled(actor);
	if (set && !rule("nmi-late"))
		return set;
	switch (a->kind) {
	case ACT_IDLE:
		return set;
	case ACT_READ:
	case ACT_WRITE:
		if (a->kind == ACT_WRITE && c->nbuffer == BUFFER)
			return set; /* a drain comes first */
		if (mapping(c, a, 0) || (!rule("I13-fill") && walk(a->page).present))
			set |= BIT(TAKE);
		if (a->kind == ACT_WRITE && mapping(c, a, 1))
			set |= BIT(OTHER);
		if (!walk(a->page).present && (rule("I13-drop") || !choice(c, a->page, 0)))
			set |= BIT(VIOLATION);
		return set;
	}
	return set | BIT(TAKE);
}

static void vm_exit(unsigned actor, unsigned reason)
{
	struct cpu_model *c = &m.cpu[actor];

	c->in_guest = 0;
	c->reason = reason;
	c->result = reason + 1;
	if (!rule("I8"))
		t_drop_all(actor);
}

static void enter(struct cpu_model *c, unsigned option)
{
	if (option == NMI) { /* it came in root mode: vmx/entry.asm gives up */
		c->nmi = 0;
		if (rule("nmi-entry"))
			return;
	}
	if (c->a_unflushed)
		letters |= BIT(2);
	c->irq = 0; /* an interrupt that waits makes one exit, and is gone */
	if (rule("A-latched") || !c->latched)
		c->latched = c->a;
	c->in_guest = 1;
	c->result = 1;
}

/* By which the guest asks for an action that is no access. */
static const u8 exit_of[] = {
	[ACT_EXIT] = EXIT_CPUID,    [ACT_END] = EXIT_CPUID, [ACT_HREAD] = EXIT_VMCALL,
	[ACT_HWRITE] = EXIT_VMCALL, [ACT_HALT] = EXIT_HLT,  [ACT_LEAVE] = EXIT_RDMSR,
	[ACT_NOTIFY] = EXIT_IO,
};

void guest_event(unsigned actor, unsigned option)
{
	struct cpu_model *c = &m.cpu[actor];
	const struct action *a = next(actor);

	c->result = 0;
	if (test->raw && test->actor[actor].kind == RAW) {
		raw_event(actor, option);
		return;
	}
	if (c->ev.kind == EV_ENTER) {
		enter(c, option);
		if (c->in_guest && rule("I13-fill"))
			t_fill(actor);
		tables_entered(actor);
	} else if (option == NMI) {
		c->nmi = 0;
		vm_exit(actor, EXIT_EXCEPTION);
	} else if (option == VIOLATION) {
		if (rule("I7"))
			t_drop_page(actor, a->page);
		vm_exit(actor, EXIT_EPT_VIOLATION);
	} else if (a->kind > ACT_WRITE) {
		c->at++;
		vm_exit(actor, exit_of[a->kind]);
	} else {
		struct leaf now = walk(a->page);
		u32 t;

		if (!rule("I13-fill") && !mapping(c, a, 0))
			t_fill(actor);
		for (unsigned n = 0; (t = mapping(c, a, n)); n++) {
			if (!a->page) {
				apic_access(c, t, now);
			} else if (a->kind == ACT_READ || n == (option == OTHER)) {
				data_access(actor, a, t);
				if (sets_dirty(a) && !(t & T_DIRTY))
					set_dirty(actor, a->page);
				if (a->kind == ACT_WRITE)
					break;
			}
		}
		c->at++;
		if (!will_touch(actor, a->page))
			t_drop_page(actor, a->page);
		if (!a->page)
			vm_exit(actor, EXIT_APIC_ACCESS);
	}
	c->base = c->hist = mix(actor + 1, (u64)c->at << 8 | c->reason | (u64)c->in_guest << 16);
	c->nread = 0;
}
