/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's MSRs: which accesses exit, and what those do.
 * links: vmx/msr.c vmx/caps.c mm/frame.c boot/format.c tests/unit/fake.c
 */
#include "mm/x86.h"
#include "tests/unit/fake.h"
#include "vmx/exit.h"
#include "vmx/vmx.h"

void msr_bitmap_init(u8 *bitmap);

static struct vcpu vcpu;
static unsigned gps;

void vcpu_inject_exception(u8 vector, bool has_error, u32 error)
{
	assert_int_equal(vector, VECTOR_GP);
	assert_true(has_error && error == 0);
	gps++;
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	vcpu = (struct vcpu){ .gate.id = 0 };
	vmx_caps = (struct vmx_caps){ .proc2 = PROC2_RDTSCP };
	fake_vmcs[EXIT_INSTRUCTION_LENGTH] = 2;
	return 0;
}

static bool done(void)
{
	bool skipped = fake_vmcs[GUEST_RIP] == 2;

	assert_int_equal(gps, !skipped);
	fake_vmcs[GUEST_RIP] = gps = 0;
	return skipped;
}

static bool read(u32 msr, u64 *value)
{
	vcpu.regs = (struct guest_regs){ .rax = ~0ul, .rdx = ~0ul, .rcx = 0xfeed00000000 | msr };
	exit_rdmsr(&vcpu);
	*value = vcpu.regs.rdx << 32 | vcpu.regs.rax;
	if (!done()) {
		assert_true(vcpu.regs.rax == ~0ul && vcpu.regs.rdx == ~0ul);
		return false;
	}
	assert_int_equal(vcpu.regs.rax >> 32 | vcpu.regs.rdx >> 32, 0);
	return true;
}

static bool write(u32 msr, u64 value)
{
	vcpu.regs = (struct guest_regs){ .rax = 0xabcd00000000 | (u32)value,
					 .rdx = 0xabcd00000000 | value >> 32,
					 .rcx = msr };
	exit_wrmsr(&vcpu);
	return done();
}

static void reads(void **state)
{
	u64 value;

	(void)state;
	fake_vmcs[GUEST_EFER] = 0xd01;
	fake_vmcs[GUEST_PAT] = 0x0007040600070406;
	assert_true(read(MSR_APIC_BASE, &value));
	assert_int_equal(value, 0xfee00900);
	vcpu.gate.id = 2;
	assert_true(read(MSR_APIC_BASE, &value));
	assert_int_equal(value, 0xfee00800); /* not the bootstrap processor */
	assert_true(read(MSR_EFER, &value));
	assert_int_equal(value, 0xd01);
	assert_true(read(MSR_PAT, &value));
	assert_int_equal(value, 0x0007040600070406);
	assert_true(read(MSR_FEATURE_CONTROL, &value));
	assert_int_equal(value, 1);
	assert_true(read(MSR_BIOS_SIGN_ID, &value) && value == 0);
	assert_true(read(MSR_DEBUGCTL, &value) && value == 0);
	assert_true(read(MSR_MISC_ENABLE, &value) && value == 1);
	assert_false(read(MSR_VMX_BASIC, &value));
	assert_false(read(MSR_X2APIC, &value));
	assert_false(read(0x12345678, &value));
}

static void simple_writes(void **state)
{
	(void)state;
	assert_true(write(MSR_APIC_BASE, 0xfee00900));
	assert_false(write(MSR_APIC_BASE, 0xfee00100)); /* disabled */
	assert_false(write(MSR_APIC_BASE, 0xfee00d00)); /* x2APIC mode */
	assert_false(write(MSR_APIC_BASE, 0xfed00900)); /* elsewhere */
	assert_true(write(MSR_BIOS_SIGN_ID, 77));
	assert_true(write(MSR_DEBUGCTL, 0));
	assert_false(write(MSR_DEBUGCTL, 1));
	assert_false(write(MSR_FEATURE_CONTROL, 0));
	assert_false(write(MSR_MISC_ENABLE, 1));
	assert_false(write(MSR_TSC, 0));
	assert_false(write(MSR_X2APIC + 0x30, 0));
}

