/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/pitmodel.h"

static void set_out(struct pitmodel_channel *c, bool out)
{
	c->edges += out && !c->out;
	c->out = out;
}

static u16 shown(const struct pitmodel_channel *c)
{
	u32 v = c->ce % c->wrap;

	return c->wrap == 10000 ? v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10
				: v;
}

/* From the count register into the counting element. */
static void transfer(struct pitmodel_channel *c)
{
	c->loaded = c->cr;
	c->ce = c->mode == 3 ? c->cr & ~1u : c->cr;
	c->null = false;
}

static void load(struct pitmodel_channel *c)
{
	c->load = false;
	c->running = c->armed = true;
	transfer(c);
	set_out(c, c->mode >= 2);
}

static u32 one_less(const struct pitmodel_channel *c)
{
	return c->ce ? c->ce - 1 : c->wrap - 1;
}

static void count(struct pitmodel_channel *c)
{
	switch (c->mode) {
	case 0:
	case 1:
		c->ce = one_less(c);
		if (!c->ce)
			set_out(c, true);
		break;
	case 2:
		c->ce--;
		if (!c->ce) {
			set_out(c, true);
			transfer(c);
		} else if (c->ce == 1) {
			set_out(c, false);
		}
		break;
	case 4:
	case 5:
		c->ce = one_less(c);
		set_out(c, c->ce || !c->armed);
		if (!c->ce)
			c->armed = false;
		break;
	}
}

static void count_square(struct pitmodel_channel *c)
{
	bool odd_high = c->out && c->loaded % 2;

	if (c->ce && !(c->ce == 2 && !odd_high)) {
		c->ce -= 2;
		return;
	}
	transfer(c);
	set_out(c, !c->out || c->cr == 1);
}

static void pulse(struct pitmodel_channel *c)
{
	bool periodic = c->mode == 2 || c->mode == 3;

	if (c->load)
		load(c);
	else if (!c->running || (c->mode == 0 && c->half))
		return;
	else if (!c->gate && c->mode != 1 && c->mode != 5)
		return;
	else if (periodic && c->loaded == 1)
		transfer(c); /* forbidden; OUT stays high */
	else if (c->mode == 3)
		count_square(c);
	else
		count(c);
}

void pitmodel_pulse(struct pitmodel *m)
{
	m->tick++;
	for (unsigned i = 0; i < 3; i++)
		pulse(&m->channel[i]);
}

void pitmodel_reset(struct pitmodel *m)
{
	*m = (struct pitmodel){ 0 };
	for (unsigned i = 0; i < 3; i++) {
		m->channel[i].gate = i < 2;
		m->channel[i].out = true;
		pitmodel_write(m, 0x43, i << 6 | 0x36);
	}
}

static void new_count(struct pitmodel_channel *c, u16 v)
{
	if (c->wrap == 10000)
		c->cr = (v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
	else
		c->cr = v;
	if (!c->cr)
		c->cr = c->wrap;
	c->have_cr = c->null = true;
	if (c->mode == 0)
		set_out(c, false);
	if (c->mode == 0 || c->mode == 4 || ((c->mode == 2 || c->mode == 3) && !c->running))
		c->load = true;
}

static void latch(struct pitmodel_channel *c, bool count, bool status)
{
	if (count && !c->count_latched) {
		c->count_latched = true;
		c->latch = shown(c);
	}
	if (status && !c->status_latched) {
		c->status_latched = true;
		c->status = c->control | c->out << 7 | c->null << 6;
	}
}

static void control(struct pitmodel *m, u8 v)
{
	struct pitmodel_channel *c, old;

	if (v >> 6 == 3) {
		for (unsigned i = 0; i < 3; i++)
			if (v & 2 << i)
				latch(&m->channel[i], !(v & 0x20), !(v & 0x10));
		return;
	}
	c = &m->channel[v >> 6];
	if (!(v & 0x30)) {
		latch(c, true, false);
		return;
	}
	old = *c;
	*c = (struct pitmodel_channel){
		.control = v & 0x3f,
		.mode = (v >> 1 & 7) > 5 ? (v >> 1 & 3) : v >> 1 & 7,
		.access = v >> 4 & 3,
		.wrap = v & 1 ? 10000 : 65536,
		.null = true,
		.gate = old.gate,
		.out = old.out,
		.edges = old.edges,
	};
	set_out(c, c->mode != 0);
}

void pitmodel_write(struct pitmodel *m, u16 port, u8 v)
{
	struct pitmodel_channel *c = &m->channel[port & 3];
	bool rises;

	if (port == 0x43) {
		control(m, v);
	} else if (port == 0x61) {
		c = &m->channel[2];
		rises = (v & 1) && !c->gate;
		m->port_b = v & 15;
		c->gate = v & 1;
		if (rises && c->have_cr && c->mode != 0 && c->mode != 4)
			c->load = true;
		if (!c->gate && (c->mode == 2 || c->mode == 3))
			set_out(c, true);
	} else if (c->access == 1) {
		new_count(c, v);
	} else if (c->access == 2) {
		new_count(c, v << 8);
	} else if (c->half) {
		c->half = false;
		new_count(c, v << 8 | c->lsb);
	} else {
		c->half = true;
		c->lsb = v;
		if (c->mode == 0)
			set_out(c, false);
	}
}

u8 pitmodel_read(struct pitmodel *m, u16 port)
{
	struct pitmodel_channel *c = &m->channel[port & 3];
	u16 v;

	if (port == 0x61)
		return m->port_b | (m->tick / 18 & 1) << 4 | m->channel[2].out << 5;
	if (port == 0x43)
		return 0xff;
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	v = c->count_latched ? c->latch : shown(c);
	if (c->access == 2 || (c->access == 3 && c->second))
		v >>= 8;
	c->second = c->access == 3 && !c->second;
	if (!c->second)
		c->count_latched = false;
	return v;
}
