/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explore: the command. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/ablate.h"
#include "lab/report.h"
#include "lab/sample.h"
#include "lab/search.h"
#include "lab/table.h"
#include "lab/trace.h"

static const char usage[] =
	"Usage: explore [OPTION]... FILE.litmus...\n"
	"Runs the shipped protocol, gate, fault and reload code under every interleaving, against "
	"a model\n"
	"of the processor, and says whether a guest can see a wrong page.\n"
	"\n"
	"  --model sc|tso       one memory model (both)\n"
	"  -j, --jobs N         processes (the CPUs there are)\n"
	"  --time S             stop after S seconds a test (none)\n"
	"  --memory MB          for the table of states (4096)\n"
	"  --ablate NAME,...    leave these out: steps, fences, accesses by their names in the "
	"code\n"
	"  --ablate-all         each thing of `ordered` in turn, against all files\n"
	"  --check-model        each rule of the modelled processor taken out in turn: a file must "
	"notice\n"
	"  --rule-out NAME      one rule of the modelled processor taken out\n"
	"  --preemptions N      at most N switches away from a CPU that could go on\n"
	"  --naive              no partial-order reduction; counts all interleavings\n"
	"  --stateless          states are not remembered: as many executions as there are\n"
	"  --random N           N random executions, --pct N: N by the PCT rule\n"
	"  --depth D            PCT: bugs of depth D (3);  --seed S: of random choices (1)\n"
	"  --replay STRING      one execution, as a counterexample named it\n"
	"  -v                   counterexamples event by event, with P, E, T, A and store buffers\n"
	"  --json, --csv        one line a result, for machines\n"
	"  --checkpoint FILE    when stopped by time or a signal, write what is left\n"
	"  --resume FILE        go on with what is left\n"
	"  --progress           how far it is, every two seconds (on when standard error is a "
	"terminal)\n"
	"\n"
	"Exit codes: 0 as the files expect, 3 not so, 2 wrong input, 4 bounds reached without a "
	"verdict,\n"
	"124 out of time,\n130 interrupted.\n";

static struct limits limits;
static const char *ablate, *replay, *only;
static bool all, check_model;
static struct sampling sampling = { .seed = 1, .depth = 3 };
static unsigned long memory = 4096;

__attribute__((format(printf, 1, 2))) _Noreturn static void wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("explore: ", stderr);
	vfprintf(stderr, fmt, args);
	fputs("\n", stderr);
	va_end(args);
	exit(2);
}

static unsigned long number(const char *name, const char *s, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &end, 0);
	if (errno || *s < '0' || *s > '9' || *end || v < min || v > max)
		wrong("--%s %s: a number from %lu to %lu is wanted", name, s, min, max);
	return v;
}

/* The test's own ablations and those of the command line. */
static void set_ablations(void)
{
	static char names[40 * MAX_WITHOUT];

	ablate_as_test();
	snprintf(names, sizeof(names), "%s", ablate ? ablate : "");
	for (char *n = strtok(names, ","); n; n = strtok(NULL, ",")) {
		if (nablations == MAX_WITHOUT)
			wrong("more than %u ablations", MAX_WITHOUT);
		ablations[nablations++] = n;
	}
	for (unsigned i = 0; i < nablations; i++)
		if (!ablation_known(ablations[i]))
			wrong("'%s' is nothing that can be left out; known are:\n%s", ablations[i],
			      ablation_names());
}

/* Better said now than after hours. */
static void try_checkpoint(const char *file)
{
	bool there = !access(file, F_OK);
	FILE *f = fopen(file, "a");

	if (!f || fclose(f))
		wrong("%s: %s", file, strerror(errno));
	if (!there)
		remove(file);
	if (opt.naive)
		wrong("--checkpoint: what --naive counts cannot be resumed");
}

static int replay_one(void)
{
	static struct finding f;
	char err[300];
	bool ok;

	if (!replay_read(replay, &f, err, sizeof(err)))
		wrong("%s", err);
	ok = show(&f, opt.verbose);
	if (ok && !world_enabled() && *stuck_why()) {
		printf("\nstuck: %s\n", stuck_why());
		return 3;
	}
	printf("\n%s\n", ok ? "no rule is violated" : violated);
	if (!ok)
		printf("%s\n", violation_why);
	return ok ? 0 : 3;
}

/* One memory model. The exit code. */
static int run(bool tso, bool alone)
{
	static struct outcome o;
	const char *want = test->expect[tso].rule;

	opt.tso = tso;
	set_ablations();
	if (sampling.executions)
		sample(&sampling, &limits, &o);
	else
		explore(&limits, want, &o);
	/* The expected rule is violated nowhere: is another? That was not looked for so far. */
	if (o.found.verdict == HOLDS && *want && !sampling.executions) {
		struct limits anew = limits;

		anew.resume = NULL;
		explore(&anew, NULL, &o);
	}
	/* Within a bound nothing was found: that is no verdict. */
	if (opt.preemptions >= 0 && o.found.verdict == HOLDS) {
		o.found.verdict = UNDECIDED;
		o.how = STOPPED;
	}
	return report(&o, alone);
}

