/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The invalidator's side of the protocol, in one thread and with vCPUs that are all outside.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c mm/backing.c
 * links: mm/store.c
 * links: mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include <string.h>

#include "mm/frame.h"
#include "tests/unit/world.h"

#define GATES 4

static struct gate gates[GATES];

static int setup(void **state)
{
	int err = world_setup(state);

	for (unsigned i = 0; i < GATES; i++)
		world_add_gate(&gates[i]);
	return err;
}

/* With room for 512 frames in a row. */
static int setup_large(void **state)
{
	fake_frames(1100);
	return setup(state);
}

static void finds_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < nprotocols; i++) {
		assert_non_null(protocol_find(protocol_names[i]));
		assert_string_equal(protocol_find(protocol_names[i])->name, protocol_names[i]);
	}
	assert_null(protocol_find(""));
	assert_null(protocol_find("ordere"));
	assert_null(protocol_find("ordered2"));
}

/* The first or last place of a step in a list; -1 when it is not there. */
static int place(const struct protocol *p, const char *step, bool last)
{
	int found = -1;

	for (int i = 0; p->steps[i].run; i++)
		if (!strcmp(p->steps[i].name, step) && (found < 0 || last))
			found = i;
	return found;
}

/* What every order must have, broken ones too: these are the rules that are not the Law. */
static void lists_make_sense(void **state)
{
	static const char *const once[] = { "begin", "unmap",  "publish_reload", "publish_flush",
					    "copy",  "rebind", "release",	 "end" };

	(void)state;
	for (unsigned i = 0; i < nprotocols; i++) {
		const struct protocol *p = protocol_find(protocol_names[i]);
		int steps = 0, clear = place(p, "clear", false);

		for (; p->steps[steps].run; steps++) {
			assert_in_range(steps, 0, ARRAY_SIZE(p->steps) - 2);
			if (!strcmp(p->steps[steps].name, "kick"))
				assert_string_equal(p->steps[steps + 1].name, "wait");
		}
		for (unsigned k = 0; k < ARRAY_SIZE(once); k++) {
			assert_in_range(place(p, once[k], false), 0, steps);
			assert_int_equal(place(p, once[k], false), place(p, once[k], true));
		}
		assert_int_equal(place(p, "begin", false), 0);
		assert_int_equal(place(p, "end", false), steps - 1);
		assert_true(place(p, "unmap", false) < place(p, "publish_flush", false));
		assert_true(place(p, "publish_flush", false) < place(p, "kick", true));
		assert_true(place(p, "publish_reload", false) < place(p, "kick", true));
		assert_true(place(p, "wait", false) < place(p, "copy", false));
		assert_true(place(p, "copy", false) < place(p, "rebind", false));
		assert_true(place(p, "wait", true) < place(p, "release", false));
		assert_true(clear < place(p, "rebind", false));
		/* The Law; one of them breaks it, on purpose. */
		assert_int_equal(p->gated ||
					 (clear >= 0 && clear < place(p, "publish_reload", false)),
				 strcmp(p->name, "start-notifier") != 0);
	}
}

static void moves_a_batch(void **state)
{
	static const u64 gfns[] = { 0, 3, RAM_PAGES - 1, APIC_ACCESS_GFN };

	(void)state;
	for (unsigned n = 0; n < 2 * nprotocols; n++) {
		unsigned count = ARRAY_SIZE(gfns) - n % 2; /* with the APIC page and without */
		u64 old[ARRAY_SIZE(gfns)], generation = ept.generation, free;

		ept.protocol = protocol_find(protocol_names[n / 2]);
		for (unsigned i = 0; i < count; i++) {
			populate(gfns[i]);
			old[i] = frame_at(gfns[i]);
			assert_int_equal(leaf_of(gfns[i]), old[i] << PAGE_SHIFT);
		}
		populate(7); /* and what does not move */
		for (unsigned i = 0; i < GATES; i++)
			gates[i].requests = 0;
		free = frames_free();
		for (unsigned i = 0; i < count; i++)
			assert_int_equal(batch_add(&batch, gfns[i]), 0);
		assert_int_equal(batch.npages, count);
		assert_int_equal(protocol_run(&batch), count);
		assert_int_equal(batch.npages, 0);
		assert_false(batch.apic);
		assert_int_equal(frames_free(), free);
		assert_int_equal(ept.generation, generation + 1);
		for (unsigned i = 0; i < count; i++) {
			assert_int_equal(p_of(gfns[i]) & ~P_ADDRESS, P_PRESENT);
			assert_int_not_equal(frame_at(gfns[i]), old[i]);
			assert_int_equal(frame_owner(frame_at(gfns[i])), OWNER);
			assert_poisoned(old[i]);
			assert_contents(gfns[i]);
			assert_int_equal(ept_walk(&ept, gfns[i] << PAGE_SHIFT).level, 0);
			assert_int_equal(ept_fault(&ept, gfns[i] << PAGE_SHIFT, EPT_READ), 0);
			assert_int_equal(leaf_of(gfns[i]), p_of(gfns[i]) & P_ADDRESS);
		}
		assert_contents(7);
		assert_int_equal(ept_walk(&ept, 7 << PAGE_SHIFT).level, 1);
		for (unsigned i = 0; i < GATES; i++)
			assert_int_equal(gates[i].requests, n % 2 ? 0 : REQ_RELOAD);
	}
}

