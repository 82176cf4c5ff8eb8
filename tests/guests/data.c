/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data pages: guest RAM above 1 MB. It begins with a table of u32, the version of each page of
 * guest RAM, so that what is remembered of a page moves about as the page does. The pages after the
 * table belong to the vCPUs in turn.
 *
 * A word tells where it belongs: bits 63:44 page number, 43:35 word in the page, 34:19 version,
 * 18:0 a hash of them. Version 0 is a page that was never written: all zero.
 */
#include "tests/guests/data.h"

#define WORDS (PAGE_SIZE / 8)

static u32 spare;

static inline u64 pattern(u64 page, u32 word, u32 version)
{
	u64 x = page << 44 | (u64)word << 35 | (u64)(version & 0xffff) << 19;

	return x | (x * 0x9e3779b97f4a7c15) >> 45;
}

static volatile u32 *version_of(u32 page)
{
	return (volatile u32 *)DATA_START + page;
}

/* The share of a vCPU is first, first + vcpus, ...: COUNT pages. */
static u32 share(struct vcpu *v, u32 *first)
{
	const struct guest_info *info = GUEST_INFO;
	u32 table = (info->ram_pages * sizeof(u32) + PAGE_SIZE - 1) >> PAGE_SHIFT;

	*first = (DATA_START >> PAGE_SHIFT) + table + v->id;
	if (*first + spare >= info->ram_pages)
		return 0;
	return (info->ram_pages - spare - *first + info->vcpus - 1) / info->vcpus;
}

static void verify(struct vcpu *v, u32 page)
{
	const volatile u64 *words = (const volatile u64 *)((u64)page << PAGE_SHIFT);
	u32 version = *version_of(page), reports = 0;

	for (u32 i = 0; i < WORDS; i++) {
		u64 expected = version ? pattern(page, i, version) : 0;
		u64 value = words[i];

		if (unlikely(value != expected) && reports++ < DATA_REPORTS)
			rt_wrong(v, WRONG_DATA, (u64)&words[i], value, expected);
	}
	v->checks += WORDS;
}

void data_visit(struct vcpu *v)
{
	u32 first, count = share(v, &first), page;
	volatile u64 *words;

	if (!count)
		return;
	page = first + (rt_random(v) >> 32) % count * GUEST_INFO->vcpus;
	verify(v, page);

	/* Two passes, so that the page may move between the reading and the writing. Version 0
	 * stays the unwritten page. */
	words = (volatile u64 *)((u64)page << PAGE_SHIFT);
	if (!++*version_of(page))
		++*version_of(page);
	for (u32 i = 0, version = *version_of(page); i < WORDS; i++)
		words[i] = pattern(page, i, version);
}

void data_verify_all(struct vcpu *v)
{
	u32 first, count = share(v, &first);

	for (u32 i = 0; i < count; i++)
		verify(v, first + i * GUEST_INFO->vcpus);
}

void data_spare(u32 pages)
{
	spare = pages;
}
