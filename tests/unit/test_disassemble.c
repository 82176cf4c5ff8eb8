/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder against a disassembler, on random bytes in each mode: what ours takes, the other one
 * reads alike; and of the instructions that are ours to know, none with a memory operand is refused.
 * links: vmx/decode.c mm/frame.c tests/unit/fake.c
 * with: -lcapstone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>

#include "tests/unit/fake.h"
#include "vmx/decode.h"

static const struct {
	enum code_mode mode;
	cs_mode theirs;
} modes[] = { { CODE_16, CS_MODE_16 }, { CODE_32, CS_MODE_32 }, { CODE_64, CS_MODE_64 } };
static csh handle[ARRAY_SIZE(modes)];
static cs_insn *theirs;
static char text[200]; /* of the instruction at hand, for reports */

static const struct {
	x86_insn id;
	enum insn_op op;
} names[] = {
	{ X86_INS_ADD, INSN_ADD },	{ X86_INS_OR, INSN_OR },
	{ X86_INS_ADC, INSN_ADC },	{ X86_INS_SBB, INSN_SBB },
	{ X86_INS_AND, INSN_AND },	{ X86_INS_SUB, INSN_SUB },
	{ X86_INS_XOR, INSN_XOR },	{ X86_INS_CMP, INSN_CMP },
	{ X86_INS_MOV, INSN_MOV },	{ X86_INS_MOVABS, INSN_MOV },
	{ X86_INS_MOVZX, INSN_MOVZX },	{ X86_INS_MOVSX, INSN_MOVSX },
	{ X86_INS_MOVSXD, INSN_MOVSX }, { X86_INS_TEST, INSN_TEST },
	{ X86_INS_NOT, INSN_NOT },	{ X86_INS_NEG, INSN_NEG },
	{ X86_INS_INC, INSN_INC },	{ X86_INS_DEC, INSN_DEC },
	{ X86_INS_XCHG, INSN_XCHG },	{ X86_INS_CMPXCHG, INSN_CMPXCHG },
	{ X86_INS_BT, INSN_BT },	{ X86_INS_BTS, INSN_BTS },
	{ X86_INS_BTR, INSN_BTR },	{ X86_INS_BTC, INSN_BTC },
	{ X86_INS_STOSB, INSN_STOS },	{ X86_INS_STOSW, INSN_STOS },
	{ X86_INS_STOSD, INSN_STOS },	{ X86_INS_STOSQ, INSN_STOS },
	{ X86_INS_LODSB, INSN_LODS },	{ X86_INS_LODSW, INSN_LODS },
	{ X86_INS_LODSD, INSN_LODS },	{ X86_INS_LODSQ, INSN_LODS },
};

/* By encoding: 8 bits (with REX), AH to BH, 16, 32, 64. */
static const x86_reg registers[5][16] = {
	{ X86_REG_AL, X86_REG_CL, X86_REG_DL, X86_REG_BL, X86_REG_SPL, X86_REG_BPL, X86_REG_SIL,
	  X86_REG_DIL, X86_REG_R8B, X86_REG_R9B, X86_REG_R10B, X86_REG_R11B, X86_REG_R12B,
	  X86_REG_R13B, X86_REG_R14B, X86_REG_R15B },
	{ X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH },
	{ X86_REG_AX, X86_REG_CX, X86_REG_DX, X86_REG_BX, X86_REG_SP, X86_REG_BP, X86_REG_SI,
	  X86_REG_DI, X86_REG_R8W, X86_REG_R9W, X86_REG_R10W, X86_REG_R11W, X86_REG_R12W,
	  X86_REG_R13W, X86_REG_R14W, X86_REG_R15W },
	{ X86_REG_EAX, X86_REG_ECX, X86_REG_EDX, X86_REG_EBX, X86_REG_ESP, X86_REG_EBP, X86_REG_ESI,
	  X86_REG_EDI, X86_REG_R8D, X86_REG_R9D, X86_REG_R10D, X86_REG_R11D, X86_REG_R12D,
	  X86_REG_R13D, X86_REG_R14D, X86_REG_R15D },
	{ X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP, X86_REG_RBP, X86_REG_RSI,
	  X86_REG_RDI, X86_REG_R8, X86_REG_R9, X86_REG_R10, X86_REG_R11, X86_REG_R12, X86_REG_R13,
	  X86_REG_R14, X86_REG_R15 },
};

