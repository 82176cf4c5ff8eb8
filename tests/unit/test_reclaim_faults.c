/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's life, once for each allocation of frames in it, which then fails: what needed it either
 * does without or says so and works the next time, no frame is lost, and no contents.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c ept/collapse.c
 * links: apic/access.c
 * links: mm/backing.c mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c tests/unit/world.c
 * links: tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/ram.h"
#include "vmx/gate.h"

#define LARGE 512ul
#define PLENTY 1000000

static struct vcpu vcpu;
static unsigned errors; /* that were told */

void apic_access_write(u64 address)
{
	(void)address;
}

void gate_kick(struct gate *g)
{
	gate_leave(test, g);
}

void gate_no_memory(struct gate *g, u64 gfn)
{
	(void)g;
	assert_int_equal(gfn, APIC_ACCESS_GFN);
	errors++;
}

/* Something failed, which it does once. */
static void told(bool error)
{
	errors += error;
	CHECK(errors <= 1);
}

static bool create(u64 limit)
{
	int err;

	frame_account(OWNER, limit, reclaim_reserve(16));
	err = backing_init(&backing, OWNER, RAM_PAGES);
	CHECK(!err || err == -ENOMEM);
	if (err)
		return false;
	err = ept_init(&ept, &backing, OWNER, EPT_CAP_2M | EPT_CAP_AD);
	CHECK(!err || err == -ENOMEM);
	if (err) {
		backing_destroy(&backing);
		return false;
	}
	ept.protocol = protocol_find("ordered");
	memset(&batch, 0, sizeof(batch));
	batch.ept = &ept;
	memset(ram, 0, sizeof(ram));
	reclaim_init(&reclaim, &ept, 16);
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.ept = &ept;
	world_add_gate(&vcpu.gate);
	return true;
}

static void destroy(void)
{
	reclaim_exit(&reclaim);
	ept_destroy(&ept);
	backing_destroy(&backing);
	CHECK(frame_used(OWNER) == 0);
	frame_account(OWNER, ~0ul, 0);
}

static void write(u64 page, enum page_kind kind, u64 number)
{
	bool done = ram_write(page, kind, number);

	told(!done);
	CHECK(done || ram_write(page, kind, number));
}

static void read(u64 page)
{
	bool done = ram_read(page);

	told(!done);
	CHECK(done || ram_read(page));
}

static void fetch(u64 page)
{
	bool done = ram_access(page, EPT_EXEC);

	told(!done);
	CHECK(done || ram_access(page, EPT_EXEC));
}

static void move(u64 page)
{
	int err = batch_add(&batch, backing_gfn(&backing, page));

	CHECK(!err || err == -ENOENT || err == -ENOMEM);
	told(err == -ENOMEM);
}

static void enter(void)
{
	vcpu.gate.requests |= REQ_RELOAD;
	while (!gate_pass(&vcpu))
		;
	told(false);
	gate_leave(test, &vcpu.gate);
}

/* Small pages, out and in again, with the APIC-access page among them. */
static void small_pages(void)
{
	ept.large = false;
	for (u64 page = LARGE; page < LARGE + 60; page++)
		write(page, page % PAGE_KINDS, page);
	enter();
	read(APIC_INDEX);
	for (u64 page = LARGE; page < LARGE + 60; page += 7)
		move(page);
	move(APIC_INDEX);
	protocol_run(&batch);
	ram_check();
	ram_reclaim_all();
	ram_check();
	enter();
	read(APIC_INDEX);
	for (u64 page = LARGE; page < LARGE + 60; page += 2)
		read(page);
	for (u64 page = LARGE; page < LARGE + 60; page += 6)
		write(page, PAGE_TEXT, page + 1);
	ram_reclaim_all();
	ram_check();
}

/* A large page, taken apart and put together again, out and in. */
static void large_page(void)
{
	ept.large = true;
	for (u64 page = 0; page < 20; page++)
		write(page, page % PAGE_KINDS, page);
	for (u64 page = 0; page < 5; page++)
		move(page);
	protocol_run(&batch);
	ram_check();
	for (u64 page = 0; page < LARGE; page++)
		read(page);
	reclaim.collapse_at = 0;
	reclaim_collapse(&reclaim);
	ram_check();
	read(9);
	fetch(8);
	reclaim_direct(&reclaim);
	ram_check();
	read(7);
}

static void whole_life(void)
{
	if (!create(2200))
		return;
	small_pages();
	large_page();
	for (u64 page = 0; page <= RAM_PAGES; page += page < LARGE + 60 ? 1 : 31)
		read(page);
	ram_check();
	destroy();
}

/* Faults that reclaim, since there is never enough. */
static void tight_life(void)
{
	if (!create(150))
		return;
	ept.large = false;
	for (fake_step = 0; fake_step < 150; fake_step++) {
		u64 page = fake_random() % 200;

		if (fake_random() % 2)
			write(page, fake_random() % PAGE_PART, fake_step);
		else
			read(page);
		if (fake_step % 8 == 0)
			move(fake_random() % 200);
		if (fake_step % 8 == 7)
			protocol_run(&batch);
		if (fake_step % 4 == 0)
			reclaim_background(&reclaim);
	}
	protocol_run(&batch);
	ram_check();
	for (u64 page = 0; page < 200; page++)
		read(page);
	ram_check();
	destroy();
}

/* Returns in how many of the lives an error was told. */
static unsigned fail_each(void (*life)(void))
{
	u64 free = frames_free();
	unsigned told_in = 0;
	long allocations;

	errors = 0;
	fake_random_start();
	fake_fail_alloc = PLENTY;
	life();
	allocations = PLENTY - fake_fail_alloc;
	assert_int_equal(frames_free(), free);
	assert_int_equal(errors, 0);
	assert_in_range(allocations, 100, 1000);
	for (long n = 0; n < allocations; n++) {
		errors = 0;
		fake_random_start();
		fake_fail_alloc = n;
		life();
		if (fake_fail_alloc != -1 || frames_free() != free)
			fail_msg("allocation %ld of %ld: %ld frames are lost", n, allocations,
				 (long)(free - frames_free()));
		told_in += errors;
	}
	print_message("# %ld allocations, %u errors\n", allocations, told_in);
	fake_fail_alloc = -1;
	return told_in;
}

static void creation_and_large_pages(void **state)
{
	(void)state;
	/* Where something can be reclaimed for it, a page is to be had; a table likewise. */
	assert_in_range(fail_each(whole_life), 1, 100);
}

static void reclaiming_faults(void **state)
{
	(void)state;
	assert_in_range(fail_each(tight_life), 1, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(creation_and_large_pages),
		cmocka_unit_test(reclaiming_faults),
	};

	fake_frames(WORLD_FRAMES);
	return cmocka_run_group_tests_name("reclaim_faults", tests, NULL, NULL);
}