static unsigned steps_seen;

/* From the claim to the end no fault fills E, and between clear and rebind P names nothing. */
static void watch_steps(const char *step)
{
	u64 p = p_of(0);

	steps_seen++;
	if (!strcmp(step, "begin"))
		return;
	assert_int_equal(p & P_MOVING, P_MOVING);
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), -EAGAIN);
	assert_int_equal(batch_add(&batch, 0), -EAGAIN);
	if (!strcmp(step, "release"))
		assert_int_equal(p & P_ADDRESS, batch.page[0].new << PAGE_SHIFT);
	else if (strcmp(step, "rebind") && strcmp(step, "end") && p & P_PRESENT)
		assert_int_equal(p & P_ADDRESS, batch.page[0].old << PAGE_SHIFT);
}

static void moving_until_the_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < nprotocols; i++) {
		unsigned steps = 0;

		ept.protocol = protocol_find(protocol_names[i]);
		while (ept.protocol->steps[steps].run)
			steps++;
		populate(0);
		steps_seen = 0;
		fake_on_trace = watch_steps;
		assert_int_equal(batch_add(&batch, 0), 0);
		assert_int_equal(protocol_run(&batch), 1);
		fake_on_trace = NULL;
		assert_int_equal(steps_seen, steps);
		assert_int_equal(ept_fault(&ept, 0, EPT_READ), 0);
	}
}

static void batch_errors(void **state)
{
	u64 free;

	(void)state;
	assert_int_equal(batch_add(&batch, RAM_PAGES), -ENOENT);
	assert_int_equal(batch_add(&batch, APIC_ACCESS_GFN - 1), -ENOENT);
	assert_int_equal(batch_add(&batch, 0), -ENOENT); /* never touched */
	populate(0);
	*backing_entry(&backing, 0) |= P_MOVING;
	assert_int_equal(batch_add(&batch, 0), -EAGAIN);
	*backing_entry(&backing, 1) = P_MOVING; /* cleared on its way */
	assert_int_equal(batch_add(&batch, 1), -EAGAIN);
	*backing_entry(&backing, 1) = 0;
	*backing_entry(&backing, 0) &= ~P_MOVING;
	fake_frames_leave(0);
	assert_int_equal(batch_add(&batch, 0), -ENOMEM);
	fake_frames_back();
	assert_int_equal(batch.npages, 0);
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		populate(i);
		assert_int_equal(batch_add(&batch, i), 0);
	}
	populate(BATCH_MAX);
	free = frames_free();
	assert_int_equal(batch_add(&batch, BATCH_MAX), -ENOMEM);
	assert_int_equal(frames_free(), free);
	assert_int_equal(protocol_run(&batch), BATCH_MAX);
	for (unsigned i = 0; i <= BATCH_MAX; i++)
		assert_contents(i);
	assert_int_equal(protocol_run(&batch), 0);
}

/*
 * What another invalidator was quicker with is left to it, and the frame that was meant for it
 * freed.
 */
