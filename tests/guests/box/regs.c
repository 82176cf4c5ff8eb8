/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control and debug registers, bit by bit, and XCR0: what is reserved is refused, and what CPUID does
 * not offer. */
#include "tests/guests/box/box.h"

struct write {
	u32 reg;
	u64 value;
};

static void write_reg(void *arg)
{
	const struct write *w = arg;

	switch (w->reg) {
	case 0:
		write_cr0(w->value);
		break;
	case 3:
		write_cr3(w->value);
		break;
	case 4:
		write_cr4(w->value);
		break;
	case 8:
		write_cr8(w->value);
		break;
	case 0xd6:
		asm volatile("mov %0, %%dr6" : : "r"(w->value));
		break;
	case 0xd7:
		asm volatile("mov %0, %%dr7" : : "r"(w->value));
		break;
	}
}

static u32 try_write(u32 reg, u64 value)
{
	return rt_try(write_reg, &(struct write){ reg, value }, this_vcpu());
}

/* As many points as there are groups of bits, not as there are bits. A bit is to be refused, or taken
 * and read back, or neither matters. */
enum { REFUSED, KEPT, EITHER };

static u64 wrong_bits;

static void bit_of(u32 reg, u64 (*read)(void), u32 bit, u32 wanted)
{
	u64 old = read(), value = old ^ BIT(bit);
	bool taken;

	if (wanted != KEPT && is_tcg())
		return; /* it may take what ends it */
	taken = try_write(reg, value) == NO_FAULT;
	if (taken ? wanted == REFUSED : wanted == KEPT)
		wrong_bits |= BIT(bit);
	if (!taken && read() != old)
		wrong_bits |= BIT(bit);
	if (taken && wanted == KEPT && read() != value)
		wrong_bits |= BIT(bit);
	if (taken)
		try_write(reg, old);
	if (read() != old)
		wrong_bits |= BIT(bit);
}

static u32 cr0_bit(u32 bit)
{
	switch (bit) {
	case 0:	 /* PE while PG */
	case 29: /* NW without CD */
	case 31: /* PG in 64-bit code */
	case 32 ... 63:
		return REFUSED;
	case 1:	 /* MP */
	case 2:	 /* EM */
	case 3:	 /* TS */
	case 5:	 /* NE */
	case 16: /* WP */
	case 18: /* AM */
	case 30: /* CD */
		return KEPT;
	}
	return EITHER; /* reserved bits are ignored, and ET */
}

static u32 cr4_bit(u32 bit)
{
	struct cpuid f1 = cpuid(1, 0), f7 = { 0 };
	u64 known;

	if (cpuid(0, 0).eax >= 7)
		f7 = cpuid(7, 0);
	switch (bit) {
	case 5: /* PAE, and LA57, in long mode */
	case 12:
		return REFUSED;
	case 6: /* MCE, PCE: there since the P6, whatever CPUID says */
	case 8:
		return EITHER;
	case 0:
	case 1:
		known = f1.edx & BIT(1);
		break;
	case 2:
		known = f1.edx & BIT(4);
		break;
	case 3:
		known = f1.edx & BIT(2);
		break;
	case 4:
		known = f1.edx & BIT(3);
		break;
	case 7:
		known = f1.edx & BIT(13);
		break;
	case 9:
		known = f1.edx & BIT(24);
		break;
	case 10:
		known = f1.edx & BIT(25);
		break;
	case 11:
		known = f7.ecx & BIT(2);
		break;
	case 13:
		known = f1.ecx & BIT(5);
		break;
	case 14:
		known = f1.ecx & BIT(6);
		break;
	case 16:
		known = f7.ebx & BIT(0);
		break;
	case 17:
		known = f1.ecx & BIT(17);
		break;
	case 18:
		known = f1.ecx & BIT(26);
		break;
	case 20:
		known = f7.ebx & BIT(7);
		break;
	case 21:
		known = f7.ebx & BIT(20);
		break;
	case 22:
		known = f7.ecx & BIT(3);
		break;
	case 23:
		known = f7.ecx & BIT(7);
		break;
	case 24:
		known = f7.ecx & BIT(31);
		break;
	default:
		known = 0;
	}
	return known ? KEPT : REFUSED;
}

static void control_registers(void)
{
	u32 wrong = 0;

	wrong_bits = 0;
	for (u32 i = 0; i < 64; i++)
		bit_of(0, read_cr0, i, cr0_bit(i));
	is(wrong_bits, 0, "CR0: each bit refused or kept");
	wrong_bits = 0;
	for (u32 i = 0; i < 64; i++)
		bit_of(4, read_cr4, i, cr4_bit(i));
	is(wrong_bits, 0, "CR4: each bit as CPUID says");

	if (tcg_lacks("it takes what is reserved", "CR3: bits above 51 are refused",
		      "CR8: bits above 3 are refused", "DR6, DR7: bits above 31 are refused"))
		return;
	for (u32 i = 52; i < 63; i++)
		wrong += try_write(3, read_cr3() | BIT(i)) != VECTOR_GP;
	is(wrong, 0, "CR3: bits above 51 are refused");
	wrong = 0;
	for (u32 i = 4; i < 64; i++)
		wrong += try_write(8, BIT(i)) != VECTOR_GP;
	is(wrong, 0, "CR8: bits above 3 are refused");
	wrong = 0;
	for (u32 i = 32; i < 64; i++) {
		wrong += try_write(0xd6, 0xffff0ff0 | BIT(i)) != VECTOR_GP;
		wrong += try_write(0xd7, 0x400 | BIT(i)) != VECTOR_GP;
	}
	is(wrong, 0, "DR6, DR7: bits above 31 are refused");
	try_write(0xd6, 0xffff0ff0);
	try_write(0xd7, 0x400);
}

