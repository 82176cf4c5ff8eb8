/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rogue guest: MSRs, ports, and instructions that a hypervisor may have to answer for. */
#include "tests/guests/rogue.h"

static void read_msr(void *msr)
{
	rdmsr((u64)msr);
}

static void write_msr(void *arg)
{
	u64 *what = arg;

	wrmsr(what[0], what[1]);
}

/* What it reads it writes back; to what it cannot read it writes ones. TSC and TSC_ADJUST would set
 * the clock back. */
static void one_msr(struct vcpu *v, u32 msr, bool write)
{
	u64 what[2] = { msr, ~0ull };

	if (rogue_allowed(v, 18, read_msr, (void *)what[0]))
		what[1] = rdmsr(msr);
	if (write && msr != MSR_TSC && msr != MSR_TSC_ADJUST)
		rogue_allowed(v, 18, write_msr, what);
}

void rogue_msrs(struct vcpu *v, u32 variant)
{
	u64 base[2] = { MSR_APIC_BASE, 0 };

	if (variant == 2) {
		base[1] = 0xfed00000 | APIC_BASE_ENABLE | APIC_BASE_BSP;
		rogue_expect(v, 18, rt_try(write_msr, base, v), 13);
		base[1] = APIC_BASE_GPA | APIC_BASE_X2APIC | APIC_BASE_BSP;
		rogue_expect(v, 18, rt_try(write_msr, base, v), 13);
		base[1] = APIC_BASE_GPA | APIC_BASE_ENABLE | APIC_BASE_BSP | BIT(9);
		rogue_expect(v, 18, rt_try(write_msr, base, v), 13);
		return;
	}
	/* A part of them in each round: all of them take long. */
	for (u32 i = 0, msr = v->rounds * 0x200 & 0x1fff; i < 0x200; i++, msr++) {
		one_msr(v, msr, variant == 1);
		one_msr(v, 0xc0000000 + msr, variant == 1);
	}
	one_msr(v, 0x2000 + (rt_random(v) >> 40), variant == 1);
	one_msr(v, 0x40000000 + (rt_random(v) >> 56), variant == 1);
	one_msr(v, rt_random(v) >> 32 | 0x80000000, variant == 1);
}

static u64 unmapped_count;

static void outs_unmapped(void *at)
{
	unmapped_count = 7;
	asm volatile("rep outsb" : "+S"(at), "+c"(unmapped_count) : "d"(0x80) : "memory");
}

static void ins_unmapped(void *at)
{
	unmapped_count = 7;
	asm volatile("rep insb" : "+D"(at), "+c"(unmapped_count) : "d"(0x60) : "memory");
}

/* Over a page boundary, in pages that move meanwhile; then where nothing is mapped. */
static void string_io(struct vcpu *v, u32 variant)
{
	static u8 pages[3 * PAGE_SIZE];
	u32 *word = (u32 *)(pages + 1);
	u64 at = (u64)word, count = 2 * PAGE_SIZE / 4;

	for (u32 i = 0; i < count; i++)
		word[i] = i;
	if (variant == 1)
		asm volatile("rep outsl" : "+S"(at), "+c"(count) : "d"(0x80) : "memory");
	else
		asm volatile("rep insl" : "+D"(at), "+c"(count) : "d"(0x80) : "memory");
	rogue_expect(v, 19, count, 0);
	rogue_expect(v, 19, at, (u64)word + 2 * PAGE_SIZE);
	for (u32 i = 0; i < 2 * PAGE_SIZE / 4; i++)
		rogue_expect(v, 19, word[i], variant == 1 ? i : ~0u);
	rogue_expect(v, 19, word[2 * PAGE_SIZE / 4], 0);
	rogue_expect(v, 19,
		     rt_try(variant == 1 ? outs_unmapped : ins_unmapped, (void *)0x7fff00000000, v),
		     14);
	rogue_expect(v, 19, v->fault.error, variant == 1 ? 0 : 2);
	rogue_expect(v, 19, read_cr2(), 0x7fff00000000);
}

/* An access of up to four bytes at PORT comes to one that ends the machine (vmx/pc/pm.h): 8042, PM1a
 * control, reset control, isa-debug-exit. */
