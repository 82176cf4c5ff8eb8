/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SDM, volume 2: "Instruction Format" and the opcode maps of its appendix A. */
#include "vmx/decode.h"

#define REX_W 8
#define REX_R 4

/* An entry of the maps: the operation, and what there is to know besides. */
#define OP 0x3fu
#define BYTE 0x0040u   /* the memory operand is a byte; else as long as the operand size says */
#define WORD 0x0080u   /* two bytes */
#define DWORD 0x0100u  /* four */
#define TO_REG 0x0200u /* from memory to the register */
#define IMM8 0x0400u
#define IMM 0x0800u    /* of the operand size, four bytes at most */
#define GROUP 0x1000u  /* OP is the number of a group, ModRM's reg field selects in it */
#define ALONE 0x2000u  /* no second operand */
#define MOFFS 0x4000u  /* rAX, and an absolute address in place of ModRM */
#define STRING 0x8000u /* rAX, and an address in a register */
_Static_assert(INSN_OPS <= OP, "an operation fits");

enum { GROUP_1, GROUP_3, GROUP_4, GROUP_8, GROUP_11, GROUPS };

#define ALU(n, op)                                                                                 \
	[8 * (n)] = (op) | BYTE, [8 * (n) + 1] = (op), [8 * (n) + 2] = (op) | BYTE | TO_REG,       \
	     [8 * (n) + 3] = (op) | TO_REG

static const u16 one_byte[256] = {
	ALU(0, INSN_ADD),
	ALU(1, INSN_OR),
	ALU(2, INSN_ADC),
	ALU(3, INSN_SBB),
	ALU(4, INSN_AND),
	ALU(5, INSN_SUB),
	ALU(6, INSN_XOR),
	ALU(7, INSN_CMP),
	[0x63] = INSN_MOVSX | DWORD | TO_REG,
	[0x80] = GROUP_1 | GROUP | BYTE | IMM8,
	[0x81] = GROUP_1 | GROUP | IMM,
	[0x83] = GROUP_1 | GROUP | IMM8,
	[0x84] = INSN_TEST | BYTE,
	[0x85] = INSN_TEST,
	[0x86] = INSN_XCHG | BYTE,
	[0x87] = INSN_XCHG,
	[0x88] = INSN_MOV | BYTE,
	[0x89] = INSN_MOV,
	[0x8a] = INSN_MOV | BYTE | TO_REG,
	[0x8b] = INSN_MOV | TO_REG,
	[0xa0] = INSN_MOV | BYTE | TO_REG | MOFFS,
	[0xa1] = INSN_MOV | TO_REG | MOFFS,
	[0xa2] = INSN_MOV | BYTE | MOFFS,
	[0xa3] = INSN_MOV | MOFFS,
	[0xaa] = INSN_STOS | BYTE | STRING,
	[0xab] = INSN_STOS | STRING,
	[0xac] = INSN_LODS | BYTE | TO_REG | STRING,
	[0xad] = INSN_LODS | TO_REG | STRING,
	[0xc6] = GROUP_11 | GROUP | BYTE | IMM8,
	[0xc7] = GROUP_11 | GROUP | IMM,
	[0xf6] = GROUP_3 | GROUP | BYTE,
	[0xf7] = GROUP_3 | GROUP,
	[0xfe] = GROUP_4 | GROUP | BYTE | ALONE,
	[0xff] = GROUP_4 | GROUP | ALONE, /* what group 5 has beyond is no access of a register */
};

static const u16 two_byte[256] = {
	[0xa3] = INSN_BT,
	[0xab] = INSN_BTS,
	[0xb0] = INSN_CMPXCHG | BYTE,
	[0xb1] = INSN_CMPXCHG,
	[0xb3] = INSN_BTR,
	[0xb6] = INSN_MOVZX | BYTE | TO_REG,
	[0xb7] = INSN_MOVZX | WORD | TO_REG,
	[0xba] = GROUP_8 | GROUP | IMM8,
	[0xbb] = INSN_BTC,
	[0xbe] = INSN_MOVSX | BYTE | TO_REG,
	[0xbf] = INSN_MOVSX | WORD | TO_REG,
};

static const u16 groups[GROUPS][8] = {
	[GROUP_1] = { INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR,
		      INSN_CMP },
	[GROUP_3] = { INSN_TEST | IMM, 0, INSN_NOT | ALONE, INSN_NEG | ALONE },
	[GROUP_4] = { INSN_INC, INSN_DEC },
	[GROUP_8] = { [4] = INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC },
	[GROUP_11] = { INSN_MOV },
};

