/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is delivered with the next entry, and what the processor is asked to exit for.
 * links: vmx/event.c vmx/delivery.c apic/vlapic.c apic/vpriority.c apic/vtimer.c apic/vipi.c apic/vx2apic.c
 * links: mm/frame.c tests/unit/fake.c
 */
#include <stdlib.h>

#include "apic/lapic.h"
#include "tests/unit/fake.h"
#include "vmx/guest.h"

#define EXTERNAL(vector) (INTR_VALID | INTR_EXTERNAL << 8 | (vector))
#define AN_NMI (INTR_VALID | INTR_NMI << 8 | VECTOR_NMI)
#define CTLS (PROC_HLT | PROC_TPR_SHADOW | PROC_SECONDARY)
#define WINDOWS (PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW)

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static struct vcpu vcpu;
static struct vlapic *peers[] = { &vcpu.lapic };

void lapic_timer_set(u32 initial_count, u32 divide_config, bool periodic)
{
	(void)initial_count;
	(void)divide_config;
	(void)periodic;
}

u32 lapic_timer_count(void)
{
	return 0;
}

u64 lapic_timer_counts(u64 tsc_ticks, u32 divide_config)
{
	(void)divide_config;
	return tsc_ticks;
}

void vlapic_notify(struct vlapic *target)
{
	(void)target;
}

void vlapic_level_ended(struct vlapic *l, u8 vector)
{
	(void)l;
	(void)vector;
}

/* The PIC: vectors that wait, the last one first. */
static int pic[4];
static unsigned pic_count, pic_asked;

bool pic_waits(struct vcpu *v)
{
	assert_ptr_equal(v, &vcpu);
	return pic_count;
}

int pic_accept(struct vcpu *v)
{
	assert_ptr_equal(v, &vcpu);
	pic_asked++;
	return pic_count ? pic[--pic_count] : -1;
}

void guest_stop(struct guest *g, const char *fmt, ...)
{
	(void)g;
	(void)fmt;
	abort();
}

/* Interrupts on, nothing pending. */
static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	this_cpu()->vcpu = &vcpu;
	vcpu = (struct vcpu){ .state = VCPU_RUNNING, .proc_ctls = CTLS };
	vcpu.lapic = (struct vlapic){ .page = page, .peers = peers, .npeers = 1 };
	vcpu.lapic.base = VLAPIC_BASE_RESET | APIC_BASE_BSP;
	pic_count = pic_asked = 0;
	vlapic_reset(&vcpu.lapic);
	vlapic_write(&vcpu.lapic, APIC_SVR, 0x1ff);
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_FIXED | RFLAGS_IF;
	fake_vmcs[GUEST_CR0] = CR0_PE;
	fake_vmcs[PROC_BASED_CTLS] = CTLS;
	return 0;
}

static void interrupt(u32 vector)
{
	vlapic_write(&vcpu.lapic, APIC_ICR, 1u << 18 | vector);
}

static void expect(u64 event, u32 windows, u32 threshold)
{
	vcpu_deliver(&vcpu);
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO], event);
	assert_int_equal(fake_vmcs[PROC_BASED_CTLS], CTLS | windows);
	assert_int_equal(vcpu.proc_ctls, CTLS | windows);
	assert_int_equal(fake_vmcs[TPR_THRESHOLD], threshold);
	assert_int_equal(vcpu.tpr_threshold, threshold);
}

/* The entry has delivered what was injected. */
static void entered(void)
{
	fake_vmcs[ENTRY_INTERRUPTION_INFO] = 0;
}

static void nothing(void **state)
{
	(void)state;
	expect(0, 0, 0);
	/* Nothing has changed, so nothing is written: each write costs. */
	for (unsigned i = 0; i < FAKE_FIELDS; i++)
		assert_int_equal(fake_vmwrites[i], 0);
}

static void delivers(void **state)
{
	(void)state;
	vcpu.state = VCPU_HALTED;
	interrupt(0x41);
	expect(EXTERNAL(0x41), 0, 0);
	assert_int_equal(vcpu.state, VCPU_RUNNING);
	assert_int_equal(vlapic_pending(&vcpu.lapic), -1);
	assert_int_equal(vlapic_ppr(&vcpu.lapic), 0x40);
	assert_int_equal(fake_vmwrites[ENTRY_INTERRUPTION_INFO], 1);
	assert_int_equal(fake_vmwrites[PROC_BASED_CTLS], 0);
}

