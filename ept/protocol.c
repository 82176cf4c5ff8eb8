/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The invalidator's side of the protocol: how pages get new frames under running vCPUs. The vCPU's
 * side is vmx/gate.h.
 *
 * Four things must agree: P (which frame backs a page), E (the EPT leaf), T (what CPUs cached of E)
 * and, for the APIC-access page, A (the VMCS field APIC_ACCESS_ADDR of each vCPU). The lists below
 * are the order. For `ordered`, why each step stands where it does:
 *
 *   begin           first: from here on no fault fills E, and no reload fills A, from a mapping
 *                   that is about to go
 *   unmap           after begin, or a fault could map the old frame again; before publish, or a
 *                   flush could come too early
 *   publish_reload  after begin, or a reload could take the old frame and clear the request; before
 *                   kick
 *   publish_flush   after unmap: a CPU that flushes for this generation cannot cache the old leaf
 *                   again; before kick
 *   kick            after both, with a full fence between (the other half is in the gate): a vCPU
 *                   that it finds OUTSIDE will see what was published before it enters
 *   wait            every stay in guest mode that could use the old frame is over
 *   copy            after wait: nothing writes to the old frame any more; before end: who gets the
 *                   page next finds the contents, in the new frame or in the store
 *   rebind          P names what backs the page now, still marked as moving: until end nobody uses
 *                   it
 *   release         after wait: no T, E or A that names the old frame can be used any more (a vCPU
 *                   that is OUTSIDE may still have one, and drops it at its gate), nor a cached
 *                   walk that passes a table taken out of E; after copy, since it poisons the frame
 *   end             last: faults and reloads may use P again
 *
 * What is freed is freed in release and nowhere else: from unmap on, the frame stands in page[].old,
 * the table in page[].table.
 */
#include "ept/order.h"
#include "ept/protocol.h"
#include "mm/frame.h"
#include "mm/host.h"

static void begin(struct batch *b);
static void unmap(struct batch *b);
static void publish_reload(struct batch *b);
static void publish_flush(struct batch *b);
static void kick(struct batch *b);
static void wait(struct batch *b);
static void copy(struct batch *b);
static void clear(struct batch *b);
static void rebind(struct batch *b);
static void release(struct batch *b);
static void end(struct batch *b);

/* clang-format off */
#define S(step) { #step, step }

static const struct protocol protocols[] = {
	/* One round of kicks for E and A; safe because the gate's reload waits until end. */
	{ "ordered", .gated = true, {
		S(begin), S(unmap), S(publish_reload), S(publish_flush), S(kick), S(wait),
		S(copy), S(rebind), S(release), S(end) } },
	/*
	 * Linux b1394e745b94 (2017): the reload is asked for before P changes, and the gate does
	 * not wait, so A gets the old frame's address. Broken.
	 */
	{ "start-notifier", .gated = false, {
		S(begin), S(unmap), S(publish_flush), S(kick), S(wait),
		S(publish_reload), S(kick), S(wait),
		S(copy), S(clear), S(rebind), S(release), S(end) } },
	/* Linux e649b3f0188f (2020): asked for after P was cleared; safe by that position. */
	{ "range-notifier", .gated = false, {
		S(begin), S(unmap), S(publish_flush), S(kick), S(wait),
		S(copy), S(clear), S(publish_reload), S(kick), S(wait),
		S(rebind), S(release), S(end) } },
	/* Linux 878940b33d76 and 0a8a5f2c8c26 (2023): asked for early, but the gate waits. */
	{ "gated", .gated = true, {
		S(begin), S(unmap), S(publish_reload), S(kick), S(wait),
		S(publish_flush), S(kick), S(wait),
		S(copy), S(clear), S(rebind), S(release), S(end) } },
};
/* clang-format on */

unsigned protocol_run(struct batch *b)
{
	unsigned done;

	gate_let_through(b->ept);
	for (const struct step *s = b->ept->protocol->steps; s->run; s++) {
		trace(s->name, b->npages, b->apic);
		s->run(b);
	}
	done = b->npages;
	b->npages = 0;
	b->apic = false;
	return done;
}

/* A page that stays where it is: the frame it should have gone to is not needed; if it should have
 * gone out, it was taken off its list for that, and another list is to find it. */
static void drop(const struct batch *b, const struct batch_page *page)
{
	struct backing *m = b->ept->backing;

	if (!page->new)
		lru_add(&m->lru, backing_index(m, page->gfn), LRU_ACTIVE);
	else if (page->new != page->old)
		frame_free(page->new, b->ept->owner);
}

/*
 * Claims each page by marking its entry in P; what another invalidator claimed first is left to it.
 */
static void begin(struct batch *b)
{
	unsigned kept = 0;

	b->apic = false;
	for (unsigned i = 0; i < b->npages; i++) {
		u64 p = b->page[i].old << PAGE_SHIFT | P_PRESENT;

		if (!order_cas(begin_claim, b->page[i].p, &p, p | P_MOVING)) {
			drop(b, &b->page[i]);
			continue;
		}
		b->apic |= b->page[i].gfn == APIC_ACCESS_GFN;
		b->page[kept++] = b->page[i];
	}
	b->npages = kept;
}

