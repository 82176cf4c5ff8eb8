/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's PM1a registers and PM timer, the ports that reset and end it, and fw_cfg.
 * links: vmx/pc/pm.c vmx/pc/fwcfg.c mm/frame.c tests/unit/fake.c
 */
#include <string.h>

#include "tests/unit/fake.h"
#include "vmx/pc/fwcfg.h"
#include "vmx/pc/pm.h"

#define SECOND 1000000000ull

static struct pm p;

static int reset(void **state)
{
	(void)state;
	memset(&p, 0xa5, sizeof(p));
	pm_reset(&p);
	return 0;
}

/* What it asks for, and nothing else. */
static bool asks(bool off, bool again, bool exited)
{
	return p.off == off && p.reset == again && p.exited == exited;
}

static u32 in(u16 port, unsigned size)
{
	return pm_read(&p, port, size, 0);
}

static void out(u16 port, unsigned size, u32 value)
{
	pm_write(&p, port, size, value, 0);
}

static void after_reset(void **state)
{
	(void)state;
	assert_int_equal(in(0x600, 4), 0);
	assert_int_equal(in(0x604, 2), 1); /* SCI_EN: ACPI mode */
	assert_int_equal(in(0x608, 4), 0);
	assert_int_equal(in(0x92, 1), 2); /* A20 */
	assert_int_equal(in(0xcf9, 1), 0);
	assert_int_equal(in(0x64, 1), 0xff);
	assert_int_equal(in(0x60c, 4), 0xffffffff);
	assert_int_equal(in(0x5ff, 2), 0x00ff);
	assert_int_equal(in(0xffff, 4), 0xffffffff);
	assert_true(asks(false, false, false));
	assert_false(pm_sci(&p, 0));
	assert_int_equal(pm_next(&p, 0), ~0ul);
}

static void timer_counts(void **state)
{
	(void)state;
	for (fake_step = 0; fake_step < 100000; fake_step++) {
		u64 now = fake_random() >> fake_random() % 60;
		u32 want = (u32)((unsigned __int128)now * 3579545 / SECOND);

		CHECK(pm_read(&p, 0x608, 4, now) == want);
		CHECK(pm_read(&p, 0x60a, 2, now) == want >> 16);
		CHECK(pm_read(&p, 0x609, 1, now) == (want >> 8 & 0xff));
	}
}

static void timer_carries(void **state)
{
	u64 now = 0;

	(void)state;
	pm_write(&p, 0x602, 2, 1, 0);
	for (unsigned i = 1; i <= 5; i++) {
		u64 next = pm_next(&p, now);

		assert_int_equal(pm_next(&p, next - 1), next);
		assert_false(pm_sci(&p, next - 1));
		assert_int_equal(pm_read(&p, 0x608, 4, next), i << 31);
		assert_int_equal(pm_read(&p, 0x608, 4, next - 1), (i << 31) - 1);
		assert_true(pm_sci(&p, next));
		assert_int_equal(pm_next(&p, next), ~0ul);
		now = next + SECOND;
		assert_int_equal(pm_read(&p, 0x600, 2, now), 1);
		pm_write(&p, 0x600, 2, 0xfffe, now); /* not this bit */
		assert_true(pm_sci(&p, now));
		pm_write(&p, 0x600, 2, 1, now);
		assert_int_equal(pm_read(&p, 0x600, 2, now), 0);
		assert_false(pm_sci(&p, now));
	}
	pm_write(&p, 0x602, 1, 0, now);
	now = pm_next(&p, now);
	assert_int_equal(now, ~0ul);
	now = 10000 * SECOND;
	assert_int_equal(pm_read(&p, 0x600, 2, now), 1);
	assert_false(pm_sci(&p, now));
	pm_write(&p, 0x602, 1, 1, now);
	assert_true(pm_sci(&p, now));
}

