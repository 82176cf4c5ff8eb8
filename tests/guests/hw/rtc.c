/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real-time clock (MC146818A): it takes a second or two, for that is how long its second is. */
#include "tests/guests/hw/hw.h"

#define SECONDS 0
#define SECONDS_ALARM 1
#define MINUTES 2
#define MINUTES_ALARM 3
#define HOURS 4
#define HOURS_ALARM 5
#define ANY 0xc0 /* an alarm's value that always matches */
#define A_UIP 0x80
#define A_RESET 0x70
#define B_BINARY 0x04
#define C_IRQ 0x80
#define C_PERIODIC 0x40
#define C_ALARM 0x20
#define C_UPDATED 0x10
#define D_VALID 0x80
#define PIN 8
#define VECTOR 0x64

u8 rtc_read(u8 reg)
{
	outb(PORT_RTC, reg);
	return inb(PORT_RTC_DATA);
}

void rtc_write(u8 reg, u8 value)
{
	outb(PORT_RTC, reg);
	outb(PORT_RTC_DATA, value);
}

/* 12:34:58 in the form that register B asks for. */
static void set_time(u8 b)
{
	rtc_write(RTC_B, RTC_SET | RTC_24H | b);
	rtc_write(SECONDS, b & B_BINARY ? 58 : 0x58);
	rtc_write(MINUTES, b & B_BINARY ? 34 : 0x34);
	rtc_write(HOURS, b & B_BINARY ? 12 : 0x12);
}

static bool uip_seen;

static bool updating(void)
{
	bool uip = rtc_read(RTC_A) & A_UIP;

	uip_seen |= uip;
	return uip;
}

static void clock(void)
{
	u8 flags;

	is(rtc_read(RTC_D) & D_VALID, D_VALID, "RTC: the time is valid");
	rtc_write(0x50, 0xa5);
	is(rtc_read(0x50), 0xa5, "RTC: its memory is kept");

	set_time(B_BINARY);
	ok(rtc_read(SECONDS) == 58 && rtc_read(MINUTES) == 34 && rtc_read(HOURS) == 12,
	   "RTC: the time is kept, binary");
	/* Back to BCD, which the date still is in. */
	set_time(0);
	ok(rtc_read(SECONDS) == 0x58 && rtc_read(MINUTES) == 0x34 && rtc_read(HOURS) == 0x12,
	   "RTC: the time is kept, BCD");
	rtc_write(SECONDS_ALARM, 0x59);
	rtc_write(MINUTES_ALARM, ANY);
	rtc_write(HOURS_ALARM, ANY);
	/* Out of its divider's reset it ticks half a second later. */
	rtc_write(RTC_A, A_RESET);
	rtc_read(RTC_C);
	forget();
	ioapic_route(PIN, VECTOR, (u8)bsp);
	rtc_write(RTC_B, RTC_24H | RTC_AIE | RTC_UIE);
	rtc_write(RTC_A, RTC_RATE_256 & 0x70);
	is(rtc_read(SECONDS), 0x58, "RTC: an update does not come at once");
	until_closed(1500, !updating() && rtc_read(SECONDS) != 0x58);
	is(rtc_read(SECONDS), 0x59, "RTC: then it is a second later");
	ok(until(BOUND_MS, my_hits(VECTOR)), "RTC: the update interrupts");
	flags = rtc_read(RTC_C);
	is(flags & (C_IRQ | C_ALARM | C_UPDATED), C_IRQ | C_ALARM | C_UPDATED,
	   "RTC: register C says: updated, the alarm's time");
	is(rtc_read(RTC_C), 0, "RTC: reading register C clears it");
	rtc_write(RTC_B, RTC_24H);

	/* It is set for less than 2.3 ms, so one may be missed while the CPU is held up. */
	until_closed(4000, updating() || uip_seen);
	ok(uip_seen && until_closed(BOUND_MS, !updating()), "RTC: UIP comes and goes");
}

static u8 last_flags;

static void on_rtc(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	last_flags = rtc_read(RTC_C);
	eoi();
}

static u64 period(u64 unused)
{
	u64 us;

	(void)unused;
	rtc_write(RTC_A, RTC_RATE_256);
	rtc_read(RTC_C);
	rtc_write(RTC_B, RTC_24H | RTC_PIE);
	us = interval_us();
	rtc_write(RTC_B, RTC_24H);
	return us;
}

static void periodic(void)
{
	rt_on(VECTOR, on_rtc);
	ioapic_route(PIN, VECTOR, (u8)bsp);
	near(period, 0, 3906, 10, "RTC: periodic interrupts at 256 Hz");
	is(last_flags & (C_IRQ | C_PERIODIC), C_IRQ | C_PERIODIC, "RTC: register C says: periodic");
	open_us(QUIET_US);
	forget();
	open_us(10000);
	is(my_hits(VECTOR), 0, "RTC: switched off, none");

	ioapic_route(PIN, IOAPIC_MASKED, 0);
	rtc_read(RTC_C);
	/* By the PIC, since QEMU's I/O APIC takes it for an edge when a line that is high is set. */
	pic_open(BIT(2) | BIT(8));
	rtc_write(RTC_B, RTC_24H | RTC_PIE);
	open_us(15000);
	rtc_write(RTC_B, RTC_24H);
	is(my_hits(VECTOR_PIC + 8), 1, "RTC: until register C is read, there is no other");
	rtc_read(RTC_C);
}

void test_rtc(void)
{
	clock();
	periodic();
}