static void claimed_by_another(void **state)
{
	u64 mine[4], free, other, generation;

	(void)state;
	for (u64 gfn = 0; gfn < 4; gfn++)
		populate(gfn);
	free = frames_free();
	for (u64 gfn = 0; gfn < 4; gfn++) {
		assert_int_equal(batch_add(&batch, gfn), 0);
		mine[gfn] = batch.page[gfn].new;
	}
	assert_int_equal(batch_add(&batch, 0), 0); /* the same page twice */
	*backing_entry(&backing, 1) |= P_MOVING;   /* still on its way */
	other = frame_alloc(OWNER);		   /* has arrived elsewhere */
	frame_copy(other, frame_at(2));
	frame_free(frame_at(2), OWNER);
	*backing_entry(&backing, 2) = other << PAGE_SHIFT | P_PRESENT;
	generation = ept.generation;

	assert_int_equal(protocol_run(&batch), 2);
	assert_int_equal(ept.generation, generation + 1);
	assert_int_equal(frames_free(), free);
	assert_int_equal(frame_at(0), mine[0]);
	assert_int_equal(frame_at(3), mine[3]);
	assert_int_equal(p_of(1) & (P_PRESENT | P_MOVING), P_PRESENT | P_MOVING);
	assert_int_equal(frame_at(2), other);
	assert_int_equal(p_of(2) & P_MOVING, 0);
	assert_poisoned(mine[1]);
	assert_poisoned(mine[2]);
	assert_int_equal(ept_walk(&ept, 1 << PAGE_SHIFT).level, 1); /* the other's to unmap */
	*backing_entry(&backing, 1) &= ~P_MOVING;
	for (u64 gfn = 0; gfn < 4; gfn++)
		assert_contents(gfn);
}

/* P was looked at, then another invalidator moved the page, and its old frame is the next to be had:
 * in a batch it would look like a page that stays. */
static void old_frame_again(void **state)
{
	u64 old;

	(void)state;
	populate(0);
	old = frame_at(0);
	frame_free(old, OWNER);
	assert_int_equal(batch_add(&batch, 0), -EAGAIN);
	assert_int_equal(batch.npages, 0);
	assert_poisoned(old);
	assert_int_equal(frame_alloc(OWNER), old);
}

/* A claim on the APIC page that fails asks nobody to reload. */
static void claim_of_the_apic_page(void **state)
{
	(void)state;
	populate(0);
	populate(APIC_ACCESS_GFN);
	assert_int_equal(batch_add(&batch, APIC_ACCESS_GFN), 0);
	assert_int_equal(batch_add(&batch, 0), 0);
	*backing_entry(&backing, APIC_ACCESS_GFN) |= P_MOVING;
	assert_int_equal(protocol_run(&batch), 1);
	assert_int_equal(gates[0].requests, 0);
	*backing_entry(&backing, APIC_ACCESS_GFN) &= ~P_MOVING;
}

static void large_leaf(void **state)
{
	u64 first, free;

	(void)state;
	first = frame_alloc_run(OWNER, 512, 512);
	assert_true(first);
	for (u64 i = 0; i < 512; i++)
		*backing_entry(&backing, 512 + i) = (first + i) << PAGE_SHIFT | P_PRESENT;
	assert_int_equal(ept_map(&ept, 512 << PAGE_SHIFT, first << PAGE_SHIFT, 2, EPT_RWX), 0);
	free = frames_free();

	/* No frame for the table that the split needs: the page stays where it is. */
	fake_frames_leave(1);
	assert_int_equal(batch_add(&batch, 512 + 5), 0);
	assert_int_equal(protocol_run(&batch), 0);
	assert_int_equal(frames_free(), 1);
	assert_int_equal(p_of(512 + 5), (first + 5) << PAGE_SHIFT | P_PRESENT);
	assert_int_equal(ept_walk(&ept, (512 + 5) << PAGE_SHIFT).level, 2);
	fake_frames_back();

	assert_int_equal(batch_add(&batch, 512 + 5), 0);
	assert_int_equal(protocol_run(&batch), 1);
	assert_int_equal(frames_free(), free - 1);
	assert_poisoned(first + 5);
	assert_int_equal(ept_walk(&ept, (512 + 5) << PAGE_SHIFT).level, 0);
	for (u64 i = 0; i < 512; i++)
		if (i != 5)
			assert_int_equal(leaf_of((512 + i)), (first + i) << PAGE_SHIFT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(finds_names),
		TEST(lists_make_sense),
		TEST(moves_a_batch),
		TEST(moving_until_the_end),
		TEST(batch_errors),
		TEST(claimed_by_another),
		TEST(old_frame_again),
		TEST(claim_of_the_apic_page),
		cmocka_unit_test_setup_teardown(large_leaf, setup_large, world_teardown),
	};

	return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
