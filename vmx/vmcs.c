/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VMCS: its host and control fields, and the guest's as after INIT. */
#include "ept/invept.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define CR0_HOST_OWNED (CR0_NE | CR0_NW | CR0_CD | CR0_ET)

static void write_host_state(struct vcpu *v)
{
	u64 gdt, idt, tss;

	desc_bases(&gdt, &idt, &tss);
	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(HOST_PAT, rdmsr(MSR_PAT));
	vmwrite(HOST_CS_SELECTOR, SEL_CODE);
	vmwrite(HOST_SS_SELECTOR, SEL_DATA);
	vmwrite(HOST_DS_SELECTOR, SEL_DATA);
	vmwrite(HOST_ES_SELECTOR, SEL_DATA);
	vmwrite(HOST_FS_SELECTOR, 0);
	vmwrite(HOST_GS_SELECTOR, 0);
	vmwrite(HOST_TR_SELECTOR, SEL_TSS);
	vmwrite(HOST_FS_BASE, (u64)this_cpu());
	vmwrite(HOST_GS_BASE, (u64)this_cpu());
	vmwrite(HOST_TR_BASE, tss);
	vmwrite(HOST_GDTR_BASE, gdt);
	vmwrite(HOST_IDTR_BASE, idt);
	vmwrite(HOST_SYSENTER_CS, 0);
	vmwrite(HOST_SYSENTER_ESP, 0);
	vmwrite(HOST_SYSENTER_EIP, 0);
	vmwrite(HOST_RSP, (u64)(&v->regs + 1));
	vmwrite(HOST_RIP, (u64)vmx_exit);
}

void vmcs_init(struct vcpu *v)
{
	v->proc_ctls = vmx_caps.proc;
	v->proc2 = apicv_controls(v);
	v->tpr_threshold = 0;
	vmwrite(PIN_BASED_CTLS, vmx_caps.pin);
	vmwrite(PROC_BASED_CTLS, v->proc_ctls);
	vmwrite(SECONDARY_CTLS, v->proc2);
	vmwrite(EXIT_CTLS, vmx_caps.exit);
	vmwrite(ENTRY_CTLS, vmx_caps.entry & ~ENTRY_IA32E);
	/* #MC is the machine's. #DB and #AC are taken so that a guest cannot keep the CPU
	 * delivering one inside the other for ever. */
	vmwrite(EXCEPTION_BITMAP, BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC));
	if (v->apicv == APICV_DELIVERY)
		delivery_init(v);
	vmwrite(PAGE_FAULT_ERROR_MASK, 0);
	vmwrite(PAGE_FAULT_ERROR_MATCH, 0);
	vmwrite(CR3_TARGET_COUNT, 0);
	vmwrite(EXIT_MSR_STORE_COUNT, 0);
	vmwrite(EXIT_MSR_LOAD_COUNT, 0);
	vmwrite(ENTRY_MSR_LOAD_COUNT, 0);
	vmwrite(ENTRY_INTERRUPTION_INFO, 0);
	vmwrite(TPR_THRESHOLD, 0);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	vmwrite(CR0_MASK, CR0_HOST_OWNED);
	vmwrite(CR4_MASK, ~vmx_guest_cr4());
	vmwrite(IO_BITMAP_A, v->guest->io_bitmaps);
	vmwrite(IO_BITMAP_B, v->guest->io_bitmaps + PAGE_SIZE);
	vmwrite(MSR_BITMAP, v->guest->msr_bitmaps);
	vmwrite(TSC_OFFSET, 0);
	vmwrite(VIRTUAL_APIC_PAGE_ADDR, (u64)v->lapic.page);
	vmwrite(EPTP, v->ept->eptp);
	if (vmx_caps.proc2 & PROC2_VPID)
		vmwrite(VPID, v->gate.id + 1);
	if (v->pml) {
		vmwrite(PML_ADDRESS, v->pml);
		vmwrite(GUEST_PML_INDEX, PML_FIRST);
	}
	/* APIC_ACCESS_ADDR is left to the gate, which loads it before the first entry. */
}

void vmcs_load(struct vcpu *v)
{
	bool failed;

	vmcs_clear(v->vmcs);
	asm volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(v->vmcs) : "memory");
	if (failed)
		panic("vmptrld: VMCS at %lx", v->vmcs);
	v->launched = false;
	this_cpu()->vcpu = v;
	write_host_state(v);
}

enum { ES, CS, SS, DS, FS, GS, LDTR, TR };

static void write_segment(unsigned index, u16 selector, u32 rights)
{
	vmwrite(GUEST_ES_SELECTOR + 2 * index, selector);
	vmwrite(GUEST_ES_BASE + 2 * index, (u64)selector << 4);
	vmwrite(GUEST_ES_LIMIT + 2 * index, 0xffff);
	vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * index, rights);
}

