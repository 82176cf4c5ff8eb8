/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No vCPU starves: its guest's instruction needs several pages at once, and invalidators that never
 * pause take them away again. Each time the vCPU has brought one in, they have the time for another
 * run: without the rule no step ever ends, with it each ends within the bound.
 * sanitizer: thread
 * links: ept/protocol.c ept/batch.c ept/fault.c ept/ept.c ept/reclaim.c apic/access.c mm/backing.c
 * links: mm/store.c
 * links: mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "tests/unit/must.h"
#include "tests/unit/world.h"
#include "vmx/gate.h"

#include "vmx/fair.c"

#define PAGES 4 /* that one step needs */
#define STEPS 20
#define INVALIDATORS 2
#define GIVE_UP 1000 /* turns; a step that has not ended by then never does */
#define AFTER 50     /* looks for a run that had begun before the vCPU was to be let through */

static struct vcpu vcpu;
static u64 tlb[PAGES], longest, turns, turned_by;
static bool rule, starved;
static u32 kicked, stop; /* atomic */
static struct batch batches[INVALIDATORS];

void gate_kick(struct gate *g)
{
	(void)g;
	__atomic_store_n(&kicked, 1, __ATOMIC_SEQ_CST);
}

void gate_late(struct gate *g, unsigned round)
{
	MUST_SAY(round == 0, "vCPU %u does not acknowledge", g->id);
}

void apic_access_write(u64 address)
{
	(void)address;
}

static void drop_tlb(u64 type, u64 eptp)
{
	(void)type;
	(void)eptp;
	memset(tlb, 0, sizeof(tlb));
}

static u64 generation(void)
{
	return __atomic_load_n(&ept.generation, __ATOMIC_ACQUIRE);
}

/* The adversary: there is always time for another run, unless the vCPU is to be let through. */
static void let_invalidators_run(void)
{
	u64 before = generation();

	for (unsigned i = 0; i < AFTER && generation() == before; i += vcpu.turned >= TURNS_MAX)
		sched_yield();
}

/* A stay in guest mode. The page that is missing, -1 after a kick, PAGES when the step was made. */
static int stay(void)
{
	for (int page = 0; page < PAGES; page++) {
		if (__atomic_exchange_n(&kicked, 0, __ATOMIC_SEQ_CST))
			return -1;
		if (!tlb[page])
			tlb[page] = leaf_of(page);
		if (!tlb[page])
			return page;
	}
	return PAGES;
}

static void vm_exit(u32 reason)
{
	gate_leave(test, &vcpu.gate);
	if (rule && vcpu.turned)
		vcpu_look_again(&vcpu, reason);
}

static void turned_back(void)
{
	if (turned_by != generation())
		turns++;
	turned_by = generation();
	if (rule)
		vcpu_turned_back(&vcpu);
}

static void violation(u64 page)
{
	turned_back();
	while (ept_fault(&ept, page << PAGE_SHIFT, EPT_READ) == -EAGAIN) {
		turned_back();
		cpu_relax();
	}
	let_invalidators_run();
}

/* One instruction; then a CPUID. */
static void step(void)
{
	let_invalidators_run();
	for (turns = 0; turns < GIVE_UP;) {
		int page;

		while (!gate_pass(&vcpu)) {
			turned_back();
			cpu_relax();
		}
		page = stay();
		if (page == PAGES) {
			longest = vcpu.turned > longest ? vcpu.turned : longest;
			fake_vmcs[GUEST_RIP]++;
			vm_exit(EXIT_CPUID);
			return;
		}
		vm_exit(page < 0 ? EXIT_EXCEPTION : EXIT_EPT_VIOLATION);
		if (page >= 0)
			violation(page);
	}
	starved = true;
}

static void *vcpu_thread(void *unused)
{
	this_cpu()->vcpu = &vcpu;
	for (unsigned i = 0; i < STEPS && !starved; i++)
		step();
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	return unused;
}

static void *invalidator_thread(void *arg)
{
	struct batch *b = arg;

	b->ept = &ept;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		for (u64 gfn = 0; gfn < PAGES; gfn++)
			batch_add(b, gfn);
		protocol_run(b);
	}
	return NULL;
}

static void run(bool with_rule, unsigned invalidators)
{
	pthread_t threads[INVALIDATORS + 1];

	rule = with_rule;
	for (u64 gfn = 0; gfn < PAGES; gfn++)
		populate(gfn);
	for (unsigned i = 0; i < invalidators; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, invalidator_thread, &batches[i]),
				 0);
	assert_int_equal(pthread_create(&threads[invalidators], NULL, vcpu_thread, NULL), 0);
	for (unsigned i = 0; i <= invalidators; i++)
		pthread_join(threads[i], NULL);
	print_message("# %s the rule, %u: %s, at most %lu turns from step to step, %lu waits\n",
		      with_rule ? "with" : "without", invalidators, starved ? "starves" : "gets on",
		      longest, ept.yields);
}

