/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is delivered to the guest with the next entry: exceptions, NMIs, interrupts; and the windows
 * to wait for. */
#include "vmx/vcpu.h"

static void set_proc_ctls(struct vcpu *v, u32 ctls)
{
	if (ctls != v->proc_ctls) {
		v->proc_ctls = ctls;
		vmwrite(PROC_BASED_CTLS, ctls);
	}
}

static void set_tpr_threshold(struct vcpu *v, u32 threshold)
{
	if (threshold != v->tpr_threshold) {
		v->tpr_threshold = threshold;
		vmwrite(TPR_THRESHOLD, threshold);
	}
}

void vcpu_inject_exception(u8 vector, bool has_error, u32 error)
{
	vmwrite(ENTRY_INTERRUPTION_INFO,
		INTR_VALID | INTR_EXCEPTION << 8 | (has_error ? INTR_ERROR_CODE : 0) | vector);
	if (has_error)
		vmwrite(ENTRY_EXCEPTION_ERROR_CODE, error);
}

void vcpu_redeliver(void)
{
	u32 info = (u32)vmread(IDT_VECTORING_INFO);
	unsigned type = INTR_TYPE(info);

	if (!(info & INTR_VALID))
		return;
	if (info & INTR_ERROR_CODE)
		vmwrite(ENTRY_EXCEPTION_ERROR_CODE, vmread(IDT_VECTORING_ERROR_CODE));
	if (type == INTR_SOFTWARE || type == INTR_PRIV_SOFTWARE || type == INTR_SOFT_EXCEPTION)
		vmwrite(ENTRY_INSTRUCTION_LENGTH, vmread(EXIT_INSTRUCTION_LENGTH));
	/*
	 * The delivery of an NMI blocks NMIs, and VM entry refuses to inject one that is blocked.
	 */
	if (type == INTR_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY,
			vmread(GUEST_INTERRUPTIBILITY) & ~INTERRUPTIBILITY_NMI);
	vmwrite(ENTRY_INTERRUPTION_INFO, info & ~INTR_NMI_UNBLOCKED);
}

/*
 * One event per entry. SDM, "Checks on VMX Controls and Guest State": an external interrupt needs
 * RFLAGS.IF and no blocking by STI or MOV SS, an NMI needs no blocking by NMI or MOV SS.
 */
void vcpu_deliver(struct vcpu *v)
{
	bool taken = vmread(ENTRY_INTERRUPTION_INFO) & INTR_VALID;
	u32 blocked = (u32)vmread(GUEST_INTERRUPTIBILITY);
	u32 ctls = v->proc_ctls & ~(PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW);
	int vector = vlapic_pending(&v->lapic);
	u32 threshold = 0;

	if (v->nmi_pending) {
		if (taken || (blocked & (INTERRUPTIBILITY_NMI | INTERRUPTIBILITY_MOV_SS |
					 INTERRUPTIBILITY_STI))) {
			ctls |= PROC_NMI_WINDOW;
		} else {
			v->nmi_pending = false;
			vmwrite(ENTRY_INTERRUPTION_INFO, INTR_VALID | INTR_NMI << 8 | VECTOR_NMI);
			taken = true;
		}
		v->state = VCPU_RUNNING;
	}
	if (vector >= 0) {
		u32 class = (u32)vector & 0xf0;

		if (class <= (vlapic_ppr(&v->lapic) & 0xf0)) {
			/* Held back. By the TPR: the processor exits when that falls below the
			 * threshold. By what is in service: EOI exits. */
			if (class <= (vlapic_get(&v->lapic, APIC_TPR) & 0xf0))
				threshold = class >> 4;
		} else if (taken || (blocked & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) ||
			   !(vmread(GUEST_RFLAGS) & RFLAGS_IF)) {
			ctls |= PROC_INTERRUPT_WINDOW;
		} else {
			vlapic_accept(&v->lapic, vector);
			vmwrite(ENTRY_INTERRUPTION_INFO,
				INTR_VALID | INTR_EXTERNAL << 8 | (u32)vector);
			v->state = VCPU_RUNNING;
		}
	}
	set_proc_ctls(v, ctls);
	set_tpr_threshold(v, threshold);
}
