/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMCALL: for a guest of Interlock's own a call, for any other the exception of a CPU without VMX.
 * links: vmx/hypercall.c mm/frame.c tests/unit/fake.c
 */
#include <string.h>

#include "tests/unit/fake.h"
#include "vmx/exit.h"
#include "vmx/guest.h"

#define CALLS 32

static struct guest guest;
static struct vcpu vcpu;
static unsigned uds, wrongs, reads;

void vcpu_inject_exception(u8 vector, bool has_error, u32 error)
{
	(void)error;
	assert_int_equal(vector, VECTOR_UD);
	assert_false(has_error);
	uds++;
}

void guest_wrong(struct guest *g, unsigned kind, struct stale *s)
{
	(void)s;
	assert_ptr_equal(g, &guest);
	assert_true(kind < WRONG_KINDS);
	wrongs++;
}

int guest_read(struct vcpu *v, u64 gpa, void *buf, u64 size)
{
	(void)v;
	(void)gpa;
	memset(buf, 'x', size);
	reads++;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	guest = (struct guest){ 0 };
	vcpu = (struct vcpu){ .guest = &guest, .state = VCPU_RUNNING };
	fake_vmcs[GUEST_RIP] = 0x1000;
	fake_vmcs[EXIT_INSTRUCTION_LENGTH] = 3;
	uds = wrongs = reads = 0;
	return 0;
}

/* Each number: nothing but the exception, whatever the arguments. */
static void foreign(void **state)
{
	struct vcpu before;

	(void)state;
	guest.foreign = true;
	for (unsigned n = 0; n < CALLS; n++) {
		memset(&vcpu.regs, 0x5a, sizeof(vcpu.regs));
		vcpu.regs.rax = n;
		vcpu.regs.rdi = 1;
		before = vcpu;
		exit_hypercall(&vcpu);
		assert_memory_equal(&vcpu, &before, sizeof(vcpu));
		assert_int_equal(uds, n + 1);
	}
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x1000);
	assert_int_equal(guest.done, 0);
	assert_int_equal(guest.bench[1], 0);
	assert_int_equal(wrongs + reads, 0);
}

static void own(void **state)
{
	(void)state;
	for (unsigned n = 0; n < CALLS; n++) {
		vcpu.regs = (struct guest_regs){ .rax = n, .rdi = 1, .rsi = 8 };
		exit_hypercall(&vcpu);
		if (n > 6)
			assert_int_equal(vcpu.regs.rax, -(u64)ENOSYS);
	}
	assert_int_equal(uds, 0);
	assert_int_equal(wrongs, 1);
	assert_int_equal(reads, 1);
	assert_int_equal(guest.done, 1);
	assert_int_equal(guest.bench[1], 8);
	assert_int_equal(vcpu.rounds, 1);
	assert_int_equal(vcpu.state, VCPU_DONE);
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x1000 + 3 * CALLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(foreign, setup),
		cmocka_unit_test_setup(own, setup),
	};

	return cmocka_run_group_tests_name("hypercall", tests, NULL, NULL);
}
