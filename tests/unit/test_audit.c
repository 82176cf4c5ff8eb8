/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The look at every leaf of E: it counts what is mapped, and does not overlook a frame of somebody
 * else's, nor one that P does not have.
 * links: ept/audit.c ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c
 * links: mm/backing.c mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/world.h"

#define GPA (4ul << PAGE_SHIFT)

static bool panics(const char *text)
{
	fake_panic_expected = true;
	if (setjmp(fake_panic_jump))
		return fake_panic_says(text);
	ept_audit(&ept);
	return false;
}

static void counts(void **state)
{
	(void)state;
	assert_int_equal(ept_audit(&ept), 0);
	assert_int_equal(ept_fault(&ept, GPA, EPT_READ), 0);
	assert_int_equal(ept_fault(&ept, APIC_ACCESS_GPA, EPT_READ), 0);
	assert_int_equal(ept_audit(&ept), 2);
}

/* E as P has it, but for one leaf. */
static void finds(u64 hpa, u64 gpa, const char *text)
{
	u64 old = 0;

	assert_int_equal(ept_fault(&ept, GPA, EPT_READ), 0);
	if (gpa == GPA)
		assert_int_equal(ept_unmap(&ept, GPA, &old), 0);
	assert_int_equal(ept_map(&ept, gpa, hpa, 1, EPT_RWX), 0);
	assert_true(panics(text));
	assert_int_equal(ept_unmap(&ept, gpa, &old), 0);
}

static void of_others(void **state)
{
	u64 host = frame_alloc(OWNER_HOST), own = frame_alloc(OWNER);

	(void)state;
	finds(host << PAGE_SHIFT, GPA, "isolation: guest");
	finds(0, GPA, "isolation: guest"); /* no frame at all */
	finds(own << PAGE_SHIFT, GPA, "isolation: E has frame");
	finds(own << PAGE_SHIFT, (u64)RAM_PAGES << PAGE_SHIFT, "isolation: E has frame");
	frame_free(host, OWNER_HOST);
	finds(host << PAGE_SHIFT, GPA, "isolation: guest");
	frame_free(own, OWNER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(of_others, world_setup, world_teardown),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
