/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry gate, alone: what each pass does and leaves.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c apic/access.c
 * links: mm/backing.c
 * links: mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include <string.h>

#include "mm/frame.h"
#include "tests/unit/world.h"
#include "vmx/gate.h"

static struct vcpu vcpu;
static u64 a_field; /* A in the VMCS */
static unsigned a_writes, invepts;

void apic_access_write(u64 address)
{
	a_field = address;
	a_writes++;
}

static void on_invept(u64 type, u64 eptp)
{
	assert_int_equal(type, INVEPT_SINGLE);
	assert_int_equal(eptp, ept.eptp);
	invepts++;
}

static u64 mode(void)
{
	return vcpu.gate.mode & MODE_MASK;
}

static void vm_exit(void)
{
	gate_leave(test, &vcpu.gate);
}

static int setup(void **state)
{
	int err = world_setup(state);

	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.ept = &ept;
	world_add_gate(&vcpu.gate);
	vcpu.gate.requests = REQ_RELOAD;
	vcpu.gate.cpu = 3;
	a_writes = invepts = 0;
	fake_on_invept = on_invept;
	populate(APIC_ACCESS_GFN);
	return err;
}

static void first_entry_and_next(void **state)
{
	(void)state;
	assert_true(gate_pass(&vcpu));
	assert_int_equal(mode(), MODE_IN_GUEST);
	assert_int_equal(a_field, frame_at(APIC_ACCESS_GFN) << PAGE_SHIFT);
	assert_int_equal(vcpu.access.address, a_field);
	assert_int_equal(vcpu.access.reloads, 1);
	assert_int_equal(vcpu.gate.requests, 0);
	assert_int_equal(invepts, 1);
	assert_int_equal(ept.flushed[3], ept.generation);
	for (unsigned i = 1; i < 4; i++) {
		vm_exit();
		assert_int_equal(vcpu.gate.mode, 4 * i | MODE_OUTSIDE);
		assert_true(gate_pass(&vcpu)); /* nothing asked: nothing done */
		assert_int_equal(vcpu.gate.mode, 4 * i | MODE_IN_GUEST);
	}
	assert_int_equal(a_writes, 1);
	assert_int_equal(invepts, 1);
}

static void flushes_by_generation(void **state)
{
	(void)state;
	assert_true(gate_pass(&vcpu));
	vm_exit();
	ept.generation += 3;
	assert_true(gate_pass(&vcpu));
	assert_int_equal(invepts, 2);
	assert_int_equal(vcpu.invepts, 2);
	assert_int_equal(ept.flushed[3], ept.generation);
	assert_int_equal(ept.flushed[0], 0); /* each CPU for itself */
	vm_exit();
	vcpu.gate.cpu = 1; /* another CPU has flushed nothing yet */
	assert_true(gate_pass(&vcpu));
	assert_int_equal(invepts, 3);
	assert_int_equal(a_writes, 1);
}

/*
 * The address in A changes: INVEPT is due, whatever the generation (rule I2). The same: nothing
 * is.
 */
static void reload_owes_a_flush(void **state)
{
	(void)state;
	assert_true(gate_pass(&vcpu));
	vm_exit();
	vcpu.gate.requests = REQ_RELOAD;
	assert_true(gate_pass(&vcpu));
	assert_int_equal(a_writes, 1);
	assert_int_equal(invepts, 1);
	vm_exit();
	vcpu.gate.requests = REQ_RELOAD;
	*backing_entry(&backing, APIC_ACCESS_GFN) += PAGE_SIZE;
	assert_true(gate_pass(&vcpu));
	assert_int_equal(a_writes, 2);
	assert_int_equal(a_field, p_of(APIC_ACCESS_GFN) & P_ADDRESS);
	assert_int_equal(invepts, 2);
	*backing_entry(&backing, APIC_ACCESS_GFN) -= PAGE_SIZE;
}

static void requests_keep_it_out(void **state)
{
	static const u32 requests[] = { REQ_EVENT, REQ_STOP, REQ_EVENT | REQ_STOP };

	(void)state;
	assert_true(gate_pass(&vcpu));
	vm_exit();
	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++) {
		u64 before = vcpu.gate.mode;

		vcpu.gate.requests = requests[i];
		assert_false(gate_pass(&vcpu));
		assert_int_equal(vcpu.gate.mode, before + 4); /* a stay of its own, and over */
		assert_int_equal(vcpu.gate.requests, requests[i]);
	}
	vcpu.gate.requests = 0;
	assert_true(gate_pass(&vcpu));
}

/* The check after arm is for what came after flush and reload. */
static void check_sees_what_is_new(void **state)
{
	(void)state;
	assert_true(gate_reload(&vcpu) && gate_flush(&vcpu) && gate_arm(&vcpu));
	assert_int_equal(mode(), MODE_IN_GUEST);
	ept.generation++;
	assert_false(gate_check(&vcpu));
	assert_int_equal(mode(), MODE_OUTSIDE);
	assert_true(gate_flush(&vcpu) && gate_arm(&vcpu));
	vcpu.gate.requests = REQ_RELOAD;
	assert_false(gate_check(&vcpu));
	assert_int_equal(mode(), MODE_OUTSIDE);
	assert_true(gate_pass(&vcpu));
}

static void reload_while_moving(void **state)
{
	u64 *p = backing_entry(&backing, APIC_ACCESS_GFN), old;

	(void)state;
	assert_true(gate_pass(&vcpu));
	vm_exit();
	old = *p;
	for (unsigned i = 0; i < nprotocols; i++) {
		ept.protocol = protocol_find(protocol_names[i]);
		vcpu.gate.requests = REQ_RELOAD;
		*p = old | P_MOVING;
		assert_int_equal(gate_pass(&vcpu), !ept.protocol->gated);
		assert_int_equal(vcpu.gate.requests, ept.protocol->gated ? REQ_RELOAD : 0);
		if (!ept.protocol->gated)
			vm_exit();
		/* Cleared: there is nothing to load, by any protocol. */
		vcpu.gate.requests = REQ_RELOAD;
		*p = P_MOVING;
		assert_false(gate_pass(&vcpu));
		assert_int_equal(vcpu.gate.requests, REQ_RELOAD);
		assert_int_equal(mode(), MODE_OUTSIDE);
		assert_int_equal(a_writes, 1);
		*p = old;
		assert_true(gate_pass(&vcpu));
		assert_int_equal(vcpu.gate.requests, 0);
		vm_exit();
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_entry_and_next), TEST(flushes_by_generation),  TEST(reload_owes_a_flush),
		TEST(requests_keep_it_out), TEST(check_sees_what_is_new), TEST(reload_while_moving),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
