/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of exits and its handlers. A handler runs with the vCPU OUTSIDE and its VMCS current. */
#ifndef VMX_EXIT_H
#define VMX_EXIT_H

#include "vmx/vcpu.h"

struct exit {
	void (*handle)(struct vcpu *v); /* NULL: the guest stops */
	const char *name;
};

extern const struct exit exits[EXIT_REASONS];

/* An exit that the table has no handler for, or a failed entry. Stops the guest with the reason. */
void exit_unknown(struct vcpu *v, u32 reason);

/* IRET had unblocked NMIs before it faulted; it runs again and must find them blocked. */
void exit_block_nmis(void);

void exit_apic_access(struct vcpu *v);
void exit_apic_write(struct vcpu *v);
void exit_virtualized_eoi(struct vcpu *v);
void exit_cpuid(struct vcpu *v);
void exit_cr(struct vcpu *v);
void exit_ept_misconfiguration(struct vcpu *v);
void exit_ept_violation(struct vcpu *v);
void exit_hypercall(struct vcpu *v);
void exit_io(struct vcpu *v);
void exit_pml_full(struct vcpu *v);
void exit_rdmsr(struct vcpu *v);
void exit_wrmsr(struct vcpu *v);
void exit_xsetbv(struct vcpu *v);

#endif
