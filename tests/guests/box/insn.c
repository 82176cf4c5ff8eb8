/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that a kernel, a program, or neither may execute: what each raises at CPL 0 and at CPL
 * 3, where IOPL is 0. */
#include "tests/guests/box/box.h"

enum { UD = VECTOR_UD, GP = VECTOR_GP, BP = VECTOR_BP, RUNS = 0xfe, UNTRIED = 0xff };

/* A feature that makes an instruction known: leaf, register, bit. */
enum { ALWAYS, MONITOR, INVPCID, RDTSCP, RDRAND, RDSEED, SMAP };

static bool has(u32 feature)
{
	switch (feature) {
	case MONITOR:
		return cpuid(1, 0).ecx & BIT(3);
	case RDRAND:
		return cpuid(1, 0).ecx & BIT(30);
	case INVPCID:
		return cpuid(7, 0).ebx & BIT(10);
	case RDSEED:
		return cpuid(7, 0).ebx & BIT(18);
	case SMAP:
		return cpuid(7, 0).ebx & BIT(20);
	case RDTSCP:
		return cpuid(0x80000001, 0).edx & BIT(27);
	}
	return true;
}

struct insn {
	const char *name;
	u8 cpl0, cpl3;
	u8 feature; /* #UD without */
	bool odd;   /* QEMU's own emulation has something else */
	u8 size;
	const char *code;
};

#define INSN(name, cpl0, cpl3, code)                                                               \
	{                                                                                          \
		name, cpl0, cpl3, ALWAYS, false, sizeof(code) - 1, code                            \
	}
#define IF(feature, name, cpl0, cpl3, code)                                                        \
	{                                                                                          \
		name, cpl0, cpl3, feature, false, sizeof(code) - 1, code                           \
	}
#define ODD(name, cpl0, cpl3, code)                                                                \
	{                                                                                          \
		name, cpl0, cpl3, ALWAYS, true, sizeof(code) - 1, code                             \
	}

