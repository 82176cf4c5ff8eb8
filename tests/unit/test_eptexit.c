/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exits that EPT causes: what of the interrupted event is put back, when the vCPU stops trying,
 * what is counted, what goes to a device.
 * links: vmx/eptexit.c tests/unit/fake.c mm/frame.c
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/fake.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/mmio.h"

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

static char stop_text[256];

void guest_stop(struct guest *g, const char *fmt, ...)
{
	va_list args;

	(void)g;
	va_start(args, fmt);
	vsnprintf(stop_text, sizeof(stop_text), fmt, args);
	va_end(args);
	stopped++;
}

static const struct mmio device = { .base = 0x10000 };
static unsigned accesses;
static u64 access_kind;
static int access_answer;

const struct mmio *mmio_find(struct vcpu *v, u64 gpa)
{
	assert_ptr_equal(v, &vcpu);
	assert_int_equal(gpa, fake_vmcs[GUEST_PHYSICAL_ADDRESS]);
	return &device;
}

int mmio_access(struct vcpu *v, const struct mmio *d, u64 gpa, u64 kind, struct code *code)
{
	assert_ptr_equal(v, &vcpu);
	assert_ptr_equal(d, &device);
	assert_int_equal(gpa, fake_vmcs[GUEST_PHYSICAL_ADDRESS]);
	code->size = 1;
	access_kind = kind;
	accesses++;
	return access_answer;
}

void code_text(const struct code *code, char text[CODE_TEXT])
{
	strcpy(text, code->size ? "90 " : "");
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	memset(entries, 0, sizeof(entries));
	vcpu = (struct vcpu){ .ept = &guest.ept, .guest = &guest };
	fake_vmcs[EXIT_QUALIFICATION] = EPT_WRITE;
	fake_on_relax = NULL;
	answer = access_answer = 0;
	accesses = 0;
	stop_text[0] = 0;
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
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(state);
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
	static const int errors[] = { -ENOMEM, -EACCES };

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

#define LINEAR BIT(7)
#define OPERAND BIT(8)

static void access_absent(u64 qualification, u64 vectoring)
{
	setup(NULL);
	fake_vmcs[GUEST_PHYSICAL_ADDRESS] = (u64)RAM_PAGES << PAGE_SHIFT | 0x20;
	fake_vmcs[GUEST_RIP] = 0x1234;
	fake_vmcs[EXIT_QUALIFICATION] = qualification;
	fake_vmcs[IDT_VECTORING_INFO] = vectoring;
}

/* Where there is no memory: not a fault, not counted as one. */
static void device_access(void **state)
{
	(void)state;
	for (u64 kind = EPT_READ; kind <= (EPT_READ | EPT_WRITE); kind++) {
		access_absent(kind | LINEAR | OPERAND, 0);
		exit_ept_violation(&vcpu);
		assert_int_equal(accesses, 1);
		assert_int_equal(access_kind, kind);
		assert_int_equal(got_on, 1);
	}
	/* Its instruction could not be read: the guest makes the access again, and has not got on. */
	access_absent(EPT_READ | LINEAR | OPERAND, 0);
	access_answer = -EAGAIN;
	exit_ept_violation(&vcpu);
	assert_int_equal(accesses, 1);
	assert_int_equal(got_on + stopped, 0);
	/* What is not known stops it. */
	access_absent(EPT_READ | LINEAR | OPERAND, 0);
	access_answer = -EINVAL;
	exit_ept_violation(&vcpu);
	assert_int_equal(stopped, 1);
	assert_string_equal(stop_text,
			    "vCPU 0: no memory at guest-physical 8020: an instruction that is not "
			    "supported there, at RIP 1234: 90 ");
	assert_int_equal(faults + turned, 0);
	for (unsigned k = 0; k < P_KINDS; k++)
		assert_int_equal(vcpu.faults_count[k], 0);
}

static void no_device_access(void **state)
{
	static const struct {
		u64 qualification, vectoring;
		const char *what;
	} cases[] = {
		{ EPT_EXEC | LINEAR | OPERAND, 0, "instruction fetch" },
		{ EPT_READ | LINEAR, 0, "page walk" },
		{ EPT_READ | EPT_WRITE | LINEAR, 0, "page walk" },
		{ EPT_READ, 0, "page walk" },
		{ EPT_READ | OPERAND, 0, "page walk" },
		{ EPT_WRITE | LINEAR | OPERAND, INTR_VALID | 14, "event delivery" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[100];

		access_absent(cases[i].qualification, cases[i].vectoring);
		exit_ept_violation(&vcpu);
		assert_int_equal(accesses, 0);
		assert_int_equal(stopped, 1);
		snprintf(text, sizeof(text),
			 "vCPU 0: no memory at guest-physical 8020: %s, at RIP 1234",
			 cases[i].what);
		assert_string_equal(stop_text, text);
	}
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
		cmocka_unit_test_setup(device_access, setup),
		cmocka_unit_test_setup(no_device_access, setup),
		cmocka_unit_test_setup(log_full, setup),
	};

	return cmocka_run_group_tests_name("eptexit", tests, NULL, NULL);
}
