/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder on whatever a guest may have at RIP. The first byte says which mode the rest is in; the
 * instruction lies in a block of exactly its size.
 * links: vmx/decode.c
 */
#include <stdlib.h>
#include <string.h>

#include "vmx/decode.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static int decode_copy(const u8 *code, size_t size, enum code_mode mode, struct insn *insn)
{
	u8 *copy = malloc(size ? size : 1);
	int err;

	memcpy(copy, code, size);
	err = decode(copy, (unsigned)size, mode, insn);
	free(copy);
	return err;
}

static bool is_size(unsigned size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const enum code_mode modes[] = { CODE_16, CODE_32, CODE_64 };
	enum code_mode mode;
	struct insn i, again;
	u8 more[2 * MAX_INSTRUCTION];

	if (!size)
		return 0;
	mode = modes[data[0] % ARRAY_SIZE(modes)];
	if (decode_copy(data + 1, size - 1, mode, &i))
		return 0;
	CHECK(i.op > INSN_NONE && i.op < INSN_OPS);
	CHECK(i.length && i.length <= MAX_INSTRUCTION && i.length <= size - 1);
	CHECK(is_size(i.size) && is_size(i.reg_size) && i.reg_size >= i.size);
	CHECK(i.address == 2 || i.address == 4 || i.address == 8);
	CHECK(i.reg < 16 && (!i.high || i.reg < 4));
	CHECK(mode == CODE_64 || (i.reg < 8 && i.size < 8 && i.address < 8));
	CHECK(insn_reads(&i) || insn_writes(&i));
	CHECK(!i.to_reg || i.with == WITH_REG);
	/* Its bytes are enough, none of them is too many, and what follows changes nothing. */
	CHECK(!decode_copy(data + 1, i.length, mode, &again));
	CHECK(!memcmp(&i, &again, sizeof(i)));
	CHECK(decode_copy(data + 1, i.length - 1u, mode, &again) == -EINVAL);
	memset(more, 0xcc, sizeof(more));
	memcpy(more, data + 1, i.length);
	CHECK(!decode(more, sizeof(more), mode, &again));
	CHECK(!memcmp(&i, &again, sizeof(i)));
	return 0;
}
