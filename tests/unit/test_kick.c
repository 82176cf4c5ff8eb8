/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kick and wait: whom the invalidator sends an NMI, and what it waits for.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c mm/backing.c
 * links: mm/store.c
 * links: mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include <string.h>

#include "mm/frame.h"
#include "tests/unit/world.h"

#define GATES 4

static struct gate gates[GATES];
static unsigned kicks[GATES], relaxed, late[2];

void gate_kick(struct gate *g)
{
	kicks[g->id]++;
}

void gate_late(struct gate *g, unsigned round)
{
	late[round]++;
	if (round == 1)
		gate_leave(test, g);
}

/* While the invalidator waits: whoever is in guest mode and was kicked exits, a reading ends. */
static void let_go(void)
{
	relaxed++;
	for (unsigned i = 0; i < GATES; i++)
		if ((gates[i].mode & MODE_MASK) == MODE_READING ||
		    ((gates[i].mode & MODE_MASK) == MODE_IN_GUEST && kicks[i]))
			gate_leave(test, &gates[i]);
}

static int setup(void **state)
{
	int err = world_setup(state);

	for (unsigned i = 0; i < GATES; i++)
		world_add_gate(&gates[i]);
	memset(kicks, 0, sizeof(kicks));
	memset(late, 0, sizeof(late));
	relaxed = 0;
	fake_on_relax = let_go;
	return err;
}

static void kicks_and_waits(void **state)
{
	u64 stays[GATES] = { 4 | MODE_OUTSIDE, 8 | MODE_IN_GUEST, 12 | MODE_HALTED,
			     16 | MODE_READING };

	(void)state;
	populate(APIC_ACCESS_GFN);
	for (unsigned i = 0; i < GATES; i++)
		gates[i].mode = stays[i];
	assert_int_equal(batch_add(&batch, APIC_ACCESS_GFN), 0);
	assert_int_equal(protocol_run(&batch), 1);
	assert_int_equal(batch.sum.ipis, 1);
	assert_int_equal(batch.sum.ipis_avoided, 3);
	assert_true(relaxed > 0);
	for (unsigned i = 0; i < GATES; i++) {
		assert_int_equal(kicks[i], i == 1);
		assert_int_equal(gates[i].requests, REQ_RELOAD);
	}
	assert_int_equal(gates[0].mode, stays[0]);
	assert_int_equal(gates[1].mode, 12 | MODE_OUTSIDE);
	assert_int_equal(gates[2].mode, stays[2]); /* not waited for */
	assert_int_equal(gates[3].mode, 20 | MODE_OUTSIDE);
}

static void enter_again(void)
{
	relaxed++;
	gate_leave(test, &gates[0]);
	gate_set(test, &gates[0], MODE_IN_GUEST);
}

/* The stay that was seen is over, though the vCPU is in guest mode again. */
static void waits_for_a_stay_only(void **state)
{
	(void)state;
	populate(0);
	fake_on_relax = enter_again;
	gate_set(test, &gates[0], MODE_IN_GUEST);
	assert_int_equal(batch_add(&batch, 0), 0);
	assert_int_equal(protocol_run(&batch), 1);
	assert_int_equal(relaxed, 1);
	assert_int_equal(kicks[0], 1);
	assert_int_equal(gates[0].mode & MODE_MASK, MODE_IN_GUEST);
}

static u64 watched_old, watched_new;

/* Until the vCPU has left, its frame is whole, no other is to be seen, and nobody maps it anew. */
static void watch(void)
{
	assert_int_equal(frame_owner(watched_old), OWNER);
	assert_int_equal(*(u64 *)frame_ptr(watched_old), 0);
	assert_int_equal(p_of(0) & P_MOVING, P_MOVING);
	assert_int_equal(frame_at(0), watched_old);
	assert_int_equal(ept_walk(&ept, 0).level, 0);
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), -EAGAIN);
	/* It writes until the end, and that is not lost. */
	((u64 *)frame_ptr(watched_old))[9] = ++relaxed;
	if (relaxed == 3)
		gate_leave(test, &gates[2]);
}

static void nothing_before_the_wait_is_over(void **state)
{
	(void)state;
	for (unsigned i = 0; i < nprotocols; i++) {
		relaxed = 0;
		ept.protocol = protocol_find(protocol_names[i]);
		populate(0);
		watched_old = frame_at(0);
		fake_on_relax = watch;
		gate_set(test, &gates[2], MODE_IN_GUEST);
		assert_int_equal(batch_add(&batch, 0), 0);
		watched_new = batch.page[0].new;
		assert_int_equal(protocol_run(&batch), 1);
		assert_int_equal(relaxed, 3);
		assert_int_equal(frame_at(0), watched_new);
		assert_int_equal(((u64 *)frame_ptr(watched_new))[9], 3);
	}
}

static void count_only(void)
{
	relaxed++;
}

/* Reported after WAIT_SPINS looks, and again after as many more. */
static void late_acknowledgement(void **state)
{
	(void)state;
	populate(0);
	fake_on_relax = count_only;
	gate_set(test, &gates[1], MODE_IN_GUEST);
	assert_int_equal(batch_add(&batch, 0), 0);
	assert_int_equal(protocol_run(&batch), 1);
	assert_int_equal(late[0], 1);
	assert_int_equal(late[1], 1);
	assert_int_equal(relaxed, 2 * WAIT_SPINS);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(kicks_and_waits),
		TEST(waits_for_a_stay_only),
		TEST(nothing_before_the_wait_is_over),
		TEST(late_acknowledgement),
	};

	return cmocka_run_group_tests_name("kick", tests, NULL, NULL);
}
