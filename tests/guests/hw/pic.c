/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8259A pair, which reaches the CPU by the local APIC's LINT0 as ExtINT (virtual wire mode). */
#include "tests/guests/hw/hw.h"

#define ICW1 0x11 /* edge-triggered, cascaded, ICW4 follows */
#define ICW4 0x01 /* 8086 mode */
#define OCW3_IRR 0x0a
#define OCW3_ISR 0x0b
#define SPECIFIC_EOI 0x60
#define IRQ(n) (VECTOR_PIC + (n))
#define UNMASKED(irq) ((u16)~BIT(irq))
#define UART_IRQ 4
#define RTC_IRQ 8
#define CASCADE 2

static void pic_start(void)
{
	outb(PORT_PIC, ICW1);
	outb(PORT_PIC + 1, VECTOR_PIC);
	outb(PORT_PIC + 1, BIT(CASCADE));
	outb(PORT_PIC + 1, ICW4);
	outb(PORT_PIC_SLAVE, ICW1);
	outb(PORT_PIC_SLAVE + 1, VECTOR_PIC + 8);
	outb(PORT_PIC_SLAVE + 1, CASCADE);
	outb(PORT_PIC_SLAVE + 1, ICW4);
}

void pic_mask(u16 mask)
{
	outb(PORT_PIC + 1, (u8)mask);
	outb(PORT_PIC_SLAVE + 1, mask >> 8);
}

void pic_init(void)
{
	pic_start();
	pic_mask(0xffff);
}

u8 pic_irr(u16 port)
{
	outb(port, OCW3_IRR);
	return inb(port);
}

u8 pic_isr(u16 port)
{
	outb(port, OCW3_ISR);
	return inb(port);
}

static struct {
	u8 isr, irr, isr_after;
	bool requested, apic_isr;
	u32 inside;
} seen;

static void on_plain(struct vcpu *v, struct frame *f)
{
	(void)v;
	seen.isr_after = pic_isr(PORT_PIC);
	seen.apic_isr = apic_bit(APIC_ISR, (u8)f->vector);
	if (f->vector >= IRQ(8))
		outb(PORT_PIC_SLAVE, PIC_EOI);
	outb(PORT_PIC, PIC_EOI);
}

void pic_open(u16 irqs)
{
	for (u32 i = 0; i < 16; i++)
		rt_on((u8)IRQ(i), on_plain);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	pic_start(); /* which forgets edges that came while masked */
	pic_mask((u16)~irqs);
}

static void registers(void)
{
	pic_mask(0xa55a);
	is(inb(PORT_PIC + 1) | inb(PORT_PIC_SLAVE + 1) << 8, 0xa55a, "PIC masks are kept");
	pic_start();
	is(inb(PORT_PIC + 1) | inb(PORT_PIC_SLAVE + 1) << 8, 0, "PIC: ICW1 clears the masks");
	pic_mask(0xffff);
	is(pic_isr(PORT_PIC) | pic_isr(PORT_PIC_SLAVE), 0, "PIC: nothing is in service");
}

static bool request(void)
{
	pit_one_shot(100);
	return until_closed(BOUND_MS, pic_irr(PORT_PIC) & 1);
}

static void on_irq0(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	if (my_hits(IRQ(0)) > 1) {
		outb(PORT_PIC, PIC_EOI);
		return;
	}
	seen.isr = pic_isr(PORT_PIC);
	seen.irr = pic_irr(PORT_PIC);
	seen.requested = request();
	uart_thre_irq(true);
	open_us(QUIET_US);
	seen.inside = ntaken - 1;
	outb(PORT_PIC, PIC_EOI);
	seen.isr_after = pic_isr(PORT_PIC);
}

static void on_uart(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	uart_iir();
	uart_thre_irq(false);
	outb(PORT_PIC, PIC_EOI);
}

static void one_irq(void)
{
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	rt_on(IRQ(0), on_irq0);
	rt_on(IRQ(UART_IRQ), on_uart);
	forget();
	ok(request(), "PIC: a masked request is in IRR");
	open_us(QUIET_US);
	is(ntaken, 0, "PIC: and does not interrupt");
	pic_mask(UNMASKED(0) & UNMASKED(UART_IRQ));
	ok(until(BOUND_MS, my_hits(IRQ(0))), "PIC: unmasked, it does, by LINT0");
	until(BOUND_MS, my_hits(IRQ(UART_IRQ)));
	is(seen.isr & 1, 1, "PIC: then it is in ISR");
	is(seen.irr & 1, 0, "PIC: and not in IRR");
	ok(seen.requested, "PIC: the same IRQ may be pending while in service");
	is(seen.inside, 0, "PIC: IRQ 0 in service keeps back itself and IRQ 4");
	is(seen.isr_after & 1, 0, "PIC: EOI ends it");
	is(order_taken(), IRQ(0) << 16 | IRQ(0) << 8 | IRQ(UART_IRQ),
	   "PIC: then those that were kept back come, in order");
	is(pic_isr(PORT_PIC), 0, "PIC: at the end nothing is in service");
	pic_init();
}

