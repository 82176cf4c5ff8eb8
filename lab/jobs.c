/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One exploration by several processes. They share the table of states and a list of tasks: a
 * search that has used up its turn leaves the rest of its path as tasks. The first process takes
 * the newest task, so that it goes on depth first; the others take the oldest, which are the
 * largest. What is left when time is out goes to a file, with the table, and can be resumed.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab/jobs.h"
#include "lab/table.h"

struct shared *sh;
static unsigned jobs;
static volatile unsigned ended; /* processes */

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_a_little(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
}

/* The first reason counts. */
static void stop_for(int why)
{
	__sync_bool_compare_and_swap(&sh->stop, GO_ON, why);
}

static void lock_tasks(void)
{
	while (atomic_exchange(&sh->locked, 1))
		pause_a_little();
}

static void unlock_tasks(void)
{
	atomic_store(&sh->locked, 0);
}

void put_task(const struct task *t)
{
	unsigned i;

	lock_tasks();
	if (sh->ntasks == MAX_TASKS) {
		fputs("explore: too many tasks\n", stderr);
		exit(4);
	}
	i = sh->spare[sh->ntasks];
	memcpy(&sh->task[i], t, offsetof(struct task, path) + t->length);
	sh->order[sh->ntasks++] = (u16)i;
	unlock_tasks();
}

/*
 * False: there is none now. WAITING is the caller's, false at first. Only who has a task puts new
 * ones, so when all wait for one it is over.
 */
static bool take_task(struct task *t, bool newest, bool *waiting)
{
	unsigned i;

	lock_tasks();
	if (!sh->ntasks) {
		sh->idle += !*waiting;
		*waiting = true;
		if (sh->idle == jobs)
			stop_for(ALL_DONE);
		unlock_tasks();
		return false;
	}
	sh->idle -= *waiting;
	*waiting = false;
	if (newest) {
		i = sh->order[--sh->ntasks];
	} else {
		i = sh->order[0];
		memmove(sh->order, sh->order + 1, --sh->ntasks * sizeof(sh->order[0]));
	}
	sh->spare[sh->ntasks] = (u16)i;
	memcpy(t, &sh->task[i], offsetof(struct task, path) + sh->task[i].length);
	unlock_tasks();
	return true;
}

/* Nobody uses the table now but the first process, which grows it. */
static void gather(unsigned me)
{
	unsigned round = sh->rounds;

	atomic_fetch_add(&sh->gathered, 1);
	if (me == 0) {
		while (atomic_load(&sh->gathered) < (int)jobs && !sh->stop)
			pause_a_little();
		if (!sh->stop)
			table_grow();
		atomic_store(&sh->gathered, 0);
		sh->grow = 0;
		sh->rounds++;
	} else {
		while (sh->rounds == round && !sh->stop)
			pause_a_little();
	}
}

void add_up(struct counts *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < MAX_JOBS; i++) {
		const struct counts *c = &sh->counts[i];

		sum->steps += c->steps;
		sum->complete += c->complete;
		sum->ends += c->ends;
		sum->pruned += c->pruned;
		sum->blocked += c->blocked;
		sum->paths += opt.naive ? c->paths : 0;
		sum->done += c->done;
		sum->letters |= c->letters;
		if (c->deepest > sum->deepest)
			sum->deepest = c->deepest;
	}
}

static void progress(double start)
{
	struct counts n;
	double t = now() - start;

	add_up(&n);
	fprintf(stderr,
		"%s %s: %.0f s, %lu million steps, %lu million states, about %.1f %% done\n",
		test->name, opt.tso ? "tso" : "sc", t, n.steps / 1000000, table_states() / 1000000,
		100 * n.done);
}

