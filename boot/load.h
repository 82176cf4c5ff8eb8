/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest images: what goes where in the guest's memory, and how vCPU 0 starts. Plain C, without
 * allocation. The image is any bytes; each field is checked before it is used.
 *
 *   kind       recognized by                               vCPU 0 starts
 *   bzImage    "HdrS" at 202h                              in 64-bit mode, by Linux's boot protocol
 *   multiboot  a header with a right checksum in the       in protected mode
 *              first 8 KB
 *   flat       neither, and a name ending .bin or .flat    as by a SIPI, at GUEST_LOAD_GPA
 */
#ifndef BOOT_LOAD_H
#define BOOT_LOAD_H

#include "apic/ioapic.h"
#include "boot/config.h"
#include "vmx/start.h"

#define LOAD_RAM_MIN (2ul << 20)
#define LOAD_RAM_MAX (1ul << 30)

/* An image may lie in 0..LOAD_LOW_END, below the page in which Linux looks for a BIOS's data, and from
 * 1 MB to the end of RAM. What the loader makes itself lies in the first gap from LOAD_LOW_GPA on, as
 * low as GRUB puts it: kernels take the end of low memory for themselves (Xen). */
#define LOAD_LOW_GPA 0x10000u
#define LOAD_LOW_END 0x9f000u

/* Enough for each kind with a command line of 8 KB. */
#define LOAD_SCRATCH 0x10000u

/* One range of the memory map that guests are given: an entry of E820. */
struct load_range {
	u64 gpa, size;
	u32 type; /* MEMORY_* */
} __attribute__((packed));
_Static_assert(sizeof(struct load_range) == 20, "the firmware's E820 entry has 20 bytes");

enum { MEMORY_RAM = 1, MEMORY_RESERVED = 2 };
#define LOAD_RANGES 6

/* The memory map of a guest with RAM bytes of memory (2 MB..1 GB), ascending, without overlaps. ACPI
 * tables have room in 0xe0000..0xfffff. */
void load_memory_map(u64 ram, struct load_range map[LOAD_RANGES]);

struct load_module {
	const u8 *data;
	u64 size;
	const char *string; /* multiboot's for it: "NAME words"; NULL: none */
};

struct load_input {
	const char *name; /* the image's file name */
	const u8 *image;
	u64 image_size;
	const char *cmdline;			/* NULL or "": none */
	struct load_module module[MODULES_MAX]; /* multiboot's, or the initrd */
	unsigned modules;
	u64 ram;  /* bytes from guest-physical 0: whole pages, 2 MB..1 GB */
	u64 acpi; /* guest-physical address of the RSDP; 0: none */
};

struct load_piece {
	u64 gpa;
	const void *from; /* NULL: zeroes */
	u64 size;
};

#define LOAD_PIECES 32
struct load_plan {
	const char *kind; /* "bzImage", "multiboot" or "flat" */
	struct load_piece piece[LOAD_PIECES];
	unsigned pieces;
	struct guest_start start;
};

/*
 * Fills PLAN: the pieces to copy, which lie in RAM and do not overlap, and how vCPU 0 starts. RAM is
 * zero before: as the pieces are disjoint, those of zeroes may then be left out. The pieces point
 * into the image, the modules and SCRATCH (LOAD_SCRATCH bytes are enough, of any alignment), which
 * stay as they are until the copy is made.
 *
 * 0; -EINVAL: the image or another input is refused; -ENOMEM: it does not fit into RAM or scratch;
 * -ENOENT: of no known kind. ERR then has one line with the kind, the field, and what is allowed.
 */
int load_plan(const struct load_input *in, void *scratch, size_t scratch_size,
	      struct load_plan *plan, char *err, size_t err_size);

#endif