#define AGREE(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s; %s; step %lu with SEED=%lu", #condition, text, fake_step,    \
				 fake_seed);                                                       \
	} while (0)

static enum insn_op op_of(unsigned id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].id == id)
			return names[i].op;
	return INSN_NONE;
}

static x86_reg register_of(const struct insn *m)
{
	return registers[m->high	    ? 1
			 : m->reg_size == 1 ? 0
			 : m->reg_size == 2 ? 2
			 : m->reg_size == 4 ? 3
					    : 4][m->reg];
}

static u64 cut(u64 value, unsigned size)
{
	return size == 8 ? value : value & (BIT(8 * size) - 1);
}

/* Their operand in memory, which STOS and LODS have once, and the other one. */
static const cs_x86_op *memory_operand(const cs_insn *t)
{
	for (unsigned i = 0; i < t->detail->x86.op_count; i++)
		if (t->detail->x86.operands[i].type == X86_OP_MEM)
			return &t->detail->x86.operands[i];
	return NULL;
}

static const cs_x86_op *other_operand(const cs_insn *t)
{
	for (unsigned i = 0; i < t->detail->x86.op_count; i++)
		if (t->detail->x86.operands[i].type != X86_OP_MEM)
			return &t->detail->x86.operands[i];
	return NULL;
}

static void agree(const struct insn *m, const cs_insn *t)
{
	const cs_x86 *x = &t->detail->x86;
	const cs_x86_op *memory = memory_operand(t), *other = other_operand(t);
	bool movsxd_32 = t->id == X86_INS_MOVSXD && m->reg_size == 4;

	AGREE(op_of(t->id) == m->op);
	AGREE(t->size == m->length);
	AGREE(memory && memory->size == m->size);
	AGREE(x->addr_size == m->address);
	AGREE((m->with == WITH_NOTHING) == !other);
	if (m->with == WITH_IMM) {
		AGREE(other->type == X86_OP_IMM);
		AGREE(cut((u64)other->imm, m->size) == cut(m->immediate, m->size) ||
		      (m->op >= INSN_BT && (u8)other->imm == (u8)m->immediate));
	}
	if (m->with == WITH_REG) {
		AGREE(other->type == X86_OP_REG);
		/* A MOVSXD without REX.W: theirs is of 64 bits; by the SDM it is of 32. */
		AGREE(other->size == (movsxd_32 ? 8 : m->reg_size));
		AGREE(movsxd_32 || other->reg == register_of(m));
	}
	/* TEST and XCHG read the same either way round; else the first operand is the destination. */
	if (m->op != INSN_TEST && m->op != INSN_XCHG)
		AGREE(m->to_reg == (x->operands[0].type == X86_OP_REG));
	AGREE(m->rep == ((m->op == INSN_STOS || m->op == INSN_LODS) &&
			 (x->prefix[0] == 0xf2 || x->prefix[0] == 0xf3)));
}

/* SDM, LOCK. The disassembler does not look whether what follows may have it. */
static bool may_lock(const cs_insn *t)
{
	enum insn_op op = op_of(t->id);

	if (op == INSN_XCHG)
		return true;
	return t->detail->x86.operands[0].type == X86_OP_MEM && op != INSN_CMP && op != INSN_MOV &&
	       op != INSN_TEST && op != INSN_BT && op != INSN_STOS;
}

/* What the disassembler takes for other reasons than a processor would, or not as we define it. */
static bool is_ours(const cs_insn *t)
{
	const cs_x86 *x = &t->detail->x86;

	if (!op_of(t->id) || !memory_operand(t))
		return false;
	if (x->opcode[0] == 0x82 || (x->opcode[0] == 0xf6 && (x->modrm & 0x38) == 8) ||
	    (x->opcode[0] == 0xf7 && (x->modrm & 0x38) == 8))
		return false; /* other names of 80 and of F6 /0, F7 /0 */
	if (x->opcode[0] == 0x8c || x->opcode[0] == 0x8e)
		return false; /* segment registers */
	if (x->opcode[0] == 0x63 && x->prefix[2])
		return false; /* MOVSXD of 16 bits */
	return x->prefix[0] != 0xf0 || may_lock(t);
}

