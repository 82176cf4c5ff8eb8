/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the linker and the symbol generator say about the image. The borders are page-aligned. */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include "mm/types.h"

extern char ImageBase[];
extern char text_start[], text_end[];	  /* R X */
extern char rodata_start[], rodata_end[]; /* R */
extern char data_start[], data_end[];	  /* R W */

/* The functions by address, ascending; OFFSET counts from ImageBase, NAME is an offset into
 * symbol_names. */
struct symbol {
	u32 offset;
	u32 name;
};
extern const struct symbol symbols[];
extern const u32 symbol_count;
extern const char symbol_names[];

#endif
