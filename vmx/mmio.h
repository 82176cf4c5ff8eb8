/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device registers in the guest's memory: the instruction that exited there is done by hand. */
#ifndef VMX_MMIO_H
#define VMX_MMIO_H

#include "vmx/decode.h"
#include "vmx/vcpu.h"

/*
 * A device, by the guest-physical address of its first register. Both get offsets from there, and a
 * SIZE of 1, 2, 4 or 8 bytes that are all in one page; of what read returns the low SIZE bytes count,
 * and write gets a value whose others are 0. V is OUTSIDE and its VMCS current. Other vCPUs may
 * be in the same functions.
 */
struct mmio {
	u64 base;
	u64 (*read)(struct vcpu *v, u64 offset, unsigned size);
	void (*write)(struct vcpu *v, u64 offset, unsigned size, u64 value);
};

/* The code at the guest's RIP. */
struct code {
	u64 rip;
	enum code_mode mode;
	unsigned size; /* bytes that could be read: fewer than 15 near the end of what is mapped */
	u8 bytes[MAX_INSTRUCTION];
};

/* The bytes of CODE in hexadecimal, each with a space behind it. */
#define CODE_TEXT (3 * MAX_INSTRUCTION + 1)
void code_text(const struct code *code, char text[CODE_TEXT]);

/* What the exit says of the access. */
#define MMIO_READ BIT(0)
#define MMIO_WRITE BIT(1)

/*
 * Does the instruction at V's RIP, whose access (of kind MMIO_READ, MMIO_WRITE or both) of the
 * guest-physical address GPA caused the exit, on DEVICE instead of memory: registers, RFLAGS and RIP
 * are as after it (of a repeated one: after one time). 0; -EAGAIN: its bytes could not be read
 * (the guest's tables have changed, or V is to stop): nothing is done, the guest is to make the
 * access again; or -EINVAL: it is none that is known (vmx/decode.h), it does not fit the access, or
 * crosses a page boundary, and is in *CODE for the report. VMCS current.
 *
 * An access that begins in memory and ends in the device's page cannot be told from one of the device's
 * first register, and is done as that.
 */
int mmio_access(struct vcpu *v, const struct mmio *device, u64 gpa, u64 kind, struct code *code);

/* Where nobody answers, as on a bus: reads are ones, writes go nowhere. */
extern const struct mmio mmio_absent;

/* The device at the guest-physical address GPA, where V's guest has no memory (vmx/pc/pc.c). */
const struct mmio *mmio_find(struct vcpu *v, u64 gpa);

#endif
