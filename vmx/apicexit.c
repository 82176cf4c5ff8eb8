/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exits that the guest's accesses to its local APIC cause. */
#include "ept/order.h"
#include "vmx/decode.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

/* SDM, "Exit Qualification for APIC-Access VM Exits" */
enum { ACCESS_READ = 0, ACCESS_WRITE = 1 };
#define CODE_L BIT(13)
#define CODE_D BIT(14)
#define MAX_INSTRUCTION 15

/* At RIP; near the end of what is mapped there may be fewer bytes than an instruction can have. */
static unsigned fetch(struct vcpu *v, u8 *code)
{
	u64 rip = vmread(GUEST_RIP), first;

	if (!(vmread(GUEST_CS_ACCESS_RIGHTS) & CODE_L))
		rip = (u32)(rip + vmread(GUEST_CS_BASE));
	first = MIN(MAX_INSTRUCTION, PAGE_SIZE - (rip & (PAGE_SIZE - 1)));
	if (guest_read_linear(v, rip, code, first))
		return 0;
	if (first < MAX_INSTRUCTION &&
	    !guest_read_linear(v, rip + first, code + first, MAX_INSTRUCTION - first))
		return MAX_INSTRUCTION;
	return first;
}

/*
 * The other face of a stale A: the frame that it names backs some other page by now, and the CPU
 * takes accesses to that for accesses to the APIC. No protocol that is right comes to this.
 */
static const char *stray(struct vcpu *v)
{
	u64 p = order_load(stray_p, backing_entry(v->ept->backing, APIC_ACCESS_GFN));

	if ((p & P_MOVING) || (p & P_ADDRESS) == v->access.address)
		return "";
	return "; A is stale: the access was to another page, which the freed frame that A names "
	       "backs now";
}

static void refuse(struct vcpu *v, u64 q, const u8 *code, unsigned size)
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
	char bytes[3 * MAX_INSTRUCTION + 1] = "";

	for (unsigned i = 0; i < size; i++)
		format(bytes + 3 * i, 4, "%02x ", code[i]);
	guest_stop(v->guest, "vCPU %u: %s of APIC register %lx is not supported, at RIP %lx%s%s%s",
		   v->gate.id, type, q & 0xfff, vmread(GUEST_RIP), size ? ": " : "", bytes,
		   stray(v));
}

void exit_apic_access(struct vcpu *v)
{
	u64 q = vmread(EXIT_QUALIFICATION), rights;
	unsigned type = q >> 12 & 15, size;
	u32 reg = q & 0xfff;
	u8 code[MAX_INSTRUCTION] = { 0 };
	struct mov m;

	if (type != ACCESS_READ && type != ACCESS_WRITE) {
		refuse(v, q, code, 0);
		return;
	}
	size = fetch(v, code);
	if (!size)
		return; /* gone from the guest's tables, or stopping: the access runs again */
	rights = vmread(GUEST_CS_ACCESS_RIGHTS);
	if ((reg & 15) || (!(rights & CODE_L) && !(rights & CODE_D)) ||
	    decode_mov(code, size, rights & CODE_L, &m) || m.write != (type == ACCESS_WRITE)) {
		refuse(v, q, code, size);
		return;
	}
	if (m.write) {
		u32 value = m.has_imm	 ? m.imm
			    : m.reg == 4 ? (u32)vmread(GUEST_RSP)
					 : (u32)*vcpu_reg(v, m.reg);

		if (vlapic_write(&v->lapic, reg, value))
			vcpu_event(v);
	} else if (m.reg == 4) {
		vmwrite(GUEST_RSP, vlapic_read(&v->lapic, reg));
	} else {
		*vcpu_reg(v, m.reg) = vlapic_read(&v->lapic, reg);
	}
	vmwrite(GUEST_RIP, vmread(GUEST_RIP) + m.length);
}

/* After the write: the value is in the virtual-APIC page, RIP is past the instruction. */
void exit_apic_write(struct vcpu *v)
{
	u32 reg = vmread(EXIT_QUALIFICATION) & 0xff0;

	if (vlapic_write(&v->lapic, reg, vlapic_get(&v->lapic, reg)))
		vcpu_event(v);
}
