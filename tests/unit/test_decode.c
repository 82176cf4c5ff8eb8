/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder of the instructions that access a device's registers: MOVs as an assembler encodes
 * them, the rules of prefixes, what is refused. Each instruction lies in a block of exactly its size,
 * so that the sanitizer sees every byte read too far. test_disassemble.c compares all forms with a
 * disassembler.
 * links: vmx/decode.c mm/frame.c tests/unit/fake.c
 */
#include <stdlib.h>

#include "tests/unit/fake.h"
#include "tests/unit/movs.h"
#include "vmx/decode.h"

enum { READ, WRITE, IMM };

struct sample {
	const char *text;
	const char *code;
	unsigned size, what;
	u32 value;
};

#define SAMPLE(text, code, what, value) { text, code, sizeof(code) - 1, what, value },
static const struct sample samples_64[] = { MOVS_64(SAMPLE) };
static const struct sample samples_32[] = { MOVS_32(SAMPLE) };

static int decode_copy(const void *code, unsigned size, enum code_mode mode, struct insn *m)
{
	u8 *copy = malloc(size ? size : 1);
	int err;

	memcpy(copy, code, size);
	memset(m, 0xee, sizeof(*m));
	err = decode(copy, size, mode, m);
	free(copy);
	return err;
}

static void check(const struct sample *s, const void *code, unsigned size, enum code_mode mode)
{
	struct insn m;

	if (decode_copy(code, size, mode, &m))
		fail_msg("%s: refused", s->text);
	if (m.op != INSN_MOV || m.size != 4 || m.reg_size != 4 || m.high || m.rep ||
	    m.length != s->size || m.to_reg != (s->what == READ) ||
	    insn_writes(&m) != (s->what != READ) || insn_reads(&m) != (s->what == READ) ||
	    m.with != (s->what == IMM ? WITH_IMM : WITH_REG) ||
	    (s->what == IMM ? (u32)m.immediate != s->value : m.reg != s->value))
		fail_msg("%s: operation %u, length %u, to register %u, with %u, immediate %lx, "
			 "register %u",
			 s->text, m.op, m.length, m.to_reg, m.with, m.immediate, m.reg);
}

static void check_all(const struct sample *samples, unsigned count, enum code_mode mode)
{
	for (unsigned i = 0; i < count; i++) {
		const struct sample *s = &samples[i];
		u8 more[20];
		struct insn m;

		check(s, s->code, s->size, mode);
		/* What follows in memory changes nothing. */
		for (unsigned fill = 0; fill < 256; fill += 0x33) {
			memset(more, (int)fill, sizeof(more));
			memcpy(more, s->code, s->size);
			check(s, more, sizeof(more), mode);
		}
		for (unsigned size = 0; size < s->size; size++)
			if (decode_copy(s->code, size, mode, &m) != -EINVAL)
				fail_msg("%s: not refused with %u bytes", s->text, size);
	}
}

static void forms_64(void **state)
{
	(void)state;
	check_all(samples_64, ARRAY_SIZE(samples_64), CODE_64);
}

static void forms_32(void **state)
{
	(void)state;
	check_all(samples_32, ARRAY_SIZE(samples_32), CODE_32);
}

/* Each register with each REX, at each size, in either direction. */
static void registers(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 16 * 8 * 4; n++) {
		u8 rex = 0x40 | n % 16, reg = n / 16 % 8, op = 0x88 | n / 128;
		u8 code[] = { rex, op, (u8)(reg << 3 | 0x47), 0x20 }; /* disp8(%rdi or %r15) */
		struct insn m;

		assert_int_equal(decode_copy(code, 4, CODE_64, &m), 0);
		assert_int_equal(m.length, 4);
		assert_int_equal(m.to_reg, op >= 0x8a);
		assert_int_equal(m.reg, reg | (rex & 4 ? 8 : 0));
		assert_false(m.high);
		assert_int_equal(m.size, !(op & 1) ? 1 : rex & 8 ? 8 : 4);
		assert_int_equal(m.with, WITH_REG);
		/* Without REX, the last four byte registers are others. */
		assert_int_equal(decode_copy(code + 1, 3, CODE_32, &m), 0);
		assert_int_equal(m.high, !(op & 1) && reg >= 4);
		assert_int_equal(m.reg, m.high ? reg - 4 : reg);
		/* To a byte of 40h .. 4fh there is no REX in 32-bit code, but INC or DEC. */
		assert_int_equal(decode_copy(code, 4, CODE_32, &m), -EINVAL);
	}
}

