/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the guest's local APICs, from one another and from I/O APICs. Whoever sends reads
 * what the others' registers say of their addresses, priorities and modes while these may change:
 * as on a machine's bus, who changes its address gets a message by the old one or by the new one.
 */
#include "apic/vparts.h"

#define ICR_LOGICAL BIT(11)
#define ICR_LEVEL_ASSERT BIT(14)
#define ICR_TRIGGER_LEVEL BIT(15)
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)
enum { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

#define BROADCAST_8 0xffu
#define BROADCAST_32 0xffffffffu
#define DFR_FLAT 0xf

/* Is L among those that M is for? SDM, "Determining IPI Destination"; "Logical Destination Mode in
 * x2APIC Mode". BROADCAST is everybody, in either mode and whatever the logical address. */
static bool addressed(const struct vlapic *l, const struct apic_message *m, u32 broadcast)
{
	u32 ldr = vlapic_get(l, APIC_LDR);

	if (!vlapic_present(l))
		return false;
	if (m->dest == broadcast)
		return true;
	if (!m->logical)
		return m->dest == l->id;
	if (vlapic_x2apic(l))
		return m->dest >> 16 == ldr >> 16 && (m->dest & ldr & 0xffff);
	ldr >>= 24;
	if (m->dest > 0xff)
		return false;
	if (vlapic_get(l, APIC_DFR) >> 28 == DFR_FLAT)
		return m->dest & ldr;
	return (m->dest >> 4 == 0xf || m->dest >> 4 == ldr >> 4) && (m->dest & ldr & 0xf);
}

/* Of those in MASK one, as a mask, or none. */
static u32 arbitrate(struct vlapic *const *peers, unsigned npeers, u32 mask)
{
	u32 turn = __atomic_load_n(&peers[0]->turn, __ATOMIC_RELAXED);
	u32 best = npeers, best_class = 16;

	for (unsigned k = 0; k < npeers; k++) {
		u32 i = (turn + k) % npeers;
		u32 class = vlapic_get(peers[i], APIC_TPR) >> 4 & 0xf;

		if (!(mask >> i & 1) || !vlapic_enabled(peers[i]) || class >= best_class)
			continue;
		best = i;
		best_class = class;
	}
	if (best == npeers)
		return 0;
	__atomic_store_n(&peers[0]->turn, best + 1, __ATOMIC_RELAXED);
	return 1u << best;
}

static void receive(struct vlapic *from, struct vlapic *l, const struct apic_message *m)
{
	switch (m->mode) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		if (!vlapic_enabled(l))
			return;
		if (l == from) {
			vlapic_raise(l, m->vector, m->level);
			return;
		}
		vlapic_post(l, m->vector, m->level);
		break;
	case DELIVER_NMI:
		__atomic_fetch_or(&l->startup, STARTUP_NMI, __ATOMIC_SEQ_CST);
		break;
	case DELIVER_INIT:
		if (l == from) /* not defined; the vCPU stays as it is */
			return;
		/* An INIT cancels a SIPI that has not been seen yet. */
		__atomic_store_n(&l->startup, STARTUP_INIT, __ATOMIC_SEQ_CST);
		break;
	case DELIVER_SIPI:
		if (l == from)
			return;
		__atomic_fetch_and(&l->startup, ~(u32)(STARTUP_SIPI | 0xff), __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&l->startup, STARTUP_SIPI | m->vector, __ATOMIC_SEQ_CST);
		break;
	case DELIVER_EXTINT:
		__atomic_fetch_or(&l->startup, STARTUP_EXTINT, __ATOMIC_SEQ_CST);
		break;
	default: /* SMI: there is no SMM; or reserved */
		return;
	}
	if (l != from)
		vlapic_notify(l);
}

static void deliver(struct vlapic *const *peers, unsigned npeers, struct vlapic *from, u32 mask,
		    const struct apic_message *m)
{
	if (m->mode == DELIVER_LOWEST)
		mask = arbitrate(peers, npeers, mask);
	for (unsigned i = 0; i < npeers; i++)
		if (mask >> i & 1)
			receive(from, peers[i], m);
}

void vlapic_message(struct vlapic *const *peers, unsigned npeers, struct vlapic *from,
		    const struct apic_message *m)
{
	u32 broadcast = from && vlapic_x2apic(from) ? BROADCAST_32 : BROADCAST_8, mask = 0;

	for (unsigned i = 0; i < npeers; i++)
		mask |= (u32)addressed(peers[i], m, broadcast) << i;
	deliver(peers, npeers, from, mask, m);
}

/* A shorthand stands for a set, whatever the destination says. */
static u32 shorthand(const struct vlapic *l, u32 icr)
{
	u32 all = 0, self = 0;

	for (unsigned i = 0; i < l->npeers; i++) {
		all |= (u32)vlapic_present(l->peers[i]) << i;
		self |= (u32)(l->peers[i] == l) << i;
	}
	switch (ICR_SHORTHAND(icr)) {
	case TO_SELF:
		return self;
	case TO_ALL:
		return all;
	default:
		return all & ~self;
	}
}

void vlapic_command(struct vlapic *l, u32 icr, u32 dest)
{
	/* The trigger mode means something for INIT alone; others are edges since the Pentium 4. */
	struct apic_message m = { .dest = dest,
				  .logical = icr & ICR_LOGICAL,
				  .mode = icr >> 8 & 7,
				  .vector = icr & 0xff };

	if (m.mode == DELIVER_EXTINT) /* reserved in the ICR */
		return;
	if (m.mode == DELIVER_INIT && (icr & ICR_TRIGGER_LEVEL) && !(icr & ICR_LEVEL_ASSERT))
		return; /* INIT level de-assert does nothing since the Pentium 4 */
	if (m.mode <= DELIVER_LOWEST && m.vector < FIRST_LEGAL_VECTOR) {
		/* To itself it is received as well as sent. */
		vlapic_error(l, ESR_SEND_ILLEGAL_VECTOR |
					(ICR_SHORTHAND(icr) == TO_SELF ? ESR_RECEIVE_ILLEGAL_VECTOR
								       : 0));
		return;
	}
	if (ICR_SHORTHAND(icr) == TO_DESTINATION)
		vlapic_message(l->peers, l->npeers, l, &m);
	else
		deliver(l->peers, l->npeers, l, shorthand(l, icr), &m);
}
