/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One of the three counters of the 8254 (data sheet: "Mode Definitions"). Nothing runs: a counter
 * knows at which tick it was loaded, and what it shows follows from how many ticks that is ago.
 * Ticks are pulses of its clock since the guest's start; at each call TICK is the last one that
 * was, and is never less than at the call before.
 */
#ifndef VMX_PC_COUNTER_H
#define VMX_PC_COUNTER_H

#include "mm/types.h"

#define COUNTER_NEVER ~0ul

/* Bits 5:0 of a control word. */
#define PIT_CONTROL_ACCESS(v) ((v) >> 4 & 3)
#define PIT_CONTROL_MODE(v) ((v) >> 1 & 7)
#define PIT_CONTROL_BCD BIT(0)
#define PIT_CONTROL_KEPT 0x3fu
enum { PIT_ACCESS_LATCH, PIT_ACCESS_LSB, PIT_ACCESS_MSB, PIT_ACCESS_BOTH };
enum { PIT_TERMINAL_COUNT, PIT_ONE_SHOT, PIT_RATE, PIT_SQUARE, PIT_SOFT_STROBE, PIT_HARD_STROBE };

struct counter {
	u8 control;		  /* bits 5:0 of the last control word: access, mode, BCD */
	bool write_msb, read_msb; /* the first byte of two has come, or gone */
	u8 lsb;			  /* that first byte */
	bool count_latched, status_latched;
	u16 latched_count;
	u8 latched_status;

	u32 written;  /* the count that was written last; 0: none since the control word */
	u32 count;    /* the one that is being counted down */
	bool fresh;   /* `written` is yet to be counted down */
	bool running; /* was loaded since the control word */
	bool before;  /* OUT until the load */
	u64 start;    /* the tick at which it was loaded, which may be the next one */
	u64 stop;   /* it counts no further than to this tick: the gate is low; or COUNTER_NEVER */
	u64 reload; /* fresh, modes 2 and 3: the tick at which `written` takes over */
	u64 seen;   /* rising edges since the load that are in `edges` */
	u64 edges;  /* rising edges that nobody has been told of */
};

/* The control word, of which the bits above count: what was counted and latched is forgotten. */
void counter_control(struct counter *c, u8 control);

/* All that happens up to TICK. Before any of the calls below. */
void counter_settle(struct counter *c, u64 tick);

bool counter_out(const struct counter *c, u64 tick);

/* A byte of a count, with the GATE as it is. A byte of what is latched, or of the count as it is. */
void counter_write(struct counter *c, bool gate, u8 value, u64 tick);
u8 counter_read(struct counter *c, u64 tick);

/* Latches what is not latched already. */
void counter_latch(struct counter *c, bool count, bool status, u64 tick);

/* The gate has become GATE, and was not before. */
void counter_gate(struct counter *c, bool gate, u64 tick);

/* The tick of the first rising edge of OUT after TICK, or COUNTER_NEVER. */
u64 counter_next(const struct counter *c, u64 tick);

#endif
