/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/pc/rtc.h"

enum {
	SECONDS,
	SECONDS_ALARM,
	MINUTES,
	MINUTES_ALARM,
	HOURS,
	HOURS_ALARM,
	WEEKDAY, /* 1: Sunday */
	DAY,
	MONTH,
	YEAR,
	REG_A,
	REG_B,
	REG_C,
	REG_D,
};
#define A_UIP 0x80
#define A_DIVIDER 0x70
#define A_DIVIDER_RUNS 0x20 /* from 32768 Hz; all else holds it, or is for another crystal */
#define A_RATE 0x0f
#define B_SET 0x80
#define B_UIE 0x10
#define B_BINARY 0x04
#define B_24H 0x02
#define FLAG_IRQF 0x80 /* of register C; the others lie where register B has their enables */
#define FLAG_PF 0x40
#define FLAG_AF 0x20
#define FLAG_UF 0x10
#define FLAGS (FLAG_PF | FLAG_AF | FLAG_UF)
#define D_VALID 0x80
#define HOURS_PM 0x80
#define ALARM_ANY 0xc0 /* and above: matches everything */

#define SECOND 1000000000ull
#define UIP_TIME 244000 /* ns before an update */
#define DAY_SECONDS 86400

static bool divider_runs(const struct rtc *r)
{
	return (r->cmos[REG_A] & A_DIVIDER) == A_DIVIDER_RUNS;
}

static bool runs(const struct rtc *r)
{
	return divider_runs(r) && !(r->cmos[REG_B] & B_SET);
}

