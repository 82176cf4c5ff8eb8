/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EPT violations: what they fill, and what they refuse.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c mm/backing.c
 * links: mm/store.c
 * links: mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/world.h"

static void faults(void **state)
{
	u64 gpa = 4ul << PAGE_SHIFT, free;

	(void)state;
	assert_int_equal(ept_fault(&ept, (u64)RAM_PAGES << PAGE_SHIFT, EPT_READ), -EFAULT);
	assert_int_equal(ept_fault(&ept, APIC_ACCESS_GPA - 1, EPT_READ), -EFAULT);
	assert_int_equal(ept_fault(&ept, APIC_ACCESS_GPA + PAGE_SIZE, EPT_READ), -EFAULT);
	assert_int_equal(ept_fault(&ept, 1ul << 52, EPT_READ), -EFAULT);
	assert_int_equal(backing_resident(&backing), 0);

	assert_int_equal(ept_fault(&ept, gpa + 0xfff, EPT_READ), 0);
	assert_int_equal(backing_resident(&backing), 1);
	assert_int_equal(frame_owner(frame_at(4)), OWNER);
	assert_int_equal(*(u64 *)frame_ptr(frame_at(4)), 0);
	assert_int_equal(ept_walk(&ept, gpa).value,
			 frame_at(4) << PAGE_SHIFT | EPT_RWX | EPT_MEMTYPE_WB);
	free = frames_free();
	assert_int_equal(ept_fault(&ept, gpa, EPT_READ), 0); /* another vCPU has been here */
	assert_int_equal(frames_free(), free);

	*backing_entry(&backing, 4) |= P_MOVING;
	assert_int_equal(ept_fault(&ept, gpa, EPT_READ), -EAGAIN);
	*backing_entry(&backing, 4) &= ~P_MOVING;
	*backing_entry(&backing, 6) = P_MOVING;
	assert_int_equal(ept_fault(&ept, 6ul << PAGE_SHIFT, EPT_READ), -EAGAIN);
	assert_int_equal(ept_walk(&ept, 6ul << PAGE_SHIFT).level, 0);
	*backing_entry(&backing, 6) = 0;

	assert_int_equal(ept.apic_leaf, 0);
	assert_int_equal(ept_fault(&ept, APIC_ACCESS_GPA + 0x20, EPT_READ), 0);
	assert_int_equal(ept.apic_leaf, frame_at(APIC_ACCESS_GFN) << PAGE_SHIFT);
}

/*
 * Whichever frame is missing, the page's or a table's: nothing leaks, and it works the next
 * time.
 */
static void faults_without_memory(void **state)
{
	(void)state;
	for (u64 count = 0; count < 3; count++) {
		fake_frames_leave(count);
		assert_int_equal(ept_fault(&ept, 0, EPT_READ), -ENOMEM);
		assert_int_equal(ept_walk(&ept, 0).level, 0);
		assert_int_equal(frames_free(), 0);
		fake_frames_back();
	}
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), 0);
	assert_int_equal(leaf_of(0), frame_at(0) << PAGE_SHIFT);
}

/* The APIC-access page holds no code; RAM takes any access. */
static void permissions(void **state)
{
	u64 free = frames_free();

	(void)state;
	assert_int_equal(ept_fault(&ept, APIC_ACCESS_GPA, EPT_EXEC), -EACCES);
	assert_int_equal(ept_fault(&ept, APIC_ACCESS_GPA, EPT_READ | EPT_EXEC), -EACCES);
	assert_int_equal(frames_free(), free);
	assert_int_equal(ept_fault(&ept, APIC_ACCESS_GPA, EPT_WRITE), 0);
	assert_int_equal(ept_walk(&ept, APIC_ACCESS_GPA).value & EPT_RWX, EPT_READ | EPT_WRITE);
	assert_int_equal(ept_fault(&ept, 0, EPT_EXEC), 0);
	assert_int_equal(ept_walk(&ept, 0).value & EPT_RWX, EPT_RWX);
	assert_int_equal(ept_fault(&ept, 1ul << 40, EPT_EXEC), -EFAULT);
}

/*
 * The lock's holder, an invalidator, claims the page and unmaps it before the fault gets the
 * lock.
 */
static void claim_and_unlock(void)
{
	*backing_entry(&backing, 3) |= P_MOVING;
	ept.lock.taken = 0;
}

static void claimed_while_waiting_for_the_lock(void **state)
{
	(void)state;
	fake_on_relax = claim_and_unlock;
	ept.lock.taken = 1;
	assert_int_equal(ept_fault(&ept, 3 << PAGE_SHIFT, EPT_READ), -EAGAIN);
	assert_int_equal(leaf_of(3), 0);
	assert_int_equal(ept.lock.taken, 0);
	*backing_entry(&backing, 3) &= ~P_MOVING;
	assert_int_equal(ept_fault(&ept, 3 << PAGE_SHIFT, EPT_READ), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(faults),
		TEST(faults_without_memory),
		TEST(permissions),
		TEST(claimed_while_waiting_for_the_lock),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