/* One event per entry: what comes second waits for a window. */
static void no_double_injection(void **state)
{
	(void)state;
	vcpu_inject_gp();
	interrupt(0x41);
	expect(INTR_VALID | INTR_ERROR_CODE | INTR_EXCEPTION << 8 | VECTOR_GP,
	       PROC_INTERRUPT_WINDOW, 0);
	assert_int_equal(vlapic_pending(&vcpu.lapic), 0x41);
	vcpu.nmi_pending = true;
	expect(INTR_VALID | INTR_ERROR_CODE | INTR_EXCEPTION << 8 | VECTOR_GP, WINDOWS, 0);
	entered();
	expect(AN_NMI, PROC_INTERRUPT_WINDOW, 0); /* an NMI goes first */
	assert_false(vcpu.nmi_pending);
	entered();
	expect(EXTERNAL(0x41), 0, 0);
	interrupt(0x92);
	expect(EXTERNAL(0x41), PROC_INTERRUPT_WINDOW, 0);
	entered();
	expect(EXTERNAL(0x92), 0, 0); /* nested: the class is higher */
	entered();
	expect(0, 0, 0);
}

static void interrupts_off(void **state)
{
	static const u64 blocked[] = { INTERRUPTIBILITY_STI, INTERRUPTIBILITY_MOV_SS };

	(void)state;
	interrupt(0x41);
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_FIXED;
	vcpu.state = VCPU_HALTED;
	expect(0, PROC_INTERRUPT_WINDOW, 0);
	assert_int_equal(vcpu.state, VCPU_HALTED); /* HLT with IF = 0: only an NMI ends it */
	vcpu.state = VCPU_RUNNING;
	fake_vmcs[GUEST_RFLAGS] |= RFLAGS_IF;
	for (unsigned i = 0; i < ARRAY_SIZE(blocked); i++) {
		fake_vmcs[GUEST_INTERRUPTIBILITY] = blocked[i];
		expect(0, PROC_INTERRUPT_WINDOW, 0);
	}
	fake_vmcs[GUEST_INTERRUPTIBILITY] = INTERRUPTIBILITY_NMI; /* does not block interrupts */
	expect(EXTERNAL(0x41), 0, 0);
}

/* Held by the TPR: the processor exits when it falls below the threshold. No window. */
static void held_by_tpr(void **state)
{
	(void)state;
	interrupt(0x4f);
	vlapic_write(&vcpu.lapic, APIC_TPR, 0x40);
	expect(0, 0, 4);
	interrupt(0x51); /* above the TPR */
	expect(EXTERNAL(0x51), 0, 0);
	entered();
	vlapic_write(&vcpu.lapic, APIC_TPR, 0xf0);
	expect(0, 0, 4);
	assert_int_equal(fake_vmwrites[TPR_THRESHOLD], 3);
	expect(0, 0, 4);
	assert_int_equal(fake_vmwrites[TPR_THRESHOLD], 3);
	/* The TPR is lowered, but 51 is in service: EOI brings it, and that exits. */
	vlapic_write(&vcpu.lapic, APIC_TPR, 0x3f);
	expect(0, 0, 0);
	vlapic_write(&vcpu.lapic, APIC_EOI, 0);
	expect(EXTERNAL(0x4f), 0, 0);
}

