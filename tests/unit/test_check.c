/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failed VM entries in words: from a guest state that passes every check, each case breaks one.
 * links: vmx/check.c vmx/caps.c mm/frame.c boot/format.c tests/unit/fake.c
 */
#include <string.h>

#include "tests/unit/fake.h"
#include "vmx/vmx.h"

#define CR0 (CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG)
#define CR4 (CR4_PAE | CR4_VMXE | CR4_MCE)
#define EFER (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define NON_CANONICAL 0x0000800000000000ul

/* The access rights are from GUEST_ES_ACCESS_RIGHTS on, limits from GUEST_ES_LIMIT. */
#define RIGHTS(n) (GUEST_ES_ACCESS_RIGHTS + 2 * (n))
#define LIMIT(n) (GUEST_ES_LIMIT + 2 * (n))
enum { ES, CS, SS, DS, FS, GS, LDTR, TR };
#define UNUSABLE 0x10000

struct change {
	enum vmcs_field field;
	u64 value;
};

static void set(enum vmcs_field field, u64 value)
{
	fake_vmcs[field] = value;
}

static void valid_state(void)
{
	fake_vmcs_clear();
	vmx_caps = (struct vmx_caps){ .cr0_fixed0 = 0x80000021,
				      .cr0_fixed1 = 0xffffffff,
				      .cr4_fixed0 = CR4_VMXE,
				      .cr4_fixed1 = 0x3727ff };
	set(GUEST_CR0, CR0);
	set(GUEST_CR4, CR4);
	set(GUEST_EFER, EFER);
	set(ENTRY_CTLS, ENTRY_IA32E | ENTRY_LOAD_EFER);
	set(SECONDARY_CTLS, PROC2_UNRESTRICTED_GUEST);
	set(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
	set(GUEST_RIP, 0xffff800000001000);
	set(GUEST_DR7, 0x400);
	set(VMCS_LINK_POINTER, ~0ul);
	for (unsigned i = ES; i <= GS; i++) {
		set(RIGHTS(i), 0xc093);
		set(LIMIT(i), 0xffffffff);
	}
	set(RIGHTS(CS), 0xa09b);
	set(RIGHTS(LDTR), UNUSABLE);
	set(RIGHTS(TR), 0x8b);
	set(LIMIT(TR), 0x67);
	set(GUEST_GDTR_LIMIT, 0xffff);
	set(GUEST_IDTR_LIMIT, 0xfff);
}

#define EXTERNAL (INTR_VALID | INTR_EXTERNAL << 8 | 0x40)
#define AN_NMI (INTR_VALID | INTR_NMI << 8 | 2)

/* What the words say, or NULL: still valid; and up to three fields that differ. */
static const struct {
	const char *words;
	struct change change[3];
} cases[] = {
	{ "CR0 lacks", { { GUEST_CR0, CR0 & ~CR0_NE } } },
	{ "CR0 lacks", { { GUEST_CR0, CR0 & ~CR0_PG }, { SECONDARY_CTLS, 0 } } },
	{ "CR0 has", { { GUEST_CR0, CR0 | BIT(32) } } },
	{ "CR0.PG without CR0.PE", { { GUEST_CR0, CR0 & ~CR0_PE } } },
	{ "CR4 lacks", { { GUEST_CR4, CR4 & ~CR4_VMXE } } },
	{ "CR4 has", { { GUEST_CR4, CR4 | BIT(11) } } },
	{ "IA-32e mode without", { { GUEST_CR4, CR4 & ~CR4_PAE } } },
	{ "IA-32e mode without", { { GUEST_CR0, CR0 & ~CR0_PG } } },
	{ "CR4.PCIDE outside", { { GUEST_CR4, CR4 | CR4_PCIDE }, { ENTRY_CTLS, 0 } } },
	{ NULL, { { GUEST_CR4, CR4 | CR4_PCIDE } } },
	{ "DR7 has", { { GUEST_DR7, BIT(32) } } },
	{ "SYSENTER ESP or EIP", { { GUEST_SYSENTER_ESP, NON_CANONICAL } } },
	{ "SYSENTER ESP or EIP", { { GUEST_SYSENTER_EIP, 0xff00000000000000 } } },
	{ "EFER has", { { GUEST_EFER, EFER | BIT(1) } } },
	{ "EFER.LMA differs from the IA-32e", { { GUEST_EFER, EFER & ~EFER_LMA } } },
	{ "EFER.LMA differs from the IA-32e", { { ENTRY_CTLS, 0 } } },
	{ "EFER.LMA differs from EFER.LME", { { GUEST_EFER, EFER & ~EFER_LME } } },
	{ "EFER.LMA differs from EFER.LME", { { GUEST_EFER, EFER_LME }, { ENTRY_CTLS, 0 } } },

	{ "not a present code or data segment", { { RIGHTS(ES), 0xc083 } } },
	{ "not a present code or data segment", { { RIGHTS(DS), 0xc013 } } },
	{ "not a present code or data segment", { { RIGHTS(GS), 0xc193 } } },
	{ "not a present code or data segment", { { RIGHTS(FS), 0x2c093 } } },
	{ NULL, { { RIGHTS(ES), UNUSABLE }, { RIGHTS(DS), UNUSABLE }, { RIGHTS(SS), UNUSABLE } } },
	{ "not accessed", { { RIGHTS(DS), 0xc092 } } },
	{ "not accessed", { { RIGHTS(CS), 0xa09a } } },
	{ "granularity", { { LIMIT(DS), 0xfffff000 } } },
	{ "granularity", { { LIMIT(DS), 0x100000 }, { RIGHTS(DS), 0x4093 } } },
	{ NULL, { { LIMIT(DS), 0xfffff }, { RIGHTS(DS), 0x4093 } } },
	{ NULL, { { LIMIT(DS), 0 }, { RIGHTS(DS), 0x4093 } } },
	{ "LDTR", { { RIGHTS(LDTR), 0x83 } } },
	{ "LDTR", { { RIGHTS(LDTR), 0x92 } } },
	{ NULL, { { RIGHTS(LDTR), 0x82 } } },
	{ "TR is not", { { RIGHTS(TR), UNUSABLE | 0x8b } } },
	{ "TR is not", { { RIGHTS(TR), 0x89 } } },
	{ "TR is not", { { RIGHTS(TR), 0x83 } } }, /* a 16-bit one, in IA-32e mode */
	{ "TR is not", { { RIGHTS(TR), 0x9b } } },
	{ "TR is not", { { RIGHTS(TR), 0x0b } } },
	{ "base of FS, GS or TR", { { GUEST_FS_BASE, NON_CANONICAL } } },
	{ "base of FS, GS or TR", { { GUEST_GS_BASE, NON_CANONICAL } } },
	{ "base of FS, GS or TR", { { GUEST_TR_BASE, NON_CANONICAL } } },
	{ NULL, { { GUEST_FS_BASE, 0xffff800000000000 }, { GUEST_GS_BASE, 0x7fffffffffff } } },
	{ "CS type", { { RIGHTS(CS), 0xc097 } } },
	{ "CS type", { { RIGHTS(CS), 0xc093 }, { SECONDARY_CTLS, 0 } } },
	{ NULL, { { RIGHTS(CS), 0xc093 }, { GUEST_RIP, 0x1000 } } },
	{ "CS is data with DPL", { { RIGHTS(CS), 0xc0f3 } } },
	{ "both L and D", { { RIGHTS(CS), 0xe09b } } },
	{ "SS type", { { RIGHTS(SS), 0xc09b } } },
	{ NULL, { { RIGHTS(SS), 0xc097 } } },
	{ "SS.DPL", { { RIGHTS(CS), 0xc093 }, { RIGHTS(SS), 0xc0f3 }, { GUEST_RIP, 0 } } },

	{ "limit of GDTR or IDTR", { { GUEST_GDTR_LIMIT, 0x10000 } } },
	{ "limit of GDTR or IDTR", { { GUEST_IDTR_LIMIT, 0x10000 } } },
	{ "base of GDTR or IDTR", { { GUEST_GDTR_BASE, NON_CANONICAL } } },
	{ "base of GDTR or IDTR", { { GUEST_IDTR_BASE, NON_CANONICAL } } },
	{ "RIP has", { { RIGHTS(CS), 0xc09b }, { GUEST_RIP, BIT(32) } } },
	{ "RFLAGS has", { { GUEST_RFLAGS, RFLAGS_IF } } },
	{ "RFLAGS has", { { GUEST_RFLAGS, RFLAGS_FIXED | BIT(3) } } },
	{ "RFLAGS has", { { GUEST_RFLAGS, RFLAGS_FIXED | BIT(15) } } },
	{ "RFLAGS has", { { GUEST_RFLAGS, RFLAGS_FIXED | BIT(22) } } },
	{ NULL, { { GUEST_RFLAGS, 0x3d7fd7 } } }, /* all but VM */
	{ "RFLAGS.VM", { { GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_VM } } },
	{ "RFLAGS.IF is 0",
	  { { GUEST_RFLAGS, RFLAGS_FIXED }, { ENTRY_INTERRUPTION_INFO, EXTERNAL } } },
	{ NULL, { { ENTRY_INTERRUPTION_INFO, EXTERNAL } } },
	{ NULL, { { GUEST_RFLAGS, RFLAGS_FIXED }, { ENTRY_INTERRUPTION_INFO, AN_NMI } } },

	{ "activity state", { { GUEST_ACTIVITY_STATE, 4 } } },
	{ "interruptibility state has", { { GUEST_INTERRUPTIBILITY, BIT(5) } } },
	{ "by STI and by MOV SS at once", { { GUEST_INTERRUPTIBILITY, 3 } } },
	{ "blocking by STI while RFLAGS.IF is 0",
	  { { GUEST_INTERRUPTIBILITY, 1 }, { GUEST_RFLAGS, RFLAGS_FIXED } } },
	{ NULL, { { GUEST_INTERRUPTIBILITY, 1 } } },
	{ "no single step is pending", { { GUEST_INTERRUPTIBILITY, 1 }, { GUEST_RFLAGS, 0x302 } } },
	{ "no single step is pending", { { GUEST_INTERRUPTIBILITY, 2 }, { GUEST_RFLAGS, 0x102 } } },
	{ NULL,
	  { { GUEST_INTERRUPTIBILITY, 2 },
	    { GUEST_RFLAGS, 0x302 },
	    { GUEST_PENDING_DEBUG, PENDING_DEBUG_BS } } },
	{ "external interrupt is injected while blocked",
	  { { GUEST_INTERRUPTIBILITY, 1 }, { ENTRY_INTERRUPTION_INFO, EXTERNAL } } },
	{ "external interrupt is injected while blocked",
	  { { GUEST_INTERRUPTIBILITY, 2 }, { ENTRY_INTERRUPTION_INFO, EXTERNAL } } },
	{ NULL, { { GUEST_INTERRUPTIBILITY, 8 }, { ENTRY_INTERRUPTION_INFO, EXTERNAL } } },
	{ "NMI is injected while blocked",
	  { { GUEST_INTERRUPTIBILITY, 8 }, { ENTRY_INTERRUPTION_INFO, AN_NMI } } },
	{ "NMI is injected while blocked",
	  { { GUEST_INTERRUPTIBILITY, 2 }, { ENTRY_INTERRUPTION_INFO, AN_NMI } } },
	{ "link pointer", { { VMCS_LINK_POINTER, 0 } } },
};

static void guest_state(void **state)
{
	(void)state;
	valid_state();
	assert_null(vmx_check_guest_state());
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *words;

		valid_state();
		for (unsigned k = 0; k < ARRAY_SIZE(cases[i].change); k++)
			if (cases[i].change[k].field)
				set(cases[i].change[k].field, cases[i].change[k].value);
		words = vmx_check_guest_state();
		if (cases[i].words ? !words || !strstr(words, cases[i].words) : words != NULL)
			fail_msg("case %u (%s): \"%s\"", i, cases[i].words,
				 words ? words : "valid");
	}
}

