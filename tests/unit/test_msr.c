/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's MSRs: which accesses exit, and what those do.
 * links: vmx/msr.c vmx/mtrr.c vmx/caps.c mm/frame.c boot/format.c tests/unit/fake.c tests/unit/apics.c
 * links: apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c
 */
#include "mm/x86.h"
#include "tests/unit/apics.h"
#include "vmx/exit.h"
#include "vmx/vmx.h"

static struct vcpu vcpu;
static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static struct vlapic *peers[] = { &vcpu.lapic };
static unsigned gps, modes;

void vcpu_inject_exception(u8 vector, bool has_error, u32 error)
{
	assert_int_equal(vector, VECTOR_GP);
	assert_true(has_error && error == 0);
	gps++;
}

void vcpu_apic_mode(struct vcpu *v)
{
	assert_ptr_equal(v, &vcpu);
	modes++;
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	modes = 0;
	vcpu = (struct vcpu){ .gate.cpu = 1 };
	vcpu.lapic = (struct vlapic){ .page = page,
				      .id = 0x12,
				      .base = VLAPIC_BASE_RESET | APIC_BASE_BSP,
				      .peers = peers,
				      .npeers = 1 };
	vlapic_reset(&vcpu.lapic);
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
	vcpu.lapic.base = VLAPIC_BASE_RESET;
	assert_true(read(MSR_APIC_BASE, &value));
	assert_int_equal(value, 0xfee00800); /* not the bootstrap processor */
	assert_true(read(MSR_EFER, &value));
	assert_int_equal(value, 0xd01);
	assert_true(read(MSR_PAT, &value));
	assert_int_equal(value, 0x0007040600070406);
	assert_true(read(MSR_FEATURE_CONTROL, &value));
	assert_int_equal(value, 1);
	assert_true(read(MSR_PLATFORM_ID, &value) && value == 0);
	assert_true(read(MSR_BIOS_SIGN_ID, &value) && value == 0);
	assert_true(read(MSR_DEBUGCTL, &value) && value == 0);
	assert_true(read(MSR_MISC_ENABLE, &value) && value == 1);
	assert_true(read(MSR_MTRR_CAP, &value) && value == 0x508);
	assert_false(read(MSR_VMX_BASIC, &value));
	assert_false(read(MSR_X2APIC, &value));
	assert_false(read(0x12345678, &value));
}

static void simple_writes(void **state)
{
	u64 value;

	(void)state;
	assert_true(write(MSR_APIC_BASE, 0xfee00900));
	assert_false(write(MSR_APIC_BASE, 0xfed00900)); /* elsewhere */
	assert_int_equal(vcpu.gate.requests, 0);
	assert_int_equal(modes, 1);
	assert_true(write(MSR_BIOS_SIGN_ID, 77));
	assert_true(write(MSR_DEBUGCTL, 0));
	assert_false(write(MSR_DEBUGCTL, 1));
	assert_false(write(MSR_FEATURE_CONTROL, 0));
	assert_false(write(MSR_PLATFORM_ID, 0));
	assert_false(write(MSR_MTRR_CAP, 0));
	assert_false(write(MSR_MTRR_DEF_TYPE, 2)); /* a type that is none */
	assert_true(write(MSR_MTRR_DEF_TYPE, 6));
	assert_true(read(MSR_MTRR_DEF_TYPE, &value) && value == 6);
	assert_false(write(MSR_MISC_ENABLE, 1));
	assert_false(write(MSR_X2APIC + 0x30, 0));
}

static void clock(void **state)
{
	u64 before = rdtsc(), value;

	(void)state;
	assert_true(read(MSR_TSC_ADJUST, &value) && value == 0);
	assert_true(write(MSR_TSC_ADJUST, BIT(40)));
	assert_int_equal(vmread(TSC_OFFSET), BIT(40));
	assert_int_equal(vcpu.gate.requests, REQ_EVENT); /* a deadline may be over by it */
	/* The TSC as it was: what was added is off again, but for the time between. */
	assert_true(write(MSR_TSC, before));
	assert_true(read(MSR_TSC_ADJUST, &value));
	assert_true(-value <= rdtsc() - before);
	assert_int_equal(vmread(TSC_OFFSET), value);
	assert_int_equal(vcpu.lapic.tsc_offset, value);
}

static void x2apic_registers(void **state)
{
	u64 value;

	(void)state;
	assert_false(read(MSR_X2APIC + 2, &value));
	assert_false(write(MSR_X2APIC + 8, 0));
	assert_true(write(MSR_APIC_BASE, 0xfee00d00));
	assert_int_equal(modes, 1);
	assert_int_equal(vcpu.gate.requests, REQ_EVENT);
	assert_true(read(MSR_X2APIC + 2, &value) && value == 0x12);
	assert_true(write(MSR_X2APIC + 0x30, 0x0005600000000345));
	assert_true(read(MSR_X2APIC + 0x30, &value));
	assert_int_equal(value, 0x0005600000000345);
	vcpu.gate.requests = 0;
	assert_true(write(MSR_X2APIC + 8, 0x35)); /* TPR: what waits may come */
	assert_int_equal(vcpu.gate.requests, REQ_EVENT);
	vcpu.gate.requests = 0;
	assert_true(write(MSR_X2APIC + 0x32, 0x10040)); /* an LVT entry: nothing */
	assert_int_equal(vcpu.gate.requests, 0);
	assert_false(write(MSR_X2APIC + 0xff, 0));
	assert_false(read(MSR_X2APIC + 0x100, &value));
	assert_true(read(MSR_TSC_DEADLINE, &value) && value == 0);
	assert_true(write(MSR_TSC_DEADLINE, 77)); /* ignored in this mode */
	assert_true(read(MSR_TSC_DEADLINE, &value) && value == 0);
}