/* Bytes in which what matters comes often. */
static void make(u8 *code, unsigned size)
{
	static const u8 prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x66, 0x67, 0x67,
				       0xf0, 0xf2, 0xf3, 0x40, 0x41, 0x44, 0x48, 0x4c, 0x4f };
	static const u8 opcodes[] = { 0x63, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
				      0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xaa,
				      0xab, 0xac, 0xad, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff };
	static const u8 more[] = {
		0xa3, 0xab, 0xb0, 0xb1, 0xb3, 0xb6, 0xb7, 0xba, 0xbb, 0xbe, 0xbf
	};
	unsigned at = 0;

	for (unsigned i = 0; i < size; i++)
		code[i] = fake_random() & 0xff;
	while (at < 4 && fake_random() % 2)
		code[at++] = prefixes[fake_random() % ARRAY_SIZE(prefixes)];
	switch (fake_random() % 4) {
	case 0:
		code[at] = opcodes[fake_random() % ARRAY_SIZE(opcodes)];
		break;
	case 1:
		code[at++] = 0x0f;
		code[at] = more[fake_random() % ARRAY_SIZE(more)];
		break;
	case 2:
		code[at] = fake_random() % 0x40;
		break;
	}
}

/*
 * Where processors go by rules that the disassembler does not have, and test_decode.c does: a REX that
 * is not the last prefix, more than one of LOCK and the repeats, 66 with a repeat.
 */
static bool plain_prefixes(const u8 *code, enum code_mode mode)
{
	bool rex = false, operand = false, lock = false;
	unsigned repeats = 0, i;

	for (i = 0; i < MAX_INSTRUCTION; i++) {
		bool other = memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", code[i], 11);
		bool is_rex = mode == CODE_64 && (code[i] & 0xf0) == 0x40;

		if (rex && (is_rex || other))
			return false;
		if (!is_rex && !other)
			break;
		rex = is_rex;
		operand |= code[i] == 0x66;
		lock |= code[i] == 0xf0;
		repeats += code[i] == 0xf2 || code[i] == 0xf3;
	}
	return i < MAX_INSTRUCTION && lock + repeats < 2 && !(operand && repeats);
}

#define STEPS 300000

static void random_bytes(void **state)
{
	unsigned taken[INSN_OPS] = { 0 };

	(void)state;
	fake_random_start();
	for (fake_step = 0; fake_step < STEPS; fake_step++) {
		unsigned which = fake_random() % ARRAY_SIZE(modes), at = 0;
		enum code_mode mode = modes[which].mode;
		u8 code[MAX_INSTRUCTION];
		const u8 *next = code;
		size_t left = sizeof(code);
		u64 address = 0;
		struct insn m, again;
		bool ours, known;

		make(code, sizeof(code));
		ours = !decode(code, sizeof(code), mode, &m);
		known = cs_disasm_iter(handle[which], &next, &left, &address, theirs);
		at = snprintf(text, sizeof(text), "%u-byte mode:", mode);
		for (unsigned i = 0; i < sizeof(code); i++)
			at += snprintf(text + at, sizeof(text) - at, " %02x", code[i]);
		snprintf(text + at, sizeof(text) - at, "; %s: %s %s", ours ? "taken" : "refused",
			 known ? theirs->mnemonic : "?", known ? theirs->op_str : "");
		if (ours) {
			taken[m.op]++;
			CHECK(decode(code, m.length - 1, mode, &again) == -EINVAL);
			CHECK(!decode(code, m.length, mode, &again) &&
			      !memcmp(&m, &again, sizeof(m)));
		}
		if (!plain_prefixes(code, mode))
			continue;
		if (ours) {
			AGREE(known);
			agree(&m, theirs);
		} else if (known) {
			AGREE(!is_ours(theirs));
		}
	}
	for (unsigned op = INSN_NONE + 1; op < INSN_OPS; op++)
		if (taken[op] < 100)
			fail_msg("operation %u came %u times with SEED=%lu", op, taken[op],
				 fake_seed);
}

static int open_all(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(cs_open(CS_ARCH_X86, modes[i].theirs, &handle[i]), CS_ERR_OK);
		cs_option(handle[i], CS_OPT_DETAIL, CS_OPT_ON);
	}
	theirs = cs_malloc(handle[0]);
	return theirs ? 0 : -1;
}

static int close_all(void **state)
{
	(void)state;
	cs_free(theirs, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
		cs_close(&handle[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_bytes) };

	return cmocka_run_group_tests_name("disassemble", tests, open_all, close_all);
}
