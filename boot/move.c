/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session's moves: which pages get new frames when, and which vCPUs change places. */
#include "boot/session.h"
#include "ept/order.h"
#include "mm/frame.h"
#include "mm/random.h"

/* Ticks are TSC ticks: on Bochs one for each instruction of a CPU. */
#define PAUSE_MAX 16384u    /* between two moves, so that the guest gets on */
#define PAUSE_MAX_FOREIGN 65536u /* for one that has work of its own */
#define MOVES_PER_ROUND 10u /* of each vCPU; it makes one in about six where it has a CPU */
#define PACE_US 2000000u    /* for that round */
#define MIXED_BATCH_BITS 5  /* mixed batches have 1, 2, 4, .. 32 pages */

/* The sessions take turns: one of them moves at a time. */
static struct batch batch;

/* The same seed gives the same moves. */
static u64 random(struct session *s)
{
	return random_next(&s->random_state);
}

#define PROGRAM_END (0x100000u >> PAGE_SHIFT)
#define DENSE_TRIES 8
#define NO_PAGE ~0ul

static bool resident(const u64 *p)
{
	return order_load(move_look, p) & P_PRESENT;
}

/*
 * A random page that has a frame, or NO_PAGE. Of a guest that uses little of its RAM hardly a page has
 * one: then it is the next behind the last one, so that the way between them is gone once for all.
 */
static u64 random_resident(struct session *s)
{
	const u64 *p = s->guest->backing.entries, *last = p + s->hand, *at = last;
	const u64 *end = p + s->guest->backing.ram_pages;

	for (unsigned i = 0; i < DENSE_TRIES; i++) {
		u64 gfn = random(s) % s->guest->backing.ram_pages;

		if (resident(p + gfn))
			return gfn;
	}
	do {
		at = at + 1 < end ? at + 1 : p;
		if (resident(at)) {
			s->hand = (u64)(at - p);
			return s->hand;
		}
	} while (at != last);
	return NO_PAGE;
}

static bool named_by_a(const struct guest *g, u64 pfn)
{
	for (unsigned i = 0; i < g->nvcpus; i++) {
		if (pfn << PAGE_SHIFT == g->vcpus[i]->access.address)
			return true;
	}
	return false;
}

/*
 * Under a broken protocol A may name a frame that is free. A data page there is part of what goes wrong; but
 * from such a frame Bochs cannot fetch, and stops the machine. So our guests' programs, which lie below
 * 1 MB, get another. A vCPU out of the guest may be one address behind under any protocol, so this must
 * not change how many pages move.
 */
static int add_program(struct guest *g, u64 gfn)
{
	u64 named[MAX_CPUS], new;
	unsigned n = 0;
	int err = -ENOMEM;

	while ((new = frame_alloc_dirty(g->ept.owner)) && n < MAX_CPUS && named_by_a(g, new))
		named[n++] = new;
	while (n)
		frame_free(named[--n], g->ept.owner);
	if (new)
		err = batch_add_to(&batch, gfn, new);
	if (new && err)
		frame_free(new, g->ept.owner);
	return err;
}

/* -ENOMEM: less than was wanted, for want of frames. */
static int fill_batch(struct session *s, u32 pages, bool apic)
{
	u64 tries = 8 + 2 * pages;
	int err = 0;

	batch.ept = &s->guest->ept;
	if (apic)
		err = batch_add(&batch, APIC_ACCESS_GFN);
	while (err != -ENOMEM && batch.npages < pages && tries--) {
		u64 gfn = random_resident(s);
		bool twice = false;

		if (gfn == NO_PAGE)
			break;
		for (unsigned i = 0; i < batch.npages; i++)
			twice |= batch.page[i].gfn == gfn;
		if (!twice)
			err = gfn < PROGRAM_END ? add_program(s->guest, gfn) : batch_add(&batch, gfn);
	}
	return err;
}

static u32 batch_pages(struct session *s)
{
	return s->cfg->batch ? s->cfg->batch : 1u << random(s) % (MIXED_BATCH_BITS + 1);
}

/* A move takes new frames before it frees the old ones. When the guest's budget has none, reclaim is
 * at it: the move comes later. */
