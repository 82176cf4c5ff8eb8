/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions done by hand on a device's registers, against the processor that runs this test: the
 * same bytes are executed on plain memory, and registers, flags and memory must come out alike. And
 * what no processor shows: RSP, which is in the VMCS; code of other modes; what is refused.
 * links: vmx/mmio.c vmx/alu.c vmx/decode.c mm/frame.c boot/format.c tests/unit/fake.c
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/x86.h"
#include "tests/unit/fake.h"
#include "vmx/alu.h"
#include "vmx/guest.h"
#include "vmx/mmio.h"

#define BASE 0xfec00000ul
#define CODE_AT 0x401000ul
#define RIGHTS_L BIT(13)
#define RIGHTS_D BIT(14)
enum { RCX = 1, RBX = 3, RSP = 4, RSI = 6, RDI = 7 };

static struct guest guest;
static struct vcpu vcpu;
static u8 device_bytes[64];
static unsigned reads, writes;

static u8 code_bytes[32];
static u64 code_at, code_mapped; /* so many bytes from there on can be read */

int guest_read_linear(struct vcpu *v, u64 linear, void *buf, u64 size)
{
	assert_ptr_equal(v, &vcpu);
	if (linear < code_at || linear + size > code_at + code_mapped)
		return -EFAULT;
	memcpy(buf, code_bytes + (linear - code_at), size);
	return 0;
}

static u64 device_read(struct vcpu *v, u64 offset, unsigned size)
{
	u64 value = 0xfefefefefefefefe; /* what is beyond SIZE does not count */

	assert_ptr_equal(v, &vcpu);
	assert_true(offset + size <= sizeof(device_bytes));
	memcpy(&value, device_bytes + offset, size);
	reads++;
	return value;
}

static void device_write(struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	assert_ptr_equal(v, &vcpu);
	assert_true(offset + size <= sizeof(device_bytes));
	CHECK(value == low_bytes(value, size));
	memcpy(device_bytes + offset, &value, size);
	writes++;
}

static const struct mmio device = { BASE, device_read, device_write };

static void set_code(const void *code, unsigned size)
{
	memset(code_bytes, 0xcc, sizeof(code_bytes));
	memcpy(code_bytes, code, size);
	code_at = CODE_AT;
	code_mapped = sizeof(code_bytes);
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	vcpu = (struct vcpu){ .guest = &guest, .lme = true };
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = RIGHTS_L;
	fake_vmcs[GUEST_RIP] = CODE_AT;
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_FIXED;
	memset(device_bytes, 0, sizeof(device_bytes));
	reads = writes = 0;
	return 0;
}

static int access_at(u64 gpa, u64 kind)
{
	struct code code;

	return mmio_access(&vcpu, &device, gpa, kind, &code);
}

#define DO(kind, bytes) (set_code(bytes, sizeof(bytes) - 1), access_at(BASE + 0x10, kind))

/* ---- against the processor ---- */

struct state {
	u64 reg[16]; /* by encoding; RSP is not looked at */
	u64 flags;
};

void native(struct state *s, const void *code);
extern const char native_back[];
asm(".text\n"
    "native:\n"
    "push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15; push %rdi\n"
    "pushq 128(%rdi); popfq; push %rsi\n"
    "mov (%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
    "mov 40(%rdi), %rbp; mov 48(%rdi), %rsi; mov 64(%rdi), %r8; mov 72(%rdi), %r9\n"
    "mov 80(%rdi), %r10; mov 88(%rdi), %r11; mov 96(%rdi), %r12; mov 104(%rdi), %r13\n"
    "mov 112(%rdi), %r14; mov 120(%rdi), %r15; mov 56(%rdi), %rdi\n"
    "ret\n"
    "native_back:\n"
    "xchg %rdi, (%rsp)\n"
    "mov %rax, (%rdi); mov %rcx, 8(%rdi); mov %rdx, 16(%rdi); mov %rbx, 24(%rdi)\n"
    "mov %rbp, 40(%rdi); mov %rsi, 48(%rdi); mov %r8, 64(%rdi); mov %r9, 72(%rdi)\n"
    "mov %r10, 80(%rdi); mov %r11, 88(%rdi); mov %r12, 96(%rdi); mov %r13, 104(%rdi)\n"
    "mov %r14, 112(%rdi); mov %r15, 120(%rdi)\n"
    "pushfq; popq 128(%rdi); cld; pop %rax; mov %rax, 56(%rdi)\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
    "ret\n");

