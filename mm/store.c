/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store: frames cut into slots of equal size, a compressed page in each. Frames of one size
 * that have both free and used slots are in a list of their own; one without a used slot is given
 * back at once.
 */
#include "mm/frame.h"
#include "mm/host.h"
#include "mm/lz4.h"
#include "mm/store.h"

/* What stands at the start of a frame. */
struct shelf {
	u64 next, prev; /* frame numbers in the list it is on, 0 for none */
	u64 used;	/* a bit for each slot */
	u32 kind;	/* the size class of its slots */
};

struct object {
	u16 size; /* of the data; 0 while the slot is free */
	u8 data[];
};

/* Slots in a frame, by size class: the biggest slots first. */
static const u8 slots[] = { 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48 };
_Static_assert(ARRAY_SIZE(slots) == STORE_CLASSES, "a list for each class");

#define SLOT_MASK (PAGE_SIZE - 1) /* a handle is the frame's address plus the slot's number */

static u64 slot_size(u32 kind)
{
	return (PAGE_SIZE - sizeof(struct shelf)) / slots[kind] & -sizeof(struct object);
}

static unsigned largest(u32 kind)
{
	return (unsigned)(slot_size(kind) - sizeof(struct object));
}

static struct object *slot_at(u64 pfn, u32 kind, u64 slot)
{
	return (struct object *)((u8 *)frame_ptr(pfn) + sizeof(struct shelf) +
				 slot * slot_size(kind));
}

/* Needs no lock: a frame keeps its class while it has a used slot, and a slot its size. */
static struct object *find(const struct store *s, u64 handle)
{
	u64 pfn = handle >> PAGE_SHIFT, slot = handle & SLOT_MASK;
	const struct shelf *f = frame_ptr(pfn);
	struct object *o = NULL;

	if (frame_owner(pfn) == s->owner && f->kind < STORE_CLASSES && slot < slots[f->kind])
		o = slot_at(pfn, f->kind, slot);
	if (!o || !o->size || o->size > largest(f->kind))
		panic("store-handle: %lx is none of store %x's", handle, s->owner);
	return o;
}

static u64 all_used(u32 kind)
{
	return BIT(slots[kind]) - 1;
}

static void link_shelf(u64 *list, u64 pfn)
{
	struct shelf *f = frame_ptr(pfn);

	f->next = *list;
	f->prev = 0;
	if (*list)
		((struct shelf *)frame_ptr(*list))->prev = pfn;
	*list = pfn;
}

static void unlink_shelf(u64 *list, u64 pfn)
{
	const struct shelf *f = frame_ptr(pfn);

	if (f->next)
		((struct shelf *)frame_ptr(f->next))->prev = f->prev;
	if (f->prev)
		((struct shelf *)frame_ptr(f->prev))->next = f->next;
	else
		*list = f->next;
}

static u64 new_shelf(struct store *s, u32 kind)
{
	u64 pfn = frame_alloc_dirty(s->owner);

	if (!pfn)
		return 0;
	*(struct shelf *)frame_ptr(pfn) = (struct shelf){ .kind = kind };
	for (u64 i = 0; i < slots[kind]; i++)
		slot_at(pfn, kind, i)->size = 0;
	link_shelf(&s->partial[kind], pfn);
	s->frames++;
	return pfn;
}

/* A frame with a free slot for SIZE bytes, or 0: one with slots of the right size, if need be a new
 * one; when there is none to be had, one with bigger slots. */
static u64 shelf_for(struct store *s, unsigned size)
{
	u32 kind = STORE_CLASSES - 1;
	u64 pfn;

	while (largest(kind) < size)
		kind--;
	pfn = s->partial[kind];
	if (!pfn)
		pfn = new_shelf(s, kind);
	while (!pfn && kind)
		pfn = s->partial[--kind];
	return pfn;
}

static void move(u64 *from, u64 *to, u64 pfn)
{
	unlink_shelf(from, pfn);
	link_shelf(to, pfn);
}

