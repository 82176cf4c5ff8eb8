/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modelled processor but for T: memory under x86-TSO, with a store buffer per CPU, interrupts,
 * frames. What each event needs to be possible, and what it does.
 */
#include <stdlib.h>
#include <string.h>

#include "lab/lab.h"
#include "lab/order.h"
#include "mm/frame.h"

struct model m;
void (*on_event)(unsigned actor, unsigned option, const struct event *e, u64 result);

static struct {
	u64 addr, old;
	unsigned size;
} undo[1 << 16];
static unsigned nundo;
static u64 hash;

/* Locations, by address: each that shipped code shares is found once and keeps its bit. */
static struct {
	u64 addr;
	unsigned bit;
} locations[512];
static unsigned nlocations;

void model_start(void)
{
	nundo = 0;
	hash = 0;
	memset(locations, 0, sizeof(locations));
	nlocations = 0;
}

u64 resource(u64 addr)
{
	unsigned i = (u32)(addr >> 2) * 0x9e3779b1u >> 23;

	if (is_entry(addr)) {
		for (unsigned page = 0; page < test->npages; page++)
			if (leaf_address(page) == addr)
				return R_E(page);
		return R_E_ALL; /* a table, or a large leaf */
	}
	for (; locations[i].addr; i = (i + 1) % ARRAY_SIZE(locations))
		if (locations[i].addr == addr)
			return BIT(locations[i].bit);
	locations[i].addr = addr;
	/* When they run out, locations share the last one: conservative. */
	locations[i].bit = MIN(R_FIRST + nlocations, 63);
	nlocations += nlocations < ARRAY_SIZE(locations) / 2;
	return BIT(locations[i].bit);
}

/* ---- memory ---- */

u64 mem_read(u64 addr, unsigned size)
{
	return size == 4 ? *(volatile u32 *)addr : *(volatile u64 *)addr;
}

static void put(u64 addr, unsigned size, u64 v)
{
	unsigned vcpu;

	/* What the word tells others is hashed by shim_key(): numbers of stays only grow. */
	if (!is_mode(addr, &vcpu))
		hash ^= mix(addr, mem_read(addr, size)) ^ mix(addr, v);
	if (size == 4)
		*(volatile u32 *)addr = (u32)v;
	else
		*(volatile u64 *)addr = v;
}

/* Those that spin on the location have something new to look at. */
static void wake(unsigned writer, u64 addr)
{
	for (unsigned i = 0; i < nactors; i++)
		for (unsigned k = 0; i != writer && k < m.cpu[i].nread; k++)
			if ((m.cpu[i].read[k].addr & ~1ull) == addr)
				m.cpu[i].read[k].changed = true;
}

void mem_write(unsigned actor, u64 addr, unsigned size, u64 v)
{
	if (mem_read(addr, size) != v)
		wake(actor, addr);
	if (nundo == ARRAY_SIZE(undo))
		abort();
	undo[nundo].addr = addr;
	undo[nundo].old = mem_read(addr, size);
	undo[nundo++].size = size;
	put(addr, size, v);
	if (is_entry(addr)) {
		if (!rule("I5"))
			t_coherent();
		t_fill_all();
	}
}

unsigned mem_mark(void)
{
	return nundo;
}

void mem_undo(unsigned mark)
{
	while (nundo > mark) {
		nundo--;
		put(undo[nundo].addr, undo[nundo].size, undo[nundo].old);
	}
}

u64 memory_hash(void)
{
	return hash;
}

/* The newest store in the CPU's own buffer, else memory. */
u64 view(unsigned actor, u64 addr, unsigned size)
{
	const struct cpu_model *c = &m.cpu[actor];

	for (unsigned i = c->nbuffer; rule("forward") && i-- > 0;)
		if (c->buffer[i].addr == addr && c->buffer[i].page == 0xff)
			return c->buffer[i].v;
	return mem_read(addr, size);
}

static void land(unsigned actor, const struct store *s)
{
	if (s->page != 0xff)
		frame_touch(actor, s->addr, s->page, true);
	else
		mem_write(actor, s->addr, s->size, s->v);
}

void drain(unsigned actor)
{
	struct cpu_model *c = &m.cpu[actor];
	unsigned i = rule("fifo") ? 0 : c->nbuffer - 1u;
	struct store s = c->buffer[i];

	memmove(c->buffer + i, c->buffer + i + 1, (--c->nbuffer - i) * sizeof(s));
	land(actor, &s);
	if (on_event)
		on_event(actor, DRAIN,
			 &(struct event){ .name = s.name,
					  .addr = s.addr,
					  .v = s.v,
					  .page = s.page,
					  .kind = EV_STORE },
			 0);
}

