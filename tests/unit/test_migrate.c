/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs that change CPUs while pages move. Each CPU has a T of its own that drops nothing but by
 * INVEPT and INVLPG: guest-physical mappings, and combined ones by VPID, made out of page tables that
 * the guests change. Random order of whole steps; with the shipped gate nothing stale is ever used.
 * Two other gates show that it would be seen.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c apic/access.c
 * links: mm/backing.c
 * links: mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include <string.h>

#include "mm/frame.h"
#include "tests/unit/world.h"
#include "vmx/gate.h"

#define CPUS 4
#define VCPUS 3
#define GFNS 5
#define LINEAR 3 /* pages of a guest's linear address space */

static struct machine_cpu {
	u64 guest_physical[GFNS];
	u64 combined[VCPUS][LINEAR]; /* by VPID */
} machine[CPUS];

static struct mover {
	struct vcpu v;
	bool in_guest;
	u64 flushed;	   /* of a gate that keeps it with the vCPU */
	u64 table[LINEAR]; /* the guest's page table: gfns */
	u64 written[GFNS]; /* what this vCPU last wrote to its word of the page */
} movers[VCPUS], *me;

static enum { SHIPPED, NO_ARRIVAL, FLAG_OF_VCPU } variant;
static bool guests_remap;
static u64 stale, accesses, arrivals;

static struct machine_cpu *here(void)
{
	return &machine[me->v.gate.cpu];
}

/* SDM: a single-context INVEPT drops the combined mappings of all VPIDs too. */
static void drop_tlb(u64 type, u64 eptp)
{
	assert_int_equal(type, INVEPT_SINGLE);
	assert_int_equal(eptp, ept.eptp);
	memset(here(), 0, sizeof(*here()));
}

void apic_access_write(u64 address)
{
	(void)address;
}

void gate_kick(struct gate *g)
{
	assert_true(movers[g->id].in_guest);
	movers[g->id].in_guest = false;
	gate_leave(test, g);
}

/* What has been flushed is noted with the vCPU in place of the CPU. */
static void flag_before_pass(void)
{
	if (variant == FLAG_OF_VCPU)
		ept.flushed[me->v.gate.cpu] = me->flushed;
}

static void enter(void)
{
	flag_before_pass();
	me->in_guest = gate_pass(&me->v);
	me->flushed = ept.flushed[me->v.gate.cpu];
}

static void vm_exit(void)
{
	me->in_guest = false;
	gate_leave(test, &me->v.gate);
}

/* The host address of a linear one, or 0 after an EPT violation. */
static u64 translate(unsigned linear)
{
	u64 *combined = &here()->combined[me->v.gate.id][linear];
	u64 gfn = me->table[linear], *physical = &here()->guest_physical[gfn];

	if (*combined)
		return *combined;
	if (!*physical)
		*physical = leaf_of(gfn);
	*combined = *physical;
	return *physical;
}

static void use(unsigned linear)
{
	u64 gfn = me->table[linear], hpa = translate(linear);
	u64 *page = (u64 *)hpa, id = me->v.gate.id;

	if (!hpa) {
		vm_exit();
		ept_fault(&ept, gfn << PAGE_SHIFT, EPT_WRITE);
		return;
	}
	accesses++;
	if (frame_owner(hpa >> PAGE_SHIFT) != OWNER || page[0] != gfn << 32 ||
	    page[1 + id] != me->written[gfn]) {
		stale++;
		return;
	}
	page[1 + id] = ++me->written[gfn];
}

/* MOV to the page table and INVLPG, on the CPU where it is. */
static void remap(unsigned linear)
{
	me->table[linear] = fake_random() % GFNS;
	here()->combined[me->v.gate.id][linear] = 0;
}

static bool taken(unsigned cpu)
{
	for (unsigned i = 0; i < VCPUS; i++)
		if (movers[i].v.gate.cpu == cpu)
			return true;
	return false;
}

static void change_cpu(void)
{
	unsigned cpu = fake_random() % CPUS;

	if (taken(cpu))
		return;
	me->v.gate.cpu = cpu;
	if (variant == SHIPPED)
		gate_arrive(&me->v);
	arrivals++;
}

static void act(void)
{
	unsigned linear = fake_random() % LINEAR, what = fake_random() % 16;

	me = &movers[fake_random() % VCPUS];
	if (me->in_guest && what < 11)
		use(linear);
	else if (me->in_guest && what < 13 && guests_remap)
		remap(linear);
	else if (me->in_guest)
		vm_exit();
	else if (what < 4)
		change_cpu();
	else
		enter();
}

static void acts(u64 count)
{
	while (count--) {
		act();
		fake_step++;
	}
}

static int setup(void **state)
{
	int err = world_setup(state);

	memset(machine, 0, sizeof(machine));
	memset(movers, 0, sizeof(movers));
	stale = accesses = arrivals = 0;
	fake_on_invept = drop_tlb;
	fake_random_start();
	for (u64 gfn = 0; gfn < GFNS; gfn++)
		populate(gfn);
	for (unsigned i = 0; i < VCPUS; i++) {
		movers[i].v.ept = &ept;
		world_add_gate(&movers[i].v.gate);
		for (u64 gfn = 0; gfn < GFNS; gfn++)
			movers[i].written[gfn] = gfn << 32 | (1 + i);
	}
	return err;
}

static void run(unsigned moves)
{
	while (moves--) {
		for (u64 n = fake_random() % GFNS; n; n--)
			batch_add(&batch, fake_random() % GFNS);
		for (const struct step *s = ept.protocol->steps; s->run; s++) {
			s->run(&batch);
			acts(fake_random() % 8);
		}
		batch.npages = 0;
		if (moves % 16 == 0) /* time to leave a CPU and come back before a flush is due */
			acts(200);
	}
	assert_true(accesses > 1000 && arrivals > 200);
}

static void nothing_stale(void **state)
{
	(void)state;
	variant = SHIPPED;
	guests_remap = true;
	run(20000);
	CHECK(stale == 0);
}

/* Without the INVEPT on arrival: the guest's own changes are missed, and those alone. */
static void arrival_owes_a_flush(void **state)
{
	(void)state;
	variant = NO_ARRIVAL;
	guests_remap = false;
	run(5000);
	CHECK(stale == 0);
	guests_remap = true;
	run(5000);
	assert_true(stale > 0);
}

/* Moves of pages are missed when what has been flushed is a flag of the vCPU's. */
static void flag_of_the_vcpu(void **state)
{
	(void)state;
	variant = FLAG_OF_VCPU;
	guests_remap = false;
	run(5000);
	assert_true(stale > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_stale),
		TEST(arrival_owes_a_flush),
		TEST(flag_of_the_vcpu),
	};

	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
