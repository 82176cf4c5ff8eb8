/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt controllers and the timer that a guest sees, wired as in a PC: whatever is written
 * to them and whenever, they stay inside their structures, and what they say hangs together.
 * links: apic/ioapic.c vmx/pc/pic.c vmx/pc/pit.c vmx/pc/counter.c
 */
#include <stdlib.h>

#include "apic/ioapic.h"
#include "vmx/pc/pic.h"
#include "vmx/pc/pit.h"

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static struct ioapic io;
static struct pic pic;
static struct pit pit;
static unsigned sent;
static u64 now;

void ioapic_send(struct ioapic *from, const struct apic_message *m)
{
	u64 waits = 0;

	MUST(from == &io);
	MUST(m->dest < 256 && m->mode < 8 && m->mode != 3 && m->mode != DELIVER_SIPI);
	MUST(!m->level || m->mode <= DELIVER_LOWEST);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		if ((io.entry[pin] & 0xff) == m->vector)
			waits |= io.entry[pin] & IOAPIC_REMOTE_IRR;
	MUST(!m->level || waits);
	sent++;
}

static void line(unsigned irq, bool asserted)
{
	pic_line(&pic, irq, asserted);
	ioapic_line(&io, irq == 0 ? 2 : irq, asserted);
}

static void time_passes(u64 ns)
{
	u64 next = pit_next(&pit, now), edges, was = now;

	now += MIN(ns, ~0ul - now);
	edges = pit_edges(&pit, now);
	if (next != 0 && (next == PIT_NEVER || now - was < next))
		MUST(edges == 0);
	else
		MUST(edges > 0);
	MUST(edges <= (now - was) / 1676 + 16);
	MUST(pit_edges(&pit, now) == 0);
	if (edges) {
		line(0, false);
		line(0, true);
	}
}

static void acknowledge(void)
{
	bool wanted = pic_output(&pic);
	u8 isr[2] = { pic.chip[0].isr, pic.chip[1].isr };
	unsigned vector = pic_acknowledge(&pic);

	MUST(vector < 256);
	if (!wanted)
		MUST(vector % 8 == 7 && isr[0] == pic.chip[0].isr && isr[1] == pic.chip[1].isr);
	else if (!pic.chip[0].auto_eoi)
		MUST(isr[0] != pic.chip[0].isr || pic.chip[0].special_nested);
}

static void act(u8 what, u8 a, u8 b)
{
	static const u16 ports[] = {
		PIC_MASTER_COMMAND, PIC_MASTER_DATA, PIC_SLAVE_COMMAND, PIC_SLAVE_DATA,
		PIC_MASTER_ELCR,    PIC_SLAVE_ELCR,  PIT_CHANNEL0,	PIT_CHANNEL1,
		PIT_CHANNEL2,	    PIT_CONTROL,     PIT_PORT_B,	0x22,
	};
	u16 port = ports[a % ARRAY_SIZE(ports)];
	bool timer = port == PIT_PORT_B || (port >= PIT_CHANNEL0 && port <= PIT_CONTROL);

	sent = 0;
	switch (what % 8) {
	case 0 ... 1:
		if (timer)
			pit_write(&pit, port, b, now);
		else
			pic_write(&pic, port, b);
		break;
	case 2:
		if (timer)
			pit_read(&pit, port, now);
		else
			pic_read(&pic, port);
		break;
	case 3:
		line(a, b & 1);
		MUST(sent <= 1);
		break;
	case 4:
		acknowledge();
		break;
	case 5:
		ioapic_write(&io, IOAPIC_SELECT, a);
		ioapic_write(&io, IOAPIC_WINDOW,
			     ioapic_read(&io, IOAPIC_WINDOW) ^ (u32)b << what / 8);
		MUST(sent <= 1);
		break;
	case 6:
		ioapic_write(&io, a & 0x7f, b);
		ioapic_read(&io, a | (u32)b << 8);
		MUST(sent <= IOAPIC_PINS);
		break;
	case 7:
		time_passes((a + 1ul) * b << what / 8);
		break;
	}
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		MUST(!(io.entry[pin] & (IOAPIC_PENDING | 0x00fffffffffe0000)));
	for (unsigned i = 0; i < PIT_CHANNELS; i++)
		pit_out(&pit, i, now);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	now = 0;
	ioapic_reset(&io);
	pic_reset(&pic);
	pit_reset(&pit);
	for (; size >= 3; data += 3, size -= 3)
		act(data[0], data[1], data[2]);
	time_passes(0);
	time_passes(~0ul - now);
	return 0;
}
