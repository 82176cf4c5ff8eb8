/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 8254 interval timer that a guest sees, and the port beside it that has its channel 2. By
 * Intel's data sheet of the 8254. A state machine without a lock: the caller serializes, and says
 * at each call what time it is: NOW is in nanoseconds since the guest's start and never goes back.
 *
 * Nothing runs meanwhile, so no error adds up, and a call costs the same however much time has
 * passed.
 */
#ifndef VMX_PC_PIT_H
#define VMX_PC_PIT_H

#include "vmx/pc/counter.h"

#define PIT_HZ 1193182ul
#define PIT_CHANNELS 3
#define PIT_NEVER COUNTER_NEVER

enum {
	PIT_CHANNEL0 = 0x40,
	PIT_CHANNEL1 = 0x41,
	PIT_CHANNEL2 = 0x42,
	PIT_CONTROL = 0x43, /* write-only */
	PIT_PORT_B = 0x61,
};

/* Port 61h. Bits 3:0 are as written, the others read-only; 7:6, errors of the memory and of cards,
 * are 0. */
#define PORT_B_GATE2 BIT(0)
#define PORT_B_SPEAKER BIT(1)
#define PORT_B_WRITABLE 0x0fu
#define PORT_B_REFRESH BIT(4) /* toggles every 15 us */
#define PORT_B_OUT2 BIT(5)

struct pit {
	struct counter channel[PIT_CHANNELS];
	u8 port_b;
};

/* No channel counts, all OUTs are high; the gate of channel 2 is low. */
void pit_reset(struct pit *p);

/*
 * A guest's access to one of the ports above; other ports, and the control port, read as ones. Any
 * value may be written at any time. A count of 1 in modes 2 and 3, which the data sheet forbids,
 * leaves OUT high.
 */
u8 pit_read(struct pit *p, u16 port, u64 now);
void pit_write(struct pit *p, u16 port, u8 value, u64 now);

/* OUT of a channel, 0 to 2. */
bool pit_out(const struct pit *p, unsigned channel, u64 now);

/*
 * Rising edges of OUT 0, which is IRQ 0, since the last call. Those that a control word makes
 * count: it sets OUT, but in mode 0. They can be many: 596,591 a second is what a guest can ask
 * for.
 */
u64 pit_edges(struct pit *p, u64 now);

/* Nanoseconds from NOW to the next rising edge of OUT 0, 0 if pit_edges() would tell one now, or
 * PIT_NEVER if none comes by itself. After exactly this time pit_edges() tells it. */
u64 pit_next(const struct pit *p, u64 now);

#endif
