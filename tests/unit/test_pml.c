/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page-modification log: what the processor wrote to it arrives in the guest's dirty log, once.
 * links: vmx/pml.c tests/unit/fake.c mm/frame.c
 */
#include <string.h>

#include "mm/frame.h"
#include "tests/unit/fake.h"
#include "vmx/vcpu.h"

#define PAGES 4096

static struct backing backing;
static struct ept ept = { .backing = &backing };
static struct vcpu vcpu = { .ept = &ept };
static u64 log_page[PML_ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static unsigned logged[PAGES], total;

void backing_log_dirty(struct backing *b, u64 gfn)
{
	assert_ptr_equal(b, &backing);
	assert_in_range(gfn, 0, PAGES - 1);
	logged[gfn]++;
	total++;
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	fake_random_start();
	memset(logged, 0, sizeof(logged));
	memset(log_page, 0xee, sizeof(log_page)); /* gfns that no guest has */
	total = 0;
	vcpu.pml = (u64)log_page;
	vcpu.pml_entries = 0;
	fake_vmcs[GUEST_PML_INDEX] = PML_FIRST;
	return 0;
}

/* SDM, "Page-Modification Logging". False: an exit, since the log is full. */
static bool processor_writes(u64 gfn)
{
	u16 index = (u16)fake_vmcs[GUEST_PML_INDEX];

	if (index >= PML_ENTRIES)
		return false;
	log_page[index] = gfn << PAGE_SHIFT;
	fake_vmcs[GUEST_PML_INDEX] = (u16)(index - 1);
	return true;
}

static void nothing_logged(void **state)
{
	(void)state;
	pml_drain(&vcpu);
	assert_int_equal(total, 0);
	assert_int_equal(fake_vmwrites[GUEST_PML_INDEX], 0);
	vcpu.pml = 0; /* a CPU without it: the field may not even exist */
	fake_vmcs[GUEST_PML_INDEX] = 0;
	pml_drain(&vcpu);
	assert_int_equal(total, 0);
	assert_int_equal(fake_vmwrites[GUEST_PML_INDEX], 0);
}

/* Each number of entries from one to all; the last leaves the index at -1. */
static void some_logged(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= PML_ENTRIES; n++) {
		setup(state);
		for (unsigned i = 0; i < n; i++)
			assert_true(processor_writes(i * 3));
		assert_int_equal(processor_writes(0), n < PML_ENTRIES);
		if (n < PML_ENTRIES)
			fake_vmcs[GUEST_PML_INDEX]++;
		pml_drain(&vcpu);
		assert_int_equal(total, n);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(logged[i * 3], 1);
		assert_int_equal(vcpu.pml_entries, n);
		assert_int_equal(fake_vmcs[GUEST_PML_INDEX], PML_FIRST);
		pml_drain(&vcpu);
		assert_int_equal(total, n);
	}
}

static void random_writes(void **state)
{
	static unsigned written[PAGES];
	u64 writes = 0;

	(void)state;
	memset(written, 0, sizeof(written));
	for (fake_step = 0; fake_step < 200000; fake_step++) {
		u64 gfn = fake_random() % PAGES;

		if (fake_random() % 700 == 0)
			pml_drain(&vcpu);
		if (!processor_writes(gfn)) {
			pml_drain(&vcpu);
			CHECK(processor_writes(gfn));
		}
		written[gfn]++;
		writes++;
	}
	pml_drain(&vcpu);
	CHECK(total == writes && vcpu.pml_entries == writes);
	for (u64 gfn = 0; gfn < PAGES; gfn++)
		CHECK(logged[gfn] == written[gfn]);
}

/* The processor cannot leave such an index, nor can a guest. */
static void impossible_index(void **state)
{
	(void)state;
	fake_vmcs[GUEST_PML_INDEX] = PML_ENTRIES;
	assert_panics("pml", pml_drain(&vcpu));
	fake_vmcs[GUEST_PML_INDEX] = 0xfffe;
	assert_panics("pml", pml_drain(&vcpu));
	assert_int_equal(total, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_logged, setup),
		cmocka_unit_test_setup(some_logged, setup),
		cmocka_unit_test_setup(random_writes, setup),
		cmocka_unit_test_setup(impossible_index, setup),
	};

	return cmocka_run_group_tests_name("pml", tests, NULL, NULL);
}
