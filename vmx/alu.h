/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the instructions of vmx/decode.h compute. */
#ifndef VMX_ALU_H
#define VMX_ALU_H

#include "vmx/decode.h"

/* The low SIZE bytes of VALUE: 1, 2, 4 or 8. */
static inline u64 low_bytes(u64 value, unsigned size)
{
	return size == 8 ? value : value & (BIT(8 * size) - 1);
}

/* VALUE's low SIZE bytes, sign-extended. */
static inline u64 extend_sign(u64 value, unsigned size)
{
	u64 sign = BIT(8 * size - 1);

	return (low_bytes(value, size) ^ sign) - sign;
}

/*
 * OP on operands of SIZE bytes: DST is what is in the destination, SRC the other operand (which an
 * operation with one operand ignores); higher bits of both are ignored. Returns what the destination
 * is to be, or would be for CMP, TEST and BT, and sets the status flags in *RFLAGS as the SDM has it;
 * a flag that is undefined there is 0, or as it was for the BT family.
 * OP is one of ADD to CMP, TEST to DEC, BT to BTC.
 */
u64 alu(enum insn_op op, unsigned size, u64 dst, u64 src, u64 *rflags);

#endif
