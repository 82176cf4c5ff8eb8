/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NMIs: blocked in their handler, let in by its IRET; what looks like one and is none. */
#include "tests/guests/box/box.h"

extern const u8 rt_stubs[];

static volatile u32 depth, deepest, inside, order;

static void send_nmi(void)
{
	apic_send(bsp, ICR_ASSERT | ICR_NMI);
}

static void send_and_look(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (my_hits(VECTOR_NMI) == 1) {
		send_nmi();
		send_nmi();
		send_nmi();
		pause_us(QUIET_US);
		inside = my_hits(VECTOR_NMI);
	}
	depth--;
}

static void nested(void)
{
	depth = deepest = 0;
	rt_on(VECTOR_NMI, send_and_look);
	forget();
	send_nmi();
	ok(until_closed(BOUND_MS, my_hits(VECTOR_NMI) >= 2), "an NMI from an NMI's handler comes");
	pause_us(QUIET_US);
	is(inside, 1, "but not before that has ended");
	is(deepest, 1, "nor within it");
	is(my_hits(VECTOR_NMI), 2, "three that were held back are one");
}

/* IRET to the next instruction: with it the blocking ends, within the handler. */
static inline void iret_here(void)
{
	asm volatile("mov %%rsp, %%rax; sub $128, %%rsp; push %0; push %%rax; pushfq; push %1; "
		     "lea 1f(%%rip), %%rax; push %%rax; iretq; 1:"
		     :
		     : "i"(SEL_DATA), "i"(SEL_CODE64)
		     : "rax", "memory", "cc");
}

static void iret_within(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (my_hits(VECTOR_NMI) == 1) {
		send_nmi();
		iret_here();
		inside = until_closed(BOUND_MS, my_hits(VECTOR_NMI) == 2);
	}
	depth--;
}

static void unblocked(void)
{
	depth = deepest = inside = 0;
	rt_on(VECTOR_NMI, iret_within);
	forget();
	send_nmi();
	ok(until_closed(BOUND_MS, my_hits(VECTOR_NMI) == 2),
	   "an IRET in the handler lets the next in");
	is(inside << 8 | deepest, 1 << 8 | 2, "right there");
}

/* INT 2 has the same handler, and blocks nothing. */
static void send_from_int2(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	if (my_hits(VECTOR_NMI) == 1) {
		send_nmi();
		inside = until_closed(BOUND_MS, my_hits(VECTOR_NMI) == 2);
	}
}

static void by_instruction(void)
{
	inside = 0;
	rt_on(VECTOR_NMI, send_from_int2);
	forget();
	asm volatile("int $2" : : : "memory");
	pause_us(QUIET_US);
	is(my_hits(VECTOR_NMI), 2, "INT 2 and an NMI from its handler");
	is(inside, 1, "which it does not hold back");
}

static void timer_in(u32 us, u8 vector)
{
	u32 count = (u32)((u64)timer_khz() * us / 1000); /* it uses the timer to measure */

	apic_write(APIC_LVT_TIMER, vector);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_TIMER_INITIAL, count);
}

#define VECTOR 0x59

/* HLT in the handler: an NMI that is blocked does not end it, an interrupt does. */
static void halt_within(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	if (my_hits(VECTOR_NMI) != 1)
		return;
	send_nmi();
	pause_us(100);
	timer_in(5000, VECTOR);
	asm volatile("sti; hlt; cli" : : : "memory");
	inside = my_hits(VECTOR);
	order = my_hits(VECTOR_NMI);
}

static void halted(void)
{
	inside = order = 0;
	rt_on(VECTOR_NMI, halt_within);
	forget();
	send_nmi();
	ok(until_closed(BOUND_MS, my_hits(VECTOR_NMI) >= 1), "an NMI whose handler halts");
	is(inside, 1, "HLT there lasts until the timer's interrupt");
	/* The interrupt's own IRET has let the NMI in, perhaps before it was looked at. */
	ok(until_closed(BOUND_MS, my_hits(VECTOR_NMI) == 2), "the NMI that was blocked comes then");
	apic_setup(NULL);
}

static volatile bool woken;

/* Until it has had its effect: the first may come before the HLT. */
static void wake(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < 100 && !woken; i++) {
		pause_us(QUIET_US);
		send_nmi();
	}
}

static void wakes(void)
{
	u32 other = bsp == 0;

	woken = false;
	rt_on(VECTOR_NMI, NULL);
	forget();
	send_self(VECTOR); /* is not taken */
	start_call(other, wake, NULL);
	asm volatile("hlt" : : : "memory"); /* interrupts are off */
	woken = true;
	ok(my_hits(VECTOR_NMI) && !my_hits(VECTOR), "an NMI ends HLT with interrupts off");
	end_call(other);
	irq_window();
}

/* INIT and SIPI to oneself. By the SDM an INIT resets; here it does nothing. */
static void start_up(void)
{
	u64 starts = vcpus[bsp].starts;

	forget();
	apic_send(bsp, ICR_STARTUP | 0x8);
	apic_send(bsp, ICR_STARTUP | 0xff);
	pause_us(QUIET_US);
	is(vcpus[bsp].starts, starts, "SIPI to itself does nothing");
	if (tcg_lacks("it resets", "INIT to itself leaves it running"))
		return;
	apic_send(0, ICR_INIT | ICR_SELF);
	apic_send(bsp, ICR_INIT);
	pause_us(QUIET_US);
	is(vcpus[bsp].starts, starts, "INIT to itself leaves it running");
}

void test_nmi(void)
{
	box_init();
	rt_gate(VECTOR_NMI, (u64)rt_stubs + 16 * VECTOR_NMI, 0); /* they are to nest */
	nested();
	unblocked();
	by_instruction();
	halted();
	if (vcpus[bsp == 0].state == VCPU_RUNS)
		wakes();
	else
		skip("there is one CPU", "an NMI ends HLT with interrupts off");
	rt_gate(VECTOR_NMI, (u64)rt_stubs + 16 * VECTOR_NMI, 1);
	start_up();
}
