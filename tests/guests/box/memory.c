/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All of RAM is memory; elsewhere nobody answers. */
#include "tests/guests/box/box.h"

#define WORDS (PAGE_SIZE / sizeof(u64))
#define GIGABYTE BIT(30)
#define STEP (2ull << 20)
#define LAST_PAGE 0x1ff000ull /* of 2 MB: the APICs are at the start of theirs */
#define FIRMWARE 0xffe00000ull

static volatile u64 *page_at(u64 gpa)
{
	if (gpa < GIGABYTE)
		return (volatile u64 *)gpa;
	window_set(0, gpa | PTE_P | PTE_W);
	return (volatile u64 *)WINDOW;
}

static u64 word_of(u64 gpa, u64 salt)
{
	return (gpa ^ salt) * 0x9e3779b97f4a7c15;
}

/* Some words of each page. All are written before any is read: two pages in one frame would show. */
#define STRIDE 512u
static void ram(u64 salt)
{
	u64 wrong = 0, first = 0, end = ram_end();

	for (u64 gpa = SPARE_RAM; gpa < end; gpa += STRIDE)
		*(volatile u64 *)gpa = word_of(gpa, salt);
	for (u64 gpa = SPARE_RAM; gpa < end; gpa += STRIDE) {
		if (*(volatile u64 *)gpa == word_of(gpa, salt))
			continue;
		if (!wrong++)
			first = gpa;
	}
	is(wrong, 0, "each page of RAM is kept, by %lx", salt);
	if (wrong)
		say("the first that is not: %lx", first);
}

/* Reads of each size give ones, a write leaves no trace. */
static bool nobody(u64 gpa)
{
	volatile u64 *p = page_at(gpa);
	volatile u32 *d = (volatile u32 *)(p + 1);
	volatile u16 *w = (volatile u16 *)(p + 2);
	volatile u8 *b = (volatile u8 *)(p + WORDS) - 1;

	*p = 0;
	*d = 0;
	*w = 0;
	*b = 0;
	return *p == ~0ull && *d == ~0u && *w == 0xffff && *b == 0xff;
}

static void outside(void)
{
	u64 end = (ram_end() + STEP) & ~(STEP - 1), wrong = 0, first = 0, top = BIT(39);
	u32 bits = cpuid(0x80000008, 0).eax & 0xff;

	if (tcg_lacks("reads give 0", "no memory from the end of RAM to 4 GB",
		      "no memory from 4 GB to 1 TB"))
		return;
	for (u64 gpa = end; gpa < FIRMWARE; gpa += STEP)
		if (!nobody(gpa + LAST_PAGE) && !wrong++)
			first = gpa + LAST_PAGE;
	is(wrong, 0, "no memory from the end of RAM to 4 GB");
	if (wrong)
		say("the first: %lx", first);
	wrong = 0;
	if (bits < 40)
		top = BIT(bits - 1);
	for (u64 gpa = 4 * GIGABYTE; gpa < top; gpa += gpa / 8) {
		u64 page = gpa & ~(u64)(PAGE_SIZE - 1);

		if (!nobody(page) && !wrong++)
			first = page;
	}
	is(wrong, 0, "no memory from 4 GB to 1 TB");
	if (wrong)
		say("the first: %lx", first);
	ok(nobody(2 * top - PAGE_SIZE), "nor in the last page of the address space");
}

/* A page that is nobody's RAM does not mirror one that is. */
static void aliases(void)
{
	volatile u64 *ram = (volatile u64 *)(SPARE_RAM + 0x1000);
	u32 wrong = 0;

	*ram = 0x1234;
	for (u32 bit = 30; bit < 39; bit++) {
		*page_at((u64)ram | BIT(bit)) = 0x5678;
		wrong += *ram != 0x1234;
	}
	is(wrong, 0, "writes beyond RAM do not come around");
}

void test_memory(void)
{
	box_init();
	say("RAM ends at %lx", ram_end());
	ram(0x0123456789abcdef);
	outside();
	aliases();
	ram(0xfedcba9876543210);
	window_map(0, 0, 0);
}
