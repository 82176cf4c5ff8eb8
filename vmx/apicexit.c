/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exits that the guest's accesses to its local APIC cause. */
#include "ept/order.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/mmio.h"
#include "vmx/vmx.h"

/* SDM, "Exit Qualification for APIC-Access VM Exits" */
enum { ACCESS_READ = 0, ACCESS_WRITE = 1 };

/*
 * The other face of a stale A: the frame that it names backs some other page by now, and the CPU
 * takes accesses to that for accesses to the APIC: a stale access, too, though the guest cannot say
 * so any more. No protocol that is right comes to this: who changes P has asked for a reload before,
 * which stays asked for until the gate has seen to it.
 */
static bool stray(const struct vcpu *v)
{
	u64 p = order_load(stray_p, backing_entry(v->ept->backing, APIC_ACCESS_GFN));

	return !(p & P_MOVING) && (p & P_ADDRESS) != v->access.address &&
	       !(order_load(stray_requests, &v->gate.requests) & REQ_RELOAD);
}

static void refuse(struct vcpu *v, u64 q, const struct code *code)
{
	static const char *const types[16] = {
		"read",
		"write",
		"instruction fetch",
		"access while an event was delivered",
		[10] = "physical access while an event was delivered",
		[15] = "page walk or physical fetch"
	};
	const char *type = types[q >> 12 & 15] ? types[q >> 12 & 15] : "access";
	char bytes[CODE_TEXT];
	bool stale = stray(v);

	if (stale)
		__atomic_fetch_add(&v->guest->wrong[(q >> 12 & 15) == ACCESS_WRITE ? WRONG_APIC_WRITE :
										     WRONG_APIC_READ],
				   1, __ATOMIC_RELAXED);
	code_text(code, bytes);
	guest_stop(v->guest, "vCPU %u: %s of APIC register %lx is not supported, at RIP %lx%s%s%s",
		   v->gate.id, type, q & 0xfff, vmread(GUEST_RIP), code->size ? ": " : "", bytes,
		   stale ? "; A is stale: the access was to another page, which the freed frame that A "
			   "names backs now"
			 : "");
}

/*
 * Registers are 32 bits wide, 16 bytes apart, and to be accessed as such; what else happens is left open
 * (SDM, "Local APIC Register Address Map"). Here a read gives the bytes of the register, ones
 * where it leaves it, and a write that is not of the whole register is ignored.
 */
static u64 apic_read(struct vcpu *v, u64 offset, unsigned size)
{
	if ((offset & 15) + size > 4)
		return ~0ul;
	return (u64)vlapic_read(&v->lapic, offset & 0xff0) >> 8 * (offset & 15);
}

static void apic_write(struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	if (size == 4 && !(offset & 15) && vlapic_write(&v->lapic, (u32)offset, (u32)value))
		vcpu_event(v);
}

static const struct mmio apic = { APIC_ACCESS_GPA, apic_read, apic_write };

void exit_apic_access(struct vcpu *v)
{
	u64 q = vmread(EXIT_QUALIFICATION);
	unsigned type = q >> 12 & 15;
	struct code code;

	code.size = 0;
	if (v->proc2 & PROC2_VIRTUAL_INTERRUPT_DELIVERY)
		vlapic_refresh(&v->lapic);
	if ((type != ACCESS_READ && type != ACCESS_WRITE) || stray(v) ||
	    mmio_access(v, &apic, APIC_ACCESS_GPA | (q & 0xfff),
			type == ACCESS_WRITE ? MMIO_WRITE : MMIO_READ, &code) == -EINVAL)
		refuse(v, q, &code);
}

/* Of what is level-triggered; the processor has done all else. */
void exit_virtualized_eoi(struct vcpu *v)
{
	vlapic_level_ended(&v->lapic, (u8)vmread(EXIT_QUALIFICATION));
}

/* After the write: the value is in the virtual-APIC page, RIP is past the instruction. */
void exit_apic_write(struct vcpu *v)
{
	u32 reg = vmread(EXIT_QUALIFICATION) & 0xff0;

	if (vlapic_write(&v->lapic, reg, vlapic_get(&v->lapic, reg)))
		vcpu_event(v);
}
