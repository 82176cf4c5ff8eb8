/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state guest: model-specific registers, CPUID, modes, single-stepping, and what is not there
 * for a guest. */
#include "tests/guests/state.h"

void op_spin(void), op_cpuid(void), op_apic_read(void), op_port(void), op_hlt(void);
u64 step_over_cpuid(void);
struct mode_result {
	u32 mode32, mode16, apic, unused;
};
void leave_long_mode(struct mode_result *r);

static u64 window_directory[512] __attribute__((aligned(PAGE_SIZE)));
static u64 window_tables[MAX_CPUS][512] __attribute__((aligned(PAGE_SIZE)));
static volatile u64 step_rip[MAX_CPUS];
extern u64 pdpt[];

void do_read(void *address)
{
	asm volatile("mov (%0), %%al" : : "r"(address) : "rax", "memory");
}

void do_write(void *address)
{
	asm volatile("movq $1, (%0); nop" : : "r"(address) : "memory");
}

void do_rdmsr(void *msr)
{
	rdmsr((u64)msr);
}

void do_wrmsr(void *msr_write)
{
	struct msr_write *w = msr_write;

	wrmsr(w->msr, w->value);
}

volatile u64 *window_entry(struct vcpu *v)
{
	return &window_tables[v->id][0];
}

/* #DB by TF: notes where it struck, and goes on without TF. A breakpoint's #DB is rt_try()'s. */
static void on_debug(struct vcpu *v, struct frame *f)
{
	step_rip[v->id] = f->rip;
	f->rflags &= ~RFLAGS_TF;
	rt_catch(v, f);
}

void state_setup(void)
{
	for (u32 i = 0; i < MAX_CPUS; i++)
		window_directory[i] = (u64)window_tables[i] | 3;
	pdpt[1] = (u64)window_directory | 3;
	rt_on(VECTOR_DB, on_debug);
}

/* Registers that keep what is written to them. The values differ from vCPU to vCPU; all are
 * canonical and allowed. */
static const struct {
	u32 msr;
	u64 value;
} kept_msrs[] = {
	{ MSR_FS_BASE, 0x00007000000f5000 },
	{ MSR_GS_BASE, 0xffff800000065000 },
	{ MSR_KERNEL_GS_BASE, 0x123456789000 },
	{ MSR_STAR, 0x0013000800000000 },
	{ MSR_LSTAR, 0xffffffff80001000 },
	{ MSR_CSTAR, 0xffffffff80002000 },
	{ MSR_FMASK, 0x47700 },
	{ MSR_SYSENTER_CS, 0x10 },
	{ MSR_SYSENTER_ESP, 0x55000 },
	{ MSR_SYSENTER_EIP, 0x56000 },
	{ MSR_PAT, 0x0606040600070406 },
};

void state_msrs(struct vcpu *v)
{
	u64 before[ARRAY_SIZE(kept_msrs)], word = rt_random(v), value;

	for (u32 i = 0; i < ARRAY_SIZE(kept_msrs); i++) {
		before[i] = rdmsr(kept_msrs[i].msr);
		/* PAT's entries 0 and 3 stay as they were: they are in use. */
		wrmsr(kept_msrs[i].msr, kept_msrs[i].msr == MSR_PAT ? kept_msrs[i].value
								    : kept_msrs[i].value + v->id);
	}
	op_spin();
	op_cpuid();
	op_hlt();
	for (u32 i = 0; i < ARRAY_SIZE(kept_msrs); i++)
		check(v, CHECK_MSR + i, rdmsr(kept_msrs[i].msr),
		      kept_msrs[i].msr == MSR_PAT ? kept_msrs[i].value
						  : kept_msrs[i].value + v->id);

	asm volatile("swapgs" : : : "memory");
	op_cpuid();
	check(v, CHECK_SWAPGS, rdmsr(MSR_GS_BASE), 0x123456789000 + v->id);
	asm volatile("swapgs" : : : "memory");
	wrmsr(MSR_FS_BASE, (u64)&word);
	op_cpuid();
	asm volatile("mov %%fs:0, %0" : "=r"(value) : : "memory");
	check(v, CHECK_FS_READ, value, word);
	for (u32 i = 0; i < ARRAY_SIZE(kept_msrs); i++)
		wrmsr(kept_msrs[i].msr, before[i]);
}

static void refused(struct vcpu *v, u32 number, u32 msr, u64 value)
{
	struct msr_write w = { msr, value };

	check(v, number, rt_try(do_wrmsr, &w, v), VECTOR_GP);
}

static void do_vmxon(void *address)
{
	asm volatile("vmxon (%0)" : : "r"(address) : "memory", "cc");
}