/* An NMI: neither IF nor the TPR hold it, other NMIs and the shadow of MOV SS or STI do. */
static void nmi(void **state)
{
	static const u64 blocked[] = { INTERRUPTIBILITY_STI, INTERRUPTIBILITY_MOV_SS,
				       INTERRUPTIBILITY_NMI };

	(void)state;
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_FIXED;
	vlapic_write(&vcpu.lapic, APIC_TPR, 0xff);
	for (unsigned i = 0; i < ARRAY_SIZE(blocked); i++) {
		vcpu.nmi_pending = true;
		vcpu.state = VCPU_HALTED;
		fake_vmcs[GUEST_INTERRUPTIBILITY] = blocked[i];
		expect(0, PROC_NMI_WINDOW, 0);
		assert_true(vcpu.nmi_pending);
		/* HLT in an NMI's handler lasts until an interrupt. */
		assert_int_equal(vcpu.state, blocked[i] == INTERRUPTIBILITY_NMI ? VCPU_HALTED :
										  VCPU_RUNNING);
	}
	fake_vmcs[GUEST_INTERRUPTIBILITY] = 0;
	vcpu.state = VCPU_HALTED;
	expect(AN_NMI, 0, 0);
	assert_false(vcpu.nmi_pending);
	assert_int_equal(vcpu.state, VCPU_RUNNING);
}

static void exceptions(void **state)
{
	(void)state;
	vcpu_inject_ud();
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO],
			 INTR_VALID | INTR_EXCEPTION << 8 | VECTOR_UD);
	assert_int_equal(fake_vmwrites[ENTRY_EXCEPTION_ERROR_CODE], 0);
	vcpu_inject_exception(14, true, 0x17);
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO],
			 INTR_VALID | INTR_ERROR_CODE | INTR_EXCEPTION << 8 | 14);
	assert_int_equal(fake_vmcs[ENTRY_EXCEPTION_ERROR_CODE], 0x17);
	fake_vmcs[GUEST_CR0] = 0; /* real mode knows no error codes */
	vcpu_inject_gp();
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO],
			 INTR_VALID | INTR_EXCEPTION << 8 | VECTOR_GP);
}

/* The exit came while INFO was delivered. */
static void redeliver(u64 info, u64 interruptibility)
{
	fake_vmcs_clear();
	fake_vmcs[IDT_VECTORING_INFO] = info;
	fake_vmcs[IDT_VECTORING_ERROR_CODE] = 0x1234;
	fake_vmcs[EXIT_INSTRUCTION_LENGTH] = 2;
	fake_vmcs[GUEST_INTERRUPTIBILITY] = interruptibility;
	vcpu_redeliver();
}

static void redelivery(void **state)
{
	u64 fault = INTR_VALID | INTR_ERROR_CODE | INTR_EXCEPTION << 8 | 14;

	(void)state;
	redeliver(0x80d & ~INTR_VALID, 0);
	assert_int_equal(fake_vmwrites[ENTRY_INTERRUPTION_INFO], 0);

	redeliver(fault | INTR_NMI_UNBLOCKED, INTERRUPTIBILITY_NMI); /* bit 12 is undefined there */
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO], fault);
	assert_int_equal(fake_vmcs[ENTRY_EXCEPTION_ERROR_CODE], 0x1234);
	assert_int_equal(fake_vmwrites[ENTRY_INSTRUCTION_LENGTH], 0);
	assert_int_equal(fake_vmcs[GUEST_INTERRUPTIBILITY], INTERRUPTIBILITY_NMI);

	redeliver(EXTERNAL(0x41), 0);
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO], EXTERNAL(0x41));
	assert_int_equal(fake_vmwrites[ENTRY_EXCEPTION_ERROR_CODE], 0);

	for (unsigned type = INTR_SOFTWARE; type <= INTR_SOFT_EXCEPTION; type++) {
		redeliver(INTR_VALID | type << 8 | 3, 0);
		assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO], INTR_VALID | type << 8 | 3);
		assert_int_equal(fake_vmcs[ENTRY_INSTRUCTION_LENGTH], 2);
	}

	/* Delivery of the NMI has blocked NMIs; it could not be injected again. */
	redeliver(AN_NMI, INTERRUPTIBILITY_NMI);
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO], AN_NMI);
	assert_int_equal(fake_vmcs[GUEST_INTERRUPTIBILITY], 0);
}

/* What comes back first keeps the place; the interrupt waits. */
static void redelivery_goes_first(void **state)
{
	(void)state;
	interrupt(0x61);
	fake_vmcs[IDT_VECTORING_INFO] = EXTERNAL(0x41);
	vcpu_redeliver();
	expect(EXTERNAL(0x41), PROC_INTERRUPT_WINDOW, 0);
	assert_int_equal(vlapic_pending(&vcpu.lapic), 0x61);
}

