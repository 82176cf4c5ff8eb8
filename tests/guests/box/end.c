/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What no kernel survives: the processor's own accesses, to page tables, stacks, descriptors and code,
 * go to where there is no memory, or to the APIC. Each is run by its name, and ends the guest.
 */
#include "tests/guests/box/box.h"

#define NOWHERE BIT(38)
#define NOWHERE_LOW 0x3f000000ull /* linear is physical there, and RAM ends before */

extern const u8 rt_stubs[];

struct pointer {
	u16 limit;
	u64 base;
} __attribute__((packed));

static void survived(const char *what)
{
	ok(false, "%s: it cannot go on", what);
}

static void load_idt_at(u64 base)
{
	struct pointer p = { 0xfff, base };

	asm volatile("lidt %0" : : "m"(p));
}

/* A page directory there. */
static void walk_to(u64 table)
{
	u64 *pdpt = (u64 *)(pml4[0] & ~0xfffull);

	box_init();
	pdpt[WINDOW >> 30] = table | PTE_P | PTE_W;
	write_cr3(read_cr3());
	*(volatile u64 *)WINDOW;
}

void end_walk(void)
{
	walk_to(NOWHERE);
	survived("page walk");
}

/* Bochs 2.7 says of this exit that it is the instruction's own read, of register 0. */
void end_walk_apic(void)
{
	walk_to(APIC_BASE_GPA);
	skip("the processor took it for a read", "page walk in the APIC: it cannot go on");
}

void end_cr3(void)
{
	write_cr3(NOWHERE);
	survived("CR3");
}

static void push_at(u64 top)
{
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp; push %%rax; call 1f; 1: mov %%rbx, %%rsp"
		     :
		     : "r"(top)
		     : "rbx", "memory");
	survived("stack");
}

void end_stack(void)
{
	push_at(NOWHERE_LOW);
}

void end_code(void)
{
	((void (*)(void))NOWHERE_LOW)();
	survived("code");
}

void end_code_apic(void)
{
	((void (*)(void))APIC_BASE_GPA)();
	survived("code");
}

void end_idt(void)
{
	load_idt_at(NOWHERE_LOW);
	asm volatile("ud2");
	survived("IDT");
}

void end_idt_apic(void)
{
	load_idt_at(APIC_BASE_GPA);
	asm volatile("ud2");
	survived("IDT");
}

void end_gdt(void)
{
	struct pointer p = { 0xfff, NOWHERE_LOW };

	asm volatile("lgdt %0; mov %1, %%ds" : : "m"(p), "r"(SEL_DATA));
	survived("GDT");
}

/* An exception's frame is pushed there. */
static void deliver_at(u64 top)
{
	memcpy((void *)(TSS + 128ull * bsp + 36), &top, sizeof(top)); /* IST1 */
	rt_gate(VECTOR_UD, (u64)rt_stubs + 16 * VECTOR_UD, 1);
	asm volatile("ud2");
	survived("event delivery");
}

void end_delivery(void)
{
	deliver_at(NOWHERE_LOW);
}

void end_delivery_apic(void)
{
	deliver_at(APIC_BASE_GPA + PAGE_SIZE);
}

void end_triple(void)
{
	struct pointer none = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m"(none));
	survived("triple fault");
}

/* Protected mode without paging, and a far jump to a TSS. */
void end_task(void)
{
	task_switch();
	survived("task switch");
}

void end_sse(void)
{
	asm volatile("mov %%cr4, %%rax; or $0x200, %%rax; mov %%rax, %%cr4; movups (%0), %%xmm0"
		     :
		     : "r"(APIC_BASE_GPA + APIC_TPR)
		     : "rax", "memory");
	survived("SSE at the APIC");
}

/* #DB by the push of its own frame, without an end, on the other CPU: this one goes on, and ends all. */
static u8 loop_stack[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void debug_for_ever(void *unused)
{
	u64 top = (u64)(loop_stack + sizeof(loop_stack)), at = top - 8;

	(void)unused;
	memcpy((void *)(TSS + 128ull * this_vcpu()->id + 44), &top, sizeof(top)); /* IST2 */
	rt_gate(VECTOR_DB, (u64)spin, 2);
	asm volatile("mov %0, %%dr0" : : "r"(at));
	asm volatile("mov %0, %%dr7" : : "r"(0x400ull | 1 | 1 << 16 | 2 << 18));
	*(volatile u64 *)at = 0;
	spin();
}

void end_debug(void)
{
	u32 other = bsp == 0, n = 0;

	if (vcpus[other].state != VCPU_RUNS) {
		skip("there is one CPU", "#DB for ever");
		return;
	}
	start_call(other, debug_for_ever, NULL);
	for (u64 start = rdtsc(); rdtsc() - start < ticks_of(100000); n++) {
		cpuid(0, 0);
		apic_send(other, ICR_ASSERT | ICR_NMI);
		*(volatile u64 *)(SPARE_RAM + n % 1024 * PAGE_SIZE) = n;
	}
	ok(n > 10, "this CPU works on while the other one is in #DB for ever");
}
