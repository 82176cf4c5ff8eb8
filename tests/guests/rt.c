/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest programs' run-time: a vCPU's way from start.asm to guest_main(), hypercalls,
 * interrupts, waiting. */
#include "tests/guests/rt.h"

struct vcpu vcpus[MAX_CPUS];

extern const u8 rt_stubs[];
extern void rt_try_fault(void);
void rt_entry(u32 id);
void rt_interrupt(struct frame *f);

static struct {
	u64 lo, hi;
} idt[256] __attribute__((aligned(16)));
static irq_handler handlers[256];

/* GCC may call these for copies and clears. */
void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	asm volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool rt_round(struct vcpu *v)
{
	v->rounds++;
	return hypercall(HC_ROUND, v->rounds, 0, 0, 0, 0) == 1;
}

void rt_wrong(struct vcpu *v, enum wrong_kind kind, u64 address, u64 value, u64 expected)
{
	if (v->wrongs++ < WRONG_MAX)
		hypercall(HC_WRONG, address, value, expected, rdtsc(), kind);
}

_Noreturn void rt_done(struct vcpu *v)
{
	irq_disable();
	v->state = VCPU_DONE;
	hypercall(HC_DONE, v->rounds, v->timer_irqs, v->ipis_sent,
		  v->ipis_received + v->selves_received, v->checks);
	for (;;)
		asm volatile("cli; hlt");
}

void rt_puts(const char *text)
{
	hypercall(HC_PUTS, (u64)text, strlen(text), 0, 0, 0);
}

u64 rt_random(struct vcpu *v)
{
	u64 x = v->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return v->random = x;
}

void rt_pause(u64 ticks)
{
	u64 start = rdtsc();

	while (rdtsc() - start < ticks)
		cpu_relax();
}

bool rt_wait(const volatile u64 *counter, u64 value)
{
	u64 start = rdtsc(), spins = 0;

	while (*counter < value) {
		if (++spins > BOUND_SPINS && rdtsc() - start > BOUND_TICKS)
			return false;
		cpu_relax();
	}
	return true;
}

/*
 * A vCPU comes here with interrupts off, and who it waits for may need the CPU that it spins on:
 * an exit now and then lets a hypervisor underneath hand it over. Bochs 2.7 keeps the timer
 * interrupt from a guest that was entered with interrupts off, so nothing else would.
 */
#define LOOKS_PER_EXIT 1024

bool rt_wait_all(enum vcpu_state state)
{
	u64 start = rdtsc(), spins = 0;

	for (u32 i = 0; i < GUEST_INFO->vcpus; i++) {
		while (vcpus[i].state < state) {
			if (++spins > BOUND_SPINS && rdtsc() - start > BOUND_TICKS)
				return false;
			if (spins % LOOKS_PER_EXIT == 0)
				hypercall(HC_NOP, 0, 0, 0, 0, 0);
			cpu_relax();
		}
	}
	return true;
}

void rt_on(u8 vector, irq_handler handler)
{
	handlers[vector] = handler;
}

bool rt_catch(struct vcpu *v, struct frame *f)
{
	if (!v->try_rsp)
		return false;
	v->fault = (struct fault){ f->vector, f->error, f->rip, read_cr2() };
	f->rax = f->vector;
	f->rip = (u64)rt_try_fault;
	f->rsp = v->try_rsp;
	f->rflags &= ~RFLAGS_TF;
	v->try_rsp = 0;
	return true;
}

void rt_interrupt(struct frame *f)
{
	struct vcpu *v = this_vcpu();

	if (handlers[f->vector]) {
		handlers[f->vector](v, f);
	} else if (f->vector < 32) {
		/* One that no rt_try() waits for ends this vCPU: what it would go on with is not
		 * known. */
		if (!rt_catch(v, f)) {
			rt_wrong(v, WRONG_STATE, f->rip, f->vector, f->error);
			rt_done(v);
		}
	} else {
		/* A vector that nothing here sends. */
		rt_wrong(v, WRONG_LOST, f->vector, f->vector, 0);
		apic_eoi();
	}
}

static void on_timer(struct vcpu *v, struct frame *f)
{
	(void)f;
	v->timer_tsc = rdtsc();
	v->timer_irqs++;
	apic_eoi();
}

static void on_ipi(struct vcpu *v, struct frame *f)
{
	(void)f;
	v->ipis_received++;
	apic_eoi();
}

static void on_self(struct vcpu *v, struct frame *f)
{
	(void)f;
	v->selves_received++;
	apic_eoi();
}

/* A spurious interrupt sets no in-service bit, so it gets no EOI. */
static void on_spurious(struct vcpu *v, struct frame *f)
{
	(void)v;
	(void)f;
}

void rt_gate(u8 vector, u64 code, u64 ist)
{
	/* A present 64-bit interrupt gate; all code lies below 4 GB. */
	idt[vector].lo = (code & 0xffff) | SEL_CODE64 << 16 | ist << 32 | 0x8eull << 40 |
			 (code >> 16 & 0xffff) << 48;
}

static void build_idt(void)
{
	for (u32 i = 0; i < 256; i++)
		rt_gate(i, (u64)rt_stubs + 16 * i, i == 2 || i == 8);
	rt_on(VECTOR_TIMER, on_timer);
	rt_on(VECTOR_IPI, on_ipi);
	rt_on(VECTOR_SELF, on_self);
	rt_on(VECTOR_SPURIOUS, on_spurious);
}

static void load_idt(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };

	asm volatile("lidt %0" : : "m"(idtr));
}

static void apic_enable(u32 id)
{
	apic_write(APIC_SVR, APIC_SVR_VALUE);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_MASKED);
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1u << (24 + id));
	apic_write(APIC_TPR, 0);
}

void rt_start(u32 id)
{
	apic_send(id, ICR_INIT);
	rt_pause(20000);
	apic_send(id, ICR_STARTUP | 8);
	rt_pause(20000);
	apic_send(id, ICR_STARTUP | 8);
}

static void start_others(struct vcpu *v)
{
	for (u32 i = 1; i < GUEST_INFO->vcpus && i < MAX_CPUS; i++)
		rt_start(i);
	if (rt_wait_all(VCPU_RUNS))
		return;
	for (u32 i = 1; i < GUEST_INFO->vcpus && i < MAX_CPUS; i++)
		if (vcpus[i].state < VCPU_RUNS)
			rt_wrong(v, WRONG_LOST, APIC_BASE_GPA + APIC_ICR, i, ICR_STARTUP | 8);
}

void rt_entry(u32 id)
{
	struct vcpu *v = &vcpus[id];

	/* Also after another INIT and SIPI: then what was counted stays, and what was under way is
	 * gone. */
	v->id = id;
	v->try_rsp = 0;
	v->random = (GUEST_INFO->seed ^ (id + 1) * 0x9e3779b97f4a7c15) | 1;
	if (id == 0)
		build_idt();
	load_idt();
	apic_enable(id);
	v->starts++;
	v->state = VCPU_RUNS;
	if (id == 0)
		start_others(v);
	guest_main(v);
	rt_done(v);
}
