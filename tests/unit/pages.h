/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of every kind that a store meets, made from a number: the same number, the same page. */
#ifndef TESTS_UNIT_PAGES_H
#define TESTS_UNIT_PAGES_H

#include <stdio.h>
#include <string.h>

#include "mm/random.h"

enum page_kind {
	PAGE_ZERO,
	PAGE_SAME,
	PAGE_SPARSE, /* some words that are not zero */
	PAGE_TEXT,
	PAGE_PART,  /* random bytes at the start, as many as come, and zeroes */
	PAGE_MIXED, /* text with a random stretch in it, which may be too long to pack */
	PAGE_RANDOM,
	PAGE_KINDS
};

static inline void page_random(u8 *page, unsigned from, unsigned to, u64 number)
{
	for (unsigned i = from; i < to; i++)
		page[i] = (u8)random_next(&number);
}

static inline void page_text(u8 *page, u64 number)
{
	unsigned at = 0;
	char line[80];

	for (unsigned n = 0; at < PAGE_SIZE; n++) {
		int length =
			snprintf(line, sizeof(line), "line %u of page %lu says so.\n", n, number);
		unsigned part = MIN((unsigned)length, PAGE_SIZE - at);

		memcpy(page + at, line, part);
		at += part;
	}
}

static inline void page_make(u8 *page, enum page_kind kind, u64 number)
{
	u64 random = number, word = random_next(&random), *words = (u64 *)page;

	memset(page, 0, PAGE_SIZE);
	switch (kind) {
	case PAGE_SAME:
		for (unsigned i = 0; i < PAGE_SIZE / sizeof(u64); i++)
			words[i] = word;
		break;
	case PAGE_SPARSE:
		for (unsigned i = word % 40; i; i--) {
			u64 value = random_next(&random);

			words[value % (PAGE_SIZE / sizeof(u64))] = value;
		}
		break;
	case PAGE_TEXT:
		page_text(page, number);
		break;
	case PAGE_PART:
		page_random(page, 0, word % PAGE_SIZE, random);
		break;
	case PAGE_MIXED:
		page_text(page, number);
		page_random(page, word % 1000, 1000 + (word >> 32) % 3000, random);
		break;
	case PAGE_RANDOM:
		page_random(page, 0, PAGE_SIZE, random);
		break;
	default:
		break;
	}
}

#endif
