/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw actors: CPUs that run a short program of primitive operations in place of shipped code, so
 * that each rule of the processor can be shown by itself. The operations from `enter` to `exit` are
 * the guest's; whatever makes it exit earlier goes on after `exit`.
 */
#include <stdlib.h>
#include <string.h>

#include "ept/protocol.h"
#include "lab/order.h"
#include "lab/raw.h"
#include "mm/frame.h"
#include "vmx/vmcs.h"

static u64 vars[VARS];
static u64 frames[RAW_FRAMES]; /* numbers */

/* ---- the start ---- */

void raw_start(void)
{
	memset(vars, 0, sizeof(vars));
	for (unsigned page = 0; test->raw && page < test->npages; page++)
		frames[page] = ((*p_entry(page) & P_ADDRESS) >> PAGE_SHIFT) - FRAME_BASE;
	for (unsigned i = PAGES; test->raw && i < RAW_FRAMES; i++)
		frames[i] = frame_alloc_dirty(ept.owner) - FRAME_BASE;
	if (test->raw)
		raw_start_tables();
}

/* ---- running it ---- */

static u64 frame_entry(unsigned frame)
{
	return (FRAME_BASE + frames[frame]) << PAGE_SHIFT | EPT_RWX;
}

static void invalidate(const struct op *op, bool vpid)
{
	const struct cpu_model *c = &m.cpu[self];
	unsigned own = vpid ? c->vpid : c->root;

	post(&(struct event){ .name = op->text,
			      .kind = EV_INVALIDATE,
			      .op = (u8)((vpid ? INVVPID_OF : INVEPT_OF) + op->page),
			      .v = op->value == 0xffff ? own : op->value,
			      .writes = rule("I12") ? 0 : R_E_ALL });
}

static void expect(const struct op *op, bool found, const char *rule_name, const char *where)
{
	if ((m.written & BIT(op->page)) && !found)
		violate(rule_name, "%s was written, and %s does not tell", page_name(op->page),
			where);
}

static void set(struct cpu_model *c, u8 flag, bool on)
{
	c->vmx = (u8)(on ? c->vmx | flag : c->vmx & ~flag);
}

/* What changes only the CPU itself, out of guest mode, is no event. */
static void set_register(struct cpu_model *c, const struct op *op)
{
	bool was_off = c->vmx & RAW_APIC_OFF;

	switch (op->kind) {
	case RAW_APIC:
		set(c, RAW_APIC_OFF, op->value == 1);
		set(c, RAW_REGISTERS, op->value == 2);
		c->a_unflushed |= was_off && op->value != 1;
		break;
	case RAW_ROOT:
		c->root = (u8)op->value;
		break;
	case RAW_VPID:
		c->vpid = (u8)op->value;
		break;
	case RAW_GUEST_TABLES:
		set(c, RAW_GUEST, op->value);
		break;
	case RAW_SET_AD:
		set(c, RAW_AD, !op->value);
		break;
	case RAW_VMX_ON:
		set(c, RAW_VMXOFF, false);
		break;
	case RAW_VMX_OFF:
		set(c, RAW_VMXOFF, true);
		if (!rule("I16"))
			t_drop_all(self);
		break;
	}
}

/* Only when the last load found VALUE, or the guest exited for that reason. */
static bool only(const struct cpu_model *c, const struct op *op)
{
	static const u8 reasons[] = { EXIT_CPUID, EXIT_EXCEPTION, EXIT_EPT_VIOLATION,
				      EXIT_APIC_ACCESS, EXIT_PML_FULL };

	return op->page ? c->reg == op->value : c->reason == reasons[op->value];
}

static void of_memory(struct cpu_model *c, const struct op *op, const char *name)
{
	u64 *var = &vars[op->page];

	switch (op->kind) {
	case RAW_STORE:
		lab_store(name, var, 8, op->value);
		break;
	case RAW_LOAD:
		c->reg = (u8)lab_load(name, var, 8);
		break;
	case RAW_AWAIT:
		while (lab_load(name, var, 8) != op->value)
			cpu_relax();
		break;
	case RAW_FENCE:
		lab_fence(name);
		break;
	case RAW_XCHG:
		c->reg = (u8)lab_locked(name, OP_XCHG, var, 8, op->value, 0);
		break;
	}
}

static void of_tables(const struct cpu_model *c, const struct op *op, const char *name)
{
	const struct raw_entry *e = &raw_entry[c->root][op->page];

	switch (op->kind) {
	case RAW_MAP:
		lab_store(name, e->leaf, 8, frame_entry(op->frame));
		break;
	case RAW_LARGE:
		lab_store(name, e->above, 8, frame_entry(op->frame) | EPT_LARGE);
		break;
	case RAW_SPLIT:
		lab_store(name, e->above, 8, (FRAME_BASE + e->table) << PAGE_SHIFT | EPT_RWX);
		break;
	case RAW_UNMAP:
		lab_store(name, e->leaf, 8, 0);
		break;
	case RAW_UNLINK_TABLE:
		lab_store(name, e->above, 8, 0);
		break;
	case RAW_FREE_TABLE:
		post(&(struct event){
			.name = name, .kind = EV_FREE, .addr = e->table, .writes = R_FRAMES_ALL });
		break;
	case RAW_CLEAR_DIRTY:
		lab_locked(name, OP_AND, e->leaf, 8, ~EPT_DIRTY, 0);
		m.written &= (u8)~BIT(op->page);
		break;
	case RAW_EXPECT_DIRTY:
		expect(op, lab_load(name, e->leaf, 8) & EPT_DIRTY, "dirty-missed",
		       "its D flag (I5)");
		break;
	case RAW_EXPECT_LOGGED:
		lab_load(name, e->leaf, 8);
		expect(op, m.logged & BIT(op->page), "dirty-missed", "the PML log (I15)");
		break;
	}
}

