/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/pc/counter.h"

#define STATUS_OUT BIT(7)
#define STATUS_NULL BIT(6) /* what was written is not being counted down yet */

static unsigned mode_of(const struct counter *c)
{
	unsigned mode = PIT_CONTROL_MODE(c->control);

	return mode > PIT_HARD_STROBE ? mode - 4 : mode; /* 6 and 7 are 2 and 3 */
}

static bool periodic(const struct counter *c)
{
	return mode_of(c) == PIT_RATE || mode_of(c) == PIT_SQUARE;
}

/* Counts once the gate rises, then whatever the gate is. */
static bool triggered(const struct counter *c)
{
	return mode_of(c) == PIT_ONE_SHOT || mode_of(c) == PIT_HARD_STROBE;
}

/* For how long OUT is high in each period. */
static u32 high_part(const struct counter *c)
{
	return mode_of(c) == PIT_SQUARE ? (c->count + 1) / 2 : c->count - 1;
}

/* Ticks since the load; negative before it. */
static int64_t elapsed(const struct counter *c, u64 tick)
{
	return (int64_t)(MIN(tick, c->stop) - c->start);
}

static bool level(const struct counter *c, u64 e)
{
	switch (mode_of(c)) {
	case PIT_RATE:
	case PIT_SQUARE:
		return c->count == 1 || e % c->count < high_part(c);
	case PIT_SOFT_STROBE:
	case PIT_HARD_STROBE:
		return e != c->count;
	}
	return e >= c->count;
}

bool counter_out(const struct counter *c, u64 tick)
{
	if (mode_of(c) == PIT_TERMINAL_COUNT && (c->write_msb || !c->running))
		return false;
	if (!c->running || (periodic(c) && tick >= c->stop))
		return true;
	return elapsed(c, tick) < 0 ? c->before : level(c, elapsed(c, tick));
}

/* Rising edges from the load, that tick included, to TICK. */
static u64 rises(const struct counter *c, u64 tick)
{
	int64_t e = elapsed(c, tick);

	if (!c->running || e < 0)
		return 0;
	if (periodic(c))
		return c->count == 1 ? 0 : (u64)e / c->count;
	if (mode_of(c) == PIT_SOFT_STROBE || mode_of(c) == PIT_HARD_STROBE)
		return !c->before + (e > c->count); /* a strobe may be cut short by the load */
	return e >= c->count;
}

static void account(struct counter *c, u64 tick)
{
	u64 n = rises(c, tick);

	if (n > c->seen) {
		c->edges += n - c->seen;
		c->seen = n;
	}
}

/* When a count that is written at TICK takes over: at the end of the period, or half-period. */
static u64 reload_tick(const struct counter *c, u64 tick)
{
	u64 e = elapsed(c, tick), phase = e % c->count;

	if (mode_of(c) == PIT_SQUARE && phase < high_part(c))
		return c->start + e - phase + high_part(c);
	return c->start + e - phase + c->count;
}

void counter_settle(struct counter *c, u64 tick)
{
	bool half;

	if (c->running && c->fresh && periodic(c) && MIN(tick, c->stop) >= c->reload) {
		account(c, c->reload);
		half = (c->reload - c->start) % c->count;
		c->count = c->written;
		c->fresh = false;
		/* From the middle of a period on: as if it had begun with the new count, which
		 * may be before the guest's start; only differences matter. */
		c->start = c->reload - (half ? high_part(c) : 0);
		c->seen = 0;
	}
	account(c, tick);
}

/* The count is loaded by the next tick, whatever the gate is. BEFORE is OUT until then. */
static void load(struct counter *c, bool gate, bool before, u64 tick)
{
	c->count = c->written;
	c->fresh = false;
	c->running = true;
	c->before = before;
	c->start = tick + 1;
	c->stop = gate || triggered(c) ? COUNTER_NEVER : c->start;
	c->seen = 0;
}

/* The gate, or half a count, ends the counting; not the load that the next tick brings. */
static void halt(struct counter *c, u64 tick)
{
	c->stop = MIN(c->stop, elapsed(c, tick) < 0 ? c->start : tick);
}

