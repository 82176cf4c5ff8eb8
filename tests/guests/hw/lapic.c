/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC in xAPIC mode: registers, priorities, what is held and what nests, errors, off and on
 * again (SDM volume 3, "Advanced Programmable Interrupt Controller"). */
#include "tests/guests/hw/hw.h"

#define LOW 0x41
#define MIDDLE 0x61
#define HIGH 0x91

bool apic_bit(u32 reg, u8 vector)
{
	return apic_read(reg + vector / 32 * 16) >> vector % 32 & 1;
}

static void registers(void)
{
	static const struct {
		const char *name;
		u32 reg, write, read;
	} kept[] = {
		{ "TPR keeps 8 bits", APIC_TPR, 0x15a, 0x5a },
		{ "LDR keeps bits 31:24", APIC_LDR, 0x5a123456, 0x5a000000 },
		{ "DFR keeps bits 31:28, the others read as ones", APIC_DFR, 0, 0x0fffffff },
		{ "ICR bits 63:32 keep the destination", APIC_ICR_HIGH, 0xab000000, 0xab000000 },
		{ "LVT timer keeps mode, mask and vector", APIC_LVT_TIMER, 0x300d1, 0x300d1 },
		{ "LVT LINT0 keeps mode, polarity and trigger", APIC_LVT_LINT0, 0x1a7d2, 0x1a7d2 },
		{ "LVT LINT1 keeps mode and vector", APIC_LVT_LINT1, 0x104d3, 0x104d3 },
		{ "LVT error keeps mask and vector", APIC_LVT_ERROR, 0x100d4, 0x100d4 },
		{ "the initial count keeps 32 bits", APIC_TIMER_INITIAL, 0xfedcba98, 0xfedcba98 },
		{ "the divide configuration keeps bits 3, 1, 0", APIC_TIMER_DIVIDE, 0xf, 0xb },
	};
	u32 version = apic_read(APIC_LVR);

	is(apic_read(APIC_ID) >> 24, cpuid(1, 0).ebx >> 24, "the id is that of CPUID leaf 1");
	ok((version & 0xf0) == 0x10, "the version is an integrated APIC's");
	ok((version >> 16 & 0xff) >= 3 && (version >> 16 & 0xff) <= 6, "4 to 7 LVT entries");
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++) {
		apic_write(kept[i].reg, kept[i].write);
		is(apic_read(kept[i].reg), kept[i].read, "%s", kept[i].name);
		apic_setup(NULL);
	}
	apic_write(APIC_LVR, 0);
	apic_write(APIC_PPR, 0x70);
	apic_write(APIC_IRR + 0x20, ~0u);
	apic_write(APIC_TIMER_CURRENT, 1000);
	ok(apic_read(APIC_LVR) == version && !apic_read(APIC_PPR) && !apic_read(APIC_IRR + 0x20) &&
		   !apic_read(APIC_TIMER_CURRENT),
	   "writes to read-only registers change nothing");
	apic_write(APIC_ESR, 0);
}

static void read_base(void *base)
{
	*(u64 *)base = rdmsr(MSR_APIC_BASE);
}

static void base_msr(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	is(base & ~0xfffull, APIC_BASE_GPA, "IA32_APIC_BASE has the address");
	is(base & 0xfff, APIC_BASE_ENABLE | APIC_BASE_BSP, "and says: enabled, the BSP");
	for (u32 i = 0; i < MAX_CPUS; i++) {
		if (i == bsp || !(all_cpus() & BIT(i)))
			continue;
		ok(call(i, read_base, &base), "CPU %u answers", i);
		is(base, APIC_BASE_GPA | APIC_BASE_ENABLE, "IA32_APIC_BASE of CPU %u: not the BSP",
		   i);
	}
}

static void cr8(void)
{
	apic_write(APIC_TPR, 0x75);
	is(read_cr8(), 7, "CR8 is bits 7:4 of TPR");
	is(apic_read(APIC_PPR), 0x75, "PPR is TPR when nothing is in service");
	write_cr8(9);
	is(apic_read(APIC_TPR), 0x90, "CR8 written: TPR bits 3:0 are 0");
	is(apic_read(APIC_PPR), 0x90, "PPR follows CR8");
	write_cr8(0);
	is(apic_read(APIC_TPR), 0, "CR8 0: TPR 0");
}