void vcpu_reset(struct vcpu *v, u8 vector)
{
	memset(&v->regs, 0, sizeof(v->regs));
	v->regs.rdx = 0x600; /* family 6, as RESET and INIT leave it */
	for (unsigned i = ES; i <= GS; i++)
		write_segment(i, 0, 0x93);
	write_segment(CS, vector << 8, 0x9b);
	write_segment(LDTR, 0, 0x82);
	write_segment(TR, 0, 0x8b);
	vmwrite(GUEST_GDTR_BASE, 0);
	vmwrite(GUEST_GDTR_LIMIT, 0xffff);
	vmwrite(GUEST_IDTR_BASE, 0);
	vmwrite(GUEST_IDTR_LIMIT, 0xffff);
	vmwrite(GUEST_CR0,
		(CR0_ET | (vmx_caps.cr0_fixed0 & ~(CR0_PE | CR0_PG))) & vmx_caps.cr0_fixed1);
	vmwrite(CR0_READ_SHADOW, CR0_ET | CR0_NW | CR0_CD);
	vmwrite(GUEST_CR3, 0);
	vmwrite(GUEST_CR4, vmx_caps.cr4_fixed0 | CR4_MCE);
	vmwrite(CR4_READ_SHADOW, 0);
	vmwrite(GUEST_EFER, 0);
	v->lme = false;
	vmwrite(GUEST_PAT, 0x0007040600070406);
	vmwrite(GUEST_DEBUGCTL, 0);
	vmwrite(GUEST_DR7, 0x400);
	vmwrite(GUEST_RSP, 0);
	vmwrite(GUEST_RIP, 0);
	vmwrite(GUEST_RFLAGS, RFLAGS_FIXED);
	vmwrite(GUEST_PENDING_DEBUG, 0);
	vmwrite(GUEST_INTERRUPTIBILITY, 0);
	vmwrite(GUEST_ACTIVITY_STATE, 0);
	vmwrite(GUEST_SYSENTER_CS, 0);
	vmwrite(GUEST_SYSENTER_ESP, 0);
	vmwrite(GUEST_SYSENTER_EIP, 0);
	vmwrite(ENTRY_CTLS, vmx_caps.entry & ~ENTRY_IA32E);
	vmwrite(ENTRY_INTERRUPTION_INFO, 0);
	/* Paging went off by our hand, not by an instruction of the guest's that would have dropped
	 * its mappings. */
	if (vmx_caps.proc2 & PROC2_VPID)
		invvpid(INVVPID_SINGLE, v->gate.id + 1);
}

#define FLAT_CODE32 0xc09b /* G, D, present, code, read, accessed */
#define FLAT_CODE64 0xa09b /* G, L */
#define FLAT_DATA 0xc093   /* G, B, present, data, write, accessed */

static void write_flat(unsigned index, u16 selector, u32 rights)
{
	write_segment(index, selector, rights);
	vmwrite(GUEST_ES_BASE + 2 * index, 0);
	vmwrite(GUEST_ES_LIMIT + 2 * index, 0xffffffff);
}

void vcpu_start_at(struct vcpu *v, const struct guest_start *start)
{
	bool lm = start->mode == START_LONG;

	if (start->mode == START_REAL) /* where the SIPI put it */
		return;
	for (unsigned i = ES; i <= GS; i++)
		write_flat(i, start->ds, FLAT_DATA);
	write_flat(CS, start->cs, lm ? FLAT_CODE64 : FLAT_CODE32);
	vmwrite(GUEST_GDTR_BASE, start->gdt);
	vmwrite(GUEST_GDTR_LIMIT, start->gdt_size - 1u);
	vmwrite(GUEST_CR0, vmread(GUEST_CR0) | CR0_PE | (lm ? CR0_PG : 0));
	vmwrite(CR0_READ_SHADOW, CR0_ET | CR0_PE | (lm ? CR0_PG : 0));
	if (lm) {
		vmwrite(GUEST_CR3, start->cr3);
		vmwrite(GUEST_CR4, vmread(GUEST_CR4) | CR4_PAE);
		vmwrite(CR4_READ_SHADOW, CR4_PAE);
		vmwrite(GUEST_EFER, EFER_LME | EFER_LMA);
		v->lme = true;
		vmwrite(ENTRY_CTLS, vmx_caps.entry | ENTRY_IA32E);
	}
	vmwrite(GUEST_RIP, start->rip);
	vmwrite(GUEST_RSP, start->rsp);
	v->regs.rax = start->rax;
	v->regs.rbx = start->rbx;
	v->regs.rsi = start->rsi;
}
