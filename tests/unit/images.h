/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small guest images of each kind, by offsets, so that boot/'s layouts are not used to check
 * themselves. */
#ifndef TESTS_UNIT_IMAGES_H
#define TESTS_UNIT_IMAGES_H

#include <string.h>

#include "mm/types.h"

static inline void put(u8 *image, u64 at, unsigned bytes, u64 value)
{
	memcpy(image + at, &value, bytes);
}

/* Bytes whose place can be told from them. */
static inline void put_pattern(u8 *image, u64 from, u64 to)
{
	for (; from < to; from++)
		image[from] = (u8)(from * 7 + (from >> 8));
}

/* A bzImage: two sectors of setup, 0x300 bytes of kernel that want 0x5000 at 0x200000. */
#define BZ_SETUP 0x400
#define BZ_KERNEL 0x300
#define BZ_SIZE (BZ_SETUP + BZ_KERNEL)
static inline void make_bzimage(u8 image[BZ_SIZE])
{
	memset(image, 0, BZ_SETUP);
	put_pattern(image, BZ_SETUP, BZ_SIZE);
	put(image, 0x1f1, 1, 1);
	put(image, 0x1f4, 4, BZ_KERNEL / 16);
	put(image, 0x1fe, 2, 0xaa55);
	put(image, 0x200, 2, 0x6aeb);
	put(image, 0x202, 4, 0x53726448);
	put(image, 0x206, 2, 0x20f);
	put(image, 0x210, 1, 0);
	put(image, 0x211, 1, 1);
	put(image, 0x214, 4, 0x100000);
	put(image, 0x22c, 4, 0x7fffffff);
	put(image, 0x230, 4, 0x200000);
	put(image, 0x234, 1, 1);
	put(image, 0x236, 2, 0x7f);
	put(image, 0x226, 2, 0x1234);
	put(image, 0x238, 4, 2047);
	put(image, 0x250, 8, 0x1234);
	put(image, 0x258, 8, 0x200000);
	put(image, 0x260, 4, 0x5000);
	put(image, 0x268, 4, 0xabcd);
	put_pattern(image, 0x26c, BZ_SETUP); /* setup's code, which is not the header's */
}

/* A multiboot header. */
static inline void put_multiboot(u8 *image, u64 at, u32 flags)
{
	put(image, at, 4, 0x1badb002);
	put(image, at + 4, 4, flags);
	put(image, at + 8, 4, -(0x1badb002 + flags));
}

/*
 * An ELF file with two segments: 0x100 bytes at file offset 0x100 for 0x100000, and 0x80 bytes at
 * 0x200 with zeroes behind them, 0x1080 in all, for 0x200000. Virtual addresses are VIRTUAL higher.
 * The multiboot header lies at 0x100, the entry 0x10 behind it.
 */
#define ELF_SIZE 0x280
static inline void make_elf32(u8 image[ELF_SIZE], u32 virtual)
{
	put_pattern(image, 0, ELF_SIZE);
	memset(image, 0, 0x34 + 2 * 0x20);
	put(image, 0, 8, 0x10101464c457f);
	put(image, 0x10, 2, 2);
	put(image, 0x12, 2, 3);
	put(image, 0x18, 4, 0x100010 + virtual);
	put(image, 0x1c, 4, 0x34);
	put(image, 0x2a, 2, 0x20);
	put(image, 0x2c, 2, 2);
	for (unsigned i = 0; i < 2; i++) {
		u64 h = 0x34 + i * 0x20, address = i ? 0x200000 : 0x100000;

		put(image, h, 4, 1);
		put(image, h + 0x04, 4, i ? 0x200 : 0x100);
		put(image, h + 0x08, 4, address + virtual);
		put(image, h + 0x0c, 4, address);
		put(image, h + 0x10, 4, i ? 0x80 : 0x100);
		put(image, h + 0x14, 4, i ? 0x1080 : 0x100);
	}
	put_multiboot(image, 0x100, 3);
}

static inline void make_elf64(u8 image[ELF_SIZE], u64 virtual)
{
	put_pattern(image, 0, ELF_SIZE);
	memset(image, 0, 0x40 + 2 * 0x38);
	put(image, 0, 8, 0x10102464c457f);
	put(image, 0x10, 2, 2);
	put(image, 0x12, 2, 62);
	put(image, 0x18, 8, 0x100010 + virtual);
	put(image, 0x20, 8, 0x40);
	put(image, 0x36, 2, 0x38);
	put(image, 0x38, 2, 2);
	for (unsigned i = 0; i < 2; i++) {
		u64 h = 0x40 + i * 0x38, address = i ? 0x200000 : 0x100000;

		put(image, h, 4, 1);
		put(image, h + 0x08, 8, i ? 0x200 : 0x100);
		put(image, h + 0x10, 8, address + virtual);
		put(image, h + 0x18, 8, address);
		put(image, h + 0x20, 8, i ? 0x80 : 0x100);
		put(image, h + 0x28, 8, i ? 0x1080 : 0x100);
	}
	put_multiboot(image, 0x100, 3);
}

/* No ELF file: a header with addresses at 0x40, of 0x200 bytes all from offset 0x20 on are loaded at
 * 0x100000, 0x1000 zeroes come behind them. */
#define PLAIN_SIZE 0x200
static inline void make_plain(u8 image[PLAIN_SIZE])
{
	put_pattern(image, 0, PLAIN_SIZE);
	put_multiboot(image, 0x40, 0x10003);
	put(image, 0x4c, 4, 0x100020);
	put(image, 0x50, 4, 0x100000);
	put(image, 0x54, 4, 0x1001e0);
	put(image, 0x58, 4, 0x1011e0);
	put(image, 0x5c, 4, 0x100040);
}

#endif