static void prefixes(void **state)
{
	static const u8 some[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x67, 0xf2, 0xf3, 0x66, 0x48
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
		u8 code[20] = { 0 };
		struct insn m;

		/* Up to the 15 bytes that an instruction can have. */
		for (unsigned n = 0; n <= 15; n++) {
			unsigned size = some[i] == 0x66 && n ? 2 : some[i] == 0x48 && n ? 8 : 4;

			memset(code, some[i], n);
			code[n] = 0x89;
			code[n + 1] = 0x08;
			assert_int_equal(decode_copy(code, sizeof(code), CODE_64, &m),
					 n <= 13 ? 0 : -EINVAL);
			assert_true(n > 13 ||
				    (m.length == n + 2 && m.reg == 1 && m.size == size && !m.rep));
		}
	}
}

/* A REX counts when it is the last prefix. */
static void rex_not_last(void **state)
{
	struct insn m;

	(void)state;
	assert_int_equal(decode_copy("\x4c\x65\x89\x00", 4, CODE_64, &m), 0);
	assert_true(m.reg == 0 && m.size == 4 && m.length == 4);
	assert_int_equal(decode_copy("\x4c\x41\x89\x00", 4, CODE_64, &m), 0);
	assert_true(m.reg == 0 && m.size == 4 && m.length == 4);
	assert_int_equal(decode_copy("\x40\x66\x88\x20", 4, CODE_64, &m), 0);
	assert_true(m.reg == 0 && m.high && m.size == 1);
	/* Its W outranks 66. */
	assert_int_equal(decode_copy("\x66\x48\x89\x00", 4, CODE_64, &m), 0);
	assert_int_equal(m.size, 8);
}

/* With and without LOCK: only what reads and writes memory may have it. */
static void locked(void **state)
{
	static const struct {
		const char *code;
		unsigned size;
		bool may;
	} cases[] = {
		{ "\xf0\x01\x00", 3, true },
		{ "\xf0\x03\x00", 3, false },
		{ "\xf0\x38\x00", 3, false },
		{ "\xf0\x80\x08\x01", 4, true },
		{ "\xf0\x80\x38\x01", 4, false },
		{ "\xf0\x84\x00", 3, false },
		{ "\xf0\xf6\x00\x01", 4, false },
		{ "\xf0\xf7\x10", 3, true },
		{ "\xf0\xf7\x18", 3, true },
		{ "\xf0\xfe\x00", 3, true },
		{ "\xf0\xff\x08", 3, true },
		{ "\xf0\x86\x00", 3, true },
		{ "\xf0\x88\x00", 3, false },
		{ "\xf0\xc6\x00\x00", 4, false },
		{ "\xf0\x8a\x00", 3, false },
		{ "\xf0\x0f\xb1\x00", 4, true },
		{ "\xf0\x0f\xa3\x00", 4, false },
		{ "\xf0\x0f\xab\x00", 4, true },
		{ "\xf0\x0f\xba\x20\x01", 5, false },
		{ "\xf0\x0f\xba\x28\x01", 5, true },
		{ "\xf0\x0f\xb6\x00", 4, false },
		{ "\xf0\xaa", 2, false },
		{ "\xf0\xac", 2, false },
	};
	struct insn m;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (decode_copy(cases[i].code, cases[i].size, CODE_64, &m) !=
		    (cases[i].may ? 0 : -EINVAL))
			fail_msg("case %u: wrong with LOCK", i);
		if (decode_copy(cases[i].code + 1, cases[i].size - 1, CODE_64, &m))
			fail_msg("case %u: refused without LOCK", i);
	}
}

