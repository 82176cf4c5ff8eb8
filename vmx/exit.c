/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VM exits, by one table. What is not in it stops the guest with a reason. */
#include "apic/lapic.h"
#include "mm/x86.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

static void stop(struct vcpu *v, const char *what)
{
	guest_stop(v->guest, "vCPU %u: %s at RIP %lx (exit qualification %lx)", v->gate.id, what,
		   vmread(GUEST_RIP), vmread(EXIT_QUALIFICATION));
}

/*
 * A #DB that exits changes neither DR6 nor DR7.GD, which its delivery would have set and cleared
 * (SDM, "Exit Qualification for Debug Exceptions").
 */
#define QUALIFICATION_DR6 0x600ful /* B0-B3, BD, BS */
#define DR6_B0_B3 0xful
#define DR7_GD BIT(13)

static void reflect_debug(void)
{
	u64 dr6;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	dr6 = (dr6 & ~DR6_B0_B3) | (vmread(EXIT_QUALIFICATION) & QUALIFICATION_DR6);
	asm volatile("mov %0, %%dr6" : : "r"(dr6));
	vmwrite(GUEST_DR7, vmread(GUEST_DR7) & ~DR7_GD);
	/* In the shadow of STI or MOV SS, VM entry wants a pending single step to be said twice (SDM,
	 * "Checks on Guest Non-Register State"). */
	if ((vmread(GUEST_INTERRUPTIBILITY) & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) &&
	    (vmread(GUEST_RFLAGS) & RFLAGS_TF))
		vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

void exit_block_nmis(void)
{
	if (!(vmread(IDT_VECTORING_INFO) & INTR_VALID))
		vmwrite(GUEST_INTERRUPTIBILITY,
			vmread(GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
}

static void exit_exception(struct vcpu *v)
{
	u32 info = (u32)vmread(EXIT_INTERRUPTION_INFO);
	u8 vector = info & 0xff;
	u32 before;

	if (INTR_TYPE(info) == INTR_NMI) { /* a kick; the gate does the rest */
		nmi_unblock();
		return;
	}
	if (info & INTR_NMI_UNBLOCKED)
		exit_block_nmis();
	if (vector == VECTOR_MC)
		panic("machine check while vCPU %u was in guest mode", v->gate.id);
	before = delivery_interrupted(v);
	if (before & INTR_VALID) {
		if (vector == VECTOR_DB || vector == VECTOR_AC) {
			/* The delivery starts over: it will raise the exception again. */
			vcpu_redeliver();
			return;
		}
		if (delivery_double_fault(v, before, vector))
			return;
	}
	if (vector == VECTOR_DB)
		reflect_debug();
	if (vector == VECTOR_PF)
		write_cr2(vmread(EXIT_QUALIFICATION));
	vcpu_inject_again(info);
}

static void exit_external_interrupt(struct vcpu *v)
{
	lapic_interrupt(vmread(EXIT_INTERRUPTION_INFO) & 0xff);
	if (this_cpu()->timer_due)
		vcpu_event(v);
}

static void exit_hlt(struct vcpu *v)
{
	vcpu_skip();
	vmwrite(GUEST_INTERRUPTIBILITY,
		vmread(GUEST_INTERRUPTIBILITY) & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	v->hopeless = !(vmread(GUEST_RFLAGS) & RFLAGS_IF);
	v->state = VCPU_HALTED;
	vcpu_event(v);
}

static void exit_triple_fault(struct vcpu *v)
{
	stop(v, "triple fault");
}

static void exit_task_switch(struct vcpu *v)
{
	stop(v, "task switch, which is not supported,");
}

static void exit_invd(struct vcpu *v)
{
	(void)v;
	asm volatile("wbinvd" : : : "memory"); /* INVD itself would lose what others wrote */
	vcpu_skip();
}

static void exit_gp(struct vcpu *v)
{
	(void)v;
	vcpu_inject_gp();
}

static void exit_ud(struct vcpu *v)
{
	(void)v;
	vcpu_inject_ud();
}

/* The window is open, or the TPR fell: there is something to deliver. */
static void exit_window(struct vcpu *v)
{
	vcpu_event(v);
}

static void exit_invalid_guest_state(struct vcpu *v)
{
	const char *check = vmx_check_guest_state();

	vmx_dump();
	guest_stop(v->guest, "vCPU %u: VM entry failed: invalid guest state: %s", v->gate.id,
		   check ? check : "no check of ours finds it");
}

const struct exit exits[EXIT_REASONS] = {
	[EXIT_EXCEPTION] = { exit_exception, "exception-or-nmi" },
	[EXIT_EXTERNAL_INTERRUPT] = { exit_external_interrupt, "external-interrupt" },
	[EXIT_TRIPLE_FAULT] = { exit_triple_fault, "triple-fault" },
	[EXIT_INTERRUPT_WINDOW] = { exit_window, "interrupt-window" },
	[EXIT_NMI_WINDOW] = { exit_window, "nmi-window" },
	[EXIT_TASK_SWITCH] = { exit_task_switch, "task-switch" },
	[EXIT_CPUID] = { exit_cpuid, "cpuid" },
	[EXIT_GETSEC] = { exit_ud, "getsec" },
	[EXIT_HLT] = { exit_hlt, "hlt" },
	[EXIT_INVD] = { exit_invd, "invd" },
	[EXIT_RDPMC] = { exit_gp, "rdpmc" },
	[EXIT_VMCALL] = { exit_hypercall, "vmcall" },
	[EXIT_VMCLEAR] = { exit_ud, "vmclear" },
	[EXIT_VMCLEAR + 1] = { exit_ud, "vmlaunch" },
	[EXIT_VMCLEAR + 2] = { exit_ud, "vmptrld" },
	[EXIT_VMCLEAR + 3] = { exit_ud, "vmptrst" },
	[EXIT_VMCLEAR + 4] = { exit_ud, "vmread" },
	[EXIT_VMCLEAR + 5] = { exit_ud, "vmresume" },
	[EXIT_VMCLEAR + 6] = { exit_ud, "vmwrite" },
	[EXIT_VMCLEAR + 7] = { exit_ud, "vmxoff" },
	[EXIT_VMCLEAR + 8] = { exit_ud, "vmxon" },
	[EXIT_CR_ACCESS] = { exit_cr, "cr-access" },
	[EXIT_IO] = { exit_io, "io" },
	[EXIT_RDMSR] = { exit_rdmsr, "rdmsr" },
	[EXIT_WRMSR] = { exit_wrmsr, "wrmsr" },
	[EXIT_MWAIT] = { exit_ud, "mwait" },
	[EXIT_MONITOR] = { exit_ud, "monitor" },
	[EXIT_TPR_BELOW_THRESHOLD] = { exit_window, "tpr-below-threshold" },
	[EXIT_APIC_ACCESS] = { exit_apic_access, "apic-access" },
	[EXIT_VIRTUALIZED_EOI] = { exit_virtualized_eoi, "virtualized-eoi" },
	[EXIT_EPT_VIOLATION] = { exit_ept_violation, "ept-violation" },
	[EXIT_EPT_MISCONFIGURATION] = { exit_ept_misconfiguration, "ept-misconfiguration" },
	[EXIT_INVEPT] = { exit_ud, "invept" },
	[EXIT_INVVPID] = { exit_ud, "invvpid" },
	[EXIT_XSETBV] = { exit_xsetbv, "xsetbv" },
	[EXIT_APIC_WRITE] = { exit_apic_write, "apic-write" },
	[EXIT_VMFUNC] = { exit_ud, "vmfunc" },
	[EXIT_PML_FULL] = { exit_pml_full, "pml-full" },
};

void exit_unknown(struct vcpu *v, u32 reason)
{
	if (reason == (EXIT_INVALID_GUEST_STATE | EXIT_REASON_ENTRY_FAILED))
		exit_invalid_guest_state(v);
	else if (reason == (EXIT_MACHINE_CHECK | EXIT_REASON_ENTRY_FAILED))
		panic("machine check during VM entry");
	else
		guest_stop(v->guest,
			   "vCPU %u: unhandled exit reason %x at RIP %lx (exit qualification %lx)",
			   v->gate.id, reason, vmread(GUEST_RIP), vmread(EXIT_QUALIFICATION));
}
