/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the shipped files call of the rest of the hypervisor. Their headers are not included: here
 * only the names matter.
 */
#include <stdio.h>
#include <stdlib.h>

/* Happens, and has no part in the ordering argument. */
#define NOTHING(name)                                                                              \
	void name(void);                                                                           \
	void name(void)                                                                            \
	{                                                                                          \
	}
NOTHING(apic_page_leaves)
NOTHING(frame_note)
NOTHING(gate_let_through)
NOTHING(lru_add)
NOTHING(lru_init)
NOTHING(lru_mark)
NOTHING(nmi_unblock)
NOTHING(pml_drain)
NOTHING(vcpu_redeliver)
NOTHING(vcpu_turned_back)

/* Nothing that is explored leads there. */
#define NEVER(name)                                                                                \
	void name(void);                                                                           \
	void name(void)                                                                            \
	{                                                                                          \
		fputs("explore: shipped code has called " #name "\n", stderr);                     \
		abort();                                                                           \
	}
NEVER(delivery_double_fault)
NEVER(delivery_interrupted)
NEVER(exit_apic_write)
NEVER(exit_cr)
NEVER(exit_virtualized_eoi)
NEVER(exit_wrmsr)
NEVER(exit_xsetbv)
NEVER(code_text)
NEVER(lapic_interrupt)
NEVER(mmio_access)
NEVER(mmio_find)
NEVER(mtrr_init)
NEVER(print_later)
NEVER(printk)
NEVER(reclaim_direct)
NEVER(state_init)
NEVER(state_load)
NEVER(state_put)
NEVER(state_restore)
NEVER(state_save)
NEVER(vcpu_got_on)
NEVER(vcpu_inject_again)
NEVER(vcpu_inject_exception)
NEVER(vcpu_look_again)
NEVER(vcpu_reset)
NEVER(vcpu_start_at)
NEVER(vlapic_reset)
NEVER(vlapic_resume)
NEVER(vlapic_suspend)
NEVER(vlapic_timer)
NEVER(vlapic_virtual_wire)
NEVER(vmcs_alloc)
NEVER(vmcs_clear)
NEVER(vmcs_init)
NEVER(vmcs_load)
NEVER(vmx_check_guest_state)
NEVER(vmx_dump)
NEVER(vmx_instruction_error)
NEVER(vmx_run)
