/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An 8254 that does what the data sheet says, clock pulse by clock pulse, for comparison with
 * vmx/pc/pit.c, which does none of it. Time is the number of pulses.
 */
#ifndef TESTS_UNIT_PITMODEL_H
#define TESTS_UNIT_PITMODEL_H

#include "mm/types.h"

struct pitmodel_channel {
	u8 control;
	unsigned mode, access;
	u32 wrap;   /* 10000 or 65536 */
	u32 cr, ce; /* count register, counting element */
	u32 loaded; /* what the counting element started from */
	bool have_cr, null, running, armed;
	bool load; /* by the next pulse */
	bool gate, out;
	bool half; /* the first byte of two has been written */
	u8 lsb;
	bool second; /* the next read is the second byte */
	bool count_latched, status_latched;
	u16 latch;
	u8 status;
	u64 edges; /* of OUT, rising, ever */
};

struct pitmodel {
	struct pitmodel_channel channel[3];
	u8 port_b;
	u64 tick;
};

void pitmodel_reset(struct pitmodel *m);
void pitmodel_pulse(struct pitmodel *m);
void pitmodel_write(struct pitmodel *m, u16 port, u8 value);
u8 pitmodel_read(struct pitmodel *m, u16 port);

#endif