static void store(unsigned actor, const struct event *e)
{
	struct cpu_model *c = &m.cpu[actor];
	struct store s = {
		.addr = e->addr, .v = e->v, .name = e->name, .size = e->size, .page = e->page
	};

	if (!opt.tso || actor == SETUP) {
		land(actor, &s);
		return;
	}
	s.writes = e->page != 0xff ? R_FRAMES(e->page) : e->writes;
	if (c->nbuffer == BUFFER)
		abort();
	c->buffer[c->nbuffer++] = s;
	/* Whichever drains first. */
	for (unsigned i = 0, n = c->nbuffer; i < n && !rule("fifo"); i++)
		c->buffer[i].writes |= s.writes, c->buffer[n - 1].writes |= c->buffer[i].writes;
}

/* ---- events ---- */

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

/* What the location that the actor read as its I-th holds by now. */
u64 read_now(unsigned actor, unsigned i)
{
	u64 addr = m.cpu[actor].read[i].addr;

	return view(actor, addr & ~1ull, addr & 1 ? 4 : 8);
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

/* Nothing that another actor does before it, or sees after it, depends on when it happens. */
bool is_local(const struct event *e)
{
	const struct cpu_model *c = &m.cpu[self];
	unsigned vcpu;

	switch (e->kind) {
	case EV_LOAD: /* its own mode word; E under the lock that its writers take */
		return (is_mode(e->addr, &vcpu) && vcpu == self) ||
		       (is_entry(e->addr) && c->holds && !test->raw && writers_lock());
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
	if (e->kind != EV_LOAD || (c->holds && is_entry(e->addr)) ||
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

static u64 locked(const struct event *e, u64 v)
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

u64 seen_as(unsigned actor, u64 addr, u64 v); /* shim.c: a value without numbers that only grow */

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
		store(actor, &e);
		break;
	case EV_LOCKED:
		v = view(actor, e.addr, e.size);
		c->result = v;
		if (locked(&e, v) != v)
			mem_write(actor, e.addr, e.size, locked(&e, v));
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
		} else if (test->raw) {
			raw_free_table(e.addr);
		}
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

/* ---- what shipped code calls ---- */

static struct event *access_event(struct event *e, const char *name, u8 kind, const void *p,
				  unsigned size)
{
	*e = (struct event){
		.name = name, .kind = kind, .addr = (u64)p, .size = size, .page = 0xff
	};
	if (kind != EV_STORE)
		e->reads = resource(e->addr);
	if (kind != EV_LOAD)
		e->writes = resource(e->addr);
	return e;
}

u64 load_without(const char *name, const void *p, u64 v); /* shim.c */

u64 lab_load(const char *name, const void *p, unsigned size)
{
	struct event e;
	u64 v;

	v = post(access_event(&e, name, EV_LOAD, p, size));
	return nablations && without(name) ? load_without(name, p, v) : v;
}

void lab_store(const char *name, void *p, unsigned size, u64 v)
{
	struct event e;

	if (nablations && without(name))
		return;
	access_event(&e, name, EV_STORE, p, size);
	e.v = v;
	post(&e);
}

u64 lab_locked(const char *name, enum lab_op op, void *p, unsigned size, u64 v, u64 old)
{
	struct event e;
	u64 was;

	if (nablations && without(name))
		return op == OP_CAS ? old : mem_read((u64)p, size);
	if (nablations && without_suffix(name, ".plain")) {
		was = lab_load(name, p, size);
		e = (struct event){ .op = op, .v = v, .old = old };
		if (op != OP_CAS || was == old)
			lab_store(name, p, size, locked(&e, was));
		return was;
	}
	access_event(&e, name, EV_LOCKED, p, size);
	e.op = op;
	e.v = size == 4 ? (u32)v : v;
	e.old = old;
	return post(&e);
}

void lab_fence(const char *name)
{
	if (!(nablations && without(name)))
		post(&(struct event){ .name = name, .kind = EV_FENCE });
}

void lab_lock(const char *name, struct lock *l)
{
	struct event e;

	if (!(nablations && without(name)))
		post(access_event(&e, name, EV_LOCK, &l->taken, 4));
}

void lab_unlock(const char *name, struct lock *l)
{
	struct event e;

	if (nablations && without(name))
		return;
	access_event(&e, name, EV_STORE, &l->taken, 4);
	/* What it meets, another's lock, cannot come before it: no choice is lost when it is done
	 * as soon as it can be. */
	e.writes = 0;
	post(&e);
	m.cpu[self].holds = 0;
}