static const struct insn insns[] = {
	/* Virtualization: another vendor's, and Intel's, with memory operands on the stack. */
	INSN("VMCALL", UD, UD, "\x0f\x01\xc1"),
	INSN("VMLAUNCH", UD, UD, "\x0f\x01\xc2"),
	INSN("VMRESUME", UD, UD, "\x0f\x01\xc3"),
	INSN("VMXOFF", UD, UD, "\x0f\x01\xc4"),
	INSN("VMFUNC", UD, UD, "\x31\xc0\x31\xc9\x0f\x01\xd4"),
	INSN("VMXON", UD, UD, "\xf3\x0f\xc7\x34\x24"),
	INSN("VMPTRLD", UD, UD, "\x0f\xc7\x34\x24"),
	INSN("VMPTRST", UD, UD, "\x0f\xc7\x3c\x24"),
	INSN("VMCLEAR", UD, UD, "\x66\x0f\xc7\x34\x24"),
	INSN("VMREAD", UD, UD, "\x0f\x78\xc0"),
	INSN("VMWRITE", UD, UD, "\x0f\x79\xc0"),
	INSN("INVEPT", UD, UD, "\x66\x0f\x38\x80\x04\x24"),
	INSN("INVVPID", UD, UD, "\x66\x0f\x38\x81\x04\x24"),
	INSN("VMRUN", UD, UD, "\x0f\x01\xd8"),
	INSN("VMMCALL", UD, UD, "\x0f\x01\xd9"),
	INSN("VMLOAD", UD, UD, "\x0f\x01\xda"),
	INSN("VMSAVE", UD, UD, "\x0f\x01\xdb"),
	INSN("STGI", UD, UD, "\x0f\x01\xdc"),
	INSN("CLGI", UD, UD, "\x0f\x01\xdd"),
	INSN("SKINIT", UD, UD, "\x0f\x01\xde"),
	INSN("INVLPGA", UD, UD, "\x0f\x01\xdf"),
	INSN("GETSEC", UD, UD, "\x31\xc0\x0f\x37"),
	INSN("RSM", UD, UD, "\x0f\xaa"),
	INSN("ENCLS", UD, UD, "\x31\xc0\x0f\x01\xcf"),
	INSN("PCONFIG", UD, UD, "\x31\xc0\x0f\x01\xc5"),
	INSN("XSAVES", UD, UD, "\x0f\xc7\x2c\x24"),
	INSN("WRPKRU", UD, UD, "\x31\xc0\x31\xc9\x31\xd2\x0f\x01\xef"),
	ODD("XSETBV without OSXSAVE", UD, UD, "\x31\xc9\x31\xd2\x31\xc0\xff\xc0\x0f\x01\xd1"),
	INSN("XGETBV without OSXSAVE", UD, UD, "\x31\xc9\x0f\x01\xd0"),

	/* By what CPUID says. */
	IF(MONITOR, "MONITOR", UNTRIED, UD, "\x48\x89\xe0\x31\xc9\x31\xd2\x0f\x01\xc8"),
	IF(MONITOR, "MWAIT", UNTRIED, UD, "\x31\xc0\x31\xc9\x0f\x01\xc9"),
	IF(INVPCID, "INVPCID type 0", RUNS, GP,
	   "\x6a\x00\x6a\x00\x31\xc0\x66\x0f\x38\x82\x04\x24\x48\x83\xc4\x10"),
	IF(INVPCID, "INVPCID type 2", RUNS, GP,
	   "\x6a\x00\x6a\x00\x6a\x02\x58\x66\x0f\x38\x82\x04\x24\x48\x83\xc4\x10"),
	IF(INVPCID, "INVPCID type 4", GP, GP, "\x6a\x04\x58\x66\x0f\x38\x82\x04\x24"),
	IF(RDTSCP, "RDTSCP", RUNS, RUNS, "\x0f\x01\xf9"),
	IF(RDRAND, "RDRAND", RUNS, RUNS, "\x0f\xc7\xf0"),
	IF(RDSEED, "RDSEED", RUNS, RUNS, "\x0f\xc7\xf8"),
	IF(SMAP, "CLAC", RUNS, UD, "\x0f\x01\xca"),
	INSN("RDTSC", RUNS, RUNS, "\x0f\x31"),
	INSN("CPUID", RUNS, RUNS, "\x53\x31\xc0\x0f\xa2\x5b"),

	/* A kernel's. */
	ODD("RDPMC", GP, GP, "\x31\xc9\x0f\x33"),
	INSN("INVD", RUNS, GP, "\x0f\x08"),
	INSN("WBINVD", RUNS, GP, "\x0f\x09"),
	INSN("CLTS", RUNS, GP, "\x0f\x06"),
	INSN("LMSW", RUNS, GP, "\x0f\x01\xe0\x0f\x01\xf0"),
	INSN("INVLPG", RUNS, GP, "\x0f\x01\x3c\x24"),
	INSN("SWAPGS", RUNS, GP, "\x0f\x01\xf8\x0f\x01\xf8"),
	INSN("HLT", UNTRIED, GP, "\xf4"),
	INSN("CLI", RUNS, GP, "\xfa"),
	INSN("STI", UNTRIED, GP, "\xfb"),
	INSN("IN imm8", RUNS, GP, "\xe4\x80"),
	INSN("OUT imm8", RUNS, GP, "\xe6\x80"),
	INSN("IN DX", RUNS, GP, "\xba\x30\x12\x00\x00\xed"),
	INSN("OUT DX", RUNS, GP, "\xba\x30\x12\x00\x00\xef"),
	INSN("INS", RUNS, GP, "\x48\x8d\x7c\x24\xc0\xba\x30\x12\x00\x00\x6c"),
	INSN("OUTS", RUNS, GP, "\x48\x89\xe6\xba\x30\x12\x00\x00\x6e"),
	INSN("REP OUTS of nothing", RUNS, GP, "\x31\xc9\x31\xf6\xba\x30\x12\x00\x00\xf3\x6e"),
	INSN("LGDT", UNTRIED, GP, "\x0f\x01\x14\x24"),
	INSN("LIDT", UNTRIED, GP, "\x0f\x01\x1c\x24"),
	INSN("LLDT of nothing", RUNS, GP, "\x31\xc0\x0f\x00\xd0"),
	ODD("LTR of nothing", GP, GP, "\x31\xc0\x0f\x00\xd8"),
	INSN("MOV from CR0", RUNS, GP, "\x0f\x20\xc0"),
	INSN("MOV to CR0", RUNS, GP, "\x0f\x20\xc0\x0f\x22\xc0"),
	INSN("MOV from CR3", RUNS, GP, "\x0f\x20\xd8"),
	INSN("MOV to CR3", RUNS, GP, "\x0f\x20\xd8\x0f\x22\xd8"),
	INSN("MOV from CR4", RUNS, GP, "\x0f\x20\xe0"),
	INSN("MOV to CR4", RUNS, GP, "\x0f\x20\xe0\x0f\x22\xe0"),
	INSN("MOV from CR8", RUNS, GP, "\x44\x0f\x20\xc0"),
	INSN("MOV to CR8", RUNS, GP, "\x31\xc0\x44\x0f\x22\xc0"),
	INSN("MOV from CR1", UD, UNTRIED, "\x0f\x20\xc8"),
	INSN("MOV from CR5", UD, UNTRIED, "\x0f\x20\xe8"),
	INSN("MOV from CR15", UD, UNTRIED, "\x44\x0f\x20\xf8"),
	INSN("MOV from DR0", RUNS, GP, "\x0f\x21\xc0"),
	INSN("MOV to DR7", RUNS, GP, "\x0f\x21\xf8\x0f\x23\xf8"),
	INSN("RDMSR", RUNS, GP, "\xb9\x77\x02\x00\x00\x0f\x32"),
	INSN("WRMSR", RUNS, GP, "\xb9\x77\x02\x00\x00\x0f\x32\x0f\x30"),
	ODD("SYSENTER without a target", GP, GP, "\x0f\x34"),
	ODD("SYSEXIT without a target", GP, GP, "\x0f\x35"),
	INSN("SYSCALL without SCE", UD, UD, "\x0f\x05"),
	INSN("SYSRET without SCE", UD, UD, "\x0f\x07"),
	INSN("INT 2", UNTRIED, GP, "\xcd\x02"),
	INSN("INT 18", VECTOR_MC, GP, "\xcd\x12"),
	INSN("INT 3", BP, BP, "\xcd\x03"),

	/* Nobody's. */
	INSN("UD0", UD, UD, "\x0f\xff\xc0"),
	INSN("UD1", UD, UD, "\x0f\xb9\xc0"),
	INSN("UD2", UD, UD, "\x0f\x0b"),
	INSN("INTO", UD, UD, "\xce"),
	INSN("PUSH ES", UD, UD, "\x06"),
	INSN("LOCK NOP", UD, UD, "\xf0\x90"),
	INSN("15 prefixes", GP, GP,
	     "\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x90"),
};

