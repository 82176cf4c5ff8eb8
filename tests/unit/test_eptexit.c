/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exits that EPT causes: what of the interrupted event is put back, when the vCPU stops trying,
 * what is counted.
 * links: vmx/eptexit.c tests/unit/fake.c mm/frame.c
 */
#include <string.h>

#include "tests/unit/fake.h"
#include "vmx/exit.h"
#include "vmx/guest.h"

#define NMI_UNBLOCKED BIT(12)
#define RAM_PAGES 8

static u64 entries[RAM_PAGES + 1];
static struct guest guest = { .backing = { .entries = entries, .ram_pages = RAM_PAGES },
			      .ept = { .backing = &guest.backing } };
static struct vcpu vcpu;
static int answer;	 /* of ept_fault() */
static unsigned changes; /* after so many calls it becomes 0 */
static unsigned faults, turned, got_on, redelivered, blocked, drained, stopped, no_memory;

int ept_fault(struct ept *e, u64 gpa, u64 access)
{
	assert_ptr_equal(e, &guest.ept);
	assert_int_equal(gpa, fake_vmcs[GUEST_PHYSICAL_ADDRESS]);
	assert_int_equal(access, EPT_WRITE);
	return ++faults == changes ? 0 : answer;
}

struct ept_leaf ept_walk(const struct ept *e, u64 gpa)
{
	(void)e;
	(void)gpa;
	return (struct ept_leaf){ .value = 0x123, .level = 1 };
}

void vcpu_turned_back(struct vcpu *v)
{
	(void)v;
	turned++;
}

void vcpu_got_on(struct vcpu *v)
{
	(void)v;
	got_on++;
}

void vcpu_redeliver(void)
{
	redelivered++;
}

void exit_block_nmis(void)
{
	blocked++;
}

void pml_drain(struct vcpu *v)
{
	(void)v;
	drained++;
}

void gate_no_memory(struct gate *g, u64 gfn)
{
	assert_ptr_equal(g, &vcpu.gate);
	assert_int_equal(gfn, fake_vmcs[GUEST_PHYSICAL_ADDRESS] >> PAGE_SHIFT);
	no_memory++;
}

void guest_stop(struct guest *g, const char *fmt, ...)
{
	(void)g;
	(void)fmt;
	stopped++;
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	memset(entries, 0, sizeof(entries));
	vcpu = (struct vcpu){ .ept = &guest.ept, .guest = &guest };
	fake_vmcs[EXIT_QUALIFICATION] = EPT_WRITE;
	fake_on_relax = NULL;
	answer = 0;
	changes = faults = turned = got_on = redelivered = blocked = drained = stopped = no_memory =
		0;
	return 0;
}

static void handled(void **state)
{
	(void)state;
	exit_ept_violation(&vcpu);
	assert_int_equal(faults, 1);
	assert_int_equal(redelivered, 1);
	assert_int_equal(drained, 1);
	assert_int_equal(turned, 1);
	assert_int_equal(blocked, 0);
	assert_int_equal(vcpu.retries, 0);
	fake_vmcs[EXIT_QUALIFICATION] |= NMI_UNBLOCKED;
	exit_ept_violation(&vcpu);
	assert_int_equal(blocked, 1);
	assert_int_equal(stopped, 0);
}

static void counted_by_kind(void **state)
{
	static const struct {
		u64 gfn, entry;
		enum p_kind kind;
		const char *reason;
	} cases[] = {
		{ 0, 0, P_KIND_ABSENT, "fault-absent" },
		{ 1, 0x5000 | P_PRESENT, P_KIND_RESIDENT, "fault-resident" },
		{ 2, 0x5000 | P_PRESENT | P_MOVING, P_KIND_RESIDENT, "fault-resident" },
		{ 3, P_SAME, P_KIND_SAME, "fault-same" },
		{ 4, P_PACKED, P_KIND_PACKED, "fault-packed" },
		{ APIC_ACCESS_GFN, 0x6000 | P_PRESENT, P_KIND_RESIDENT, "fault-resident" },
		{ RAM_PAGES, 0, P_KIND_ABSENT, "fault-absent" }, /* no memory there */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(state);
		if (backing_entry(&guest.backing, cases[i].gfn))
			*backing_entry(&guest.backing, cases[i].gfn) = cases[i].entry;
		fake_vmcs[GUEST_PHYSICAL_ADDRESS] = cases[i].gfn << PAGE_SHIFT | 0x123;
		exit_ept_violation(&vcpu);
		for (unsigned k = 0; k < P_KINDS; k++)
			assert_int_equal(vcpu.faults_count[k], k == cases[i].kind);
		assert_true(vcpu.faults_ticks[cases[i].kind] > 0);
		assert_int_equal(vcpu.stall_max, vcpu.faults_ticks[cases[i].kind]);
		assert_string_equal(vcpu.stall_reason, cases[i].reason);
	}
}

