/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The I/O APIC (82093AA): its registers; edges, by the PIT; levels, by the UART. */
#include "tests/guests/hw/hw.h"

#define VECTOR 0x62
#define UART_PIN 4
#define SELECT 0
#define WINDOW 0x10
#define LEVEL_TIMES 3 /* the line is let down in so many interrupts */

static volatile u32 *reg_at(u32 offset)
{
	return (volatile u32 *)(machine.ioapic + offset);
}

u32 ioapic_read(u32 reg)
{
	*reg_at(SELECT) = reg;
	return *reg_at(WINDOW);
}

void ioapic_write(u32 reg, u32 value)
{
	*reg_at(SELECT) = reg;
	*reg_at(WINDOW) = value;
}

u32 ioapic_pins(void)
{
	return (ioapic_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
}

void ioapic_route(u32 pin, u32 low, u8 dest)
{
	ioapic_write(IOAPIC_ENTRY + 2 * pin, IOAPIC_MASKED);
	ioapic_write(IOAPIC_ENTRY + 2 * pin + 1, (u32)dest << 24);
	ioapic_write(IOAPIC_ENTRY + 2 * pin, low);
}

static u32 entry_low(u32 pin)
{
	return ioapic_read(IOAPIC_ENTRY + 2 * pin);
}

static void registers(void)
{
	u32 version = ioapic_read(IOAPIC_VERSION), id = ioapic_read(IOAPIC_ID), wrong = 0;

	ok((version & 0xff) >= 0x11 && (version & 0xff) <= 0x2f, "I/O APIC version");
	is(ioapic_pins(), 24, "I/O APIC pins");
	*reg_at(SELECT) = IOAPIC_VERSION;
	is(*reg_at(SELECT) & 0xff, IOAPIC_VERSION, "I/O APIC select register reads back");
	ioapic_write(IOAPIC_ID, 0x05000000);
	is(ioapic_read(IOAPIC_ID) >> 24 & 0xf, 5, "I/O APIC id is kept");
	ioapic_write(IOAPIC_ID, id);
	ioapic_write(IOAPIC_VERSION, 0);
	is(ioapic_read(IOAPIC_VERSION), version, "I/O APIC version cannot be written");
	for (u32 i = 0; i < ioapic_pins(); i++) {
		/* Edge: what a level entry sends while masked is not asked here. */
		ioapic_route(i, 0x12f00 + 0x40 + i, (u8)(0xa0 + i));
		wrong += entry_low(i) != 0x12f40 + i ||
			 ioapic_read(IOAPIC_ENTRY + 2 * i + 1) != (0xa0 + i) << 24;
	}
	is(wrong, 0, "I/O APIC entries are kept");
	for (u32 i = 0; i < ioapic_pins(); i++)
		ioapic_route(i, IOAPIC_MASKED, 0);
	ioapic_write(IOAPIC_ENTRY + 2 * UART_PIN, IOAPIC_MASKED | BIT(12) | IOAPIC_REMOTE_IRR);
	is(entry_low(UART_PIN), IOAPIC_MASKED, "delivery status and remote IRR cannot be written");
}

/* Has the PIT send one edge through an entry, as reached_by() wants it. */
static void send_edge(u32 dest, u32 low)
{
	ioapic_route(machine.timer_pin, low, (u8)dest);
	pit_one_shot(200);
}

static u32 edge(u8 vector, u32 expected, u32 dest, u32 low)
{
	u32 got = reached_by(vector, expected, send_edge, dest, low | vector);

	ioapic_route(machine.timer_pin, IOAPIC_MASKED, 0);
	return got;
}

/* Interrupts while masked, or after UNMASK. */
static u64 masked_edge(u64 unmask)
{
	forget();
	send_edge(bsp, IOAPIC_MASKED | VECTOR);
	open_us(5000);
	if (unmask) {
		ioapic_route(machine.timer_pin, VECTOR, (u8)bsp);
		open_us(QUIET_US);
		ioapic_route(machine.timer_pin, IOAPIC_MASKED, 0);
	}
	return my_hits(VECTOR);
}

static void edges(void)
{
	u32 all = all_cpus(), others = all & ~BIT(bsp);

	is(edge(VECTOR, BIT(bsp), bsp, 0), BIT(bsp), "an edge gives one interrupt");
	ok(!apic_bit(APIC_TMR, VECTOR), "TMR says: edge");
	near(masked_edge, 0, 0, 0, "masked: none");
	near(masked_edge, 1, 0, 0, "an edge that was masked is lost");
	for (u32 i = 0; i < MAX_CPUS; i++)
		if (others & BIT(i))
			is(edge(VECTOR, BIT(i), i, 0), BIT(i), "to CPU %u by its id", i);
	is(edge(VECTOR, all, 0xff, 0), all, "to all by FFh");
	for (u32 i = 0; i < MAX_CPUS; i++)
		if (all & BIT(i))
			is(edge(VECTOR, BIT(i), 1u << i, IOAPIC_LOGICAL), BIT(i),
			   "to CPU %u by its logical bit", i);
	is(edge(VECTOR, all, all, IOAPIC_LOGICAL), all, "to all by their logical bits");
	forget();
	send_edge(all, IOAPIC_LOGICAL | 1u << 8 | VECTOR);
	ok(one_took(VECTOR), "lowest priority: one of them");
	is(edge(VECTOR_NMI, BIT(bsp), bsp, 4u << 8), BIT(bsp), "delivery mode NMI");
}

static u64 pit_period(u64 us)
{
	u64 measured;

	ioapic_route(machine.timer_pin, VECTOR, (u8)bsp);
	pit_set(0, 2, (u16)(us * PIT_HZ / 1000000));
	measured = interval_us();
	ioapic_route(machine.timer_pin, IOAPIC_MASKED, 0);
	open_us(100);
	pit_set(0, 0, 0);
	return measured;
}

static struct {
	bool tmr, remote, remote_after;
} level;

static void on_level(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	level.tmr &= apic_bit(APIC_TMR, VECTOR);
	level.remote &= !!(entry_low(UART_PIN) & IOAPIC_REMOTE_IRR);
	if (my_hits(VECTOR) == LEVEL_TIMES) {
		uart_iir(); /* lets the line down */
		uart_thre_irq(false);
		eoi();
		level.remote_after = entry_low(UART_PIN) & IOAPIC_REMOTE_IRR;
		return;
	}
	eoi();
	/* Should the line never go down. */
	if (my_hits(VECTOR) > 4 * LEVEL_TIMES)
		ioapic_route(UART_PIN, IOAPIC_MASKED, 0);
}

static void levels(void)
{
	level.tmr = level.remote = true;
	level.remote_after = true;
	rt_on(VECTOR, on_level);
	forget();
	ioapic_route(UART_PIN, IOAPIC_LEVEL | VECTOR, (u8)bsp);
	open_us(200);
	is(my_hits(VECTOR), 0, "level: nothing while the line is low");
	uart_thre_irq(true);
	until(BOUND_MS, my_hits(VECTOR) >= LEVEL_TIMES);
	open_us(QUIET_US);
	is(my_hits(VECTOR), LEVEL_TIMES, "level: again after each EOI until the line is low");
	ok(level.tmr, "level: TMR says so");
	ok(level.remote, "level: remote IRR is set until EOI");
	ok(!level.remote_after, "level: EOI clears remote IRR");

	forget();
	ioapic_route(UART_PIN, IOAPIC_MASKED | IOAPIC_LEVEL | VECTOR, (u8)bsp);
	uart_thre_irq(true);
	open_us(QUIET_US);
	is(my_hits(VECTOR), 0, "level, masked: none");
	hits[bsp][VECTOR] = LEVEL_TIMES - 1;
	ioapic_write(IOAPIC_ENTRY + 2 * UART_PIN, IOAPIC_LEVEL | VECTOR);
	ok(until(BOUND_MS, my_hits(VECTOR) == LEVEL_TIMES),
	   "level: unmasked while the line is high, it comes");
	uart_thre_irq(false);
	rt_on(VECTOR, NULL);

	forget();
	ioapic_route(UART_PIN, VECTOR, (u8)bsp);
	uart_thre_irq(true);
	open_us(QUIET_US);
	is(my_hits(VECTOR), 1, "the same line as an edge: once");
	uart_iir();
	uart_thre_irq(false);
	ioapic_route(UART_PIN, IOAPIC_MASKED, 0);
}

void test_ioapic(void)
{
	registers();
	edges();
	near(pit_period, 4000, 4000, 10, "the PIT in mode 2: interrupts at its rate");
	levels();
}
