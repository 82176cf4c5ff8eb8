/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs and invalidators as threads: each vCPU passes the real gate and then uses its guest's
 * pages through a TLB of its own; one or two invalidators move them meanwhile. No access is ever
 * stale, no write is lost, and there is no data race.
 * sanitizer: thread
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c apic/access.c
 * links: vmx/guestmem.c mm/backing.c mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c
 * links: tests/unit/fake.c
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/frame.h"
#include "tests/unit/world.h"
#include "vmx/gate.h"
#include "vmx/guest.h"

#define PAGES 6 /* of data; moved all the time */
#define VCPUS 3
#define INVALIDATORS 2
#define MOVES 4000

struct thread {
	struct vcpu vcpu;
	u64 a_field;
	u64 apic_tlb, tlb[PAGES];
	u64 written[PAGES]; /* what this vCPU last wrote to its word of the page */
	u64 random, checks, trapped, exits;
	u32 kicked; /* atomic */
	pthread_t thread;
};

static struct thread threads[VCPUS];
static _Thread_local struct thread *me;
static struct batch batches[INVALIDATORS];
static u32 stop, running;
static u64 moved[INVALIDATORS], apic_moved[INVALIDATORS];

/* A thread cannot fail a test of cmocka's: it says what is wrong, and ends the program. */
#define MUST(condition, ...)                                                                       \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("Bail out! %s: ", ept.protocol->name);                              \
			printf(__VA_ARGS__);                                                       \
			printf(" (SEED=%lu)\n", fake_seed);                                        \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static u64 xorshift(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/*
 * Lets another thread run now and then, at places where it hurts: there are more of them than
 * CPUs.
 */
static void perhaps_yield(u64 *random)
{
	if (xorshift(random) % 8 == 0)
		sched_yield();
}

static void between_steps(const char *step)
{
	static _Thread_local u64 random = 1;

	(void)step;
	perhaps_yield(&random);
}

void apic_access_write(u64 address)
{
	perhaps_yield(&me->random);
	me->a_field = address;
}

static void drop_tlb(u64 type, u64 eptp)
{
	MUST(type == INVEPT_SINGLE && eptp == ept.eptp, "INVEPT of the wrong thing");
	perhaps_yield(&me->random);
	me->apic_tlb = 0;
	memset(me->tlb, 0, sizeof(me->tlb));
}

void gate_kick(struct gate *g)
{
	__atomic_store_n(&threads[g->id].kicked, 1, __ATOMIC_SEQ_CST);
}

void gate_late(struct gate *g, unsigned round)
{
	MUST(round == 0, "vCPU %u does not acknowledge", g->id);
}

/* The guest's address, or 0 when the access is an EPT violation. */
static u64 translate(u64 gfn, u64 *tlb)
{
	if (!*tlb)
		*tlb = leaf_of(gfn);
	return *tlb;
}

static bool use_apic(void)
{
	u64 hpa = translate(APIC_ACCESS_GFN, &me->apic_tlb);

	if (!hpa)
		return false;
	me->trapped++;
	MUST(hpa == me->a_field, "E leads to %lx, A is %lx", hpa, me->a_field);
	return true;
}

static bool use_data(u64 gfn)
{
	u64 hpa = translate(gfn, &me->tlb[gfn]);
	u64 *word;

	if (!hpa)
		return false;
	word = (u64 *)hpa + me->vcpu.gate.id;
	MUST(*word == me->written[gfn], "page %lu has %lx, expected %lx", gfn, *word,
	     me->written[gfn]);
	*word = ++me->written[gfn];
	me->checks++;
	return true;
}

/* The hypervisor's own read of the guest's memory, for this vCPU. */
static void read_by_host(u64 gfn)
{
	u64 word;

	if (guest_read(&me->vcpu, (gfn << PAGE_SHIFT) + 8 * me->vcpu.gate.id, &word, 8))
		return;
	MUST(word == me->written[gfn], "the host reads %lx from page %lu, expected %lx", word, gfn,
	     me->written[gfn]);
}

/* One stay in guest mode: until a kick, an EPT violation, or some other exit. */
static u64 stay(void)
{
	for (u64 n = xorshift(&me->random) % 200; n; n--) {
		u64 gfn = xorshift(&me->random) % (PAGES + 2);

		if (__atomic_exchange_n(&me->kicked, 0, __ATOMIC_SEQ_CST))
			return 0;
		if (n % 8 == 0)
			perhaps_yield(&me->random);
		if (gfn >= PAGES ? !use_apic() : !use_data(gfn))
			return gfn >= PAGES ? APIC_ACCESS_GPA : gfn << PAGE_SHIFT | 1;
	}
	return 0;
}

static void *vcpu_thread(void *arg)
{
	bool ran = false;

	me = arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		u64 violation;
		int err;

		while (!gate_pass(&me->vcpu))
			cpu_relax();
		violation = stay();
		gate_leave(test, &me->vcpu.gate);
		if (!ran && me->checks && me->trapped) {
			__atomic_fetch_add(&running, 1, __ATOMIC_RELEASE);
			ran = true;
		}
		me->exits++;
		while (violation && (err = ept_fault(&ept, violation, EPT_READ))) {
			MUST(err == -EAGAIN, "EPT violation: %d", err);
			cpu_relax();
		}
		if (me->exits % 8 == 0)
			read_by_host(xorshift(&me->random) % PAGES);
	}
	return NULL;
}

