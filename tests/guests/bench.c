/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What single operations cost in ticks of the TSC, as a guest sees it: vCPU 0 measures while the
 * others halt. Then all of them make patrol's rounds, to have the run end as every run does.
 *
 * Each result is the mean of ITERATIONS, times 1000, less the empty loop's. A VMCALL's holds the
 * call of hypercall(), nine instructions; a fresh page's is the mean of FRESH_PAGES. With arg = 1 the
 * APIC's operations are measured in x2APIC mode as well.
 */
#include "boot/guests.h"
#include "tests/guests/data.h"
#include "tests/guests/patrol.h"

#define ITERATIONS 1000
#define WARM_UP 50
#define FRESH_PAGES 200
#define VECTOR_PING 0x60
#define VECTOR_PONG 0x61
#define VECTOR_X2 0x62
#define X2(reg) (MSR_X2APIC + (reg) / 16)
#define SELF_IPI 0x3f0

static volatile u64 pongs;
static volatile bool over;
static u64 empty_loop;

static inline u64 ticks(void)
{
	asm volatile("lfence" : : : "memory");
	return rdtsc();
}

/* ACCESSES: to the VMCS, all in all. The two hypercalls that count them have four. */
#define COUNT_ACCESSES 4

static void result(u32 id, u64 total, u64 accesses, u64 iterations)
{
	u64 each = total * 1000 / iterations;

	if (id != BENCH_LOOP)
		each = each > empty_loop ? each - empty_loop : 0;
	else
		empty_loop = each;
	hypercall(HC_RESULT, id, each, 0, 0, 0);
	hypercall(HC_RESULT, id + BENCH_ACCESSES, (accesses - COUNT_ACCESSES) * 1000 / iterations,
		  0, 0, 0);
}

static u64 count(void)
{
	return hypercall(HC_COUNT, 0, 0, 0, 0, 0);
}

/* A loop of its own for each operation: a call through a pointer would cost more than some of them.
 */
#define MEASURE(id, operation)                                                                     \
	do {                                                                                       \
		u64 tsc, spent, accesses;                                                          \
		for (u32 i = 0; i < WARM_UP; i++)                                                  \
			operation;                                                                 \
		accesses = count();                                                                \
		tsc = ticks();                                                                     \
		for (u32 i = 0; i < ITERATIONS; i++)                                               \
			operation;                                                                 \
		spent = ticks() - tsc;                                                             \
		result(id, spent, count() - accesses, ITERATIONS);                                 \
	} while (0)

static void on_ping(struct vcpu *v, struct frame *f)
{
	(void)f;
	v->selves_received++; /* not ipis_received: its count must be what the vCPU before sent */
	v->ipis_sent++;
	apic_eoi();
	apic_send(0, ICR_FIXED | VECTOR_PONG);
}

static void on_pong(struct vcpu *v, struct frame *f)
{
	(void)f;
	v->selves_received++;
	pongs++;
	apic_eoi();
}

static void on_x2(struct vcpu *v, struct frame *f)
{
	(void)f;
	v->selves_received++;
	wrmsr(X2(APIC_EOI), 0);
}

static void x2apic_self_ipi(struct vcpu *v)
{
	u64 next = v->selves_received + 1;

	v->ipis_sent++;
	wrmsr(X2(SELF_IPI), VECTOR_X2);
	rt_wait(&v->selves_received, next);
}

static void self_ipi(struct vcpu *v)
{
	u64 next = v->selves_received + 1;

	v->ipis_sent++;
	apic_write(APIC_ICR, ICR_FIXED | ICR_SELF | VECTOR_SELF);
	rt_wait(&v->selves_received, next);
}

static void ping(struct vcpu *v)
{
	u64 next = pongs + 1;

	v->ipis_sent++;
	apic_send(1, ICR_FIXED | VECTOR_PING);
	rt_wait(&pongs, next);
}

