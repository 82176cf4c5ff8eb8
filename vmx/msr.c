/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSRs. The bitmap lets the guest at those that are its own: what the VMCS switches (FS and GS
 * base, SYSENTER, PAT, EFER) and the SYSCALL set, which the host does not use. All others exit;
 * what is not known raises #GP, as it does on a processor without it.
 */
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

static const u32 own[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR,		MSR_LSTAR,	  MSR_CSTAR,
	MSR_FMASK,   MSR_TSC_AUX, MSR_SYSENTER_CS,    MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

/* SDM, "MSR-Bitmap Address": reads of 0..1fffh, reads of c0000000h.., writes of each; a 0 lets the
 * access through. */
void msr_bitmap_init(u8 *bitmap)
{
	memset(bitmap, 0xff, PAGE_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
		u32 base = own[i] < 0x2000 ? 0 : 0x400;
		u32 n = own[i] & 0x1fff;

		/* Without RDTSCP there may be no TSC_AUX; let the access exit. */
		if (own[i] == MSR_TSC_AUX && !(vmx_caps.proc2 & PROC2_RDTSCP))
			continue;
		bitmap[base + n / 8] &= ~(1 << n % 8);
		bitmap[0x800 + base + n / 8] &= ~(1 << n % 8);
	}
	bitmap[MSR_TSC / 8] &= ~(1 << MSR_TSC % 8); /* reads only */
}

static u64 apic_base(const struct vcpu *v)
{
	return APIC_ACCESS_GPA | APIC_BASE_ENABLE | (v->gate.id == 0 ? APIC_BASE_BSP : 0);
}

void exit_rdmsr(struct vcpu *v)
{
	u64 value;

	switch ((u32)v->regs.rcx) {
	case MSR_APIC_BASE:
		value = apic_base(v);
		break;
	case MSR_EFER:
		value = vmread(GUEST_EFER);
		break;
	case MSR_PAT:
		value = vmread(GUEST_PAT);
		break;
	case MSR_FEATURE_CONTROL:
		value = FEATURE_CONTROL_LOCK; /* VMX locked off */
		break;
	case MSR_BIOS_SIGN_ID:
	case MSR_DEBUGCTL:
		value = 0;
		break;
	case MSR_MISC_ENABLE:
		value = BIT(0); /* fast strings */
		break;
	default:
		vcpu_inject_gp();
		return;
	}
	v->regs.rax = (u32)value;
	v->regs.rdx = value >> 32;
	vcpu_skip();
}

static bool pat_valid(u64 pat)
{
	for (unsigned i = 0; i < 8; i++) {
		u8 type = pat >> 8 * i & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool write_efer(u64 value)
{
	u64 old = vmread(GUEST_EFER);
	bool lma = old & EFER_LMA;

	if (value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))
		return false;
	/* LME cannot change while paging is on (SDM, WRMSR); LMA is read-only. */
	if ((vmread(GUEST_CR0) & CR0_PG) && ((value ^ old) & EFER_LME))
		return false;
	vmwrite(GUEST_EFER, (value & ~EFER_LMA) | (lma ? EFER_LMA : 0));
	return true;
}

void exit_wrmsr(struct vcpu *v)
{
	u64 value = v->regs.rdx << 32 | (u32)v->regs.rax;
	bool ok;

	switch ((u32)v->regs.rcx) {
	case MSR_APIC_BASE: /* it cannot be moved, disabled, or put into x2APIC mode */
		ok = value == apic_base(v);
		break;
	case MSR_EFER:
		ok = write_efer(value);
		break;
	case MSR_PAT:
		ok = pat_valid(value);
		if (ok)
			vmwrite(GUEST_PAT, value);
		break;
	case MSR_BIOS_SIGN_ID:
		ok = true;
		break;
	case MSR_DEBUGCTL:
		ok = value == 0;
		break;
	default:
		ok = false;
	}
	if (ok)
		vcpu_skip();
	else
		vcpu_inject_gp();
}
