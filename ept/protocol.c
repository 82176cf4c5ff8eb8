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
 *                   new one finds the contents
 *   rebind          P names the new frame, still marked as moving: until end nobody uses it
 *   release         after wait: no T, E or A that names the old frame can be used any more (a vCPU
 *                   that is OUTSIDE may still have one, and drops it at its gate); after copy, since
 *                   it poisons the frame
 *   end             last: faults and reloads may use P again
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
	unsigned moved;

	for (const struct step *s = b->ept->protocol->steps; s->run; s++) {
		trace(s->name, b->npages, b->apic);
		s->run(b);
	}
	moved = b->npages;
	b->npages = 0;
	b->apic = false;
	return moved;
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
			frame_free(b->page[i].new, b->ept->owner);
			continue;
		}
		b->apic |= b->page[i].gfn == APIC_ACCESS_GFN;
		b->page[kept++] = b->page[i];
	}
	b->npages = kept;
}

static void unclaim(struct batch *b, unsigned i)
{
	order_and(unclaim_p, b->page[i].p, ~P_MOVING);
	frame_free(b->page[i].new, b->ept->owner);
}

/* A page whose large leaf cannot be split for want of a frame stays where it is. */
static void unmap(struct batch *b)
{
	unsigned kept = 0;

	order_lock(unmap_lock, &b->ept->lock);
	for (unsigned i = 0; i < b->npages; i++) {
		u64 leaf;

		if (ept_unmap(b->ept, b->page[i].gfn << PAGE_SHIFT, &leaf))
			unclaim(b, i);
		else
			b->page[kept++] = b->page[i];
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
			b->ipis++;
			b->seen[i] = mode;
			break;
		case MODE_READING: /* ends by itself */
			b->seen[i] = mode;
			/* fall through */
		default:
			b->ipis_avoided++;
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

static void copy(struct batch *b)
{
	for (unsigned i = 0; i < b->npages; i++)
		frame_copy(b->page[i].new, b->page[i].old);
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
		order_store(rebind_p, b->page[i].p,
			    b->page[i].new << PAGE_SHIFT | P_PRESENT | P_MOVING);
}

static void release(struct batch *b)
{
	for (unsigned i = 0; i < b->npages; i++)
		frame_free(b->page[i].old, b->ept->owner);
}

static void end(struct batch *b)
{
	for (unsigned i = 0; i < b->npages; i++)
		order_and(end_p, b->page[i].p, ~P_MOVING);
	b->apic_moves += b->apic;
}

int batch_add(struct batch *b, u64 gfn)
{
	u64 *p = backing_entry(b->ept->backing, gfn);
	u64 entry = p ? order_load(add_p, p) : 0;
	u64 new;

	if (entry & P_MOVING)
		return -EAGAIN;
	if (!(entry & P_PRESENT))
		return -ENOENT;
	new = b->npages < BATCH_MAX ? frame_alloc_dirty(b->ept->owner) : 0;
	if (!new)
		return -ENOMEM;
	b->page[b->npages].gfn = gfn;
	b->page[b->npages].p = p;
	b->page[b->npages].old = (entry & P_ADDRESS) >> PAGE_SHIFT;
	b->page[b->npages].new = new;
	b->npages++;
	return 0;
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
