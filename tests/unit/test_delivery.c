/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual-interrupt delivery: what the processor is told, which exits are asked for, and which event
 * an exit interrupted, by what a processor says of it that names a wrong one.
 * links: vmx/delivery.c vmx/event.c apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c
 * links: mm/frame.c tests/unit/fake.c tests/unit/apics.c
 */
#include <stdio.h>
#include <string.h>

#include "apic/vparts.h"
#include "tests/unit/apics.h"
#include "vmx/guest.h"

#define EXTERNAL(vector) (INTR_VALID | INTR_EXTERNAL << 8 | (vector))
#define EXCEPTION(vector) (INTR_VALID | INTR_EXCEPTION << 8 | (vector))
#define SOFTWARE(vector) (INTR_VALID | INTR_SOFTWARE << 8 | (vector))
#define STATUS(rvi, svi) ((svi) << 8 | (rvi))
#define CTLS (PROC_HLT | PROC_TPR_SHADOW | PROC_SECONDARY)

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static struct guest guest;
static struct vcpu vcpu;
static struct vlapic *const lapic = &vcpu.lapic;
static struct vlapic *peers[] = { &vcpu.lapic };
static char stopped[200];
static bool pic;

bool pic_waits(struct vcpu *v)
{
	(void)v;
	return pic;
}

int pic_accept(struct vcpu *v)
{
	(void)v;
	pic = false;
	return 0x31;
}

void guest_stop(struct guest *g, const char *fmt, ...)
{
	va_list args;

	assert_ptr_equal(g, &guest);
	va_start(args, fmt);
	vsnprintf(stopped, sizeof(stopped), fmt, args);
	va_end(args);
}

static int setup(void **state)
{
	(void)state;
	apics_cpu = 0;
	fake_vmcs_clear();
	vcpu = (struct vcpu){ .state = VCPU_RUNNING,
			      .guest = &guest,
			      .apicv = APICV_DELIVERY,
			      .proc_ctls = CTLS,
			      .proc2 = PROC2_VIRTUAL_INTERRUPT_DELIVERY };
	vcpu.lapic = (struct vlapic){ .page = page,
				      .base = VLAPIC_BASE_RESET | APIC_BASE_BSP,
				      .peers = peers,
				      .npeers = 1 };
	vlapic_reset(lapic);
	vlapic_write(lapic, APIC_SVR, 0x1ff);
	this_cpu()->vcpu = &vcpu;
	delivery_init(&vcpu);
	memset(fake_vmwrites, 0, sizeof(fake_vmwrites));
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_FIXED | RFLAGS_IF;
	fake_vmcs[GUEST_CR0] = CR0_PE;
	fake_vmcs[PROC_BASED_CTLS] = CTLS;
	stopped[0] = 0;
	pic = false;
	return 0;
}

static void interrupt(u32 vector)
{
	vlapic_post(lapic, vector, false);
}

static void expect(u64 status, u64 event, u32 windows)
{
	vcpu_deliver(&vcpu);
	assert_int_equal(fake_vmcs[GUEST_INTERRUPT_STATUS], status);
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO], event);
	assert_int_equal(fake_vmcs[PROC_BASED_CTLS], CTLS | windows);
	assert_int_equal(fake_vmwrites[TPR_THRESHOLD], 0);
}

/* As the processor does it; what the hypervisor keeps of the registers does not change with them. */
static int next(u32 base)
{
	for (int v = 255; v >= 0; v--)
		if (vlapic_get(lapic, base + (u32)v / 32 * 16) >> v % 32 & 1)
			return v;
	return 0;
}

static void turn(u32 base, unsigned vector)
{
	u32 reg = base + vector / 32 * 16;

	vlapic_put(lapic, reg, vlapic_get(lapic, reg) ^ 1u << vector % 32);
}

static void processor_status(void)
{
	fake_vmcs[GUEST_INTERRUPT_STATUS] = (u64)STATUS(next(APIC_IRR), next(APIC_ISR));
}

static void processor_takes(unsigned vector)
{
	turn(APIC_IRR, vector);
	turn(APIC_ISR, vector);
	processor_status();
}

static void processor_ends(void)
{
	turn(APIC_ISR, (unsigned)next(APIC_ISR));
	processor_status();
}

static void init(void **state)
{
	(void)state;
	assert_int_equal(fake_vmcs[EXCEPTION_BITMAP], 0xffffffff);
	expect(0, 0, 0);
	/* Nothing has changed, so nothing is written. */
	for (unsigned i = 0; i < FAKE_FIELDS; i++)
		assert_int_equal(fake_vmwrites[i], 0);
}

