/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts: the IDT, what was taken, and the other CPUs. */
#include "tests/guests/hw/hw.h"

extern const u8 rt_stubs[], trampoline[], trampoline_end[];
extern void rt_try_fault(void);
void rt_interrupt(struct frame *f);
void hw_entry(u32 id, u32 cs);
void hw_main(void);

struct vcpu vcpus[MAX_CPUS];
volatile u32 hits[MAX_CPUS][256];
volatile struct taken taken[TAKEN];
volatile u32 ntaken;
u32 bsp;
struct frame caught;
struct reset_state reset_of[MAX_CPUS];

static struct {
	u64 lo, hi;
} idt[256] __attribute__((aligned(16)));
static irq_handler handlers[256];

/* What a CPU is to run. FN is cleared when it has. */
static struct {
	void (*volatile fn)(void *);
	void *volatile arg;
} calls[MAX_CPUS];

void forget(void)
{
	for (u32 i = 0; i < MAX_CPUS; i++)
		for (u32 v = 0; v < 256; v++)
			hits[i][v] = 0;
	ntaken = 0;
}

u64 interval_us(void)
{
	u64 us[INTERVALS];

	forget();
	if (!until(BOUND_MS, ntaken > INTERVALS))
		return 0;
	for (u32 i = 0; i < INTERVALS; i++) {
		u64 next = (taken[i + 1].tsc - taken[i].tsc) * 1000 / tsc_khz;
		u32 at = i;

		for (; at && us[at - 1] > next; at--)
			us[at] = us[at - 1];
		us[at] = next;
	}
	return us[INTERVALS / 2];
}

u64 order_taken(void)
{
	u64 order = 0;

	for (u32 i = 0; i < ntaken && i < 8; i++)
		order = order << 8 | taken[i].vector;
	return order;
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
	caught = *f;
	f->rax = f->vector;
	f->rip = (u64)rt_try_fault;
	f->rsp = v->try_rsp;
	f->cs = SEL_CODE64; /* it may come from CPL 3, or from single steps */
	f->ss = SEL_DATA;
	f->rflags = RFLAGS_FIXED | (f->rflags & RFLAGS_IF);
	v->try_rsp = 0;
	return true;
}

void rt_interrupt(struct frame *f)
{
	struct vcpu *v = this_vcpu();
	u8 vector = (u8)f->vector;

	if (vector < 32 && vector != VECTOR_NMI) {
		if (!rt_catch(v, f))
			bail_out("CPU %u: exception %u, error 0x%lx, at 0x%lx, CR2 0x%lx", v->id,
				 vector, f->error, f->rip, read_cr2());
		return;
	}
	hits[v->id][vector]++;
	if (v->id == bsp) {
		taken[ntaken % TAKEN].tsc = rdtsc();
		taken[ntaken % TAKEN].vector = vector;
		ntaken++;
	}
	if (handlers[vector])
		handlers[vector](v, f);
	else if (vector != VECTOR_NMI && vector != VECTOR_SPURIOUS)
		eoi();
}

void eoi(void)
{
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC)
		wrmsr(MSR_X2APIC + (APIC_EOI >> 4), 0);
	else
		apic_eoi();
}

void rt_gate(u8 vector, u64 code, u64 ist)
{
	idt[vector].lo = (code & 0xffff) | SEL_CODE64 << 16 | ist << 32 | 0x8eull << 40 |
			 (code >> 16 & 0xffff) << 48;
}

void rt_user_gate(u8 vector)
{
	idt[vector].lo |= 3ull << 45;
}

static void load_idt(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };

	asm volatile("lidt %0" : : "m"(idtr));
}

void apic_send(u32 dest, u32 command)
{
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC) {
		wrmsr(MSR_X2APIC + (APIC_ICR >> 4), (u64)dest << 32 | command);
		return;
	}
	until_closed(BOUND_MS, !(apic_read(APIC_ICR) & ICR_PENDING));
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, command);
}

void start_call(u32 cpu, void (*fn)(void *), void *arg)
{
	if (vcpus[cpu].state != VCPU_RUNS)
		return;
	calls[cpu].arg = arg;
	calls[cpu].fn = fn;
	apic_send(cpu, ICR_FIXED | VECTOR_WAKE);
}

