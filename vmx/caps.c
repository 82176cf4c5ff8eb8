/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the processor's VMX offers, and switching it on. */
#include "ept/invept.h"
#include "mm/frame.h"
#include "vmx/vmx.h"

struct vmx_caps vmx_caps;

enum { PIN, PROC, PROC2, EXIT, ENTRY, CTLS };

/* The controls that Interlock sets where it can. A required one that is missing ends the start. */
static const struct {
	u8 ctls;
	bool required;
	u64 bit;
	const char *name;
} controls[] = {
	{ PIN, true, PIN_EXTERNAL_INTERRUPT, "external-interrupt exiting" },
	{ PIN, true, PIN_NMI, "NMI exiting" },
	{ PIN, true, PIN_VIRTUAL_NMIS, "virtual NMIs" },
	{ PROC, true, PROC_TSC_OFFSETTING, "use TSC offsetting" },
	{ PROC, true, PROC_HLT, "HLT exiting" },
	{ PROC, true, PROC_MWAIT, "MWAIT exiting" },
	{ PROC, true, PROC_RDPMC, "RDPMC exiting" },
	{ PROC, true, PROC_TPR_SHADOW, "use TPR shadow" },
	{ PROC, true, PROC_IO_BITMAPS, "use I/O bitmaps" },
	{ PROC, true, PROC_MSR_BITMAPS, "use MSR bitmaps" },
	{ PROC, true, PROC_MONITOR, "MONITOR exiting" },
	{ PROC, true, PROC_SECONDARY, "activate secondary controls" },
	{ PROC2, true, PROC2_VIRTUALIZE_APIC_ACCESSES, "virtualize APIC accesses" },
	{ PROC2, true, PROC2_EPT, "enable EPT" },
	{ PROC2, false, PROC2_RDTSCP, "enable RDTSCP" },
	{ PROC2, false, PROC2_VPID, "enable VPID" },
	{ PROC2, true, PROC2_UNRESTRICTED_GUEST, "unrestricted guest" },
	{ PROC2, false, PROC2_APIC_REGISTER_VIRTUALIZATION, "APIC-register virtualization" },
	{ PROC2, false, PROC2_VIRTUALIZE_X2APIC_MODE, "virtualize x2APIC mode" },
	{ PROC2, false, PROC2_VIRTUAL_INTERRUPT_DELIVERY, "virtual-interrupt delivery" },
	{ PROC2, false, PROC2_INVPCID, "enable INVPCID" },
	{ PROC2, false, PROC2_PML, "enable PML" },
	{ EXIT, true, EXIT_SAVE_DEBUG, "save debug controls" },
	{ EXIT, true, EXIT_HOST_64, "host address-space size" },
	{ EXIT, true, EXIT_ACKNOWLEDGE_INTERRUPT, "acknowledge interrupt on exit" },
	{ EXIT, true, EXIT_SAVE_PAT, "save IA32_PAT" },
	{ EXIT, true, EXIT_LOAD_PAT, "load IA32_PAT on exit" },
	{ EXIT, true, EXIT_SAVE_EFER, "save IA32_EFER" },
	{ EXIT, true, EXIT_LOAD_EFER, "load IA32_EFER on exit" },
	{ ENTRY, true, ENTRY_LOAD_DEBUG, "load debug controls" },
	{ ENTRY, true, ENTRY_LOAD_PAT, "load IA32_PAT on entry" },
	{ ENTRY, true, ENTRY_LOAD_EFER, "load IA32_EFER on entry" },
};

static const struct {
	u64 bit;
	const char *name;
} ept_required[] = {
	{ EPT_CAP_WALK_4, "4-level EPT" },
	{ EPT_CAP_WB, "write-back EPT structures" },
	{ EPT_CAP_INVEPT, "INVEPT" },
	{ EPT_CAP_INVEPT_SINGLE, "single-context INVEPT" },
	{ EPT_CAP_INVEPT_ALL, "all-context INVEPT" },
};

/* SDM, "Reserved Controls and Default Settings": bit 55 of IA32_VMX_BASIC says whether the TRUE
 * MSRs, which allow more zeros, exist. */
static u64 ctls_msr(unsigned ctls, bool true_msrs)
{
	static const u32 msrs[2][CTLS] = {
		{ MSR_VMX_PINBASED_CTLS, MSR_VMX_PROCBASED_CTLS, MSR_VMX_PROCBASED_CTLS2,
		  MSR_VMX_EXIT_CTLS, MSR_VMX_ENTRY_CTLS },
		{ MSR_VMX_TRUE_PINBASED_CTLS, MSR_VMX_TRUE_PROCBASED_CTLS, MSR_VMX_PROCBASED_CTLS2,
		  MSR_VMX_TRUE_EXIT_CTLS, MSR_VMX_TRUE_ENTRY_CTLS },
	};

	return rdmsr(msrs[true_msrs][ctls]);
}

