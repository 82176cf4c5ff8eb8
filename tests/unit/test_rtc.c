/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's clock and CMOS memory by the MC146818's data sheet; the calendar against libc's, and
 * random waits against a clock that goes second by second.
 * links: vmx/pc/rtc.c mm/frame.c tests/unit/fake.c
 */
#include <string.h>
#include <time.h>

#include "tests/unit/fake.h"
#include "vmx/pc/rtc.h"

#define SECOND 1000000000ull
#define START 1709247599ull /* 2024-02-29 22:59:59, a Thursday */
#define RAM (64ul << 20)

static struct rtc r;
static u64 now;

static u8 in(u8 reg)
{
	rtc_write(&r, 0x70, reg, now);
	return rtc_read(&r, 0x71, now);
}

static void out(u8 reg, u8 value)
{
	rtc_write(&r, 0x70, reg, now);
	rtc_write(&r, 0x71, value, now);
}

static void reset_at(u64 unix_seconds)
{
	memset(&r, 0xa5, sizeof(r));
	now = 0;
	rtc_reset(&r, unix_seconds, RAM);
}

static int reset(void **state)
{
	(void)state;
	reset_at(START);
	return 0;
}

#define assert_time(...)                                                                           \
	do {                                                                                       \
		static const u8 want[] = { __VA_ARGS__ };                                          \
		static const u8 regs[] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };                            \
		for (unsigned i_ = 0; i_ < 8; i_++)                                                \
			assert_int_equal(in(regs[i_]), want[i_]);                                  \
	} while (0)

static void after_reset(void **state)
{
	(void)state;
	assert_time(0x20, 0x24, 0x02, 0x29, 5, 0x22, 0x59, 0x59);
	assert_int_equal(in(10), 0x26);
	assert_int_equal(in(11), 0x02);
	assert_int_equal(in(12), 0);
	assert_int_equal(in(13), 0x80);
	assert_int_equal(rtc_read(&r, 0x70, now), 0xff);
	assert_false(rtc_irq(&r));
	assert_int_equal(rtc_next(&r), ~0ul);
	rtc_write(&r, 0x70, 0x80, now); /* NMI's mask */
	assert_int_equal(rtc_read(&r, 0x71, now), 0x59);
	assert_int_equal(in(13 | 0x80), 0x80);
	out(13, 0);
	assert_int_equal(in(13), 0x80);
	for (unsigned reg = 14; reg < 128; reg++) {
		out(reg, reg ^ 0x5a);
		assert_int_equal(in(reg), reg ^ 0x5a);
	}
}

