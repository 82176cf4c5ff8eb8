/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main job: a guest runs on all CPUs but this one, which keeps moving the guest's pages under
 * it. */
#include "boot/guests.h"
#include "boot/format.h"
#include "boot/job.h"
#include "boot/result.h"
#include "boot/smp.h"
#include "mm/frame.h"
#include "mm/random.h"
#include "mm/x86.h"
#include "vmx/vmx.h"

/* Ticks are TSC ticks: on Bochs one for each instruction of a CPU. */
#define PAUSE_MAX 16384u     /* between two moves, so that the guest gets on */
#define PROGRESS_US 2000000u /* between two lines of progress */
#define FINISH_US 6000000u   /* for the guest's last check */
#define START_US 3000000u    /* for the guest's first round */
#define MOVES_PER_ROUND 10u  /* of each vCPU; it makes one in about six where it has a CPU */
#define PACE_US 2000000u     /* for that round */
#define MIXED_BATCH_BITS 5   /* mixed batches have 1, 2, 4, .. 32 pages */

/* What a run takes at most: the guest's RAM, a batch's new frames, and tables, vCPUs and VMCSs. */
#define NEEDED_FRAMES (GUEST_RAM_PAGES + BATCH_MAX + 512ul)

static struct batch batch;
static struct result result;
static u64 random_state;

/* The same seed gives the same moves. */
static u64 random(void)
{
	return random_next(&random_state);
}

static void fill_batch(const struct guest *g, u32 pages, bool apic)
{
	u64 tries = 64 + 8 * pages;

	if (apic)
		batch_add(&batch, APIC_ACCESS_GFN);
	while (batch.npages < pages && tries--) {
		u64 gfn = random() % g->backing.ram_pages;
		bool twice = false;

		for (unsigned i = 0; i < batch.npages; i++)
			twice |= batch.page[i].gfn == gfn;
		if (!twice)
			batch_add(&batch,
				  gfn); /* a page that was never touched has nothing to move */
	}
}

static u32 batch_pages(const struct run_config *c)
{
	return c->batch ? c->batch : 1u << random() % (MIXED_BATCH_BITS + 1);
}

static void pause_ticks(u64 ticks)
{
	u64 start = rdtsc();

	while (rdtsc() - start < ticks)
		cpu_relax();
}

static void move_once(const struct run_config *c, struct guest *g)
{
	u64 apic = batch.apic_moves, start, ticks;
	unsigned moved;

	fill_batch(g, batch_pages(c), result.moves % 2 == 0);
	if (!batch.npages) {
		guest_stop(g, "nothing can be moved: memory is out");
		return;
	}
	start = rdtsc();
	moved = protocol_run(&batch);
	ticks = rdtsc() - start;
	apic = batch.apic_moves - apic;
	histogram_add(&result.move_ticks, ticks);
	result.ticks += ticks;
	result.moves++;
	result.apic_moves += apic;
	result.data_pages += moved - apic;
}

static u64 rounds_of(const struct guest *g)
{
	u64 rounds = 0;

	for (unsigned i = 0; i < g->nvcpus; i++)
		rounds += __atomic_load_n(&g->vcpus[i]->rounds, __ATOMIC_RELAXED);
	return rounds;
}

static bool ended(const struct guest *g)
{
	return __atomic_load_n(&g->stopped, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&g->done, __ATOMIC_ACQUIRE) == g->nvcpus;
}

static void progress(const struct run_config *c, const struct guest *g, u64 *last)
{
	if (rdtsc() - *last < smp_ticks(PROGRESS_US))
		return;
	*last = rdtsc();
	printk("%s: %lu of %lu moves, the guest has done %lu rounds\n", c->protocol, result.moves,
	       c->moves, rounds_of(g));
}

/* Moves begin when every vCPU has shown that it runs, or the guest has had its time. */
static void wait_for_start(const struct run_config *c, struct guest *g)
{
	u64 start = rdtsc(), last = start;

	for (unsigned i = 0; i < g->nvcpus && !ended(g) && rdtsc() - start < smp_ticks(START_US);) {
		if (__atomic_load_n(&g->vcpus[i]->rounds, __ATOMIC_RELAXED))
			i++;
		progress(c, g, &last);
		cpu_relax();
	}
}

/*
 * Moves show something only while the guest runs. Where an outer hypervisor has fewer CPUs than it
 * lends, hundreds of them would pass between two instructions of a vCPU: so they wait for its
 * rounds. Not for a vCPU that makes none, though; that one's time is over once.
 */
static void let_guest_run(const struct guest *g, const u64 *first, bool *slow)
{
	u64 start = rdtsc();

	for (unsigned i = 0; i < g->nvcpus; i++) {
		const u64 *rounds = &g->vcpus[i]->rounds;

		while (!slow[i] && !ended(g) &&
		       (__atomic_load_n(rounds, __ATOMIC_RELAXED) - first[i]) * MOVES_PER_ROUND +
				       MOVES_PER_ROUND <
			       result.moves) {
			slow[i] = rdtsc() - start > smp_ticks(PACE_US);
			cpu_relax();
		}
	}
}

