/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One vCPU against one move of the APIC-access page, a data page, or both: the vCPU makes some
 * steps (of its gate, of its guest) between any two steps of the invalidator. Its TLB drops
 * nothing but by INVEPT. This is the order of whole steps only: stores that pass loads are the
 * explorer's.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c apic/access.c
 * links: mm/backing.c
 * links: mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include <string.h>

#include "mm/frame.h"
#include "tests/unit/world.h"
#include "vmx/gate.h"

#define DATA_GFN 2

static bool (*const gate_steps[])(struct vcpu *v) = {
#define STEP(name) gate_##name,
	GATE(STEP)
#undef STEP
};

static struct vcpu vcpu;
static u64 a_field;	       /* A in the VMCS */
static u64 apic_tlb, data_tlb; /* cached translations; 0 none */
static unsigned at;	       /* the next step of the gate; past the last: in the guest */
static unsigned kicked;	       /* steps until the NMI arrives; 0 none is pending */
static bool evicts;	       /* the TLB drops its entries at exits too (rule I13) */
static unsigned steps_made;
static u64 written; /* what the guest last wrote to its data page */
static unsigned stale, accesses, entries;

void apic_access_write(u64 address)
{
	a_field = address;
}

static void drop_tlb(u64 type, u64 eptp)
{
	(void)type;
	(void)eptp;
	apic_tlb = data_tlb = 0;
}

void gate_kick(struct gate *g)
{
	(void)g;
	kicked = 3;
}

static bool in_guest(void)
{
	return at == ARRAY_SIZE(gate_steps);
}

static void vm_exit(void)
{
	at = 0;
	kicked = 0;
	if (evicts)
		apic_tlb = data_tlb = 0;
	gate_leave(test, &vcpu.gate);
}

/* An address that the guest uses, from its TLB or E; 0 after an EPT violation. */
static u64 translate(u64 gfn, u64 *tlb)
{
	if (!*tlb)
		*tlb = leaf_of(gfn);
	if (!*tlb) {
		vm_exit();
		ept_fault(&ept, gfn << PAGE_SHIFT, EPT_READ);
	}
	return *tlb;
}

/* Trapped only where the translation is A. */
static void access_apic(void)
{
	u64 hpa = translate(APIC_ACCESS_GFN, &apic_tlb);

	if (!hpa)
		return;
	accesses++;
	stale += hpa != a_field || frame_owner(hpa >> PAGE_SHIFT) != OWNER;
}

static void access_data(void)
{
	u64 hpa = translate(DATA_GFN, &data_tlb), *p = frame_ptr(hpa >> PAGE_SHIFT);

	if (!hpa)
		return;
	accesses++;
	if (*p != written || frame_owner(hpa >> PAGE_SHIFT) != OWNER)
		stale++;
	else
		*p = ++written;
}

/* The kick takes a while, and now and then there is an exit for some other reason. */
static void vcpu_step(void)
{
	steps_made++;
	if (!in_guest()) {
		at = gate_steps[at](&vcpu) ? at + 1 : 0;
		entries += in_guest();
	} else if ((kicked && --kicked == 0) || steps_made % 11 == 0) {
		vm_exit();
	} else if (accesses % 2) {
		access_data();
	} else {
		access_apic();
	}
}

static void vcpu_steps(unsigned n)
{
	while (n--)
		vcpu_step();
}

/* The invalidator waits, so the vCPU goes on. */
static void while_waiting(void)
{
	assert_int_not_equal(vcpu.gate.mode & MODE_MASK, MODE_OUTSIDE);
	vcpu_step();
}

static int setup(void **state)
{
	int err = world_setup(state);

	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.ept = &ept;
	world_add_gate(&vcpu.gate);
	vcpu.gate.requests = REQ_RELOAD;
	a_field = apic_tlb = data_tlb = at = kicked = steps_made = 0;
	fake_on_invept = drop_tlb;
	fake_on_relax = while_waiting;
	populate(APIC_ACCESS_GFN);
	populate(DATA_GFN);
	written = *(u64 *)frame_ptr(frame_at(DATA_GFN));
	return err;
}

static void run_steps(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to && ept.protocol->steps[i].run; i++)
		ept.protocol->steps[i].run(&batch);
}

static unsigned step_count(void)
{
	unsigned n = 0;

	while (ept.protocol->steps[n].run)
		n++;
	return n;
}

/*
 * A batch; the vCPU makes N steps before step FIRST of the invalidator, N before SECOND, and
 * then as many as it takes to be in the guest with all settled.
 */
