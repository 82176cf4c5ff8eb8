/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The instructions that access a device's registers in memory: what they do, not where. */
#ifndef VMX_DECODE_H
#define VMX_DECODE_H

#include "mm/types.h"

#define MAX_INSTRUCTION 15 /* bytes (SDM, "Instruction Prefixes") */

/* What code at CS:RIP is by default, in bytes of an address. */
enum code_mode { CODE_16 = 2, CODE_32 = 4, CODE_64 = 8 };

enum insn_op {
	INSN_NONE,
	/* By the digit that selects them in 80, 81 and 83, from 0 on. */
	INSN_ADD,
	INSN_OR,
	INSN_ADC,
	INSN_SBB,
	INSN_AND,
	INSN_SUB,
	INSN_XOR,
	INSN_CMP,
	INSN_MOV,
	INSN_MOVZX,
	INSN_MOVSX, /* and MOVSXD */
	INSN_TEST,
	INSN_NOT,
	INSN_NEG,
	INSN_INC,
	INSN_DEC,
	INSN_XCHG,
	INSN_CMPXCHG,
	INSN_BT,
	INSN_BTS,
	INSN_BTR,
	INSN_BTC,
	INSN_STOS,
	INSN_LODS,
	INSN_OPS
};

/* The operand that is not in memory. */
enum insn_with { WITH_NOTHING, WITH_REG, WITH_IMM };

struct insn {
	u8 op;	       /* enum insn_op */
	u8 with;       /* enum insn_with */
	bool to_reg;   /* the register is the destination, memory the source */
	bool high;     /* the register is AH, CH, DH or BH: bits 15:8 of REG */
	bool rep;      /* STOS, LODS: RCX times */
	u8 size;       /* bytes of the memory operand: 1, 2, 4 or 8 */
	u8 reg_size;   /* bytes of the register operand; more than SIZE for MOVZX and MOVSX */
	u8 reg;	       /* the register, by its encoding */
	u8 address;    /* bytes of an address: RDI, RSI and RCX are used as far as that */
	u8 length;     /* bytes of the instruction */
	u64 immediate; /* sign-extended from what the instruction holds */
};

/*
 * Decodes the instruction at CODE, of which SIZE bytes are known (at most 15 matter), as MODE has it.
 * Its memory operand may have any form; where that leads, who asks knows from the exit. Known are
 *
 *   MOV (88-8B, A0-A3, C6, C7), MOVZX, MOVSX, MOVSXD (63); ADD, OR, ADC, SBB, AND, SUB, XOR, CMP with
 *   a register or an immediate (00-3B, 80, 81, 83); TEST (84, 85, F6, F7), NOT, NEG, INC, DEC; XCHG,
 *   CMPXCHG; BT, BTS, BTR, BTC; STOS, LODS with and without REP
 *
 * with all prefixes: segments; 66 and 67; REX, which counts when it is the last; LOCK where an
 * instruction may have it; F2 and F3, which are hints or nothing but before STOS and LODS.
 * 0, or -EINVAL for anything else: an operand that is no memory, bytes that end too early.
 */
int decode(const u8 *code, unsigned size, enum code_mode mode, struct insn *insn);

/* Does the instruction read its operand in memory, does it write it? Some do both; CMPXCHG writes
 * back what it has read when the comparison fails (SDM). */
static inline bool insn_writes(const struct insn *insn)
{
	return !insn->to_reg && insn->op != INSN_CMP && insn->op != INSN_TEST &&
	       insn->op != INSN_BT;
}

static inline bool insn_reads(const struct insn *insn)
{
	return insn->to_reg || !(insn->op == INSN_MOV || insn->op == INSN_STOS);
}

#endif
