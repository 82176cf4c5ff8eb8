/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/apicmodel.h"

enum { TIMER, THERMAL, PERFMON, LINT0, LINT1, ERROR, LVTS };
#define MASKED 0x10000u
#define NEVER ~0ul
#define PERIOD_MIN 1000

struct model {
	bool present, x2, bsp, irr[256], isr[256], tmr[256], pin[2];
	u32 tpr, ldr, dfr, svr, esr, errors, icr, icr2, lvt[LVTS], initial, divide;
	bool away, counting, whole; /* whole: the host's timer goes by whole periods already */
	u64 since, count, deadline, fire_at;
	bool init, nmi, extint;
	int sipi; /* -1: none */
	unsigned ended;
};

static struct model models[APICS];
static unsigned turn, cpu_of[APICS];

#define SAME(i, what, is, should_be)                                                               \
	do {                                                                                       \
		u64 is_ = (is), should_ = (should_be);                                             \
		if (is_ != should_)                                                                \
			apicmodel_differs(what, i, is_, should_);                                  \
	} while (0)

/* ---- interrupts ---- */

static void local(struct model *m, unsigned entry);

static void error(struct model *m, u32 bits)
{
	bool first = m->errors == 0;

	m->errors |= bits;
	if (first)
		local(m, ERROR);
}

static void accept(struct model *m, u32 vector, bool level)
{
	if (vector < 16) {
		error(m, 0x40);
		return;
	}
	m->irr[vector] = true;
	m->tmr[vector] = level;
}

static void local(struct model *m, unsigned entry)
{
	if (!(m->lvt[entry] & MASKED))
		accept(m, m->lvt[entry] & 0xff, false);
}

static int highest(const bool *set)
{
	for (int v = 255; v >= 0; v--)
		if (set[v])
			return v;
	return -1;
}

static u32 ppr(const struct model *m)
{
	int serving = highest(m->isr);

	return serving >= 0 && (u32)serving / 16 > m->tpr / 16 ? (u32)serving / 16 * 16 : m->tpr;
}

/* ---- the timer ---- */

static u32 timer_mode(const struct model *m)
{
	return m->lvt[TIMER] >> 17 & 3;
}

static u64 ticks_per_count(const struct model *m)
{
	u32 d = m->divide;

	return d == 0xb ? 2 : 4ul << ((d & 3) | (d & 8) >> 1);
}

static u64 left(const struct model *m)
{
	return m->counting ? m->count - (apics_now - m->since) / ticks_per_count(m) : 0;
}

static void count_from(struct model *m, u64 count, bool whole)
{
	m->counting = count != 0;
	m->count = count;
	m->since = apics_now;
	m->whole = whole;
}

static u64 period(const struct model *m)
{
	return m->initial > 0 && m->initial < PERIOD_MIN ? PERIOD_MIN : m->initial;
}

static void aim(struct model *m)
{
	u64 counts = (m->deadline - apics_now) / 2 + 1;

	if (m->deadline <= apics_now) {
		m->deadline = 0;
		local(m, TIMER);
	} else {
		m->fire_at = counts > 0xffffffff ? NEVER : apics_now + 2 * counts;
	}
}

static void tick(struct model *m)
{
	if (m->away)
		return;
	if (m->deadline && apics_now >= m->fire_at) {
		m->deadline = 0;
		local(m, TIMER);
	}
	if (!m->counting || apics_now - m->since < m->count * ticks_per_count(m))
		return;
	local(m, TIMER);
	if (timer_mode(m) == 1)
		count_from(m, period(m), true);
	else
		m->counting = false;
}

static void write_timer_lvt(struct model *m, u32 value)
{
	u32 old = timer_mode(m), now;

	m->lvt[TIMER] = value;
	now = timer_mode(m);
	if (now == old)
		return;
	if (now >= 2 || old >= 2) {
		m->counting = false;
		m->initial = 0;
		m->deadline = 0;
	} else if (m->counting && now == 0 && m->whole) {
		count_from(m, left(m), false);
	} else {
		m->whole = false;
	}
}

