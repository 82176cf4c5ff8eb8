/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPU of the lab build: the shipped file is compiled here, with the gate as a list, and with an
 * INVEPT and a kick that can be left out. INVEPT after VMXON and the NMI of a panic stay.
 */
#include "apic/lapic.h"
#include "ept/invept.h"
#include "ept/order.h"
#include "lab/metal/ablate.h"

static inline void gate_invept(u64 type, u64 eptp)
{
	if (!without("INVEPT"))
		invept(type, eptp);
}

static void kick_nmi(u32 apic_id)
{
	if (!without("NMI"))
		lapic_nmi(apic_id);
}

#define invept gate_invept
#include "vmx/gate.h"
#undef invept

static const struct {
	const char *name;
	bool (*pass)(struct vcpu *v);
} shipped[] = {
#define STEP(step) { #step, gate_##step },
	GATE(STEP)
#undef STEP
};

static u8 order[ARRAY_SIZE(shipped)];
static unsigned nsteps;

void ablate_gate(const char *name)
{
	const char *names[ARRAY_SIZE(shipped)];

	for (unsigned i = 0; i < ARRAY_SIZE(shipped); i++)
		names[i] = shipped[i].name;
	nsteps = ablate_order(name, names, ARRAY_SIZE(shipped), order);
}

static bool pass_list(struct vcpu *v)
{
	for (unsigned i = 0; i < nsteps; i++) {
		u64 flushed = v->ept->flushed[v->gate.cpu];
		bool passed = shipped[order[i]].pass(v);

		/* A new A alone is no reason for an INVEPT. */
		if (without("elided") && shipped[order[i]].pass == gate_reload)
			v->ept->flushed[v->gate.cpu] = flushed;
		if (!passed)
			return false;
	}
	return true;
}

#define lapic_nmi kick_nmi
#define gate_pass pass_list
#include "vmx/vcpu.c"
