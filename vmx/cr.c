/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes to CR0 and CR4 that touch a bit of the host's, and XSETBV. In CR0 those are NE (VMX fixes
 * it), CD and NW (the caches are the machine's); in CR4 MCE, VMXE and whatever CPUID does not offer.
 * The guest reads back what it wrote, from the shadows.
 */
#include "ept/invept.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define CR0_KNOWN                                                                                  \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)
#define CR4_PAGING (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP)
#define RIGHTS_DPL(rights) ((rights) >> 5 & 3)
#define RIGHTS_L BIT(13)

/* The guest changed paging by an exit instead of an instruction; what the instruction would have
 * dropped must go. */
static void drop_linear(struct vcpu *v)
{
	if (vmx_caps.proc2 & PROC2_VPID)
		invvpid(INVVPID_SINGLE, v->gate.id + 1);
}

/* PAE paging without long mode: the processor takes the PDPTEs from the VMCS (SDM, "Loading
 * Page-Directory-Pointer-Table Entries"). */
static int load_pdptes(struct vcpu *v)
{
	u64 pdpte[4];
	int err = guest_read(v, vmread(GUEST_CR3) & 0xffffffe0, pdpte, sizeof(pdpte));

	if (err)
		return err;
	for (unsigned i = 0; i < 4; i++) /* all or none */
		if ((pdpte[i] & 1) && (pdpte[i] & 0x1e6))
			return -EINVAL;
	for (unsigned i = 0; i < 4; i++)
		vmwrite(GUEST_PDPTE0 + 2 * i, pdpte[i]);
	return 0;
}

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

/* SDM, "Mode Switching" and the #GP conditions of MOV to CR0. */
static bool write_cr0_guest(struct vcpu *v, u64 value)
{
	u64 old = vmread(GUEST_CR0);
	u64 cr4 = vmread(GUEST_CR4);
	u64 efer = vmread(GUEST_EFER);
	u64 changed;

	if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) ||
	    ((value & CR0_NW) && !(value & CR0_CD)))
		return false;
	value &= CR0_KNOWN;
	/* SDM, "PDPTE Registers": a change of any of these loads them. */
	changed = (value ^ old) & CR0_PG;
	changed |= (value ^ vmread(CR0_READ_SHADOW)) & (CR0_CD | CR0_NW);
	if ((value & CR0_PG) && !(old & CR0_PG) && (efer & EFER_LME)) {
		if (!(cr4 & CR4_PAE) || (vmread(GUEST_CS_ACCESS_RIGHTS) & RIGHTS_L))
			return false;
		efer |= EFER_LMA;
	} else if (!(value & CR0_PG) && (old & CR0_PG)) {
		if ((efer & EFER_LMA) && (vmread(GUEST_CS_ACCESS_RIGHTS) & RIGHTS_L))
			return false;
		efer &= ~EFER_LMA;
	}
	if (pae_paging(value, cr4, efer) && changed && load_pdptes(v))
		return false;
	if (efer != vmread(GUEST_EFER)) {
		vmwrite(GUEST_EFER, efer);
		vmwrite(ENTRY_CTLS,
			(vmx_caps.entry & ~ENTRY_IA32E) | (efer & EFER_LMA ? ENTRY_IA32E : 0));
	}
	vmwrite(GUEST_CR0, (value & ~(CR0_NW | CR0_CD)) | CR0_NE | CR0_ET);
	vmwrite(CR0_READ_SHADOW, value | CR0_ET);
	if ((value ^ old) & (CR0_PG | CR0_WP))
		drop_linear(v);
	return true;
}

/* Bits that are not the guest's are refused, but MCE, which only the shadow keeps. */
static bool write_cr4_guest(struct vcpu *v, u64 value)
{
	u64 changed = value ^ vmread(GUEST_CR4);
	u64 efer = vmread(GUEST_EFER);

	if ((value & ~(vmx_guest_cr4() | CR4_MCE)) || ((efer & EFER_LMA) && !(value & CR4_PAE)))
		return false;
	if (pae_paging(vmread(GUEST_CR0), value, efer) && (changed & CR4_PAGING) && load_pdptes(v))
		return false;
	vmwrite(GUEST_CR4, value | CR4_MCE | vmx_caps.cr4_fixed0);
	vmwrite(CR4_READ_SHADOW, value);
	if (changed & CR4_PAGING)
		drop_linear(v);
	return true;
}

/*
 * SDM, "Exit Qualification for Control-Register Accesses". Only MOV to CR0 and CR4 can exit: the
 * masks have no bit that CLTS or LMSW touch, and accesses to CR3 and CR8 do not exit.
 */
void exit_cr(struct vcpu *v)
{
	u64 q = vmread(EXIT_QUALIFICATION);
	unsigned cr = q & 15, access = q >> 4 & 3, gpr = q >> 8 & 15;
	u64 value = gpr == 4 ? vmread(GUEST_RSP) : *vcpu_reg(v, gpr);
	bool ok = false;

	if (!(vmread(GUEST_CS_ACCESS_RIGHTS) & RIGHTS_L))
		value = (u32)value;
	if (access == 0 && cr == 0)
		ok = write_cr0_guest(v, value);
	else if (access == 0 && cr == 4)
		ok = write_cr4_guest(v, value);
	if (ok)
		vcpu_skip();
	else
		vcpu_inject_gp();
}

/* SDM, XSETBV. By the SDM a fault for the privilege level comes before the exit, but Bochs 2.7 exits at
 * any; KVM looks at it, too. */
void exit_xsetbv(struct vcpu *v)
{
	u64 value = v->regs.rdx << 32 | (u32)v->regs.rax;

	if (RIGHTS_DPL(vmread(GUEST_SS_ACCESS_RIGHTS)) || (u32)v->regs.rcx != 0 || !(value & 1) ||
	    (value & ~cpuid_xcr0_allowed()) || ((value & 4) && !(value & 2))) {
		vcpu_inject_gp();
		return;
	}
	v->xcr0 = value;
	xsetbv(0, value);
	vcpu_skip();
}
