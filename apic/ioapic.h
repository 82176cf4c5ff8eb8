/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The I/O APIC that a guest sees: registers and behaviour of Intel's 82093AA, with the EOI register
 * that chipsets have added since (version 20h). A state machine without a lock: the caller
 * serializes. Nothing here waits or repeats: a call sends at most one message for each pin.
 */
#ifndef APIC_IOAPIC_H
#define APIC_IOAPIC_H

#include "apic/message.h"

#define IOAPIC_GPA 0xfec00000ul
#define IOAPIC_PINS 24

/* What is mapped at IOAPIC_GPA; 32 bits each. */
enum {
	IOAPIC_SELECT = 0x00, /* IOREGSEL: the index of the register that IOWIN shows */
	IOAPIC_WINDOW = 0x10, /* IOWIN */
	IOAPIC_EOI = 0x40,    /* write-only: a vector */
};

/* Indexes. From IOAPIC_TABLE on: two for each pin, bits 31:0 of its entry, then 63:32. */
enum {
	IOAPIC_ID = 0x00,
	IOAPIC_VERSION = 0x01,
	IOAPIC_ARBITRATION = 0x02,
	IOAPIC_TABLE = 0x10,
};

/* A redirection table entry: vector 7:0, delivery mode 10:8, destination 63:56. */
#define IOAPIC_LOGICAL BIT(11)
#define IOAPIC_PENDING BIT(12) /* delivery status; read-only, always 0: a message leaves at once */
#define IOAPIC_LOW BIT(13)     /* polarity; kept, has no effect */
#define IOAPIC_REMOTE_IRR BIT(14) /* read-only */
#define IOAPIC_LEVEL BIT(15)
#define IOAPIC_MASKED BIT(16)

struct ioapic {
	u64 entry[IOAPIC_PINS];
	u32 lines; /* a bit for each pin that is asserted */
	u8 select;
	u8 id, arbitration; /* 4 bits */
};

/* As after power-on: all pins masked and not asserted. */
void ioapic_reset(struct ioapic *io);

/*
 * A guest's 32-bit access at OFFSET, 0 to fffh. What is no register reads as 0 and ignores writes.
 * A write may send: a level-triggered pin that is asserted and is unmasked by it. An entry that is
 * made edge-triggered loses its remote IRR, as in hardware: that is how a guest gets rid of one
 * whose EOI went astray.
 */
u32 ioapic_read(const struct ioapic *io, u32 offset);
void ioapic_write(struct ioapic *io, u32 offset, u32 value);

/*
 * The device at PIN asserts its line, or no longer does; pins that do not exist are ignored. It is
 * ASSERTED that counts, not a voltage: the polarity that the guest programs always fits (KVM:
 * 100943c54e09). By the data sheet an edge on a masked pin is lost, while a level is looked at
 * again when the pin is unmasked. NMI, SMI, INIT and ExtINT count as edge-triggered however they
 * are programmed: nobody would send an EOI for them. The delivery modes 3 and 6 are reserved and
 * send nothing.
 */
void ioapic_line(struct ioapic *io, unsigned pin, bool asserted);

/*
 * A local APIC tells the end of the level-triggered interrupt VECTOR. Each pin with this vector and
 * remote IRR may send again, and does at once if it is still asserted and not masked: a guest that
 * never quiets its device gets no rest, which the caller may want to pace.
 */
void ioapic_eoi(struct ioapic *io, u8 vector);

/* What vmx/ defines: M goes to the local APICs. It must not call back. */
void ioapic_send(struct ioapic *io, const struct apic_message *m);

#endif