static void write_deadline(struct model *m, u64 value)
{
	if (timer_mode(m) != 2)
		return;
	if (m->deadline && apics_now >= m->deadline)
		local(m, TIMER);
	m->deadline = value;
	if (value)
		aim(m);
}

static u64 read_deadline(struct model *m)
{
	if (m->deadline && apics_now >= m->deadline)
		aim(m);
	return m->deadline;
}

/* ---- messages ---- */

static void receive(unsigned i, int from, u32 mode, u32 vector, bool level)
{
	struct model *m = &models[i];

	if (mode <= 1 && m->svr & 0x100)
		accept(m, vector, level);
	if (mode == 4)
		m->nmi = true;
	if (mode == 5 && (int)i != from) {
		m->init = true;
		m->nmi = m->extint = false;
		m->sipi = -1;
	}
	if (mode == 6 && (int)i != from)
		m->sipi = (int)vector;
	if (mode == 7)
		m->extint = true;
}

static bool matches(const struct model *m, u32 id, u32 dest, bool logical, u32 everybody)
{
	u32 address = m->ldr >> 24;

	if (dest == everybody)
		return true;
	if (!logical)
		return dest == id;
	if (m->x2) /* 16 clusters of 16 and more */
		return dest / 65536 == id / 16 && dest >> id % 16 & 1;
	if (dest > 255)
		return false;
	if (m->dfr >= 0xf0000000)
		return dest & address;
	return (dest / 16 == 15 || dest / 16 == address / 16) && dest & address & 15;
}

/* TO: a flag for each APIC. */
static void deliver(const bool *to, int from, u32 mode, u32 vector, bool level)
{
	u32 best = 16, chosen = APICS;

	for (unsigned i = 0; mode != 1 && i < APICS; i++)
		if (to[i] && models[i].present)
			receive(i, from, mode, vector, level);
	for (unsigned k = 0; mode == 1 && k < APICS; k++) {
		unsigned i = (turn + k) % APICS;

		if (to[i] && models[i].present && models[i].svr & 0x100 &&
		    models[i].tpr / 16 < best) {
			best = models[i].tpr / 16;
			chosen = i;
		}
	}
	if (chosen < APICS) {
		turn = chosen + 1;
		receive(chosen, from, mode, vector, level);
	}
}

static void message(int from, u32 dest, bool logical, u32 everybody, u32 mode, u32 vector,
		    bool level)
{
	bool to[APICS];

	for (unsigned i = 0; i < APICS; i++)
		to[i] = matches(&models[i], i, dest, logical, everybody);
	deliver(to, from, mode, vector, level);
}

static void command(unsigned i, u32 icr, u32 dest)
{
	u32 mode = icr >> 8 & 7, vector = icr & 0xff, to_whom = icr >> 18 & 3;
	bool to[APICS];

	if (mode == 7 || (mode == 5 && (icr & 0xc000) == 0x8000))
		return;
	if (mode < 2 && vector < 16) {
		error(&models[i], to_whom == 1 ? 0x60 : 0x20);
		return;
	}
	for (unsigned k = 0; k < APICS; k++)
		to[k] = to_whom == 2 || (to_whom == 1) == (k == i);
	if (to_whom)
		deliver(to, (int)i, mode, vector, false);
	else
		message((int)i, dest, icr & 0x800, models[i].x2 ? ~0u : 0xff, mode, vector, false);
}

static void pin(struct model *m, unsigned n, bool asserted)
{
	bool rises = asserted && !m->pin[n];
	u32 lvt = m->lvt[LINT0 + n], mode = lvt >> 8 & 7;

	m->pin[n] = asserted;
	if (!rises)
		return;
	if (!m->present)
		m->nmi |= n == 1;
	else if (!(lvt & MASKED) && mode == 0)
		accept(m, lvt & 0xff, false);
	else if (!(lvt & MASKED) && mode == 4)
		m->nmi = true;
}