static void memory_size(void **state)
{
	static const struct {
		u64 mb;
		u16 kb, units;
	} sizes[] = {
		{ 1, 0, 0 },	    { 4, 3072, 0 },	{ 16, 15360, 0 },	{ 17, 16384, 16 },
		{ 64, 64512, 768 }, { 65, 65535, 784 }, { 1024, 65535, 16128 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		rtc_reset(&r, START, sizes[i].mb << 20);
		assert_int_equal(in(0x15) | in(0x16) << 8, 640);
		assert_int_equal(in(0x17) | in(0x18) << 8, sizes[i].kb);
		assert_int_equal(in(0x30) | in(0x31) << 8, sizes[i].kb);
		assert_int_equal(in(0x34) | in(0x35) << 8, sizes[i].units);
		assert_int_equal(in(0x5b) | in(0x5c) | in(0x5d), 0);
	}
}

static void advances(void **state)
{
	(void)state;
	now = SECOND - 1;
	assert_int_equal(in(0), 0x59);
	now = SECOND;
	assert_time(0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x00, 0x00);
	now = 3600 * SECOND;
	assert_time(0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x59);
	now += SECOND;
	assert_time(0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00);
	reset_at(4102444799); /* 2099-12-31 23:59:59 */
	assert_time(0x20, 0x99, 0x12, 0x31, 5, 0x23, 0x59, 0x59);
	now = SECOND;
	assert_time(0x21, 0x00, 0x01, 0x01, 6, 0x00, 0x00, 0x00);
}

static void calendar(void **state)
{
	(void)state;
	for (fake_step = 0; fake_step < 100000; fake_step++) {
		time_t t = fake_random() % 250000000000; /* till the year 9892 */
		struct tm *tm;

		rtc_reset(&r, t, RAM);
		now = fake_random() % (400 * 366 * 86400ul) * SECOND;
		rtc_tick(&r, now);
		t += now / SECOND;
		tm = gmtime(&t);
#define BCD(reg) (in(reg) / 16 * 10 + in(reg) % 16)
		CHECK(BCD(0) == tm->tm_sec);
		CHECK(BCD(2) == tm->tm_min);
		CHECK(BCD(4) == tm->tm_hour);
		CHECK(BCD(6) == tm->tm_wday + 1);
		CHECK(BCD(7) == tm->tm_mday);
		CHECK(BCD(8) == tm->tm_mon + 1);
		CHECK(BCD(9) == tm->tm_year % 100);
		CHECK(BCD(0x32) == (tm->tm_year + 1900) / 100 % 100);
	}
}

static void update_in_progress(void **state)
{
	unsigned ones = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		now = i * SECOND;
		assert_int_equal(in(10), 0x26);
		now += SECOND - 244001;
		assert_int_equal(in(10), 0x26);
		now++;
		assert_int_equal(in(10), 0xa6);
		now += 243999;
		assert_int_equal(in(10), 0xa6);
		now++;
		assert_int_equal(in(10), 0x26);
	}
	for (; now < 6 * SECOND; now += 100000)
		ones += in(10) >> 7;
	assert_in_range(ones, 3 * 2, 3 * 3);
	out(11, 0x82);
	now = 7 * SECOND - 1000;
	assert_int_equal(in(10), 0x26);
}

static void set(void **state)
{
	(void)state;
	out(11, 0x92); /* SET clears UIE */
	assert_int_equal(in(11), 0x82);
	out(9, 0x99);
	out(8, 0x12);
	out(7, 0x31);
	out(4, 0x23);
	out(2, 0x59);
	out(0, 0x58);
	out(0x32, 0x19);
	now = 5 * SECOND / 2;
	assert_time(0x19, 0x99, 0x12, 0x31, 5, 0x23, 0x59, 0x58);
	assert_int_equal(in(12), 0x40); /* the divider went on: that flag only */
	out(11, 0x02);
	/* and the seconds have its phase */
	now = 3 * SECOND - 1;
	assert_int_equal(in(0), 0x58);
	now = 3 * SECOND;
	assert_time(0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59);
	assert_int_equal(in(12), 0x50);
	now = 4 * SECOND;
	assert_time(0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00);
}

static void divider(void **state)
{
	(void)state;
	out(10, 0x76);
	now = 10 * SECOND;
	assert_int_equal(in(0), 0x59);
	assert_int_equal(in(10), 0x76);
	assert_int_equal(in(12), 0);
	assert_int_equal(rtc_next(&r), ~0ul);
	out(0, 0x10);
	out(10, 0x26);
	now += SECOND / 2 - 1;
	assert_int_equal(in(0), 0x10);
	now++;
	assert_int_equal(in(0), 0x11);
	now += SECOND - 1;
	assert_int_equal(in(0), 0x11);
	now++;
	assert_int_equal(in(0), 0x12);
}