static void try(const struct insn *i, u32 cpl, u8 wanted)
{
	u32 got;

	if (wanted == UNTRIED)
		return;
	if (!has(i->feature))
		wanted = UD;
	if ((i->odd || (wanted == UD && i->feature)) && is_tcg()) {
		skip("it has something else", "%s at CPL %u", i->name, cpl);
		return;
	}
	got = cpl ? run_user(i->code, i->size, 0) : run_kernel(i->code, i->size);
	is(got, wanted == RUNS ? NO_FAULT : wanted, "%s at CPL %u", i->name, cpl);
}

/* Of ports the processor looks in the TSS first, then exits; of memory after that. */
static void with_iopl_3(void)
{
	static const char cli[] = "\xfa", in[] = "\xe4\x80",
			  outs[] = "\xbe\x00\x00\x10\x00\xba\x30\x12\x00\x00\x6e", /* from 1 MB */
		ins[] = "\xbf\x00\x00\x10\x00\xba\x30\x12\x00\x00\x6c";
	const u64 iopl = 3 << 12;

	is(run_user(cli, sizeof(cli) - 1, iopl), NO_FAULT, "CLI at CPL 3 with IOPL 3");
	is(run_user(in, sizeof(in) - 1, iopl), NO_FAULT, "IN at CPL 3 with IOPL 3");
	is(run_user(outs, sizeof(outs) - 1, iopl), VECTOR_PF, "OUTS of the kernel's memory");
	is(caught.error, 5, "its error code: present, user");
	is(this_vcpu()->fault.cr2, 0x100000, "its CR2");
	is(run_user(ins, sizeof(ins) - 1, iopl), VECTOR_PF, "INS into the kernel's memory");
	is(caught.error, 7, "its error code: present, write, user");
}

static void time_stamp_off(void)
{
	static const char tsc[] = "\x0f\x31", tscp[] = "\x0f\x01\xf9";
	u64 cr4 = read_cr4();

	write_cr4(cr4 | CR4_TSD);
	is(run_user(tsc, sizeof(tsc) - 1, 0), GP, "RDTSC at CPL 3 with TSD");
	is(run_user(tscp, sizeof(tscp) - 1, 0), has(RDTSCP) ? GP : UD, "RDTSCP at CPL 3 with TSD");
	is(run_kernel(tsc, sizeof(tsc) - 1), NO_FAULT, "RDTSC at CPL 0 with TSD");
	write_cr4(cr4);
}

void test_instructions(void)
{
	box_init();
	for (u32 i = 0; i < ARRAY_SIZE(insns); i++) {
		try(&insns[i], 0, insns[i].cpl0);
		try(&insns[i], 3, insns[i].cpl3);
	}
	with_iopl_3();
	time_stamp_off();
}