static void move_all(const struct run_config *c, struct guest *g)
{
	u64 last = rdtsc(), first[MAX_CPUS];
	bool slow[MAX_CPUS] = { false };

	for (unsigned i = 0; i < g->nvcpus; i++)
		first[i] = __atomic_load_n(&g->vcpus[i]->rounds, __ATOMIC_RELAXED);
	while (result.moves < c->moves && !ended(g)) {
		move_once(c, g);
		progress(c, g, &last);
		let_guest_run(g, first, slow);
		pause_ticks(random() % PAUSE_MAX);
	}
}

static void name_late(const struct guest *g, char *names, size_t size)
{
	int n = 0;

	for (unsigned i = 0; i < g->nvcpus; i++)
		if (g->vcpus[i]->state != VCPU_DONE)
			n += format(names + n, size - n, " %u", i);
}

static void finish(const struct run_config *c, struct guest *g)
{
	u64 start = rdtsc(), last = start;
	char late[40] = "";

	__atomic_store_n(&g->finishing, true, __ATOMIC_RELEASE);
	while (!ended(g) && rdtsc() - start < smp_ticks(FINISH_US)) {
		progress(c, g, &last);
		cpu_relax();
	}
	if (!ended(g)) {
		name_late(g, late, sizeof(late));
		guest_stop(g, "vCPU%s did not finish within %u ms after the last move", late,
			   FINISH_US / 1000);
	}
	for (unsigned i = 1; i <= g->nvcpus; i++)
		while (!cpu_idle(i))
			cpu_relax();
}

static int set_up_error(const char *what)
{
	char text[300];

	format_json(text, sizeof(text), what);
	printk("%s\n@json {\"result\":\"error\",\"exit\":%d,\"error\":\"%s\"}\n", what, EXIT_SETUP,
	       text);
	return EXIT_SETUP;
}

static const struct guest_image *image_find(const char *name)
{
	for (u32 i = 0; i < guest_image_count; i++)
		if (!strcmp(guest_images[i].name, name))
			return &guest_images[i];
	return NULL;
}

static int run(const struct run_config *c)
{
	const struct guest_image *image = image_find(c->guest);
	struct guest_config gc = {
		.protocol = protocol_find(c->protocol),
		.vcpus = c->cpus - 1,
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
	u64 before = frames_free();
	const char *err;
	struct guest *g;
	char text[120];
	int code;

	if (before < NEEDED_FRAMES) {
		format(text, sizeof(text),
		       "not enough RAM: a run needs %u MB free, %lu MB are; give the machine more",
		       (unsigned)(NEEDED_FRAMES >> 8), before >> 8);
		return set_up_error(text);
	}
	printk("run: protocol %s, guest %s, %u CPUs, %lu moves, seed %lu\n", c->protocol, c->guest,
	       c->cpus, c->moves, c->seed);
	g = guest_create(&gc, &err);
	if (!g)
		return set_up_error(err);
	batch = (struct batch){ .ept = &g->ept };
	result = (struct result){ .cfg = c, .guest = g };
	random_state = c->seed;
	for (unsigned i = 0; i < g->nvcpus; i++)
		cpu_start(i + 1, vcpu_main, g->vcpus[i]);
	wait_for_start(c, g);
	if (!strcmp(c->fault, "panic"))
		panic("fault=panic: as asked for in interlock.cfg");
	move_all(c, g);
	finish(c, g);
	result.ipis = batch.ipis;
	result.ipis_avoided = batch.ipis_avoided;
	code = result_print(&result);
	guest_destroy(g);
	if (frames_free() != before)
		panic("frames: %lu were free before the run, %lu after", before, frames_free());
	return code;
}

static void switch_on(void *failed)
{
	int err = vmx_on();

	if (err)
		__atomic_store_n((int *)failed, err, __ATOMIC_RELAXED);
}

static void switch_off(void *unused)
{
	(void)unused;
	vmx_off();
}

static void on_each_other(unsigned count, void (*fn)(void *), void *arg)
{
	for (unsigned i = 1; i < count; i++)
		cpu_start(i, fn, arg);
	for (unsigned i = 1; i < count; i++)
		while (!cpu_idle(i))
			cpu_relax();
}

int job_main(const struct config *cfg, unsigned count)
{
	char err[160];
	int code = EXIT_HELD, failed = 0;

	if (vmx_probe(err, sizeof(err)))
		return set_up_error(err);
	on_each_other(count, switch_on, &failed);
	switch_on(&failed);
	if (failed)
		return set_up_error(failed == -EIO ? "VT-x is locked off in IA32_FEATURE_CONTROL; "
						     "switch it on in the firmware's set-up"
						   : "not enough memory for VMXON");
	cpuid_init();
	for (u32 i = 0; i < cfg->nruns; i++) {
		int one = run(&cfg->run[i]);

		/* The worst is what a caller should hear of: an error, then a stale access. */
		if (one == EXIT_SETUP || code == EXIT_HELD ||
		    (code == EXIT_STALE && one == EXIT_ERROR))
			code = one;
	}
	on_each_other(count, switch_off, NULL);
	vmx_off();
	return code;
}
