/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU whose A is stale is found, and one whose A is about to be loaded again is not taken for
 * one; what a guest wrote past the trap is reported with the register.
 * links: vmx/stale.c ept/ept.c mm/frame.c boot/format.c tests/unit/fake.c
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/fake.h"
#include "vmx/guest.h"

#define OLD 0x1000000ul
#define NEW 0x2000000ul

static u64 entries[2];
static struct vcpu vcpus[2];
static struct guest guest;
static char stopped[400];
static unsigned looks;

void guest_stop(struct guest *g, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(stopped, sizeof(stopped), fmt, args);
	va_end(args);
	g->stopping = true;
}

static u32 page[PAGE_SIZE / 4] __attribute__((aligned(4096)));

void apic_page_leaves(struct ept *e, void *frame)
{
	assert_ptr_equal(e, &guest.ept);
	assert_ptr_equal(frame, page);
	looks++;
}

static int setup(void **state)
{
	(void)state;
	entries[1] = NEW | P_PRESENT;
	memset(vcpus, 0, sizeof(vcpus));
	guest = (struct guest){ .nvcpus = 2,
				.vcpus = { &vcpus[0], &vcpus[1] },
				.backing = { .entries = entries, .ram_pages = 1 } };
	for (unsigned i = 0; i < 2; i++) {
		vcpus[i].guest = &guest;
		vcpus[i].gate = (struct gate){ .id = i, .mode = 8 | MODE_IN_GUEST };
		vcpus[i].access.address = NEW;
		vcpus[i].proc2 = PROC2_VIRTUALIZE_APIC_ACCESSES;
	}
	stopped[0] = 0;
	looks = 0;
	return 0;
}

static void agrees(void **state)
{
	(void)state;
	assert_null(guest_stale_a(&guest));
}

static void is_stale(void **state)
{
	(void)state;
	vcpus[1].access.address = OLD;
	assert_ptr_equal(guest_stale_a(&guest), &vcpus[1]);
	assert_false(guest_agrees(&guest, &vcpus[1]));
	assert_true(guest_agrees(&guest, &vcpus[0]));
}

/* Each of these is a vCPU that will load A again before it enters, or cannot be judged. */
static void is_not(void **state)
{
	(void)state;
	vcpus[1].access.address = OLD;
	vcpus[1].gate.requests = REQ_RELOAD;
	assert_null(guest_stale_a(&guest));
	vcpus[1].gate.requests = REQ_EVENT;
	assert_non_null(guest_stale_a(&guest));
	vcpus[1].gate.mode = 8 | MODE_OUTSIDE;
	assert_null(guest_stale_a(&guest));
	vcpus[1].gate.mode = 8 | MODE_HALTED;
	assert_null(guest_stale_a(&guest));
	vcpus[1].gate.mode = 8 | MODE_IN_GUEST;
	entries[1] = NEW | P_PRESENT | P_MOVING;
	assert_null(guest_stale_a(&guest));
	entries[1] = P_PACKED;
	assert_null(guest_stale_a(&guest));
	entries[1] = NEW | P_PRESENT;
	vcpus[1].proc2 = 0; /* its APIC is in x2APIC mode, or off */
	assert_null(guest_stale_a(&guest));
}

static void stops(void **state)
{
	(void)state;
	entries[1] = (u64)page | P_PRESENT;
	page[APIC_LVR / 4] = 0x5a5a0030;
	vcpus[1].access.address = OLD;
	guest_stop_stale(&guest, &vcpus[1], 20000);
	assert_non_null(strstr(stopped, "vCPU 1 has run for 20000 us with A"));
	assert_non_null(strstr(stopped, "version register reads 5a5a0030"));
	assert_int_equal(guest.wrong[WRONG_APIC_READ], 1);
	guest_stop_stale(&guest, &vcpus[1], 20000); /* once */
	assert_int_equal(guest.wrong[WRONG_APIC_READ], 1);
	assert_int_equal(looks, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = { TEST(agrees), TEST(is_stale), TEST(is_not), TEST(stops) };

	return cmocka_run_group_tests_name("stale", tests, NULL, NULL);
}
