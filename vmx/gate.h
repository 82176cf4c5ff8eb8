/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry gate: the vCPU's side of the protocol, passed before each VM entry. The invalidator's
 * side is ept/protocol.c.
 *
 * Why each step stands where it does:
 *
 *   reload  while OUTSIDE: an invalidator never waits for a vCPU that waits for it
 *   flush   after reload, so that one INVEPT serves both a new generation and a new A; before arm,
 *           to keep short the time in which an invalidator has to kick
 *   arm     interrupts are off; the store is before, the full fence between, the loads of check
 *           after: an invalidator either sees IN_GUEST and kicks, or has published before check
 *           looks
 *   check   a request or a generation that is not flushed yet: out again, from the start
 *
 * A kick that comes between check and VMLAUNCH or VMRESUME is an NMI in root mode: it makes that
 * entry give up (vmx/entry.asm).
 */
#ifndef VMX_GATE_H
#define VMX_GATE_H

#include "apic/access.h"
#include "ept/invept.h"
#include "ept/order.h"
#include "vmx/vcpu.h"

/*
 * The vCPU comes to a CPU. What that has cached of E may be old: flushed[] tells, as it does for any
 * vCPU. But combined mappings of the vCPU's VPID may have stayed there too, made out of the guest's
 * page tables as they then were. What the guest has invalidated since by INVLPG or MOV to CR3, it
 * has on other CPUs. So an INVEPT is due, whatever the generation: a single-context one drops the
 * combined mappings of all VPIDs for that EP4TA (SDM, "Operations that Invalidate Cached Mappings").
 */
static inline void gate_arrive(struct vcpu *v)
{
	v->ept->flushed[v->gate.cpu] = 0;
}

#define GATE(S) S(reload) S(flush) S(arm) S(check)

/* What is rare is in functions of its own, so that the rest takes no registers or stack for it. */
#define RARE static __attribute__((noinline, unused))

RARE bool gate_reload_now(struct vcpu *v)
{
	return apic_access_reload(&v->access, &v->gate, v->ept);
}

static inline bool gate_reload(struct vcpu *v)
{
	if (likely(!(order_load(gate_requests, &v->gate.requests) & REQ_RELOAD)))
		return true;
	return gate_reload_now(v);
}

RARE void gate_flush_now(struct vcpu *v, u64 generation)
{
	invept(INVEPT_SINGLE, v->ept->eptp);
	v->ept->flushed[v->gate.cpu] = generation;
	v->invepts++;
}

static inline bool gate_flush(struct vcpu *v)
{
	const struct ept *e = v->ept;
	u64 generation = order_load(gate_generation, &e->generation);

	if (unlikely(e->flushed[v->gate.cpu] != generation))
		gate_flush_now(v, generation);
	return true;
}

static inline bool gate_arm(struct vcpu *v)
{
	gate_set(arm_mode, &v->gate, MODE_IN_GUEST);
	order_fence(arm_fence);
	return true;
}

static inline bool gate_check(struct vcpu *v)
{
	const struct ept *e = v->ept;

	if (likely(!order_load(check_requests, &v->gate.requests) &&
		   order_load(check_generation, &e->generation) == e->flushed[v->gate.cpu]))
		return true;
	gate_leave(check_leave, &v->gate);
	return false;
}

/* True: IN_GUEST, enter at once. False: OUTSIDE, see to the requests and call again. */
static inline __attribute__((always_inline)) bool gate_pass(struct vcpu *v)
{
#define GATE_STEP(step) gate_##step(v) &&
	return GATE(GATE_STEP) true;
#undef GATE_STEP
}
#undef RARE

#endif