/* ---- registers ---- */

static void reset(struct model *m)
{
	m->tpr = m->ldr = m->esr = m->errors = m->icr = m->icr2 = 0;
	m->dfr = 0xffffffff;
	m->svr = 0xff;
	m->initial = m->divide = 0;
	m->counting = false;
	m->deadline = 0;
	for (unsigned i = 0; i < LVTS; i++)
		m->lvt[i] = MASKED;
	memset(m->irr, 0, sizeof(m->irr));
	memset(m->isr, 0, sizeof(m->isr));
	memset(m->tmr, 0, sizeof(m->tmr));
}

static u32 flags(const bool *set, u32 word)
{
	u32 value = 0;

	for (unsigned bit = 0; bit < 32; bit++)
		value |= (u32)set[32 * word + bit] << bit;
	return value;
}

/* What the register reads as in the mode that M is in; false: there is none. */
static bool look(unsigned i, u32 reg, u64 *value)
{
	const struct model *m = &models[i];
	u32 word = reg / 16 % 8;

	switch (reg) {
	case 0x20:
		*value = m->x2 ? i : i << 24;
		return true;
	case 0x30:
		*value = 0x50014;
		return true;
	case 0x80:
		*value = m->tpr;
		return true;
	case 0x90:
	case 0xb0:
	case 0xc0:
		*value = 0;
		return !m->x2;
	case 0xa0:
		*value = ppr(m);
		return true;
	case 0xd0:
		*value = m->x2 ? (i / 16) << 16 | 1u << i % 16 : m->ldr;
		return true;
	case 0xe0:
		*value = m->dfr;
		return !m->x2;
	case 0xf0:
		*value = m->svr;
		return true;
	case 0x100 ... 0x170:
		*value = flags(m->isr, word);
		return true;
	case 0x180 ... 0x1f0:
		*value = flags(m->tmr, word);
		return true;
	case 0x200 ... 0x270:
		*value = flags(m->irr, word);
		return true;
	case 0x280:
		*value = m->esr;
		return true;
	case 0x300:
		*value = m->x2 ? (u64)m->icr2 << 32 | m->icr : m->icr;
		return true;
	case 0x310:
		*value = m->icr2;
		return !m->x2;
	case 0x320 ... 0x370:
		*value = m->lvt[reg / 16 - 0x32];
		return true;
	case 0x380:
		*value = m->initial;
		return true;
	case 0x390:
		*value = left(m);
		return true;
	case 0x3e0:
		*value = m->divide;
		return true;
	}
	return false;
}

/* Which bits can be set, by the mode-independent part of both modes' rules. */
static u32 settable(u32 reg)
{
	static const u32 lvts[LVTS] = { 0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff };

	return reg == 0x80		      ? 0xff
	       : reg == 0xf0		      ? 0x1ff
	       : reg == 0x300		      ? 0xccfff
	       : reg == 0x3e0		      ? 0xb
	       : reg >= 0x320 && reg <= 0x370 ? lvts[reg / 16 - 0x32]
	       : reg == 0x380		      ? ~0u
					      : 0;
}

static void end(unsigned i)
{
	int v = highest(models[i].isr);

	if (v < 0)
		return;
	models[i].isr[v] = false;
	if (models[i].tmr[v])
		models[i].ended = (unsigned)v;
}