/* A page whose large leaf cannot be split for want of a frame stays where it is. */
static void unmap(struct batch *b)
{
	unsigned kept = 0;

	order_lock(unmap_lock, &b->ept->lock);
	for (unsigned i = 0; i < b->npages; i++) {
		struct batch_page *page = &b->page[i];
		u64 gpa = page->gfn << PAGE_SHIFT, leaf;

		if (ept_unmap(b->ept, gpa, &leaf)) {
			order_and(unclaim_p, page->p, ~P_MOVING);
			drop(b, page);
			continue;
		}
		page->dirty = page->discard || (ept_flags(b->ept, leaf) & EPT_DIRTY);
		page->ntables = b->prune ? ept_prune(b->ept, gpa, page->table) : 0;
		b->page[kept++] = *page;
	}
	b->npages = kept;
	order_unlock(unmap_unlock, &b->ept->lock);
}

static void publish_reload(struct batch *b)
{
	for (unsigned i = 0; b->apic && i < b->ept->ngates; i++)
		order_or(publish_reload, &b->ept->gates[i]->requests, REQ_RELOAD);
}

static void publish_flush(struct batch *b)
{
	order_add(publish_flush, &b->ept->generation, 1);
}

static void kick(struct batch *b)
{
	order_fence(kick_fence);
	for (unsigned i = 0; i < b->ept->ngates; i++) {
		struct gate *g = b->ept->gates[i];
		u64 mode = order_load(kick_mode, &g->mode);

		b->seen[i] = 0;
		switch (mode & MODE_MASK) {
		case MODE_IN_GUEST:
			gate_kick(g);
			b->sum.ipis++;
			b->seen[i] = mode;
			break;
		case MODE_READING: /* ends by itself */
			b->seen[i] = mode;
			/* fall through */
		default:
			b->sum.ipis_avoided++;
		}
	}
}

static void wait(struct batch *b)
{
	for (unsigned i = 0; i < b->ept->ngates; i++) {
		struct gate *g = b->ept->gates[i];
		unsigned spins = 0;

		while (b->seen[i] && order_load(wait_mode, &g->mode) == b->seen[i]) {
			cpu_relax();
			if (unlikely(++spins % WAIT_SPINS == 0))
				gate_late(g, spins / WAIT_SPINS - 1);
		}
	}
}

/*
 * Where the contents of a page go that is to give its frame up: nowhere if a copy is there already
 * and still good, if one word tells them all, or if nobody wants them; else to the store, if that takes them. Returns the
 * page's new entry in P.
 */
static u64 put_away(struct batch *b, const struct batch_page *page, u64 *kept)
{
	struct backing *m = b->ept->backing;
	u64 copy = order_load(put_copy, kept), refused = m->store.incompressible, word = 0;

	if (copy) {
		b->sum.clean++;
		return P_PACKED;
	}
	if (page->discard || page_is_same(frame_ptr(page->old), &word)) {
		order_store(put_word, kept, word);
		b->sum.same++;
		return P_SAME;
	}
	copy = store_put(&m->store, frame_ptr(page->old));
	if (copy) {
		order_store(put_handle, kept, copy);
		b->sum.packed++;
		return P_PACKED;
	}
	if (m->store.incompressible != refused) /* not for want of room */
		lru_mark(&m->lru, backing_index(m, page->gfn), LRU_STUCK, 0);
	b->sum.stuck++;
	return page->old << PAGE_SHIFT | P_PRESENT;
}

static void copy(struct batch *b)
{
	struct backing *m = b->ept->backing;

	for (unsigned i = 0; i < b->npages; i++) {
		struct batch_page *page = &b->page[i];
		u64 *kept = backing_kept(m, page->gfn);

		if (page->dirty)
			lru_mark(&m->lru, backing_index(m, page->gfn), 0, LRU_STUCK);
		if (page->dirty && order_load(copy_kept, kept)) {
			store_free(&m->store, order_load(copy_stale, kept));
			order_store(copy_drop, kept, 0);
		}
		if (page->dirty && page->gfn == APIC_ACCESS_GFN)
			apic_page_leaves(b->ept, frame_ptr(page->old));
		page->to = page->new << PAGE_SHIFT | P_PRESENT;
		if (!page->new)
			page->to = put_away(b, page, kept);
		else if (page->new != page->old)
			frame_copy(page->new, page->old);
	}
}

/* P names no frame; Linux does this when it replaces the page table entry by a migration entry. */
static void clear(struct batch *b)
{
	for (unsigned i = 0; i < b->npages; i++)
		order_store(clear_p, b->page[i].p, P_MOVING);
}

static void rebind(struct batch *b)
{
	for (unsigned i = 0; i < b->npages; i++)
		order_store(rebind_p, b->page[i].p, b->page[i].to | P_MOVING);
}

static void release(struct batch *b)
{
	for (unsigned i = 0; i < b->npages; i++) {
		const struct batch_page *page = &b->page[i];

		if (page->to != (page->old << PAGE_SHIFT | P_PRESENT))
			frame_free(page->old, b->ept->owner);
		for (unsigned t = 0; t < page->ntables; t++)
			frame_free(page->table[t], OWNER_HOST);
		b->sum.tables += page->ntables;
	}
}

static void end(struct batch *b)
{
	for (unsigned i = 0; i < b->npages; i++)
		order_and(end_p, b->page[i].p, ~P_MOVING);
	b->sum.apic_moves += b->apic;
}

const struct protocol *protocol_find(const char *name)
{
	_Static_assert(ARRAY_SIZE(((const char *[]){ PROTOCOL_NAMES })) == ARRAY_SIZE(protocols),
		       "each protocol has its name in the list");

	for (unsigned i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!strcmp(protocols[i].name, name))
			return &protocols[i];
	return NULL;
}
