/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8254 timer, against the TSC. */
#include "tests/guests/hw/hw.h"

#define RW_BOTH 0x30
#define RW_LOW 0x10
#define READ_BACK 0xc0
#define NO_COUNT 0x20
#define NO_STATUS 0x10
#define STATUS_OUT 0x80
#define GATE 1
#define OUT2 0x20
#define REFRESH 0x10
#define WINDOW_US 5000
#define MILLISECOND (PIT_HZ / 1100) /* of counts, with some to spare */

static void pit_count(u32 channel, u16 count)
{
	outb((u16)(PORT_PIT + channel), (u8)count);
	outb((u16)(PORT_PIT + channel), count >> 8);
}

void pit_set(u32 channel, u32 mode, u16 count)
{
	outb(PORT_PIT_COMMAND, (u8)(channel << 6 | RW_BOTH | mode << 1));
	pit_count(channel, count);
}

static u16 read_count(u32 channel)
{
	u16 low = inb((u16)(PORT_PIT + channel));

	return (u16)(low | inb((u16)(PORT_PIT + channel)) << 8);
}

u16 pit_latch(u32 channel)
{
	outb(PORT_PIT_COMMAND, (u8)(channel << 6));
	return read_count(channel);
}

void pit_one_shot(u32 us)
{
	pit_set(0, 0, (u16)(us * (u64)PIT_HZ / 1000000));
}

static u8 status(u32 channel)
{
	outb(PORT_PIT_COMMAND, (u8)(READ_BACK | NO_COUNT | 2 << channel));
	return inb((u16)(PORT_PIT + channel));
}

static void gate(bool high)
{
	outb(PORT_SPEAKER, (inb(PORT_SPEAKER) & ~3) | (high ? GATE : 0));
}

static u64 counted(u64 channel)
{
	return (u16)-pit_latch((u32)channel);
}

/* Counts per second: of channel (how & 3) in mode (how >> 2). */
static u64 rate(u64 how)
{
	pit_set(how & 3, (u32)how >> 2, 0);
	pause_us(200);
	return rate_of(counted, how & 3, 0xffff);
}

#define HOW(channel, mode) ((channel) | (mode) << 2)

static void rates(void)
{
	gate(true);
	near(rate, HOW(0, 2), PIT_HZ, 5, "PIT channel 0 in mode 2");
	near(rate, HOW(2, 2), PIT_HZ, 5, "PIT channel 2 in mode 2");
	near(rate, HOW(0, 3), 2 * PIT_HZ, 5, "PIT channel 0 in mode 3 counts by twos");
	near(rate, HOW(2, 3), 2 * PIT_HZ, 5, "PIT channel 2 in mode 3 counts by twos");
	near(rate, HOW(2, 0), PIT_HZ, 5, "PIT channel 2 in mode 0");
}

static void reading(void)
{
	u16 first, second;
	bool low;

	pit_set(0, 2, 0);
	pause_us(20);		   /* the count is loaded by the clock's next pulse */
	outb(PORT_PIT_COMMAND, 0); /* latch */
	pause_us(1000);
	first = read_count(0);
	second = pit_latch(0);
	ok((u16)(first - second) >= MILLISECOND, "PIT: what was latched stays until it is read");
	outb(PORT_PIT_COMMAND, READ_BACK | NO_STATUS | 2);
	pause_us(1000);
	first = read_count(0);
	second = pit_latch(0);
	ok((u16)(first - second) >= MILLISECOND, "PIT: read-back latches as well");

	pit_set(0, 2, 1000);
	is(status(0) & 0x3f, RW_BOTH | 2 << 1, "PIT: status has access and mode 2");
	pit_set(0, 3, 1000);
	is(status(0) & 0x3f, RW_BOTH | 3 << 1, "PIT: status has access and mode 3");
	pit_set(0, 0, 0xffff);
	is(status(0) & STATUS_OUT, 0, "PIT: status has OUT, low in mode 0");
	pit_one_shot(100);
	ok(until_closed(BOUND_MS, status(0) & STATUS_OUT),
	   "PIT: and high when it has counted down");
	outb(PORT_PIT_COMMAND, RW_LOW | 2 << 1);
	outb(PORT_PIT, 0x40);
	is(status(0) & 0x3f, RW_LOW | 2 << 1, "PIT: one byte is enough where only that is set");
	low = true;
	for (u32 i = 0; i < 20; i++) {
		pause_us(10);
		outb(PORT_PIT_COMMAND, 0);
		first = inb(PORT_PIT);
		low &= first >= 1 && first <= 0x40;
	}
	ok(low, "PIT: and the count stays in it");
	pit_set(0, 0, 0);
}

/* Per cent of the time that OUT of channel 2 is high in mode 3. */
static u64 high_time(u64 unused)
{
	u64 start = rdtsc(), high = 0, all = 0;

	(void)unused;
	pit_set(2, 3, 1000);
	while (rdtsc() - start < ticks_of(WINDOW_US)) {
		high += (inb(PORT_SPEAKER) & OUT2) != 0;
		all++;
		cpu_relax();
	}
	return all ? high * 100 / all : 0;
}

static void channel_2(void)
{
	u16 first, second;
	u8 port;

	gate(false);
	is(inb(PORT_SPEAKER) & 3, 0, "port 61h keeps gate off");
	gate(true);
	is(inb(PORT_SPEAKER) & 3, GATE, "port 61h keeps gate on");
	port = inb(PORT_SPEAKER) & REFRESH;
	ok(until_closed(BOUND_MS, (inb(PORT_SPEAKER) & REFRESH) != port),
	   "port 61h: bit 4 toggles");

	pit_set(2, 0, 0xffff);
	is(inb(PORT_SPEAKER) & OUT2, 0, "port 61h: OUT is low while mode 0 counts");
	pit_set(2, 0, 100);
	ok(until_closed(BOUND_MS, inb(PORT_SPEAKER) & OUT2), "port 61h: then it is high");
	near(high_time, 0, 50, 20, "mode 3: OUT is high for half of the time");

	pit_set(2, 2, 60000);
	pause_us(2000);
	gate(false);
	pause_us(20);
	gate(true);
	pause_us(20);
	first = pit_latch(2);
	ok(first > 60000 - 3 * PIT_HZ / 2000 && first <= 60000, "mode 2: the gate starts it again");
	if (!tcg_lacks("it counts on", "mode 2: gate off, it does not count",
		       "mode 0: gate off, it does not count")) {
		gate(false);
		first = pit_latch(2);
		pause_us(1000);
		second = pit_latch(2);
		is(first, second, "mode 2: gate off, it does not count");
		gate(true);
		pit_set(2, 0, 60000);
		pause_us(200);
		gate(false);
		first = pit_latch(2);
		pause_us(1000);
		second = pit_latch(2);
		is(first, second, "mode 0: gate off, it does not count");
	}
	gate(true);
}

static u64 square(u64 us)
{
	u64 measured;

	pit_set(0, 3, (u16)(us * PIT_HZ / 1000000));
	pic_open(BIT(0));
	measured = interval_us();
	pic_init();
	pit_set(0, 0, 0);
	return measured;
}

void test_pit(void)
{
	rates();
	reading();
	channel_2();
	near(square, 4000, 4000, 10, "mode 3: interrupts at its rate");
}
