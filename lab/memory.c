/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The modelled memory: x86-TSO, with a store buffer per CPU; and locations as resources. */
#include <stdlib.h>
#include <string.h>

#include "lab/lab.h"
#include "lab/order.h"
#include "mm/frame.h"

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
	if (never_changes(addr))
		return 0;
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

static void land(unsigned actor, const struct buffered *s)
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
	struct buffered s = c->buffer[i];

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

void buffer_store(unsigned actor, const struct event *e)
{
	struct cpu_model *c = &m.cpu[actor];
	struct buffered s = {
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

/* What the location that the actor read as its I-th holds by now. */
u64 read_now(unsigned actor, unsigned i)
{
	u64 addr = m.cpu[actor].read[i].addr;

	return view(actor, addr & ~1ull, addr & 1 ? 4 : 8);
}