/* LMSW sets and clears MP, EM and TS, sets PE, and cannot clear it. */
static void machine_status_word(void)
{
	u64 old = read_cr0(), low = old & 0xf;

	asm volatile("lmsw %w0" : : "r"((u16)(low ^ 0xe)));
	is(read_cr0(), old ^ 0xe, "LMSW sets and clears MP, EM, TS");
	asm volatile("lmsw %w0" : : "r"(0));
	is(read_cr0() & 0xf, CR0_PE, "LMSW does not clear PE");
	asm volatile("lmsw %w0" : : "r"((u16)(low | CR0_TS)));
	asm volatile("clts");
	is(read_cr0(), old & ~CR0_TS, "CLTS clears TS");
	write_cr0(old);
}

struct xcr {
	u32 index;
	u64 value;
};

static void set_xcr(void *arg)
{
	const struct xcr *x = arg;

	xsetbv(x->index, x->value);
}

static u32 try_xcr(u32 index, u64 value)
{
	return rt_try(set_xcr, &(struct xcr){ index, value }, this_vcpu());
}

static void extended_state(void)
{
	static const char set[] = "\x31\xc9\x31\xd2\x31\xc0\xff\xc0\x0f\x01\xd1",
			  get[] = "\x31\xc9\x0f\x01\xd0";
	struct cpuid d = { 0 };
	u64 known, wrong = 0;

	if (!(cpuid(1, 0).ecx & BIT(26))) {
		skip("there is no XSAVE", "XSETBV");
		return;
	}
	d = cpuid(0xd, 0);
	known = (u64)d.edx << 32 | d.eax;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	ok(cpuid(1, 0).ecx & BIT(27), "CPUID tells of OSXSAVE");
	is(try_xcr(0, 0), VECTOR_GP, "XCR0 without x87");
	is(try_xcr(0, 2), VECTOR_GP, "XCR0 with SSE alone");
	is(try_xcr(0, 5), VECTOR_GP, "XCR0 with AVX but not SSE");
	is(try_xcr(1, 1), VECTOR_GP, "there is no XCR1 to write");
	is(try_xcr(~0u, 1), VECTOR_GP, "nor one of all ones");
	for (u32 i = 3; i < 64; i++)
		if (!(known & BIT(i)) && try_xcr(0, BIT(i) | 7) != VECTOR_GP)
			wrong |= BIT(i);
	is(wrong, 0, "XCR0: what CPUID does not have is refused");
	is(try_xcr(0, known & 7), NO_FAULT, "XCR0 takes x87, SSE, AVX");
	is(xgetbv(0), known & 7, "and keeps them");
	is(run_user(set, sizeof(set) - 1, 0), VECTOR_GP, "XSETBV at CPL 3");
	is(run_user(get, sizeof(get) - 1, 0), NO_FAULT, "XGETBV at CPL 3");
	xsetbv(0, 1);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static void general_detect(void)
{
	static const char name[] = "DR7.GD: #DB for MOV from DR0, once";
	static const char get[] = "\x0f\x21\xc0";

	if (tcg_lacks("it does not have GD", name, "DR6.BD then"))
		return;
	try_write(0xd7, 0x400 | BIT(13));
	is(run_kernel(get, sizeof(get) - 1) << 8 | (run_kernel(get, sizeof(get) - 1) & 0xff),
	   VECTOR_DB << 8 | 0xff, name);
	{
		u64 dr6;

		asm volatile("mov %%dr6, %0" : "=r"(dr6));
		ok(dr6 & BIT(13), "DR6.BD then");
	}
	try_write(0xd6, 0xffff0ff0);
	try_write(0xd7, 0x400);
}

void test_registers(void)
{
	box_init();
	control_registers();
	machine_status_word();
	extended_state();
	general_detect();
}

/* What a machine that has no virtualization to offer says of itself. */
void test_cpuid(void)
{
	struct cpuid top = cpuid(0, 0), r;
	u32 differ = 0;

	r = cpuid(1, 0);
	is(r.ecx & (BIT(5) | BIT(6)), 0, "CPUID has no VMX, no SMX");
	is(r.edx & BIT(9), BIT(9), "CPUID has the APIC");
	/* On a processor without this leaf the answer is the highest basic one's. */
	r = cpuid(0x12, 0);
	ok(top.eax < 0x12 || !(cpuid(7, 0).ebx & BIT(2)) || r.eax,
	   "CPUID has no SGX unless it has");
	for (u32 leaf = 0; leaf <= 0x20; leaf++)
		for (u32 sub = 0; sub < 4; sub++) {
			struct cpuid a = cpuid(leaf, sub), b = cpuid(leaf, sub);

			differ += memcmp(&a, &b, sizeof(a)) != 0;
		}
	is(differ, 0, "CPUID gives the same answer twice");
	for (u32 i = 0; i < 32; i++) /* any leaf, any subleaf: an answer */
		for (u32 sub = 0; sub < 32; sub++)
			cpuid(1u << i, 1u << sub);
	cpuid(~0u, ~0u);
	cpuid(0x4fffffff, 0);
	ok(true, "CPUID answers any leaf");
}
