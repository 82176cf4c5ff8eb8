/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random uses, moves, reclaims and collapses of a guest's memory, against the model of what each
 * page must hold.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c ept/collapse.c
 * links: mm/backing.c
 * links: mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c tests/unit/world.c
 * links: tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/ram.h"

#define STEPS 6000

static u64 hot; /* pages from here on are used more than others */
static unsigned collapses, no_memory;

static u64 some_page(void)
{
	u64 n = fake_random();

	if (n % 64 == 0)
		return APIC_INDEX;
	return n % 4 ? (hot + (n >> 8) % 64) % RAM_PAGES : (n >> 8) % RAM_PAGES;
}

static void use(void)
{
	for (u64 n = 1 + fake_random() % 8; n; n--)
		no_memory += !ram_read(some_page());
}

/* Few of them do not shrink: most of the time there is room. */
static void write(void)
{
	u64 kind = fake_random() % 64;

	for (u64 n = 1 + fake_random() % 8; n; n--)
		no_memory +=
			!ram_write(some_page(), kind < 60 ? kind % PAGE_PART : PAGE_PART + kind % 3,
				   fake_random() % 16);
}

static void write_and_log(void)
{
	u64 page = some_page();

	no_memory += !ram_write(page, PAGE_TEXT, fake_random());
	backing_log_dirty(&backing, backing_gfn(&backing, page));
}

static void fetch(void)
{
	u64 page = some_page();

	if (page != APIC_INDEX)
		no_memory += !ram_access(page, EPT_EXEC);
}

/* As the hypervisor does for itself. */
static void bring_in(void)
{
	u64 page = some_page();
	int err = ept_bring_in(&ept, backing_gfn(&backing, page));

	CHECK(!err || err == -EBUSY || err == -ENOMEM);
}

static void move(void)
{
	unsigned n = 0;

	for (u64 i = fake_random() % 32; i; i--) {
		int err = batch_add(&batch, backing_gfn(&backing, some_page()));

		CHECK(!err || err == -ENOENT || err == -ENOMEM);
		n += !err;
	}
	CHECK(protocol_run(&batch) <= n);
}

static void background(void)
{
	reclaim_background(&reclaim);
}

static void direct(void)
{
	int err = reclaim_direct(&reclaim);

	CHECK(err == -EBUSY || err == -ENOMEM);
}

static void collapse(void)
{
	u64 first = 512 * (fake_random() % 2);

	/* Most pages used, or there is hardly ever something to collapse. */
	for (u64 i = 0; i < 512 && fake_random() % 512; i++)
		no_memory += !ram_read(first + i);
	reclaim.collapse_at = first / 512;
	collapses += reclaim_collapse(&reclaim);
}

static void forget_code(void)
{
	for (u64 page = 0; page < RAM_PAGES; page++)
		lru_mark(&backing.lru, page, 0, LRU_EXEC);
}

static void go_elsewhere(void)
{
	hot = fake_random() % RAM_PAGES;
}

static void run(void **state, u64 limit, unsigned batch_max, bool large)
{
	static void (*const operations[])(void) = {
		use,	    use,	use,	    use,    use,	   use,
		write,	    write,	write,	    write,  write_and_log, fetch,
		bring_in,   bring_in,	move,	    move,   move,	   background,
		background, background, background, direct, go_elsewhere,  forget_code,
	};

	assert_int_equal(ram_teardown(state), 0);
	assert_int_equal(ram_setup(state, limit, batch_max), 0);
	ept.large = large;
	collapses = no_memory = 0;
	for (fake_step = 0; fake_step < STEPS; fake_step++) {
		if (large && fake_random() % 64 == 0)
			collapse();
		operations[fake_random() % ARRAY_SIZE(operations)]();
		ept.protocol = protocol_find(protocol_names[fake_random() % nprotocols]);
		if (fake_step % 16 == 0)
			ram_check();
	}
	ram_check();
	for (u64 page = 0; page <= RAM_PAGES; page++)
		ram_write(page, ram[page].kind < PAGE_PART ? ram[page].kind : PAGE_TEXT, page);
	ram_verify_all();
	ram_check();
	print_message("# limit %lu: %lu reclaimed, %lu same, %lu packed, %lu clean, %lu dropped, "
		      "%u collapses, %u compactions, %u without memory\n",
		      limit, reclaim.reclaimed, reclaim.batch.sum.same, reclaim.batch.sum.packed,
		      reclaim.batch.sum.clean, reclaim.copies_dropped, collapses,
		      (unsigned)reclaim.compactions, no_memory);
	CHECK(reclaim.batch.sum.clean > 100 && reclaim.copies_dropped > 10);
}

static void tight(void **state)
{
	run(state, 200, 16, false);
}

static void roomy(void **state)
{
	run(state, 700, 0, true);
}

/* Room for large pages, too. */
static void large(void **state)
{
	run(state, 2100, 128, true);
	CHECK(collapses > 5);
}

static int setup(void **state)
{
	return ram_setup(state, 1000, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ram_teardown)
	const struct CMUnitTest tests[] = { TEST(tight), TEST(roomy), TEST(large) };

	return cmocka_run_group_tests_name("reclaim_random", tests, NULL, NULL);
}