static void status(void **state)
{
	(void)state;
	interrupt(0x41);
	expect(STATUS(0x41, 0), 0, 0);
	interrupt(0x93);
	interrupt(0x92);
	expect(STATUS(0x93, 0), 0, 0);
	processor_takes(0x93);
	expect(STATUS(0x92, 0x93), 0, 0);
	assert_int_equal(vlapic_ppr(lapic), 0x90);
	processor_ends();
	processor_takes(0x92);
	interrupt(0xa0);
	expect(STATUS(0xa0, 0x92), 0, 0);
	processor_takes(0xa0);
	processor_ends();
	processor_ends();
	expect(STATUS(0x41, 0), 0, 0);
	processor_takes(0x41);
	/* By hand: an EOI that was decoded. */
	vlapic_refresh(lapic);
	vlapic_write(lapic, APIC_EOI, 0);
	expect(0, 0, 0);
	assert_int_equal(next(APIC_ISR), 0);
}

/* Interrupts off, or priorities, are the processor's to look at, but for a vCPU that sleeps. */
static void sleeps(void **state)
{
	(void)state;
	vcpu.state = VCPU_HALTED;
	interrupt(0x41);
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_FIXED;
	expect(STATUS(0x41, 0), 0, 0);
	assert_int_equal(vcpu.state, VCPU_HALTED);
	fake_vmcs[GUEST_RFLAGS] |= RFLAGS_IF;
	vlapic_put(lapic, APIC_TPR, 0x40);
	expect(STATUS(0x41, 0), 0, 0);
	assert_int_equal(vcpu.state, VCPU_HALTED);
	vlapic_put(lapic, APIC_TPR, 0x3f);
	expect(STATUS(0x41, 0), 0, 0);
	assert_int_equal(vcpu.state, VCPU_RUNNING);
	processor_takes(0x41);
	interrupt(0x4f);
	vcpu.state = VCPU_HALTED;
	expect(STATUS(0x4f, 0x41), 0, 0);
	assert_int_equal(vcpu.state, VCPU_HALTED);
}

/* Only of what is level-triggered. */
static void eoi_exits(void **state)
{
	(void)state;
	vlapic_post(lapic, 0x41, true);
	vlapic_post(lapic, 0x5f, true);
	vlapic_post(lapic, 0x60, true);
	vlapic_post(lapic, 0xff, true);
	vlapic_post(lapic, 0x42, false);
	expect(STATUS(0xff, 0), 0, 0);
	assert_int_equal(fake_vmcs[EOI_EXIT_BITMAP0], 0);
	assert_int_equal(fake_vmcs[EOI_EXIT_BITMAP0 + 2],
			 BIT(0x41 - 64) | BIT(0x5f - 64) | BIT(0x60 - 64));
	assert_int_equal(fake_vmcs[EOI_EXIT_BITMAP0 + 4], 0);
	assert_true(fake_vmcs[EOI_EXIT_BITMAP0 + 6] == BIT(63));
	interrupt(0x41); /* an edge by now */
	vcpu_deliver(&vcpu);
	assert_int_equal(fake_vmcs[EOI_EXIT_BITMAP0 + 2], BIT(0x5f - 64) | BIT(0x60 - 64));
	vcpu_deliver(&vcpu);
	assert_int_equal(fake_vmwrites[EOI_EXIT_BITMAP0 + 2], 2);
	assert_int_equal(fake_vmwrites[EOI_EXIT_BITMAP0], 0);
}

