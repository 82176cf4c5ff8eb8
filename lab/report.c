/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/report.h"

#include <stdio.h>
#include <string.h>

#include "lab/trace.h"

enum report_format report_format;
static unsigned as_expected, unexpected;

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = { "holds", "violated", "stuck", "undecided" };

	return names[v];
}

/* "I2 I3": what is not followed to the letter, though nothing comes of it. */
static const char *letters_of(const struct outcome *o)
{
	static char text[80];
	size_t n = 0;

	*text = 0;
	for (unsigned i = 1; i <= 18; i++)
		if (o->n.letters >> i & 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%sI%u", n ? " " : "", i);
	return text;
}

bool expected(const struct outcome *o)
{
	enum verdict v = test->expect[opt.tso].verdict;

	if (v == UNDECIDED)
		v = HOLDS;
	if (o->found.verdict != v)
		return false;
	/* A search that stopped at a violation has not seen all entries. */
	return v == VIOLATED ? !strcmp(o->found.rule, test->expect[opt.tso].rule)
	       : v == HOLDS  ? !strcmp(letters_of(o), test->expect[opt.tso].breaks)
			     : true;
}

void report_start(void)
{
	if (report_format == REPORT_TABLE)
		printf("%-24s %-4s%-22s %9s %10s %10s %8s %9s %8s\n", "test", "", "verdict",
		       "states", "executions", "steps", "steps/s", "memory", "time");
	if (report_format == REPORT_CSV)
		puts("test,model,verdict,rule,letters,expected,states,complete,ends,pruned,blocked,"
		     "steps,"
		     "deepest,interleavings,bytes,seconds,replay");
}

void report_end(void)
{
	if (report_format == REPORT_TABLE)
		printf("%u as expected, %u not\n", as_expected, unexpected);
}

static void table_line(const struct outcome *o)
{
	char verdict[48], scaled[16];
	double rate = (double)o->n.steps / (o->seconds + 1e-9);

	snprintf(verdict, sizeof(verdict), "%s%s%s", verdict_name(o->found.verdict),
		 o->found.verdict == VIOLATED ? " " : "",
		 o->found.verdict == VIOLATED ? o->found.rule : "");
	if (opt.preemptions >= 0 && o->how == STOPPED)
		snprintf(verdict, sizeof(verdict), "none, %d preemptions", opt.preemptions);
	snprintf(scaled, sizeof(scaled), "%.2fM", rate / 1e6);
	printf("%-24s %-4s%-22s %9lu %10lu %10lu %8s %6lu MB %6.2f s%s%s%s\n", test->name,
	       opt.tso ? "tso" : "sc", verdict, o->states,
	       o->n.complete + o->n.pruned + o->n.blocked, o->n.steps, scaled, o->bytes >> 20,
	       o->seconds, *letters_of(o) ? "  breaks the letter of " : "", letters_of(o),
	       expected(o) || o->found.verdict == UNDECIDED ? "" : "  NOT AS EXPECTED");
	fflush(stdout);
}

static void machine_line(const struct outcome *o, const char *replay)
{
	const char *rule_name = o->found.verdict == VIOLATED ? o->found.rule : "";

	if (report_format == REPORT_CSV)
		printf("%s,%s,%s,%s,%s,%s,%lu,%lu,%lu,%lu,%lu,%lu,%lu,%.15g,%lu,%.3f,%s\n",
		       test->name, opt.tso ? "tso" : "sc", verdict_name(o->found.verdict),
		       rule_name, letters_of(o), expected(o) ? "yes" : "no", o->states,
		       o->n.complete, o->n.ends, o->n.pruned, o->n.blocked, o->n.steps,
		       o->n.deepest, o->n.paths, o->bytes, o->seconds, replay);
	else
		printf("{\"test\":\"%s\",\"model\":\"%s\",\"verdict\":\"%s\",\"rule\":\"%s\","
		       "\"letters\":\"%s\",\"expected\":%s,\"states\":%lu,\"complete\":%lu,"
		       "\"ends\":%lu,\"pruned\":%lu,\"blocked\":%lu,\"steps\":%lu,\"deepest\":%lu,"
		       "\"interleavings\":%.15g,\"bytes\":%lu,\"seconds\":%.3f,\"replay\":\"%s\"}"
		       "\n",
		       test->name, opt.tso ? "tso" : "sc", verdict_name(o->found.verdict),
		       rule_name, letters_of(o), expected(o) ? "true" : "false", o->states,
		       o->n.complete, o->n.ends, o->n.pruned, o->n.blocked, o->n.steps,
		       o->n.deepest, o->n.paths, o->bytes, o->seconds, replay);
	fflush(stdout);
}

int report(struct outcome *o, bool alone)
{
	static char replay[8 * MAX_DEPTH];
	bool ok = expected(o);

	*replay = 0;
	if (o->found.verdict == VIOLATED || o->found.verdict == STUCK) {
		minimize(&o->found);
		replay_string(&o->found, replay, sizeof(replay));
	}
	if (report_format != REPORT_TABLE)
		machine_line(o, replay);
	else
		table_line(o);
	if (report_format == REPORT_TABLE && *replay && (alone || !ok)) {
		putchar('\n');
		show(&o->found, opt.verbose);
		printf("\n%s%s%s\nreplay: --replay '%s'\n\n", o->found.rule,
		       *o->found.rule ? ": " : "stuck: ", o->found.why, replay);
	}
	if (report_format == REPORT_TABLE && alone && opt.naive && o->how == ENDED)
		printf("%.3g interleavings in all\n", o->n.paths);
	as_expected += ok;
	unexpected += !ok;
	if (o->how == OUT_OF_TIME)
		return 124;
	if (o->how != ENDED)
		return 4;
	return ok ? 0 : 3;
}
