/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that reclaim frees, and those it cannot do without: the APIC-access page's, the tables',
 * the store's; and a guest that gets none, or is gone.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c apic/access.c
 * links: mm/backing.c
 * links: mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c tests/unit/world.c
 * links: tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/ram.h"
#include "vmx/gate.h"

static struct vcpu vcpu;
static u64 a_field; /* A in the VMCS */
static unsigned kicks;

void apic_access_write(u64 address)
{
	a_field = address;
}

void gate_kick(struct gate *g)
{
	kicks++;
	gate_leave(test, g);
}

static int setup(void **state)
{
	int err = ram_setup(state, 2000, 0);

	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.ept = &ept;
	world_add_gate(&vcpu.gate);
	vcpu.gate.requests = REQ_RELOAD;
	kicks = 0;
	return err;
}

/* A goes to the new frame when the page has one again; until then no vCPU passes its gate. */
static void apic_page(void **state)
{
	u64 old;

	(void)state;
	assert_true(ram_write(APIC_INDEX, PAGE_TEXT, 1));
	assert_true(gate_pass(&vcpu));
	assert_int_equal(a_field, frame_at(APIC_ACCESS_GFN) << PAGE_SHIFT);
	old = a_field;
	ram_reclaim_all();
	assert_int_equal(kicks, 1);
	assert_int_equal(backing.entries[APIC_INDEX], P_PACKED);
	assert_int_equal(vcpu.gate.requests, REQ_RELOAD);
	assert_poisoned(old >> PAGE_SHIFT);
	assert_int_equal(frame_alloc(OWNER), old >> PAGE_SHIFT); /* so that it gets another */
	assert_false(gate_pass(&vcpu));				 /* this brings it in */
	assert_int_equal(vcpu.gate.requests, REQ_RELOAD);
	assert_int_equal(a_field, old);
	assert_true(gate_pass(&vcpu));
	assert_int_equal(a_field, frame_at(APIC_ACCESS_GFN) << PAGE_SHIFT);
	assert_int_not_equal(a_field, old);
	gate_leave(test, &vcpu.gate);
	assert_true(ram_read(APIC_INDEX));
	assert_int_equal(leaf_of(APIC_ACCESS_GFN), a_field);
	frame_free(old >> PAGE_SHIFT, OWNER);
	ram_check();
}

/* Tables without entries go with the pages, in the same run, and only those. */
static void tables(void **state)
{
	u64 before = frames_free();

	(void)state;
	for (u64 page = 510; page < 514; page++)
		assert_true(ram_read(page));
	assert_true(ram_read(APIC_INDEX));
	assert_int_equal(before - frames_free(), 5 + 1 + 3 + 2);
	*ept_walk(&ept, 513 << PAGE_SHIFT).entry &= ~EPT_ACCESSED;
	assert_int_equal(batch_add_out(&reclaim.batch, 513), 0);
	assert_int_equal(batch_add_out(&reclaim.batch, 510), 0);
	assert_int_equal(protocol_run(&reclaim.batch), 2);
	assert_int_equal(reclaim.batch.sum.tables, 0);
	assert_int_equal(batch_add_out(&reclaim.batch, 512), 0);
	assert_int_equal(protocol_run(&reclaim.batch), 1);
	assert_int_equal(reclaim.batch.sum.tables, 1);
	assert_true(ept_empty(&ept, 512 << PAGE_SHIFT, 2));
	ram_reclaim_all();
	assert_int_equal(reclaim.batch.sum.tables, 5);
	assert_true(ept_empty(&ept, 0, 3) && ept_empty(&ept, APIC_ACCESS_GPA, 3));
	assert_int_equal(before - frames_free(), 1); /* the third level stays */
	ram_verify_all();
	ram_reclaim_all();
	assert_int_equal(before - frames_free(), 1);
}

