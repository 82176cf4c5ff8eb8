/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The named accesses of lab/order.h, as shipped code makes them: events, or left out. */
#include "lab/lab.h"
#include "lab/order.h"

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

u64 lab_load(const char *name, const void *p, unsigned size)
{
	struct event e;
	u64 v;

	v = post(access_event(&e, name, EV_LOAD, p, size));
	return nablations && without(name) ? load_without(name, v) : v;
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
			lab_store(name, p, size, locked_value(&e, was));
		return was;
	}
	access_event(&e, name, EV_LOCKED, p, size);
	/*
	 * A table's count of entries is read under the lock that all who write E take, and nobody else
	 * can tell when it changes.
	 */
	if (is_note(e.addr) && entry_locked())
		e.reads = e.writes = 0;
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