/* A guest may put any byte anywhere: what is no BCD gives some number up to 165. */
static unsigned number(const struct rtc *r, u8 value)
{
	return r->cmos[REG_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static u8 coded(const struct rtc *r, unsigned n)
{
	return (u8)(r->cmos[REG_B] & B_BINARY ? n : n / 10 << 4 | n % 10);
}

static unsigned hour_number(const struct rtc *r, u8 value)
{
	if (r->cmos[REG_B] & B_24H)
		return number(r, value);
	return number(r, value & ~HOURS_PM) % 12 + (value & HOURS_PM ? 12 : 0);
}

static u8 hour_coded(const struct rtc *r, unsigned hour)
{
	if (r->cmos[REG_B] & B_24H)
		return coded(r, hour);
	return coded(r, (hour + 11) % 12 + 1) | (hour >= 12 ? HOURS_PM : 0);
}

/*
 * Days since March 1st of the year 0 and back, in the Gregorian calendar: years begin in March, so
 * that a leap day is the last of its year, and 153 days make five months. Any numbers are allowed.
 */
static u64 days_of(u64 year, u64 month, u64 day)
{
	year -= month <= 2;
	month = month <= 2 ? month + 9 : month - 3;
	return year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
}

static void date_of(u64 days, u64 *year, u64 *month, u64 *day)
{
	u64 era = days / 146097, in_era = days % 146097;
	u64 y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	u64 in_year = in_era - (365 * y + y / 4 - y / 100), m = (5 * in_year + 2) / 153;

	*day = in_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = era * 400 + y + (*month <= 2);
}

/* 400 years, after which the calendar repeats, keep all numbers above 0. */
#define ERA 400

static u64 time_get(const struct rtc *r)
{
	const u8 *c = r->cmos;
	u64 year = number(r, c[RTC_CENTURY]) * 100 + number(r, c[YEAR]) + ERA;

	return days_of(year, number(r, c[MONTH]), number(r, c[DAY])) * DAY_SECONDS +
	       hour_number(r, c[HOURS]) * 3600 + number(r, c[MINUTES]) * 60 + number(r, c[SECONDS]);
}

static void time_put(struct rtc *r, u64 seconds)
{
	u64 days = seconds / DAY_SECONDS, year, month, day;
	unsigned in_day = seconds % DAY_SECONDS;
	u8 *c = r->cmos;

	date_of(days, &year, &month, &day);
	c[SECONDS] = coded(r, in_day % 60);
	c[MINUTES] = coded(r, in_day / 60 % 60);
	c[HOURS] = hour_coded(r, in_day / 3600);
	c[WEEKDAY] = coded(r, (days + 3) % 7 + 1); /* March 1st of the year 0 was a Wednesday */
	c[DAY] = coded(r, day);
	c[MONTH] = coded(r, month);
	c[YEAR] = coded(r, year % 100);
	c[RTC_CENTURY] = coded(r, (year / 100 + 100 - ERA / 100) % 100);
}

/* Seconds from a time of day to the next one that matches the alarm, 1 to a day; ~0: none does. */
static u64 alarm_in(const struct rtc *r, unsigned in_day)
{
	const u8 *c = r->cmos;
	bool any_s = c[SECONDS_ALARM] >= ALARM_ANY, any_m = c[MINUTES_ALARM] >= ALARM_ANY,
	     any_h = c[HOURS_ALARM] >= ALARM_ANY;
	unsigned s = any_s ? 0 : number(r, c[SECONDS_ALARM]);
	unsigned m = any_m ? 0 : number(r, c[MINUTES_ALARM]);
	unsigned h = any_h ? 0 : hour_number(r, c[HOURS_ALARM]);
	unsigned t = in_day + 1;

	if (s >= 60 || m >= 60 || h >= 24)
		return ~0ull;
	/* Each step is to the earliest time that matches so far. */
	if (!any_s)
		t += (s + 60 - t % 60) % 60;
	if (!any_m && t / 60 % 60 != m)
		t = (t / 60 + (m + 60 - t / 60 % 60) % 60) * 60 + s;
	if (!any_h && t / 3600 % 24 != h)
		t = (t / 3600 + (h + 24 - t / 3600 % 24) % 24) * 3600 + m * 60 + s;
	return t - in_day;
}

/* When the divider, at this rate, next gives a pulse after NOW, which is before the update. */
static u64 next_pulse(const struct rtc *r, u64 now)
{
	unsigned rate = r->cmos[REG_A] & A_RATE;
	u64 period, ticks, start = r->update - SECOND; /* may wrap, as the sum below does */

	if (!rate || !divider_runs(r))
		return ~0ull;
	period = 1u << (rate <= 2 ? rate + 6 : rate - 1); /* in 1/32768 s */
	ticks = ((now - start) * 32768 / SECOND / period + 1) * period;
	return start + (ticks * SECOND + 32767) / 32768;
}

void rtc_tick(struct rtc *r, u64 now)
{
	u64 n;

	if (!divider_runs(r))
		return;
	if (now >= r->update) {
		n = (now - r->update) / SECOND + 1;
		r->update += n * SECOND;
		if (runs(r)) {
			u64 time = time_get(r);

			if (alarm_in(r, time % DAY_SECONDS) <= n)
				r->cmos[REG_C] |= FLAG_AF;
			r->cmos[REG_C] |= FLAG_UF;
			time_put(r, time + n);
		}
	}
	if (now >= r->periodic) {
		r->cmos[REG_C] |= FLAG_PF;
		r->periodic = next_pulse(r, now);
	}
}

void rtc_reset(struct rtc *r, u64 unix_seconds, u64 ram)
{
	u64 kb = ram / 1024, high_kb = kb > 1024 ? kb - 1024 : 0, units = ram / 65536;
	u8 *c = r->cmos;

	memset(r, 0, sizeof(*r));
	c[REG_A] = A_DIVIDER_RUNS | 6; /* as firmware leaves it: 1024 Hz, not enabled */
	c[REG_B] = B_24H;
	c[REG_D] = D_VALID;
	r->update = SECOND;
	r->periodic = next_pulse(r, 0);
	time_put(r, unix_seconds + days_of(1970 + ERA, 1, 1) * DAY_SECONDS);

	c[0x15] = 640 & 0xff; /* KB below 640 KB */
	c[0x16] = 640 >> 8;
	high_kb = MIN(high_kb, 0xffff);
	c[0x17] = c[0x30] = (u8)high_kb; /* KB above 1 MB */
	c[0x18] = c[0x31] = (u8)(high_kb >> 8);
	units = units > 256 ? MIN(units - 256, 0xffff) : 0;
	c[0x34] = (u8)units; /* 64 KB above 16 MB; 5b to 5d, the same above 4 GB, stay 0 */
	c[0x35] = (u8)(units >> 8);
}

bool rtc_irq(const struct rtc *r)
{
	return r->cmos[REG_C] & r->cmos[REG_B] & FLAGS;
}

u64 rtc_next(const struct rtc *r)
{
	u8 waits = r->cmos[REG_B] & ~r->cmos[REG_C] & FLAGS;
	u64 next = ~0ull;

	if (!divider_runs(r) || rtc_irq(r))
		return next;
	if (waits & FLAG_PF)
		next = r->periodic;
	if (waits & (FLAG_AF | FLAG_UF) && runs(r))
		next = MIN(next, r->update);
	return next;
}

u8 rtc_read(struct rtc *r, u16 port, u64 now)
{
	u8 value = r->cmos[r->index];

	if (port != RTC_DATA)
		return 0xff;
	rtc_tick(r, now);
	value = r->cmos[r->index];
	if (r->index == REG_A && runs(r) && r->update - now <= UIP_TIME)
		value |= A_UIP;
	if (r->index == REG_C) {
		value |= rtc_irq(r) ? FLAG_IRQF : 0;
		r->cmos[REG_C] = 0;
	}
	return value;
}

static void write_a(struct rtc *r, u8 value, u64 now)
{
	bool ran = divider_runs(r);

	r->cmos[REG_A] = value & ~A_UIP;
	/* The first update comes half a second after the divider starts. */
	if (!ran && divider_runs(r))
		r->update = now + SECOND / 2;
	r->periodic = next_pulse(r, now);
}

void rtc_write(struct rtc *r, u16 port, u8 value, u64 now)
{
	if (port != RTC_DATA) {
		r->index = value & 0x7f;
		return;
	}
	rtc_tick(r, now);
	switch (r->index) {
	case REG_A:
		write_a(r, value, now);
		break;
	case REG_B:
		/* SET ends an update, and the wish to hear of it. */
		r->cmos[REG_B] = value & B_SET ? value & ~B_UIE : value;
		break;
	case REG_C:
	case REG_D:
		break; /* read-only */
	default:
		r->cmos[r->index] = value;
	}
}
