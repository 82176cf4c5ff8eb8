/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMX on this CPU: what it offers, switching it on, and the current VMCS. */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include "vmx/vcpu.h"

/* What the capability MSRs say of this machine's controls: the values to write, with what is
 * required and what is used if there. */
struct vmx_caps {
	u32 revision;
	u32 pin, proc, proc2, exit, entry;
	u64 ept_vpid; /* IA32_VMX_EPT_VPID_CAP */
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u8 physical_bits; /* of an address, as CPUID has it; cpuid_init() fills it in */
	bool string_info; /* exits by INS and OUTS say more of the instruction */
};
extern struct vmx_caps vmx_caps;

/* Reads the capabilities. 0, or -ENOSYS with what is missing in ERR. Needs CPUID.1:ECX.VMX. */
int vmx_probe(char *err, size_t err_size);

/* The bits of CR4 that are a guest's own: features that CPUID offers it, and that the CPU has. */
u64 vmx_guest_cr4(void);

/*
 * VMXON on this CPU, all cached mappings dropped after it (SDM: they may be left from an earlier
 * use of VMX). IA32_FEATURE_CONTROL is set and locked when it is unlocked. 0, or -EIO when it is
 * locked off, or -ENOMEM.
 */
int vmx_on(void);

/* All cached mappings dropped, VMXOFF. */
void vmx_off(void);

/* A VMCS frame with the revision, cleared: its physical address, or 0. */
u64 vmcs_alloc(void);
void vmcs_clear(u64 vmcs);

/* Makes V's VMCS current here and writes its host state, which is this CPU's. */
void vmcs_load(struct vcpu *v);

/* Writes the control fields of the current VMCS, V's: before V runs for the first time. */
void vmcs_init(struct vcpu *v);

/* Names what keeps the guest state in the current VMCS from being entered, by the checks of SDM,
 * "Checks on the Guest State Area", or NULL when none of those is it. */
const char *vmx_check_guest_state(void);

/* Words for the VM-instruction error. */
const char *vmx_instruction_error(u32 error);

/* Prints the current VMCS's guest state, if there is a current VMCS. */
void vmx_dump(void);

/*
 * vmx/state.c: what VMX does not switch. load gives the CPU a clean set for V, put takes V's away,
 * init sets of it what INIT sets: CR2 and the debug registers. Before put, save keeps V's in V, and
 * restore gives it to the CPU on which V goes on.
 */
void state_load(struct vcpu *v);
void state_init(void);
void state_put(struct vcpu *v);
void state_save(struct vcpu *v);
void state_restore(struct vcpu *v);

/*
 * vmx/cpuid.c: the CPUID leaves that guests see, from the CPU's own. Once, before the first guest.
 */
void cpuid_init(void);
u64 cpuid_xcr0_allowed(void);

/* vmx/msr.c: fills two pages with the MSR bitmaps that guests have: one that lets none of the APIC's
 * registers through, and one for vCPUs in x2APIC mode that have the processor serve them by APICV. */
void msr_bitmaps_init(u8 *bitmaps, enum apicv apicv);

/* vmx/entry.asm */
void vmx_run(struct vcpu *v);
void vmx_exit(void);

#endif