static void forms(void **state)
{
	static const u8 twelve[] = { 0x12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11 };

	(void)state;
	for (unsigned hour = 0; hour < 24; hour++) {
		u8 want = twelve[hour % 12] | (hour >= 12 ? 0x80 : 0);

		out(11, 0x00);
		out(4, hour ? twelve[(hour - 1) % 12] | (hour > 12 ? 0x80 : 0) : 0x92);
		if (hour == 0)
			out(4, 0x91); /* 11 PM */
		out(2, 0x59);
		out(0, 0x59);
		now += SECOND;
		assert_int_equal(in(4), want);
		/* in binary */
		out(11, 0x04);
		out(4, hour ? ((hour - 1) % 12 ? (hour - 1) % 12 : 12) | (hour > 12 ? 0x80 : 0)
			    : 0x8b);
		out(2, 59);
		out(0, 59);
		now += SECOND;
		assert_int_equal(in(4), (hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
	}
	out(11, 0x06);
	out(9, 77);
	out(8, 12);
	out(7, 31);
	out(4, 23);
	out(2, 59);
	out(0, 59);
	out(0x32, 20);
	now += SECOND;
	assert_time(20, 78, 1, 1, 7, 0, 0, 0);
}

static void update_interrupt(void **state)
{
	(void)state;
	out(11, 0x12);
	assert_false(rtc_irq(&r));
	assert_int_equal(rtc_next(&r), SECOND);
	rtc_tick(&r, now = SECOND - 1);
	assert_false(rtc_irq(&r));
	rtc_tick(&r, now = SECOND);
	assert_true(rtc_irq(&r));
	assert_int_equal(rtc_next(&r), ~0ul);
	now = 5 * SECOND + 1;
	assert_int_equal(in(12), 0xd0); /* rate 6 has its flag as well */
	assert_false(rtc_irq(&r));
}

static void periodic(void **state)
{
	static const unsigned hz[] = { 0,   256, 128, 8192, 4096, 2048, 1024, 512,
				       256, 128, 64,  32,   16,	  8,	4,    2 };

	(void)state;
	for (unsigned rate = 0; rate < 16; rate++) {
		unsigned n = 0;
		u64 end;

		now += 123456789;
		out(11, 0x42);
		out(10, 0x20 | rate);
		in(12);
		assert_int_equal(rtc_next(&r) == ~0ul, rate == 0);
		for (end = now + 2 * SECOND; rtc_next(&r) <= end; n++) {
			u64 next = rtc_next(&r);

			assert_true(next > now);
			rtc_tick(&r, next - 1);
			assert_false(rtc_irq(&r));
			rtc_tick(&r, now = next);
			assert_true(rtc_irq(&r));
			assert_int_equal(rtc_next(&r), ~0ul);
			assert_int_equal(in(12) & 0xc0, 0xc0);
			assert_int_equal(in(12), 0);
			assert_false(rtc_irq(&r));
		}
		assert_int_equal(n, 2 * hz[rate]);
	}
	/* many at once are one */
	now += 100 * SECOND;
	assert_int_equal(in(12) & 0xc0, 0xc0);
	assert_int_equal(in(12), 0);
	/* SET does not stop it */
	out(11, 0xc2);
	now += SECOND;
	assert_int_equal(in(12), 0xc0);
	/* without the enable there is the flag only */
	out(11, 0x02);
	now += SECOND / 2;
	rtc_tick(&r, now);
	assert_false(rtc_irq(&r));
	out(11, 0x42);
	assert_true(rtc_irq(&r));
}

static void alarm_at(void **state)
{
	(void)state;
	out(5, 0x23);
	out(3, 0x00);
	out(1, 0x02);
	out(11, 0x22);
	now = 2 * SECOND;
	assert_int_equal(in(12) & 0xa0, 0);
	assert_int_equal(rtc_next(&r), 3 * SECOND);
	now = 3 * SECOND;
	rtc_tick(&r, now);
	assert_true(rtc_irq(&r));
	assert_int_equal(in(12) & 0xb0, 0xb0);
	now = (3 + 86399) * SECOND;
	assert_int_equal(in(12) & 0xa0, 0);
	now += SECOND;
	assert_int_equal(in(12) & 0xa0, 0xa0);
	out(5, 0x24); /* never */
	now += 1000000 * SECOND;
	assert_int_equal(in(12) & 0xa0, 0);
}

/* A clock that knows the time of day only, second by second. */
struct plain {
	int h, m, s;
	bool any_h, any_m, any_s;
	int ah, am, as;
};

static bool plain_second(struct plain *p)
{
	if (++p->s == 60) {
		p->s = 0;
		if (++p->m == 60) {
			p->m = 0;
			if (++p->h == 24)
				p->h = 0;
		}
	}
	return (p->any_h || p->ah == p->h) && (p->any_m || p->am == p->m) &&
	       (p->any_s || p->as == p->s);
}

static u8 form(u8 b, int n)
{
	return b & 4 ? n : n / 10 << 4 | n % 10;
}

static u8 hour_form(u8 b, int h)
{
	if (b & 2)
		return form(b, h);
	return form(b, h % 12 ? h % 12 : 12) | (h >= 12 ? 0x80 : 0);
}

static void random_waits(void **state)
{
	unsigned rung = 0;

	(void)state;
	for (fake_step = 0; fake_step < 4000; fake_step++) {
		u8 b = 0x20 | fake_random() % 4 * 2;
		u64 seconds = fake_random() % (fake_random() % 4 ? 200 : 100000);
		bool rings = false;
		struct plain p = { .h = fake_random() % 24,
				   .m = fake_random() % 60,
				   .s = fake_random() % 60,
				   .any_h = fake_random() % 2,
				   .any_m = fake_random() % 2,
				   .any_s = fake_random() % 2,
				   .ah = fake_random() % 24,
				   .am = fake_random() % 60,
				   .as = fake_random() % 60 };

		out(11, b | 0x80);
		out(0, form(b, p.s));
		out(2, form(b, p.m));
		out(4, hour_form(b, p.h));
		out(1, p.any_s ? 0xc0 + fake_random() % 64 : form(b, p.as));
		out(3, p.any_m ? 0xc0 + fake_random() % 64 : form(b, p.am));
		out(5, p.any_h ? 0xc0 + fake_random() % 64 : hour_form(b, p.ah));
		in(12);
		out(11, b);
		for (u64 i = 0; i < seconds; i++)
			rings |= plain_second(&p);
		now += seconds * SECOND;
		CHECK(in(0) == form(b, p.s));
		CHECK(in(2) == form(b, p.m));
		CHECK(in(4) == hour_form(b, p.h));
		CHECK(rtc_irq(&r) == rings);
		CHECK((in(12) & 0x20) == (rings ? 0x20 : 0));
		rung += rings;
	}
	assert_in_range(rung, 400, 3600);
}

/* Whatever stands in the registers, a second later there is a time. */
static void garbage(void **state)
{
	(void)state;
	for (fake_step = 0; fake_step < 100000; fake_step++) {
		unsigned h;

		for (u8 reg = 0; reg < 10; reg++)
			out(reg, fake_random());
		out(0x32, fake_random());
		out(11, fake_random() % 4 * 2);
		now += SECOND;
		rtc_tick(&r, now);
		h = in(4);
		if (!(in(11) & 2))
			h &= 0x7f;
		if (in(11) & 4) {
			CHECK(in(0) < 60 && in(2) < 60 && h < 24);
			CHECK(in(6) >= 1 && in(6) <= 7 && in(7) >= 1 && in(7) <= 31);
			CHECK(in(8) >= 1 && in(8) <= 12 && in(9) < 100 && in(0x32) < 100);
		} else {
			CHECK(in(0) < 0x60 && in(2) < 0x60 && h < 0x24);
			CHECK(in(6) >= 1 && in(6) <= 7 && in(7) >= 1 && in(7) <= 0x31);
			CHECK(in(8) >= 1 && in(8) <= 0x12 && in(9) <= 0x99 && in(0x32) <= 0x99);
		}
	}
}

static int random_start(void **state)
{
	fake_random_start();
	return reset(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(after_reset, reset),
		cmocka_unit_test_setup(memory_size, reset),
		cmocka_unit_test_setup(advances, reset),
		cmocka_unit_test_setup(calendar, random_start),
		cmocka_unit_test_setup(update_in_progress, reset),
		cmocka_unit_test_setup(set, reset),
		cmocka_unit_test_setup(divider, reset),
		cmocka_unit_test_setup(forms, reset),
		cmocka_unit_test_setup(update_interrupt, reset),
		cmocka_unit_test_setup(periodic, reset),
		cmocka_unit_test_setup(alarm_at, reset),
		cmocka_unit_test_setup(random_waits, random_start),
		cmocka_unit_test_setup(garbage, random_start),
	};

	return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