/* A stay that begins with an injected event has the window, so that nothing else is delivered in it. */
static void injected(void **state)
{
	(void)state;
	interrupt(0x41);
	expect(STATUS(0x41, 0), 0, 0);
	vcpu_inject_gp();
	assert_int_equal(vcpu.gate.requests, REQ_EVENT);
	expect(STATUS(0x41, 0), EXCEPTION(VECTOR_GP) | INTR_ERROR_CODE, PROC_INTERRUPT_WINDOW);
	fake_vmcs[ENTRY_INTERRUPTION_INFO] = 0;
	expect(STATUS(0x41, 0), 0, 0);
	vcpu.nmi_pending = true;
	expect(STATUS(0x41, 0), INTR_VALID | INTR_NMI << 8 | VECTOR_NMI, PROC_INTERRUPT_WINDOW);
	fake_vmcs[ENTRY_INTERRUPTION_INFO] = 0;
	vlapic_write(lapic, APIC_LVT_LINT0, DELIVER_EXTINT << 8);
	pic = true;
	expect(STATUS(0x41, 0), EXTERNAL(0x31), PROC_INTERRUPT_WINDOW);
	fake_vmcs[ENTRY_INTERRUPTION_INFO] = 0;
	pic = true; /* one that cannot be injected yet goes first all the same */
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_FIXED;
	expect(STATUS(0x41, 0), 0, PROC_INTERRUPT_WINDOW);
	/* INT3 came out as an exit. */
	vcpu.gate.requests = 0;
	fake_vmcs[EXIT_INSTRUCTION_LENGTH] = 1;
	vcpu_inject_again(INTR_VALID | INTR_SOFT_EXCEPTION << 8 | 3);
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO],
			 INTR_VALID | INTR_SOFT_EXCEPTION << 8 | 3);
	assert_int_equal(fake_vmcs[ENTRY_INSTRUCTION_LENGTH], 1);
	assert_int_equal(vcpu.gate.requests, REQ_EVENT);
	fake_vmcs[EXIT_INTERRUPTION_ERROR_CODE] = 6;
	vcpu_inject_again(EXCEPTION(VECTOR_PF) | INTR_ERROR_CODE | INTR_NMI_UNBLOCKED);
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO],
			 EXCEPTION(VECTOR_PF) | INTR_ERROR_CODE);
	assert_int_equal(fake_vmcs[ENTRY_EXCEPTION_ERROR_CODE], 6);
	fake_vmcs[GUEST_CR0] = 0;
	vcpu_inject_again(EXCEPTION(VECTOR_PF) | INTR_ERROR_CODE);
	assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO], EXCEPTION(VECTOR_PF));
	/* Without the control there is nothing to hear of. */
	vcpu.proc2 = vcpu.gate.requests = 0;
	vcpu_inject_gp();
	assert_int_equal(vcpu.gate.requests, 0);
}

static u32 interrupted(u64 info, unsigned length, u32 ctls)
{
	fake_vmcs[IDT_VECTORING_INFO] = info;
	fake_vmcs[EXIT_INSTRUCTION_LENGTH] = length;
	fake_vmcs[GUEST_INTERRUPT_STATUS] = STATUS(0x92, 0x41);
	vcpu.proc_ctls = CTLS | ctls;
	return delivery_interrupted(&vcpu);
}

static void names_the_event(void **state)
{
	static const u32 stale[] = { EXTERNAL(0x77),
				     EXCEPTION(VECTOR_PF) | INTR_ERROR_CODE,
				     SOFTWARE(0x80),
				     INTR_VALID | INTR_NMI << 8 | 2,
				     INTR_VALID | INTR_PRIV_SOFTWARE << 8 | 1,
				     INTR_VALID | INTR_SOFT_EXCEPTION << 8 | 3 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(stale); i++) {
		assert_int_equal(interrupted(stale[i], 0, 0), EXTERNAL(0x41));
		assert_int_equal(interrupted(stale[i], 0, PROC_INTERRUPT_WINDOW), stale[i]);
		assert_int_equal(interrupted(stale[i] & ~INTR_VALID, 0, 0) & INTR_VALID, 0);
		vcpu.proc2 = 0;
		assert_int_equal(interrupted(stale[i], 0, 0), stale[i]);
		vcpu.proc2 = PROC2_VIRTUAL_INTERRUPT_DELIVERY;
	}
	assert_int_equal(interrupted(SOFTWARE(0x80), 2, 0), SOFTWARE(0x80));
}

static void double_faults(void **state)
{
	static const u8 vectors[] = { VECTOR_DE, VECTOR_UD, VECTOR_DF, VECTOR_TS, 11,
				      VECTOR_SS, VECTOR_GP, VECTOR_PF, 16 };
	/* SDM: rows the first, columns the second; d #DF, t triple fault, else the second alone. */
	static const char *const table[] = {
		"d..dddd..", ".........", "t..tttttX", "d..dddd..", "d..dddd..",
		"d..dddd..", "d..dddd..", "d..dddddX", ".........",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(vectors); k++) {
			char wanted = table[i][k];

			setup(NULL);
			assert_int_equal(
				delivery_double_fault(&vcpu, EXCEPTION(vectors[i]), vectors[k]),
				wanted == 'd' || wanted == 't');
			assert_int_equal(fake_vmcs[ENTRY_INTERRUPTION_INFO],
					 wanted == 'd' ? EXCEPTION(VECTOR_DF) | INTR_ERROR_CODE
						       : 0);
			assert_int_equal(!!strstr(stopped, "triple fault"), wanted == 't');
		}
	}
	assert_false(delivery_double_fault(&vcpu, EXTERNAL(VECTOR_GP), VECTOR_PF));
	assert_false(delivery_double_fault(&vcpu, SOFTWARE(VECTOR_GP), VECTOR_PF));
}

