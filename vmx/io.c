/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port I/O. The guest has one device, a serial port that only sends; elsewhere reads are all ones
 * and writes go nowhere, as on an empty bus. */
#include "vmx/exit.h"
#include "vmx/guest.h"

#define SERIAL 0x3f8
#define SERIAL_LSR (SERIAL + 5)
#define LSR_EMPTY 0x60

static void serial_put(struct vcpu *v, char c)
{
	if (c != '\n' && c != '\r' && v->line_length < sizeof(v->line) - 1) {
		v->line[v->line_length++] = c >= ' ' && c <= '~' ? c : '?';
		return;
	}
	if (v->line_length) {
		v->line[v->line_length] = 0;
		printk("[guest %u.%u] %s\n", v->guest->id, v->gate.id, v->line);
	}
	v->line_length = 0;
}

/* SDM, "Exit Qualification for I/O Instructions" */
void exit_io(struct vcpu *v)
{
	u64 q = vmread(EXIT_QUALIFICATION);
	unsigned size = (q & 7) + 1;
	bool in = q & BIT(3), string = q & BIT(4), rep = q & BIT(5);
	u16 port = q >> 16 & 0xffff;
	u64 mask = size == 4 ? 0xffffffff : BIT(8 * size) - 1;

	if (string) {
		/* What would be written is all ones, to a place that takes the whole of
		 * segmentation and paging to find. */
		guest_stop(v->guest,
			   "vCPU %u: string %s on port %x%s, which is not supported, at RIP %lx",
			   v->gate.id, in ? "input" : "output", port, rep ? " (repeated)" : "",
			   vmread(GUEST_RIP));
		return;
	}
	if (in) {
		u64 value = port == SERIAL_LSR ? LSR_EMPTY : mask;

		/* A 32-bit result clears the upper half, as any 32-bit operation does. */
		v->regs.rax = size == 4 ? value : (v->regs.rax & ~mask) | value;
	} else if (port == SERIAL && size == 1) {
		serial_put(v, (char)v->regs.rax);
	}
	vcpu_skip();
}
