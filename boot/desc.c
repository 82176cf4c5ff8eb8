/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GDT and TSS per CPU, one IDT for all: its gates are the same everywhere, the stacks are in each
 * CPU's TSS. */
#include "boot/desc.h"
#include "boot/panic.h"
#include "mm/host.h"
#include "mm/x86.h"

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM: 64-bit interrupt gate");

struct table_register {
	u16 limit;
	u64 base;
} __attribute__((packed));

enum { VECTOR_NMI = 2, VECTOR_DF = 8, VECTOR_MC = 18, VECTORS = 256 };
enum { GATE_INTERRUPT = 0x8e, STUB_SIZE = 16 };

/* Accessed bits are set from the start, so that no CPU writes a descriptor while it loads one. */
#define GDT_CODE 0x00af9b000000ffffull
#define GDT_DATA 0x00cf93000000ffffull
#define TSS_AVAILABLE 0x89ull

#define CPUID_1_ECX_XSAVE BIT(26)
#define XCR0_X87 1

extern char isr_stubs[], isr_nmi[]; /* isr.asm: 256 stubs of STUB_SIZE bytes; the one for NMIs */

static struct gate idt[VECTORS] __attribute__((aligned(16)));

static void set_gate(unsigned vector, const char *stub, unsigned ist)
{
	u64 offset = (u64)stub;

	idt[vector] = (struct gate){
		.offset_low = (u16)offset,
		.offset_mid = (u16)(offset >> 16),
		.offset_high = (u32)(offset >> 32),
		.selector = SEL_CODE,
		.ist = (u8)ist,
		.type = GATE_INTERRUPT,
	};
}

/* Once, by the booting CPU, before there is another. */
static void build_idt(void)
{
	for (unsigned i = 0; i < VECTORS; i++)
		set_gate(i, isr_stubs + i * STUB_SIZE, 0);
	set_gate(VECTOR_NMI, isr_nmi, IST_NMI);
	set_gate(VECTOR_DF, isr_stubs + VECTOR_DF * STUB_SIZE, IST_DF);
	set_gate(VECTOR_MC, isr_stubs + VECTOR_MC * STUB_SIZE, IST_MC);
}

void desc_init(struct desc *d, const u64 tops[IST_COUNT - 1], u64 cpu_base)
{
	struct table_register gdtr = { sizeof(d->gdt) - 1, (u64)d->gdt };
	struct table_register idtr = { sizeof(idt) - 1, (u64)idt };
	u64 tss = (u64)&d->tss, limit = sizeof(d->tss) - 1;

	memset(d, 0, sizeof(*d));
	for (unsigned i = 0; i < IST_COUNT - 1; i++)
		d->tss.ist[i] = tops[i];
	d->tss.iomap = sizeof(d->tss); /* behind the limit: no I/O bitmap */
	d->gdt[SEL_CODE / 8] = GDT_CODE;
	d->gdt[SEL_DATA / 8] = GDT_DATA;
	d->gdt[SEL_TSS / 8] =
		limit | (tss & 0xffffff) << 16 | TSS_AVAILABLE << 40 | (tss >> 24 & 0xff) << 56;
	d->gdt[SEL_TSS / 8 + 1] = tss >> 32;
	if (!idt[0].type)
		build_idt();

	asm volatile("lgdt %0\n\t"
		     "pushq %1\n\t"
		     "leaq 1f(%%rip), %%rax\n\t"
		     "pushq %%rax\n\t"
		     "lretq\n"
		     "1:\tmovl %2, %%eax\n\t"
		     "movl %%eax, %%ds\n\t"
		     "movl %%eax, %%es\n\t"
		     "movl %%eax, %%ss\n\t"
		     "xorl %%eax, %%eax\n\t"
		     "movl %%eax, %%fs\n\t"
		     "movl %%eax, %%gs\n\t"
		     "lldt %%ax\n\t"
		     "movl %3, %%eax\n\t"
		     "ltr %%ax"
		     :
		     : "m"(gdtr), "i"(SEL_CODE), "i"(SEL_DATA), "i"(SEL_TSS)
		     : "rax", "memory");
	/* Loading FS and GS has cleared their bases; the handlers need GS's, so the gates come
	 * last. */
	wrmsr(MSR_FS_BASE, cpu_base);
	wrmsr(MSR_GS_BASE, cpu_base);
	asm volatile("lidt %0" : : "m"(idtr));
}

void cpu_control_init(void)
{
	u64 cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	bool xsave = cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE;

	if (xsave)
		cr4 |= CR4_OSXSAVE;
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	write_cr4(cr4);
	if (xsave)
		xsetbv(0, XCR0_X87);
}

void desc_bases(u64 *gdt, u64 *idt_base, u64 *tss)
{
	struct table_register gdtr;
	const u64 *entry;

	asm volatile("sgdt %0" : "=m"(gdtr));
	entry = (const u64 *)gdtr.base + SEL_TSS / 8;
	*gdt = gdtr.base;
	*idt_base = (u64)idt;
	*tss = (entry[0] >> 16 & 0xffffff) | (entry[0] >> 56) << 24 | entry[1] << 32;
}
