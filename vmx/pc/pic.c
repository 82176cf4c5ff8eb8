/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/pc/pic.h"

enum { MASTER, SLAVE };

#define ICW1 BIT(4)
#define ICW1_SINGLE BIT(1)
#define ICW1_ICW4 BIT(0)
#define ICW4_AUTO_EOI BIT(1)
#define ICW4_SPECIAL_NESTED BIT(4)
#define OCW3 BIT(3)
#define OCW3_SET_SPECIAL_MASK BIT(6)
#define OCW3_SPECIAL_MASK BIT(5)
#define OCW3_POLL BIT(2)
#define OCW3_READ BIT(1)
#define OCW3_READ_ISR BIT(0)

/* OCW2, bits 7:5. */
enum {
	OCW2_ROTATE_AUTO_OFF,
	OCW2_EOI,
	OCW2_NOTHING,
	OCW2_EOI_SPECIFIC,
	OCW2_ROTATE_AUTO,
	OCW2_ROTATE_EOI,
	OCW2_PRIORITY,
	OCW2_ROTATE_EOI_SPECIFIC,
};

/* Inputs that the board has as edge-triggered for good: 0 to 2; 8 and 13. */
static const u8 elcr_writable[2] = { 0xf8, 0xde };

#define POLL_REQUEST 0x80
#define SPURIOUS 7

/* The input with the highest priority of those in SET, or -1. */
static int highest(const struct pic_chip *c, u8 set)
{
	unsigned first = (c->lowest + 1) % 8;
	u8 in_order = set >> first | set << (8 - first);

	return in_order ? (int)(first + __builtin_ctz(in_order)) % 8 : -1;
}

/* How many inputs have a higher priority. */
static unsigned rank(const struct pic_chip *c, int input)
{
	return (unsigned)(input - c->lowest - 1) % 8;
}

/* The input that C asks for an interrupt for, or -1; IRR is what requests one. */
static int request(const struct pic_chip *c, u8 irr)
{
	int input = highest(c, irr & ~c->imr);
	int serving = highest(c, c->special_mask ? c->isr & ~c->imr : c->isr);

	if (!c->ready || input < 0)
		return -1;
	if (serving < 0 || rank(c, input) < rank(c, serving))
		return input;
	/* One request of the slave's may interrupt another: the slave knows which. */
	if (c->special_nested && input == PIC_CASCADE && serving == PIC_CASCADE)
		return input;
	return -1;
}

static u8 irr(const struct pic *p, unsigned chip)
{
	const struct pic_chip *c = &p->chip[chip];
	u8 set = (c->lines & c->levels) | c->edges;

	if (chip == MASTER && request(&p->chip[SLAVE], irr(p, SLAVE)) >= 0)
		set |= BIT(PIC_CASCADE);
	return set;
}

static int requested(const struct pic *p, unsigned chip)
{
	return request(&p->chip[chip], irr(p, chip));
}

static void serve(struct pic_chip *c, int input)
{
	c->edges &= ~BIT(input);
	if (!c->auto_eoi)
		c->isr |= BIT(input);
	else if (c->rotates)
		c->lowest = input;
}

/* The end of what has the highest priority in service. Special mask mode: but not of what is
 * masked. */
static int eoi(struct pic_chip *c)
{
	int input = highest(c, c->special_mask ? c->isr & ~c->imr : c->isr);

	if (input >= 0)
		c->isr &= ~BIT(input);
	return input;
}

static void ocw2(struct pic_chip *c, u8 value)
{
	int input = value & 7;

	switch (value >> 5) {
	case OCW2_ROTATE_AUTO_OFF:
	case OCW2_ROTATE_AUTO:
		c->rotates = value >> 5 == OCW2_ROTATE_AUTO;
		break;
	case OCW2_EOI:
		eoi(c);
		break;
	case OCW2_ROTATE_EOI:
		input = eoi(c);
		if (input >= 0)
			c->lowest = input;
		break;
	case OCW2_EOI_SPECIFIC:
		c->isr &= ~BIT(input);
		break;
	case OCW2_ROTATE_EOI_SPECIFIC:
		c->isr &= ~BIT(input);
		c->lowest = input;
		break;
	case OCW2_PRIORITY:
		c->lowest = input;
		break;
	case OCW2_NOTHING:
		break;
	}
}

