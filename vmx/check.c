/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failed VM entries in words: the VM-instruction error, and which check of the guest state fails.
 */
#include "vmx/vmx.h"

const char *vmx_instruction_error(u32 error)
{
	static const char *const words[] = {
		[1] = "VMCALL in VMX root operation",
		[2] = "VMCLEAR with an invalid address",
		[3] = "VMCLEAR with the VMXON pointer",
		[4] = "VMLAUNCH with a VMCS that is not clear",
		[5] = "VMRESUME with a VMCS that is not launched",
		[6] = "VMRESUME after VMXOFF",
		[7] = "VM entry with invalid control fields",
		[8] = "VM entry with invalid host-state fields",
		[9] = "VMPTRLD with an invalid address",
		[10] = "VMPTRLD with the VMXON pointer",
		[11] = "VMPTRLD with a wrong revision identifier",
		[12] = "VMREAD or VMWRITE of an unsupported field",
		[13] = "VMWRITE of a read-only field",
		[15] = "VMXON in VMX root operation",
		[20] = "VMCALL with an invalid VM-exit control",
		[26] = "VM entry with events blocked by MOV SS",
		[28] = "invalid operand to INVEPT or INVVPID",
	};

	return error < ARRAY_SIZE(words) && words[error] ? words[error] : "unknown error";
}

/* What several checks look at. */
struct state {
	u64 cr0, cr4, efer, rflags, rip, entry, interruptibility, activity, event;
	bool unrestricted, ia32e, v86;
};

enum { ES, CS, SS, DS, FS, GS, LDTR, TR, SEGMENTS };
#define RIGHTS_TYPE(r) ((r)&15)
#define RIGHTS_S BIT(4)
#define RIGHTS_DPL(r) ((r) >> 5 & 3)
#define RIGHTS_P BIT(7)
#define RIGHTS_RESERVED (0xf00 | ~0x1ffffull)
#define RIGHTS_L BIT(13)
#define RIGHTS_D BIT(14)
#define RIGHTS_G BIT(15)
#define RIGHTS_UNUSABLE BIT(16)

static bool canonical(u64 a)
{
	return (u64)((int64_t)(a << 16) >> 16) == a;
}

static const char *check_control_registers(const struct state *s)
{
	u64 fixed0 = vmx_caps.cr0_fixed0;

	if (s->unrestricted)
		fixed0 &= ~(CR0_PE | CR0_PG);
	if (~s->cr0 & fixed0)
		return "CR0 lacks a bit that VMX fixes to 1";
	if (s->cr0 & ~vmx_caps.cr0_fixed1)
		return "CR0 has a bit that VMX fixes to 0";
	if ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE))
		return "CR0.PG without CR0.PE";
	if (~s->cr4 & vmx_caps.cr4_fixed0)
		return "CR4 lacks a bit that VMX fixes to 1";
	if (s->cr4 & ~vmx_caps.cr4_fixed1)
		return "CR4 has a bit that VMX fixes to 0";
	if (s->ia32e && !((s->cr0 & CR0_PG) && (s->cr4 & CR4_PAE)))
		return "IA-32e mode without CR0.PG and CR4.PAE";
	if (!s->ia32e && (s->cr4 & CR4_PCIDE))
		return "CR4.PCIDE outside IA-32e mode";
	if (vmread(GUEST_DR7) >> 32)
		return "DR7 has a bit above 31";
	if (!canonical(vmread(GUEST_SYSENTER_ESP)) || !canonical(vmread(GUEST_SYSENTER_EIP)))
		return "SYSENTER ESP or EIP is not canonical";
	if (s->efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))
		return "EFER has a reserved bit";
	if (!!(s->efer & EFER_LMA) != s->ia32e)
		return "EFER.LMA differs from the IA-32e mode entry control";
	if ((s->cr0 & CR0_PG) && !!(s->efer & EFER_LMA) != !!(s->efer & EFER_LME))
		return "EFER.LMA differs from EFER.LME while paging";
	return NULL;
}