static void strings(void **state)
{
	static const struct {
		const char *code;
		unsigned length;
		enum insn_op op;
		u8 size, address;
		bool rep;
	} cases[] = {
		{ "\xaa", 1, INSN_STOS, 1, 8, false },
		{ "\xab", 1, INSN_STOS, 4, 8, false },
		{ "\xf3\xab", 2, INSN_STOS, 4, 8, true },
		{ "\xf2\xab", 2, INSN_STOS, 4, 8, true },
		{ "\x66\xf3\xab", 3, INSN_STOS, 2, 8, true },
		{ "\xf3\x48\xab", 3, INSN_STOS, 8, 8, true },
		{ "\x67\xf3\xab", 3, INSN_STOS, 4, 4, true },
		{ "\xac", 1, INSN_LODS, 1, 8, false },
		{ "\xf3\x66\xad", 3, INSN_LODS, 2, 8, true },
	};
	struct insn m;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(decode_copy(cases[i].code, cases[i].length, CODE_64, &m), 0);
		if (m.op != cases[i].op || m.length != cases[i].length || m.reg != 0 || m.high ||
		    m.size != cases[i].size || m.address != cases[i].address ||
		    m.rep != cases[i].rep || m.to_reg != (m.op == INSN_LODS))
			fail_msg("case %u", i);
	}
}

static void refused(void **state)
{
#define NO(text, code) { text, code, sizeof(code) - 1, 0, 0 },
	/* clang-format off */
	static const struct sample any[] = {
		NO("mov %eax,%ecx", "\x89\xc1")
		NO("mov %ecx,%eax", "\x8b\xc1")
		NO("mov $0,%ecx", "\xc7\xc1\x00\x00\x00\x00")
		NO("add $0,%ecx", "\x83\xc1\x00")
		NO("movzbl %al,%ecx", "\x0f\xb6\xc8")
		NO("bt $0,%ecx", "\x0f\xba\xe1\x00")
		NO("add $0,%al", "\x04\x00")
		NO("test $0,%al", "\xa8\x00\x00")
		NO("xchg %eax,%ecx", "\x91")
		NO("c7 /1", "\xc7\x08\x00\x00\x00\x00")
		NO("xbegin", "\xc7\xf8\x00\x00\x00\x00")
		NO("c7 /4", "\xc7\x20\x00\x00\x00\x00")
		NO("f6 /1", "\xf6\x08\x00")
		NO("mull (%rax)", "\xf7\x20")
		NO("divl (%rax)", "\xf7\x30")
		NO("0f ba /0", "\x0f\xba\x00\x00")
		NO("fe /2", "\xfe\x10")
		NO("call *(%rax)", "\xff\x10")
		NO("jmp *(%rax)", "\xff\x20")
		NO("push (%rax)", "\xff\x30")
		NO("pop (%rax)", "\x8f\x00")
		NO("shll (%rax)", "\xd1\x20")
		NO("xadd %eax,(%rax)", "\x0f\xc1\x00")
		NO("cmpxchg8b (%rax)", "\x0f\xc7\x08")
		NO("movnti %eax,(%rax)", "\x0f\xc3\x00")
		NO("movbe (%rax),%eax", "\x0f\x38\xf0\x00")
		NO("movss %xmm0,(%rax)", "\xf3\x0f\x11\x00")
		NO("popcnt (%rax),%eax", "\xf3\x0f\xb8\x00")
		NO("movs", "\xa5")
		NO("scas", "\xaf")
		NO("cmps", "\xa7")
		NO("outs", "\x6f")
		NO("mov %ds,(%rax)", "\x8c\x18")
		NO("a VEX prefix", "\xc5\xf8\x28\x00")
		NO("nop", "\x90")
		NO("prefixes only", "\x65\x65")
	};
	/* clang-format on */
	static const enum code_mode modes[] = { CODE_16, CODE_32, CODE_64 };
	struct insn m;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(any); i++)
		for (unsigned n = 0; n < ARRAY_SIZE(modes); n++)
			if (decode_copy(any[i].code, any[i].size, modes[n], &m) != -EINVAL)
				fail_msg("%s: taken in mode %u", any[i].text, modes[n]);
	/* ARPL; with 66, a MOVSXD that not all processors do alike. */
	assert_int_equal(decode_copy("\x63\x00", 2, CODE_32, &m), -EINVAL);
	assert_int_equal(decode_copy("\x66\x63\x00", 3, CODE_64, &m), -EINVAL);
	assert_int_equal(decode_copy("\x63\x00", 2, CODE_64, &m), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_64),	cmocka_unit_test(forms_32),
		cmocka_unit_test(registers),	cmocka_unit_test(prefixes),
		cmocka_unit_test(rex_not_last), cmocka_unit_test(locked),
		cmocka_unit_test(strings),	cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
