/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loaders of boot/load.h share. */
#ifndef BOOT_LOADER_H
#define BOOT_LOADER_H

#include "boot/load.h"

struct loader {
	const struct load_input *in;
	struct load_plan *plan;
	u8 *low; /* of low_size bytes, the first low_used are given away */
	u64 low_size, low_used, low_gpa;
	char *err;
	size_t err_size;
};

/* The image has SIZE bytes at OFFSET. */
static inline bool load_has(const struct loader *l, u64 offset, u64 size)
{
	return offset <= l->in->image_size && size <= l->in->image_size - offset;
}

/* The address of the next page, or ADDRESS. It is an address of RAM. */
static inline u64 load_page_up(u64 address)
{
	return (address + PAGE_SIZE - 1) & -(u64)PAGE_SIZE;
}

/* Writes the message, with the kind before it, and returns ERROR. */
__attribute__((format(printf, 3, 4))) int load_refuse(struct loader *l, int error, const char *fmt,
						      ...);

/* Adds a piece, which WHAT names in a message. It lies where images may and overlaps no other one:
 * else -EINVAL. Nothing is added for a SIZE of 0. */
int load_add(struct loader *l, const char *what, u64 gpa, const void *from, u64 size);

/* SIZE zero bytes of scratch memory that the guest finds at *GPA, a multiple of ALIGN (a power of two
 * up to 4096). The image's own pieces below 1 MB are there before. NULL when there is no room, which is
 * then told. */
void *load_low(struct loader *l, u64 size, u64 align, u64 *gpa);

/* The same with TEXT (NULL: "") and its final NUL. 0, -ENOMEM. */
int load_string(struct loader *l, const char *text, u64 *gpa);

/* The start in MODE, not START_REAL, at RIP: with a GDT whose selectors are those of Linux's protocol,
 * and in long mode with page tables that map the first 4 GB as they are. 0, -ENOMEM. */
int load_start(struct loader *l, int mode, u64 rip);

/*
 * Adds the segments of an ELF file for i386 or x86-64, at their physical addresses; ENTRY is where it
 * is entered without paging. ELF's entry is an address of the code's own, virtual: if a segment has it,
 * what lies there in memory is meant. Many a kernel gives a physical one instead. 0, -EINVAL.
 */
int load_elf(struct loader *l, u64 *entry);

/* The kinds with a header. As load_plan(); -ENOENT: it is not of this kind. */
int load_bzimage(struct loader *l);
int load_multiboot(struct loader *l);

#endif