static void held(void)
{
	forget();
	apic_write(APIC_TPR, 0x60);
	send_self(0x51);
	ok(until_closed(BOUND_MS, apic_bit(APIC_IRR, 0x51)), "a held vector is in IRR");
	ok(!apic_bit(APIC_ISR, 0x51), "and not in ISR");
	open_us(QUIET_US);
	is(my_hits(0x51), 0, "TPR 60h holds vector 51h");
	send_self(0x71);
	ok(until(BOUND_MS, my_hits(0x71)), "TPR 60h lets vector 71h pass");
	apic_write(APIC_TPR, 0x50);
	open_us(QUIET_US);
	is(my_hits(0x51), 0, "TPR 50h holds vector 51h: the class must be higher");
	apic_write(APIC_TPR, 0x4f);
	ok(until(BOUND_MS, my_hits(0x51)), "TPR 4Fh lets it pass");
	ok(!apic_bit(APIC_IRR, 0x51), "then it is not in IRR");

	forget();
	write_cr8(6);
	send_self(0x52);
	open_us(QUIET_US);
	is(my_hits(0x52), 0, "CR8 6 holds vector 52h");
	write_cr8(4);
	ok(until(BOUND_MS, my_hits(0x52)), "CR8 4 lets it pass");
	apic_write(APIC_TPR, 0);
}

static void order(void)
{
	forget();
	send_self(LOW);
	send_self(HIGH);
	send_self(MIDDLE);
	send_self(HIGH + 1);
	until(BOUND_MS, ntaken == 4);
	is(order_taken(), 0x92916141, "of pending vectors the highest comes first");

	forget();
	for (u32 i = 0; i < 3; i++) {
		send_self(MIDDLE);
		until_closed(BOUND_MS, apic_bit(APIC_IRR, MIDDLE));
	}
	open_us(QUIET_US);
	is(my_hits(MIDDLE), 1, "a vector that is pending already is not counted");
}

static struct {
	u32 ppr, ppr_tpr_lower, ppr_tpr_same, ppr_high, ppr_after, low_inside, high_inside;
	bool isr, irr, isr_high, isr_after_high, again;
} seen;

static void on_high(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	seen.ppr_high = apic_read(APIC_PPR);
	seen.isr_high = apic_bit(APIC_ISR, HIGH) && apic_bit(APIC_ISR, MIDDLE);
	eoi();
}

static void on_middle(struct vcpu *v, struct frame *f)
{
	(void)v, (void)f;
	if (my_hits(MIDDLE) > 1) {
		eoi();
		return;
	}
	seen.ppr = apic_read(APIC_PPR);
	seen.isr = apic_bit(APIC_ISR, MIDDLE);
	seen.irr = apic_bit(APIC_IRR, MIDDLE);
	apic_write(APIC_TPR, 0x5f);
	seen.ppr_tpr_lower = apic_read(APIC_PPR);
	apic_write(APIC_TPR, 0x6f);
	seen.ppr_tpr_same = apic_read(APIC_PPR);
	apic_write(APIC_TPR, 0);
	send_self(LOW);
	send_self(MIDDLE); /* once more, while it is in service */
	send_self(HIGH);
	seen.again = until_closed(BOUND_MS, apic_bit(APIC_IRR, MIDDLE));
	until(BOUND_MS, my_hits(HIGH));
	open_us(QUIET_US);
	seen.high_inside = my_hits(HIGH);
	seen.low_inside = my_hits(LOW) + my_hits(MIDDLE) - 1;
	seen.isr_after_high = apic_bit(APIC_ISR, MIDDLE) && !apic_bit(APIC_ISR, HIGH);
	seen.ppr_after = apic_read(APIC_PPR);
	eoi();
}

static void nested(void)
{
	forget();
	rt_on(MIDDLE, on_middle);
	rt_on(HIGH, on_high);
	send_self(MIDDLE);
	until(2 * BOUND_MS, my_hits(LOW));
	is(seen.ppr, 0x60, "in service: PPR is the vector's class");
	ok(seen.isr && !seen.irr, "in service: in ISR, not in IRR");
	is(seen.ppr_tpr_lower, 0x60, "a lower TPR does not lower PPR");
	is(seen.ppr_tpr_same, 0x6f, "TPR of the same class: PPR is TPR");
	is(seen.high_inside, 1, "a higher class interrupts a handler");
	is(seen.ppr_high, 0x90, "then PPR is the higher class");
	ok(seen.isr_high, "and both are in ISR");
	ok(seen.isr_after_high, "EOI ends the highest in service");
	is(seen.ppr_after, 0x60, "and PPR falls back");
	is(seen.low_inside, 0, "neither the same vector nor a lower class interrupts a handler");
	ok(seen.again, "the same vector is pending while in service");
	is(order_taken(), 0x61916141, "after EOI they come, the highest first");
	is(apic_read(APIC_PPR), 0, "nothing in service: PPR 0");
}

