/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ordered invalidation protocol: what the invalidator and the vCPUs' entry gates share. */
#ifndef EPT_PROTOCOL_H
#define EPT_PROTOCOL_H

#include "ept/ept.h"

#define PROTOCOL_NAMES "ordered", "start-notifier", "range-notifier", "gated"

/*
 * Where a vCPU is. The word counts stays: it changes whenever the vCPU leaves one, so a word that
 * differs from what was seen proves that the stay that was seen is over. Only the vCPU's own CPU
 * writes it.
 */
#define MODE_MASK 3ull
enum {
	MODE_OUTSIDE = 0,  /* not using guest memory; passes the gate before it does */
	MODE_IN_GUEST = 1, /* between the gate's arm and the VM exit */
	MODE_HALTED = 2,   /* outside, asleep: needs an interrupt to notice a request */
	MODE_READING = 3,  /* the hypervisor reads guest memory for the vCPU, for a bounded time */
};

/* What a vCPU must see to before it enters again. Set by anyone, cleared by the vCPU. */
enum {
	REQ_RELOAD = 1, /* read P of the APIC-access page again and write A */
	REQ_EVENT = 2,	/* look for interrupts to deliver */
	REQ_STOP = 4,	/* leave for good */
	REQ_MOVE = 8,	/* leave, to go on on another CPU */
	REQ_WHERE = 16, /* print where the guest is */
};

/* The part of a vCPU that invalidators see. */
struct gate {
	u64 mode;
	u32 requests;
	u32 id;	 /* the vCPU's number */
	u32 cpu; /* index of the CPU it runs on; atomic, and changes only while the vCPU has left */
};

/* Enters a stay (MODE_IN_GUEST, ...); the vCPU must be OUTSIDE. */
#define gate_set(name, g, m) order_store(name, &(g)->mode, order_load(own_mode, &(g)->mode) | (m))
/* Ends the stay: OUTSIDE, with the next number. */
#define gate_leave(name, g)                                                                        \
	order_store(name, &(g)->mode, (order_load(own_mode, &(g)->mode) | MODE_MASK) + 1)

#define BATCH_MAX 512

/*
 * The gather: pages that one run of the protocol takes from their frames, to other frames or out of
 * memory. Until `wait` is over nothing of theirs is freed: the old frames and the tables that became
 * empty stand in here. Large: callers keep it out of the stack.
 */
struct batch {
	struct ept *ept;
	unsigned npages;
	bool apic;	    /* the APIC-access page is among them */
	bool prune;	    /* tables that become empty go as well */
	u64 seen[MAX_CPUS]; /* the stays that kick found in progress; 0 none */
	struct {	    /* summed over runs */
		u64 ipis, ipis_avoided, apic_moves, tables;
		u64 same, packed, clean, stuck; /* pages put away; those that could not be */
	} sum;
	struct batch_page {
		u64 gfn;
		u64 *p;	      /* its entry in P */
		u64 old, new; /* frames; new 0: the contents go to the store */
		u64 to;	      /* what P will hold */
		bool dirty;   /* written to since it was last mapped */
		bool discard; /* on its way out, what it holds is not needed: it may come back as zeros */
		unsigned ntables;
		u64 table[EPT_PRUNE_MAX];
	} page[BATCH_MAX];
};

struct step {
	const char *name;
	void (*run)(struct batch *b);
};

struct protocol {
	const char *name;
	bool gated; /* the gate's reload waits while P moves */
	struct step steps[16];
};

/* The protocol of that name, or NULL. */
const struct protocol *protocol_find(const char *name);

/* Notes guest frame GFN for moving to a new frame. -ENOENT when it is not resident, -EAGAIN when it
 * is moving already, -ENOMEM when memory is out or the batch full. */
int batch_add(struct batch *b, u64 gfn);

/* The same, to the frame NEW, which the guest owns and which is freed if the page does not move.
 * NEW may be the page's own frame: then it is unmapped and stays. */
int batch_add_to(struct batch *b, u64 gfn, u64 new);

/* Notes it for giving its frame up: its contents go to the store. One batch of a guest at a time may
 * have such pages. */
int batch_add_out(struct batch *b, u64 gfn);

/*
 * Runs the guest's protocol over the batch's pages and empties the batch. Returns how many pages
 * went through it: fewer than were added when another invalidator claimed some first. Their
 * descriptions stay in page[] until the next batch_add(). Any CPU may call it, several at once, but
 * not a vCPU's CPU while it is IN_GUEST or READING.
 */
unsigned protocol_run(struct batch *b);

/*
 * Handles an EPT violation of an access (EPT_READ, EPT_WRITE, EPT_EXEC) at GPA: makes the page
 * resident, then maps it. 0: try again in the guest. -EAGAIN: the page is on its way; -EBUSY: there
 * was no frame, and by now there may be one: call again. -EFAULT: the guest has no memory there.
 * -EACCES: it has, but not for that; the APIC-access page holds no code. -ENOMEM: nothing more can
 * be reclaimed. The caller's vCPU is OUTSIDE: this may run the protocol.
 */
int ept_fault(struct ept *e, u64 gpa, u64 access);

/* Makes the page resident, whatever it was. 0, -EAGAIN, -EBUSY, -EFAULT or -ENOMEM,
 * as ept_fault(). */
int ept_bring_in(struct ept *e, u64 gfn);

/* True when the LARGE_PAGES entries of P from P[0] on are resident, in frames in a row from a 2-MB
 * boundary on, and the first is not moving: one leaf can map them. */
bool ept_in_a_row(u64 *p);

/*
 * What vmx/ defines: sends the kick (an NMI) that ends the vCPU's stay in guest mode; and reports a
 * vCPU that has not ended it after WAIT_SPINS looks: kicks again the first time (ROUND 0), stops
 * the machine after that.
 */
#define WAIT_SPINS (1u << 24)
void gate_kick(struct gate *g);
void gate_late(struct gate *g, unsigned round);

/*
 * Likewise: what a run of the protocol begins with. Waits, for a bounded time, while a vCPU of the
 * guest is being starved, so that it gets on first: see vmx/fair.c. Not for the caller's own vCPU,
 * and, when that is starving too, only for those with a lower number.
 */
void gate_let_through(struct ept *e);

/*
 * Likewise: the APIC-access page is about to leave FRAME, whose bytes are as guest_create() filled
 * them, unless a guest's access was not trapped. Written to, by E's dirty flag.
 */
void apic_page_leaves(struct ept *e, void *frame);

/* Likewise: the guest of the vCPU cannot go on, for want of memory for GFN. */
void gate_no_memory(struct gate *g, u64 gfn);

#endif