/* What both modes do alike. */
static void write(unsigned i, u32 reg, u32 value)
{
	struct model *m = &models[i];
	u32 kept = value & settable(reg), entry = reg / 16 - 0x32;

	switch (reg) {
	case 0x80:
		m->tpr = kept;
		break;
	case 0xb0:
		end(i);
		break;
	case 0xf0:
		m->svr = kept;
		for (unsigned k = 0; k < LVTS; k++)
			m->lvt[k] |= kept & 0x100 ? 0 : MASKED;
		break;
	case 0x280:
		m->esr = m->errors;
		m->errors = 0;
		break;
	case 0x300:
		m->icr = kept;
		command(i, value, m->x2 ? m->icr2 : m->icr2 >> 24);
		break;
	case 0x320 ... 0x370:
		kept |= m->svr & 0x100 ? 0 : MASKED;
		if (entry == TIMER)
			write_timer_lvt(m, kept);
		else
			m->lvt[entry] = kept;
		break;
	case 0x380:
		if (timer_mode(m) >= 2)
			break;
		m->initial = value;
		count_from(m, timer_mode(m) ? period(m) : value, timer_mode(m) == 1);
		break;
	case 0x3e0:
		if (kept != m->divide && m->counting) {
			u64 rest = left(m);

			m->divide = kept;
			count_from(m, rest, false);
		}
		m->divide = kept;
		break;
	}
}

static void write_xapic(unsigned i, u32 reg, u32 value)
{
	struct model *m = &models[i];
	u64 unused;

	if (reg == 0xd0)
		m->ldr = value & 0xff000000;
	else if (reg == 0xe0)
		m->dfr = value | 0x0fffffff;
	else if (reg == 0x310)
		m->icr2 = value & 0xff000000;
	else if (!look(i, reg, &unused))
		error(m, 0x80);
	else
		write(i, reg, value);
}

/* False: #GP. */
static bool write_x2apic(unsigned i, u32 reg, u64 value)
{
	u64 ok = settable(reg);

	if (reg == 0x3f0) {
		if (value > 0xff)
			return false;
		command(i, (u32)value | 1u << 18, 0);
		return true;
	}
	if (reg == 0xf0)
		ok |= 0x200; /* focus checking */
	else if (reg == 0x300)
		ok |= 0xffffffff00001000;
	else if (reg >= 0x320 && reg <= 0x370)
		ok |= 0x5000; /* what is read-only there */
	else if (reg == 0xb0 || reg == 0x280)
		ok = 0;
	else if (!ok)
		return false;
	if (value & ~ok)
		return false;
	if (reg == 0x300)
		models[i].icr2 = value >> 32;
	write(i, reg, (u32)value);
	return true;
}

static bool write_base(struct model *m, u64 value)
{
	bool present = value & 0x800, x2 = value & 0x400;

	if ((value & ~0xd00ul) != 0xfee00000 || (x2 && !present) || (m->x2 && present && !x2) ||
	    (!m->present && x2))
		return false;
	m->bsp = value & 0x100;
	if (present == m->present && x2 == m->x2)
		return true;
	m->present = present;
	m->x2 = x2;
	if (x2)
		m->icr2 = m->ldr = 0;
	else
		reset(m);
	return true;
}

/* ---- both ---- */

void apicmodel_start(void)
{
	void *none = NULL;

	apics_setup(&none);
	turn = 0;
	for (unsigned i = 0; i < APICS; i++) {
		models[i] = (struct model){ .present = true, .bsp = i == 0, .sipi = -1 };
		reset(&models[i]);
		models[i].svr = 0x1ff;
		cpu_of[i] = i;
	}
}

static u32 startup(const struct model *m)
{
	return (m->init ? STARTUP_INIT : 0) | (m->nmi ? STARTUP_NMI : 0) |
	       (m->extint ? STARTUP_EXTINT : 0) | (m->sipi >= 0 ? STARTUP_SIPI | (u32)m->sipi : 0);
}