/* The instruction, and a jump back to native(). */
static void execute_native(struct state *s, const u8 *code, unsigned size)
{
	static u8 *page;
	const void *back = native_back;

	if (!page) {
		page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(page, MAP_FAILED);
	}
	memcpy(page, code, size);
	memcpy(page + size, "\xff\x25\x00\x00\x00\x00", 6); /* jmp *0(%rip) */
	memcpy(page + size + 6, &back, sizeof(back));
	native(s, page);
}

/* An instruction with the operand (%rdi), or for LODS (%rsi). Returns its size. */
static unsigned make(u8 *code, struct insn *i)
{
	static const u8 one[] = {
		0x63, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a,
		0x8b, 0xaa, 0xab, 0xac, 0xad, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff
	};
	static const u8 two[] = {
		0xa3, 0xab, 0xb0, 0xb1, 0xb3, 0xb6, 0xb7, 0xba, 0xbb, 0xbe, 0xbf
	};

	for (;;) {
		unsigned at = 0;

		if (fake_random() % 3 == 0)
			code[at++] = 0x66;
		if (fake_random() % 4 == 0)
			code[at++] = 0xf0;
		if (fake_random() % 2)
			code[at++] = 0x40 | (fake_random() & 0xc);
		switch (fake_random() % 3) {
		case 0:
			code[at++] = one[fake_random() % ARRAY_SIZE(one)];
			break;
		case 1:
			code[at++] = 0x0f;
			code[at++] = two[fake_random() % ARRAY_SIZE(two)];
			break;
		default:
			code[at++] = fake_random() & 0x3b;
		}
		code[at++] = (fake_random() & 0x38) | RDI;
		for (unsigned k = 0; k < 8; k++)
			code[at++] = fake_random() & 0xff;
		if (decode(code, at, CODE_64, i))
			continue;
		if (i->with == WITH_REG && !i->high && (i->reg == RSP || i->reg == RDI))
			continue;
		return i->length;
	}
}

static u64 defined_flags(const struct insn *i)
{
	u64 all = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF;

	if (i->op == INSN_AND || i->op == INSN_OR || i->op == INSN_XOR || i->op == INSN_TEST)
		return all & ~RFLAGS_AF;
	return i->op >= INSN_BT && i->op <= INSN_BTC ? RFLAGS_CF | RFLAGS_ZF : all;
}

/* Values at whose edges flags change come often. */
static u64 some_value(void)
{
	static const u64 edges[] = { 0,
				     1,
				     0x7f,
				     0x80,
				     0xff,
				     0x7fff,
				     0x8000,
				     0x7fffffff,
				     0x80000000,
				     0xffffffff,
				     0x7fffffffffffffff,
				     0x8000000000000000,
				     ~0ul };

	return fake_random() % 2 ? fake_random() : edges[fake_random() % ARRAY_SIZE(edges)];
}

static void start(struct state *s, u8 *memory, const struct insn *i)
{
	for (unsigned n = 0; n < 16; n++)
		s->reg[n] = some_value();
	if (i->op >= INSN_BT && i->op <= INSN_BTC && i->with == WITH_REG)
		s->reg[i->reg] = (s->reg[i->reg] & (8u * i->size - 1)) |
				 (i->size < 8 ? s->reg[i->reg] & ~low_bytes(~0ul, i->size) : 0);
	s->reg[RDI] = (u64)memory;
	if (i->op == INSN_LODS)
		s->reg[RSI] = (u64)memory;
	s->flags = RFLAGS_FIXED | RFLAGS_IF | (fake_random() & (defined_flags(i) | RFLAGS_DF));
	for (unsigned k = 0; k < 32; k += 8) {
		u64 word = some_value();

		memcpy(memory + k, &word, 8);
	}
	if (i->op == INSN_CMPXCHG && fake_random() % 2)
		memcpy(memory, &s->reg[0], 8);
}