static u32 from_bcd(u16 v)
{
	return (v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

static u16 to_bcd(u32 v)
{
	return v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
}

static u16 counter(const struct counter *c, u64 tick)
{
	u32 wrap = c->control & PIT_CONTROL_BCD ? 10000 : 0x10000, left;
	u64 e = MAX(elapsed(c, tick), 0);

	if (!c->running)
		return 0;
	if (mode_of(c) == PIT_SQUARE) {
		e %= c->count;
		left = (c->count & ~1u) - 2 * (e < high_part(c) ? e : e - high_part(c));
	} else {
		left = c->count + wrap - e % (mode_of(c) == PIT_RATE ? c->count : wrap);
	}
	left %= wrap;
	return c->control & PIT_CONTROL_BCD ? to_bcd(left) : left;
}

static u8 status(const struct counter *c, u64 tick)
{
	bool null = !c->running || c->fresh || elapsed(c, tick) < 0;

	return c->control | (counter_out(c, tick) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0);
}

static void count_write(struct counter *c, bool gate, u16 value, u64 tick)
{
	bool loading = c->running && elapsed(c, tick) < 0, before = counter_out(c, tick);

	c->written = c->control & PIT_CONTROL_BCD ? from_bcd(value) : value;
	if (!c->written)
		c->written = c->control & PIT_CONTROL_BCD ? 10000 : 0x10000;
	c->fresh = true;
	if (triggered(c)) {
		/* Waits for the gate to rise; if it just has, this is what the tick loads. */
		if (loading)
			load(c, gate, before, tick);
	} else if (periodic(c) && c->running && !loading) {
		c->reload = reload_tick(c, tick);
	} else {
		load(c, gate, before && mode_of(c) != PIT_TERMINAL_COUNT, tick);
	}
}

void counter_write(struct counter *c, bool gate, u8 value, u64 tick)
{
	switch (PIT_CONTROL_ACCESS(c->control)) {
	case PIT_ACCESS_LSB:
		count_write(c, gate, value, tick);
		return;
	case PIT_ACCESS_MSB:
		count_write(c, gate, value << 8, tick);
		return;
	}
	c->write_msb = !c->write_msb;
	if (!c->write_msb)
		count_write(c, gate, value << 8 | c->lsb, tick);
	else if (mode_of(c) == PIT_TERMINAL_COUNT)
		halt(c, tick);
	if (c->write_msb)
		c->lsb = value;
}

u8 counter_read(struct counter *c, u64 tick)
{
	u16 count = c->count_latched ? c->latched_count : counter(c, tick);
	unsigned access = PIT_CONTROL_ACCESS(c->control);
	bool msb = access == PIT_ACCESS_MSB || c->read_msb;

	if (c->status_latched) {
		c->status_latched = false;
		return c->latched_status;
	}
	if (access == PIT_ACCESS_BOTH)
		c->read_msb = !c->read_msb;
	if (!c->read_msb)
		c->count_latched = false;
	return msb ? count >> 8 : count;
}

void counter_latch(struct counter *c, bool count, bool state, u64 tick)
{
	if (count && !c->count_latched)
		c->latched_count = counter(c, tick);
	if (state && !c->status_latched)
		c->latched_status = status(c, tick);
	c->count_latched |= count;
	c->status_latched |= state;
}

void counter_gate(struct counter *c, bool gate, u64 tick)
{
	if (triggered(c)) {
		if (gate && c->written)
			load(c, true, counter_out(c, tick), tick);
	} else if (!gate) {
		halt(c, tick);
	} else if (periodic(c)) {
		c->stop = COUNTER_NEVER;
		if (c->written)
			load(c, true, true, tick);
	} else if (!c->write_msb || mode_of(c) != PIT_TERMINAL_COUNT) {
		if (c->stop < tick)
			c->start += tick - c->stop;
		c->stop = COUNTER_NEVER;
	}
}

void counter_control(struct counter *c, u8 control)
{
	*c = (struct counter){
		.control = control & PIT_CONTROL_KEPT,
		.stop = COUNTER_NEVER,
		.edges = c->edges,
	};
}

/* The first rising edge after TICK if no other count takes over, or COUNTER_NEVER. */
static u64 next_rise(const struct counter *c, u64 tick)
{
	int64_t e = elapsed(c, tick);

	if (!c->running || c->stop != COUNTER_NEVER)
		return COUNTER_NEVER;
	if (periodic(c)) {
		if (c->count == 1)
			return COUNTER_NEVER;
		return c->start + (e < 0 ? 1 : (u64)e / c->count + 1) * c->count;
	}
	if (mode_of(c) == PIT_SOFT_STROBE || mode_of(c) == PIT_HARD_STROBE) {
		if (e < 0 && !c->before)
			return c->start;
		return e > c->count ? COUNTER_NEVER : c->start + c->count + 1;
	}
	return e >= c->count ? COUNTER_NEVER : c->start + c->count;
}

u64 counter_next(const struct counter *from, u64 tick)
{
	struct counter c = *from;
	u64 next = next_rise(&c, tick);

	if (!c.fresh || !periodic(&c) || next <= c.reload)
		return next;
	tick = c.reload;
	counter_settle(&c, tick);
	return next_rise(&c, tick);
}
