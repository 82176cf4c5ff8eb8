/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's local APIC: registers, timer, and interrupts in the order of their priorities.
 * links: apic/vlapic.c apic/vpriority.c apic/vtimer.c apic/vipi.c apic/vx2apic.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apic/lapic.h"
#include "apic/vlapic.h"

#define LVT_MASKED 0x10000u
#define LVT_PERIODIC 0x20000u
#define SVR_ENABLED 0x100u

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static struct vlapic apic, *peers[] = { &apic };
static unsigned notified, level_ended;
static u32 timer_count, timer_divide, timer_starts, timer_left;
static bool timer_periodic;
static u64 timer_away; /* what the timer would have counted meanwhile */

void lapic_timer_set(u32 initial_count, u32 divide_config, bool periodic)
{
	timer_count = initial_count;
	timer_divide = divide_config;
	timer_periodic = periodic;
	timer_starts++;
}

u32 lapic_timer_count(void)
{
	return timer_left;
}

u64 lapic_timer_counts(u64 tsc_ticks, u32 divide_config)
{
	assert_true(tsc_ticks < 1ull << 40); /* since the suspend, not since the start */
	assert_int_equal(divide_config, vlapic_get(&apic, APIC_TIMER_DIVIDE));
	return timer_away;
}

void vlapic_notify(struct vlapic *target)
{
	assert_ptr_equal(target, &apic); /* nobody else is there */
	notified++;
}

void vlapic_level_ended(struct vlapic *l, u8 vector)
{
	assert_ptr_equal(l, &apic);
	level_ended = vector;
}

static int setup(void **state)
{
	(void)state;
	memset(page, 0xa5, sizeof(page));
	apic = (struct vlapic){ .page = page, .id = 6, .peers = peers, .npeers = 1 };
	apic.base = VLAPIC_BASE_RESET;
	notified = level_ended = 0;
	timer_count = timer_starts = 1;
	timer_away = timer_left = 0;
	vlapic_reset(&apic);
	vlapic_write(&apic, APIC_SVR, SVR_ENABLED | 0xff);
	timer_starts = 0;
	return 0;
}

/* No count is started, or started again. */
#define STARTS_NOTHING(call)                                                                       \
	do {                                                                                       \
		timer_starts = 0;                                                                  \
		call;                                                                              \
		assert_int_equal(timer_starts, 0);                                                 \
	} while (0)

static void after_reset(void **state)
{
	(void)state;
	vlapic_write(&apic, APIC_TPR, 0x35);
	vlapic_write(&apic, APIC_LDR, 0x12000000);
	vlapic_write(&apic, APIC_ICR, 0x40000 | 0x55);
	vlapic_accept(&apic, 0x55);
	vlapic_write(&apic, APIC_ICR, 0x40000 | 0x66);
	vlapic_write(&apic, APIC_ICR, 0x40000 | 3);
	vlapic_write(&apic, APIC_TIMER_INITIAL, 1000);
	apic.pending[2] = apic.pending_words = 4;
	vlapic_reset(&apic);
	for (u32 reg = 0; reg < 0x400; reg += 16) {
		u32 want = reg == APIC_ID				    ? 6u << 24
			   : reg == APIC_LVR				    ? 0x00050014
			   : reg == APIC_DFR				    ? 0xffffffff
			   : reg == APIC_SVR				    ? 0xff
			   : reg >= APIC_LVT_TIMER && reg <= APIC_LVT_ERROR ? LVT_MASKED
									    : 0;

		assert_int_equal(vlapic_get(&apic, reg), want);
		assert_int_equal(vlapic_read(&apic, reg), want);
	}
	assert_int_equal(vlapic_pending(&apic), -1);
	assert_int_equal(vlapic_ppr(&apic), 0);
	assert_int_equal(apic.pending[2] | apic.pending_words, 0);
	assert_int_equal(timer_count, 0); /* stopped */
	vlapic_write(&apic, APIC_ESR, 0); /* reserved registers were among them */
	assert_int_equal(vlapic_read(&apic, APIC_ESR), 0x80);
}

