/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values that are not what they should be: found by a guest that looks, or by what one leaves behind
 * that does not. */
#include "mm/frame.h"
#include "mm/x86.h"
#include "vmx/guest.h"

static const char *apic_register(u64 gpa)
{
	switch (gpa - APIC_ACCESS_GPA) {
	case APIC_ID:
		return "ID";
	case APIC_LVR:
		return "LVR";
	case APIC_TPR:
		return "TPR";
	case APIC_LDR:
		return "LDR";
	case APIC_SVR:
		return "SVR";
	case APIC_ICR:
		return "ICR low";
	case APIC_ICR2:
		return "ICR high";
	case APIC_TIMER_CURRENT:
		return "timer current count";
	}
	return "register";
}

/*
 * A stale access: names both sides of the disagreement, as they are when the report comes. A kick
 * between the access and the report can change A, and a move the leaf; mostly neither has.
 */
static void report_apic(const struct stale *s)
{
	printk("  it is APIC register %s; A (APIC_ACCESS_ADDR of vCPU %u) = %lx, EPT leaf = "
	       "%lx%s%s\n",
	       apic_register(s->gpa), s->vcpu, s->access, s->leaf,
	       s->gone ? " (until the move that has begun since)" : "",
	       s->leaf == s->access
		       ? ": equal by now; one has changed between the access and this report"
		       : ": they differ, so the CPU does not trap and the guest has raw bytes");
}

void guest_wrong(struct guest *g, unsigned kind, struct stale *s)
{
	static const char *const kinds[WRONG_KINDS] = { "APIC register read",
							"APIC register written and read back",
							"data page", "lost interrupt",
							"processor state" };
	u64 seen = 0;

	s->access = g->vcpus[s->vcpu]->access.address;
	s->leaf = g->ept.apic_leaf;
	lock(&g->ept.lock);
	s->gone = !ept_walk(&g->ept, APIC_ACCESS_GPA).level;
	unlock(&g->ept.lock);

	__atomic_fetch_add(&g->wrong[kind], 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < WRONG_KINDS; i++)
		seen += g->wrong[i];
	if (kind <= WRONG_DATA && !__atomic_exchange_n(&g->stale_seen, 1, __ATOMIC_RELAXED))
		g->first_stale = *s;
	if (seen > WRONG_SHOWN)
		return;
	printk("vCPU %u: wrong value: %s at %lx: %lx, expected %lx, tick %lu%s\n", s->vcpu,
	       kinds[kind], s->gpa, s->value, s->expected, s->tick,
	       (s->value & POISON_MASK) == POISON ? " (a freed frame's poison)" : "");
	if (s->gpa >> PAGE_SHIFT == APIC_ACCESS_GFN && kind <= WRONG_APIC_WRITE)
		report_apic(s);
	if (seen == WRONG_SHOWN)
		printk("further wrong values are only counted\n");
}

void guest_wrote_raw(struct guest *g, u64 gpa, u64 value, u64 expected)
{
	struct stale s = { .gpa = gpa, .value = value, .expected = expected, .tick = rdtsc() };

	/* Whose it was cannot be seen; one whose A differs from E is a good guess. */
	for (unsigned i = 0; i < g->nvcpus; i++)
		if (g->vcpus[i]->access.address != g->ept.apic_leaf)
			s.vcpu = i;
	guest_wrong(g, WRONG_APIC_WRITE, &s);
	if (g->foreign)
		guest_stop(g,
			   "a write of %lx to the APIC's register at %lx went to memory: the "
			   "processor did not trap it, since A and the EPT leaf differed; the guest "
			   "cannot know, and would go on without what it asked for",
			   value, gpa);
}

static u64 apic_entry(const struct guest *g)
{
	return __atomic_load_n(backing_entry(&g->backing, APIC_ACCESS_GFN), __ATOMIC_ACQUIRE);
}

bool guest_agrees(const struct guest *g, const struct vcpu *v)
{
	u64 p = apic_entry(g), a = __atomic_load_n(&v->access.address, __ATOMIC_ACQUIRE);
	u32 requests = __atomic_load_n(&v->gate.requests, __ATOMIC_ACQUIRE);

	return (requests & REQ_RELOAD) || (p & (P_PRESENT | P_MOVING)) != P_PRESENT ||
	       (p & P_ADDRESS) == a || !(v->proc2 & PROC2_VIRTUALIZE_APIC_ACCESSES);
}

/*
 * A changes only while its vCPU is OUTSIDE, and who changes P asks for a reload before. So if P, and the
 * stay that the vCPU is in, are after the look at A what they were before, A was that of this stay,
 * and a reload that P wants was asked for by then.
 */
const struct vcpu *guest_stale_a(const struct guest *g)
{
	for (unsigned i = 0; i < g->nvcpus; i++) {
		const struct vcpu *v = g->vcpus[i];
		u64 mode = __atomic_load_n(&v->gate.mode, __ATOMIC_ACQUIRE), p = apic_entry(g);

		if ((mode & MODE_MASK) == MODE_IN_GUEST && !guest_agrees(g, v) &&
		    apic_entry(g) == p &&
		    __atomic_load_n(&v->gate.mode, __ATOMIC_ACQUIRE) == mode)
			return v;
	}
	return NULL;
}

void guest_stop_stale(struct guest *g, const struct vcpu *v, u64 us)
{
	u64 p = apic_entry(g);
	u32 *raw = frame_ptr((p & P_ADDRESS) >> PAGE_SHIFT);

	if (g->stopping || (p & (P_PRESENT | P_MOVING)) != P_PRESENT)
		return;
	apic_page_leaves(&g->ept, raw); /* has it written to its APIC meanwhile? */
	__atomic_fetch_add(&g->wrong[WRONG_APIC_READ], 1, __ATOMIC_RELAXED);
	guest_stop(g,
		   "vCPU %u has run for %lu us with A (APIC_ACCESS_ADDR) = %lx, while P and the EPT leaf "
		   "have %lx, and nobody will ask it to read P again: the processor traps none of its "
		   "APIC accesses (its version register reads %x)",
		   v->gate.id, us, v->access.address, p & P_ADDRESS, raw[APIC_LVR / sizeof(*raw)]);
}
