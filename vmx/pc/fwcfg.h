/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's firmware configuration device (its docs/specs/fw_cfg), by ports and without DMA: as much as
 * small test kernels ask for, which is the memory's size and how many CPUs there are. No files.
 */
#ifndef VMX_PC_FWCFG_H
#define VMX_PC_FWCFG_H

#include "mm/types.h"

#define FWCFG_SELECT 0x510 /* 16 bits, to write */
#define FWCFG_DATA 0x511   /* 8 bits, to read */

struct fwcfg {
	u64 ram; /* bytes */
	u16 cpus;
	u16 key;
	u32 at; /* the next byte of the item */
};

void fwcfg_reset(struct fwcfg *f, u64 ram, u16 cpus);

/* A write of the selector, and a read of the data: the item's next byte. Behind its end, and of an
 * item that is not there, all bytes are 0. */
void fwcfg_select(struct fwcfg *f, u16 key);
u8 fwcfg_data(struct fwcfg *f);

#endif
