/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/decode.h"

#define REX_W 8
#define REX_R 4
#define ADDRESS_SIZE 0x67 /* in 64-bit code: 32-bit addresses, encoded alike but for A1 and A3 */

/* Bytes of ModRM, SIB and displacement, or 0 when MODRM names a register or the code ends. */
static unsigned modrm_length(const u8 *p, unsigned left)
{
	unsigned mod, rm, length = 1;

	if (!left)
		return 0;
	mod = p[0] >> 6;
	rm = p[0] & 7;
	if (mod == 3)
		return 0;
	if (rm == 4) {
		if (left < 2)
			return 0;
		length++;
		if (mod == 0 && (p[1] & 7) == 5)
			length += 4;
	} else if (mod == 0 && rm == 5) {
		length += 4;
	}
	length += mod == 1 ? 1 : mod == 2 ? 4 : 0;
	return length <= left ? length : 0;
}

static bool is_prefix(u8 byte)
{
	return byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x64 ||
	       byte == 0x65;
}

int decode_mov(const u8 *code, unsigned size, bool long_mode, struct mov *m)
{
	unsigned i = 0, operand;
	bool address32 = !long_mode;
	u8 rex = 0, op;

	if (size > 15)
		size = 15;
	for (; i < size && (is_prefix(code[i]) || (long_mode && code[i] == ADDRESS_SIZE)); i++)
		address32 |= code[i] == ADDRESS_SIZE;
	if (long_mode && i < size && (code[i] & 0xf0) == 0x40)
		rex = code[i++];
	if (i >= size || (rex & REX_W))
		return -EINVAL;
	op = code[i++];
	*m = (struct mov){ .write = op == 0x89 || op == 0xc7 || op == 0xa3, .has_imm = op == 0xc7 };
	switch (op) {
	case 0x89:
	case 0x8b:
	case 0xc7:
		operand = modrm_length(code + i, size - i);
		if (!operand)
			return -EINVAL;
		m->reg = (code[i] >> 3 & 7) | (rex & REX_R ? 8 : 0);
		if (op == 0xc7 && (code[i] & 0x38))
			return -EINVAL;
		i += operand;
		break;
	case 0xa1:
	case 0xa3:
		i += address32 ? 4 : 8;
		break;
	default:
		return -EINVAL;
	}
	if (m->has_imm) {
		if (size < i + 4)
			return -EINVAL;
		m->imm = code[i] | code[i + 1] << 8 | code[i + 2] << 16 | (u32)code[i + 3] << 24;
		i += 4;
	}
	if (i > size)
		return -EINVAL;
	m->length = i;
	return 0;
}