static void work(unsigned me, const struct limits *l, const char *want, double start)
{
	static struct task t;
	static struct finding f;
	double told = start;
	bool waiting = false;

	for (;;) {
		double t0 = now();

		if (table_full())
			stop_for(MEMORY);
		if (!sh->stop && table_tight())
			sh->grow = 1;
		if (sh->grow)
			gather(me);
		if (sh->stop)
			return;
		if (me == 0 && l->progress && t0 - told > 2) {
			told = t0;
			progress(start);
		}
		if (!take_task(&t, me == 0, &waiting)) {
			pause_a_little();
			continue;
		}
		/* A turn adds at most one state a step, so the table holds until the next look. */
		if (search(&t, opt.naive ? ~0ull >> 1 : table_size() / 4 / jobs, want, &sh->stop,
			   &sh->counts[me], &f, put_task)) {
			lock_tasks();
			if (sh->stop != FOUND)
				sh->found = f;
			sh->stop = FOUND;
			unlock_tasks();
			return;
		}
		/* It has no turns: what is left would count in no interleaving. */
		if (opt.naive && sh->ntasks)
			stop_for(MEMORY);
	}
}

static void on_signal(int signal)
{
	stop_for(signal == SIGALRM ? TIME : INTERRUPT);
}

/* What one of the others held when it died is lost, be it a lock or a task. */
static void on_child(int signal)
{
	static const char text[] = "explore: one of its processes died\n";
	int status;

	(void)signal;
	while (waitpid(-1, &status, WNOHANG) > 0) {
		if (WIFEXITED(status) && !WEXITSTATUS(status)) {
			ended++;
			continue;
		}
		if (!WIFEXITED(status) && write(2, text, sizeof(text) - 1) < 0)
			_exit(1);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
}

static void set_timer(double seconds)
{
	struct itimerval t = { .it_value = { .tv_sec = (time_t)seconds } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* ---- one exploration ---- */

static void set_up(void)
{
	if (!sh) {
		sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (sh == MAP_FAILED) {
			perror("explore");
			exit(2);
		}
		signal(SIGINT, on_signal);
		signal(SIGTERM, on_signal);
		signal(SIGALRM, on_signal);
		signal(SIGCHLD, on_child);
	}
	memset(sh, 0, offsetof(struct shared, task));
	for (unsigned i = 0; i < MAX_TASKS; i++)
		sh->spare[i] = (u16)i;
}

static void others(const struct limits *l, const char *want, double start)
{
	fflush(NULL);
	for (unsigned i = 1; i < jobs; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("explore: fork");
			exit(2);
		}
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(i, l, want, start);
			_exit(0);
		}
	}
}

void explore(const struct limits *l, const char *want, struct outcome *o)
{
	static struct task root;
	double start = now(), before = 0;
	bool waiting = false;

	set_up();
	table_clear(opt.naive);
	letters = 0;
	search_root(&root);
	if (l->resume)
		before = checkpoint_load(l->resume);
	else
		put_task(&root);
	set_timer(l->seconds);
	/* Most tests are over before another process would be there: a first turn alone. */
	jobs = 1;
	ended = 0;
	if (l->jobs > 1 && !opt.naive) {
		static struct task t;
		static struct finding f;

		take_task(&t, true, &waiting);
		if (search(&t, 15000, want, &sh->stop, &sh->counts[0], &f, put_task)) {
			sh->found = f;
			sh->stop = FOUND;
		}
		if (sh->ntasks && !sh->stop) {
			jobs = l->jobs;
			others(l, want, start);
		}
	}
	work(0, l, want, start);
	while (ended + 1 < jobs)
		pause_a_little();
	set_timer(0);
	memset(o, 0, offsetof(struct outcome, found.path));
	add_up(&o->n);
	o->seconds = before + now() - start;
	o->states = table_states();
	o->bytes = table_bytes() + sizeof(struct task) * sh->ntasks;
	o->how = ENDED;
	o->found.verdict = HOLDS;
	if (sh->stop == FOUND) {
		o->found = sh->found;
	} else if (sh->stop != ALL_DONE) {
		o->found.verdict = UNDECIDED;
		o->how = sh->stop == TIME     ? OUT_OF_TIME
			 : sh->stop == MEMORY ? OUT_OF_MEMORY
					      : STOPPED;
		if (l->checkpoint)
			checkpoint_save(l->checkpoint, o->seconds);
		if (sh->stop == INTERRUPT) {
			fprintf(stderr, "explore: interrupted in %s, %s\n", test->name,
				opt.tso ? "tso" : "sc");
			exit(130);
		}
	}
}