static const char *check_code_and_stack(const struct state *s, u64 cs, u64 ss)
{
	bool cs_data = RIGHTS_TYPE(cs) == 3;

	if (!(cs_data && s->unrestricted) && !(RIGHTS_TYPE(cs) >= 9 && (RIGHTS_TYPE(cs) & 1)))
		return "CS type is not accessed code";
	if (cs_data && RIGHTS_DPL(cs))
		return "CS is data with DPL above 0";
	if (s->ia32e && (cs & RIGHTS_L) && (cs & RIGHTS_D))
		return "CS has both L and D in IA-32e mode";
	if (!(ss & RIGHTS_UNUSABLE) && RIGHTS_TYPE(ss) != 3 && RIGHTS_TYPE(ss) != 7)
		return "SS type is not writable data";
	if ((cs_data || !(s->cr0 & CR0_PE)) && RIGHTS_DPL(ss))
		return "SS.DPL is above 0 in real mode";
	return NULL;
}

static const char *check_segments(const struct state *s)
{
	u64 rights[SEGMENTS];

	for (unsigned i = ES; i < SEGMENTS; i++)
		rights[i] = vmread(GUEST_ES_ACCESS_RIGHTS + 2 * i);
	if (s->v86)
		return NULL; /* other rules, and no guest of ours is entered so */
	for (unsigned i = ES; i <= GS; i++) {
		u64 limit = vmread(GUEST_ES_LIMIT + 2 * i);

		if (rights[i] & RIGHTS_UNUSABLE)
			continue;
		if (!(rights[i] & RIGHTS_S) || !(rights[i] & RIGHTS_P) ||
		    (rights[i] & RIGHTS_RESERVED))
			return "a segment is not a present code or data segment, or has a reserved "
			       "access-rights bit";
		if (!(RIGHTS_TYPE(rights[i]) & 1))
			return "a segment's type is not accessed";
		if (((limit & 0xfff) != 0xfff && (rights[i] & RIGHTS_G)) ||
		    (limit >> 20 && !(rights[i] & RIGHTS_G)))
			return "a segment's limit does not fit its granularity";
	}
	if ((rights[LDTR] & RIGHTS_UNUSABLE) == 0 &&
	    (RIGHTS_TYPE(rights[LDTR]) != 2 || (rights[LDTR] & RIGHTS_S)))
		return "LDTR is not an LDT";
	if ((rights[TR] & RIGHTS_UNUSABLE) || (rights[TR] & RIGHTS_S) || !(rights[TR] & RIGHTS_P) ||
	    (RIGHTS_TYPE(rights[TR]) != 11 && (s->ia32e || RIGHTS_TYPE(rights[TR]) != 3)))
		return "TR is not a busy TSS";
	if (!canonical(vmread(GUEST_FS_BASE)) || !canonical(vmread(GUEST_GS_BASE)) ||
	    !canonical(vmread(GUEST_TR_BASE)))
		return "the base of FS, GS or TR is not canonical";
	return check_code_and_stack(s, rights[CS], rights[SS]);
}

static const char *check_rip_and_flags(const struct state *s)
{
	bool long_code = s->ia32e && (vmread(GUEST_CS_ACCESS_RIGHTS) & RIGHTS_L);

	if (vmread(GUEST_GDTR_LIMIT) >> 16 || vmread(GUEST_IDTR_LIMIT) >> 16)
		return "the limit of GDTR or IDTR is above ffff";
	if (!canonical(vmread(GUEST_GDTR_BASE)) || !canonical(vmread(GUEST_IDTR_BASE)))
		return "the base of GDTR or IDTR is not canonical";
	if (!long_code && s->rip >> 32)
		return "RIP has a bit above 31 outside 64-bit code";
	if (!(s->rflags & RFLAGS_FIXED) || (s->rflags & ~0x3f7fd7ull))
		return "RFLAGS has bit 1 clear or a reserved bit set";
	if (s->v86 && (s->ia32e || !(s->cr0 & CR0_PE)))
		return "RFLAGS.VM in IA-32e or real mode";
	if ((s->event & INTR_VALID) && INTR_TYPE(s->event) == INTR_EXTERNAL &&
	    !(s->rflags & RFLAGS_IF))
		return "an external interrupt is injected while RFLAGS.IF is 0";
	return NULL;
}

