/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual-interrupt delivery: the processor itself delivers what waits in the virtual-APIC page when
 * RFLAGS.IF and the priorities let it, and serves EOI and IPIs to oneself (SDM, "Evaluation of Pending
 * Virtual Interrupts"). Only the EOI of what is level-triggered exits.
 *
 * What the exit says of an event whose delivery it interrupted cannot be relied on: Bochs 2.7 notes
 * each exception, each INT n and each event that VM entry injects, but not the interrupts that it
 * delivers so, and then tells of the last of the others. Which one it really was follows from what
 * can be in one stay in the guest:
 *
 *   - A stay that begins with an injected event has interrupt-window exiting on, and with that nothing
 *     is delivered so: what the exit says is right. vcpu_deliver() sees to it.
 *   - In any other stay no exception is delivered, since all of them exit; it is an INT n, which the
 *     exit tells by the length of the instruction, or else the interrupt that is in service now.
 *
 * It has moved from IRR to ISR already, and is delivered once more by injection, which changes neither.
 */
#include "vmx/guest.h"

void delivery_init(struct vcpu *v)
{
	vmwrite(EXCEPTION_BITMAP, ~0u);
	vmwrite(GUEST_INTERRUPT_STATUS, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(v->eoi_exits); i++) {
		v->eoi_exits[i] = 0;
		vmwrite(EOI_EXIT_BITMAP0 + 2 * i, 0);
	}
}

static void update_eoi_exits(struct vcpu *v)
{
	for (unsigned i = 0; i < ARRAY_SIZE(v->eoi_exits); i++) {
		u64 level = vlapic_get(&v->lapic, APIC_TMR + i * 32) |
			    (u64)vlapic_get(&v->lapic, APIC_TMR + i * 32 + 16) << 32;

		if (level == v->eoi_exits[i])
			continue;
		v->eoi_exits[i] = level;
		vmwrite(EOI_EXIT_BITMAP0 + 2 * i, level);
	}
}

bool delivery_update(struct vcpu *v, int vector)
{
	int in_service = vlapic_in_service(&v->lapic);
	u64 status = (u64)MAX(in_service, 0) << 8 | (u64)MAX(vector, 0);

	if (vmread(GUEST_INTERRUPT_STATUS) != status)
		vmwrite(GUEST_INTERRUPT_STATUS, status);
	update_eoi_exits(v);
	return vector >= 0 && ((u32)vector & 0xf0) > (vlapic_ppr(&v->lapic) & 0xf0);
}

u32 delivery_interrupted(struct vcpu *v)
{
	u32 info = (u32)vmread(IDT_VECTORING_INFO);
	unsigned type = INTR_TYPE(info);

	if (!(info & INTR_VALID) || !(v->proc2 & PROC2_VIRTUAL_INTERRUPT_DELIVERY) ||
	    (v->proc_ctls & PROC_INTERRUPT_WINDOW))
		return info;
	if (type == INTR_SOFTWARE && vmread(EXIT_INSTRUCTION_LENGTH))
		return info;
	return INTR_VALID | INTR_EXTERNAL << 8 | (u32)(vmread(GUEST_INTERRUPT_STATUS) >> 8 & 0xff);
}

/* SDM, "Interrupt and Exception Classes". */
static bool contributory(u8 vector)
{
	return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/* SDM, "Conditions for Generating a Double Fault". Of other pairs the second one is delivered, and the
 * first one comes again by itself, or is lost: as without exits. */
bool delivery_double_fault(struct vcpu *v, u32 before, u8 vector)
{
	u8 first = before & 0xff;
	bool second = contributory(vector) || vector == VECTOR_PF;

	if (INTR_TYPE(before) != INTR_EXCEPTION || !second)
		return false;
	if (first == VECTOR_DF)
		guest_stop(v->guest, "vCPU %u: triple fault at RIP %lx (exception %u)", v->gate.id,
			   vmread(GUEST_RIP), vector);
	else if (first == VECTOR_PF || (contributory(first) && vector != VECTOR_PF))
		vcpu_inject_exception(VECTOR_DF, true, 0);
	else
		return false;
	return true;
}