static bool ends_machine(u32 port)
{
	static const u16 ends[] = { 0x64, 0xf4, 0x604, 0x605, 0xcf9 };

	for (u32 i = 0; i < ARRAY_SIZE(ends); i++)
		if (((ends[i] - port) & 0xffff) < 4)
			return true;
	return false;
}

void rogue_ports(struct vcpu *v, u32 variant)
{
	if (variant)
		string_io(v, variant);
	for (u32 i = 0, port = v->rounds * 0x400 & 0xffff; i < 0x400; i++, port++) {
		u32 dword;
		u16 word;

		asm volatile("inl %w1, %0" : "=a"(dword) : "d"(port));
		asm volatile("inw %w1, %0" : "=a"(word) : "d"(port));
		inb(port);
		if (ends_machine(port))
			continue;
		outb(port, 0xfe);
		outw(port, 0xfefe);
		asm volatile("outl %0, %w1" : : "a"(0xfefefefe), "d"(port));
		v->checks++;
	}
}

/* Each a function for rt_try(), with every register that the instruction looks at 0. */
#define TRY(name, text)                                                                            \
	static void name(void *page)                                                               \
	{                                                                                          \
		asm volatile(text                                                                  \
			     :                                                                     \
			     : "a"(0), "c"(0), "d"(0), "D"(page)                                   \
			     : "rbx", "rsi", "memory", "cc");                                      \
	}
TRY(do_invd, "invd")
TRY(do_wbinvd, "wbinvd")
TRY(do_rdpmc, "push %%rax; push %%rdx; rdpmc; pop %%rdx; pop %%rax")
TRY(do_getsec, "getsec")
TRY(do_monitor, "mov %%rdi, %%rax; monitor; xor %%eax, %%eax")
TRY(do_rsm, "rsm")
TRY(do_vmfunc, "vmfunc")
TRY(do_vmlaunch, "vmlaunch")
TRY(do_vmresume, "vmresume")
TRY(do_vmxoff, "vmxoff")
TRY(do_vmclear, "vmclear (%%rdi)")
TRY(do_vmptrst, "vmptrst (%%rdi)")
TRY(do_vmread, "vmread %%rax, %%rbx")
TRY(do_vmwrite, "vmwrite %%rax, %%rbx")
TRY(do_invvpid, "invvpid (%%rdi), %%rax")
TRY(do_invpcid, "invpcid (%%rdi), %%rax")
TRY(do_encls, ".byte 0x0f, 0x01, 0xcf")
TRY(do_pconfig, ".byte 0x0f, 0x01, 0xc5")
TRY(do_xsaves, "xsaves (%%rdi)")
TRY(do_clflush, "mov $0xfee00000, %%esi; clflush (%%rsi)")
TRY(do_prefetch, "mov $0xfee00000, %%esi; prefetcht0 (%%rsi)")
TRY(do_rdtscp, "push %%rax; push %%rdx; rdtscp; pop %%rdx; pop %%rax; xor %%ecx, %%ecx")
TRY(do_rdrand, "rdrand %%rbx")
TRY(do_sysenter, "sysenter") /* with SYSENTER_CS 0: #GP */
TRY(do_vmcall_prefix, "lock; .byte 0x0f, 0x01, 0xc1")

/* The timer ends a wait that the hypervisor lets through. */
TRY(do_mwait, "mwait")

void rogue_instructions(struct vcpu *v, u32 variant)
{
	static u8 page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	static void (*const all[])(void *) = {
		do_invd,	  do_wbinvd,   do_rdpmc,    do_getsec,	do_monitor, do_rsm,
		do_vmfunc,	  do_vmlaunch, do_vmresume, do_vmxoff,	do_vmclear, do_vmptrst,
		do_vmread,	  do_vmwrite,  do_invvpid,  do_invpcid, do_encls,   do_pconfig,
		do_xsaves,	  do_clflush,  do_prefetch, do_rdtscp,	do_rdrand,  do_sysenter,
		do_vmcall_prefix, do_mwait,
	};

	if (variant == 1) { /* whether these exit at the APIC page is up to the processor */
		do_prefetch(page);
		do_clflush(page);
	}
	wrmsr(MSR_SYSENTER_CS, 0);
	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		rogue_allowed(v, 2000 + i, all[i], page);
}