static void load(const struct state *s, const u8 *memory)
{
	setup(NULL);
	for (unsigned n = 0; n < 16; n++)
		if (n != RSP)
			*vcpu_reg(&vcpu, n) = s->reg[n];
	fake_vmcs[GUEST_RFLAGS] = s->flags;
	memcpy(device_bytes, memory, 32);
}

static void compare(const struct state *s, const u8 *memory, const struct insn *i)
{
	u64 mask = defined_flags(i) | RFLAGS_DF | RFLAGS_IF;

	for (unsigned n = 0; n < 16; n++)
		if (n != RSP && *vcpu_reg(&vcpu, n) != s->reg[n])
			fail_msg("operation %u of %u bytes: register %u is %lx, the processor's "
				 "%lx; "
				 "step %lu with SEED=%lu",
				 i->op, i->size, n, *vcpu_reg(&vcpu, n), s->reg[n], fake_step,
				 fake_seed);
	if ((fake_vmcs[GUEST_RFLAGS] ^ s->flags) & mask)
		fail_msg("operation %u of %u bytes: flags are %lx, the processor's %lx; "
			 "step %lu with SEED=%lu",
			 i->op, i->size, fake_vmcs[GUEST_RFLAGS], s->flags, fake_step, fake_seed);
	CHECK(!memcmp(memory, device_bytes, 32));
}

static void as_the_processor(void **state)
{
	unsigned seen[INSN_OPS] = { 0 };

	(void)state;
	fake_random_start();
	for (fake_step = 0; fake_step < 100000; fake_step++) {
		u8 code[16], memory[32];
		struct state s;
		struct insn i;
		unsigned size = make(code, &i);

		seen[i.op]++;
		start(&s, memory, &i);
		load(&s, memory);
		set_code(code, size);
		CHECK(!access_at(BASE, insn_writes(&i) ? MMIO_WRITE : MMIO_READ));
		CHECK(fake_vmcs[GUEST_RIP] == CODE_AT + size);
		CHECK(reads == insn_reads(&i) && writes == insn_writes(&i));
		execute_native(&s, code, size);
		compare(&s, memory, &i);
	}
	for (unsigned op = INSN_NONE + 1; op < INSN_OPS; op++)
		assert_true(seen[op] > 100);
}

/* What goes for RBX goes for RSP: the same instruction with one in place of the other. */
static void stack_pointer(void **state)
{
	(void)state;
	fake_random_start();
	for (fake_step = 0; fake_step < 5000; fake_step++) {
		u8 code[16], memory[32], result[32];
		unsigned size, modrm;
		struct state s;
		struct insn i;
		u64 rbx, flags;

		do {
			size = make(code, &i);
			modrm = size - 1;
		} while (i.with != WITH_REG || i.reg != RBX || i.high ||
			 (code[modrm] & ~0x38) != RDI || (code[modrm - 1] & 0xf0) == 0x40 ||
			 i.reg_size == 1);
		start(&s, memory, &i);
		s.reg[RSP] = s.reg[RBX];
		load(&s, memory);
		set_code(code, size);
		CHECK(!access_at(BASE, insn_writes(&i) ? MMIO_WRITE : MMIO_READ));
		rbx = vcpu.regs.rbx;
		flags = fake_vmcs[GUEST_RFLAGS];
		memcpy(result, device_bytes, sizeof(result));

		load(&s, memory);
		fake_vmcs[GUEST_RSP] = s.reg[RSP];
		code[modrm] = RSP << 3 | RDI;
		set_code(code, size);
		CHECK(!access_at(BASE, insn_writes(&i) ? MMIO_WRITE : MMIO_READ));
		CHECK(fake_vmcs[GUEST_RSP] == rbx);
		CHECK(vcpu.regs.rbx == s.reg[RBX]);
		CHECK(fake_vmcs[GUEST_RFLAGS] == flags);
		CHECK(!memcmp(result, device_bytes, sizeof(result)));
	}
}

/* ---- by hand ---- */

