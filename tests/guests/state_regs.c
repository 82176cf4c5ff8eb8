/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state guest: general, x87, SSE, AVX and debug registers across each kind of exit. */
#include "tests/guests/state.h"

#define GPRS 15
#define FX_ST 32 /* offsets in the FXSAVE area */
#define FX_XMM 160
#define FX_MXCSR 24
#define XSAVE_HEADER 512

/* regs_across() loads and stores it. */
struct bank {
	u64 gpr[16];
	u8 fpu[512 + 64 + 1024]; /* the XSAVE area; the AVX state lies within for every processor
				    that has no more than it */
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct bank, fpu) == 128, "state_asm.asm uses it");

void regs_across(void (*op)(void), const struct bank *in, struct bank *out, bool xsave);
void op_spin(void), op_cpuid(void), op_apic_read(void), op_self_ipi(void);
void op_port(void), op_hlt(void), op_hypercall(void);

/* What happens between loading and looking. Their order is part of the check numbers. */
static void (*const ops[])(void) = {
	op_spin, op_cpuid, op_apic_read, op_self_ipi, op_port, op_hlt, op_hypercall,
};

static struct bank in[MAX_CPUS], out[MAX_CPUS];

static void random_bank(struct vcpu *v, struct bank *b, u64 features)
{
	u64 *words = (u64 *)b->fpu;

	for (u32 i = 0; i < GPRS; i++)
		b->gpr[i] = rt_random(v);
	for (u32 i = 0; i < sizeof(b->fpu) / 8; i++)
		words[i] = rt_random(v);
	memset(b->fpu, 0, FX_ST);
	*(u16 *)&b->fpu[0] = 0x007f | (rt_random(v) >> 40 & 0xf00); /* precision, rounding */
	*(u16 *)&b->fpu[2] = 3 << 11;				    /* TOP */
	b->fpu[4] = 0xff;					    /* no register is empty */
	*(u32 *)&b->fpu[FX_MXCSR] = 0x1f80 | (rt_random(v) >> 40 & 0x603f);
	for (u32 i = 0; i < 8; i++) {
		/* Normal numbers: the integer bit set, a middling exponent. */
		*(u64 *)&b->fpu[FX_ST + 16 * i] |= BIT(63);
		*(u64 *)&b->fpu[FX_ST + 16 * i + 8] = 0x3fff + (rt_random(v) >> 56);
	}
	memset(&b->fpu[XSAVE_HEADER], 0, 64);
	*(u64 *)&b->fpu[XSAVE_HEADER] = features;
}

static u64 xmm_half(const u8 *at, u32 half)
{
	return ((const u64 *)at)[half];
}

/* Two halves are one check: their exclusive or tells which bits differ, the report shows the first
 * wrong half. */
static void check_wide(struct vcpu *v, u32 number, const u8 *value, const u8 *expected)
{
	u32 half = xmm_half(value, 0) == xmm_half(expected, 0);

	check(v, number, xmm_half(value, half), xmm_half(expected, half));
}

static void across(struct vcpu *v, u32 op)
{
	struct bank *i = &in[v->id], *o = &out[v->id];
	bool xsave = cpuid(1, 0).ecx & BIT(27);
	u64 features = xsave ? xgetbv(0) : 0;
	u32 base = 20 * op, ymm = features & 4 ? cpuid(13, 2).ebx : 0;

	random_bank(v, i, features);
	v->ipis_sent += ops[op] == op_self_ipi;
	regs_across(ops[op], i, o, xsave);
	for (u32 r = 0; r < GPRS; r++)
		check(v, CHECK_GPR + base + r, o->gpr[r], i->gpr[r]);
	for (u32 r = 0; r < 2; r++)
		check(v, CHECK_X87 + base + r, *(u16 *)&o->fpu[2 * r], *(u16 *)&i->fpu[2 * r]);
	check(v, CHECK_X87 + base + 2, o->fpu[4], i->fpu[4]);
	check(v, CHECK_X87 + base + 3, *(u32 *)&o->fpu[FX_MXCSR], *(u32 *)&i->fpu[FX_MXCSR]);
	for (u32 r = 0; r < 8; r++) {
		u32 at = FX_ST + 16 * r;

		check(v, CHECK_X87 + base + 4 + r, *(u64 *)&o->fpu[at] ^ *(u16 *)&o->fpu[at + 8],
		      *(u64 *)&i->fpu[at] ^ *(u16 *)&i->fpu[at + 8]);
	}
	for (u32 r = 0; r < 16; r++)
		check_wide(v, CHECK_XMM + base + r, &o->fpu[FX_XMM + 16 * r],
			   &i->fpu[FX_XMM + 16 * r]);
	for (u32 r = 0; ymm && ymm + 256 <= sizeof(i->fpu) && r < 16; r++)
		check_wide(v, CHECK_YMM + base + r, &o->fpu[ymm + 16 * r], &i->fpu[ymm + 16 * r]);
}