/* All ones and all zeros are written; what is read back are the bits that a guest can set. */
static void as_firmware_leaves_it(void **state)
{
	(void)state;
	assert_false(vlapic_takes_extint(&apic));
	vlapic_virtual_wire(&apic);
	assert_true(vlapic_takes_extint(&apic));
	assert_int_equal(vlapic_read(&apic, 0xf0), 0x1ff);
	assert_int_equal(vlapic_read(&apic, 0x350), 0x700);
	assert_int_equal(vlapic_read(&apic, 0x360), 0x400);
}

static void masks(void **state)
{
	static const struct {
		u32 reg, set, clear;
		bool event;
	} registers[] = {
		{ APIC_ID, 6u << 24, 6u << 24, false },
		{ APIC_LVR, 0x00050014, 0x00050014, false },
		{ APIC_TPR, 0xff, 0, true },
		{ APIC_LDR, 0xff000000, 0, false },
		{ APIC_DFR, 0xffffffff, 0x0fffffff, false },
		{ APIC_ICR2, 0xff000000, 0, false },
		{ APIC_LVT_TIMER, 0x000700ff, 0, false },
		{ APIC_LVT_TIMER + 0x10, 0x000107ff, 0, false }, /* thermal sensor */
		{ APIC_LVT_TIMER + 0x20, 0x000107ff, 0, false }, /* performance counters */
		{ APIC_LVT_LINT0, 0x0001a7ff, 0, false },
		{ APIC_LVT_LINT1, 0x0001a7ff, 0, false },
		{ APIC_LVT_ERROR, 0x000100ff, 0, false },
		{ APIC_TIMER_INITIAL, 0xffffffff, 0, false },
		{ APIC_TIMER_DIVIDE, 0xb, 0, false },
		/* Read-only or reserved. */
		{ APIC_ISR + 0x10, 0, 0, false },
		{ APIC_TMR, 0, 0, false },
		{ APIC_IRR + 0x70, 0, 0, false },
		{ APIC_PPR, 0, 0, false },
		{ APIC_APR, 0, 0, false },
		{ APIC_RRD, 0, 0, false },
		{ 0x3f0, 0, 0, true }, /* an error */
		{ 0x2f0, 0, 0, true },
		{ 0, 0, 0, true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
		u32 reg = registers[i].reg;

		setup(state);
		assert_int_equal(vlapic_write(&apic, reg, 0xffffffff), registers[i].event);
		assert_int_equal(vlapic_get(&apic, reg), registers[i].set);
		vlapic_write(&apic, reg, 0);
		assert_int_equal(vlapic_get(&apic, reg), registers[i].clear);
	}
	setup(state);
	assert_true(vlapic_write(&apic, APIC_SVR, 0xffffffff));
	assert_int_equal(vlapic_get(&apic, APIC_SVR), 0x1ff);
	assert_int_equal(vlapic_read(&apic, APIC_EOI), 0);
}

/* While the APIC is disabled by software, every LVT entry stays masked. */
static void disabled(void **state)
{
	(void)state;
	vlapic_write(&apic, APIC_LVT_TIMER, 0x31);
	assert_int_equal(vlapic_get(&apic, APIC_LVT_TIMER), 0x31);
	vlapic_write(&apic, APIC_SVR, 0xff);
	for (u32 reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += 16) {
		assert_int_equal(vlapic_get(&apic, reg) & LVT_MASKED, LVT_MASKED);
		vlapic_write(&apic, reg, 0x40);
		assert_int_equal(vlapic_get(&apic, reg), LVT_MASKED | 0x40);
	}
	vlapic_timer(&apic);
	vlapic_write(&apic, APIC_ICR, 0x40000 | 0x55); /* to itself: not taken */
	assert_int_equal(vlapic_pending(&apic), -1);
	vlapic_write(&apic, APIC_SVR, SVR_ENABLED | 0xff);
	assert_int_equal(vlapic_get(&apic, APIC_LVT_TIMER), LVT_MASKED | 0x40);
}

static void timer(void **state)
{
	(void)state;
	vlapic_write(&apic, APIC_TIMER_DIVIDE, 0xb);
	assert_int_equal(timer_starts, 0); /* nothing to count yet */
	vlapic_write(&apic, APIC_LVT_TIMER, 0x40);
	vlapic_write(&apic, APIC_TIMER_INITIAL, 5);
	assert_int_equal(timer_count, 5);
	assert_int_equal(timer_divide, 0xb);
	assert_false(timer_periodic);
	timer_left = 3;
	assert_int_equal(vlapic_read(&apic, APIC_TIMER_CURRENT), 3);
	vlapic_write(&apic, APIC_TIMER_CURRENT, 77);
	assert_int_equal(vlapic_read(&apic, APIC_TIMER_CURRENT), 3);
	vlapic_write(&apic, APIC_TIMER_DIVIDE, 0xfffffff3);
	assert_int_equal(timer_divide, 3);

	/* No period below the floor; the register keeps what the guest wrote. */
	vlapic_write(&apic, APIC_LVT_TIMER, 0x20040);
	vlapic_write(&apic, APIC_TIMER_INITIAL, 999);
	assert_int_equal(timer_count, 1000);
	assert_true(timer_periodic);
	assert_int_equal(vlapic_read(&apic, APIC_TIMER_INITIAL), 999);
	vlapic_write(&apic, APIC_TIMER_INITIAL, 1001);
	assert_int_equal(timer_count, 1001);
	vlapic_write(&apic, APIC_TIMER_INITIAL, 0);
	assert_int_equal(timer_count, 0);
	assert_int_equal(vlapic_read(&apic, APIC_TIMER_CURRENT), 0);
}

/* The vCPU goes to another CPU: what was left of the count comes first, then whole periods. */
static void timer_moves(void **state)
{
	(void)state;
	vlapic_write(&apic, APIC_TIMER_DIVIDE, 3);
	vlapic_write(&apic, APIC_LVT_TIMER, LVT_PERIODIC | 0x40);
	vlapic_write(&apic, APIC_TIMER_INITIAL, 5000);
	for (unsigned i = 0; i < 3; i++) { /* again before it has fired: nothing is lost */
		timer_left = 1200 - i;
		vlapic_suspend(&apic);
		assert_int_equal(timer_count, 0);
		timer_left = 0;
		vlapic_resume(&apic);
		assert_int_equal(timer_count, 1200 - i);
		assert_int_equal(timer_divide, 3);
		assert_false(timer_periodic);
	}
	vlapic_timer(&apic);
	assert_int_equal(timer_count, 5000);
	assert_true(timer_periodic);
	assert_int_equal(vlapic_pending(&apic), 0x40);
	STARTS_NOTHING(vlapic_timer(&apic)); /* the host's timer is periodic by now */

	timer_left = 7; /* it fires just then: the interrupt is the guest's; a period begins */
	vlapic_suspend(&apic);
	STARTS_NOTHING(vlapic_timer(&apic));
	vlapic_resume(&apic);
	assert_int_equal(timer_count, 5000);
	assert_true(timer_periodic);
}

/* The guest's TSC runs on while the vCPU is between two CPUs, and so does its count. */
static void timer_away_counts(void **state)
{
	static const struct {
		u32 left;
		u64 away;
		u32 then;
	} cases[] = { { 5000, 0, 5000 },   { 5000, 1234, 3766 }, { 5000, 4999, 1 },
		      { 5000, 5000, 1 },   { 5000, 5001, 1 },	 { 5000, 1ull << 32, 1 },
		      { ~0u, 1, ~0u - 1 }, { 1, 0, 1 } };

	(void)state;
	vlapic_write(&apic, APIC_TIMER_DIVIDE, 9);
	vlapic_write(&apic, APIC_LVT_TIMER, 0x40);
	vlapic_write(&apic, APIC_TIMER_INITIAL, ~0u);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		timer_left = cases[i].left;
		vlapic_suspend(&apic);
		timer_away = cases[i].away;
		vlapic_resume(&apic);
		assert_int_equal(timer_count, cases[i].then);
	}
}

