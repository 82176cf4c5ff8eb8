/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interrupt message, as local APICs and I/O APICs send them to local APICs. */
#ifndef APIC_MESSAGE_H
#define APIC_MESSAGE_H

#include "mm/types.h"

/* Delivery modes; SDM, "Interrupt Command Register". */
enum {
	DELIVER_FIXED = 0,
	DELIVER_LOWEST = 1,
	DELIVER_SMI = 2,
	DELIVER_NMI = 4,
	DELIVER_INIT = 5,
	DELIVER_SIPI = 6,
	DELIVER_EXTINT = 7,
};

struct apic_message {
	u32 dest; /* APIC id, or a logical destination; 8 bits from an xAPIC or an I/O APIC */
	bool logical;
	u8 mode; /* DELIVER_* */
	u8 vector;
	bool level; /* level-triggered: its end is told to who sent it */
};

#endif
