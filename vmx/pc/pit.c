/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/pc/pit.h"

#define SECOND 1000000000ul /* in nanoseconds */
#define REFRESH_TICKS 18    /* what a PC's firmware programs channel 1 to */

/* The control port. */
#define CONTROL_CHANNEL(v) ((v) >> 6)
#define READ_BACK 3
#define READ_BACK_NO_COUNT BIT(5)
#define READ_BACK_NO_STATUS BIT(4)

/* The gate of the others is wired high. */
#define GATED 2

/*
 * Time is split at whole seconds, so that products fit. ns_of() is the first nanosecond of a tick:
 * tick_of(ns_of(t)) == t.
 */
static u64 tick_of(u64 ns)
{
	return ns / SECOND * PIT_HZ + ns % SECOND * PIT_HZ / SECOND;
}

static u64 ns_of(u64 tick)
{
	return tick / PIT_HZ * SECOND + (tick % PIT_HZ * SECOND + PIT_HZ - 1) / PIT_HZ;
}

static bool gate(const struct pit *p, const struct counter *c)
{
	return c != &p->channel[GATED] || (p->port_b & PORT_B_GATE2);
}

static void control_write(struct pit *p, u8 value, u64 tick)
{
	struct counter *c = p->channel;

	if (CONTROL_CHANNEL(value) == READ_BACK) {
		for (unsigned i = 0; i < PIT_CHANNELS; i++)
			if (value & BIT(i + 1))
				counter_latch(c + i, !(value & READ_BACK_NO_COUNT),
					      !(value & READ_BACK_NO_STATUS), tick);
		return;
	}
	c += CONTROL_CHANNEL(value);
	if (PIT_CONTROL_ACCESS(value) == PIT_ACCESS_LATCH) {
		counter_latch(c, true, false, tick);
		return;
	}
	counter_control(c, value);
}

void pit_reset(struct pit *p)
{
	*p = (struct pit){ 0 };
	for (unsigned i = 0; i < PIT_CHANNELS; i++)
		counter_control(&p->channel[i], PIT_ACCESS_BOTH << 4 | PIT_SQUARE << 1);
}

u8 pit_read(struct pit *p, u16 port, u64 now)
{
	u64 tick = tick_of(now);

	switch (port) {
	case PIT_CHANNEL0:
	case PIT_CHANNEL1:
	case PIT_CHANNEL2:
		counter_settle(&p->channel[port - PIT_CHANNEL0], tick);
		return counter_read(&p->channel[port - PIT_CHANNEL0], tick);
	case PIT_PORT_B:
		return p->port_b | (tick / REFRESH_TICKS % 2 ? PORT_B_REFRESH : 0) |
		       (pit_out(p, GATED, now) ? PORT_B_OUT2 : 0);
	}
	return 0xff;
}

void pit_write(struct pit *p, u16 port, u8 value, u64 now)
{
	struct counter *c = p->channel;
	u64 tick = tick_of(now);
	bool was[PIT_CHANNELS], gated = p->port_b & PORT_B_GATE2;

	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		counter_settle(c + i, tick);
		was[i] = counter_out(c + i, tick);
	}
	switch (port) {
	case PIT_CHANNEL0:
	case PIT_CHANNEL1:
	case PIT_CHANNEL2:
		c += port - PIT_CHANNEL0;
		counter_write(c, gate(p, c), value, tick);
		break;
	case PIT_CONTROL:
		control_write(p, value, tick);
		break;
	case PIT_PORT_B:
		p->port_b = value & PORT_B_WRITABLE;
		if (gated != (value & PORT_B_GATE2))
			counter_gate(c + GATED, value & PORT_B_GATE2, tick);
		break;
	}
	for (unsigned i = 0; i < PIT_CHANNELS; i++)
		if (!was[i] && counter_out(&p->channel[i], tick))
			p->channel[i].edges++;
}

bool pit_out(const struct pit *p, unsigned channel, u64 now)
{
	struct counter c = p->channel[channel];

	counter_settle(&c, tick_of(now));
	return counter_out(&c, tick_of(now));
}

u64 pit_edges(struct pit *p, u64 now)
{
	struct counter *c = &p->channel[0];
	u64 n;

	counter_settle(c, tick_of(now));
	n = c->edges;
	c->edges = 0;
	return n;
}

u64 pit_next(const struct pit *p, u64 now)
{
	u64 tick = tick_of(now), next;
	struct counter c = p->channel[0];

	counter_settle(&c, tick);
	if (c.edges)
		return 0;
	next = counter_next(&c, tick);
	return next == COUNTER_NEVER ? PIT_NEVER : ns_of(next) - now;
}
