/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The RAM ranges: sorting, joining, and what becomes of a map that overlaps.
 * links: boot/memmap.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "boot/memmap.h"

static struct mem_range ranges[16];
static struct memmap map;

static int setup(void **state)
{
	(void)state;
	map = (struct memmap){ ranges, 0, ARRAY_SIZE(ranges) };
	return 0;
}

static void expect(u32 i, u64 start, u64 end, bool free)
{
	assert_true(i < map.count);
	assert_int_equal(map.range[i].start, start);
	assert_int_equal(map.range[i].end, end);
	assert_int_equal(map.range[i].free, free);
}

static void sorts_and_joins(void **state)
{
	(void)state;
	memmap_add(&map, 0x8000, 0x9000, true);
	memmap_add(&map, 0x1000, 0x3000, true);
	memmap_add(&map, 0x3000, 0x4000, true);
	memmap_add(&map, 0x5000, 0x8000, false);
	memmap_add(&map, 0x4000, 0x5000, true);
	memmap_add(&map, 0x20000, 0x20000, true); /* empty */
	memmap_sort(&map);
	assert_int_equal(map.count, 3);
	expect(0, 0x1000, 0x5000, true);
	expect(1, 0x5000, 0x8000, false);
	expect(2, 0x8000, 0x9000, true);
	assert_int_equal(memmap_total(&map, false), 0x8000);
	assert_int_equal(memmap_total(&map, true), 0x5000);
}

/* A byte that any range calls in use is never handed out. */
static void overlaps_are_not_free(void **state)
{
	(void)state;
	memmap_add(&map, 0x1000, 0x6000, true);
	memmap_add(&map, 0x2000, 0x3000, false);
	memmap_add(&map, 0x8000, 0xa000, false);
	memmap_add(&map, 0x9000, 0xc000, true);
	memmap_add(&map, 0x20000, 0x22000, true);
	memmap_add(&map, 0x21000, 0x23000, false);
	memmap_sort(&map);
	for (u32 i = 0; i < map.count; i++) {
		if (i)
			assert_true(map.range[i].start >= map.range[i - 1].end);
		if (map.range[i].free) {
			assert_true(map.range[i].end <= 0x2000 || map.range[i].start >= 0x3000);
			assert_true(map.range[i].end <= 0x8000 || map.range[i].start >= 0xa000);
			assert_true(map.range[i].end <= 0x21000 || map.range[i].start >= 0x23000);
		}
	}
	assert_int_equal(memmap_total(&map, false), 0x5000 + 0x4000 + 0x3000);
}

static void full(void **state)
{
	(void)state;
	for (u64 i = 0; i < ARRAY_SIZE(ranges); i++)
		assert_true(memmap_add(&map, i * 0x2000, i * 0x2000 + 0x1000, true));
	assert_false(memmap_add(&map, 0x100000, 0x101000, true));
	assert_true(memmap_add(&map, 0x100000, 0x100000, true));
	memmap_sort(&map);
	assert_int_equal(map.count, ARRAY_SIZE(ranges));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sorts_and_joins, setup),
		cmocka_unit_test_setup(overlaps_are_not_free, setup),
		cmocka_unit_test_setup(full, setup),
	};

	return cmocka_run_group_tests_name("memmap", tests, NULL, NULL);
}
