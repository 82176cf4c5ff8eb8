/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's memory-type range registers (SDM, "Memory Type Range Registers"). They are stored and
 * nothing more: a guest's memory is RAM, which EPT maps write-back, and PAT alone changes that.
 * Kernels for x86-64 read them without asking whether there are any (Xen), and Linux sets PAT up only
 * beside them.
 */
#ifndef VMX_MTRR_H
#define VMX_MTRR_H

#include "mm/types.h"

#define MTRR_VARIABLE 8 /* pairs */
#define MTRR_FIXED 11

struct mtrr {
	u64 type; /* IA32_MTRR_DEF_TYPE */
	u64 fixed[MTRR_FIXED];
	u64 variable[2 * MTRR_VARIABLE]; /* base, mask, base, ... */
};

/* As firmware leaves them: on, all memory write-back, but for a0000h..bffffh and the fourth GB, which
 * are uncacheable. INIT changes nothing. Addresses have PHYSICAL_BITS. */
void mtrr_init(struct mtrr *m, unsigned physical_bits);

/* MSR is one of them. */
bool mtrr_has(u32 msr);

/* *VALUE of MSR, which is one. */
u64 mtrr_read(const struct mtrr *m, u32 msr);

/* False, and nothing is changed: a reserved bit is set, the memory type is none, or MSR is
 * read-only; #GP. */
bool mtrr_write(struct mtrr *m, u32 msr, u64 value, unsigned physical_bits);

#endif