/* What a guest had is nowhere when it is gone, and the next one finds zeroes. */
static void destroyed(void **state)
{
	static u64 frames[WORLD_FRAMES];
	u64 first = backing.first & -LARGE_PAGES, n = 0, shelves = 0;

	for (u64 page = 0; page < RAM_PAGES; page++)
		assert_true(ram_write(page, 2 + page % (PAGE_KINDS - 2), page));
	while (backing_resident(&backing) > RAM_PAGES / 2)
		assert_int_equal(reclaim_direct(&reclaim), -EBUSY);
	for (u64 pfn = first - WORLD_FRAMES; pfn < first + WORLD_FRAMES; pfn++) {
		if ((frame_owner(pfn) & ~OWNER_STORE_BIT) == OWNER)
			frames[n++] = pfn;
		shelves += frame_owner(pfn) == OWNER_STORE(OWNER);
	}
	assert_int_equal(n, frame_used(OWNER));
	assert_int_equal(shelves, backing.store.frames);
	assert_in_range(shelves, 10, n / 2);
	reclaim_exit(&reclaim);
	assert_null(ept.reclaim);
	assert_int_equal(world_teardown(state), 0);
	assert_int_equal(frame_used(OWNER), 0);
	while (n)
		assert_poisoned(frames[--n]);

	assert_int_equal(backing_init(&backing, OWNER + 1, RAM_PAGES), 0);
	assert_int_equal(ept_init(&ept, &backing, OWNER + 1, EPT_CAP_AD), 0);
	memset(ram, 0, sizeof(ram));
	ram_verify_all();
	assert_int_equal(frame_used(OWNER), 0);
	assert_int_equal(frame_used(OWNER + 1), RAM_PAGES + 1);
	assert_int_equal(world_teardown(state), 0);
	assert_int_equal(ram_setup(state, 2000, 0), 0);
}

/* All of the budget is pages that do not shrink: an error, and nothing is lost. */
static void nothing_can_go(void **state)
{
	u64 page = 0;

	assert_int_equal(ram_teardown(state), 0);
	assert_int_equal(ram_setup(state, 200, 0), 0);
	while (ram_write(page, PAGE_RANDOM, page))
		page++;
	assert_int_equal(page, 200 - reclaim_reserve(0));
	assert_int_equal(reclaim_direct(&reclaim), -ENOMEM);
	assert_int_equal(ept_bring_in(&ept, page), -ENOMEM);
	assert_int_equal(ept_fault(&ept, page << PAGE_SHIFT, EPT_EXEC), -ENOMEM);
	assert_int_equal(backing.entries[page], 0);
	ram_check();
	for (u64 i = 0; i < page; i++)
		assert_true(ram_read(i));
	/* As soon as one of them shrinks there is room for one. */
	assert_true(ram_write(7, PAGE_ZERO, 0));
	assert_true(ram_write(page, PAGE_RANDOM, page));
	assert_false(ram_resident(7));
	assert_int_equal(ept_bring_in(&ept, 7), -ENOMEM);
	assert_int_equal(backing.entries[7], P_SAME);
	assert_true(ram_write(page, PAGE_ZERO, 0));
	assert_true(ram_read(7));
	ram_check();
}

/*
 * Little could still go, but so little that a vCPU would wait for what it just had: an error at
 * once, and as long as nothing changes.
 */
static void next_to_nothing_can_go(void **state)
{
	u64 page = 0, scanned;

	assert_int_equal(ram_teardown(state), 0);
	assert_int_equal(ram_setup(state, 200, 0), 0);
	world_add_gate(&vcpu.gate);
	while (page < RAM_PAGES && ram_write(page, page % 4 ? PAGE_RANDOM : PAGE_SAME, page))
		page++;
	/* Of 200, it needs the reserve and 64. */
	assert_in_range(backing.lru.stuck, 200 - reclaim_reserve(0) - 64, 200 - 64);
	assert_true(page < 200);
	scanned = reclaim.scanned;
	assert_int_equal(ept_bring_in(&ept, page), -ENOMEM);
	assert_int_equal(reclaim.scanned, scanned);
	ram_check();
	for (u64 i = 0; i < page; i++)
		assert_true(!ram_resident(i) || ram_read(i));
	ram_check();
}

