/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state guest: control registers, XCR0, and write protection. */
#include "tests/guests/state.h"

void op_cpuid(void), op_spin(void);

void do_write_cr0(void *value)
{
	write_cr0((u64)value);
}

void do_write_cr3(void *value)
{
	write_cr3((u64)value);
}

void do_write_cr4(void *value)
{
	write_cr4((u64)value);
}

void do_xsetbv(void *msr_write)
{
	struct msr_write *w = msr_write;

	xsetbv(w->msr, w->value);
}

static void do_sse(void *unused)
{
	(void)unused;
	asm volatile("movq %%xmm0, %%rax" : : : "rax");
}

static void cr0(struct vcpu *v)
{
	static const u8 bits[] = { 3, 5, 16, 18, 30 }; /* TS, NE, WP, AM, CD */
	u64 before = read_cr0();

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		write_cr0(before ^ BIT(bits[i]));
		op_cpuid();
		check(v, CHECK_CR0_TOGGLED + bits[i], read_cr0(), before ^ BIT(bits[i]));
		write_cr0(before);
		check(v, CHECK_CR0_TOGGLED + bits[i], read_cr0(), before);
	}
	check(v, CHECK_CR0_NW, rt_try(do_write_cr0, (void *)(before | CR0_NW), v), VECTOR_GP);
	check(v, CHECK_CR0_PE, rt_try(do_write_cr0, (void *)(before & ~CR0_PE), v), VECTOR_GP);
	check(v, CHECK_CR0_HIGH, rt_try(do_write_cr0, (void *)(before | BIT(32)), v), VECTOR_GP);
	check(v, CHECK_CR0_PG, rt_try(do_write_cr0, (void *)(before & ~CR0_PG), v), VECTOR_GP);

	write_cr0(before | CR0_TS);
	op_cpuid();
	check(v, CHECK_TS_NM, rt_try(do_sse, NULL, v), VECTOR_NM);
	asm volatile("clts");
	check(v, CHECK_CLTS, read_cr0(), before);
	check(v, CHECK_CLTS, rt_try(do_sse, NULL, v), NO_FAULT);
	asm volatile("lmsw %w0" : : "r"((u16)(before | CR0_TS)));
	check(v, CHECK_LMSW, read_cr0(), before | CR0_TS);
	write_cr0(before);
}

/* A read-only page: supervisor writes fault with WP, and do not without. */
static void write_protection(struct vcpu *v)
{
	u64 before = read_cr0(), address = window(v),
	    page = IST_STACKS + ((u64)v->id << PAGE_SHIFT);

	*window_entry(v) = page | 1;
	invlpg(address);
	check(v, CHECK_WP_SET, rt_try(do_write, (void *)address, v), VECTOR_PF);
	check(v, CHECK_WP_SET, v->fault.error, 3);
	write_cr0(before & ~CR0_WP);
	check(v, CHECK_WP_CLEAR, rt_try(do_write, (void *)address, v), NO_FAULT);
	write_cr0(before);
	*window_entry(v) = 0;
	invlpg(address);
}

static void cr3_cr4(struct vcpu *v)
{
	u64 before = read_cr4();

	check(v, CHECK_CR3_HIGH, rt_try(do_write_cr3, (void *)(read_cr3() | BIT(58)), v),
	      VECTOR_GP);
	check(v, CHECK_CR4_PAE, rt_try(do_write_cr4, (void *)(before & ~CR4_PAE), v), VECTOR_GP);
	check(v, CHECK_CR4_RESERVED, rt_try(do_write_cr4, (void *)(before | BIT(31)), v),
	      VECTOR_GP);
	check(v, CHECK_CR4_VMXE, rt_try(do_write_cr4, (void *)(before | CR4_VMXE), v), VECTOR_GP);
	check(v, CHECK_CR4_VMXE, read_cr4(), before);
	write_cr4(before | CR4_PGE);
	op_cpuid();
	check(v, CHECK_CR4_PGE, read_cr4(), before | CR4_PGE);
	write_cr4(before);
	write_cr3(read_cr3());
}

static void xcr0(struct vcpu *v)
{
	u64 before, valid[] = { 1, 3, 7 };
	struct msr_write w = { 0, 0 };

	if (!(cpuid(1, 0).ecx & BIT(27)))
		return;
	before = xgetbv(0);
	for (u32 i = 0; i < ARRAY_SIZE(valid); i++) {
		if (valid[i] & ~before)
			continue;
		xsetbv(0, valid[i]);
		op_spin();
		check(v, CHECK_XCR0 + valid[i], xgetbv(0), valid[i]);
	}
	xsetbv(0, before);
	check(v, CHECK_XCR0_ZERO, rt_try(do_xsetbv, &w, v), VECTOR_GP);
	w.value = 5;
	check(v, CHECK_XCR0_AVX_ALONE, rt_try(do_xsetbv, &w, v), VECTOR_GP);
	w = (struct msr_write){ 1, 1 };
	check(v, CHECK_XCR1, rt_try(do_xsetbv, &w, v), VECTOR_GP);
	check(v, CHECK_XCR0 + (before & 7), xgetbv(0), before);
}

static void tpr(struct vcpu *v)
{
	u64 cr8;

	asm volatile("mov %0, %%cr8" : : "r"(5ull) : "memory");
	check(v, CHECK_TPR_FROM_CR8, apic_read(APIC_TPR), 0x50);
	apic_write(APIC_TPR, 0x73);
	asm volatile("mov %%cr8, %0" : "=r"(cr8) : : "memory");
	check(v, CHECK_CR8_FROM_TPR, cr8, 7);
	check(v, CHECK_CR8_FROM_TPR, apic_read(APIC_TPR), 0x73);
	apic_write(APIC_TPR, 0);
}

void state_cr(struct vcpu *v)
{
	cr0(v);
	write_protection(v);
	cr3_cr4(v);
	xcr0(v);
	tpr(v);
}
