/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/x86.h"
#include "vmx/alu.h"

#define STATUS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static u64 flags_of(u64 result, unsigned size)
{
	u64 flags = 0;

	result = low_bytes(result, size);
	if (!result)
		flags |= RFLAGS_ZF;
	if (result >> (8 * size - 1))
		flags |= RFLAGS_SF;
	if (!(__builtin_popcountl(result & 0xff) & 1))
		flags |= RFLAGS_PF;
	return flags;
}

/* A carry out of bit N where it is set in bit N of CARRIES: the top bit, and bit 3. OVERFLOW likewise. */
static u64 carry_flags(u64 carries, u64 overflow, unsigned size)
{
	unsigned top = 8 * size - 1;

	return (carries >> top & 1 ? RFLAGS_CF : 0) | (carries & 8 ? RFLAGS_AF : 0) |
	       (overflow >> top & 1 ? RFLAGS_OF : 0);
}

static u64 add(unsigned size, u64 a, u64 b, u64 carry, u64 *flags)
{
	u64 r = a + b + carry;

	*flags = flags_of(r, size) | carry_flags((a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r), size);
	return r;
}

static u64 subtract(unsigned size, u64 a, u64 b, u64 borrow, u64 *flags)
{
	u64 r = a - b - borrow;

	*flags =
		flags_of(r, size) | carry_flags((~a & b) | ((~a | b) & r), (a ^ b) & (a ^ r), size);
	return r;
}

static u64 bit_test(enum insn_op op, unsigned size, u64 dst, u64 src, u64 *flags)
{
	u64 bit = BIT(src % (8 * size));

	*flags = (*flags & ~RFLAGS_CF) | (dst & bit ? RFLAGS_CF : 0);
	return op == INSN_BTS	? dst | bit
	       : op == INSN_BTR ? dst & ~bit
	       : op == INSN_BTC ? dst ^ bit
				: dst;
}

u64 alu(enum insn_op op, unsigned size, u64 dst, u64 src, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF, flags = *rflags & STATUS, r;

	switch (op) {
	case INSN_ADD:
		r = add(size, dst, src, 0, &flags);
		break;
	case INSN_ADC:
		r = add(size, dst, src, carry, &flags);
		break;
	case INSN_CMP:
	case INSN_SUB:
		r = subtract(size, dst, src, 0, &flags);
		break;
	case INSN_SBB:
		r = subtract(size, dst, src, carry, &flags);
		break;
	case INSN_NEG:
		r = subtract(size, 0, dst, 0, &flags);
		break;
	case INSN_INC: /* which leave CF as it is */
		r = add(size, dst, 1, 0, &flags);
		flags = (flags & ~RFLAGS_CF) | carry;
		break;
	case INSN_DEC:
		r = subtract(size, dst, 1, 0, &flags);
		flags = (flags & ~RFLAGS_CF) | carry;
		break;
	case INSN_OR:
		r = dst | src;
		flags = flags_of(r, size);
		break;
	case INSN_XOR:
		r = dst ^ src;
		flags = flags_of(r, size);
		break;
	case INSN_AND:
	case INSN_TEST:
		r = dst & src;
		flags = flags_of(r, size);
		break;
	case INSN_NOT:
		r = ~dst;
		break;
	default:
		r = bit_test(op, size, dst, src, &flags);
	}
	*rflags = (*rflags & ~STATUS) | flags;
	return low_bytes(r, size);
}
