/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's writes to CR0 and CR4 that exit, and XSETBV.
 * links: vmx/cr.c vmx/caps.c vmx/guestmem.c ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c
 * links: ept/ept.c
 * links: ept/reclaim.c mm/backing.c mm/store.c mm/lz4.c mm/lru.c mm/frame.c boot/format.c
 * links: tests/unit/world.c tests/unit/fake.c
 */
#include <string.h>

#include "mm/frame.h"
#include "mm/x86.h"
#include "tests/unit/world.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define CS_L BIT(13)
#define PAGING (CR0_PE | CR0_ET | CR0_NE | CR0_PG)
#define ENTRY (ENTRY_LOAD_PAT | ENTRY_LOAD_EFER)
#define PDPT 0x5020 /* in the middle of a page: 32-byte aligned */

static struct vcpu vcpu;
static unsigned gps;

void vcpu_inject_exception(u8 vector, bool has_error, u32 error)
{
	assert_int_equal(vector, VECTOR_GP);
	assert_true(has_error && error == 0);
	gps++;
}

u64 cpuid_xcr0_allowed(void)
{
	return 7;
}

static int setup(void **state)
{
	int err = world_setup(state);

	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.ept = &ept;
	vcpu.xcr0 = 1;
	world_add_gate(&vcpu.gate);
	vmx_caps = (struct vmx_caps){ .proc2 = PROC2_VPID,
				      .entry = ENTRY,
				      .cr0_fixed0 = 0x80000021,
				      .cr0_fixed1 = 0xffffffff,
				      .cr4_fixed0 = CR4_VMXE,
				      .cr4_fixed1 = 0x3727ff & ~CR4_SMAP };
	fake_vmcs[GUEST_CR0] = CR0_ET | CR0_NE;
	fake_vmcs[CR0_READ_SHADOW] = CR0_ET | CR0_CD | CR0_NW;
	fake_vmcs[GUEST_CR4] = CR4_VMXE | CR4_MCE;
	fake_vmcs[ENTRY_CTLS] = ENTRY;
	fake_vmcs[GUEST_CR3] = PDPT | 0x18;
	fake_vmcs[EXIT_INSTRUCTION_LENGTH] = 3;
	return err;
}

/* MOV to CR from RSI. True: done, RIP is past it. False: #GP, and nothing has changed. */
static bool mov_cr(unsigned cr, u64 value)
{
	u64 rip = fake_vmcs[GUEST_RIP];
	static u64 before[FAKE_FIELDS];
	bool done;

	memcpy(before, fake_vmcs, sizeof(before));
	gps = 0;
	fake_vmcs[EXIT_QUALIFICATION] = cr | 6 << 8;
	before[EXIT_QUALIFICATION] = cr | 6 << 8;
	vcpu.regs.rsi = value;
	exit_cr(&vcpu);
	done = fake_vmcs[GUEST_RIP] == rip + 3;
	assert_int_equal(gps, !done);
	assert_true(done || !memcmp(before, fake_vmcs, sizeof(before)));
	return done;
}

static void cr0_bits(void **state)
{
	(void)state;
	assert_true(mov_cr(0, CR0_PE | CR0_WP | CR0_CD | CR0_NW));
	/* The machine's caches stay on; NE and ET stay 1; the guest reads what it wrote. */
	assert_int_equal(fake_vmcs[GUEST_CR0], CR0_PE | CR0_WP | CR0_NE | CR0_ET);
	assert_int_equal(fake_vmcs[CR0_READ_SHADOW], CR0_PE | CR0_WP | CR0_CD | CR0_NW | CR0_ET);
	assert_int_equal(fake_invvpids, 1); /* WP changed */
	assert_true(mov_cr(0, CR0_PE | CR0_WP | CR0_NE | BIT(10)));
	assert_int_equal(fake_vmcs[CR0_READ_SHADOW], CR0_PE | CR0_WP | CR0_NE | CR0_ET);
	assert_int_equal(fake_invvpids, 1);
	assert_int_equal(fake_vmwrites[ENTRY_CTLS], 0);
}

static void cr0_refused(void **state)
{
	(void)state;
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = CS_L;
	assert_false(mov_cr(0, BIT(32) | CR0_PE));
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = 0;
	assert_true(mov_cr(0, BIT(32) | CR0_PE)); /* 32 bits of the register count */
	assert_false(mov_cr(0, CR0_PG));
	assert_false(mov_cr(0, CR0_PE | CR0_NW));
}