static void ocw3(struct pic_chip *c, u8 value)
{
	if (value & OCW3_SET_SPECIAL_MASK)
		c->special_mask = value & OCW3_SPECIAL_MASK;
	if (value & OCW3_READ)
		c->reads_isr = value & OCW3_READ_ISR;
	c->polled = value & OCW3_POLL;
}

/* Forgets all but what the inputs are, and what the board and not the chip has: ELCR. */
static void icw1(struct pic_chip *c, u8 value)
{
	*c = (struct pic_chip){
		.lines = c->lines,
		.levels = c->levels,
		.lowest = 7,
		.expects = PIC_ICW2,
		.icw4_comes = value & ICW1_ICW4,
		.single = value & ICW1_SINGLE,
	};
}

static void data_write(struct pic_chip *c, u8 value)
{
	switch (c->expects) {
	case PIC_OCW1:
		c->imr = value;
		return;
	case PIC_ICW2:
		c->base = value & 0xf8;
		c->expects = c->single ? PIC_ICW4 : PIC_ICW3;
		break;
	case PIC_ICW3:
		c->expects = PIC_ICW4;
		break;
	case PIC_ICW4:
		c->auto_eoi = value & ICW4_AUTO_EOI;
		c->special_nested = value & ICW4_SPECIAL_NESTED;
		c->expects = PIC_OCW1;
		break;
	}
	if (c->expects == PIC_ICW4 && !c->icw4_comes)
		c->expects = PIC_OCW1;
	c->ready = c->expects == PIC_OCW1;
}

static u8 poll(struct pic *p, unsigned chip)
{
	int input = requested(p, chip);

	if (input < 0)
		return SPURIOUS;
	serve(&p->chip[chip], input);
	return POLL_REQUEST | input;
}

void pic_reset(struct pic *p)
{
	*p = (struct pic){ .chip = { { .lowest = 7 }, { .lowest = 7 } } };
}

u8 pic_read(struct pic *p, u16 port)
{
	unsigned chip = port == PIC_SLAVE_COMMAND || port == PIC_SLAVE_DATA;
	struct pic_chip *c = &p->chip[chip];

	switch (port) {
	case PIC_MASTER_COMMAND:
	case PIC_SLAVE_COMMAND:
	case PIC_MASTER_DATA:
	case PIC_SLAVE_DATA:
		if (c->polled) {
			c->polled = false;
			return poll(p, chip);
		}
		if (port & 1)
			return c->imr;
		return c->reads_isr ? c->isr : irr(p, chip);
	case PIC_MASTER_ELCR:
	case PIC_SLAVE_ELCR:
		return p->chip[port & 1].levels;
	}
	return 0xff;
}

void pic_write(struct pic *p, u16 port, u8 value)
{
	struct pic_chip *c = &p->chip[port == PIC_SLAVE_COMMAND || port == PIC_SLAVE_DATA];

	switch (port) {
	case PIC_MASTER_COMMAND:
	case PIC_SLAVE_COMMAND:
		if (value & ICW1)
			icw1(c, value);
		else if (value & OCW3)
			ocw3(c, value);
		else
			ocw2(c, value);
		break;
	case PIC_MASTER_DATA:
	case PIC_SLAVE_DATA:
		data_write(c, value);
		break;
	case PIC_MASTER_ELCR:
	case PIC_SLAVE_ELCR:
		c = &p->chip[port & 1];
		c->levels = value & elcr_writable[port & 1];
		c->edges &= ~c->levels;
		break;
	}
}

void pic_line(struct pic *p, unsigned irq, bool asserted)
{
	struct pic_chip *c = &p->chip[irq / 8 % 2];
	u8 bit = BIT(irq % 8);

	if (irq >= PIC_IRQS || irq == PIC_CASCADE)
		return;
	if (asserted && !(c->lines & bit))
		c->edges |= bit & ~c->levels;
	c->lines = asserted ? c->lines | bit : c->lines & ~bit;
}

bool pic_output(const struct pic *p)
{
	return requested(p, MASTER) >= 0;
}

int pic_acknowledge(struct pic *p)
{
	struct pic_chip *master = &p->chip[MASTER], *slave = &p->chip[SLAVE];
	int input = requested(p, MASTER), behind = requested(p, SLAVE);

	if (input < 0)
		return master->base + SPURIOUS;
	serve(master, input);
	if (input != PIC_CASCADE || master->single)
		return master->base + input;
	serve(slave, behind);
	return slave->base + behind;
}
