/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session goes through its states by small steps, so that several share CPU 0. */
#include "boot/guests.h"
#include "boot/session.h"

/* Ticks are TSC ticks: on Bochs one for each instruction of a CPU. */
#define LOOK_TICKS 500000u	 /* between two looks at a 2-MB page, whether to collapse it */
#define COLLAPSE_TICKS 10000000u /* after one that was */
#define PROGRESS_US 2000000u	 /* between two lines of progress */
#define START_US 3000000u	 /* for the guest's first round */

static const struct guest_image *image_find(const char *name)
{
	for (u32 i = 0; i < guest_image_count; i++)
		if (!strcmp(guest_images[i].name, name))
			return &guest_images[i];
	return NULL;
}

static struct guest_config guest_config(const struct run_config *c, unsigned first_cpu)
{
	const struct guest_image *image = image_find(c->guest);

	return (struct guest_config){
		.protocol = protocol_find(c->protocol),
		.vcpus = c->cpus - 1,
		.first_cpu = first_cpu,
		.ram_pages = c->guest_mem >> PAGE_SHIFT,
		.mem = c->mem >> PAGE_SHIFT,
		.batch = c->batch,
		.image = image->start,
		.image_size = (size_t)(image->end - image->start),
		.arg = c->arg,
		.seed = c->seed,
		.ticks_per_us = (u32)smp_ticks(1),
		.apicv = c->apicv,
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
	return s->guest ? NULL : err;
}

void session_start(struct session *s)
{
	for (unsigned i = 0; i < s->guest->nvcpus; i++)
		cpu_start(s->first_cpu + i, vcpu_main, s->guest->vcpus[i]);
	s->since = s->shown_at = s->collapse_at = s->result.began = rdtsc();
}

static u64 all_rounds(const struct guest *g)
{
	u64 rounds = 0;

	for (unsigned i = 0; i < g->nvcpus; i++)
		rounds += session_rounds_of(g->vcpus[i]);
	return rounds;
}

static bool ended(const struct guest *g)
{
	return __atomic_load_n(&g->stopped, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&g->done, __ATOMIC_ACQUIRE) == g->nvcpus;
}

static bool all_idle(const struct session *s)
{
	for (unsigned i = 0; i < s->guest->nvcpus; i++)
		if (!cpu_idle(s->first_cpu + i))
			return false;
	return true;
}

static void progress(struct session *s)
{
	if (!session_over(s->shown_at, PROGRESS_US))
		return;
	s->shown_at = rdtsc();
	printk("%s: %lu of %lu moves, guest %u has done %lu rounds\n", s->cfg->protocol,
	       s->result.moves, s->cfg->moves, s->guest->id, all_rounds(s->guest));
}

static void enter(struct session *s, enum session_state state)
{
	s->state = state;
	s->since = rdtsc();
}

/* Moves begin when every vCPU has shown that it runs, or the guest has had its time. */
static void starts(struct session *s)
{
	struct guest *g = s->guest;
	unsigned running = 0;

	while (running < g->nvcpus && session_rounds_of(g->vcpus[running]))
		running++;
	if (running < g->nvcpus && !ended(g) && !session_over(s->since, START_US))
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

/* A guest that gets on may have much left to do; one that does not has had its time. */
static void finishes(struct session *s)
{
	struct guest *g = s->guest;
	u64 rounds = all_rounds(g);
	char late[40] = "";

	if (ended(g)) {
		enter(s, SESSION_LEAVES);
	} else if (rounds != s->got_on_to) {
		s->got_on_to = rounds;
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
	s->code = result_print(&s->result);
	guest_destroy(s->guest);
	enter(s, SESSION_ENDED);
}

static void housekeeping(struct session *s)
{
	struct guest *g = s->guest;
	u64 frames = __atomic_load_n(&g->backing.store.frames, __ATOMIC_RELAXED);

	reclaim_background(&g->reclaim);
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