/* The page is not there for a while: the vCPU's one exit lasts until it is. */
static void exit_until_there(int err)
{
	answer = err;
	changes = 1000;
	exit_ept_violation(&vcpu);
	assert_int_equal(faults, 1000);
	assert_int_equal(vcpu.retries, 1);
}

/* The page is moving for a while. The longest stall is kept, not the last. */
static void waits(void **state)
{
	u64 longest;

	(void)state;
	exit_until_there(-EAGAIN);
	assert_int_equal(turned, 1000);
	assert_int_equal(got_on, 0);
	assert_int_equal(drained, 1);
	assert_int_equal(vcpu.faults_count[P_KIND_ABSENT], 1);
	longest = vcpu.stall_max;
	answer = 0;
	exit_ept_violation(&vcpu);
	assert_int_equal(vcpu.stall_max, longest);
	assert_true(vcpu.faults_ticks[P_KIND_ABSENT] > longest);
}

/* There is no frame for a while: it does not count as turned back, or who makes room would wait for
 * it. */
static void waits_for_memory(void **state)
{
	(void)state;
	exit_until_there(-EBUSY);
	assert_int_equal(turned, 1);
	assert_int_equal(got_on, 999);
	assert_int_equal(no_memory, 0);
}

static unsigned looks;
static u32 request;

static void ask(void)
{
	if (++looks == 5)
		vcpu.gate.requests = request;
}

/* It leaves, and makes the access again where it goes on. */
static void leaves_while_waiting(void **state)
{
	(void)state;
	for (request = 1; request <= REQ_MOVE; request <<= 1) {
		setup(state);
		answer = -EAGAIN;
		changes = 50;
		looks = 0;
		fake_on_relax = ask;
		exit_ept_violation(&vcpu);
		assert_int_equal(faults, request & (REQ_STOP | REQ_MOVE) ? 6 : 50);
		assert_int_equal(stopped, 0);
		assert_int_equal(redelivered, 1);
	}
}

static void stops_the_guest(void **state)
{
	static const int errors[] = { -ENOMEM, -EACCES, -EFAULT };

	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		setup(state);
		answer = errors[i];
		exit_ept_violation(&vcpu);
		assert_int_equal(no_memory, errors[i] == -ENOMEM);
		assert_int_equal(stopped, errors[i] != -ENOMEM);
		assert_int_equal(faults, 1);
	}
	assert_panics("misconfiguration", exit_ept_misconfiguration(&vcpu));
}

static void log_full(void **state)
{
	(void)state;
	fake_vmcs[EXIT_QUALIFICATION] = 0;
	exit_pml_full(&vcpu);
	assert_int_equal(drained, 1);
	assert_int_equal(redelivered, 1);
	assert_int_equal(blocked, 0);
	fake_vmcs[EXIT_QUALIFICATION] = NMI_UNBLOCKED;
	exit_pml_full(&vcpu);
	assert_int_equal(blocked, 1);
	assert_int_equal(faults, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(handled, setup),
		cmocka_unit_test_setup(counted_by_kind, setup),
		cmocka_unit_test_setup(waits, setup),
		cmocka_unit_test_setup(waits_for_memory, setup),
		cmocka_unit_test_setup(leaves_while_waiting, setup),
		cmocka_unit_test_setup(stops_the_guest, setup),
		cmocka_unit_test_setup(log_full, setup),
	};

	return cmocka_run_group_tests_name("eptexit", tests, NULL, NULL);
}
