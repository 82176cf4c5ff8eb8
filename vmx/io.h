/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's ports. */
#ifndef VMX_IO_H
#define VMX_IO_H

#include "vmx/vcpu.h"

/* An access of SIZE bytes (1, 2 or 4) at PORT. What is read has zeros above them; so has VALUE. V is
 * OUTSIDE. */
u32 io_read(struct vcpu *v, u16 port, unsigned size);
void io_write(struct vcpu *v, u16 port, unsigned size, u32 value);

/* What the exit says of INS and OUTS; SDM, "Exit Qualification for I/O Instructions". */
struct io_string {
	u16 port;
	unsigned size;
	bool in, rep;
};

/*
 * vmx/stringio.c: does INS or OUTS for V, some elements of a repeated one, whose registers then say how
 * far it is; the guest runs it again for the rest. Raises the exceptions that the access of memory
 * does. VMCS current.
 */
void io_string(struct vcpu *v, const struct io_string *s);

#endif