/* LME, then PG: long mode. PG off: no more. */
static void long_mode(void **state)
{
	(void)state;
	fake_vmcs[GUEST_EFER] = EFER_LME | EFER_NXE;
	assert_true(mov_cr(0, CR0_PE));
	assert_false(mov_cr(0, CR0_PE | CR0_PG)); /* without PAE */
	fake_vmcs[GUEST_CR4] |= CR4_PAE;
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = CS_L;
	assert_false(mov_cr(0, CR0_PE | CR0_PG)); /* from a segment that would be 64-bit code */
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = 0;
	assert_true(mov_cr(0, CR0_PE | CR0_PG | CR0_CD));
	assert_int_equal(fake_vmcs[GUEST_EFER], EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(fake_vmcs[ENTRY_CTLS], ENTRY | ENTRY_IA32E);
	assert_int_equal(fake_vmcs[GUEST_CR0], PAGING);
	assert_int_equal(fake_invvpids, 1);
	assert_int_equal(fake_vmwrites[GUEST_PDPTE0], 0); /* no PAE paging */

	/* While it is on: CR0 without a change of PG leaves it alone; PAE cannot go. */
	assert_true(mov_cr(0, CR0_PE | CR0_PG));
	assert_int_equal(fake_vmwrites[ENTRY_CTLS], 1);
	assert_false(mov_cr(4, 0));
	assert_true(mov_cr(4, CR4_PAE | CR4_PGE));

	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = CS_L;
	assert_false(mov_cr(0, CR0_PE)); /* not from 64-bit code */
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = 0;
	assert_true(mov_cr(0, CR0_PE));
	assert_int_equal(fake_vmcs[GUEST_EFER], EFER_LME | EFER_NXE);
	assert_int_equal(fake_vmcs[ENTRY_CTLS], ENTRY);
}

static void put_pdpte(unsigned i, u64 value)
{
	((u64 *)((char *)frame_ptr(frame_at(PDPT >> 12)) + PDPT % PAGE_SIZE))[i] = value;
}

static void pdptes(void **state)
{
	static const u64 valid[4] = { 0x1001, 0x1e6 /* not present */, 0x3019, 0x4001 };

	(void)state;
	populate(PDPT >> 12);
	for (unsigned i = 0; i < 4; i++)
		put_pdpte(i, valid[i]);
	fake_vmcs[GUEST_CR4] |= CR4_PAE;
	assert_true(mov_cr(0, CR0_PE | CR0_PG));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fake_vmcs[GUEST_PDPTE0 + 2 * i], valid[i]);
	assert_int_equal(fake_vmcs[GUEST_EFER], 0);

	/* Again when CR4 changes what paging is, and only then. */
	put_pdpte(0, 0x7001);
	assert_true(mov_cr(4, CR4_PAE | CR4_OSFXSR));
	assert_int_equal(fake_vmcs[GUEST_PDPTE0], 0x1001);
	assert_true(mov_cr(4, CR4_PAE | CR4_PGE));
	assert_int_equal(fake_vmcs[GUEST_PDPTE0], 0x7001);

	/* And when CR0 changes PG, CD or NW. */
	put_pdpte(0, 0x8001);
	assert_true(mov_cr(0, CR0_PE | CR0_PG | CR0_WP));
	assert_int_equal(fake_vmcs[GUEST_PDPTE0], 0x7001);
	assert_true(mov_cr(0, CR0_PE | CR0_PG | CR0_CD));
	assert_int_equal(fake_vmcs[GUEST_PDPTE0], 0x8001);
	put_pdpte(0, 0x9001);
	assert_true(mov_cr(0, CR0_PE | CR0_PG | CR0_CD | CR0_WP));
	assert_int_equal(fake_vmcs[GUEST_PDPTE0], 0x8001);
	assert_true(mov_cr(0, CR0_PE | CR0_PG | CR0_CD | CR0_NW));
	assert_int_equal(fake_vmcs[GUEST_PDPTE0], 0x9001);

	/* One with a reserved bit: #GP, and none is loaded (mov_cr() sees to that). */
	for (unsigned bit = 1; bit < 9; bit++) {
		bool reserved = 0x1e6 >> bit & 1;

		put_pdpte(0, 0x8001);
		put_pdpte(3, 0x4001 | BIT(bit));
		assert_int_equal(mov_cr(4, CR4_PAE), !reserved);
		if (!reserved)
			assert_int_equal(fake_vmcs[GUEST_PDPTE0 + 6], 0x4001 | BIT(bit));
		put_pdpte(3, 0x4001);
		assert_true(mov_cr(4, CR4_PAE | CR4_PGE));
	}
	/* No memory there. */
	fake_vmcs[GUEST_CR3] = 0x40000000;
	assert_false(mov_cr(4, CR4_PAE | CR4_PSE));
	assert_true(mov_cr(0, CR0_PE));
	assert_false(mov_cr(0, CR0_PE | CR0_PG));
}

