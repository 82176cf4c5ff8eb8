/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The empty PCI bus: its host bridge is found where it is, and nothing else.
 * links: vmx/pc/pci.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vmx/pc/pci.h"

static u32 config(u32 address)
{
	struct pci p = { .address = address };
	u32 value = 0;

	for (unsigned i = 0; i < 4; i++)
		value |= (u32)pci_data(&p, i) << 8 * i;
	return value;
}

static void bridge(void **state)
{
	(void)state;
	assert_int_equal(config(0x80000000), 0x12378086);
	assert_int_equal(config(0x80000004), 0);
	assert_int_equal(config(0x80000008) >> 16, 0x0600);
	for (u32 reg = 12; reg < 256; reg += 4)
		assert_int_equal(config(0x80000000 | reg), 0);
}

static void nothing_else(void **state)
{
	(void)state;
	assert_int_equal(config(0), ~0u); /* not enabled */
	for (u32 device = 1; device < 0x10000; device++)
		assert_int_equal(config(0x80000000 | device << 8), ~0u);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bridge),
					    cmocka_unit_test(nothing_else) };

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
