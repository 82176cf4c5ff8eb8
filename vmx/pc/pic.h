/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pair of 8259A interrupt controllers that a guest sees, as a PC wires them: the slave's INT is
 * the master's input 2. By Intel's data sheet of the 8259A, and for ELCR by that of the PIIX3. A
 * state machine without a lock: the caller serializes.
 */
#ifndef VMX_PC_PIC_H
#define VMX_PC_PIC_H

#include "mm/types.h"

enum {
	PIC_MASTER_COMMAND = 0x20,
	PIC_MASTER_DATA = 0x21,
	PIC_SLAVE_COMMAND = 0xa0,
	PIC_SLAVE_DATA = 0xa1,
	PIC_MASTER_ELCR = 0x4d0, /* a bit for each input that is level-triggered */
	PIC_SLAVE_ELCR = 0x4d1,
};

#define PIC_IRQS 16
#define PIC_CASCADE 2 /* the master's input that has the slave */

/* What the next write to the data port is. */
enum pic_expects { PIC_OCW1, PIC_ICW2, PIC_ICW3, PIC_ICW4 };

struct pic_chip {
	u8 lines;  /* inputs that are asserted */
	u8 edges;  /* requests of edge-triggered inputs that were not acknowledged */
	u8 levels; /* ELCR */
	u8 imr, isr;
	u8 base;   /* vector of input 0 */
	u8 lowest; /* the input with the lowest priority; the one after it has the highest */
	enum pic_expects expects;
	bool ready; /* has had its initialization words: before, it has no output */
	bool icw4_comes, single;
	bool auto_eoi, rotates; /* rotates: at each automatic EOI */
	bool special_mask, special_nested;
	bool reads_isr; /* the command port shows the ISR, not the IRR */
	bool polled;	/* the next read is an acknowledgement */
};

struct pic {
	struct pic_chip chip[2]; /* master, slave */
};

/* As after power-on: no output until the guest has initialized the chips; nothing asserted. */
void pic_reset(struct pic *p);

/*
 * A guest's access to one of the ports above; other ports read as ones and ignore writes. What the
 * data sheet has for other boards is taken and has no effect: buffered mode, the 8080's mode, which
 * input has a slave, ICW1's level-triggered bit (ELCR is in its place).
 */
u8 pic_read(struct pic *p, u16 port);
void pic_write(struct pic *p, u16 port, u8 value);

/*
 * The device at IRQ, 0 to 15, asserts its line, or no longer does; others are ignored, and so is 2,
 * which no device has. An edge is remembered until it is acknowledged, masked or not, also when the
 * line falls meanwhile (the data sheet wants it high until then; a pulse, as KVM's timer gives, may
 * be enough here).
 */
void pic_line(struct pic *p, unsigned irq, bool asserted);

/* INTR: the master asks the processor for an interrupt. */
bool pic_output(const struct pic *p);

/*
 * INTA: the vector, of which the chips now take it that it is in service. When the request has gone
 * meanwhile, it is the spurious one, input 7 of the master, and nothing is in service. The slave's
 * input 7 is never spurious: a request that goes takes the slave's INT, and so the master's input,
 * along with it at once.
 */
int pic_acknowledge(struct pic *p);

#endif