static void registers(void **state)
{
	(void)state;
	out(0x602, 2, 0xffff);
	assert_int_equal(in(0x602, 2), 0x0721);
	assert_int_equal(in(0x600, 4), 0x07210000);
	out(0x603, 1, 0);
	assert_int_equal(in(0x602, 2), 0x0021);
	out(0x600, 4, 0x0400ffff);
	assert_int_equal(in(0x600, 4), 0x04000000);
	out(0x604, 2, 0xdfff);
	assert_int_equal(in(0x604, 2), 0x1c03);
	assert_int_equal(in(0x604, 4), 0x1c03);
	out(0x604, 1, 0);
	assert_int_equal(in(0x604, 2), 0x1c01);
	out(0x608, 4, 12345);
	assert_int_equal(in(0x608, 4), 0);
	assert_true(asks(false, false, false));
}

static void switched_off(void **state)
{
	for (u32 type = 0; type < 8; type++) {
		reset(state);
		out(0x604, 2, type << 10);
		assert_true(asks(false, false, false));
		out(0x604, 2, type << 10 | 0x2000);
		assert_true(asks(type == 0, false, false));
		assert_int_equal(in(0x604, 2), type << 10 | 1);
		reset(state);
		out(0x605, 1, type << 2 | 0x20);
		assert_true(asks(type == 0, false, false));
	}
	reset(state);
	out(0x602, 4, 0x20000000); /* over both registers */
	assert_true(asks(true, false, false));
}

static void resets(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		reset(state);
		out(0xcf9, 1, v);
		assert_true(asks(false, v & 4, false));
		assert_int_equal(in(0xcf9, 1), v & 0x0e);
		reset(state);
		out(0x64, 1, v);
		assert_true(asks(false, v == 0xfe, false));
		reset(state);
		out(0x92, 1, v);
		assert_true(asks(false, v & 1, false));
		assert_int_equal(in(0x92, 1), v & 2);
	}
	reset(state);
	out(0xcf9, 1, 2);
	assert_true(asks(false, false, false));
	out(0xcf9, 1, 6);
	assert_true(asks(false, true, false));
}

static void exits(void **state)
{
	for (unsigned size = 1; size <= 4; size *= 2) {
		reset(state);
		out(0xf4, size, 0x12);
		assert_true(asks(false, false, true));
		assert_int_equal(p.exit_value, 0x12);
	}
	reset(state);
	out(0xf5, 1, 1);
	assert_true(asks(false, false, false));
}

static struct fwcfg f;

static u64 item(u16 key)
{
	u64 value = 0;

	fwcfg_select(&f, key);
	for (unsigned i = 0; i < 8; i++)
		value |= (u64)fwcfg_data(&f) << 8 * i;
	return value;
}

static void fw_cfg(void **state)
{
	(void)state;
	memset(&f, 0xa5, sizeof(f));
	fwcfg_reset(&f, 0x123456789000, 7);
	assert_int_equal(fwcfg_data(&f), 'Q'); /* selected from the start */
	for (unsigned key = 0; key <= 0xffff; key++) {
		u64 value = item(key);

		switch (key) {
		case 0:
			assert_memory_equal(&value, "QEMU\0\0\0\0", 8);
			break;
		case 1:
			assert_int_equal(value, 1);
			break;
		case 3:
			assert_int_equal(value, 0x123456789000);
			break;
		case 5:
		case 15:
			assert_int_equal(value, 7);
			break;
		default:
			assert_int_equal(value, 0);
		}
	}
	/* no item is longer */
	fwcfg_select(&f, 3);
	for (unsigned i = 0; i < 100000; i++) {
		u8 byte = fwcfg_data(&f);

		assert_true(i < 8 || !byte);
	}
	assert_int_equal(item(5), 7);
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
		cmocka_unit_test_setup(timer_counts, random_start),
		cmocka_unit_test_setup(timer_carries, reset),
		cmocka_unit_test_setup(registers, reset),
		cmocka_unit_test_setup(switched_off, reset),
		cmocka_unit_test_setup(resets, reset),
		cmocka_unit_test_setup(exits, reset),
		cmocka_unit_test(fw_cfg),
	};

	return cmocka_run_group_tests_name("pm", tests, NULL, NULL);
}