#define DR(n)                                                                                      \
	static u64 read_dr##n(void)                                                                \
	{                                                                                          \
		u64 x;                                                                             \
		asm volatile("mov %%dr" #n ", %0" : "=r"(x));                                      \
		return x;                                                                          \
	}                                                                                          \
	static void write_dr##n(u64 x)                                                             \
	{                                                                                          \
		asm volatile("mov %0, %%dr" #n : : "r"(x));                                        \
	}
DR(0)
DR(1)
DR(2)
DR(3)
DR(6)
DR(7)

static void every_op(struct vcpu *v)
{
	for (u32 i = 0; i < ARRAY_SIZE(ops); i++) {
		v->ipis_sent += ops[i] == op_self_ipi;
		ops[i]();
	}
}

/* Breakpoints with conditions but not enabled: they must be there afterwards, and must not strike
 * the host. */
static void debug_registers(struct vcpu *v)
{
	u64 a = rt_random(v) >> 17, dr6 = 0xffff0ff0 | 0x4005, dr7 = 0xdddd0400;

	write_dr0(a);
	write_dr1(a + 0x1000);
	write_dr2(a + 0x2000);
	write_dr3(a + 0x3000);
	write_dr6(dr6);
	write_dr7(dr7);
	every_op(v);
	check(v, CHECK_DEBUG, read_dr0(), a);
	check(v, CHECK_DEBUG + 1, read_dr1(), a + 0x1000);
	check(v, CHECK_DEBUG + 2, read_dr2(), a + 0x2000);
	check(v, CHECK_DEBUG + 3, read_dr3(), a + 0x3000);
	check(v, CHECK_DEBUG + 6, read_dr6(), dr6);
	check(v, CHECK_DEBUG + 7, read_dr7(), dr7);
	write_dr7(0x400);
}

static void breakpoint(struct vcpu *v)
{
	static u64 watched[MAX_CPUS];

	write_dr6(0xffff0ff0);
	write_dr0((u64)&watched[v->id]);
	write_dr7(0x400 | 1 << 0 | 1 << 16 | 2 << 18); /* DR0, writes of 8 bytes */
	check(v, CHECK_BREAKPOINT, rt_try(do_write, &watched[v->id], v), VECTOR_DB);
	write_dr7(0x400);
	check(v, CHECK_BREAKPOINT_DR6, read_dr6() & 0xf, 1);
}

/* CR2, CR8 and the flags over the same operations. */
static void others(struct vcpu *v)
{
	u64 address = window(v) + 0x123, cr8, flags, wanted = 0x8d5 | RFLAGS_IF | RFLAGS_FIXED;

	*window_entry(v) = 0;
	invlpg(address);
	check(v, CHECK_PF_VECTOR, rt_try(do_read, (void *)address, v), VECTOR_PF);
	check(v, CHECK_PF_ERROR, v->fault.error, 0);
	check(v, CHECK_PF_CR2, v->fault.cr2, address);

	asm volatile("mov %0, %%cr8" : : "r"(3ull) : "memory");
	every_op(v);
	check(v, CHECK_CR2, read_cr2(), address);
	asm volatile("mov %%cr8, %0" : "=r"(cr8) : : "memory");
	check(v, CHECK_CR8, cr8, 3);
	asm volatile("mov %0, %%cr8" : : "r"(0ull) : "memory");

	for (u32 i = 0; i < 2; i++, wanted ^= 0x8d5) {
		asm volatile("push %1; popfq; call op_cpuid; call op_apic_read; call op_port; call "
			     "op_hlt;"
			     "pushfq; pop %0"
			     : "=&r"(flags)
			     : "r"(wanted)
			     : "cc", "memory");
		check(v, CHECK_RFLAGS, flags, wanted);
	}
}

void state_regs(struct vcpu *v)
{
	for (u32 op = 0; op < ARRAY_SIZE(ops); op++)
		across(v, op);
	debug_registers(v);
	breakpoint(v);
	others(v);
}
