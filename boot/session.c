/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session goes through its states by small steps, so that several share CPU 0. */
#include "boot/populate.h"
#include "boot/session.h"

/* Ticks are TSC ticks: on Bochs one for each instruction of a CPU. */
#define LOOK_TICKS 500000u	 /* between two looks at a 2-MB page, whether to collapse it */
#define COLLAPSE_TICKS 10000000u /* after one that was */
#define PROGRESS_US 2000000u	 /* between two lines of progress */
#define START_US 3000000u	 /* for the guest's first round */
#define STALE_US 20000u		 /* for a guest whose APIC does not trap, to show it */
#define HOPE_US 1000000u	 /* for a guest none of whose vCPUs can go on */

static struct guest_config guest_config(const struct run_config *c, unsigned first_cpu)
{
	const char *lacks;
	int apicv = apicv_find(c->apicv, &lacks); /* there: can_run() has asked */

	return (struct guest_config){
		.protocol = protocol_find(c->protocol),
		.vcpus = c->cpus - 1,
		.first_cpu = first_cpu,
		.ram_pages = c->guest_mem >> PAGE_SHIFT,
		.mem = c->mem >> PAGE_SHIFT,
		.batch = c->batch,
		.loaded = populate_pages(c),
		.foreign = config_is_image(c),
		.x2apic = c->x2apic,
		.ticks_per_us = (u32)smp_ticks(1),
		.apicv = apicv < 0 ? APICV_OFF : (enum apicv)apicv,
		.large = c->large,
		.bad_state = !strcmp(c->fault, "entry"),
		.mute = !strcmp(c->fault, "mute"),
	};
}

u64 session_frames(const struct run_config *c)
{
	struct guest_config gc = guest_config(c, 1);

	return guest_frames(&gc);
}

const char *session_create(struct session *s, const struct run_config *c, unsigned first_cpu)
{
	struct guest_config gc = guest_config(c, first_cpu);
	const char *err;

	*s = (struct session){ .cfg = c, .first_cpu = first_cpu, .random_state = c->seed };
	s->guest = guest_create(&gc, &err);
	s->result = (struct result){ .cfg = c, .guest = s->guest };
	if (!s->guest)
		return err;
	err = populate(s->guest, c);
	if (err)
		guest_destroy(s->guest);
	return err;
}

void session_start(struct session *s)
{
	for (unsigned i = 0; i < s->guest->nvcpus; i++)
		cpu_start(s->first_cpu + i, vcpu_main, s->guest->vcpus[i]);
	s->since = s->shown_at = s->hoped_at = s->collapse_at = s->result.began = rdtsc();
}

static u64 all_rounds(const struct guest *g)
{
	u64 rounds = 0;

	for (unsigned i = 0; i < g->nvcpus; i++)
		rounds += session_rounds_of(g->vcpus[i]);
	return rounds;
}

static u64 all_faults(const struct guest *g)
{
	u64 faults = 0;

	for (unsigned i = 0; i < g->nvcpus; i++)
		for (unsigned kind = 0; kind < P_KINDS; kind++)
			faults +=
				__atomic_load_n(&g->vcpus[i]->faults_count[kind], __ATOMIC_RELAXED);
	return faults;
}

static bool ended(const struct guest *g)
{
	return __atomic_load_n(&g->stopped, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&g->ended, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&g->done, __ATOMIC_ACQUIRE) == g->nvcpus;
}

static bool all_idle(const struct session *s)
{
	for (unsigned i = 0; i < s->guest->nvcpus; i++)
		if (!cpu_idle(s->first_cpu + i))
			return false;
	return true;
}

static void ask_where(struct guest *g)
{
	for (unsigned i = 0; i < g->nvcpus; i++)
		vcpu_request(g->vcpus[i], REQ_WHERE);
}

static void progress(struct session *s)
{
	if (!session_over(s->shown_at, PROGRESS_US))
		return;
	s->shown_at = rdtsc();
	if (s->guest->foreign) {
		printk("%s: %lu moves of guest %u's memory, %lu pages\n", s->cfg->protocol,
		       s->result.moves, s->guest->id, s->result.apic_moves + s->result.data_pages);
		if (s->lines_shown == s->guest->pc.lines_shown) /* is it stuck? */
			ask_where(s->guest);
		s->lines_shown = s->guest->pc.lines_shown;
	} else {
		printk("%s: %lu of %lu moves, guest %u has done %lu rounds\n", s->cfg->protocol,
		       s->result.moves, s->cfg->moves, s->guest->id, all_rounds(s->guest));
	}
}

static void enter(struct session *s, enum session_state state)
{
	s->state = state;
	s->since = rdtsc();
}

/* Moves begin when every vCPU has shown that it runs, or the guest has had its time. A foreign guest
 * cannot show it. */
static void starts(struct session *s)
{
	struct guest *g = s->guest;
	unsigned running = 0;

	while (running < g->nvcpus && session_rounds_of(g->vcpus[running]))
		running++;
	if (running < g->nvcpus && !g->foreign && !ended(g) && !session_over(s->since, START_US))
		return;
	if (!strcmp(s->cfg->fault, "panic"))
		panic("fault=panic: as asked for in interlock.cfg");
	for (unsigned i = 0; i < g->nvcpus; i++)
		s->first[i] = session_rounds_of(g->vcpus[i]);
	enter(s, SESSION_MOVES);
}