static void on_irq4(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	pit_one_shot(100);
	until(BOUND_MS, my_hits(IRQ(0)));
	seen.inside = my_hits(IRQ(0));
	uart_iir();
	uart_thre_irq(false);
	seen.isr = pic_isr(PORT_PIC);
	outb(PORT_PIC, SPECIFIC_EOI | UART_IRQ);
}

static void priorities(void)
{
	rt_on(IRQ(0), on_plain);
	rt_on(IRQ(UART_IRQ), on_irq4);
	forget();
	pic_mask(UNMASKED(0) & UNMASKED(UART_IRQ));
	uart_thre_irq(true);
	ok(until(BOUND_MS, my_hits(IRQ(UART_IRQ))), "PIC: IRQ 4 by the UART");
	is(seen.inside, 1, "PIC: IRQ 0 interrupts its handler");
	is(seen.isr_after, 0x11, "PIC: then both are in service");
	is(seen.isr, 0x10, "PIC: EOI ends the higher one");
	is(pic_isr(PORT_PIC), 0, "PIC: a specific EOI ends IRQ 4");

	/* Pending together. */
	forget();
	pic_mask(0xffff);
	uart_thre_irq(true);
	request();
	rt_on(IRQ(UART_IRQ), on_plain);
	pic_mask(UNMASKED(0) & UNMASKED(UART_IRQ));
	until(BOUND_MS, ntaken == 2);
	is(order_taken(), IRQ(0) << 8 | IRQ(UART_IRQ), "PIC: of two the lower number comes first");
	uart_iir();
	uart_thre_irq(false);
	pic_init();
}

static void on_irq8(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	seen.isr = pic_isr(PORT_PIC);
	seen.isr_after = pic_isr(PORT_PIC_SLAVE);
	rtc_write(RTC_B, RTC_24H);
	rtc_read(RTC_C);
	outb(PORT_PIC_SLAVE, PIC_EOI);
	outb(PORT_PIC, PIC_EOI);
}

static void slave(void)
{
	rt_on(IRQ(RTC_IRQ), on_irq8);
	forget();
	pic_mask(UNMASKED(CASCADE) & UNMASKED(RTC_IRQ));
	rtc_read(RTC_C);
	rtc_write(RTC_A, RTC_RATE_256);
	rtc_write(RTC_B, RTC_24H | RTC_PIE);
	ok(until(BOUND_MS, my_hits(IRQ(RTC_IRQ))), "PIC: IRQ 8 by the slave");
	is(seen.isr, BIT(CASCADE), "PIC: it is IRQ 2 to the master");
	is(seen.isr_after, 1, "PIC: and IRQ 0 of the slave");
	is(pic_isr(PORT_PIC) | pic_isr(PORT_PIC_SLAVE), 0, "PIC: two EOIs end it");
	rtc_write(RTC_B, RTC_24H);
	pic_init();
}

static void lint0(void)
{
	forget();
	apic_write(APIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
	rt_on(IRQ(0), on_plain);
	pic_mask(UNMASKED(0));
	ok(request(), "PIC: a request");
	open_us(QUIET_US);
	is(ntaken, 0, "LINT0 masked: it does not interrupt");
	apic_write(APIC_TPR, 0xff);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	ok(until(BOUND_MS, my_hits(IRQ(0))), "unmasked: it does, whatever TPR is");
	apic_write(APIC_TPR, 0);
	ok(!seen.apic_isr, "and is not in the local APIC's ISR");

	pic_init();
	forget();
	apic_write(APIC_LVT_LINT0, LVT_NMI);
	pic_mask(UNMASKED(0));
	pit_one_shot(100);
	ok(until_closed(BOUND_MS, my_hits(VECTOR_NMI)), "LINT0 as NMI: the PIC gives one");
	open_us(QUIET_US);
	if (!tcg_lacks("it repeats the NMI", "LINT0 as NMI: once, and nothing else"))
		is(ntaken, 1, "LINT0 as NMI: once, and nothing else");
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	pic_init();
}

void test_pic(void)
{
	registers();
	one_irq();
	priorities();
	slave();
	lint0();
}