/* No lists, no pages: there is nothing to wait for. */
static void nothing_there(void **state)
{
	(void)state;
	assert_int_equal(reclaim_direct(&reclaim), -ENOMEM);
	assert_int_equal(reclaim_background(&reclaim), 0);
}

/* The guest has no limit, but the machine has. What is kept back is enough for the store. */
static void machine_is_full(void **state)
{
	assert_int_equal(ram_teardown(state), 0);
	assert_int_equal(ram_setup(state, ~0ul, 0), 0);
	frames_keep_back(reclaim_reserve(0));
	fake_frames_leave(400);
	for (u64 page = 0; page < RAM_PAGES; page++)
		assert_true(ram_write(page, page % 4, page));
	assert_true(reclaim.direct > 0);
	assert_true(frames_free() >= reclaim_reserve(0));
	assert_int_equal(reclaim.batch.sum.stuck, 0);
	ram_verify_all();
	ram_check();
	frames_keep_back(0);
}

/* The guest's own pages leave the reserve to the store, whatever comes. */
static void reserve(void **state)
{
	assert_int_equal(ram_teardown(state), 0);
	assert_int_equal(ram_setup(state, 300, 32), 0);
	for (fake_step = 0; fake_step < 4000; fake_step++) {
		assert_true(ram_write(fake_random() % RAM_PAGES, fake_random() % PAGE_PART,
				      fake_random()));
		CHECK(frame_left(OWNER) >= reclaim_reserve(32));
	}
	assert_int_equal(backing.store.no_room, 0);
	assert_true(reclaim.direct > 10);
	ram_check();
	ram_verify_all();
}

/* A page that packs into half a frame, just so. */
static bool write_half(u64 page)
{
	for (u64 number = page;; number += RAM_PAGES) {
		u64 random = number, bytes = random_next(&random) % PAGE_SIZE;

		if (bytes > 1600 && bytes < 1900)
			return ram_write(page, PAGE_PART, number);
	}
}

/*
 * The least budget: 64 pages of each vCPU can be there at once, with the cold ones in the store and
 * that a third of the budget.
 */
static void least(void **state)
{
	static struct gate gates[3];

	for (unsigned n = 1; n <= ARRAY_SIZE(gates); n++) {
		u64 pages = 64 * n, rounds = 0, before, limit = reclaim_least(n, 0);

		assert_int_equal(ram_teardown(state), 0);
		assert_int_equal(ram_setup(state, limit, 0), 0);
		for (unsigned i = 0; i < n; i++)
			world_add_gate(&gates[i]);
		for (u64 page = 0; page < RAM_PAGES; page++)
			assert_true(page < limit * 2 / 3 ? write_half(page) : ram_read(page));
		/* They take turns, until none of them had to wait for a page of its own. */
		do {
			before = reclaim.direct + reclaim.background;
			for (u64 i = 0; i < pages; i++) {
				assert_true(ram_read(RAM_PAGES / pages * i));
				reclaim_background(&reclaim);
			}
			assert_in_range(++rounds, 0, 10);
		} while (reclaim.direct + reclaim.background > before);
		for (u64 i = 0; i < pages; i++)
			assert_true(ram_resident(RAM_PAGES / pages * i));
		assert_in_range(backing.store.frames, limit / 4, limit / 2);
		ram_check();
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ram_teardown)
	const struct CMUnitTest tests[] = {
		TEST(apic_page),       TEST(tables),	    TEST(destroyed),
		TEST(nothing_can_go),  TEST(nothing_there), TEST(next_to_nothing_can_go),
		TEST(machine_is_full), TEST(reserve),	    TEST(least),
	};

	return cmocka_run_group_tests_name("reclaim_frames", tests, NULL, NULL);
}