/* The PIC's goes before the APIC's, whatever the priorities; one event per entry all the same. */
static void extint(void **state)
{
	(void)state;
	pic[0] = 0x08;
	pic_count = 1;
	expect(0, 0, 0); /* LINT0 is masked */
	vlapic_write(&vcpu.lapic, APIC_LVT_LINT0, DELIVER_EXTINT << 8);
	vlapic_write(&vcpu.lapic, APIC_TPR, 0xff);
	vcpu.state = VCPU_HALTED;
	expect(EXTERNAL(0x08), 0, 0); /* also a vector that no APIC may have */
	assert_int_equal(vcpu.state, VCPU_RUNNING);
	assert_int_equal(vlapic_ppr(&vcpu.lapic), 0xff);
	for (u32 reg = APIC_ISR; reg < APIC_ESR; reg += 16)
		assert_int_equal(vlapic_get(&vcpu.lapic, reg), 0);
	entered();
	vlapic_write(&vcpu.lapic, APIC_TPR, 0);

	pic[0] = 0x31, pic[1] = 0x30;
	pic_count = 2;
	interrupt(0x92);
	expect(EXTERNAL(0x30), PROC_INTERRUPT_WINDOW, 0); /* more to come */
	entered();
	expect(EXTERNAL(0x31), PROC_INTERRUPT_WINDOW, 0);
	entered();
	expect(EXTERNAL(0x92), 0, 0);
	entered();

	pic_count = 1;
	expect(EXTERNAL(0x31), 0, 0);
	entered();
	/* What waits and cannot be delivered is not acknowledged yet. */
	pic_count = 1;
	pic_asked = 0;
	vcpu_inject_gp();
	vcpu_deliver(&vcpu);
	assert_int_equal(vcpu.proc_ctls, CTLS | PROC_INTERRUPT_WINDOW);
	entered();
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_FIXED;
	vcpu.state = VCPU_HALTED;
	expect(0, PROC_INTERRUPT_WINDOW, 0);
	assert_int_equal(vcpu.state, VCPU_HALTED);
	fake_vmcs[GUEST_RFLAGS] |= RFLAGS_IF;
	fake_vmcs[GUEST_INTERRUPTIBILITY] = INTERRUPTIBILITY_STI;
	expect(0, PROC_INTERRUPT_WINDOW, 0);
	fake_vmcs[GUEST_INTERRUPTIBILITY] = 0;
	vcpu.nmi_pending = true;
	expect(AN_NMI, PROC_INTERRUPT_WINDOW, 0);
	assert_int_equal(pic_asked, 0);
	entered();
	expect(EXTERNAL(0x31), 0, 0);
}

/* By a message the PIC is asked once, and may have nothing. */
static void extint_message(void **state)
{
	(void)state;
	vcpu.extint_pending = true;
	interrupt(0x41);
	expect(EXTERNAL(0x41), 0, 0);
	assert_int_equal(pic_asked, 1);
	assert_false(vcpu.extint_pending);
	entered();
	expect(0, 0, 0);
	assert_int_equal(pic_asked, 1);
	pic[0] = 0x33;
	pic_count = 1;
	vcpu.extint_pending = true;
	expect(EXTERNAL(0x33), 0, 0); /* LINT0 is masked */
}

/* With the APIC disabled the PIC's come straight to the bootstrap processor. */
static void extint_without_apic(void **state)
{
	(void)state;
	pic[0] = 0x33;
	pic_count = 1;
	interrupt(0x92);
	vlapic_wrmsr(&vcpu.lapic, MSR_APIC_BASE, 0xfee00100);
	expect(EXTERNAL(0x33), 0, 0);
	entered();
	expect(0, 0, 0);
	vlapic_wrmsr(&vcpu.lapic, MSR_APIC_BASE, 0xfee00000);
	pic_count = 1;
	expect(0, 0, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(nothing),	      TEST(delivers),	    TEST(no_double_injection),
		TEST(interrupts_off), TEST(held_by_tpr),    TEST(nmi),
		TEST(exceptions),     TEST(redelivery),	    TEST(redelivery_goes_first),
		TEST(extint),	      TEST(extint_message), TEST(extint_without_apic),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
