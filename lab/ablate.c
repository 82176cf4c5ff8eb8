/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/ablate.h"

#include <stdio.h>
#include <string.h>

#include "lab/parts.h"
#include "lab/report.h"

const char *ablations[MAX_WITHOUT];
unsigned nablations;

void ablate_as_test(void)
{
	for (nablations = 0; nablations < test->nwithout; nablations++)
		ablations[nablations] = test->without[nablations];
}

bool without(const char *name)
{
	for (unsigned i = 0; i < nablations; i++)
		if (!strcmp(ablations[i], name))
			return true;
	return false;
}

bool without_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name);

	for (unsigned i = 0; i < nablations; i++)
		if (!strncmp(ablations[i], name, n) && !strcmp(ablations[i] + n, suffix))
			return true;
	return false;
}

bool without_swap(const char *first, const char *second)
{
	char name[80];

	snprintf(name, sizeof(name), "%s<>%s", first, second);
	return nablations && without(name);
}

static const struct {
	const char *name, *redundant;
} parts[] = {
#define PART(name, redundant) { name, redundant },
	PARTS(PART)
#undef PART
};

static const char *const more[] = {
#define PART(name, unused) name,
	MORE_PARTS(PART) OTHER_PARTS(PART)
#undef PART
};

static bool is_step(const char *name, size_t n)
{
	char step[40];
	const char *gate;

	snprintf(step, sizeof(step), "%.*s", (int)n, name);
	for (unsigned i = 0; (gate = gate_name(i)); i++)
		if (!strcmp(gate, step))
			return true;
	return step_name(step);
}

bool ablation_known(const char *name)
{
	const char *swap = strstr(name, "<>");

	if (swap)
		return is_step(name, (size_t)(swap - name)) && is_step(swap + 2, strlen(swap + 2));
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strcmp(name, parts[i].name))
			return true;
	for (unsigned i = 0; i < ARRAY_SIZE(more); i++)
		if (!strcmp(name, more[i]))
			return true;
	return false;
}

const char *ablation_names(void)
{
	static char text[2000];
	size_t n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(parts) + ARRAY_SIZE(more); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
				      i < ARRAY_SIZE(parts) ? parts[i].name
							    : more[i - ARRAY_SIZE(parts)]);
	return text;
}

static bool is_large(const struct litmus *l)
{
	return strstr(l->file, "large/");
}

/* A test of the shipped order, with nothing left out, that it passes. */
static bool large_of_ordered(const struct litmus *l)
{
	return !strcmp(l->protocol, "ordered") && !l->own_steps && !l->nwithout &&
	       l->expect[1].verdict == HOLDS && l->actor[0].kind != RAW;
}

static bool of_ordered(const struct litmus *l)
{
	return large_of_ordered(l) && !is_large(l);
}

/* The first of the tests whose verdict is not the expected one. */
static const struct litmus *noticed_by(struct litmus *tests, unsigned n,
				       bool (*wanted)(const struct litmus *l), int models,
				       struct limits *l, struct outcome *o, unsigned *undecided)
{
	*undecided = 0;
	for (unsigned i = 0; i < n; i++)
		for (int tso = 1; tso > 1 - models; tso--) {
			test = &tests[i];
			opt.tso = tso;
			if (!wanted(test))
				continue;
			if (rule_out)
				ablate_as_test();
			explore(l, NULL, o);
			if (o->found.verdict == UNDECIDED)
				++*undecided;
			else if (o->found.verdict != test->expect[tso].verdict)
				return test;
		}
	return NULL;
}

int ablate_all(struct litmus *tests, unsigned n, struct limits *l)
{
	static struct outcome o;
	unsigned bad = 0, undecided, caught = 0, argued = 0;

	if (report_format == REPORT_TABLE)
		printf("%-32s %-26s %s\n", "left out or swapped", "verdict", "by / why not");
	if (report_format == REPORT_CSV)
		puts("ablation,verdict,rule,test,reason,ok");
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *reason = parts[i].redundant ? parts[i].redundant : "";
		const struct litmus *by;
		char verdict[60] = "holds";
		bool ok;

		ablations[0] = parts[i].name;
		nablations = 1;
		by = noticed_by(tests, n, *reason ? large_of_ordered : of_ordered, 1, l, &o,
				&undecided);
		if (by)
			snprintf(verdict, sizeof(verdict), "%s %s", verdict_name(o.found.verdict),
				 o.found.verdict == VIOLATED ? o.found.rule : "");
		ok = by ? !*reason : *reason && !undecided;
		bad += !ok;
		caught += ok && by;
		argued += ok && !by;
		if (report_format == REPORT_TABLE)
			printf("%-32s %-26s %s%s\n", parts[i].name, verdict,
			       by	 ? by->name
			       : *reason ? reason
					 : "NOT NOTICED",
			       by && *reason ? "  NOTICED, though it is argued to be redundant"
			       : undecided   ? "  (out of time in some)"
					     : "");
		else if (report_format == REPORT_CSV)
			printf("%s,%s,%s,%s,\"%s\",%s\n", parts[i].name,
			       verdict_name(by ? o.found.verdict : HOLDS), by ? o.found.rule : "",
			       by ? by->name : "", reason, ok ? "yes" : "no");
		else
			printf("{\"ablation\":\"%s\",\"verdict\":\"%s\",\"rule\":\"%s\",\"test\":"
			       "\"%s\","
			       "\"reason\":\"%s\",\"ok\":%s}\n",
			       parts[i].name, verdict_name(by ? o.found.verdict : HOLDS),
			       by ? o.found.rule : "", by ? by->name : "", reason,
			       ok ? "true" : "false");
		fflush(stdout);
	}
	if (report_format == REPORT_TABLE)
		printf("%u noticed, %u argued and held, %u neither\n", caught, argued, bad);
	return bad ? 3 : 0;
}

static bool any(const struct litmus *l)
{
	return l->expect[1].verdict != UNDECIDED && !is_large(l);
}

int check_rules(struct litmus *tests, unsigned n, struct limits *l)
{
	static struct outcome o;
	unsigned bad = 0, undecided;

	for (unsigned i = 0; model_rules[i].name; i++) {
		const struct litmus *by;

		rule_out = model_rules[i].name;
		by = noticed_by(tests, n, any, 2, l, &o, &undecided);
		bad += !by;
		printf("%-20s %-24s %s\n", rule_out, by ? by->name : "NOT NOTICED",
		       model_rules[i].text);
		fflush(stdout);
	}
	rule_out = NULL;
	printf("%u rules that no test notices\n", bad);
	return bad ? 3 : 0;
}