static void moves(struct session *s)
{
	struct guest *g = s->guest;

	if (s->result.moves < s->cfg->moves && !ended(g)) {
		session_move(s);
		return;
	}
	if (g->foreign && !ended(g)) /* it may have no end of its own */
		guest_exit(g, 0);
	s->faults = all_faults(g);
	__atomic_store_n(&g->finishing, true, __ATOMIC_RELEASE);
	enter(s, SESSION_FINISHES);
}

static void name_late(const struct guest *g, char *names, size_t size)
{
	int n = 0;

	for (unsigned i = 0; i < g->nvcpus; i++)
		if (g->vcpus[i]->state != VCPU_DONE)
			n += format(names + n, size - n, " %u", i);
}

/*
 * Rounds, and faults, since the last check looks at all of memory in one, and where a fault takes
 * milliseconds, that takes seconds. No more faults, though, than there are pages to look at: those
 * could go on for ever.
 */
static u64 got_on(const struct session *s)
{
	const struct guest *g = s->guest;
	u64 faults = all_faults(g) - s->faults, most = g->nvcpus * g->backing.ram_pages;

	return all_rounds(g) + (faults < most ? faults : most);
}

/* A guest that gets on may have much left to do; one that does not has had its time. */
static void finishes(struct session *s)
{
	struct guest *g = s->guest;
	u64 now = got_on(s);
	char late[40] = "";

	if (ended(g)) {
		enter(s, SESSION_LEAVES);
	} else if (now != s->got_on_to) {
		s->got_on_to = now;
		s->since = rdtsc();
	} else if (session_over(s->since, FINISH_US)) {
		name_late(g, late, sizeof(late));
		guest_stop(g, "vCPU%s did not finish: no round for %u ms since the last move", late,
			   FINISH_US / 1000);
	}
}

static void leaves(struct session *s)
{
	if (!all_idle(s))
		return;
	s->result.run_ticks = rdtsc() - s->result.began;
#ifdef INTERLOCK_LAB
	if (!strcmp(s->cfg->ablate, "none")) /* a part left out may leave anything behind */
#endif
		s->result.audited = ept_audit(&s->guest->ept);
	s->code = result_print(&s->result);
	guest_destroy(s->guest);
	enter(s, SESSION_ENDED);
}

/* No vCPU runs or could be woken by an interrupt: so has a kernel ended that has given up. */
static bool hopeless(const struct guest *g)
{
	for (unsigned i = 0; i < g->nvcpus; i++) {
		const struct vcpu *v = g->vcpus[i];
		enum vcpu_state state = __atomic_load_n(&v->state, __ATOMIC_RELAXED);

		if (state != VCPU_WAIT_SIPI && !(state == VCPU_HALTED && v->hopeless))
			return false;
	}
	return true;
}

/* For a while: one may be between two states, or an NMI be on its way. */
static void look_for_hope(struct session *s)
{
	if (!s->guest->foreign || ended(s->guest) || !hopeless(s->guest)) {
		s->hoped_at = rdtsc();
	} else if (session_over(s->hoped_at, HOPE_US)) {
		ask_where(s->guest);
		guest_stop(s->guest,
			   "all vCPUs are halted with interrupts off, or wait for a SIPI");
	}
}

/*
 * A foreign guest does not look whether its APIC answers. If it does not, the moves pause until it has
 * shown what comes of it, by a write that went to memory, or its time is over.
 */
static void look_for_stale(struct session *s)
{
	struct guest *g = s->guest;

	if (!g->foreign)
		return;
	if (!s->stale_since) {
		s->stale = guest_stale_a(g);
		s->stale_since = s->stale ? rdtsc() : 0;
	} else if (guest_agrees(g, s->stale)) {
		s->stale_since = 0;
	} else if (session_over(s->stale_since, STALE_US)) {
		guest_stop_stale(g, s->stale, STALE_US);
	}
}

static void housekeeping(struct session *s)
{
	struct guest *g = s->guest;
	u64 frames = __atomic_load_n(&g->backing.store.frames, __ATOMIC_RELAXED);

	pc_poll(g);
	look_for_hope(s);
	look_for_stale(s);
	reclaim_background(&g->reclaim);
	s->busy = g->reclaim.wanted || session_storms(s);
	if (s->cfg->collapse && rdtsc() >= s->collapse_at)
		s->collapse_at =
			rdtsc() + (reclaim_collapse(&g->reclaim) ? COLLAPSE_TICKS : LOOK_TICKS);
	if (frames > s->result.store_frames_max)
		s->result.store_frames_max = frames;
	progress(s);
}

bool session_step(struct session *s)
{
	static void (*const steps[])(struct session * s) = {
		[SESSION_STARTS] = starts,
		[SESSION_MOVES] = moves,
		[SESSION_FINISHES] = finishes,
		[SESSION_LEAVES] = leaves,
	};

	if (s->state == SESSION_ENDED)
		return false;
	if (s->state != SESSION_LEAVES)
		housekeeping(s);
	steps[s->state](s);
	return s->state != SESSION_ENDED;
}
