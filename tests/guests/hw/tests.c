/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hw.elf's tests. */
#include "tests/guests/hw/hw.h"

const struct test tests[] = {
	{ "lapic", test_lapic, false },	  { "timer", test_timer, false },
	{ "ipi", test_ipi, false },	  { "x2apic", test_x2apic, false },
	{ "ioapic", test_ioapic, false }, { "pic", test_pic, false },
	{ "pit", test_pit, false },	  { "rtc", test_rtc, false },
	{ "uart", test_uart, false },	  { "acpi", test_acpi, false },
	{ "forms", test_forms, false },	  { "misc", test_misc, false },
};
const u32 ntests = ARRAY_SIZE(tests);
