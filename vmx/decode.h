/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MOV instructions that access a local APIC register. */
#ifndef VMX_DECODE_H
#define VMX_DECODE_H

#include "mm/types.h"

struct mov {
	bool write;
	bool has_imm;
	u8 reg;	   /* the general register, by its encoding, when not an immediate */
	u8 length; /* bytes of the instruction */
	u32 imm;
};

/*
 * Decodes the 32-bit MOV at CODE, of which SIZE bytes are known (at most 15 matter): register to
 * memory (89), memory to register (8B), immediate to memory (C7 /0), EAX to and from an absolute
 * address (A3, A1), with segment and REX prefixes and, in 64-bit code, 32-bit addresses. LONG_MODE:
 * 64-bit code; otherwise 32-bit. 0, or -EINVAL for anything else: APIC registers are 32 bits wide
 * and are to be accessed so (SDM, "Local APIC Register Address Map").
 */
int decode_mov(const u8 *code, unsigned size, bool long_mode, struct mov *m);

#endif