/* One that does not arrive costs the wait's whole bound: ask before a thousand of them do. */
static bool works(struct vcpu *v, void (*send)(struct vcpu *), const volatile u64 *counter)
{
	u64 before = *counter;

	send(v);
	if (*counter != before)
		return true;
	rt_wrong(v, WRONG_LOST, APIC_BASE_GPA + APIC_ICR, before, before + 1);
	return false;
}

/* The spare pages at the end of RAM were never touched: each first access is an EPT violation that
 * gets a frame. */
static void fresh_pages(void)
{
	volatile u8 *end = (volatile u8 *)((u64)GUEST_INFO->ram_pages << PAGE_SHIFT);
	u64 tsc, accesses;

	if ((u64)end < DATA_START + (FRESH_PAGES + 64) * PAGE_SIZE)
		return;
	data_spare(FRESH_PAGES);
	accesses = count();
	tsc = ticks();
	for (u32 i = 1; i <= FRESH_PAGES; i++)
		end[-(long)(i * PAGE_SIZE)];
	tsc = ticks() - tsc;
	result(BENCH_FAULT, tsc, count() - accesses, FRESH_PAGES);
}

/* The way back is by the APIC being disabled, which resets it. */
static void measure_x2apic(struct vcpu *v)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	rt_on(VECTOR_X2, on_x2);
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	MEASURE(BENCH_X2APIC_READ, rdmsr(X2(APIC_TPR)));
	MEASURE(BENCH_X2APIC_EOI, wrmsr(X2(APIC_EOI), 0));
	MEASURE(BENCH_X2APIC_TPR, (wrmsr(X2(APIC_TPR), i & 0xff), rdmsr(X2(APIC_TPR))));
	wrmsr(X2(APIC_TPR), 0);
	if (works(v, x2apic_self_ipi, &v->selves_received))
		MEASURE(BENCH_X2APIC_SELF_IPI, x2apic_self_ipi(v));
	irq_disable();
	wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_ENABLE);
	wrmsr(MSR_APIC_BASE, base);
	apic_write(APIC_SVR, APIC_SVR_VALUE);
	apic_write(APIC_LDR, 1u << (24 + v->id));
	irq_enable();
}

static void measure(struct vcpu *v)
{
	MEASURE(BENCH_LOOP, asm volatile(""));
	MEASURE(BENCH_CPUID, cpuid(0, 0));
	MEASURE(BENCH_VMCALL, hypercall(HC_NOP, 0, 0, 0, 0, 0));
	MEASURE(BENCH_APIC_READ, apic_read(APIC_TIMER_CURRENT));
	MEASURE(BENCH_APIC_EOI, apic_write(APIC_EOI, 0));
	MEASURE(BENCH_TPR, (apic_write(APIC_TPR, i & 0xff), apic_read(APIC_TPR)));
	apic_write(APIC_TPR, 0);
	MEASURE(BENCH_PORT, inb(0x80));
	if (works(v, self_ipi, &v->selves_received))
		MEASURE(BENCH_SELF_IPI, self_ipi(v));
	if (GUEST_INFO->vcpus > 1 && works(v, ping, &pongs))
		MEASURE(BENCH_IPI, ping(v));
	fresh_pages();
	if (GUEST_INFO->arg)
		measure_x2apic(v);
}

void guest_main(struct vcpu *v)
{
	if (v->id == 0) {
		rt_on(VECTOR_PING, on_ping);
		rt_on(VECTOR_PONG, on_pong);
		irq_enable();
		measure(v);
		over = true;
		for (u32 i = 1; i < GUEST_INFO->vcpus; i++, v->ipis_sent++)
			apic_send(i, ICR_FIXED | VECTOR_PONG);
	} else {
		while (!over)
			irq_wait();
		irq_enable();
	}
	apic_timer_start(v, PATROL_TIMER_TICKS);
	patrol_rounds(v, PATROL_PAGES);
}
