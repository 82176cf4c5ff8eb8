/* SPDX-License-Identifier: GPL-2.0-or-later */
/* APIC virtualization: what the processor is asked to serve of the guest's local APIC. */
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define CONTROLS                                                                                   \
	(PROC2_VIRTUALIZE_APIC_ACCESSES | PROC2_APIC_REGISTER_VIRTUALIZATION |                     \
	 PROC2_VIRTUALIZE_X2APIC_MODE | PROC2_VIRTUAL_INTERRUPT_DELIVERY)

static const char *const names[] = { APICV_NAMES };

/* What each needs besides what the one before it does. */
static const struct {
	u32 control;
	const char *name;
} needs[] = {
	[APICV_OFF] = { 0, NULL },
	[APICV_REGISTERS] = { PROC2_APIC_REGISTER_VIRTUALIZATION, "APIC-register virtualization" },
	[APICV_X2APIC] = { PROC2_VIRTUALIZE_X2APIC_MODE, "virtualize x2APIC mode" },
	[APICV_DELIVERY] = { PROC2_VIRTUAL_INTERRUPT_DELIVERY, "virtual-interrupt delivery" },
};
_Static_assert(ARRAY_SIZE(names) == ARRAY_SIZE(needs), "one name each");

const char *apicv_name(enum apicv apicv)
{
	return names[apicv];
}

int apicv_find(const char *name, const char **lacks)
{
	bool best = !strcmp(name, APICV_BEST);
	int apicv = APICV_OFF;

	/* Delivery makes every exception an exit: who asks for it gets it. */
	while (best ? apicv < APICV_X2APIC : strcmp(name, names[apicv])) {
		if ((vmx_caps.proc2 & needs[apicv + 1].control) != needs[apicv + 1].control) {
			if (best)
				break;
			*lacks = needs[apicv + 1].name;
			return -ENOSYS;
		}
		apicv++;
	}
	return apicv;
}

_Static_assert((VLAPIC_BASE_RESET & ~0xffful) == APIC_ACCESS_GPA, "where the APIC's registers are");

/*
 * Accesses to the page are the APIC's in xAPIC mode alone; else the page is memory like any other, and
 * VM entry refuses both modes at once. "APIC-register virtualization" may stay on without either: VM
 * entry asks for the TPR shadow only (SDM, "VM-Execution Control Fields").
 */
u32 apicv_controls(const struct vcpu *v)
{
	u32 ctls = vmx_caps.proc2 & ~CONTROLS;

	if (v->apicv >= APICV_REGISTERS)
		ctls |= PROC2_APIC_REGISTER_VIRTUALIZATION;
	if (!vlapic_present(&v->lapic))
		return ctls;
	if (v->apicv >= APICV_DELIVERY)
		ctls |= PROC2_VIRTUAL_INTERRUPT_DELIVERY;
	if (!vlapic_x2apic(&v->lapic))
		return ctls | PROC2_VIRTUALIZE_APIC_ACCESSES;
	return ctls | (v->apicv >= APICV_X2APIC ? PROC2_VIRTUALIZE_X2APIC_MODE : 0);
}

/*
 * After "virtualize APIC accesses" has come on, what is cached of the page may still lead past it (SDM,
 * "Issues Pertaining to Page Size and TLB Management"): an INVEPT is due. With the control off the
 * entry checks that the TPR threshold is not above the TPR: vcpu_deliver(), which a change of either
 * brings about, keeps it so. Only with the control for x2APIC mode may the guest be let at those MSRs:
 * without it they are the host's own.
 */
void vcpu_apic_mode(struct vcpu *v)
{
	u32 ctls = apicv_controls(v);
	bool x2apic = ctls & PROC2_VIRTUALIZE_X2APIC_MODE;

	if (ctls == v->proc2)
		return;
	if (ctls & PROC2_VIRTUALIZE_APIC_ACCESSES) {
		__atomic_store_n(&v->guest->apic_was_memory, true, __ATOMIC_RELEASE);
		v->ept->flushed[v->gate.cpu] = 0;
	}
	__atomic_store_n(&v->proc2, ctls, __ATOMIC_RELEASE);
	vmwrite(SECONDARY_CTLS, ctls);
	vmwrite(MSR_BITMAP, v->guest->msr_bitmaps + (x2apic ? PAGE_SIZE : 0));
}