static int setup(void **state)
{
	int err = world_setup(state);

	memset(&vcpu, 0, sizeof(vcpu));
	memset(tlb, 0, sizeof(tlb));
	memset(batches, 0, sizeof(batches));
	vcpu.ept = &ept;
	world_add_gate(&vcpu.gate);
	fake_on_invept = drop_tlb;
	kicked = stop = 0;
	longest = turns = turned_by = 0;
	starved = false;
	return err;
}

static void starves_without(void **state)
{
	(void)state;
	run(false, 1);
	assert_true(starved);
	assert_int_equal(ept.yields, 0);
}

static void gets_on(unsigned invalidators)
{
	u64 waits = invalidators * STEPS;

	run(true, invalidators);
	assert_false(starved);
	/* A wait that was given up leads to a run, and to another wait. */
	assert_true(longest <=
		    TURNS_MAX + MAX_CPUS + (ept.yields > waits ? ept.yields - waits : 0));
	assert_true(longest >= TURNS_MAX); /* nobody is held up before there is need */
	assert_true(ept.yields >= STEPS / 2);
	assert_int_equal(ept.starving, 0);
}

static void gets_on_with_1(void **state)
{
	(void)state;
	gets_on(1);
}

static void gets_on_with_2(void **state)
{
	(void)state;
	gets_on(2);
}

/* ---- in one thread ---- */

static void turn_back(unsigned times)
{
	while (times--) {
		ept.generation++;
		vcpu_turned_back(&vcpu);
		vcpu_turned_back(&vcpu); /* by the same run: counts once */
	}
}

static void counts_runs_in_a_row(void **state)
{
	static const struct {
		u32 reason;
		bool moves; /* the guest is elsewhere */
		bool got_on;
	} exits[] = {
		{ EXIT_EXCEPTION, false, false },
		{ EXIT_EXCEPTION, true, true },
		{ EXIT_EXTERNAL_INTERRUPT, false, false },
		{ EXIT_EPT_VIOLATION, false, false },
		{ EXIT_EPT_VIOLATION, true, true },
		{ EXIT_PML_FULL, false, false },
		{ EXIT_CPUID, false, true },
		{ EXIT_HLT, false, true },
		{ EXIT_APIC_ACCESS, false, true },
	};

	(void)state;
	vcpu.gate.id = 3;
	for (unsigned i = 0; i < ARRAY_SIZE(exits); i++) {
		turn_back(TURNS_MAX - 1);
		assert_int_equal(ept.starving, 0);
		turn_back(1);
		assert_int_equal(ept.starving, 1 << 3);
		turn_back(10);
		vcpu.regs.rcx += exits[i].moves; /* a string instruction: RIP stays */
		vcpu_look_again(&vcpu, exits[i].reason);
		assert_int_equal(ept.starving, exits[i].got_on ? 0 : 1 << 3);
		vcpu_got_on(&vcpu);
		assert_int_equal(ept.starving, 0);
		assert_int_equal(vcpu.turned, 0);
	}
	/* Those of other vCPUs stay. */
	ept.starving = 1 << 2;
	turn_back(TURNS_MAX);
	vcpu_got_on(&vcpu);
	assert_int_equal(ept.starving, 1 << 2);
}

static unsigned looks, enough;

static void look(void)
{
	if (++looks == enough)
		ept.starving = 0;
}

static void who_waits_for_whom(void **state)
{
	static const struct {
		int caller; /* the vCPU on whose CPU it runs; -1 none */
		u32 starving;
		bool waits;
	} cases[] = {
		{ -1, 0, false },     { -1, 1, true },
		{ -1, 0x80, true },   { 2, 1, true },
		{ 2, 1 << 2, false }, { 2, 1 << 2 | 1 << 5, false },
		{ 2, 1 << 5, true },  { 2, 1 << 2 | 1 << 1, true },
		{ 0, 0xff, false },
	};

	(void)state;
	fake_on_relax = look;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		this_cpu()->vcpu = cases[i].caller < 0 ? NULL : &vcpu;
		vcpu.gate.id = (u32)cases[i].caller;
		ept.starving = cases[i].starving;
		ept.yields = 0;
		looks = 0;
		enough = 100;
		gate_let_through(&ept);
		assert_int_equal(looks, cases[i].waits ? 100 : 0);
		assert_int_equal(ept.yields, cases[i].waits);
		ept.starving = cases[i].starving;
		looks = enough = 0;
		gate_let_through(&ept); /* never for ever */
		assert_int_equal(looks, cases[i].waits ? STARVE_SPINS : 0);
	}
	/* A vCPU of another guest is nobody's here. */
	vcpu.ept = NULL;
	vcpu.gate.id = 0;
	ept.starving = 1;
	looks = 0;
	enough = 7;
	this_cpu()->vcpu = &vcpu;
	gate_let_through(&ept);
	assert_int_equal(looks, 7);
	this_cpu()->vcpu = NULL;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(starves_without),	    TEST(gets_on_with_1),     TEST(gets_on_with_2),
		TEST(counts_runs_in_a_row), TEST(who_waits_for_whom),
	};

	fake_random_start();
	return cmocka_run_group_tests_name("fair", tests, NULL, NULL);
}
