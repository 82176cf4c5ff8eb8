/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port I/O: the PC's, and a port by which a guest of Interlock's own offers pages that it can spare. */
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/io.h"

/* A port of 32 bits for each kind of offer (ept/reclaim.h), in that order: the first page's number in
 * 19:0, how many pages in 31:20. */
#define OFFER 0x5ec0
#define OFFER_STEP 4

static bool is_offer(const struct vcpu *v, u16 port, unsigned size)
{
	return size == 4 && port >= OFFER && port < OFFER + OFFERS * OFFER_STEP &&
	       port % OFFER_STEP == 0 && !v->guest->foreign;
}

static u32 ones(unsigned size)
{
	return size == 4 ? ~0u : (1u << 8 * size) - 1;
}

u32 io_read(struct vcpu *v, u16 port, unsigned size)
{
	return pc_in(v, port, size);
}

void io_write(struct vcpu *v, u16 port, unsigned size, u32 value)
{
	if (is_offer(v, port, size))
		reclaim_offered(&v->guest->reclaim, value & 0xfffff, value >> 20 & 0xfff,
				(port - OFFER) / OFFER_STEP);
	else
		pc_out(v, port, size, value);
}

/* SDM, "Exit Qualification for I/O Instructions" */
void exit_io(struct vcpu *v)
{
	u64 q = vmread(EXIT_QUALIFICATION);
	unsigned size = (q & 7) + 1;
	bool in = q & BIT(3), string = q & BIT(4), rep = q & BIT(5);
	u16 port = q >> 16 & 0xffff;

	if (unlikely(string)) {
		io_string(v, &(struct io_string){ port, size, in, rep });
		return;
	}
	if (!in) {
		io_write(v, port, size, (u32)v->regs.rax & ones(size));
	} else {
		u64 value = io_read(v, port, size);

		/* A 32-bit result clears the upper half, as any 32-bit operation does. */
		v->regs.rax = size == 4 ? value : (v->regs.rax & ~(u64)ones(size)) | value;
	}
	vcpu_skip();
}
