/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What single operations cost, for any hypervisor that starts the program as Interlock does: these
 * same bytes run on Linux KVM as well, under tests/peers/kvm.c. So nothing here rests on a hypercall's
 * answer: results go out by the serial port, a line "peer NAME TICKS" each, the last one "peer end".
 *
 * A figure is the median of SAMPLES, each of them the mean of a few repetitions, less the empty
 * loop's: the interrupts of an operating system underneath fall into some samples only.
 */
#include "tests/guests/contents.h"
#include "tests/guests/data.h"
#include "tests/guests/rt.h"

#define SAMPLES 41
#define REPETITIONS 25
#define BOUND 50000000u /* looks at what another vCPU is to change */

#define SERIAL 0x3f8
#define PORT_KERNEL 0x21 /* the interrupt controller's mask, which KVM emulates in the kernel */
#define PORT_FAR 0x80	 /* which KVM leaves to the program above it */

/* The offer of frames (vmx/io.c): of pages whose contents are to stay; of others; for other frames. */
#define OFFER 0x5ec0
#define OFFER_DISCARD 0x5ec4
#define OFFER_SWAP 0x5ec8
#define OFFER_AGE 0x5ecc /* Interlock has none */
#define OFFERED 64u
#define PAGE_SAMPLES 15

#define VECTOR_PING 0x60
#define VECTOR_PONG 0x61

static volatile u64 pongs;
static volatile enum { SPIN, HALT, OVER } mode;
static u64 empty_loop;

static void put(const char *text)
{
	for (; *text; text++)
		outb(SERIAL, (u8)*text);
}

static void put_number(u64 n)
{
	char digits[21];
	u32 i = sizeof(digits) - 1;

	digits[i] = 0;
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put(digits + i);
}

static inline u64 ticks(void)
{
	asm volatile("lfence" : : : "memory");
	return rdtsc();
}

static u64 median(u64 *samples, u32 n)
{
	for (u32 i = 1; i < n; i++) {
		u64 x = samples[i];
		u32 at = i;

		for (; at && samples[at - 1] > x; at--)
			samples[at] = samples[at - 1];
		samples[at] = x;
	}
	return samples[n / 2];
}

/* Of N samples, each the ticks of EACH repetitions. In hundredths. */
static void result(const char *name, u64 *samples, u32 n, u32 each)
{
	u64 value = median(samples, n) * 100 / each;

	if (!empty_loop)
		empty_loop = value;
	else
		value = value > empty_loop ? value - empty_loop : 0;
	put("peer ");
	put(name);
	put(" ");
	put_number(value / 100);
	put(value % 100 < 10 ? ".0" : ".");
	put_number(value % 100);
	put("\n");
}

/* A loop of its own for each operation. PREPARE is not timed. */
#define MEASURE(name, repetitions, prepare, operation)                                             \
	do {                                                                                       \
		u64 samples[SAMPLES], tsc;                                                         \
		for (u32 s = 0; s < SAMPLES; s++) {                                                \
			prepare;                                                                   \
			tsc = ticks();                                                             \
			for (u32 i = 0; i < (repetitions); i++)                                    \
				operation;                                                         \
			samples[s] = ticks() - tsc;                                                \
		}                                                                                  \
		result(name, samples, SAMPLES, repetitions);                                       \
	} while (0)

