/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One CPU is drowned in interrupts; the other works on. */
#include "tests/guests/box/box.h"

#define WORK 200000u
#define WORK_MS 20000u
#define VECTOR 0x5a
#define NMIS 2000u
#define TIMER_MAX 1000000u

static volatile u32 worked;
static volatile bool stop;
static u32 other;

/* Passes through memory, an exit now and then. */
static void work(void *unused)
{
	volatile u64 *at = (volatile u64 *)(SPARE_RAM + 0x100000);

	(void)unused;
	for (worked = 0; worked < WORK && !stop; worked++) {
		at[worked % 0x10000] = worked;
		if (worked % 1024 == 0)
			cpuid(0, 0);
	}
}

/* Nothing but the handler may get to run: it is for it to see the end. */
static void on_timer(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	if (worked >= WORK || my_hits(VECTOR) > TIMER_MAX)
		apic_write(APIC_TIMER_INITIAL, 0);
	apic_eoi();
}

/* The work is done while STORM goes on here. */
static void while_working(const char *name, void (*storm)(void))
{
	u64 start;

	stop = false;
	worked = 0;
	start_call(other, work, NULL);
	until_closed(BOUND_MS, worked);
	forget();
	start = rdtsc();
	do
		storm();
	while (worked < WORK && rdtsc() - start < ticks_of(WORK_MS * 1000ull));
	stop = true;
	irq_disable();
	apic_write(APIC_TIMER_INITIAL, 0);
	end_call(other);
	is(worked, WORK, "%s: the other CPU gets its work done", name);
}

static void timer(void)
{
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_TIMER_INITIAL, 1);
	open_us(100);
}

static void nmis(void)
{
	for (u32 i = 0; i < 100; i++)
		apic_send(bsp, ICR_ASSERT | ICR_NMI);
}

static void selves(void)
{
	for (u32 i = 0; i < 100; i++)
		send_self(VECTOR);
	irq_window();
}

static void exits(void)
{
	for (u32 i = 0; i < 100; i++) {
		outb(PORT_NOBODY, 0);
		run_kernel("\x0f\x01\xc1", 3); /* VMCALL */
	}
}

static void drown_bsp(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < NMIS; i++) {
		until_closed(BOUND_MS, !(apic_read(APIC_ICR) & ICR_PENDING));
		apic_write(APIC_ICR_HIGH, bsp << 24);
		apic_write(APIC_ICR, ICR_ASSERT | ICR_NMI);
		worked++;
	}
}

static void drowned(void)
{
	worked = 0;
	forget();
	start_call(other, drown_bsp, NULL);
	until_closed(WORK_MS, worked == NMIS);
	end_call(other);
	say("%u of %u NMIs were taken", my_hits(VECTOR_NMI), NMIS);
	ok(my_hits(VECTOR_NMI) > 0 && my_hits(VECTOR_NMI) <= NMIS,
	   "NMIs from the other CPU: they come, and this one works on");
}

void test_storms(void)
{
	box_init();
	other = bsp == 0;
	if (vcpus[other].state != VCPU_RUNS) {
		skip("there is one CPU", "storms");
		return;
	}
	/* A CPU without time for anything but the interrupt: an emulated one does not get on. */
	if (!tcg_lacks("no instruction passes between two",
		       "timer: the other CPU gets its work done", "timer: interrupts came")) {
		rt_on(VECTOR, on_timer);
		while_working("timer", timer);
		rt_on(VECTOR, NULL);
		ok(my_hits(VECTOR) > 0, "timer: interrupts came");
	}
	while_working("NMIs", nmis);
	ok(my_hits(VECTOR_NMI) > 0, "NMIs: some came");
	while_working("interrupts to itself", selves);
	ok(my_hits(VECTOR) > 0, "interrupts to itself: some came");
	while_working("exits", exits);
	drowned();
}