static void interleave(unsigned what, unsigned first, unsigned second, unsigned n)
{
	unsigned steps = step_count();

	batch.npages = 0;
	if (what & 1)
		assert_int_equal(batch_add(&batch, APIC_ACCESS_GFN), 0);
	if (what & 2)
		assert_int_equal(batch_add(&batch, DATA_GFN), 0);
	run_steps(0, first);
	vcpu_steps(n);
	run_steps(first, second);
	vcpu_steps(n);
	run_steps(second, steps);
	vcpu_steps(40);
	while (!in_guest())
		vcpu_step();
	assert_true(accesses > 4);
}

/* In how many of all interleavings the guest met something stale. */
static unsigned stale_interleavings(const char *protocol, unsigned what)
{
	unsigned found = 0, steps;

	ept.protocol = protocol_find(protocol);
	steps = step_count();
	for (unsigned n = 0; n <= 2 * 12; n++) {
		evicts = n % 2;
		for (unsigned first = 0; first <= steps; first++) {
			for (unsigned second = first; second <= steps; second++) {
				stale = accesses = 0;
				interleave(what, first, second, n / 2);
				if (!stale) {
					assert_int_equal(a_field, leaf_of(APIC_ACCESS_GFN));
					assert_int_equal(a_field, frame_at(APIC_ACCESS_GFN)
									  << PAGE_SHIFT);
				}
				found += stale > 0;
			}
		}
	}
	return found;
}

static void right_in_every_place(void **state)
{
	(void)state;
	for (unsigned what = 1; what <= 3; what++) {
		assert_int_equal(stale_interleavings("ordered", what), 0);
		assert_int_equal(stale_interleavings("range-notifier", what), 0);
		assert_int_equal(stale_interleavings("gated", what), 0);
	}
}

/* Its data pages are as safe as any; what it loses is A. */
static void wrong_in_some_place(void **state)
{
	(void)state;
	assert_int_equal(stale_interleavings("start-notifier", 2), 0);
	assert_int_not_equal(stale_interleavings("start-notifier", 1), 0);
}

/* A vCPU that is outside all the time costs no IPI, one in the guest one per kick. */
static void ipis(void **state)
{
	(void)state;
	vcpu_steps(2); /* within the gate */
	interleave(3, 0, 0, 0);
	assert_int_equal(batch.sum.ipis, 0);
	assert_int_equal(batch.sum.ipis_avoided, 1);
	while (!in_guest())
		vcpu_step();
	interleave(3, 0, 0, 0);
	assert_int_equal(batch.sum.ipis, 1);
	assert_int_equal(batch.sum.ipis_avoided, 1);
}

/* Linux b1394e745b94, step by step. */
static void seven_steps(void **state)
{
	u64 old = frame_at(APIC_ACCESS_GFN) << PAGE_SHIFT, new;

	(void)state;
	ept.protocol = protocol_find("start-notifier");
	while (!apic_tlb)
		vcpu_step();
	assert_int_equal(a_field, old);
	assert_int_equal(batch_add(&batch, APIC_ACCESS_GFN), 0);
	new = batch.page[0].new << PAGE_SHIFT;
	run_steps(0, 5); /* 1: begin, unmap, flush with kick and wait */
	assert_false(in_guest());
	assert_int_equal(leaf_of(APIC_ACCESS_GFN), 0);
	run_steps(5, 8); /* 2: the reload is asked for */
	assert_int_equal(vcpu.gate.requests, REQ_RELOAD);
	vcpu_steps(2); /* 3: the vCPU reads P, and that is the old frame */
	assert_int_equal(a_field, old);
	assert_int_equal(vcpu.gate.requests, 0);
	run_steps(8, 13); /* 4, 5: P is cleared, the new frame installed; end */
	stale = 0;
	vcpu_steps(12); /* 6: the fault maps the new frame */
	assert_int_equal(leaf_of(APIC_ACCESS_GFN), new);
	assert_int_equal(p_of(APIC_ACCESS_GFN), new | P_PRESENT);
	assert_int_equal(a_field, old); /* 7: A != E, and nobody asks again */
	assert_int_equal(vcpu.gate.requests, 0);
	assert_true(stale > 0);
	assert_poisoned(old >> PAGE_SHIFT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(right_in_every_place),
		TEST(wrong_in_some_place),
		TEST(ipis),
		TEST(seven_steps),
	};

	return cmocka_run_group_tests_name("interleave", tests, NULL, NULL);
}