static void modes(void **state)
{
	(void)state;
	/* 32-bit code: no REX, CS has a base, EIP wraps. */
	vcpu.lme = false;
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = RIGHTS_D;
	fake_vmcs[GUEST_CS_BASE] = CODE_AT + 2;
	fake_vmcs[GUEST_RIP] = 0xfffffffe;
	vcpu.regs.rcx = 0x1122334455667788;
	assert_int_equal(DO(MMIO_WRITE, "\x89\x08"), 0); /* mov %ecx,(%eax) */
	assert_int_equal(fake_vmcs[GUEST_RIP], 0);
	assert_memory_equal(device_bytes + 0x10, "\x88\x77\x66\x55\x00", 5);
	/* CS.L means nothing while long mode is off; compatibility mode is 32-bit code. */
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = RIGHTS_D | RIGHTS_L;
	fake_vmcs[GUEST_RIP] = 0xfffffffe;
	assert_int_equal(DO(MMIO_WRITE, "\x48\x89\x08"), -EINVAL);
	vcpu.lme = true;
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = RIGHTS_D;
	assert_int_equal(DO(MMIO_WRITE, "\x48\x89\x08"), -EINVAL);
	/* 16-bit code, with 16-bit and 32-bit addresses. */
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = 0;
	fake_vmcs[GUEST_CS_BASE] = CODE_AT - 0x100;
	fake_vmcs[GUEST_RIP] = 0x100;
	vcpu.regs.rdx = 0xaaaaaaaaaaaaaaaa;
	assert_int_equal(DO(MMIO_READ, "\x8b\x16\x34\x12"), 0); /* mov 0x1234,%dx */
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x104);
	assert_int_equal(vcpu.regs.rdx, 0xaaaaaaaaaaaa7788);
	fake_vmcs[GUEST_RIP] = 0x100;
	assert_int_equal(DO(MMIO_READ, "\x67\x66\x8b\x10"), 0); /* mov (%eax),%edx */
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x104);
	assert_int_equal(vcpu.regs.rdx, 0x55667788);
}

static void kind_of_access(void **state)
{
	(void)state;
	assert_int_equal(DO(MMIO_READ, "\x89\x08"), -EINVAL);
	assert_int_equal(DO(MMIO_WRITE, "\x8b\x08"), -EINVAL);
	assert_int_equal(DO(MMIO_WRITE, "\x39\x08"), -EINVAL); /* cmp */
	assert_int_equal(reads + writes, 0);
	assert_int_equal(fake_vmcs[GUEST_RIP], CODE_AT);
	/* What reads and writes exits as either, or as both. */
	for (u64 kind = MMIO_READ; kind <= (MMIO_READ | MMIO_WRITE); kind++) {
		vcpu.regs.rcx = 0x5;
		fake_vmcs[GUEST_RIP] = CODE_AT;
		assert_int_equal(DO(kind, "\xf0\x09\x08"), 0); /* lock or %ecx,(%rax) */
	}
	assert_int_equal(reads, 3);
	assert_int_equal(writes, 3);
}

static void refused(void **state)
{
	(void)state;
	assert_int_equal(DO(MMIO_WRITE, "\x0f\x11\x00"), -EINVAL); /* movups */
	/* Beyond the page. */
	set_code("\x8b\x08", 2);
	assert_int_equal(access_at(BASE + 0xffd, MMIO_READ), -EINVAL);
	/* A bit beyond the operand; one within it. */
	vcpu.regs.rcx = 32;
	assert_int_equal(DO(MMIO_WRITE, "\x0f\xab\x08"), -EINVAL);
	vcpu.regs.rcx = 0xffffffff;
	assert_int_equal(DO(MMIO_WRITE, "\x0f\xab\x08"), -EINVAL);
	assert_int_equal(reads + writes, 0);
	assert_int_equal(fake_vmcs[GUEST_RIP], CODE_AT);
	vcpu.regs.rcx = 31;
	assert_int_equal(DO(MMIO_WRITE, "\x0f\xab\x08"), 0);
	assert_memory_equal(device_bytes + 0x10, "\x00\x00\x00\x80", 4);
	/* An immediate is taken modulo the operand's size. */
	fake_vmcs[GUEST_RIP] = CODE_AT;
	assert_int_equal(DO(MMIO_WRITE, "\x0f\xba\x28\x21"), 0);
	assert_memory_equal(device_bytes + 0x10, "\x02\x00\x00\x80", 4);
}