static void cannot_move(struct session *s)
{
	if (!s->guest->budget)
		guest_stop(s->guest, "nothing can be moved: memory is out");
	else if (session_over(s->since, FINISH_US))
		guest_stop(s->guest, "nothing could be moved for %u ms: its budget is used up",
			   FINISH_US / 1000);
}

static void wait_idle(struct vcpu *v)
{
	unsigned spins = 0;

	while (!cpu_idle(v->gate.cpu)) {
		cpu_relax();
		if (++spins % WAIT_SPINS == 0)
			gate_late(&v->gate, spins / WAIT_SPINS - 1);
	}
}

int vcpu_swap(struct vcpu *a, struct vcpu *b)
{
	u32 cpu_a = a->gate.cpu, cpu_b = b->gate.cpu;
	int err;

	vcpu_request(a, REQ_MOVE);
	vcpu_request(b, REQ_MOVE);
	wait_idle(a);
	wait_idle(b);
	/* Who has left for another reason has left for good. */
	err = a->moving && b->moving ? 0 : -EAGAIN;
	if (!err) {
		__atomic_store_n(&a->gate.cpu, cpu_b, __ATOMIC_RELAXED);
		__atomic_store_n(&b->gate.cpu, cpu_a, __ATOMIC_RELAXED);
	}
	if (a->moving)
		cpu_start(a->gate.cpu, vcpu_main, a);
	if (b->moving)
		cpu_start(b->gate.cpu, vcpu_main, b);
	return err;
}

static void migrate(struct session *s)
{
	struct guest *g = s->guest;
	unsigned a = random(s) % g->nvcpus;
	unsigned b = (a + 1 + random(s) % (g->nvcpus - 1)) % g->nvcpus;

	if (!vcpu_swap(g->vcpus[a], g->vcpus[b]))
		s->result.migrations++;
}

static void move_once(struct session *s)
{
	u64 apic, ipis = batch.sum.ipis, avoided = batch.sum.ipis_avoided;
	struct result *r = &s->result;
	unsigned moved;
	u64 ticks;
	int err;

	err = fill_batch(s, batch_pages(s), r->moves % 2 == 0);
	s->moved_at = rdtsc();
	s->pause = session_storms(s) ? 0
				     : random(s) % (s->guest->foreign ? PAUSE_MAX_FOREIGN : PAUSE_MAX);
	if (!batch.npages) {
		if (err == -ENOMEM)
			cannot_move(s);
		return;
	}
	apic = batch.sum.apic_moves;
	moved = protocol_run(&batch);
	ticks = rdtsc() - s->moved_at;
	apic = batch.sum.apic_moves - apic;
	histogram_add(&r->move_ticks, ticks);
	r->ticks += ticks;
	r->moves++;
	r->apic_moves += apic;
	r->data_pages += moved - apic;
	r->ipis += batch.sum.ipis - ipis;
	r->ipis_avoided += batch.sum.ipis_avoided - avoided;
	s->since = s->moved_at = rdtsc();
	if (s->cfg->migrate && r->moves % s->cfg->migrate == 0)
		migrate(s);
}

/*
 * Moves show something only while the guest runs. Where an outer hypervisor has fewer CPUs than it
 * lends, hundreds of them would pass between two instructions of a vCPU: so they wait for its
 * rounds. Not for a vCPU that makes none, though; that one's time is over once.
 */
static bool guest_keeps_up(struct session *s)
{
	if (s->guest->foreign)
		return true;
	for (unsigned i = 0; i < s->guest->nvcpus; i++) {
		u64 rounds = session_rounds_of(s->guest->vcpus[i]) - s->first[i];

		if (s->slow[i] || rounds * MOVES_PER_ROUND + MOVES_PER_ROUND >= s->result.moves)
			continue;
		if (!session_over(s->moved_at, PACE_US))
			return false;
		s->slow[i] = true;
	}
	return true;
}

void session_move(struct session *s)
{
	if (s->stale_since)
		return;
	if (session_storms(s) || (rdtsc() - s->moved_at >= s->pause && guest_keeps_up(s)))
		move_once(s);
}
