/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The formatter, against the C library's where both know the same things.
 * links: boot/format.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "boot/format.h"

#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[200], libc[200];                                                         \
		int length = format(ours, sizeof(ours), __VA_ARGS__);                              \
		assert_int_equal(length, snprintf(libc, sizeof(libc), __VA_ARGS__));               \
		assert_string_equal(ours, libc);                                                   \
	} while (0)

/* Without the attribute that checks formats: mistakes in them are what is tested. */
static int loose(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vformat(buf, size, fmt, args);
	va_end(args);
	return length;
}

static void numbers(void **state)
{
	(void)state;
	SAME("%d %d %d %i", 0, 1, -1, 42);
	SAME("%d %d", INT32_MAX, INT32_MIN);
	SAME("%ld %ld", INT64_MAX, INT64_MIN);
	SAME("%u %x %X", UINT32_MAX, 0xdeadbeefu, 0xdeadbeefu);
	SAME("%lu %lx", UINT64_MAX, UINT64_MAX);
	SAME("%llu %llx %lld", 18446744073709551615ull, 0x123456789abcdefull, -5ll);
	SAME("%zu %zx", (size_t)12345, sizeof(int));
}

static void widths(void **state)
{
	(void)state;
	SAME("[%5d] [%05d] [%-5d]", 42, 42, 42);
	SAME("[%5d] [%05d] [%-5d]", -42, -42, -42);
	SAME("[%016lx] [%2u] [%02x]", 0xfeeul, 12345u, 7u);
	SAME("[%8s] [%-8s] [%3s]", "abc", "abc", "abcdef");
	SAME("[%20lu]", UINT64_MAX);
}

static void text(void **state)
{
	char buf[32];

	(void)state;
	SAME("%s|%c|%%|%s", "abc", 'x', "");
	loose(buf, sizeof(buf), "%s", (const char *)NULL);
	assert_string_equal(buf, "(null)");
}

/* What it does not know stands in the text, and the end of the format is never passed. */
static void unknown(void **state)
{
	char buf[32];

	(void)state;
	loose(buf, sizeof(buf), "a%qb");
	assert_string_equal(buf, "a%qb");
	loose(buf, sizeof(buf), "50%");
	assert_string_equal(buf, "50%");
	loose(buf, sizeof(buf), "%08l");
	assert_string_equal(buf, "%08l");
}

static void cut(void **state)
{
	(void)state;
	for (size_t size = 0; size < 12; size++) {
		char *buf = malloc(size ? size : 1); /* exactly: the sanitizer sees a byte more */
		int length;

		buf[0] = 'z';
		length = format(buf, size, "%s %05d", "abcd", 77);
		if (!size) {
			assert_int_equal(length, 0);
			assert_int_equal(buf[0], 'z');
		} else {
			assert_int_equal(length, MIN(size - 1, 10));
			assert_memory_equal(buf, "abcd 00077", (size_t)length);
			assert_int_equal(buf[length], 0);
		}
		free(buf);
	}
}

static void json(void **state)
{
	char buf[64];

	(void)state;
	format_json(buf, sizeof(buf), "a\"b\\c\n\x01\xff");
	assert_string_equal(buf, "a\\\"b\\\\c\\u000a\\u0001\\u00ff");
	/* An escape is written whole or not at all. */
	assert_int_equal(format_json(buf, 8, "abc\nd"), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(format_json(buf, 1, "abc"), 0);
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers), cmocka_unit_test(widths), cmocka_unit_test(text),
		cmocka_unit_test(unknown), cmocka_unit_test(cut),    cmocka_unit_test(json),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