static const char *check_rest(const struct state *s)
{
	bool injected = s->event & INTR_VALID;

	if (s->activity > 3)
		return "the activity state is not defined";
	if (s->interruptibility & ~0x1full)
		return "the interruptibility state has a reserved bit";
	if ((s->interruptibility & INTERRUPTIBILITY_STI) &&
	    (s->interruptibility & INTERRUPTIBILITY_MOV_SS))
		return "blocking by STI and by MOV SS at once";
	if ((s->interruptibility & INTERRUPTIBILITY_STI) && !(s->rflags & RFLAGS_IF))
		return "blocking by STI while RFLAGS.IF is 0";
	if ((s->interruptibility & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) &&
	    (s->rflags & RFLAGS_TF) && !(vmread(GUEST_PENDING_DEBUG) & PENDING_DEBUG_BS))
		return "no single step is pending while RFLAGS.TF is 1, blocked by STI or MOV SS";
	if (injected && INTR_TYPE(s->event) == INTR_EXTERNAL &&
	    (s->interruptibility & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)))
		return "an external interrupt is injected while blocked by STI or MOV SS";
	if (injected && INTR_TYPE(s->event) == INTR_NMI &&
	    (s->interruptibility & (INTERRUPTIBILITY_NMI | INTERRUPTIBILITY_MOV_SS)))
		return "an NMI is injected while blocked";
	if (vmread(VMCS_LINK_POINTER) != ~0ull)
		return "the VMCS link pointer is not all ones";
	return NULL;
}

const char *vmx_check_guest_state(void)
{
	static const char *(*const checks[])(const struct state *) = {
		check_control_registers, check_segments, check_rip_and_flags, check_rest
	};
	struct state s = {
		.cr0 = vmread(GUEST_CR0),
		.cr4 = vmread(GUEST_CR4),
		.efer = vmread(GUEST_EFER),
		.rflags = vmread(GUEST_RFLAGS),
		.rip = vmread(GUEST_RIP),
		.entry = vmread(ENTRY_CTLS),
		.interruptibility = vmread(GUEST_INTERRUPTIBILITY),
		.activity = vmread(GUEST_ACTIVITY_STATE),
		.event = vmread(ENTRY_INTERRUPTION_INFO),
	};
	const char *failed = NULL;

	s.unrestricted = vmread(SECONDARY_CTLS) & PROC2_UNRESTRICTED_GUEST;
	s.ia32e = s.entry & ENTRY_IA32E;
	s.v86 = s.rflags & RFLAGS_VM;
	for (unsigned i = 0; i < ARRAY_SIZE(checks) && !failed; i++)
		failed = checks[i](&s);
	return failed;
}

void vmx_dump(void)
{
	static const char *const names[SEGMENTS] = { "ES", "CS", "SS",	 "DS",
						     "FS", "GS", "LDTR", "TR" };
	struct vcpu *v = this_cpu()->vcpu;

	if (!v)
		return;
	printk("VMCS of vCPU %u: exit reason %lx, qualification %lx, guest-physical %lx\n",
	       v->gate.id, vmread(EXIT_REASON), vmread(EXIT_QUALIFICATION),
	       vmread(GUEST_PHYSICAL_ADDRESS));
	printk("  RIP %lx RSP %lx RFLAGS %lx CR0 %lx CR3 %lx CR4 %lx EFER %lx\n", vmread(GUEST_RIP),
	       vmread(GUEST_RSP), vmread(GUEST_RFLAGS), vmread(GUEST_CR0), vmread(GUEST_CR3),
	       vmread(GUEST_CR4), vmread(GUEST_EFER));
	printk("  interruptibility %lx activity %lx entry event %lx, A %lx EPTP %lx\n",
	       vmread(GUEST_INTERRUPTIBILITY), vmread(GUEST_ACTIVITY_STATE),
	       vmread(ENTRY_INTERRUPTION_INFO), vmread(APIC_ACCESS_ADDR), vmread(EPTP));
	for (unsigned i = ES; i < SEGMENTS; i++)
		printk("  %-4s %04lx base %lx limit %lx rights %lx\n", names[i],
		       vmread(GUEST_ES_SELECTOR + 2 * i), vmread(GUEST_ES_BASE + 2 * i),
		       vmread(GUEST_ES_LIMIT + 2 * i), vmread(GUEST_ES_ACCESS_RIGHTS + 2 * i));
}
