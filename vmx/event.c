/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is delivered to the guest with the next entry: exceptions, NMIs, interrupts; and the windows
 * to wait for. */
#include "mm/x86.h"
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

/* With virtual-interrupt delivery vcpu_deliver() has to hear of it: vmx/delivery.c. */
static void inject(u32 info)
{
	struct vcpu *v = this_cpu()->vcpu;

	vmwrite(ENTRY_INTERRUPTION_INFO, info);
	if (unlikely(v->proc2 & PROC2_VIRTUAL_INTERRUPT_DELIVERY))
		vcpu_event(v);
}

/* In real mode exceptions have no error codes, and VM entry refuses them (SDM, "Checks on VM-Entry
 * Control Fields"). */
static void inject_with(u32 info, u32 error)
{
	if ((info & INTR_ERROR_CODE) && !(vmread(GUEST_CR0) & CR0_PE))
		info &= ~INTR_ERROR_CODE;
	if (info & INTR_ERROR_CODE)
		vmwrite(ENTRY_EXCEPTION_ERROR_CODE, error);
	inject(info);
}

void vcpu_inject_exception(u8 vector, bool has_error, u32 error)
{
	inject_with(INTR_VALID | INTR_EXCEPTION << 8 | (has_error ? INTR_ERROR_CODE : 0) | vector,
		    error);
}

/* CR2 is the guest's while the vCPU is on a CPU; injection does not set it. */
void vcpu_inject_pf(u64 address, u32 error)
{
	write_cr2(address);
	vcpu_inject_exception(VECTOR_PF, true, error);
}

void vcpu_inject_again(u32 info)
{
	unsigned type = INTR_TYPE(info);

	if (type == INTR_PRIV_SOFTWARE || type == INTR_SOFT_EXCEPTION) /* RIP is to move past it */
		vmwrite(ENTRY_INSTRUCTION_LENGTH, vmread(EXIT_INSTRUCTION_LENGTH));
	inject_with(info & ~INTR_NMI_UNBLOCKED, (u32)vmread(EXIT_INTERRUPTION_ERROR_CODE));
}

void vcpu_redeliver(void)
{
	u32 info = delivery_interrupted(this_cpu()->vcpu);
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
	inject(info & ~INTR_NMI_UNBLOCKED);
}

/* The PIC's interrupt, which ranks above the APIC's and does not know of priorities. */
static bool extint_waits(struct vcpu *v)
{
	return v->extint_pending || (vlapic_takes_extint(&v->lapic) && pic_waits(v));
}

/* Injects it. False: it has gone. */
static bool deliver_extint(struct vcpu *v)
{
	int vector = pic_accept(v);

	v->extint_pending = false;
	if (vector < 0)
		return false;
	vmwrite(ENTRY_INTERRUPTION_INFO, INTR_VALID | INTR_EXTERNAL << 8 | (u32)vector);
	v->state = VCPU_RUNNING;
	return true;
}

/* Can an interrupt not be injected now? */
static bool interrupts_off(u32 blocked)
{
	return (blocked & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) ||
	       !(vmread(GUEST_RFLAGS) & RFLAGS_IF);
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
	bool delivery = v->proc2 & PROC2_VIRTUAL_INTERRUPT_DELIVERY;
	u32 threshold = 0;
	int vector;

	if (unlikely(delivery))
		vlapic_refresh(&v->lapic);
	vector = vlapic_pending(&v->lapic);
	if (v->nmi_pending) {
		if (taken || (blocked & (INTERRUPTIBILITY_NMI | INTERRUPTIBILITY_MOV_SS |
					 INTERRUPTIBILITY_STI))) {
			ctls |= PROC_NMI_WINDOW;
		} else {
			v->nmi_pending = false;
			vmwrite(ENTRY_INTERRUPTION_INFO, INTR_VALID | INTR_NMI << 8 | VECTOR_NMI);
			taken = true;
		}
		if (!(blocked & INTERRUPTIBILITY_NMI)) /* that does not end HLT */
			v->state = VCPU_RUNNING;
	}
	if (unlikely(extint_waits(v))) {
		if (!taken && !interrupts_off(blocked))
			taken = deliver_extint(v);
		if (extint_waits(v)) /* it, or the next one */
			ctls |= PROC_INTERRUPT_WINDOW;
	}
	if (unlikely(delivery)) {
		if (delivery_update(v, vector) && !interrupts_off(blocked))
			v->state = VCPU_RUNNING;
		if (taken)
			ctls |= PROC_INTERRUPT_WINDOW;
	} else if (vector >= 0) {
		u32 class = (u32)vector & 0xf0;

		if (class <= (vlapic_ppr(&v->lapic) & 0xf0)) {
			/* Held back. By the TPR: the processor exits when that falls below the
			 * threshold. By what is in service: EOI exits. */
			if (class <= (vlapic_get(&v->lapic, APIC_TPR) & 0xf0))
				threshold = class >> 4;
		} else if (taken || interrupts_off(blocked)) {
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
