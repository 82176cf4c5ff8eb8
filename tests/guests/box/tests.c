/* SPDX-License-Identifier: GPL-2.0-or-later */
/* box.elf's tests. Those that end the guest are named one by one. */
#include "tests/guests/box/box.h"

const struct test tests[] = {
	{ "cpuid", test_cpuid, false },
	{ "instructions", test_instructions, false },
	{ "registers", test_registers, false },
	{ "msrs", test_msrs, false },
	{ "ports", test_ports, false },
	{ "memory", test_memory, false },
	{ "strings", test_strings, false },
	{ "nmi", test_nmi, false },
	{ "storms", test_storms, false },
	{ "steps", test_steps, false },
	{ "alignment", test_alignment, false },
	{ "end-walk", end_walk, true },
	{ "end-walk-apic", end_walk_apic, true },
	{ "end-cr3", end_cr3, true },
	{ "end-stack", end_stack, true },
	{ "end-code", end_code, true },
	{ "end-code-apic", end_code_apic, true },
	{ "end-idt", end_idt, true },
	{ "end-idt-apic", end_idt_apic, true },
	{ "end-gdt", end_gdt, true },
	{ "end-delivery", end_delivery, true },
	{ "end-delivery-apic", end_delivery_apic, true },
	{ "end-triple", end_triple, true },
	{ "end-task", end_task, true },
	{ "end-sse", end_sse, true },
	{ "end-debug", end_debug, true },
};
const u32 ntests = ARRAY_SIZE(tests);
_Static_assert(ARRAY_SIZE(tests) <= 32, "a mask of them is a word");
