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
enum { READS = 0, WRITES = 0x800 };

static void let_through(u8 *bitmap, unsigned part, u32 msr)
{
	u32 n = msr & 0x1fff;

	bitmap[part + (msr < 0x2000 ? 0 : 0x400) + n / 8] &= ~(1 << n % 8);
}

static void init_bitmap(u8 *bitmap)
{
	memset(bitmap, 0xff, PAGE_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
		/* Without RDTSCP there may be no TSC_AUX; let the access exit. */
		if (own[i] == MSR_TSC_AUX && !(vmx_caps.proc2 & PROC2_RDTSCP))
			continue;
		let_through(bitmap, READS, own[i]);
		let_through(bitmap, WRITES, own[i]);
	}
	let_through(bitmap, READS, MSR_TSC);
}

/*
 * In x2APIC mode the processor gives what lies in the virtual-APIC page, whatever the register, and
 * 64 bits of it (SDM, "Virtualizing RDMSR"; "Virtualizing WRMSR"). So these are the registers that
 * can be read and lie there as the guest is to see them: not PPR, unless the processor keeps it, not
 * the ICR, whose high half lies where xAPIC mode has it, and not the timer's current count.
 */
static const struct {
	u16 first, last; /* offsets of registers */
	u8 apicv;	 /* from this one on */
	u16 part;
} served[] = {
	{ APIC_ID, APIC_LVR, APICV_X2APIC, READS },
	{ APIC_TPR, APIC_TPR, APICV_X2APIC, READS },
	{ APIC_LDR, APIC_LDR, APICV_X2APIC, READS },
	{ APIC_SVR, APIC_ESR, APICV_X2APIC, READS },
	{ APIC_LVT_TIMER, APIC_TIMER_INITIAL, APICV_X2APIC, READS },
	{ APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE, APICV_X2APIC, READS },
	{ APIC_TPR, APIC_TPR, APICV_X2APIC, WRITES },
	{ APIC_PPR, APIC_PPR, APICV_DELIVERY, READS },
	{ APIC_EOI, APIC_EOI, APICV_DELIVERY, WRITES },
	{ APIC_SELF_IPI, APIC_SELF_IPI, APICV_DELIVERY, WRITES },
};

void msr_bitmaps_init(u8 *bitmaps, enum apicv apicv)
{
	u8 *x2apic = bitmaps + PAGE_SIZE;

	init_bitmap(bitmaps);
	init_bitmap(x2apic);
	for (unsigned i = 0; i < ARRAY_SIZE(served); i++)
		for (u32 reg = served[i].first; apicv >= served[i].apicv && reg <= served[i].last;
		     reg += 16)
			let_through(x2apic, served[i].part, MSR_X2APIC + reg / 16);
}

void exit_rdmsr(struct vcpu *v)
{
	u64 value;

	switch ((u32)v->regs.rcx) {
	case MSR_APIC_BASE:
	case MSR_TSC_DEADLINE:
	case MSR_X2APIC ... MSR_X2APIC + 0xff:
		if (vlapic_rdmsr(&v->lapic, (u32)v->regs.rcx, &value)) {
			vcpu_inject_gp();
			return;
		}
		break;
	case MSR_EFER:
		value = vmread(GUEST_EFER);
		break;
	case MSR_PAT:
		value = vmread(GUEST_PAT);
		break;
	case MSR_TSC_ADJUST:
		value = v->lapic.tsc_offset;
		break;
	case MSR_FEATURE_CONTROL:
		value = FEATURE_CONTROL_LOCK; /* VMX locked off */
		break;
	case MSR_PLATFORM_ID: /* which microcode is for it: Xen looks */
	case MSR_BIOS_SIGN_ID:
	case MSR_DEBUGCTL:
		value = 0;
		break;
	case MSR_MISC_ENABLE:
		value = BIT(0); /* fast strings */
		break;
	default:
		if (!mtrr_has((u32)v->regs.rcx)) {
			vcpu_inject_gp();
			return;
		}
		value = mtrr_read(&v->mtrr, (u32)v->regs.rcx);
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

static bool write_efer(struct vcpu *v, u64 value)
{
	u64 old = vmread(GUEST_EFER);
	bool lma = old & EFER_LMA;

	if (value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))
		return false;
	/* LME cannot change while paging is on (SDM, WRMSR); LMA is read-only. */
	if ((vmread(GUEST_CR0) & CR0_PG) && ((value ^ old) & EFER_LME))
		return false;
	vmwrite(GUEST_EFER, (value & ~EFER_LMA) | (lma ? EFER_LMA : 0));
	v->lme = value & EFER_LME;
	return true;
}

static bool write_apic(struct vcpu *v, u32 msr, u64 value)
{
	int changed = vlapic_wrmsr(&v->lapic, msr, value);

	if (changed < 0)
		return false;
	if (msr == MSR_APIC_BASE)
		vcpu_apic_mode(v);
	if (changed)
		vcpu_event(v);
	return true;
}

/*
 * What a write adds to the TSC it adds to IA32_TSC_ADJUST, and the other way round (SDM, "Time-Stamp
 * Counter Adjustment"); both begin as on the host, at nothing added. So the offset is that MSR.
 */
static void write_tsc_adjust(struct vcpu *v, u64 value)
{
	vmwrite(TSC_OFFSET, value);
	vlapic_set_tsc_offset(&v->lapic, value);
	vcpu_event(v);
}

void exit_wrmsr(struct vcpu *v)
{
	u64 value = v->regs.rdx << 32 | (u32)v->regs.rax;
	bool ok = true;

	switch ((u32)v->regs.rcx) {
	case MSR_APIC_BASE:
	case MSR_TSC_DEADLINE:
	case MSR_X2APIC ... MSR_X2APIC + 0xff:
		ok = write_apic(v, (u32)v->regs.rcx, value);
		break;
	case MSR_TSC:
		write_tsc_adjust(v, value - rdtsc());
		break;
	case MSR_TSC_ADJUST:
		write_tsc_adjust(v, value);
		break;
	case MSR_EFER:
		ok = write_efer(v, value);
		break;
	case MSR_PAT:
		ok = pat_valid(value);
		if (ok)
			vmwrite(GUEST_PAT, value);
		break;
	case MSR_BIOS_SIGN_ID:
		break;
	case MSR_DEBUGCTL:
		ok = value == 0;
		break;
	default:
		ok = mtrr_write(&v->mtrr, (u32)v->regs.rcx, value, vmx_caps.physical_bits);
	}
	if (ok)
		vcpu_skip();
	else
		vcpu_inject_gp();
}
