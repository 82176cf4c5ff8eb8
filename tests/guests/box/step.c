/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single steps over instructions that exit, and #AC, which exits as #DB does. */
#include "tests/guests/box/box.h"

/* Behind POPF the instruction, then NOPs. The #DB is to come behind the instruction. By the SDM an
 * exit like a fault leaves no single step pending, and Interlock does not make up for that
 * (docs/3-vmx.md): the trap may come one instruction late. */
#define STEP "\x9c\x81\x0c\x24\x00\x01\x00\x00\x9d" /* pushfq; or dword [rsp], TF; popfq */
#define NOPS "\x90\x90\x90"

static const struct {
	const char *name;
	bool exits;
	u8 size, insn;
	const char *code;
} steps[] = {
#define ONE(name, exits, before, insn)                                                             \
	{                                                                                          \
		name, exits, sizeof(before STEP insn NOPS) - 1, sizeof(before STEP insn) - 1,      \
			before STEP insn NOPS                                                      \
	}
	ONE("NOP", false, "", "\x90"),
	ONE("CPUID", true, "\x53\x31\xc0", "\x0f\xa2"),
	ONE("IN", true, "", "\xe4\x80"),
	ONE("OUT", true, "", "\xe6\x80"),
	ONE("RDMSR", true, "\xb9\x77\x02\x00\x00", "\x0f\x32"),
	ONE("MOV from CR8", false, "", "\x44\x0f\x20\xc0"),
	ONE("RDTSC", false, "", "\x0f\x31"),
};

void test_steps(void)
{
	box_init();
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		u32 vector = run_kernel(steps[i].code, steps[i].size);
		u64 at = caught.rip - (u64)kernel_code;

		is(vector, VECTOR_DB, "a single step over %s: #DB", steps[i].name);
		if (steps[i].exits && at == steps[i].insn + 1u)
			skip("one instruction late", "behind %s", steps[i].name);
		else
			is(at, steps[i].insn, "behind %s", steps[i].name);
	}
}

/* #AC exits, and is given back. */
void test_alignment(void)
{
	static const char unaligned[] = "\x48\x83\xe4\xf0\x8b\x44\x24\x01"; /* mov eax, [rsp + 1] */

	box_init();
	if (tcg_lacks("it has no #AC", "#AC at CPL 3", "none without EFLAGS.AC"))
		return;
	write_cr0(read_cr0() | CR0_AM);
	is(run_user(unaligned, sizeof(unaligned) - 1, RFLAGS_AC), VECTOR_AC, "#AC at CPL 3");
	is(run_user(unaligned, sizeof(unaligned) - 1, 0), NO_FAULT, "none without EFLAGS.AC");
	write_cr0(read_cr0() & ~CR0_AM);
}