static void *invalidator_thread(void *arg)
{
	unsigned index = (unsigned)(u64)arg;
	struct batch *b = &batches[index];
	u64 random = fake_seed * 1000 + index + 77;

	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) < VCPUS)
		cpu_relax();
	for (unsigned i = 0; i < MOVES; i++) {
		bool apic = xorshift(&random) % 2;

		if (apic)
			batch_add(b, APIC_ACCESS_GFN);
		for (u64 n = xorshift(&random) % (PAGES + 1); n; n--)
			batch_add(b, xorshift(&random) % PAGES);
		apic = apic && b->npages && b->page[0].gfn == APIC_ACCESS_GFN;
		moved[index] += protocol_run(b);
		apic_moved[index] += apic;
	}
	return NULL;
}

static void start(unsigned invalidators, pthread_t *threads_of)
{
	memset(threads, 0, sizeof(threads));
	memset(batches, 0, sizeof(batches));
	memset(moved, 0, sizeof(moved));
	memset(apic_moved, 0, sizeof(apic_moved));
	stop = running = 0;
	for (unsigned i = 0; i < VCPUS; i++) {
		struct vcpu *v = &threads[i].vcpu;

		v->ept = &ept;
		world_add_gate(&v->gate);
		v->gate.requests = REQ_RELOAD;
		threads[i].random = fake_random() | 1;
	}
	for (unsigned i = 0; i < VCPUS; i++)
		assert_int_equal(pthread_create(&threads[i].thread, NULL, vcpu_thread, &threads[i]),
				 0);
	for (u64 i = 0; i < invalidators; i++) {
		batches[i].ept = &ept;
		assert_int_equal(
			pthread_create(&threads_of[i], NULL, invalidator_thread, (void *)i), 0);
	}
}

static void run(const char *protocol, unsigned invalidators)
{
	pthread_t inv[INVALIDATORS];
	u64 sum = 0, apic = 0, ipis = 0;

	ept.protocol = protocol_find(protocol);
	ept.large = invalidators == 2; /* the first moves then split leaves */
	populate(APIC_ACCESS_GFN); /* a guest has it from the start; its RAM comes with its use */
	start(invalidators, inv);
	for (unsigned i = 0; i < invalidators; i++) {
		pthread_join(inv[i], NULL);
		sum += moved[i];
		apic += apic_moved[i];
		ipis += batches[i].sum.ipis;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < VCPUS; i++) {
		pthread_join(threads[i].thread, NULL);
		assert_true(threads[i].checks > 0 && threads[i].trapped > 0);
		for (u64 gfn = 0; gfn < PAGES; gfn++)
			assert_int_equal(((u64 *)frame_ptr(frame_at(gfn)))[i],
					 threads[i].written[gfn]);
	}
	assert_true(sum > MOVES && apic > MOVES / 8 && ipis > 0);
	for (u64 gfn = 0; gfn < PAGES; gfn++)
		assert_int_equal(p_of(gfn) & ~P_ADDRESS, P_PRESENT);
	assert_int_equal(p_of(APIC_ACCESS_GFN) & ~P_ADDRESS, P_PRESENT);
	print_message("# %s, %u: moved %lu, %lu times the APIC page, %lu IPIs\n", protocol,
		      invalidators, sum, apic, ipis);
}

static int setup(void **state)
{
	int err;

	fake_frames(2200);
	err = world_setup(state);

	fake_on_invept = drop_tlb;
	fake_on_trace = between_steps;
	return err;
}

#define RUNS(name, protocol)                                                                       \
	static void name##_1(void **state)                                                         \
	{                                                                                          \
		(void)state;                                                                       \
		run(protocol, 1);                                                                  \
	}                                                                                          \
	static void name##_2(void **state)                                                         \
	{                                                                                          \
		(void)state;                                                                       \
		run(protocol, 2);                                                                  \
	}
RUNS(ordered, "ordered")
RUNS(gated, "gated")
RUNS(range_notifier, "range-notifier")

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(ordered_1), TEST(ordered_2),	 TEST(gated_1),
		TEST(gated_2),	 TEST(range_notifier_1), TEST(range_notifier_2),
	};

	fake_random_start();
	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
