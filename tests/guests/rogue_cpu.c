/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rogue guest: the processor and the hypercalls. */
#include "tests/guests/rogue.h"

extern const u8 ud_forever[], db_forever[];
void task_switch(void);

void rogue_triple_fault(struct vcpu *v, u32 variant)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) none = { 0, 0 };

	(void)v;
	(void)variant;
	asm volatile("cli; lidt %0; ud2" : : "m"(none));
}

void rogue_hypercalls(struct vcpu *v, u32 variant)
{
	(void)variant;
	for (u64 i = 7; i < 100; i++)
		rogue_expect(v, 1, hypercall(i, i, i, i, i, i), -(u64)ENOSYS);
	for (u64 i = 32; i < 64; i++)
		rogue_expect(v, 1, hypercall(BIT(i), 0, 0, 0, 0, 0), -(u64)ENOSYS);
	rogue_expect(v, 1, hypercall(-1, 0, 0, 0, 0, 0), -(u64)ENOSYS);
}

void rogue_loop(struct vcpu *v, u32 variant)
{
	(void)v;
	(void)variant;
	asm volatile("cli; 1: jmp 1b");
}

void rogue_halt_off(struct vcpu *v, u32 variant)
{
	(void)v;
	(void)variant;
	for (;;)
		asm volatile("cli; hlt");
}

void rogue_halt_idle(struct vcpu *v, u32 variant)
{
	(void)v;
	(void)variant;
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0);
	for (;;)
		asm volatile("sti; hlt");
}

void rogue_puts(struct vcpu *v, u32 variant)
{
	u64 end = (u64)GUEST_INFO->ram_pages << PAGE_SHIFT;
	const struct {
		u64 gpa, length, result;
	} wild[] = {
		{ end, 1, -(u64)EFAULT },	    { end - 10, 11, -(u64)EFAULT },
		{ -1ull, 1, -(u64)EFAULT },	    { -8ull, 100, -(u64)EFAULT },
		{ APIC_BASE_GPA, 4, -(u64)EFAULT }, { BIT(52), 8, -(u64)EFAULT },
		{ 0x8000, 121, -(u64)EINVAL },	    { 0x8000, -1ull, -(u64)EINVAL },
		{ 0x8000, BIT(32), -(u64)EINVAL },  { 0x8000, BIT(63) + 1, -(u64)EINVAL },
	};

	(void)variant;
	for (u32 i = 0; i < ARRAY_SIZE(wild); i++)
		rogue_expect(v, 7, hypercall(HC_PUTS, wild[i].gpa, wild[i].length, 0, 0, 0),
			     wild[i].result);
}

/*
 * Exceptions whose handlers raise them again, on a stack that starts anew each time: no exit, and
 * with a breakpoint on that stack the processor does not even come to an instruction.
 */
void rogue_exceptions(struct vcpu *v, u32 variant)
{
	u64 ist_top = IST_STACKS + ((v->id + 1ull) << PAGE_SHIFT);

	irq_disable();
	if (variant == 0) {
		rt_gate(6, (u64)ud_forever, 1);
		asm volatile("ud2");
	}
	rt_gate(1, (u64)db_forever, 1);
	asm volatile("mov %0, %%dr0" : : "r"(ist_top - 8));
	asm volatile("mov %0, %%dr7" : : "r"(0x400ull | 1 | 1 << 16 | 2 << 18));
	*(volatile u64 *)(ist_top - 8) = 0;
	asm volatile("1: jmp 1b");
}

static void write_control(void *arg)
{
	u64 *what = arg;

	switch (what[0]) {
	case 0:
		write_cr0(what[1]);
		break;
	case 3:
		write_cr3(what[1]);
		break;
	case 4:
		write_cr4(what[1]);
		break;
	case 8:
		asm volatile("mov %0, %%cr8" : : "r"(what[1]) : "memory");
		break;
	}
}

void rogue_reserved(struct vcpu *v, u32 variant)
{
	u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4(), what[2];

	(void)variant;
	irq_disable();
	for (u32 i = 0; i < 64; i++) {
		what[0] = 4;
		what[1] = cr4 ^ BIT(i);
		if (rogue_allowed(v, 14, write_control, what))
			write_cr4(cr4);
		rogue_expect(v, 14, read_cr4(), cr4);
		what[0] = 0;
		what[1] = cr0 ^ BIT(i);
		if (i >= 32 || i == 0 || i == 31)
			rogue_expect(v, 14, rt_try(write_control, what, v), 13);
		else if (rogue_allowed(v, 14, write_control, what))
			write_cr0(cr0);
		rogue_expect(v, 14, read_cr0(), cr0);
		what[0] = 3;
		what[1] = cr3 | BIT(i);
		if (i >= 52) /* below may lie addresses that the processor has */
			rogue_expect(v, 14, rt_try(write_control, what, v), 13);
		what[0] = 8;
		what[1] = BIT(i);
		if (i >= 4)
			rogue_expect(v, 14, rt_try(write_control, what, v), 13);
	}
	write_cr3(cr3);
	irq_enable();
}

void rogue_task(struct vcpu *v, u32 variant)
{
	(void)v;
	(void)variant;
	irq_disable();
	task_switch();
}

static void write_dr7(void *value)
{
	asm volatile("mov %0, %%dr7" : : "r"(value));
}

static void write_dr6(void *value)
{
	asm volatile("mov %0, %%dr6" : : "r"(value));
}

static void read_dr0(void *unused)
{
	u64 x;

	(void)unused;
	asm volatile("mov %%dr0, %0" : "=r"(x));
}

/* A debug-register access with DR7.GD set raises #DB, and clears GD. */
void rogue_debug(struct vcpu *v, u32 variant)
{
	(void)variant;
	for (u32 i = 32; i < 64; i++) {
		rogue_expect(v, 17, rt_try(write_dr7, (void *)(BIT(i) | 0x400), v), 13);
		rogue_expect(v, 17, rt_try(write_dr6, (void *)(BIT(i) | 0xffff0ff0), v), 13);
	}
	rt_try(write_dr7, (void *)(0x400 | BIT(13)), v);
	rogue_expect(v, 17, rt_try(read_dr0, NULL, v), 1);
	rogue_expect(v, 17, rt_try(read_dr0, NULL, v), NO_FAULT);
}