bool end_call(u32 cpu)
{
	if (vcpus[cpu].state == VCPU_RUNS && until_closed(BOUND_MS, !calls[cpu].fn))
		return true;
	/* Not waited for once more. */
	vcpus[cpu].state = VCPU_OFF;
	calls[cpu].fn = NULL;
	return false;
}

bool call(u32 cpu, void (*fn)(void *), void *arg)
{
	start_call(cpu, fn, arg);
	return end_call(cpu);
}

void call_all(void (*fn)(void *), void *arg)
{
	for (u32 i = 0; i < MAX_CPUS; i++)
		if (i != bsp && vcpus[i].state == VCPU_RUNS)
			call(i, fn, arg);
	fn(arg);
}

u32 all_cpus(void)
{
	u32 mask = 0;

	for (u32 i = 0; i < MAX_CPUS; i++)
		mask |= (vcpus[i].state == VCPU_RUNS) << i;
	return mask;
}

u32 reached_by(u8 vector, u32 expected, void (*send)(u32, u32), u32 dest, u32 command)
{
	u32 got = 0;

	forget();
	send(dest, command);
	for (u32 i = 0; i < MAX_CPUS; i++)
		if (expected & BIT(i))
			until(BOUND_MS, hits[i][vector]);
	open_us(QUIET_US / 4);
	for (u32 i = 0; i < MAX_CPUS; i++)
		got |= (hits[i][vector] > 0) << i | (hits[i][vector] > 1) << (i + 8);
	return got;
}

static u32 total(u8 vector)
{
	u32 n = 0;

	for (u32 i = 0; i < MAX_CPUS; i++)
		n += hits[i][vector];
	return n;
}

bool one_took(u8 vector)
{
	until(BOUND_MS, total(vector));
	open_us(QUIET_US);
	return total(vector) == 1;
}

void put_trampoline(u32 page)
{
	memcpy((void *)((u64)page << PAGE_SHIFT), trampoline,
	       (size_t)(trampoline_end - trampoline));
}

void start_cpus(void)
{
	put_trampoline(TRAMPOLINE);
	for (u32 i = 0; i < machine.cpus; i++) {
		u32 id = machine.apic_ids[i];

		if (id == bsp)
			continue;
		apic_send(id, ICR_INIT);
		pause_us(1000);
		apic_send(id, ICR_STARTUP | TRAMPOLINE);
		pause_us(200);
		apic_send(id, ICR_STARTUP | TRAMPOLINE);
		until_closed(BOUND_MS, vcpus[id].state == VCPU_RUNS);
	}
}

void read_reset_state(struct reset_state *s)
{
	*s = (struct reset_state){
		.id = apic_read(APIC_ID) >> 24,
		.svr = apic_read(APIC_SVR),
		.tpr = apic_read(APIC_TPR),
		.ldr = apic_read(APIC_LDR),
		.dfr = apic_read(APIC_DFR),
		.lvt_timer = apic_read(APIC_LVT_TIMER),
		.lvt_lint0 = apic_read(APIC_LVT_LINT0),
		.lvt_lint1 = apic_read(APIC_LVT_LINT1),
		.lvt_error = apic_read(APIC_LVT_ERROR),
		.initial = apic_read(APIC_TIMER_INITIAL),
		.base = (u32)rdmsr(MSR_APIC_BASE),
		.page = s->page,
	};
}

static void serve(u32 id)
{
	for (;;) {
		if (!calls[id].fn) {
			irq_wait();
			continue;
		}
		calls[id].fn(calls[id].arg);
		calls[id].fn = NULL;
	}
}

/* Each CPU: the one that booted comes with CS 0, the others from a SIPI, perhaps more than once. */
void hw_entry(u32 id, u32 cs)
{
	struct vcpu *v = &vcpus[id];

	v->id = id;
	v->try_rsp = 0;
	if (!cs) {
		bsp = id;
		for (u32 i = 0; i < 256; i++)
			rt_gate((u8)i, (u64)rt_stubs + 16 * i, i == VECTOR_NMI || i == 8);
	}
	load_idt();
	reset_of[id].page = cs >> 8;
	read_reset_state(&reset_of[id]);
	apic_setup(NULL);
	calls[id].fn = NULL;
	v->starts++;
	v->state = VCPU_RUNS;
	if (!cs)
		hw_main();
	serve(id);
}
