/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rogue guest: memory that is not there, and the APIC page used as no driver would. */
#include "tests/guests/rogue.h"

#define VECTOR_QUIET 0x48
#define WINDOW 0x40000000ull

extern u64 pdpt[];
extern const u8 mov_forms[], mov_forms_a32[], mov_forms_end[];

static u64 directory[512] __attribute__((aligned(PAGE_SIZE)));
static u64 table[512] __attribute__((aligned(PAGE_SIZE)));

static volatile u8 *map(u64 gpa)
{
	table[0] = gpa | 3;
	directory[0] = (u64)table | 3;
	pdpt[1] = (u64)directory | 3;
	write_cr3(read_cr3());
	return (volatile u8 *)WINDOW;
}

/* Nobody answers there: reads give ones, writes go nowhere. Code cannot be there. */
void rogue_outside(struct vcpu *v, u32 variant)
{
	const u64 gpas[] = { 0x40000000, 0x40000000,  0xfee01000,
			     0xfed00000, 0x100000000, (u64)GUEST_INFO->ram_pages << PAGE_SHIFT,
			     0x40000000 };
	volatile u8 *p;
	u32 x = v->rounds;

	if (variant >= ARRAY_SIZE(gpas))
		return;
	p = map(gpas[variant]);
	if (variant == 6)
		asm volatile("call *%0" : : "r"(p) : "memory");
	if (variant == 1) {
		p[3] = 1;
		*(volatile u64 *)(p + 0xff8) = 2;
		asm volatile("lock addl %1, %0" : "+m"(*(volatile u32 *)p) : "r"(x) : "cc");
		asm volatile("xchg %1, %0" : "+m"(*(volatile u32 *)(p + 1)), "+r"(x));
		rogue_expect(v, 2, x, ~0u);
	}
	rogue_expect(v, 2, *p, 0xff);
	rogue_expect(v, 2, *(volatile u16 *)(p + 0x123), 0xffff);
	rogue_expect(v, 2, *(volatile u32 *)p, ~0u);
	rogue_expect(v, 2, *(volatile u64 *)(p + 0xff8), ~0ull);
}

void rogue_jump(struct vcpu *v, u32 variant)
{
	(void)v;
	(void)variant;
	asm volatile("jmp *%0" : : "r"(APIC_BASE_GPA));
}

void rogue_stack(struct vcpu *v, u32 variant)
{
	u64 *ist1 = (u64 *)(TSS + v->id * 128ull + 36);

	irq_disable();
	switch (variant) {
	case 0:
		asm volatile("mov %0, %%rsp; push %%rax" : : "r"(APIC_BASE_GPA + 0x800));
		break;
	case 1:
		asm volatile("mov %0, %%rsp; call 1f; 1:" : : "r"(APIC_BASE_GPA + 0x800));
		break;
	case 2:
		asm volatile("mov %0, %%rsp; int3" : : "r"(APIC_BASE_GPA + 0x800));
		break;
	default:
		*ist1 = APIC_BASE_GPA + 0x800;
		asm volatile("int $8" : : : "memory");
	}
	for (;;)
		asm volatile("hlt");
}

void rogue_sse(struct vcpu *v, u32 variant)
{
	(void)v;
	(void)variant;
	asm volatile("movdqa (%0), %%xmm0" : : "r"(APIC_BASE_GPA + APIC_ID) : "memory");
}

void rogue_movs(struct vcpu *v, u32 variant)
{
	static u8 copy[PAGE_SIZE];
	u64 from = APIC_BASE_GPA, to = (u64)copy, count = sizeof(copy);

	(void)v;
	(void)variant;
	asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
}

static void on_quiet(struct vcpu *v, struct frame *f)
{
	(void)v;
	(void)f;
	apic_eoi();
}

void rogue_forms(struct vcpu *v, u32 variant)
{
	u64 icr = APIC_BASE_GPA + APIC_ICR;
	u32 x = ICR_FIXED | ICR_SELF | VECTOR_QUIET;

	(void)v;
	rt_on(VECTOR_QUIET, on_quiet);
	switch (variant) {
	case 0:
		asm volatile("xchg %0, (%1)" : "+r"(x) : "r"(icr) : "memory");
		break;
	case 1:
		asm volatile("lock orl %0, (%1)" : : "r"(x), "r"(icr) : "memory", "cc");
		break;
	case 2:
		asm volatile("movb %b0, (%1)" : : "q"(x), "r"(icr) : "memory");
		break;
	case 3:
		asm volatile("movw %w0, (%1)" : : "r"(x), "r"(icr) : "memory");
		break;
	case 4:
		asm volatile("movq %q0, (%1)" : : "r"((u64)x), "r"(icr) : "memory");
		break;
	case 5:
		asm volatile("cmpl %0, (%1)" : : "r"(x), "r"(icr) : "memory", "cc");
		break;
	default:
		asm volatile("movl %0, 2(%1)" : : "r"(x), "r"(icr) : "memory");
	}
}

/* A page walk that comes to the APIC-access page exits whatever else holds. */
void rogue_walk(struct vcpu *v, u32 variant)
{
	(void)v;
	if (variant == 1) {
		write_cr3(APIC_BASE_GPA);
		return;
	}
	pdpt[1] = APIC_BASE_GPA | 3;
	write_cr3(read_cr3());
	*(volatile u8 *)WINDOW;
}

/*
 * mov_forms is a list: length, then a piece of code that stores edx to LVT LINT0 (at rbx + rcx) in
 * one form, loads it back into eax in another, and returns. Each runs at every position across a
 * page boundary, where the hypervisor must fetch its bytes from two pages. Register numbers differ
 * from form to form, so a wrong one shows.
 */
void rogue_mov(struct vcpu *v, u32 variant)
{
	static u8 pages[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	const u8 *end = variant == 1 ? mov_forms_end : mov_forms_a32;
	u32 number = 0;

	for (const u8 *form = mov_forms; form < end; form += 1 + form[0], number++) {
		for (u32 split = 0; split <= form[0]; split++) {
			u8 *at = pages + PAGE_SIZE - split;
			u64 value = LVT_MASKED | (rt_random(v) >> 56), eax = 0;

			memcpy(at, form + 1, form[0]);
			asm volatile("call *%1"
				     : "+a"(eax)
				     : "r"(at), "b"(APIC_BASE_GPA + APIC_LVT_LINT0 - 0x50),
				       "c"(0x50ull), "d"(value)
				     : "rsi", "rdi", "r9", "r14", "r15", "memory", "cc");
			rogue_expect(v, 2400 + number, eax, number ? value : 0x00010042);
		}
	}
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
}

u32 rogue_noise_pages(void)
{
	u32 others = 6 << 8; /* 6 MB */

	return GUEST_INFO->ram_pages > others ? GUEST_INFO->ram_pages - others : 0;
}

void rogue_noise(struct vcpu *v, u32 variant)
{
	u64 words = (u64)rogue_noise_pages() * PAGE_SIZE / 8;
	volatile u64 *word = (volatile u64 *)((u64)GUEST_INFO->ram_pages << PAGE_SHIFT) - words;

	(void)variant;
	for (u64 i = 0; i < words; i++)
		word[i] = rt_random(v);
}
