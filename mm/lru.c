/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists of pages by last use. A page links to its neighbours by number, so that it costs no
 * more than 8 bytes. */
#include "mm/lru.h"

void lru_init(struct lru *l, struct lru_page *pages, u64 npages)
{
	*l = (struct lru){ .pages = pages, .npages = npages };
}

static void count(u64 *counter, u64 change)
{
	__atomic_store_n(counter, *counter + change, __ATOMIC_RELAXED);
}

static void unlink(struct lru *l, struct lru_page *p)
{
	unsigned list = p->on - 1u;
	u32 next = p->next, prev = p->prev;

	if (prev)
		l->pages[prev - 1].next = next;
	else
		l->list[list].head = next;
	if (next)
		l->pages[next - 1].prev = prev;
	else
		l->list[list].tail = prev;
	count(&l->list[list].count, -1ul);
	p->on = 0;
}

void lru_add(struct lru *l, u64 page, enum lru_list list)
{
	struct lru_page *p = &l->pages[page];
	u32 me = (u32)page + 1, next;

	lock(&l->lock);
	if (p->on)
		unlink(l, p);
	next = l->list[list].head;
	p->next = next;
	p->prev = 0;
	p->on = list + 1u;
	if (next)
		l->pages[next - 1].prev = me;
	else
		l->list[list].tail = me;
	l->list[list].head = me;
	count(&l->list[list].count, 1);
	unlock(&l->lock);
}

unsigned lru_take(struct lru *l, enum lru_list list, u32 *pages, unsigned max)
{
	unsigned n = 0;

	lock(&l->lock);
	for (; n < max && l->list[list].tail; n++) {
		pages[n] = l->list[list].tail - 1;
		unlink(l, &l->pages[pages[n]]);
	}
	unlock(&l->lock);
	return n;
}

unsigned lru_mark(struct lru *l, u64 page, unsigned set, unsigned clear)
{
	struct lru_page *p = &l->pages[page];
	unsigned flags;

	lock(&l->lock);
	flags = (p->flags & ~clear) | set;
	count(&l->stuck, (u64)(flags & LRU_STUCK) - (u64)(p->flags & LRU_STUCK));
	p->flags = flags;
	unlock(&l->lock);
	return flags;
}

unsigned lru_flags(struct lru *l, u64 page)
{
	unsigned flags;

	lock(&l->lock);
	flags = l->pages[page].flags;
	unlock(&l->lock);
	return flags;
}
