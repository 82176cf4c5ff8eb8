/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder of the MOVs that access an APIC register. Each instruction lies in a block of exactly
 * its size, so that the sanitizer sees every byte read too far.
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

static int decode(const void *code, unsigned size, bool long_mode, struct mov *m)
{
	u8 *copy = malloc(size ? size : 1);
	int err;

	memcpy(copy, code, size);
	memset(m, 0xee, sizeof(*m));
	err = decode_mov(copy, size, long_mode, m);
	free(copy);
	return err;
}

static void check(const struct sample *s, const void *code, unsigned size, bool long_mode)
{
	struct mov m;

	if (decode(code, size, long_mode, &m))
		fail_msg("%s: refused", s->text);
	if (m.length != s->size || m.write != (s->what != READ) || m.has_imm != (s->what == IMM) ||
	    (s->what == IMM ? m.imm != s->value : m.reg != s->value))
		fail_msg("%s: length %u, write %u, immediate %u %x, register %u", s->text, m.length,
			 m.write, m.has_imm, m.imm, m.reg);
}

static void check_all(const struct sample *samples, unsigned count, bool long_mode)
{
	for (unsigned i = 0; i < count; i++) {
		const struct sample *s = &samples[i];
		u8 more[20];
		struct mov m;

		check(s, s->code, s->size, long_mode);
		/* What follows in memory changes nothing. */
		for (unsigned fill = 0; fill < 256; fill += 0x33) {
			memset(more, (int)fill, sizeof(more));
			memcpy(more, s->code, s->size);
			check(s, more, sizeof(more), long_mode);
		}
		for (unsigned size = 0; size < s->size; size++)
			if (decode(s->code, size, long_mode, &m) != -EINVAL)
				fail_msg("%s: not refused with %u bytes", s->text, size);
	}
}

static void forms_64(void **state)
{
	(void)state;
	check_all(samples_64, ARRAY_SIZE(samples_64), true);
}

static void forms_32(void **state)
{
	(void)state;
	check_all(samples_32, ARRAY_SIZE(samples_32), false);
}

/* Each register, with each REX that leaves the operand 32 bits wide, in either direction. */
static void registers(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 2 * 8 * 8; n++) {
		u8 rex = 0x40 | n % 8, reg = n / 8 % 8, op = n / 64 ? 0x8b : 0x89;
		u8 code[] = { rex, op, (u8)(reg << 3 | 0x47), 0x20 }; /* disp8(%rdi or %r15) */
		struct mov m;

		assert_int_equal(decode(code, 4, true, &m), 0);
		assert_int_equal(m.length, 4);
		assert_int_equal(m.write, op == 0x89);
		assert_int_equal(m.reg, reg | (rex & 4 ? 8 : 0));
		assert_false(m.has_imm);
		assert_int_equal(decode(code + 1, 3, false, &m), 0);
		assert_int_equal(m.reg, reg);
		/* To a byte of 40h .. 4fh there is no REX in 32-bit code, but INC or DEC. */
		assert_int_equal(decode(code, 4, false, &m), -EINVAL);
	}
}

static void segments(void **state)
{
	static const u8 prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++) {
		u8 code[20] = { 0 };
		struct mov m;

		/* Up to the 15 bytes that an instruction can have. */
		for (unsigned n = 0; n <= 15; n++) {
			memset(code, prefixes[i], n);
			code[n] = 0x89;
			code[n + 1] = 0x08;
			assert_int_equal(decode(code, sizeof(code), true, &m),
					 n <= 13 ? 0 : -EINVAL);
			assert_true(n > 13 || (m.length == n + 2 && m.reg == 1));
		}
	}
}

