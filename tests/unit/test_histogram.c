/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Percentiles, against the same values sorted.
 * links: boot/histogram.c mm/frame.c tests/unit/fake.c
 */
#include <stdlib.h>

#include "boot/histogram.h"
#include "tests/unit/fake.h"

#define VALUES 5000

static struct histogram h;
static u64 values[VALUES];

static int setup(void **state)
{
	(void)state;
	h = (struct histogram){ 0 };
	return 0;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* The smallest value such that PER_MILLE thousandths are not above it. */
static u64 reference(unsigned count, unsigned per_mille)
{
	u64 rank = ((u64)count * per_mille + 999) / 1000;

	return values[rank ? rank - 1 : 0];
}

static void check(unsigned count)
{
	qsort(values, count, sizeof(*values), compare);
	CHECK(h.count == count);
	for (unsigned per_mille = 1; per_mille <= 1000; per_mille++) {
		u64 want = reference(count, per_mille), got = histogram_percentile(&h, per_mille);

		CHECK(got <= want && want - got <= want / 16);
		CHECK(want >= 16 || got == want);
	}
}

static void empty(void **state)
{
	(void)state;
	assert_int_equal(histogram_percentile(&h, 0), 0);
	assert_int_equal(histogram_percentile(&h, 500), 0);
	assert_int_equal(histogram_percentile(&h, 1000), 0);
}

/* Each value lands in the bucket whose lower end is at or below it, within a sixteenth. */
static void single_values(void **state)
{
	(void)state;
	fake_random_start();
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int off = -2; off <= 2; off++) {
			setup(state);
			values[0] = (1ul << bit) + (u64)(int64_t)off;
			histogram_add(&h, values[0]);
			check(1);
		}
	}
	setup(state);
	histogram_add(&h, UINT64_MAX);
	assert_true(histogram_percentile(&h, 1000) == 31ul << 59);
	setup(state);
	histogram_add(&h, 0);
	assert_int_equal(histogram_percentile(&h, 1000), 0);
}

/* The order of the buckets is the order of the values. */
static void rises(void **state)
{
	u64 last = 0;

	for (u64 value = 0; value < 1 << 16; value++) {
		u64 got;

		setup(state);
		histogram_add(&h, value);
		got = histogram_percentile(&h, 1);
		assert_true(got >= last && got <= value);
		last = got;
	}
}

static void random_values(void **state)
{
	fake_random_start();
	for (fake_step = 0; fake_step < 60; fake_step++) {
		unsigned count = 1 + fake_random() % (fake_step < 30 ? 12 : VALUES);
		unsigned shift = fake_random() % 64;

		setup(state);
		for (unsigned i = 0; i < count; i++) {
			values[i] = fake_random() >> (fake_random() % 8 ? shift : 0);
			histogram_add(&h, values[i]);
		}
		check(count);
	}
}

static void known_shares(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		histogram_add(&h, i < 500 ? 3 : i < 990 ? 7 : 15);
	assert_int_equal(histogram_percentile(&h, 500), 3);
	assert_int_equal(histogram_percentile(&h, 501), 7);
	assert_int_equal(histogram_percentile(&h, 990), 7);
	assert_int_equal(histogram_percentile(&h, 991), 15);
	assert_int_equal(histogram_percentile(&h, 1000), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty, setup),
		cmocka_unit_test(single_values),
		cmocka_unit_test(rises),
		cmocka_unit_test(random_values),
		cmocka_unit_test_setup(known_shares, setup),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