enum {
	MODEL = 256,
	TIME,
	MEMORY,
	ABLATE,
	ABLATE_ALL,
	CHECK_MODEL,
	RULE_OUT,
	PREEMPTIONS,
	NAIVE,
	STATELESS,
	RANDOM,
	PCT,
	DEPTH,
	SEED,
	REPLAY,
	JSON,
	CSV,
	CHECKPOINT,
	RESUME,
	PROGRESS
};

static const struct option options[] = {
	{ "help", 0, 0, 'h' },
	{ "model", 1, 0, MODEL },
	{ "jobs", 1, 0, 'j' },
	{ "time", 1, 0, TIME },
	{ "memory", 1, 0, MEMORY },
	{ "ablate", 1, 0, ABLATE },
	{ "ablate-all", 0, 0, ABLATE_ALL },
	{ "check-model", 0, 0, CHECK_MODEL },
	{ "rule-out", 1, 0, RULE_OUT },
	{ "preemptions", 1, 0, PREEMPTIONS },
	{ "naive", 0, 0, NAIVE },
	{ "stateless", 0, 0, STATELESS },
	{ "random", 1, 0, RANDOM },
	{ "pct", 1, 0, PCT },
	{ "depth", 1, 0, DEPTH },
	{ "seed", 1, 0, SEED },
	{ "replay", 1, 0, REPLAY },
	{ "json", 0, 0, JSON },
	{ "csv", 0, 0, CSV },
	{ "checkpoint", 1, 0, CHECKPOINT },
	{ "resume", 1, 0, RESUME },
	{ "progress", 0, 0, PROGRESS },
	{ 0 },
};

static void one_option(int c)
{
	switch (c) {
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case 'j':
		limits.jobs = (unsigned)number("jobs", optarg, 1, 16);
		break;
	case 'v':
		opt.verbose++;
		break;
	case MODEL:
		only = optarg;
		if (strcmp(only, "sc") && strcmp(only, "tso"))
			wrong("--model %s: sc or tso is wanted", only);
		break;
	case TIME:
		limits.seconds = (double)number("time", optarg, 1, 1000000);
		break;
	case MEMORY:
		memory = number("memory", optarg, 8, 1 << 20);
		break;
	case ABLATE:
		ablate = optarg;
		break;
	case ABLATE_ALL:
		all = true;
		break;
	case CHECK_MODEL:
		check_model = true;
		break;
	case RULE_OUT:
		rule_out = optarg;
		if (!rule_known(rule_out))
			wrong("--rule-out %s: no such rule; known are:\n%s", rule_out,
			      rule_names());
		break;
	case PREEMPTIONS:
		opt.preemptions = (int)number("preemptions", optarg, 0, 100);
		break;
	case NAIVE:
		opt.naive = true;
		break;
	case STATELESS:
		opt.stateless = true;
		break;
	case RANDOM:
	case PCT:
		sampling.executions = number("random", optarg, 1, 1ul << 40);
		sampling.pct = c == PCT;
		break;
	case DEPTH:
		sampling.depth = (unsigned)number("depth", optarg, 1, 20);
		break;
	case SEED:
		sampling.seed = number("seed", optarg, 0, ~0ul);
		break;
	case REPLAY:
		replay = optarg;
		break;
	case JSON:
		report_format = REPORT_JSON;
		break;
	case CSV:
		report_format = REPORT_CSV;
		break;
	case CHECKPOINT:
		limits.checkpoint = optarg;
		break;
	case RESUME:
		limits.resume = optarg;
		break;
	case PROGRESS:
		limits.progress = true;
		break;
	default:
		fputs("explore --help lists the options\n", stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct litmus *tests;
	int code = 0, c;
	unsigned n;
	char err[500];

	limits.jobs = (unsigned)MIN(sysconf(_SC_NPROCESSORS_ONLN), 16);
	limits.progress = isatty(2);
	while ((c = getopt_long(argc, argv, "hj:v", options, NULL)) != -1)
		one_option(c);
	n = (unsigned)(argc - optind);
	if (!n)
		wrong("no litmus file is named; --help tells more");
	if ((replay || limits.checkpoint || limits.resume) && (n != 1 || (!replay && !only)))
		wrong("--replay, --checkpoint and --resume take one file, and the latter two "
		      "--model");
	tests = calloc(n, sizeof(*tests));
	for (unsigned i = 0; i < n; i++)
		if (!litmus_read(&tests[i], argv[optind + (int)i], err, sizeof(err)))
			wrong("%s", err);
	test = &tests[0];
	set_ablations();
	if (replay)
		return replay_one();
	if (limits.checkpoint)
		try_checkpoint(limits.checkpoint);
	table_new(memory << 20);
	if (all)
		return ablate_all(tests, n, &limits);
	if (check_model)
		return check_rules(tests, n, &limits);
	report_start();
	for (unsigned i = 0; i < n; i++) {
		test = &tests[i];
		for (int tso = 0; tso < 2; tso++) {
			int got;

			if (only && tso != (*only == 't'))
				continue;
			got = run(tso, n == 1);
			/* What is worse counts: not as expected, then no verdict. */
			if (got && code != 3)
				code = got;
		}
	}
	report_end();
	return code;
}