static void refused(void **state)
{
#define NO(text, code) { text, code, sizeof(code) - 1, 0, 0 },
	/* clang-format off */
	static const struct sample any[] = {
		NO("mov %rax,(%rax)", "\x48\x89\x00")
		NO("mov (%r8),%r9", "\x4d\x8b\x08")
		NO("movq $0,(%rax)", "\x48\xc7\x00\x00\x00\x00\x00")
		NO("mov %ax,(%rax)", "\x66\x89\x00")
		NO("movw $0,(%rax)", "\x66\xc7\x00\x00\x00")
		NO("mov %al,(%rax)", "\x88\x00")
		NO("mov (%rax),%al", "\x8a\x00")
		NO("movb $0,(%rax)", "\xc6\x00\x00")
		NO("mov %eax,%ecx", "\x89\xc1")
		NO("mov %ecx,%eax", "\x8b\xc1")
		NO("mov $0,%ecx", "\xc7\xc1\x00\x00\x00\x00")
		NO("c7 /1", "\xc7\x08\x00\x00\x00\x00")
		NO("xbegin", "\xc7\xf8\x00\x00\x00\x00")
		NO("c7 /4", "\xc7\x20\x00\x00\x00\x00")
		NO("mov %al,moffs", "\xa2\x00\x00\x00\x00\x00\x00\x00\x00")
		NO("mov moffs,%al", "\xa0\x00\x00\x00\x00\x00\x00\x00\x00")
		NO("movabs %rax,moffs", "\x48\xa3\x00\x00\x00\x00\x00\x00\x00\x00")
		NO("lock mov", "\xf0\x89\x00")
		NO("rep mov", "\xf3\x89\x00")
		NO("xacquire mov", "\xf2\x89\x00")
		NO("add %eax,(%rax)", "\x01\x00")
		NO("or %eax,(%rax)", "\x09\x00")
		NO("andl $0,(%rax)", "\x81\x20\x00\x00\x00\x00")
		NO("xchg %eax,(%rax)", "\x87\x00")
		NO("push (%rax)", "\xff\x30")
		NO("movzbl (%rax),%eax", "\x0f\xb6\x00")
		NO("movnti %eax,(%rax)", "\x0f\xc3\x00")
		NO("movbe (%rax),%eax", "\x0f\x38\xf0\x00")
		NO("movss %xmm0,(%rax)", "\xf3\x0f\x11\x00")
		NO("stos", "\xab")
		NO("mov %ds,(%rax)", "\x8c\x18")
		NO("a REX that is not last", "\x44\x65\x89\x00")
		NO("two of REX", "\x44\x44\x89\x00")
		NO("nop", "\x90")
		NO("prefixes only", "\x65\x65")
	};
	/* clang-format on */
	struct mov m;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(any); i++)
		for (unsigned long_mode = 0; long_mode < 2; long_mode++)
			if (decode(any[i].code, any[i].size, long_mode, &m) != -EINVAL)
				fail_msg("%s: taken, long mode %u", any[i].text, long_mode);
	/* 16-bit addresses have another form; no 32-bit guest accesses its APIC so. */
	assert_int_equal(decode("\x67\x89\x07\x00\x00\x00", 6, false, &m), -EINVAL);
}

/* Whatever the bytes are: no byte is read too far, and none less than the length is enough. */
static void random_bytes(void **state)
{
	static const u8 likely_bytes[] = { 0x89, 0x8b, 0xc7, 0xa1, 0xa3, 0x44, 0x65, 0x67, 0x48 };
	unsigned taken = 0;

	(void)state;
	fake_random_start();
	for (fake_step = 0; fake_step < 300000; fake_step++) {
		unsigned size = fake_random() % 17;
		bool long_mode = fake_random() % 2;
		u8 code[20];
		struct mov m, again;

		for (unsigned i = 0; i < sizeof(code); i++)
			code[i] = fake_random() & 0xff;
		for (unsigned i = 0; i < 3; i++)
			if (fake_random() % 2)
				code[i] = likely_bytes[fake_random() % ARRAY_SIZE(likely_bytes)];
		if (decode(code, size, long_mode, &m)) {
			CHECK(decode(code, size, long_mode, &m) == -EINVAL);
			continue;
		}
		taken++;
		CHECK(m.length >= 2 && m.length <= size && m.length <= 15);
		CHECK(decode(code, m.length - 1, long_mode, &again) == -EINVAL);
		CHECK(decode(code, 20, long_mode, &again) == 0);
		CHECK(!memcmp(&m, &again, sizeof(m)));
	}
	CHECK(taken > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_64),  cmocka_unit_test(forms_32),
		cmocka_unit_test(registers), cmocka_unit_test(segments),
		cmocka_unit_test(refused),   cmocka_unit_test(random_bytes),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