/*
 * A guest on a processor with the fault of Bochs 2.7: each vector that was sent is handled, once, in
 * the order of priorities.
 */
static u32 last_event; /* what the processor says of the next delivery that is interrupted */
static unsigned nested[16], depth, handled, interrupted_deliveries;

static void handler(unsigned vector)
{
	CHECK(depth < 16 && (!depth || vector >> 4 > nested[depth - 1] >> 4));
	CHECK(next(APIC_ISR) == (int)vector);
	nested[depth++] = vector;
	handled++;
}

static void looks(void)
{
	CHECK(vcpu.gate.requests == REQ_EVENT || !vcpu.gate.requests);
	if (vcpu.gate.requests)
		vcpu_deliver(&vcpu);
	vcpu.gate.requests = 0;
}

/* An EPT violation in the delivery. */
static void interrupts_delivery(unsigned length)
{
	fake_vmcs[IDT_VECTORING_INFO] = last_event | INTR_VALID;
	fake_vmcs[EXIT_INSTRUCTION_LENGTH] = length;
	vcpu_redeliver();
	looks();
	interrupted_deliveries++;
}

/* True: the guest goes on; else it has exited. */
static bool delivers(void)
{
	u32 event = (u32)fake_vmcs[ENTRY_INTERRUPTION_INFO];
	unsigned rvi = next(APIC_IRR);

	if (event & INTR_VALID) {
		fake_vmcs[ENTRY_INTERRUPTION_INFO] = 0;
		last_event = event & ~INTR_VALID;
		if (fake_random() % 4 == 0)
			interrupts_delivery(0);
		else if (INTR_TYPE(event) == INTR_EXTERNAL)
			handler(event & 0xff);
		return false; /* so that it is looked at again */
	}
	if (vcpu.proc_ctls & PROC_INTERRUPT_WINDOW) {
		vcpu_event(&vcpu);
		looks();
		return false;
	}
	CHECK(fake_vmcs[GUEST_INTERRUPT_STATUS] == (u64)STATUS(rvi, next(APIC_ISR)));
	vlapic_refresh(lapic);
	if (rvi >> 4 <= vlapic_ppr(lapic) >> 4)
		return true;
	processor_takes(rvi);
	if (fake_random() % 4 == 0)
		interrupts_delivery(0);
	else
		handler(rvi);
	return false;
}

static void acts(unsigned *sent)
{
	unsigned vector = 16 + fake_random() % 240;

	switch (fake_random() % 6) {
	case 0: /* another vCPU */
		*sent += !(vlapic_get(lapic, APIC_IRR + vector / 32 * 16) >> vector % 32 & 1);
		interrupt(vector);
		vcpu_event(&vcpu);
		looks();
		break;
	case 1: /* to itself, without an exit */
		if (!(vlapic_get(lapic, APIC_IRR + vector / 32 * 16) >> vector % 32 & 1)) {
			turn(APIC_IRR, vector);
			++*sent;
		}
		processor_status();
		break;
	case 2: /* an exception exits */
		vcpu_inject_again(EXCEPTION(VECTOR_PF) | INTR_ERROR_CODE);
		looks();
		break;
	case 3: /* INT n */
		last_event = SOFTWARE(0x80) & ~INTR_VALID;
		if (fake_random() % 4 == 0)
			interrupts_delivery(2);
		break;
	default:
		if (!depth)
			break;
		CHECK(next(APIC_ISR) == (int)nested[depth - 1]);
		depth--;
		processor_ends();
	}
}

static void random_guest(void **state)
{
	unsigned sent = 0;

	(void)state;
	fake_random_start();
	depth = handled = interrupted_deliveries = 0;
	last_event = EXCEPTION(VECTOR_PF) & ~INTR_VALID;
	for (fake_step = 0; fake_step < 200000; fake_step++)
		if (delivers())
			acts(&sent);
	while (depth || next(APIC_IRR) || (fake_vmcs[ENTRY_INTERRUPTION_INFO] & INTR_VALID)) {
		if (!delivers() || !depth)
			continue;
		depth--;
		processor_ends();
	}
	CHECK(handled == sent && sent > 10000 && interrupted_deliveries > 10000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(init),	TEST(status),	       TEST(sleeps),	    TEST(eoi_exits),
		TEST(injected), TEST(names_the_event), TEST(double_faults), TEST(random_guest),
	};

	return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
