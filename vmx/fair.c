/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No vCPU starves. An instruction that needs several pages at once (its code, its operands, the
 * tables of their walks) makes no step unless all of them stay mapped for a moment; an invalidator
 * that takes one while the vCPU brings the next one in could hold it up for ever.
 *
 * So a vCPU counts by how many runs of the protocol in a row it was turned back: the generation, which
 * each run publishes, has changed since it was last turned back, and its guest still is where it
 * was (from the eighth on that is looked into). After TURNS_MAX of them it says that it is starving, and no invalidator begins another run
 * before it has got on, or before STARVE_SPINS looks have passed. Runs that have begun, one for each
 * CPU at most, end. Then nothing moves for as long as STARVE_SPINS looks take, far longer than the
 * few faults that one instruction can cause. So, from one step of the guest's to the next, at most
 *
 *   TURNS_MAX + MAX_CPUS runs of the protocol turn the vCPU back, besides those that it makes itself,
 *
 * and one more for each time an invalidator had to give up waiting. It gives up, so that it does not
 * matter what the vCPU itself waits for: there is no deadlock. Of vCPUs that starve each other, as
 * invalidators that make room for themselves, the one with the lowest number goes first.
 *
 * None of this is part of the ordering argument, which holds for any number of runs at any time.
 */
#include "ept/protocol.h"
#include "mm/host.h"
#include "vmx/vcpu.h"

#define TURNS_MAX 64
#define TURNS_FREE 8 /* so many are not looked into: most faults are nothing else */
#define STARVE_SPINS (1u << 18)
#define HASH 0x9e3779b97f4a7c15ul

/* Where the guest is: RIP and the registers, since a string instruction that gets on leaves RIP. */
static u64 where(const struct vcpu *v)
{
	const u64 *reg = &v->regs.rax;
	u64 hash = vmread(GUEST_RIP);

	for (unsigned i = 0; i < sizeof(v->regs) / sizeof(*reg); i++)
		hash = (hash ^ reg[i]) * HASH;
	return hash;
}

void vcpu_turned_back(struct vcpu *v)
{
	u64 generation = __atomic_load_n(&v->ept->generation, __ATOMIC_RELAXED);

	if (v->turned_by == generation)
		return; /* by the same run, or by none */
	v->turned_by = generation;
	if (++v->turned == TURNS_FREE)
		v->turned_at = where(v);
	if (v->turned == TURNS_MAX)
		__atomic_fetch_or(&v->ept->starving, 1u << v->gate.id, __ATOMIC_SEQ_CST);
}

void vcpu_got_on(struct vcpu *v)
{
	if (v->turned >= TURNS_MAX)
		__atomic_fetch_and(&v->ept->starving, ~(1u << v->gate.id), __ATOMIC_SEQ_CST);
	v->turned = 0;
}

void vcpu_look_again(struct vcpu *v, u32 reason)
{
	switch (reason) {
	case EXIT_EXCEPTION: /* a kick, as a rule */
	case EXIT_EXTERNAL_INTERRUPT:
	case EXIT_EPT_VIOLATION:
	case EXIT_PML_FULL:
		/* These interrupt an instruction, it may be the same once more. */
		if (v->turned < TURNS_FREE || where(v) == v->turned_at)
			return;
		break;
	}
	vcpu_got_on(v);
}

void gate_let_through(struct ept *e)
{
	const struct vcpu *v = this_cpu()->vcpu;
	u32 own = v && v->ept == e ? 1u << v->gate.id : 0;

	for (unsigned i = 0; i < STARVE_SPINS; i++) {
		u32 starving = __atomic_load_n(&e->starving, __ATOMIC_RELAXED);

		if (likely(!(starving & (starving & own ? own - 1 : ~own))))
			return;
		if (i == 0)
			__atomic_fetch_add(&e->yields, 1, __ATOMIC_RELAXED);
		cpu_relax();
	}
}