static void cr4_bits(void **state)
{
	static const u64 refused[] = { CR4_VMXE, CR4_SMXE, CR4_PCIDE, BIT(11),
				       CR4_SMAP, BIT(22),  BIT(32),   BIT(63) };
	u64 all = CR4_PSE | CR4_PAE | CR4_PGE | CR4_MCE | CR4_OSFXSR | CR4_OSXSAVE | CR4_SMEP;

	(void)state;
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = CS_L;
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
		assert_false(mov_cr(4, refused[i]));
	assert_int_equal(fake_invvpids, 0);
	assert_true(mov_cr(4, all));
	assert_int_equal(fake_vmcs[GUEST_CR4], all | CR4_VMXE);
	assert_int_equal(fake_vmcs[CR4_READ_SHADOW], all);
	assert_int_equal(fake_invvpids, 1);
	/* MCE is the machine's: it stays, and only the shadow forgets it. */
	assert_true(mov_cr(4, all & ~CR4_MCE));
	assert_int_equal(fake_vmcs[GUEST_CR4], all | CR4_VMXE);
	assert_int_equal(fake_vmcs[CR4_READ_SHADOW], all & ~CR4_MCE);
	assert_int_equal(fake_invvpids, 1);
	vmx_caps.proc2 = 0; /* without VPIDs each entry and exit drops all there is */
	assert_true(mov_cr(4, 0));
	assert_int_equal(fake_invvpids, 1);
}

/* From each general register; other accesses to control registers do not come here. */
static void qualification(void **state)
{
	(void)state;
	for (unsigned gpr = 0; gpr < 16; gpr++) {
		u64 rip = fake_vmcs[GUEST_RIP];

		memset(&vcpu.regs, 0xff, sizeof(vcpu.regs));
		fake_vmcs[GUEST_RSP] = ~0ul;
		if (gpr == 4)
			fake_vmcs[GUEST_RSP] = CR0_PE | gpr << 1;
		else
			*vcpu_reg(&vcpu, gpr) = CR0_PE | (gpr & 7) << 1;
		fake_vmcs[EXIT_QUALIFICATION] = gpr << 8;
		exit_cr(&vcpu);
		assert_int_equal(fake_vmcs[GUEST_RIP], rip + 3);
		assert_int_equal(fake_vmcs[GUEST_CR0] & 15, CR0_PE | (gpr & 7) << 1);
	}
	gps = 0;
	fake_vmcs[EXIT_QUALIFICATION] = 1 << 4; /* MOV from CR0 */
	exit_cr(&vcpu);
	fake_vmcs[EXIT_QUALIFICATION] = 3; /* MOV to CR3 */
	exit_cr(&vcpu);
	assert_int_equal(gps, 2);
}

static bool xsetbv_of(u64 index, u64 value)
{
	u64 rip = fake_vmcs[GUEST_RIP];

	gps = 0;
	vcpu.regs.rcx = index;
	vcpu.regs.rax = (u32)value | 0xabcd00000000; /* the high half does not count */
	vcpu.regs.rdx = value >> 32;
	exit_xsetbv(&vcpu);
	assert_int_equal(gps, fake_vmcs[GUEST_RIP] != rip + 3);
	return fake_vmcs[GUEST_RIP] == rip + 3;
}

static void xsetbvs(void **state)
{
	static const u64 refused[] = { 0, 2, 6, 5, 9, 0x100000001, 0x8000000000000001 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
		assert_false(xsetbv_of(0, refused[i]));
	assert_false(xsetbv_of(1, 1));
	assert_int_equal(fake_xsetbvs, 0);
	assert_int_equal(vcpu.xcr0, 1);
	for (u64 cpl = 1; cpl < 4; cpl++) {
		fake_vmcs[GUEST_SS_ACCESS_RIGHTS] = 0xc093 | cpl << 5;
		assert_false(xsetbv_of(0, 7));
	}
	fake_vmcs[GUEST_SS_ACCESS_RIGHTS] = 0xc093;
	assert_int_equal(fake_xsetbvs, 0);
	assert_true(xsetbv_of(0xffff000000000000, 7));
	assert_int_equal(fake_xcr0, 7);
	assert_int_equal(vcpu.xcr0, 7);
	assert_true(xsetbv_of(0, 3));
	assert_true(xsetbv_of(0, 1));
	assert_int_equal(fake_xcr0, 1);
	assert_int_equal(fake_xsetbvs, 3);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(cr0_bits), TEST(cr0_refused),   TEST(long_mode), TEST(pdptes),
		TEST(cr4_bits), TEST(qualification), TEST(xsetbvs),
	};

	return cmocka_run_group_tests_name("cr", tests, NULL, NULL);
}