static void software_off(void)
{
	u32 masked;

	forget();
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	apic_write(APIC_SVR, VECTOR_SPURIOUS);
	is(apic_read(APIC_SVR), VECTOR_SPURIOUS, "SVR bit 8 off");
	apic_write(APIC_TIMER_INITIAL, 1000);
	open_us(QUIET_US);
	is(my_hits(VECTOR_TIMER), 0, "software-disabled: the timer does not interrupt");
	if (!tcg_lacks("its LVT stays unmasked", "software-disabled: LVT entries mask themselves",
		       "and cannot be unmasked", "and stay so when it is enabled")) {
		is(apic_read(APIC_LVT_TIMER), LVT_MASKED | VECTOR_TIMER,
		   "software-disabled: LVT entries mask themselves");
		apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
		is(apic_read(APIC_LVT_TIMER) & LVT_MASKED, LVT_MASKED, "and cannot be unmasked");
		apic_write(APIC_SVR, APIC_SVR_VALUE);
		masked = apic_read(APIC_LVT_TIMER) & apic_read(APIC_LVT_LINT0) &
			 apic_read(APIC_LVT_ERROR) & LVT_MASKED;
		is(masked, LVT_MASKED, "and stay so when it is enabled");
	}
	apic_setup(NULL);
	open_us(QUIET_US);
	forget();
	send_self(LOW);
	ok(until(BOUND_MS, my_hits(LOW)), "enabled again: interrupts come");
}

static u32 read_esr(void)
{
	apic_write(APIC_ESR, 0);
	return apic_read(APIC_ESR);
}

static void errors(void)
{
	apic_write(APIC_ESR, 0);
	apic_read(0x40);
	is(read_esr() & APIC_ESR_REGISTER, APIC_ESR_REGISTER, "ESR: illegal register address");
	if (tcg_lacks("it has no other error, and never clears ESR",
		      "ESR is cleared by the next write", "ESR: illegal vector sent",
		      "LVT error: an interrupt"))
		return;
	is(read_esr(), 0, "ESR is cleared by the next write");
	send_self(5);
	pause_us(100);
	is(read_esr() & APIC_ESR_SEND_ILLEGAL, APIC_ESR_SEND_ILLEGAL, "ESR: illegal vector sent");
	read_esr();
	forget();
	apic_write(APIC_LVT_ERROR, MIDDLE);
	rt_on(MIDDLE, NULL);
	send_self(6);
	ok(until(BOUND_MS, my_hits(MIDDLE)), "LVT error: an interrupt");
	apic_setup(NULL);
	read_esr();
}

static void base_off(void)
{
	struct reset_state s = { 0 };
	u64 base = rdmsr(MSR_APIC_BASE);

	if (tcg_lacks("once off, it stays off", "IA32_APIC_BASE bit 11 off: CPUID has no APIC",
		      "and on again: CPUID has an APIC",
		      "then its registers are those after a reset", "and interrupts come"))
		return;
	apic_write(APIC_TPR, 0x30);
	wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_ENABLE);
	is(cpuid(1, 0).edx & BIT(9), 0, "IA32_APIC_BASE bit 11 off: CPUID has no APIC");
	wrmsr(MSR_APIC_BASE, base);
	is(cpuid(1, 0).edx & BIT(9), BIT(9), "and on again: CPUID has an APIC");
	read_reset_state(&s);
	ok(s.id == bsp && s.svr == 0xff && !s.tpr && !s.ldr && s.dfr == ~0u && !s.initial &&
		   s.lvt_timer == LVT_MASKED && s.lvt_lint1 == LVT_MASKED &&
		   s.lvt_error == LVT_MASKED,
	   "then its registers are those after a reset");
	apic_setup(NULL);
	forget();
	send_self(LOW);
	ok(until(BOUND_MS, my_hits(LOW)), "and interrupts come");
}

void test_lapic(void)
{
	registers();
	base_msr();
	cr8();
	held();
	order();
	nested();
	software_off();
	errors();
	base_off();
}
