/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * APIC virtualization: what is chosen, what is refused, and that the processor's part follows the
 * mode of the guest's APIC.
 * links: vmx/apicv.c apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c
 * links: mm/frame.c tests/unit/fake.c tests/unit/apics.c
 */
#include "tests/unit/apics.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define ACCESSES PROC2_VIRTUALIZE_APIC_ACCESSES
#define REGISTERS PROC2_APIC_REGISTER_VIRTUALIZATION
#define X2APIC PROC2_VIRTUALIZE_X2APIC_MODE
#define DELIVERY PROC2_VIRTUAL_INTERRUPT_DELIVERY
#define OTHERS (PROC2_EPT | PROC2_VPID)
#define BITMAPS 0x7000ul

struct vmx_caps vmx_caps;
static struct guest guest;
static struct vcpu vcpu;
static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static struct vlapic *peers[] = { &vcpu.lapic };

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	vmx_caps = (struct vmx_caps){ .proc2 = OTHERS | ACCESSES | REGISTERS | X2APIC | DELIVERY };
	guest = (struct guest){ .msr_bitmaps = BITMAPS };
	vcpu = (struct vcpu){ .gate.cpu = 1, .guest = &guest, .ept = &guest.ept };
	vcpu.lapic = (struct vlapic){
		.page = page, .base = VLAPIC_BASE_RESET, .peers = peers, .npeers = 1
	};
	vlapic_reset(&vcpu.lapic);
	return 0;
}

static void expect(const char *name, u32 offered, int level, const char *lacks)
{
	const char *said = NULL;

	vmx_caps.proc2 = OTHERS | ACCESSES | offered;
	assert_int_equal(apicv_find(name, &said), level);
	if (lacks)
		assert_string_equal(said, lacks);
	else
		assert_null(said);
}

static void choice(void **state)
{
	static const char *const names[] = { APICV_NAMES };
	static const char registers[] = "APIC-register virtualization";

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		expect(names[i], REGISTERS | X2APIC | DELIVERY, (int)i, NULL);
		assert_string_equal(apicv_name(i), names[i]);
	}
	/* Not delivery: it is for who asks for it. */
	expect("on", REGISTERS | X2APIC | DELIVERY, APICV_X2APIC, NULL);
	expect("on", REGISTERS | X2APIC, APICV_X2APIC, NULL);
	expect("on", REGISTERS, APICV_REGISTERS, NULL);
	expect("on", X2APIC, APICV_OFF, NULL);
	expect("on", 0, APICV_OFF, NULL);
	expect("off", 0, APICV_OFF, NULL);
	expect("registers", X2APIC, -ENOSYS, registers);
	expect("x2apic", X2APIC, -ENOSYS, registers);
	expect("x2apic", REGISTERS, -ENOSYS, "virtualize x2APIC mode");
	expect("delivery", REGISTERS | DELIVERY, -ENOSYS, "virtualize x2APIC mode");
	expect("delivery", REGISTERS | X2APIC, -ENOSYS, "virtual-interrupt delivery");
}

/* The steps that a guest can take; what the level adds always, while the APIC is enabled, and in x2APIC
 * mode. */
static void follows(enum apicv level, u32 always, u32 enabled, u32 in_x2apic)
{
	static const struct {
		u64 base;
		enum { DISABLED, XAPIC, IN_X2APIC } mode;
		bool changes;
	} steps[] = {
		{ 0xfee00000, DISABLED, true },	 { 0xfee00800, XAPIC, true },
		{ 0xfee00c00, IN_X2APIC, true }, { 0xfee00000, DISABLED, false },
		{ 0xfee00800, XAPIC, true },	 { 0xfee00800, XAPIC, false },
	};

	setup(NULL);
	vcpu.apicv = level;
	vcpu.proc2 = apicv_controls(&vcpu);
	assert_int_equal(vcpu.proc2, OTHERS | always | enabled | ACCESSES);
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		bool changes =
			steps[i].changes || (steps[i].mode == DISABLED && (enabled || in_x2apic));
		bool comes_on = steps[i].changes && steps[i].mode == XAPIC;
		bool x2apic = steps[i].mode == IN_X2APIC && in_x2apic;

		guest.ept.flushed[1] = 5;
		guest.apic_was_memory = false;
		fake_vmwrites[SECONDARY_CTLS] = 0;
		assert_true(vlapic_wrmsr(&vcpu.lapic, MSR_APIC_BASE, steps[i].base) >= 0);
		vcpu_apic_mode(&vcpu);
		assert_int_equal(vcpu.proc2, OTHERS | always |
						     (steps[i].mode == DISABLED ? 0 : enabled) |
						     (steps[i].mode == XAPIC ? ACCESSES : 0) |
						     (steps[i].mode == IN_X2APIC ? in_x2apic : 0));
		assert_int_equal(fake_vmwrites[SECONDARY_CTLS], changes);
		if (changes) {
			assert_int_equal(fake_vmcs[SECONDARY_CTLS], vcpu.proc2);
			/* Only so may the guest read those MSRs: the host's own, otherwise. */
			assert_int_equal(fake_vmcs[MSR_BITMAP], BITMAPS + (x2apic ? PAGE_SIZE : 0));
		}
		assert_int_equal(guest.ept.flushed[1], comes_on ? 0 : 5);
		assert_int_equal(guest.apic_was_memory, comes_on);
	}
	assert_int_equal(guest.ept.flushed[0], 0); /* the other CPUs' are theirs */
}

static void modes(void **state)
{
	(void)state;
	follows(APICV_OFF, 0, 0, 0);
	follows(APICV_REGISTERS, REGISTERS, 0, 0);
	follows(APICV_X2APIC, REGISTERS, 0, X2APIC);
	follows(APICV_DELIVERY, REGISTERS, DELIVERY, X2APIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(choice, setup),
		cmocka_unit_test_setup(modes, setup),
	};

	return cmocka_run_group_tests_name("apicv", tests, NULL, NULL);
}