static void efer(void **state)
{
	(void)state;
	assert_true(write(MSR_EFER, EFER_LME | EFER_SCE));
	assert_int_equal(fake_vmcs[GUEST_EFER], EFER_LME | EFER_SCE);
	assert_true(vcpu.lme);
	assert_true(write(MSR_EFER, EFER_LME | EFER_LMA)); /* LMA is not the guest's to set */
	assert_int_equal(fake_vmcs[GUEST_EFER], EFER_LME);
	assert_true(write(MSR_EFER, 0));
	assert_false(vcpu.lme);

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

static u8 maps[2 * PAGE_SIZE];

static unsigned let_through(const u8 *map)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PAGE_SIZE * 8; i++)
		count += !(map[i / 8] >> i % 8 & 1);
	return count;
}

/* Only what is switched, or the host does not use, goes by without an exit. */
static void bitmap(void **state)
{
	static const u32 own[] = { MSR_FS_BASE,	     MSR_GS_BASE,     MSR_KERNEL_GS_BASE,
				   MSR_STAR,	     MSR_LSTAR,	      MSR_CSTAR,
				   MSR_FMASK,	     MSR_TSC_AUX,     MSR_SYSENTER_CS,
				   MSR_SYSENTER_ESP, MSR_SYSENTER_EIP };

	(void)state;
	msr_bitmaps_init(maps, APICV_REGISTERS);
	for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
		assert_false(access_exits(maps, own[i], false) || access_exits(maps, own[i], true));
	assert_false(access_exits(maps, MSR_TSC, false));
	assert_true(access_exits(maps, MSR_TSC, true));
	assert_int_equal(let_through(maps), 2 * ARRAY_SIZE(own) + 1);
	assert_memory_equal(maps, maps + PAGE_SIZE, PAGE_SIZE);
	vmx_caps.proc2 = 0;
	msr_bitmaps_init(maps, APICV_REGISTERS);
	assert_true(access_exits(maps, MSR_TSC_AUX, false) &&
		    access_exits(maps, MSR_TSC_AUX, true));
}

/*
 * What the processor gives without an exit is what the exit would give: each register is filled with
 * a value of its own; what cannot be read, or does not lie in the page as it is read, exits.
 */
static void x2apic_bitmap(enum apicv apicv)
{
	u8 *x2 = maps + PAGE_SIZE;
	bool delivery = apicv == APICV_DELIVERY;
	unsigned open = 0;

	setup(NULL);
	msr_bitmaps_init(maps, apicv);
	assert_int_equal(let_through(maps), 2 * 11 + 1);
	assert_true(write(MSR_APIC_BASE, 0xfee00d00));
	for (u32 reg = 0; reg < PAGE_SIZE; reg += 16)
		vlapic_put(&vcpu.lapic, reg, 0xa5000000 | reg);
	for (u32 msr = 0; msr < 0x2000; msr++) {
		u64 value, lies = 0xa5000000 | (u64)(msr - MSR_X2APIC) << 4;
		u32 reg = (msr - MSR_X2APIC) << 4;

		if (msr >> 8 != MSR_X2APIC >> 8) {
			assert_int_equal(access_exits(x2, msr, false),
					 access_exits(maps, msr, false));
			assert_int_equal(access_exits(x2, msr, true),
					 access_exits(maps, msr, true));
			continue;
		}
		assert_int_equal(!access_exits(x2, msr, true),
				 reg == APIC_TPR ||
					 (delivery && (reg == APIC_EOI || reg == APIC_SELF_IPI)));
		if (access_exits(x2, msr, false))
			continue;
		assert_true(read(msr, &value));
		if (reg != APIC_PPR) /* kept by the processor, here worked out */
			assert_int_equal(value, lies);
		open++;
	}
	/* ID, version, TPR, LDR, SVR; ISR, TMR, IRR, ESR; LVT and initial count, divisor; PPR */
	assert_int_equal(open, 5 + 3 * 8 + 1 + 7 + 1 + delivery);
	assert_int_equal(!access_exits(x2, MSR_X2APIC + APIC_PPR / 16, false), delivery);
}

static void x2apic_bitmaps(void **state)
{
	(void)state;
	x2apic_bitmap(APICV_X2APIC);
	x2apic_bitmap(APICV_DELIVERY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads, setup),
		cmocka_unit_test_setup(simple_writes, setup),
		cmocka_unit_test_setup(clock, setup),
		cmocka_unit_test_setup(efer, setup),
		cmocka_unit_test_setup(pat, setup),
		cmocka_unit_test_setup(bitmap, setup),
		cmocka_unit_test_setup(x2apic_bitmaps, setup),
		cmocka_unit_test_setup(x2apic_registers, setup),
	};

	return cmocka_run_group_tests_name("msr", tests, NULL, NULL);
}