static void efer(void **state)
{
	(void)state;
	assert_true(write(MSR_EFER, EFER_LME | EFER_SCE));
	assert_int_equal(fake_vmcs[GUEST_EFER], EFER_LME | EFER_SCE);
	assert_true(write(MSR_EFER, EFER_LME | EFER_LMA)); /* LMA is not the guest's to set */
	assert_int_equal(fake_vmcs[GUEST_EFER], EFER_LME);
	assert_true(write(MSR_EFER, 0));

	fake_vmcs[GUEST_EFER] = EFER_LME | EFER_LMA;
	fake_vmcs[GUEST_CR0] = CR0_PE | CR0_PG;
	assert_false(write(MSR_EFER, 0)); /* LME while paging */
	assert_int_equal(fake_vmcs[GUEST_EFER], EFER_LME | EFER_LMA);
	assert_true(write(MSR_EFER, EFER_LME | EFER_NXE)); /* nor to clear */
	assert_int_equal(fake_vmcs[GUEST_EFER], EFER_LME | EFER_LMA | EFER_NXE);
	fake_vmcs[GUEST_EFER] = 0;
	assert_false(write(MSR_EFER, EFER_LME));
	assert_true(write(MSR_EFER, EFER_SCE));
	for (unsigned bit = 0; bit < 64; bit++)
		if (!((EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) >> bit & 1))
			assert_false(write(MSR_EFER, EFER_SCE | BIT(bit)));
}

static void pat(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 8; byte++) {
		for (u64 type = 0; type < 256; type++) {
			bool valid = type < 8 && type != 2 && type != 3;

			fake_vmcs[GUEST_PAT] = 0x1234;
			assert_int_equal(write(MSR_PAT, type << 8 * byte), valid);
			assert_int_equal(fake_vmcs[GUEST_PAT], valid ? type << 8 * byte : 0x1234);
		}
	}
	assert_true(write(MSR_PAT, 0x0706050401000706));
}

static bool access_exits(const u8 *bitmap, u32 msr, bool is_write)
{
	const u8 *part = bitmap + (msr >= 0xc0000000 ? 0x400 : 0) + (is_write ? 0x800 : 0);

	return part[(msr & 0x1fff) / 8] >> msr % 8 & 1;
}

/* Only what is switched, or the host does not use, goes by without an exit. */
static void bitmap(void **state)
{
	static const u32 own[] = { MSR_FS_BASE,	     MSR_GS_BASE,     MSR_KERNEL_GS_BASE,
				   MSR_STAR,	     MSR_LSTAR,	      MSR_CSTAR,
				   MSR_FMASK,	     MSR_TSC_AUX,     MSR_SYSENTER_CS,
				   MSR_SYSENTER_ESP, MSR_SYSENTER_EIP };
	static u8 map[PAGE_SIZE];
	unsigned open = 0;

	(void)state;
	msr_bitmap_init(map);
	for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
		assert_false(access_exits(map, own[i], false) || access_exits(map, own[i], true));
	assert_false(access_exits(map, MSR_TSC, false));
	assert_true(access_exits(map, MSR_TSC, true));
	for (unsigned i = 0; i < PAGE_SIZE * 8; i++)
		open += !(map[i / 8] >> i % 8 & 1);
	assert_int_equal(open, 2 * ARRAY_SIZE(own) + 1);
	vmx_caps.proc2 = 0;
	msr_bitmap_init(map);
	assert_true(access_exits(map, MSR_TSC_AUX, false) && access_exits(map, MSR_TSC_AUX, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads, setup),  cmocka_unit_test_setup(simple_writes, setup),
		cmocka_unit_test_setup(efer, setup),   cmocka_unit_test_setup(pat, setup),
		cmocka_unit_test_setup(bitmap, setup),
	};

	return cmocka_run_group_tests_name("msr", tests, NULL, NULL);
}
