/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/pc/fwcfg.h"

enum {
	KEY_SIGNATURE = 0,
	KEY_ID = 1,
	KEY_RAM = 3,
	KEY_CPUS = 5,
	KEY_MAX_CPUS = 15,
	/* 0x19, the list of files, starts with how many there are: zero bytes, as any other item. */
};
#define ID_TRADITIONAL 1 /* without bit 1: no DMA */

void fwcfg_reset(struct fwcfg *f, u64 ram, u16 cpus)
{
	*f = (struct fwcfg){ .ram = ram, .cpus = cpus };
}

void fwcfg_select(struct fwcfg *f, u16 key)
{
	f->key = key;
	f->at = 0;
}

/* All items fit a number, little-endian. */
static u64 item(const struct fwcfg *f)
{
	switch (f->key) {
	case KEY_SIGNATURE:
		return 'Q' | 'E' << 8 | 'M' << 16 | (u64)'U' << 24;
	case KEY_ID:
		return ID_TRADITIONAL;
	case KEY_RAM:
		return f->ram;
	case KEY_CPUS:
	case KEY_MAX_CPUS:
		return f->cpus;
	}
	return 0;
}

u8 fwcfg_data(struct fwcfg *f)
{
	if (f->at >= sizeof(u64))
		return 0;
	return (u8)(item(f) >> 8 * f->at++);
}