static void of_cpu(struct cpu_model *c, const struct op *op, const char *name)
{
	switch (op->kind) {
	case RAW_COPY:
		frame_copy(FRAME_BASE + frames[op->page], FRAME_BASE + frames[op->frame]);
		break;
	case RAW_FREE:
		frame_free(FRAME_BASE + frames[op->frame], ept.owner);
		break;
	case RAW_A:
		post(&(struct event){ .name = "VMWRITE A",
				      .kind = EV_VMWRITE,
				      .v = (FRAME_BASE + frames[op->frame]) << PAGE_SHIFT });
		break;
	case RAW_INVEPT:
	case RAW_INVVPID:
		invalidate(op, op->kind == RAW_INVVPID);
		break;
	case RAW_SET_PML: /* the log is emptied by that, too */
		post(&(struct event){ .name = name,
				      .kind = EV_LOAD,
				      .size = 8,
				      .page = 0xff,
				      .addr = (u64)raw_entry[c->root][0].leaf,
				      .reads = R_E_ALL,
				      .writes = R_E_ALL });
		set(c, RAW_PML, true);
		c->pml = op->value;
		m.logged = m.written = 0;
		break;
	case RAW_NMI:
		post(&(struct event){ .name = "NMI",
				      .kind = EV_IPI,
				      .addr = op->page,
				      .op = true,
				      .writes = R_CPU(op->page) });
		break;
	case RAW_NEVER:
		lab_load(name, &vars[0], 8); /* an event, for a step that can be shown */
		violate("reached", "what is never to come about did");
		break;
	default:
		set_register(c, op);
	}
	if (violated)
		actor_stop();
}

/* The guest's next event; rawguest.c does what the processor does, and counts operations. */
static void of_guest(const char *name, const struct op *op, bool enter)
{
	struct event e = { .name = name,
			   .kind = enter ? EV_ENTER : EV_GUEST,
			   .op = op->kind,
			   .page = op->page,
			   .writes = R_CPU(self),
			   .reads = R_E_ALL | R_FRAMES_ALL | R_CPU(self) };

	if (op->kind == RAW_WRITE)
		e.writes |= (opt.tso ? 0 : R_FRAMES_ALL) | (test->dirty ? R_E_ALL : 0);
	post(&e);
}

static void run_op(struct cpu_model *c, const struct op *op)
{
	const char *name = op->text;

	c->label = name;
	if (op->kind == RAW_ENTER || (op->kind >= RAW_READ && op->kind <= RAW_EXIT)) {
		of_guest(name, op, op->kind == RAW_ENTER);
		return;
	}
	if (op->kind == RAW_ONLY) {
		if (!only(c, op))
			c->at = (u8)test->actor[self].nops;
		else
			c->at++;
		return;
	}
	if (op->kind >= RAW_STORE && op->kind <= RAW_XCHG)
		of_memory(c, op, name);
	else if (op->kind <= RAW_FREE_TABLE ||
		 (op->kind >= RAW_CLEAR_DIRTY && op->kind <= RAW_EXPECT_LOGGED))
		of_tables(c, op, name);
	else
		of_cpu(c, op, name);
	if (violated)
		actor_stop();
	c->at++;
}

void raw_actor(void)
{
	struct cpu_model *c = &m.cpu[self];

	for (;;) {
		known_point(mix((u64)c->at | (u64)c->reg << 8 | (u64)c->pick << 16 |
					(u64)c->reason << 24 | (u64)c->pml << 32,
				c->in_guest));
		forget_reads();
		if (c->at < test->actor[self].nops)
			run_op(c, &test->actor[self].op[c->at]);
		else if (c->in_guest)
			of_guest("rest", &(struct op){ .kind = RAW_NEVER }, false);
		else
			return;
	}
}

/* ---- what is still to come ---- */

bool raw_will_touch(unsigned actor, unsigned page)
{
	const struct actor_text *t = &test->actor[actor];

	for (unsigned i = m.cpu[actor].at; i < t->nops; i++)
		if (t->op[i].kind >= RAW_READ && t->op[i].kind <= RAW_WALK && t->op[i].page == page)
			return true;
	return false;
}

void raw_future(unsigned actor, u64 *reads, u64 *writes)
{
	const struct actor_text *t = &test->actor[actor];

	*reads = R_CPU(actor);
	*writes = R_CPU(actor);
	for (unsigned i = m.cpu[actor].at; i < t->nops; i++) {
		const struct op *op = &t->op[i];

		if (op->kind == RAW_LOAD || op->kind == RAW_AWAIT)
			*reads |= resource((u64)&vars[op->page]);
		else if (op->kind == RAW_NEVER)
			*reads |= resource((u64)&vars[0]);
		else if (op->kind == RAW_STORE || op->kind == RAW_XCHG)
			*writes |= resource((u64)&vars[op->page]);
		else if (op->kind == RAW_NMI)
			*writes |= R_CPU(op->page);
		else if (op->kind <= RAW_EXPECT_LOGGED || op->kind == RAW_SET_PML)
			*writes |= R_E_ALL | R_FRAMES_ALL;
		else if (op->kind == RAW_ENTER || (op->kind >= RAW_READ && op->kind <= RAW_EXIT))
			*reads |= R_E_ALL | R_FRAMES_ALL;
		if (op->kind == RAW_WRITE)
			*writes |= R_FRAMES_ALL | (test->dirty ? R_E_ALL : 0);
		if (!rule("I12"))
			*writes |= R_E_ALL;
	}
}

u64 raw_key(void)
{
	return mix(mix((u64)m.written | (u64)m.logged << 8, m.freed[0]), mix(m.freed[1], nactors));
}
