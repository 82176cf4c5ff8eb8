/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's memory-type range registers: what they hold, and which writes are #GP.
 * links: vmx/mtrr.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mm/x86.h"
#include "vmx/mtrr.h"

#define BITS 40
#define CAP 0xfe
#define TYPE 0x2ff

static struct mtrr mtrr;

static const u32 fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
			     0x26b, 0x26c, 0x26d, 0x26e, 0x26f };

static int fresh(void **state)
{
	(void)state;
	memset(&mtrr, 0xee, sizeof(mtrr));
	mtrr_init(&mtrr, BITS);
	return 0;
}

/* Whether it is taken: then it reads back, and nothing else has changed; else nothing has. */
static bool takes(u32 msr, u64 value)
{
	struct mtrr before = mtrr;
	bool taken = mtrr_write(&mtrr, msr, value, BITS);
	unsigned changed = 0;

	for (u32 other = 0; other < 0x400; other++)
		if (mtrr_has(other) && mtrr_read(&before, other) != mtrr_read(&mtrr, other)) {
			assert_int_equal(other, msr);
			changed++;
		}
	assert_true(taken || !changed);
	assert_true(!taken || mtrr_read(&mtrr, msr) == value);
	mtrr = before;
	return taken;
}

static void as_firmware_leaves_them(void **state)
{
	unsigned n = 0;

	(void)state;
	for (u32 msr = 0; msr < 0x2000; msr++)
		n += mtrr_has(msr);
	assert_int_equal(n, 1 + 1 + 11 + 16);
	assert_int_equal(mtrr_read(&mtrr, CAP), 0x508);
	assert_int_equal(mtrr_read(&mtrr, TYPE), 0xc06);
	for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++)
		assert_int_equal(mtrr_read(&mtrr, fixed[i]),
				 fixed[i] == 0x259 ? 0 : 0x0606060606060606);
	assert_int_equal(mtrr_read(&mtrr, 0x200), 0xc0000000);
	assert_int_equal(mtrr_read(&mtrr, 0x201), 0xffc0000800);
	for (u32 msr = 0x202; msr < 0x210; msr++)
		assert_int_equal(mtrr_read(&mtrr, msr), 0);
}

static void writes(void **state)
{
	(void)state;
	assert_false(takes(CAP, 0x508));
	for (u64 type = 0; type < 256; type++) {
		bool known = type == 0 || type == 1 || type == 4 || type == 5 || type == 6;

		assert_int_equal(takes(TYPE, 0xc00 | type), known);
		assert_int_equal(takes(0x20e, 0x12345000 | type), known);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(takes(fixed[i], type << 8 * i), known);
	}
	for (unsigned bit = 8; bit < 64; bit++) {
		assert_int_equal(takes(TYPE, BIT(bit)), bit == 10 || bit == 11);
		assert_int_equal(takes(0x202, BIT(bit)), bit >= 12 && bit < BITS);
		assert_int_equal(takes(0x203, BIT(bit)), bit >= 11 && bit < BITS);
	}
	for (unsigned bit = 0; bit < 8; bit++)
		assert_false(takes(0x203, BIT(bit)));
	assert_false(takes(0x210, 0));
	assert_false(takes(0x1ff, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(as_firmware_leaves_them, fresh),
		cmocka_unit_test_setup(writes, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
