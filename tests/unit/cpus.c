/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <sched.h>

#include "mm/frame.h"
#include "tests/unit/cpus.h"
#include "tests/unit/must.h"
#include "vmx/gate.h"
#include "vmx/guest.h"

#define WORDS 4 /* that a vCPU has in each page, all of them the same */
#define LARGE ept_level_size(2)
#define EXPECT(condition, format, ...)                                                             \
	MUST_SAY(condition, "%s: " format, ept.protocol->name, ##__VA_ARGS__)
#define TLB_DIRTY BIT(0)

struct thread {
	struct vcpu vcpu;
	u64 a_field;
	u64 tlb[RAM_PAGES + 1]; /* an address and TLB_DIRTY; 0 nothing */
	u64 *table[16];		/* of level 1, by the 2 MB that they are for */
	u64 written[RAM_PAGES]; /* what this vCPU last wrote to its words of the page */
	u64 random, checks, trapped, exits, late;
	u32 kicked; /* atomic */
	pthread_t thread;
};

static struct thread threads[VCPUS];
static _Thread_local struct thread *me;
static u32 stop, running; /* atomic */
struct cpus_use cpus_use;

/* There are more threads than CPUs: another one runs now and then, at places where it hurts. */
static void perhaps_yield(u64 *random)
{
	if (random_next(random) % 8 == 0)
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
	EXPECT(type == INVEPT_SINGLE && eptp == ept.eptp, "INVEPT of the wrong thing");
	perhaps_yield(&me->random);
	memset(me->tlb, 0, sizeof(me->tlb));
	memset(me->table, 0, sizeof(me->table));
}

void gate_kick(struct gate *g)
{
	__atomic_store_n(&threads[g->id].kicked, 1, __ATOMIC_SEQ_CST);
}

void gate_late(struct gate *g, unsigned round)
{
	EXPECT(round == 0, "vCPU %u does not acknowledge", g->id);
}

void gate_no_memory(struct gate *g, u64 gfn)
{
	EXPECT(false, "vCPU %u: no memory for page %lx", g->id, gfn);
}

static bool every(unsigned times, u64 n)
{
	return times && n % times == 0;
}

/* The entry of the 4-KB page at GPA in a table that was cached, which nobody may have freed. */
static struct ept_leaf cached_leaf(u64 *table, u64 gpa)
{
	struct ept_leaf leaf = { .entry = &table[gpa >> PAGE_SHIFT & 511], .level = 1 };

	leaf.value = order_load(test, leaf.entry);
	EXPECT(frame_owner(frame_of(table)) == OWNER_HOST, "a freed table is walked");
	return leaf;
}

static struct ept_leaf walk(u64 gpa)
{
	u64 **table = &me->table[gpa / LARGE % ARRAY_SIZE(me->table)];
	struct ept_leaf leaf;

	if (*table)
		return cached_leaf(*table, gpa);
	leaf = ept_walk(&ept, gpa);
	if (leaf.level == 1)
		*table = frame_ptr(frame_of(leaf.entry));
	return leaf;
}

/*
 * The guest's address, or 0 when the access is an EPT violation, which drops what is cached for
 * it. A write through an entry that is not known to be dirty goes to E again, where the flag is
 * set in one step with the look at the leaf.
 */
static u64 translate(u64 page, u64 access)
{
	u64 gfn = backing_gfn(&backing, page), gpa = gfn << PAGE_SHIFT, *t = &me->tlb[page];
	u64 flags = EPT_ACCESSED | (access & EPT_WRITE ? EPT_DIRTY : 0);
	struct ept_leaf leaf;

	if (*t && (!(access & EPT_WRITE) || (*t & TLB_DIRTY)))
		return *t & ~TLB_DIRTY;
	do {
		leaf = walk(gpa);
		if (access & ~leaf.value) {
			*t = 0;
			me->table[gpa / LARGE % ARRAY_SIZE(me->table)] = NULL;
			return 0;
		}
	} while (!order_cas(test, leaf.entry, &leaf.value, leaf.value | flags));
	if (flags & ~leaf.value & EPT_DIRTY)
		backing_log_dirty(&backing, gfn);
	*t = (leaf.value & EPT_ADDRESS) + (gpa & (ept_level_size(leaf.level) - 1));
	EXPECT(frame_owner(*t >> PAGE_SHIFT) == OWNER, "E leads to a frame of %u's",
	       frame_owner(*t >> PAGE_SHIFT));
	if ((leaf.value | flags) & EPT_DIRTY)
		*t |= TLB_DIRTY;
	return *t & ~TLB_DIRTY;
}

static bool use_apic(void)
{
	u64 hpa = translate(APIC_INDEX, EPT_READ);

	if (!hpa)
		return false;
	me->trapped++;
	EXPECT(hpa == me->a_field, "E leads to %lx, A is %lx", hpa, me->a_field);
	return true;
}

static bool use_data(u64 page, u64 access)
{
	u64 *word = (u64 *)translate(page, access) + me->vcpu.gate.id, *value = &me->written[page];

	if ((u64)word < PAGE_SIZE)
		return false;
	for (unsigned i = 0; i < WORDS; i++)
		EXPECT(word[64 * i] == *value, "page %lu has %lx, expected %lx", page, word[64 * i],
		       *value);
	me->checks++;
	if (access & EPT_WRITE) {
		*value = every(cpus_use.zero_every, random_next(&me->random)) ? 0 : *value + 1;
		for (unsigned i = 0; i < WORDS; i++)
			word[64 * i] = *value;
	}
	return true;
}

/* The hypervisor's own read of the guest's memory, for this vCPU. */
static void read_by_host(u64 page)
{
	u64 word;

	if (guest_read(&me->vcpu, (page << PAGE_SHIFT) + 8 * me->vcpu.gate.id, &word, 8))
		return;
	EXPECT(word == me->written[page], "the host reads %lx from page %lu, expected %lx", word,
	       page, me->written[page]);
}

/* And its write, of all words that this vCPU has there. */
static void write_by_host(u64 page)
{
	u64 value = me->written[page] + 1, gpa = (page << PAGE_SHIFT) + 8 * me->vcpu.gate.id;

	for (unsigned i = 0; i < WORDS; i++)
		EXPECT(!guest_write(&me->vcpu, gpa + 8 * 64 * i, &value, 8),
		       "the host cannot write");
	me->written[page] = value;
}

/* One stay in guest mode: until a kick, an EPT violation, or some other exit. Returns the page that
 * it was violated for, and what for; 0 none. */
static u64 stay(u64 hot)
{
	for (u64 n = random_next(&me->random) % 200; n; n--) {
		u64 r = random_next(&me->random);
		u64 page = (r % 8 ? hot + (r >> 8) % 32 : r >> 8) % cpus_use.pages;
		u64 access = EPT_READ | (every(cpus_use.read_every, r >> 32) ? 0 : EPT_WRITE);

		if (__atomic_exchange_n(&me->kicked, 0, __ATOMIC_SEQ_CST))
			return 0;
		if (n % 8 == 0)
			perhaps_yield(&me->random);
		if (every(cpus_use.apic_every, n) && !use_apic())
			return APIC_ACCESS_GPA | EPT_READ;
		if (!use_data(page, access))
			return page << PAGE_SHIFT | access;
	}
	return 0;
}

bool cpus_stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

bool cpus_running(void)
{
	return __atomic_load_n(&running, __ATOMIC_ACQUIRE) == VCPUS;
}

void cpus_stop(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
}

static void *vcpu_thread(void *arg)
{
	bool ran = false;
	u64 hot = 0;

	me = arg;
	while (!cpus_stopped()) {
		u64 violation;
		int err;

		while (!gate_pass(&me->vcpu))
			cpu_relax();
		violation = stay(hot);
		gate_leave(test, &me->vcpu.gate);
		if (!ran && me->checks && me->trapped) {
			__atomic_fetch_add(&running, 1, __ATOMIC_RELEASE);
			ran = true;
		}
		while (violation &&
		       (err = ept_fault(&ept, violation & ~(u64)EPT_RWX, violation & EPT_RWX))) {
			EXPECT(err == -EAGAIN || (err == -EBUSY && cpus_use.short_of_memory),
			       "EPT violation: %d", err);
			me->late++;
			cpu_relax();
		}
		if (every(cpus_use.host_every, ++me->exits)) {
			u64 r = random_next(&me->random);

			(r & 1 ? read_by_host : write_by_host)((r >> 1) % cpus_use.pages);
		}
		if (me->exits % 256 == 0)
			hot = random_next(&me->random);
		if (every(cpus_use.reclaim_every, me->exits))
			reclaim_direct(&reclaim);
	}
	return NULL;
}

void cpus_setup(struct cpus_use use)
{
	cpus_use = use;
	fake_on_invept = drop_tlb;
	fake_on_trace = between_steps;
}

void cpus_start(void)
{
	memset(threads, 0, sizeof(threads));
	stop = running = 0;
	for (unsigned i = 0; i < VCPUS; i++) {
		struct vcpu *v = &threads[i].vcpu;

		v->ept = &ept;
		world_add_gate(&v->gate);
		v->gate.requests = REQ_RELOAD;
		threads[i].random = fake_random();
	}
	for (unsigned i = 0; i < VCPUS; i++)
		assert_int_equal(pthread_create(&threads[i].thread, NULL, vcpu_thread, &threads[i]),
				 0);
}

struct cpus_counts cpus_join(void)
{
	struct cpus_counts sum = { 0 };

	for (unsigned i = 0; i < VCPUS; i++) {
		pthread_join(threads[i].thread, NULL);
		assert_true(threads[i].checks > 0 && threads[i].trapped > 0);
		sum.checks += threads[i].checks;
		sum.trapped += threads[i].trapped;
		sum.late += threads[i].late;
	}
	return sum;
}

void cpus_check_all(void)
{
	for (u64 page = 0; page < cpus_use.pages; page++) {
		const u64 *word = ram_access(page, EPT_READ);

		for (unsigned i = 0; i < VCPUS * WORDS; i++)
			assert_int_equal(word[64 * (i / VCPUS) + i % VCPUS],
					 threads[i % VCPUS].written[page]);
	}
}