static void do_vmptrld(void *address)
{
	asm volatile("vmptrld (%0)" : : "r"(address) : "memory", "cc");
}

static void do_invept(void *address)
{
	asm volatile("invept (%0), %1" : : "r"(address), "r"(2ull) : "memory", "cc");
}

static void do_getsec(void *unused)
{
	(void)unused;
	asm volatile("getsec" : : "a"(0) : "rbx", "rcx", "memory");
}

static void not_there(struct vcpu *v)
{
	u64 operand[2] = { 0x9000, 0 };

	check(v, CHECK_VMXON, rt_try(do_vmxon, operand, v), VECTOR_UD);
	check(v, CHECK_VMPTRLD, rt_try(do_vmptrld, operand, v), VECTOR_UD);
	check(v, CHECK_INVEPT, rt_try(do_invept, operand, v), VECTOR_UD);
	check(v, CHECK_GETSEC, rt_try(do_getsec, NULL, v), VECTOR_UD);
	check(v, CHECK_MSR_UNKNOWN, rt_try(do_rdmsr, (void *)0x1fff, v), VECTOR_GP);
	check(v, CHECK_MSR_UNKNOWN_HIGH, rt_try(do_rdmsr, (void *)0xc0001fff, v), VECTOR_GP);
	check(v, CHECK_MSR_VMX_BASIC, rt_try(do_rdmsr, (void *)MSR_VMX_BASIC, v), VECTOR_GP);
	refused(v, CHECK_MSR_UNKNOWN_WRITE, 0x1fff, 0);
	refused(v, CHECK_PAT_RESERVED, MSR_PAT, 0x0006040600070402);
	refused(v, CHECK_EFER_RESERVED, MSR_EFER, rdmsr(MSR_EFER) | BIT(1));
	refused(v, CHECK_EFER_LME, MSR_EFER, rdmsr(MSR_EFER) & ~EFER_LME);
	refused(v, CHECK_CANONICAL, MSR_FS_BASE, 0x8000000000000000);
}

static void check_cpuid(struct vcpu *v)
{
	struct cpuid one = cpuid(1, 0), leaf = cpuid(0x40000000, 0);
	u64 cr4 = read_cr4();

	check(v, CHECK_CPUID_VMX, one.ecx & BIT(5), 0);
	check(v, CHECK_CPUID_X2APIC, one.ecx & BIT(21), BIT(21));
	check(v, CHECK_CPUID_DEADLINE, one.ecx & BIT(24), BIT(24));
	check_true(v, CHECK_CPUID_HYPERVISOR, one.ecx & BIT(31));
	check_true(v, CHECK_CPUID_LEAF, leaf.eax >= 0x40000000 && leaf.eax < 0x40010000);
	check_true(v, CHECK_CPUID_SIGNATURE, leaf.ebx && leaf.ecx);
	check(v, CHECK_CPUID_ID, one.ebx >> 24, v->id);
	if (one.ecx & BIT(26)) {
		write_cr4(cr4 & ~CR4_OSXSAVE);
		check(v, CHECK_CPUID_OSXSAVE_OFF, cpuid(1, 0).ecx & BIT(27), 0);
		write_cr4(cr4 | CR4_OSXSAVE);
		check(v, CHECK_CPUID_OSXSAVE_ON, cpuid(1, 0).ecx & BIT(27), BIT(27));
		write_cr4(cr4);
	}
}

static void modes(struct vcpu *v)
{
	static struct mode_result results[MAX_CPUS];
	struct mode_result *r = &results[v->id];

	irq_disable();
	leave_long_mode(r);
	check(v, CHECK_MODE_32, r->mode32 & (CR0_PG | CR0_PE), CR0_PE);
	check(v, CHECK_MODE_32_APIC, r->apic, APIC_LVR_VALUE);
	check(v, CHECK_MODE_16, r->mode16 & (CR0_PG | CR0_PE), 0);
	check(v, CHECK_MODE_BACK, rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA), EFER_LME | EFER_LMA);
	irq_enable();
}

void state_cpu(struct vcpu *v)
{
	u64 tsc = rdtsc(), due;

	op_hlt();
	check_true(v, CHECK_TSC_FORWARD, rdtsc() > tsc);
	not_there(v);
	check_cpuid(v);
	irq_disable();
	due = step_over_cpuid();
	irq_enable();
	/* A processor leaves no trap pending over the exit, so it may come one NOP late (docs/3-vmx.md). */
	check(v, CHECK_STEP_OVER_CPUID, step_rip[v->id] - due <= 1, true);
	modes(v);
}