static u64 read_ept_vpid_cap(void)
{
	u64 cap = rdmsr(MSR_VMX_EPT_VPID_CAP);

	/* INVVPID is of use only with both types that are used. */
	if (!(cap & EPT_CAP_INVVPID) || !(cap & EPT_CAP_INVVPID_SINGLE) ||
	    !(cap & EPT_CAP_INVVPID_ALL))
		vmx_caps.proc2 &= ~PROC2_VPID;
	/* What is logged is that a dirty flag was set. */
	if (!(cap & EPT_CAP_AD))
		vmx_caps.proc2 &= ~PROC2_PML;
	return cap;
}

int vmx_probe(char *err, size_t err_size)
{
	u64 basic = rdmsr(MSR_VMX_BASIC);
	u32 *ctls[CTLS] = { &vmx_caps.pin, &vmx_caps.proc, &vmx_caps.proc2, &vmx_caps.exit,
			    &vmx_caps.entry };
	u64 msr[CTLS];

	for (unsigned i = 0; i < CTLS; i++) {
		/* The secondary controls' MSR exists only where the primary ones allow them. */
		if (i == PROC2 && !(msr[PROC] >> 32 & PROC_SECONDARY)) {
			format(err, err_size,
			       "this CPU's VMX lacks secondary processor-based controls, so EPT");
			return -ENOSYS;
		}
		msr[i] = ctls_msr(i, basic & BIT(55));
		*ctls[i] = (u32)msr[i]; /* bits that must be 1 */
	}
	for (unsigned i = 0; i < ARRAY_SIZE(controls); i++) {
		if (msr[controls[i].ctls] >> 32 & controls[i].bit) {
			*ctls[controls[i].ctls] |= controls[i].bit;
		} else if (controls[i].required) {
			format(err, err_size, "this CPU's VMX lacks \"%s\", which Interlock needs",
			       controls[i].name);
			return -ENOSYS;
		} else {
			printk("vmx: without \"%s\"\n", controls[i].name);
		}
	}
	if (vmx_caps.proc & (PROC_CR3_LOAD | PROC_CR3_STORE)) {
		format(err, err_size,
		       "this CPU's VMX exits on every CR3 access, which Interlock does not handle");
		return -ENOSYS;
	}
	vmx_caps.ept_vpid = read_ept_vpid_cap();
	for (unsigned i = 0; i < ARRAY_SIZE(ept_required); i++) {
		if (!(vmx_caps.ept_vpid & ept_required[i].bit)) {
			format(err, err_size, "this CPU's VMX lacks %s, which Interlock needs",
			       ept_required[i].name);
			return -ENOSYS;
		}
	}
	vmx_caps.revision = basic & 0x7fffffff;
	vmx_caps.string_info = basic & BIT(54);
	vmx_caps.cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	vmx_caps.cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	vmx_caps.cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	vmx_caps.cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	printk("vmx: revision %x, controls pin %x proc %x/%x exit %x entry %x, EPT/VPID %lx\n",
	       vmx_caps.revision, vmx_caps.pin, vmx_caps.proc, vmx_caps.proc2, vmx_caps.exit,
	       vmx_caps.entry, vmx_caps.ept_vpid);
	return 0;
}

u64 vmx_guest_cr4(void)
{
	return vmx_caps.cr4_fixed1 &
	       (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_OSFXSR |
		CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP);
}

u64 vmcs_alloc(void)
{
	u64 pfn = frame_alloc(OWNER_HOST);

	if (!pfn)
		return 0;
	*(u32 *)frame_ptr(pfn) = vmx_caps.revision;
	return pfn << PAGE_SHIFT;
}

void vmcs_clear(u64 vmcs)
{
	bool failed;

	asm volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
	if (failed)
		panic("vmclear: VMCS at %lx", vmcs);
}

static void invalidate_all(void)
{
	invept(INVEPT_ALL, 0);
	if (vmx_caps.proc2 & PROC2_VPID)
		invvpid(INVVPID_ALL, 0);
}

static u64 vmxon_region[MAX_CPUS];

int vmx_on(void)
{
	u64 *region = &vmxon_region[this_cpu()->index];
	u64 feature = rdmsr(MSR_FEATURE_CONTROL);
	bool failed;

	if (!(feature & FEATURE_CONTROL_LOCK)) {
		feature |= FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
		wrmsr(MSR_FEATURE_CONTROL, feature);
	}
	if (!(feature & FEATURE_CONTROL_VMX_OUTSIDE_SMX))
		return -EIO;
	if (!*region)
		*region = vmcs_alloc();
	if (!*region)
		return -ENOMEM;
	write_cr0((read_cr0() | vmx_caps.cr0_fixed0) & vmx_caps.cr0_fixed1);
	write_cr4((read_cr4() | vmx_caps.cr4_fixed0) & vmx_caps.cr4_fixed1);
	asm volatile("vmxon %1" : "=@ccbe"(failed) : "m"(*region) : "memory");
	if (failed)
		panic("vmxon: region at %lx", *region);
	invalidate_all();
	return 0;
}

void vmx_off(void)
{
	invalidate_all();
	asm volatile("vmxoff" : : : "cc", "memory");
	write_cr4(read_cr4() & ~CR4_VMXE);
}