/* Takes a free slot of the frame. */
static u64 take(struct store *s, u64 pfn)
{
	struct shelf *f = frame_ptr(pfn);
	u64 slot = (u64)__builtin_ctzl(~f->used);

	f->used |= BIT(slot);
	if (f->used == all_used(f->kind))
		move(&s->partial[f->kind], &s->full, pfn);
	return pfn << PAGE_SHIFT | slot;
}

/* Gives it back. True when the frame has no used slot left: then it is on no list. */
static bool put_back(struct store *s, u64 pfn, u64 slot)
{
	struct shelf *f = frame_ptr(pfn);

	if (f->used == all_used(f->kind))
		move(&s->full, &s->partial[f->kind], pfn);
	f->used &= ~BIT(slot);
	if (f->used)
		return false;
	unlink_shelf(&s->partial[f->kind], pfn);
	s->frames--;
	return true;
}

u64 store_put(struct store *s, const void *page)
{
	u8 *packed = (u8 *)s->work + lz4_state_size();
	unsigned size = lz4_pack(s->work, page, packed, largest(0));
	u64 pfn, handle = 0;
	struct object *o;

	lock(&s->lock);
	pfn = size ? shelf_for(s, size) : 0;
	if (pfn) {
		handle = take(s, pfn);
		s->pages++;
		s->bytes += size;
		s->stored++;
		s->stored_bytes += size;
	} else if (size) {
		s->no_room++;
	} else {
		s->incompressible++;
	}
	unlock(&s->lock);
	if (!handle)
		return 0;
	o = slot_at(pfn, ((struct shelf *)frame_ptr(pfn))->kind, handle & SLOT_MASK);
	o->size = (u16)size;
	memcpy(o->data, packed, size);
	return handle;
}

void store_read(struct store *s, u64 handle, void *page)
{
	const struct object *o = find(s, handle);

	if (!lz4_unpack(o->data, o->size, page))
		panic("store-contents: %u bytes at %lx of store %x are no page", o->size, handle,
		      s->owner);
}

void store_free(struct store *s, u64 handle)
{
	u64 pfn = handle >> PAGE_SHIFT;
	struct object *o = find(s, handle);
	bool empty;

	lock(&s->lock);
	s->pages--;
	s->bytes -= o->size;
	o->size = 0;
	empty = put_back(s, pfn, handle & SLOT_MASK);
	unlock(&s->lock);
	/* It is poisoned: too long for the lock. Nothing leads to the frame any more. */
	if (empty)
		frame_free(pfn, s->owner);
}

u64 store_work_frames(void)
{
	return (lz4_state_size() + largest(0) + PAGE_SIZE - 1) / PAGE_SIZE;
}

int store_init(struct store *s, u16 id)
{
	u64 frames = store_work_frames();
	u64 first = frame_alloc_run(OWNER_HOST, frames, 1);

	if (!first)
		return -ENOMEM;
	*s = (struct store){ .owner = OWNER_STORE(id),
			     .work = frame_ptr(first),
			     .work_first = first,
			     .work_frames = frames };
	return 0;
}

static void free_shelves(struct store *s, u64 *list)
{
	while (*list) {
		u64 pfn = *list;

		unlink_shelf(list, pfn);
		frame_free(pfn, s->owner);
	}
}

void store_destroy(struct store *s)
{
	for (u32 kind = 0; kind < STORE_CLASSES; kind++)
		free_shelves(s, &s->partial[kind]);
	free_shelves(s, &s->full);
	for (u64 i = 0; i < s->work_frames; i++)
		frame_free(s->work_first + i, OWNER_HOST);
	*s = (struct store){ 0 };
}

bool page_is_same(const void *page, u64 *word)
{
	const u64 *p = page;

	for (unsigned i = 1; i < PAGE_SIZE / sizeof(*p); i++)
		if (p[i] != p[0])
			return false;
	*word = p[0];
	return true;
}
