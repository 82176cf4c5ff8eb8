/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modelled processor's events but those of the guest: what each needs to be possible, and what it
 * does to memory, frames, interrupts.
 */
#include "lab/order.h"

#include "ept/ept.h"
#include "lab/lab.h"

struct model m;
void (*on_event)(unsigned actor, unsigned option, const struct event *e, u64 result);

/* Has to wait until the CPU's buffer is empty. */
static bool serializes(const struct event *e)
{
	switch (e->kind) {
	case EV_LOCKED:
	case EV_LOCK:
		return rule("locked-drains");
	case EV_FENCE:
		return rule("fence-drains");
	case EV_INVALIDATE: /* SDM: INVEPT and INVVPID are serializing */
		return rule("invept-drains");
	case EV_IPI: /* apic/lapic.c fences before it sends */
	case EV_END:
	case EV_IRQ_WAIT:
		return true;
	}
	return false;
}

/* A raw actor's copying and freeing come after its guest's stores, being on the same CPU. */
static bool follows_guest(const struct cpu_model *c)
{
	for (unsigned i = 0; i < c->nbuffer; i++)
		if (c->buffer[i].page != 0xff)
			return c->ev.kind == EV_COPY || c->ev.kind == EV_FREE;
	return false;
}

static bool something_new(unsigned actor)
{
	const struct cpu_model *c = &m.cpu[actor];

	for (unsigned i = 0; i < c->nread; i++)
		if (c->read[i].changed || read_now(actor, i) != c->read[i].v)
			return true;
	return c->nread == READS;
}

u32 enabled(unsigned actor)
{
	const struct cpu_model *c = &m.cpu[actor];
	const struct event *e = &c->ev;
	u32 set = c->nbuffer ? BIT(DRAIN) : 0;

	if (c->ended || (c->nbuffer && (serializes(e) || (test->raw && follows_guest(c)))))
		return set;
	switch (e->kind) {
	case EV_STORE:
	case EV_WRITE:
		return set | (c->nbuffer < BUFFER);
	case EV_LOCK:
		return set | !mem_read(e->addr, 4);
	case EV_RELAX:
		return set | something_new(actor);
	case EV_IRQ_WAIT:
		return set | (c->irq || c->nmi);
	case EV_ENTER:
		return set | (c->nmi && !rule("nmi-late") ? 0 : 1) | (c->nmi ? BIT(NMI) : 0);
	case EV_GUEST:
		return set | guest_enabled(actor);
	}
	return set | 1;
}

static bool writers_lock(void)
{
	return !nablations || !(without("unmap_lock") || without("fault_lock"));
}

bool entry_locked(void)
{
	return m.cpu[self].holds && !test->raw && writers_lock();
}

/* A leaf, in which the processor sets D at any time. */
static bool is_dirtied(const struct event *e)
{
	u64 entry = test->out ? mem_read(e->addr, 8) : 0;

	return (entry & EPT_RWX) && ((entry & EPT_LARGE) || e->reads != R_E_ALL);
}

/* Nothing that another actor does before it, or sees after it, depends on when it happens. */
bool is_local(const struct event *e)
{
	unsigned vcpu;

	switch (e->kind) {
	case EV_LOAD: /* its own mode word; E under the lock that its writers take */
		return !e->reads || (is_mode(e->addr, &vcpu) && vcpu == self) ||
		       (is_entry(e->addr) && entry_locked() && !is_dirtied(e));
	case EV_LOCKED: /* a count of entries under that lock */
		return !e->writes;
	case EV_STORE:
		return opt.tso; /* into the buffer */
	case EV_FENCE:
	case EV_VMWRITE:
		return true;
	case EV_INVALIDATE: /* in root mode nothing is cached anew */
		return rule("I12");
	}
	return false;
}

static void observe(struct cpu_model *c, const struct event *e, u64 v)
{
	u64 addr = e->addr | (e->size == 4);
	unsigned vcpu;

	c->hist = mix(c->hist, v);
	if (e->kind != EV_LOAD || !e->reads || (c->holds && is_entry(e->addr)) ||
	    (is_mode(e->addr, &vcpu) && vcpu == (unsigned)(c - m.cpu)))
		return;
	for (unsigned i = 0; i < c->nread; i++)
		if (c->read[i].addr == addr)
			return;
	if (c->nread == READS)
		return;
	c->read[c->nread].addr = addr;
	c->read[c->nread].changed = false;
	c->read[c->nread++].v = e->old;
}

static u64 result_of(const struct event *e, u64 v)
{
	switch (e->op) {
	case OP_OR:
		return v | e->v;
	case OP_AND:
		return v & e->v;
	case OP_ADD:
		return v + e->v;
	case OP_CAS:
		return v == e->old ? e->v : v;
	}
	return e->v;
}

u64 locked_value(const struct event *e, u64 v)
{
	v = result_of(e, v);
	return e->size == 4 ? (u32)v : v;
}

void perform(unsigned actor, unsigned option)
{
	struct cpu_model *c = &m.cpu[actor];
	struct event e = c->ev;
	u64 v;

	c->result = 0;
	c->hist = mix(c->hist, (u64)e.name);
	switch (e.kind) {
	case EV_LOAD:
		c->result = view(actor, e.addr, e.size);
		e.old = c->result;
		observe(c, &e, seen_as(actor, e.addr, c->result));
		break;
	case EV_STORE:
		buffer_store(actor, &e);
		break;
	case EV_LOCKED:
		v = view(actor, e.addr, e.size);
		c->result = v;
		if (locked_value(&e, v) != v)
			mem_write(actor, e.addr, e.size, locked_value(&e, v));
		observe(c, &e, seen_as(actor, e.addr, v));
		break;
	case EV_LOCK:
		mem_write(actor, e.addr, 4, 1);
		c->holds = 1;
		break;
	case EV_RELAX:
		c->nread = 0;
		break;
	case EV_FREE:
		if (e.addr < FRAMES) {
			if (!(m.frame[e.addr] & FRAME_OWNED))
				violate("frame-owner", "frame f%lu is freed twice", e.addr);
			m.frame[e.addr] = 0;
			m.content[e.addr] = CONTENT_POISON;
		} else {
			table_free(e.addr);
		}
		break;
	case EV_STOW:
	case EV_FETCH:
	case EV_DROP:
		c->result = store_event(&e);
		c->hist = mix(c->hist, c->result);
		break;
	case EV_COPY:
		if (!test->raw && m.content[e.addr] != CONTENT_DIRTY)
			violate("write-lost", "frame f%lu is copied to after it was in use",
				e.addr);
		m.content[e.addr] = m.content[e.old];
		m.frame[e.old] |= FRAME_COPIED;
		break;
	case EV_READ:
		frame_touch(actor, e.addr, e.page, false);
		break;
	case EV_WRITE:
		frame_write(actor, e.addr, e.page, "host store");
		break;
	case EV_VMWRITE:
		c->a_unflushed |= c->a != e.v;
		c->a = e.v;
		break;
	case EV_INVALIDATE:
		t_invalidate(actor, &e);
		break;
	case EV_IPI:
		if (e.op)
			m.cpu[e.addr].nmi = 1;
		else
			m.cpu[e.addr].irq = 1;
		break;
	case EV_IRQ_WAIT:
		c->irq = c->nmi = 0;
		break;
	case EV_ENTER:
	case EV_GUEST:
		guest_event(actor, option);
		break;
	case EV_END:
		c->ended = 1;
		break;
	}
	if (on_event)
		on_event(actor, option, &e, c->result);
}