/* As after a SIPI: real mode, which an unrestricted guest may be entered in. */
static void real_mode(void **state)
{
	(void)state;
	valid_state();
	set(GUEST_CR0, CR0_ET | CR0_NE);
	set(GUEST_CR4, CR4_VMXE | CR4_MCE);
	set(GUEST_EFER, 0);
	set(ENTRY_CTLS, 0);
	set(GUEST_RFLAGS, RFLAGS_FIXED);
	set(GUEST_RIP, 0);
	for (unsigned i = ES; i <= GS; i++) {
		set(RIGHTS(i), i == CS ? 0x9b : 0x93);
		set(LIMIT(i), 0xffff);
	}
	set(RIGHTS(LDTR), 0x82);
	assert_null(vmx_check_guest_state());
	set(RIGHTS(TR), 0x83);
	assert_null(vmx_check_guest_state());
	set(RIGHTS(SS), 0xf3);
	assert_string_equal(vmx_check_guest_state(), "SS.DPL is above 0 in real mode");
	set(SECONDARY_CTLS, 0);
	assert_string_equal(vmx_check_guest_state(), "CR0 lacks a bit that VMX fixes to 1");
}

static void instruction_errors(void **state)
{
	(void)state;
	assert_string_equal(vmx_instruction_error(7), "VM entry with invalid control fields");
	assert_string_equal(vmx_instruction_error(8), "VM entry with invalid host-state fields");
	assert_string_equal(vmx_instruction_error(28), "invalid operand to INVEPT or INVVPID");
	for (u32 error = 0; error < 100; error++)
		assert_non_null(vmx_instruction_error(error));
	assert_string_equal(vmx_instruction_error(0), "unknown error");
	assert_string_equal(vmx_instruction_error(14), "unknown error");
	assert_string_equal(vmx_instruction_error(29), "unknown error");
	assert_string_equal(vmx_instruction_error(~0u), "unknown error");
}

/* Prints nothing where no VMCS is current. */
static void dump(void **state)
{
	static struct vcpu vcpu = { .gate.id = 3 };

	(void)state;
	valid_state();
	fake_printed[0] = 0;
	vmx_dump();
	assert_string_equal(fake_printed, "");
	this_cpu()->vcpu = &vcpu;
	vmx_dump();
	assert_string_equal(fake_printed, "  TR   0000 base 0 limit 67 rights 8b\n");
	this_cpu()->vcpu = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_state),
		cmocka_unit_test(real_mode),
		cmocka_unit_test(instruction_errors),
		cmocka_unit_test(dump),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