static void one_shot_moves(void **state)
{
	(void)state;
	vlapic_write(&apic, APIC_LVT_TIMER, 0x40);
	vlapic_write(&apic, APIC_TIMER_INITIAL, 5000);
	timer_left = 900;
	vlapic_suspend(&apic);
	vlapic_resume(&apic);
	assert_int_equal(timer_count, 900);
	assert_false(timer_periodic);
	vlapic_timer(&apic);
	assert_int_equal(timer_count, 900); /* and not again */
	timer_left = 0;
	vlapic_suspend(&apic);
	STARTS_NOTHING(vlapic_resume(&apic));

	vlapic_write(&apic, APIC_TIMER_INITIAL, 5000);
	timer_left = 3;
	vlapic_suspend(&apic);
	vlapic_timer(&apic); /* fires while it leaves: once */
	STARTS_NOTHING(vlapic_resume(&apic));

	/* What the guest starts on the new CPU is a count of its own. */
	vlapic_write(&apic, APIC_TIMER_INITIAL, 5000);
	timer_left = 3;
	vlapic_suspend(&apic);
	vlapic_resume(&apic);
	vlapic_write(&apic, APIC_LVT_TIMER, LVT_PERIODIC | 0x40);
	vlapic_write(&apic, APIC_TIMER_INITIAL, 6000);
	STARTS_NOTHING(vlapic_timer(&apic));
}