/* Where fewer bytes can be read than an instruction may have. */
static void near_the_end(void **state)
{
	struct code code;
	char text[CODE_TEXT];

	(void)state;
	set_code("\x8b\x08", 2);
	code_at = fake_vmcs[GUEST_RIP] = CODE_AT + PAGE_SIZE - 2;
	code_mapped = 2;
	assert_int_equal(mmio_access(&vcpu, &device, BASE, MMIO_READ, &code), 0);
	assert_int_equal(code.size, 2);
	fake_vmcs[GUEST_RIP] = code_at - 1; /* the page before is not mapped, nor the one behind */
	assert_int_equal(mmio_access(&vcpu, &device, BASE, MMIO_READ, &code), -EAGAIN);
	fake_vmcs[GUEST_RIP] = code_at + 1;
	assert_int_equal(mmio_access(&vcpu, &device, BASE, MMIO_READ, &code), -EINVAL);
	assert_int_equal(code.size, 1);
	code_text(&code, text);
	assert_string_equal(text, "08 ");
	code.size = 0;
	code_text(&code, text);
	assert_string_equal(text, "");
	memset(code.bytes, 0xab, sizeof(code.bytes));
	code.size = MAX_INSTRUCTION;
	code_text(&code, text);
	assert_int_equal(strlen(text), CODE_TEXT - 1);
}

static void strings(void **state)
{
	(void)state;
	/* rep stosl: one at a time; RIP moves with the last. */
	vcpu.regs.rax = 0x11223344;
	vcpu.regs.rcx = 2;
	vcpu.regs.rdi = 0x1000;
	assert_int_equal(DO(MMIO_WRITE, "\xf3\xab"), 0);
	assert_int_equal(vcpu.regs.rcx, 1);
	assert_int_equal(vcpu.regs.rdi, 0x1004);
	assert_int_equal(fake_vmcs[GUEST_RIP], CODE_AT);
	assert_int_equal(DO(MMIO_WRITE, "\xf3\xab"), 0);
	assert_int_equal(vcpu.regs.rcx, 0);
	assert_int_equal(fake_vmcs[GUEST_RIP], CODE_AT + 2);
	/* No times at all is no access. */
	fake_vmcs[GUEST_RIP] = CODE_AT;
	assert_int_equal(DO(MMIO_WRITE, "\xf3\xab"), -EINVAL);
	/* Downwards, with 32-bit addresses: the upper halves go; those of RCX do not count. */
	fake_vmcs[GUEST_RFLAGS] |= RFLAGS_DF;
	fake_vmcs[GUEST_RIP] = CODE_AT;
	vcpu.regs.rsi = 0xffffffff00000001;
	vcpu.regs.rcx = 0xffffffff00000001;
	assert_int_equal(DO(MMIO_READ, "\x67\xf3\x66\xad"), 0); /* rep lodsw (%esi),%ax */
	assert_int_equal(vcpu.regs.rsi, 0xffffffff);
	assert_int_equal(vcpu.regs.rcx, 0);
	assert_int_equal(vcpu.regs.rax, 0x11223344);
	assert_int_equal(fake_vmcs[GUEST_RIP], CODE_AT + 4);
}

/* Where there is no device: ones, and nothing kept. */
static void absent(void **state)
{
	const struct mmio *d = &mmio_absent;
	struct code code;

	(void)state;
	vcpu.regs.rcx = 0x1122334455667788;
	set_code("\x89\x08", 2);
	assert_int_equal(mmio_access(&vcpu, d, 0x123456789000, MMIO_WRITE, &code), 0);
	fake_vmcs[GUEST_RIP] = CODE_AT;
	set_code("\x8b\x08", 2);
	assert_int_equal(mmio_access(&vcpu, d, 0x123456789000, MMIO_READ, &code), 0);
	assert_int_equal(vcpu.regs.rcx, 0xffffffff);
	fake_vmcs[GUEST_RIP] = CODE_AT;
	set_code("\x0f\xb6\x08", 3);
	assert_int_equal(mmio_access(&vcpu, d, 0x123456789fff, MMIO_READ, &code), 0);
	assert_int_equal(vcpu.regs.rcx, 0xff);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(as_the_processor), TEST(stack_pointer), TEST(modes),   TEST(kind_of_access),
		TEST(refused),		TEST(near_the_end),  TEST(strings), TEST(absent),
	};

	return cmocka_run_group_tests_name("mmio", tests, NULL, NULL);
}
