/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apic/ioapic.h"

/* Entries 0 to 23; version 20h has the EOI register. */
#define VERSION ((IOAPIC_PINS - 1) << 16 | 0x20)
#define ENTRY_READ_ONLY (IOAPIC_PENDING | IOAPIC_REMOTE_IRR)
#define ENTRY_BITS 0xff0000000001fffful

static unsigned mode(u64 entry)
{
	return entry >> 8 & 7;
}

/* Triggered by its level, and somebody will tell the end of it. */
static bool by_level(u64 entry)
{
	return (entry & IOAPIC_LEVEL) &&
	       (mode(entry) == DELIVER_FIXED || mode(entry) == DELIVER_LOWEST);
}

static void deliver(struct ioapic *io, unsigned pin)
{
	u64 *entry = &io->entry[pin];
	struct apic_message m = {
		.dest = *entry >> 56,
		.logical = *entry & IOAPIC_LOGICAL,
		.mode = mode(*entry),
		.vector = *entry & 0xff,
		.level = by_level(*entry),
	};

	switch (m.mode) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
	case DELIVER_SMI:
	case DELIVER_NMI:
	case DELIVER_INIT:
	case DELIVER_EXTINT:
		if (m.level)
			*entry |= IOAPIC_REMOTE_IRR;
		ioapic_send(io, &m);
	}
}

static void look_at_level(struct ioapic *io, unsigned pin)
{
	u64 entry = io->entry[pin];

	if (by_level(entry) && (io->lines & BIT(pin)) &&
	    !(entry & (IOAPIC_MASKED | IOAPIC_REMOTE_IRR)))
		deliver(io, pin);
}

void ioapic_reset(struct ioapic *io)
{
	*io = (struct ioapic){ 0 };
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		io->entry[pin] = IOAPIC_MASKED;
}

static u32 register_read(const struct ioapic *io, u8 index)
{
	unsigned pin = (index - IOAPIC_TABLE) / 2u;

	switch (index) {
	case IOAPIC_ID:
		return (u32)io->id << 24;
	case IOAPIC_VERSION:
		return VERSION;
	case IOAPIC_ARBITRATION:
		return (u32)io->arbitration << 24;
	}
	if (index < IOAPIC_TABLE || pin >= IOAPIC_PINS)
		return 0;
	return io->entry[pin] >> (index % 2 ? 32 : 0);
}

static void register_write(struct ioapic *io, u8 index, u32 value)
{
	unsigned pin = (index - IOAPIC_TABLE) / 2u;
	u64 entry;

	/* The data sheet: the arbitration register is loaded whenever the ID register is. */
	if (index == IOAPIC_ID)
		io->id = io->arbitration = value >> 24 & 0xf;
	if (index < IOAPIC_TABLE || pin >= IOAPIC_PINS)
		return;
	entry = io->entry[pin];
	if (index % 2)
		entry = (u32)entry | (u64)value << 32;
	else
		entry = (entry >> 32 << 32) | (value & ~ENTRY_READ_ONLY) |
			(entry & ENTRY_READ_ONLY);
	if (!by_level(entry))
		entry &= ~IOAPIC_REMOTE_IRR;
	io->entry[pin] = entry & ENTRY_BITS;
	look_at_level(io, pin);
}

u32 ioapic_read(const struct ioapic *io, u32 offset)
{
	switch (offset) {
	case IOAPIC_SELECT:
		return io->select;
	case IOAPIC_WINDOW:
		return register_read(io, io->select);
	}
	return 0;
}

void ioapic_write(struct ioapic *io, u32 offset, u32 value)
{
	switch (offset) {
	case IOAPIC_SELECT:
		io->select = value;
		break;
	case IOAPIC_WINDOW:
		register_write(io, io->select, value);
		break;
	case IOAPIC_EOI:
		ioapic_eoi(io, value);
		break;
	}
}

void ioapic_line(struct ioapic *io, unsigned pin, bool asserted)
{
	bool was;

	if (pin >= IOAPIC_PINS)
		return;
	was = io->lines & BIT(pin);
	io->lines = asserted ? io->lines | BIT(pin) : io->lines & ~BIT(pin);
	if (by_level(io->entry[pin]))
		look_at_level(io, pin);
	else if (asserted && !was && !(io->entry[pin] & IOAPIC_MASKED))
		deliver(io, pin);
}

void ioapic_eoi(struct ioapic *io, u8 vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 *entry = &io->entry[pin];

		if (!(*entry & IOAPIC_REMOTE_IRR) || (*entry & 0xff) != vector)
			continue;
		*entry &= ~IOAPIC_REMOTE_IRR;
		look_at_level(io, pin);
	}
}