static void compare(unsigned i)
{
	const struct model *m = &models[i];
	bool extint = m->present ? (m->lvt[LINT0] & (MASKED | 0x700)) == 0x700 : m->bsp;
	char what[] = "register 000";
	u64 value, is;

	apics_cpu = cpu_of[i];
	SAME(i, "highest", (u64)vlapic_pending(&apics[i]), (u64)highest(m->irr));
	vlapic_rdmsr(&apics[i], MSR_APIC_BASE, &is);
	SAME(i, "base", is, 0xfee00000 | m->present << 11 | m->x2 << 10 | m->bsp << 8);
	SAME(i, "PPR", vlapic_ppr(&apics[i]), ppr(m));
	SAME(i, "startup", apics[i].startup & (startup(m) & STARTUP_SIPI ? ~0u : ~0xffu),
	     startup(m));
	SAME(i, "the PIC's", vlapic_takes_extint(&apics[i]), extint);
	SAME(i, "ended", ended[i], m->ended);
	for (u32 reg = 0; m->present && reg < 0x400; reg += 16) {
		what[9] = "0123"[reg >> 8];
		what[10] = "0123456789abcdef"[reg >> 4 & 15];
		if (m->x2) {
			bool there = look(i, reg, &value);

			SAME(i, what, vlapic_rdmsr(&apics[i], MSR_X2APIC + reg / 16, &is) == 0,
			     there);
			if (there)
				SAME(i, what, is, value);
		} else if (look(i, reg, &value)) {
			SAME(i, what, vlapic_read(&apics[i], reg), value);
			/* and by the processor itself */
			if (reg != 0xa0 && reg != 0x390)
				SAME(i, what, vlapic_get(&apics[i], reg), value);
		}
	}
}

static void advance(u64 until)
{
	for (;;) {
		u64 next = NEVER;

		for (unsigned i = 0; i < APICS; i++)
			next = MIN(next, apics_timer_next(i));
		apics_now = MIN(next, until);
		for (unsigned i = 0; i < APICS; i++) {
			apics_cpu = cpu_of[i];
			if (apics_timer_due(cpu_of[i]))
				vlapic_timer(&apics[i]);
			tick(&models[i]);
		}
		if (next > until)
			return;
	}
}

static void swap(unsigned a, unsigned b, u64 away)
{
	unsigned both[] = { a, b }, cpu = cpu_of[a];

	for (unsigned k = 0; k < 2; k++) {
		apics_cpu = cpu_of[both[k]];
		vlapic_suspend(&apics[both[k]]);
		models[both[k]].count = left(&models[both[k]]);
		models[both[k]].away = true;
	}
	cpu_of[a] = cpu_of[b];
	cpu_of[b] = cpu;
	advance(apics_now + away);
	for (unsigned k = 0; k < 2; k++) {
		struct model *m = &models[both[k]];
		u64 passed = away / ticks_per_count(m);

		apics_cpu = cpu_of[both[k]];
		vlapic_resume(&apics[both[k]]);
		m->away = false;
		if (m->counting)
			count_from(m, m->count > passed ? m->count - passed : 1, false);
		if (m->deadline)
			aim(m);
	}
}

/* As vmx/vcpu.c does. */
static void start_up(unsigned i)
{
	apics[i].startup = 0;
	if (models[i].init) {
		vlapic_reset(&apics[i]);
		reset(&models[i]);
	}
	models[i].init = models[i].nmi = models[i].extint = false;
	models[i].sipi = -1;
}

static void take_highest(unsigned i)
{
	struct model *m = &models[i];
	int v = vlapic_pending(&apics[i]);

	if (v < 0 || v / 16 <= (int)vlapic_ppr(&apics[i]) / 16)
		return;
	SAME(i, "taken", (u64)v, (u64)highest(m->irr));
	vlapic_accept(&apics[i], (unsigned)v);
	m->irr[v] = false;
	m->isr[v] = true;
}

static void read_one(unsigned i, u32 reg)
{
	u64 value = 0, is = 0;
	bool there = look(i, reg, &value);

	if (models[i].present && !models[i].x2) {
		SAME(i, "read", vlapic_read(&apics[i], reg), there ? value : 0);
		if (!there)
			error(&models[i], 0x80);
		return;
	}
	there = there && models[i].x2;
	SAME(i, "RDMSR", (u64)vlapic_rdmsr(&apics[i], MSR_X2APIC + reg / 16, &is),
	     there ? 0 : (u64)-EINVAL);
	SAME(i, "RDMSR", is, there ? value : 0);
}