static void on_ping(struct vcpu *v, struct frame *f)
{
	(void)f;
	v->selves_received++;
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

/* Without PAUSE, which some hypervisors have exit when there are many. */
static void until(struct vcpu *v, const volatile u64 *counter, u64 value)
{
	for (u32 looks = 0; *counter < value; looks++) {
		if (looks == BOUND) {
			rt_wrong(v, WRONG_LOST, APIC_BASE_GPA + APIC_ICR, *counter, value);
			put("peer lost-interrupt 0.00\n");
			rt_done(v);
		}
	}
}

static void self_ipi(struct vcpu *v)
{
	u64 next = v->selves_received + 1;

	v->ipis_sent++;
	apic_write(APIC_ICR, ICR_FIXED | ICR_SELF | VECTOR_SELF);
	until(v, &v->selves_received, next);
}

static void ping(struct vcpu *v)
{
	u64 next = pongs + 1;

	v->ipis_sent++;
	apic_send(1, ICR_FIXED | VECTOR_PING);
	until(v, &pongs, next);
}

static void exits(struct vcpu *v)
{
	MEASURE("loop", REPETITIONS, , asm volatile(""));
	MEASURE("cpuid", REPETITIONS, , cpuid(0, 0));
	MEASURE("vmcall", REPETITIONS, , hypercall(HC_NOP, 0, 0, 0, 0, 0));
	MEASURE("port-kernel", REPETITIONS, , inb(PORT_KERNEL));
	MEASURE("port-far", REPETITIONS, , inb(PORT_FAR));
	MEASURE("apic-read", REPETITIONS, , apic_read(APIC_TIMER_CURRENT));
	MEASURE("apic-id-read", REPETITIONS, , apic_read(APIC_ID));
	MEASURE("apic-write", REPETITIONS, , apic_write(APIC_ICR_HIGH, 0));
	MEASURE("tpr", REPETITIONS, , (apic_write(APIC_TPR, i), apic_read(APIC_TPR)));
	apic_write(APIC_TPR, 0);
	MEASURE("eoi", REPETITIONS, , apic_write(APIC_EOI, 0));
	MEASURE("self-ipi", REPETITIONS, , self_ipi(v));
	if (GUEST_INFO->vcpus < 2)
		return;
	MEASURE("ipi-running", REPETITIONS, , ping(v));
	mode = HALT;
	MEASURE("ipi-halted", 1, rt_pause(50000), ping(v)); /* 1 ms: it is well asleep */
}

static volatile u64 *page_at(u32 page)
{
	return (volatile u64 *)((u64)page << PAGE_SHIFT);
}

/* A write to each of OFFERED pages; then they have frames, and are dirty. */
static u64 touch(u32 first)
{
	u64 tsc = ticks();

	for (u32 i = 0; i < OFFERED; i++)
		*page_at(first + i) = 1;
	return ticks() - tsc;
}

static void fresh(void)
{
	u64 samples[PAGE_SAMPLES];
	u32 page = GUEST_INFO->ram_pages;

	for (u32 s = 0; s < PAGE_SAMPLES; s++) {
		page -= OFFERED;
		samples[s] = touch(page);
	}
	result("fresh", samples, PAGE_SAMPLES, OFFERED);
}

/* The only source of versions whose pages are text. */
static void text_of(struct contents *c, u32 page, u32 version)
{
	struct contents_mix mix = { 1, page, 1, 0, 1 };

	do
		contents_of(c, &mix, page, version++);
	while (c->kind != CONTENTS_TEXT);
}

/*
 * Pages that hold KIND are taken back at the guest's word, all at once, and then each is touched.
 * Where contents are to stay, they must be there. KVM's first look at a page only clears its
 * accessed flag, as every second chance does: that is asked for before the clock runs.
 */
static void offer(struct vcpu *v, const char *out, const char *back, u16 port,
		  enum contents_kind kind)
{
	u64 took[PAGE_SAMPLES], touched[PAGE_SAMPLES], tsc;
	u32 first = GUEST_INFO->ram_pages - OFFERED;
	struct contents_word wrong;
	struct contents c[OFFERED];

	for (u32 s = 0; s < PAGE_SAMPLES; s++) {
		for (u32 i = 0; i < OFFERED; i++) {
			c[i] = (struct contents){ .kind = kind, .hash = 0x5a5a5a5a5a5a5a5a + s };
			if (kind == CONTENTS_TEXT)
				text_of(&c[i], first + i, s * 64 + 1);
			contents_fill(&c[i], page_at(first + i));
		}
		outl(OFFER_AGE, OFFERED << 20 | first);
		tsc = ticks();
		outl(port, OFFERED << 20 | first);
		took[s] = ticks() - tsc;
		touched[s] = touch(first);
		for (u32 i = 0; i < OFFERED; i++)
			if (port == OFFER && contents_wrong(&c[i], page_at(first + i), 1, 1,
							    &wrong) < CONTENTS_WORDS)
				rt_wrong(v, WRONG_DATA, (u64)page_at(first + i), wrong.found,
					 wrong.expected);
	}
	result(out, took, PAGE_SAMPLES, OFFERED);
	result(back, touched, PAGE_SAMPLES, OFFERED);
}

static void offer_apic(struct vcpu *v)
{
	u64 took[SAMPLES], touched[SAMPLES], tsc;
	u32 version;

	for (u32 s = 0; s < SAMPLES; s++) {
		outl(OFFER_AGE, 1u << 20 | APIC_BASE_GPA >> PAGE_SHIFT);
		tsc = ticks();
		outl(OFFER_SWAP, 1u << 20 | APIC_BASE_GPA >> PAGE_SHIFT);
		took[s] = ticks() - tsc;
		tsc = ticks();
		version = apic_read(APIC_LVR);
		touched[s] = ticks() - tsc;
		if (version != APIC_LVR_VALUE)
			rt_wrong(v, WRONG_APIC_READ, APIC_BASE_GPA + APIC_LVR, version,
				 APIC_LVR_VALUE);
	}
	result("apic-page-out", took, SAMPLES, 1);
	result("apic-page-back", touched, SAMPLES, 1);
}

static void pages(struct vcpu *v)
{
	fresh();
	offer(v, "dropped-out", "dropped-back", OFFER_DISCARD, CONTENTS_TEXT);
	offer(v, "same-out", "same-back", OFFER, CONTENTS_SAME);
	offer(v, "text-out", "text-back", OFFER, CONTENTS_TEXT);
	offer_apic(v);
}

static void finish(struct vcpu *v)
{
	while (!rt_round(v))
		cpu_relax();
	rt_done(v);
}

void guest_main(struct vcpu *v)
{
	if (v->id) {
		while (mode == SPIN)
			irq_window();
		while (mode != OVER)
			irq_wait();
		finish(v);
	}
	rt_on(VECTOR_PING, on_ping);
	rt_on(VECTOR_PONG, on_pong);
	irq_enable();
	exits(v);
	pages(v);
	if (v->wrongs)
		put("peer wrong 1.00\n");
	put("peer end\n");
	mode = OVER;
	for (u32 i = 1; i < GUEST_INFO->vcpus; i++, v->ipis_sent++)
		apic_send(i, ICR_FIXED | VECTOR_PONG);
	finish(v);
}
