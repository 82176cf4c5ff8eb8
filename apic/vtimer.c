/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's APIC timer, by the host CPU's own. One-shot and periodic counts are the host's
 * counts, divided as the guest says; a deadline is a count too, undivided, that may have to be set
 * more than once: it has 32 bits, and the rate of it was only measured.
 */
#include "apic/lapic.h"
#include "apic/vparts.h"

/* The LVT entry's modes. The one that is reserved counts nothing. */
enum { MODE_ONE_SHOT, MODE_PERIODIC, MODE_DEADLINE, MODE_RESERVED };

/*
 * A guest whose timer fires faster than its interrupts are handled would only exit; no period is
 * shorter, in APIC timer ticks. One-shots and deadlines need none: each takes the guest a write.
 */
#define TIMER_FLOOR 1000

static void set(struct vlapic *l, enum vlapic_timer timer, u32 count)
{
	l->timer = count ? timer : TIMER_OFF;
	lapic_timer_set(count, l->timer_divide, l->timer == TIMER_WHOLE);
}

static void fire(struct vlapic *l)
{
	vlapic_local(l, APIC_LVT_TIMER);
}

/* The count begins. */
static void start(struct vlapic *l)
{
	u32 count = vlapic_get(l, APIC_TIMER_INITIAL);

	if (l->timer_mode == MODE_ONE_SHOT)
		set(l, TIMER_ONCE, count);
	else
		set(l, TIMER_WHOLE, count ? MAX(count, TIMER_FLOOR) : 0);
}

static bool by_count(const struct vlapic *l)
{
	return l->timer_mode == MODE_ONE_SHOT || l->timer_mode == MODE_PERIODIC;
}

/* The count goes on where it was. */
static void go_on(struct vlapic *l, u32 left)
{
	if (left)
		set(l, l->timer_mode == MODE_PERIODIC ? TIMER_REST : TIMER_ONCE, left);
	else if (l->timer == TIMER_REST || l->timer == TIMER_WHOLE)
		start(l);
	else
		l->timer = TIMER_OFF;
}

static void disarm(struct vlapic *l)
{
	l->deadline = 0;
	set(l, TIMER_OFF, 0);
}

static u64 tsc(const struct vlapic *l)
{
	return rdtsc() + l->tsc_offset;
}

/* What is still to go is rounded up, so that a right rate gives one interrupt and no early one. */
static void arm(struct vlapic *l)
{
	u64 now = tsc(l), counts;

	if (now >= l->deadline) {
		disarm(l);
		fire(l);
		return;
	}
	counts = lapic_timer_counts(l->deadline - now, DIVIDE_BY_1);
	l->timer = TIMER_DEADLINE;
	lapic_timer_set(counts < ~0u ? (u32)counts + 1 : ~0u, DIVIDE_BY_1, false);
}

void vtimer_reset(struct vlapic *l)
{
	l->timer_mode = MODE_ONE_SHOT;
	l->timer_divide = 0;
	l->timer_left = 0;
	disarm(l);
}

/* From one-shot to periodic and back the count goes on, and what comes at its end changes; with the
 * other modes the timer is disarmed (SDM, "TSC-Deadline Mode"). */
void vtimer_lvt(struct vlapic *l)
{
	u32 old = l->timer_mode;

	l->timer_mode = LVT_TIMER_MODE(vlapic_get(l, APIC_LVT_TIMER));
	if (l->timer_mode == old)
		return;
	if (!by_count(l) || old > MODE_PERIODIC) {
		vlapic_put(l, APIC_TIMER_INITIAL, 0);
		disarm(l);
	} else if (l->timer_mode == MODE_ONE_SHOT) {
		if (l->timer ==
		    TIMER_WHOLE) /* the host's begins anew at 0, which is not to be seen */
			set(l, TIMER_ONCE, MAX(lapic_timer_count(), 1));
		else if (l->timer == TIMER_REST)
			l->timer = TIMER_ONCE;
	} else {
		l->timer = lapic_timer_count() ? TIMER_REST : TIMER_OFF;
	}
}

void vtimer_set_initial(struct vlapic *l, u32 value)
{
	vlapic_put(l, APIC_TIMER_INITIAL, by_count(l) ? value : 0);
	if (by_count(l))
		start(l);
}

/* The count that runs goes on, at the new rate. */
void vtimer_set_divide(struct vlapic *l, u32 value)
{
	u32 old = l->timer_divide;

	vlapic_put(l, APIC_TIMER_DIVIDE, value);
	l->timer_divide = value;
	if (value != old && by_count(l) && l->timer != TIMER_OFF)
		go_on(l, lapic_timer_count());
}

u32 vtimer_current(const struct vlapic *l)
{
	return by_count(l) && l->timer != TIMER_OFF ? lapic_timer_count() : 0;
}

/* A deadline that has been reached is over, though the host's interrupt is still on its way. */
static bool expire(struct vlapic *l)
{
	if (l->timer != TIMER_DEADLINE || tsc(l) < l->deadline)
		return false;
	arm(l);
	return true;
}

void vtimer_set_deadline(struct vlapic *l, u64 value)
{
	if (l->timer_mode != MODE_DEADLINE)
		return;
	expire(l);
	disarm(l);
	l->deadline = value;
	if (value)
		arm(l);
}

void vlapic_set_tsc_offset(struct vlapic *l, u64 offset)
{
	l->tsc_offset = offset;
	if (l->timer == TIMER_DEADLINE)
		arm(l);
}

u64 vtimer_deadline(struct vlapic *l)
{
	if (expire(l))
		vlapic_notify(l);
	return l->deadline;
}

/*
 * The interrupt may be one that was on its way when the guest set the timer anew: then the host's
 * counts again, and is left to it. One of a deadline that has been seen to be over is told by that
 * (expire() has raised the guest's), and one of a count that was stopped is still the guest's.
 */
void vlapic_timer(struct vlapic *l)
{
	bool over = l->away || !lapic_timer_count();

	if (!by_count(l)) {
		if (l->timer == TIMER_DEADLINE && !l->away) /* else resume finds what is due */
			arm(l);
		return;
	}
	l->timer_left = 0;
	if (l->timer == TIMER_ONCE && over)
		l->timer = TIMER_OFF;
	if (l->timer == TIMER_REST && over && !l->away)
		start(l);
	fire(l);
}

void vlapic_suspend(struct vlapic *l)
{
	l->timer_left = by_count(l) && l->timer != TIMER_OFF ? lapic_timer_count() : 0;
	l->away = true;
	l->suspended_at = rdtsc();
	lapic_timer_set(0, l->timer_divide, false);
}

/*
 * A periodic timer goes on with the rest of its count, once, and then by whole periods: one that
 * was started anew would never come when the vCPU moves more often than that. The rest goes down by
 * the time away: the guest's TSC ran on, and who measures the timer by it must not find it slow.
 */
void vlapic_resume(struct vlapic *l)
{
	u64 away;

	l->away = false;
	if (l->timer == TIMER_DEADLINE) {
		arm(l);
	} else if (l->timer_left) {
		away = lapic_timer_counts(rdtsc() - l->suspended_at, l->timer_divide);
		go_on(l, away < l->timer_left ? l->timer_left - (u32)away : 1);
	} else {
		go_on(l, 0);
	}
}