static void write_one(unsigned i, u32 reg, u64 value)
{
	if (models[i].present && !models[i].x2) {
		vlapic_write(&apics[i], reg, (u32)value);
		write_xapic(i, reg, (u32)value);
		return;
	}
	SAME(i, "WRMSR", vlapic_wrmsr(&apics[i], MSR_X2APIC + reg / 16, value) >= 0,
	     models[i].x2 && write_x2apic(i, reg, value));
}

static void message_to_both(const u8 *op)
{
	struct apic_message m = { .dest = op[2] & 0x80 ? 0xff : op[2] & 0xf,
				  .logical = op[3] & 8,
				  .mode = op[3] & 7,
				  .vector = op[4],
				  .level = op[3] & 16 };

	vlapic_message(apics[0].peers, APICS, NULL, &m);
	message(-1, m.dest, m.logical, 0xff, m.mode, m.vector, m.level);
}

static void base_and_deadline(unsigned i, const u8 *op)
{
	static const u64 bases[8] = { 0xfee00100, 0xfee00800, 0xfee00900, 0xfee00c00,
				      0xfee00d00, 0xfee00400, 0xfed00900, 0xfee00b00 };
	u64 value = op[3] & 1 ? apics_now + ((u64)op[4] << (op[5] & 31)) : op[4], is;

	switch (op[2] & 3) {
	case 0:
		SAME(i, "WRMSR of base",
		     vlapic_wrmsr(&apics[i], MSR_APIC_BASE, bases[op[3] & 7]) >= 0,
		     write_base(&models[i], bases[op[3] & 7]));
		break;
	case 1:
	case 2:
		SAME(i, "WRMSR of deadline", vlapic_wrmsr(&apics[i], MSR_TSC_DEADLINE, value) >= 0,
		     1);
		write_deadline(&models[i], value);
		break;
	default:
		SAME(i, "deadline", (u64)vlapic_rdmsr(&apics[i], MSR_TSC_DEADLINE, &is), 0);
		SAME(i, "deadline", is, read_deadline(&models[i]));
	}
}

void apicmodel_step(const u8 *op)
{
	static const u16 often[8] = { 0x320, 0x320, 0x380, 0x3e0, 0x300, 0x80, 0xf0, 0xb0 };
	unsigned i = op[1] % APICS;
	u32 reg = op[2] & 0x80 ? often[op[2] & 7] : (op[2] & 0x3f) * 16;
	u64 value = op[3] | op[4] << 8 | op[5] << 16 | (u64)op[6] << 24;

	/* Often a value that is legal in x2APIC mode; there the ICR's destination, and what must
	 * be 0 elsewhere, is above. */
	if (op[7] & 3)
		value &= reg == 0x280 || reg == 0xb0 ? 0
			 : reg == 0x380		     ? 0xffff
						     : settable(reg) | 0xff;
	if (op[7] & 4)
		value = reg == 0xf0 ? value | 0x100 : value & ~0x10000ull;
	if (op[7] & 0x80)
		value |= (u64)(op[7] & 0x40 ? ~0u : op[6]) << 32;
	apics_cpu = cpu_of[i];
	switch (op[0] & 15) {
	case 0 ... 1:
		read_one(i, reg);
		break;
	case 2 ... 6:
		write_one(i, reg, value);
		break;
	case 7:
		base_and_deadline(i, op);
		break;
	case 8:
		message_to_both(op);
		break;
	case 9:
		vlapic_lint(&apics[i], op[2] & 1, op[2] & 2);
		pin(&models[i], op[2] & 1, op[2] & 2);
		break;
	case 10 ... 11:
		advance(apics_now + (value & 0xffff));
		break;
	case 12 ... 13:
		take_highest(i);
		break;
	case 14:
		swap(i, (i + 1 + op[2] % (APICS - 1)) % APICS, value & 0x3fff);
		break;
	case 15:
		start_up(i);
		break;
	}
	for (i = 0; i < APICS; i++)
		compare(i);
}