struct prefixes {
	u8 rex;
	bool operand, address, lock, rep;
};

/* Returns how many bytes they are. */
static unsigned take_prefixes(const u8 *code, unsigned size, enum code_mode mode,
			      struct prefixes *p)
{
	unsigned i;

	*p = (struct prefixes){ 0 };
	for (i = 0; i < size; i++) {
		u8 rex = 0;

		switch (code[i]) {
		case 0x26: /* segments, which the exit has reckoned in */
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			break;
		case 0x66:
			p->operand = true;
			break;
		case 0x67:
			p->address = true;
			break;
		case 0xf0:
			p->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			p->rep = true;
			break;
		case 0x40 ... 0x4f:
			if (mode != CODE_64)
				return i;
			rex = code[i];
			break;
		default:
			return i;
		}
		p->rex = rex; /* one that is not the last is ignored */
	}
	return i;
}

/* Bytes of ModRM, SIB and displacement, or 0 when MODRM names a register. The SIB byte is looked at
 * only when LEFT says that it is there. */
static unsigned modrm_length(const u8 *p, unsigned left, unsigned address)
{
	unsigned mod = p[0] >> 6, rm = p[0] & 7, length = 1;

	if (mod == 3)
		return 0;
	if (address == 2)
		return length + (mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0);
	if (rm == 4) {
		length++;
		if (mod == 0 && left >= 2 && (p[1] & 7) == 5)
			length += 4;
	} else if (mod == 0 && rm == 5) {
		length += 4;
	}
	return length + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

static bool may_lock(const struct insn *insn)
{
	return insn_writes(insn) && insn_reads(insn);
}

static u64 immediate(const u8 *p, unsigned bytes)
{
	return bytes == 1   ? (u64)(int8_t)p[0]
	       : bytes == 2 ? (u64)(int16_t)(p[0] | p[1] << 8)
			    : (u64)(int32_t)(p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24);
}

int decode(const u8 *code, unsigned size, enum code_mode mode, struct insn *insn)
{
	const u16 *map = one_byte;
	struct prefixes p;
	unsigned i, full, address, bytes;
	u16 form;
	u8 reg = 0;

	size = MIN(size, MAX_INSTRUCTION);
	i = take_prefixes(code, size, mode, &p);
	if (i >= size)
		return -EINVAL;
	if (code[i] == 0x63 && (mode != CODE_64 || (p.operand && !(p.rex & REX_W))))
		return -EINVAL; /* ARPL; and a MOVSXD of 16 bits, which processors disagree about */
	if (code[i] == 0x0f) {
		map = two_byte;
		if (++i >= size)
			return -EINVAL;
	}
	form = map[code[i++]];
	full = p.rex & REX_W ? 8 : (mode == CODE_16) != p.operand ? 2 : 4;
	address = !p.address ? mode : mode == CODE_32 ? CODE_16 : CODE_32;

	if (!(form & (MOFFS | STRING))) {
		if (i >= size)
			return -EINVAL;
		reg = code[i] >> 3 & 7;
		if (form & GROUP)
			form = (form & ~(GROUP | OP)) | groups[form & OP][reg];
		bytes = modrm_length(code + i, size - i, address);
		if (!bytes)
			return -EINVAL;
		i += bytes;
	} else if (form & MOFFS) {
		i += address;
	}
	if (!(form & OP))
		return -EINVAL;

	*insn = (struct insn){
		.op = form & OP,
		.with = form & ALONE	      ? WITH_NOTHING
			: form & (IMM | IMM8) ? WITH_IMM
					      : WITH_REG,
		.to_reg = form & TO_REG,
		.rep = p.rep && (form & STRING),
		.size = form & BYTE    ? 1
			: form & WORD  ? 2
			: form & DWORD ? 4
				       : full,
		.address = (u8)address,
	};
	insn->reg_size = insn->op == INSN_MOVZX || insn->op == INSN_MOVSX ? full : insn->size;
	if (insn->with == WITH_IMM) {
		bytes = form & IMM8 ? 1 : MIN(insn->size, 4);
		if (i + bytes > size)
			return -EINVAL;
		insn->immediate = immediate(code + i, bytes);
		i += bytes;
	} else if (insn->with == WITH_REG) {
		insn->reg = reg | (p.rex & REX_R && !(form & (MOFFS | STRING)) ? 8 : 0);
		insn->high = insn->reg_size == 1 && !p.rex && reg >= 4;
		insn->reg -= insn->high ? 4 : 0;
	}
	if (i > size || (p.lock && !may_lock(insn)))
		return -EINVAL;
	insn->length = (u8)i;
	return 0;
}