static void timer_interrupt(void **state)
{
	static const u32 silent[] = { LVT_MASKED | 0x40, 0x2000f, LVT_MASKED | 0x20040, 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(silent); i++) {
		vlapic_write(&apic, APIC_LVT_TIMER, silent[i]);
		vlapic_timer(&apic);
		assert_int_equal(vlapic_pending(&apic), -1);
	}
	vlapic_write(&apic, APIC_LVT_TIMER, 0x10);
	vlapic_timer(&apic);
	assert_int_equal(vlapic_pending(&apic), 0x10);
	vlapic_write(&apic, APIC_LVT_TIMER, 0xff);
	vlapic_timer(&apic);
	vlapic_timer(&apic);
	assert_int_equal(vlapic_pending(&apic), 0xff);
	assert_int_equal(vlapic_get(&apic, APIC_IRR), 0x10000);
	assert_int_equal(vlapic_get(&apic, APIC_IRR + 0x70), 0x80000000);
}

static void priorities(void **state)
{
	(void)state;
	vlapic_write(&apic, APIC_TPR, 0x4f);
	assert_int_equal(vlapic_ppr(&apic), 0x4f);
	for (unsigned vector = 0x31; vector < 0x80; vector += 0x10)
		vlapic_write(&apic, APIC_ICR, 0x40000 | vector);
	assert_int_equal(vlapic_pending(&apic), 0x71);
	vlapic_accept(&apic, 0x71);
	assert_int_equal(vlapic_pending(&apic), 0x61);
	assert_int_equal(vlapic_ppr(&apic), 0x70);
	assert_int_equal(vlapic_get(&apic, APIC_PPR), 0x70);
	vlapic_write(&apic, APIC_TPR, 0x7a); /* the same class: the TPR with its low half */
	assert_int_equal(vlapic_ppr(&apic), 0x7a);
	vlapic_write(&apic, APIC_TPR, 0x80);
	assert_int_equal(vlapic_read(&apic, APIC_PPR), 0x80);
	assert_true(vlapic_write(&apic, APIC_EOI, 0x1234));
	assert_int_equal(vlapic_get(&apic, APIC_ISR + 0x30), 0);
	vlapic_write(&apic, APIC_TPR, 0);
	assert_int_equal(vlapic_ppr(&apic), 0);
	vlapic_accept(&apic, 0x61);
	vlapic_write(&apic, APIC_ICR, 0x40000 | 0xe0);
	vlapic_accept(&apic, 0xe0); /* nested */
	assert_int_equal(vlapic_ppr(&apic), 0xe0);
	vlapic_write(&apic, APIC_EOI, 0);
	assert_int_equal(vlapic_ppr(&apic), 0x60);
	vlapic_write(&apic, APIC_EOI, 0);
	vlapic_write(&apic, APIC_EOI, 0); /* one too many does nothing */
	assert_int_equal(vlapic_ppr(&apic), 0);
	assert_int_equal(vlapic_pending(&apic), 0x51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(after_reset, setup),
		cmocka_unit_test_setup(as_firmware_leaves_it, setup),
		cmocka_unit_test_setup(masks, setup),
		cmocka_unit_test_setup(disabled, setup),
		cmocka_unit_test_setup(timer, setup),
		cmocka_unit_test_setup(timer_moves, setup),
		cmocka_unit_test_setup(one_shot_moves, setup),
		cmocka_unit_test_setup(timer_away_counts, setup),
		cmocka_unit_test_setup(timer_interrupt, setup),
		cmocka_unit_test_setup(priorities, setup),
	};

	return cmocka_run_group_tests_name("vlapic", tests, NULL, NULL);
}
