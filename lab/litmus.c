/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Litmus files: one test each, in lines of a keyword and words. docs/7-explorer.md has the form. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ept/protocol.h"
#include "lab/ablate.h"
#include "lab/litmus.h"

char *words[MAX_WORDS];
unsigned nwords;
static unsigned line_number;
static const char *file_name;
static char *error;
static size_t error_size;

bool wrong(const char *fmt, ...)
{
	va_list args;
	int n = snprintf(error, error_size, line_number ? "%s:%u: " : "%s: ", file_name,
			 line_number);

	va_start(args, fmt);
	vsnprintf(error + n, error_size - n, fmt, args);
	va_end(args);
	return false;
}

unsigned litmus_line(void)
{
	return line_number;
}

void litmus_at(unsigned line)
{
	line_number = line;
}

static bool about(struct litmus *l, const char *rest)
{
	snprintf(l->about, sizeof(l->about), "%s", rest);
	return true;
}

static bool protocol(struct litmus *l)
{
	static const char *const names[] = { PROTOCOL_NAMES };

	for (unsigned i = 0; nwords == 2 && i < ARRAY_SIZE(names); i++)
		if (!strcmp(words[1], names[i])) {
			snprintf(l->protocol, sizeof(l->protocol), "%s", names[i]);
			return true;
		}
	return wrong("protocol: one of ordered, start-notifier, range-notifier, gated is wanted");
}

static bool steps(struct litmus *l)
{
	l->own_steps = true;
	for (unsigned i = 1; i < nwords; i++) {
		if (i == nwords - 1 && !strcmp(words[i], "gated")) {
			l->gated = true;
			break;
		}
		if (l->nsteps == 15) /* ept/protocol.h has room for 16, the last one empty */
			return wrong("steps: more than 15");
		l->steps[l->nsteps] = step_name(words[i]);
		if (!l->steps[l->nsteps++])
			return wrong(
				"'%s' is no step: begin, unmap, publish_reload, publish_flush, "
				"kick, wait, copy, clear, rebind, release, end",
				words[i]);
	}
	return l->nsteps || wrong("steps: none is named");
}

static bool gate(struct litmus *l)
{
	l->ngate = 0;
	for (unsigned i = 1; i < nwords; i++) {
		const char *found = NULL, *name;

		for (unsigned k = 0; (name = gate_name(k)); k++)
			if (!strcmp(words[i], name))
				found = name;
		if (!found)
			return wrong("'%s' is no step of the gate: reload, flush, arm, check",
				     words[i]);
		if (l->ngate == ARRAY_SIZE(l->gate))
			return wrong("gate: more than %zu steps", ARRAY_SIZE(l->gate));
		l->gate[l->ngate++] = found;
	}
	return l->ngate || wrong("gate: none is named");
}

static bool start(struct litmus *l)
{
	if (nwords == 1)
		return wrong("start: empty, boot, large, packed or full is wanted");
	for (unsigned i = 1; i < nwords; i++) {
		if (!strcmp(words[i], "empty"))
			l->empty = true;
		else if (!strcmp(words[i], "boot"))
			l->boot = true;
		else if (!strcmp(words[i], "large"))
			l->large = true;
		else if (!strcmp(words[i], "packed"))
			l->packed = true;
		else if (!strcmp(words[i], "full"))
			l->full = true;
		else
			return wrong("start '%s': empty (E has no leaves), boot (A is not loaded), "
				     "large (2-MB leaves), packed (data pages are in the store), "
				     "full (the store takes nothing)",
				     words[i]);
	}
	return true;
}

static bool without_line(struct litmus *l)
{
	if (nwords == 1)
		return wrong("without: what is to be left out?");
	for (unsigned i = 1; i < nwords; i++) {
		if (l->nwithout == MAX_WITHOUT || strlen(words[i]) >= sizeof(l->without[0]))
			return wrong("without: at most %u names of under %zu letters", MAX_WITHOUT,
				     sizeof(l->without[0]));
		if (!ablation_known(words[i]))
			return wrong("without: '%s' is nothing that can be left out", words[i]);
		strcpy(l->without[l->nwithout++], words[i]);
	}
	return true;
}

static const char *const rules[] = { "apic-raw",   "frame-freed",  "write-lost",   "data-stale",
				     "data-traps", "frame-owner",  "frame-leaked", "panic",
				     "guest-stop", "dirty-missed", "table-freed",  "tag-mixed",
				     "reached",	   "store-freed",  "store-leaked" };

static bool no_rule(const char *word)
{
	char names[300];
	size_t n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "",
				      rules[i]);
	return wrong("'%s' is no rule: %s", word, names);
}

static bool expect(struct litmus *l)
{
	unsigned i = 1, first = 0, last = 1;
	enum verdict verdict = UNDECIDED;
	const char *rule_name = "", *breaks = "";

	if (nwords > i && (!strcmp(words[i], "sc") || !strcmp(words[i], "tso")))
		first = last = words[i++][0] == 't';
	if (nwords > i && !strcmp(words[i], "holds"))
		verdict = HOLDS;
	else if (nwords > i && !strcmp(words[i], "stuck"))
		verdict = STUCK;
	else if (nwords > i + 1 && !strcmp(words[i], "violated"))
		verdict = VIOLATED;
	else
		return wrong("expect: [sc|tso] holds | stuck | violated RULE");
	i++;
	if (verdict == VIOLATED) {
		for (unsigned k = 0; k < ARRAY_SIZE(rules); k++)
			if (!strcmp(words[i], rules[k]))
				rule_name = rules[k];
		if (!*rule_name)
			return no_rule(words[i]);
		i++;
	}
	if (i + 1 < nwords && !strcmp(words[i], "breaks"))
		breaks = words[i + 1], i += 2;
	if (i != nwords)
		return wrong("expect: '%s' is too much", words[i]);
	for (unsigned k = first; k <= last; k++) {
		l->expect[k].verdict = verdict;
		snprintf(l->expect[k].rule, sizeof(l->expect[k].rule), "%s", rule_name);
		snprintf(l->expect[k].breaks, sizeof(l->expect[k].breaks), "%s", breaks);
	}
	return true;
}

static bool one_line(struct litmus *l, char *text)
{
	char *rest, *hash = strchr(text, '#');
	static const struct {
		const char *name;
		bool (*read)(struct litmus *l);
	} keywords[] = { { "protocol", protocol },
			 { "steps", steps },
			 { "gate", gate },
			 { "invalidator", litmus_invalidator },
			 { "reclaimer", litmus_reclaimer },
			 { "vcpu", litmus_vcpu },
			 { "start", start },
			 { "without", without_line },
			 { "expect", expect } };

	if (hash)
		*hash = 0;
	text += strspn(text, " \t\r\n");
	rest = text + strcspn(text, " \t\r\n");
	if (rest - text == 5 && !strncmp(text, "about", 5)) {
		rest += strspn(rest, " \t");
		rest[strcspn(rest, "\r\n")] = 0;
		return about(l, rest);
	}
	if (rest - text == 3 && !strncmp(text, "cpu", 3))
		return raw_line(l, rest);
	nwords = 0;
	for (char *w = strtok(text, " \t\r\n"); w; w = strtok(NULL, " \t\r\n")) {
		if (nwords == MAX_WORDS)
			return wrong("more than %u words", MAX_WORDS);
		words[nwords++] = w;
	}
	if (!nwords)
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(keywords); i++)
		if (!strcmp(words[0], keywords[i].name))
			return keywords[i].read(l);
	return wrong("'%s' is no keyword: about, protocol, steps, gate, invalidator, reclaimer, "
		     "vcpu, cpu, start, without, expect",
		     words[0]);
}

static bool reclaim(struct litmus *l)
{
	line_number = 0;
	if (l->full && !l->prunes)
		return wrong("start full: there is no reclaimer");
	if (l->packed)
		l->out |= (u8)(BIT(l->npages) - 2);
	if (l->raw && (l->packed || l->prunes))
		return wrong("reclaim, and programs of `cpu`: one or the other");
	return true;
}

static bool whole(struct litmus *l)
{
	unsigned vcpus = 0;

	for (unsigned i = 0; i < l->nactors; i++)
		vcpus += l->actor[i].kind == VCPU;
	if (!l->nactors)
		return wrong(
			"no actors: lines 'invalidator ...', 'vcpu ...', 'cpu ...' are wanted");
	for (unsigned i = 0; i < l->nactors; i++)
		for (unsigned k = 0; k < l->actor[i].nactions; k++) {
			line_number = l->actor[i].line;
			if (l->actor[i].kind == VCPU && l->actor[i].action[k].kind == ACT_NOTIFY &&
			    l->actor[i].action[k].page >= vcpus)
				return wrong("notify:%u: there are %u vCPUs, from 0",
					     l->actor[i].action[k].page, vcpus);
		}
	for (unsigned i = 0; i < l->nactors; i++)
		if (l->large && l->actor[i].kind == INVALIDATOR && !l->actor[i].out &&
		    l->actor[i].nactions * l->actor[i].times > POOL - PAGES)
			return litmus_at(l->actor[i].line),
			       wrong("invalidator: more than %u frames, with start large",
				     POOL - PAGES);
	if (!l->npages)
		l->npages = 1;
	return reclaim(l) && raw_whole(l);
}

bool litmus_read(struct litmus *l, const char *file, char *err, size_t size)
{
	const char *base = strrchr(file, '/');
	char text[512];
	bool ok = true;
	FILE *f = fopen(file, "r");

	file_name = file;
	error = err;
	error_size = size;
	line_number = 0;
	if (!f) {
		snprintf(err, size, "%s: %s", file, strerror(errno));
		return false;
	}
	memset(l, 0, sizeof(*l));
	snprintf(l->file, sizeof(l->file), "%s", file);
	snprintf(l->name, sizeof(l->name), "%s", base ? base + 1 : file);
	if (strstr(l->name, ".litmus"))
		*strstr(l->name, ".litmus") = 0;
	/* The name goes into CSV and JSON. */
	for (char *c = l->name; *c; c++)
		if (*c == '"' || *c == ',' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '_';
	strcpy(l->protocol, "ordered");
	for (unsigned i = 0; gate_name(i); i++)
		l->gate[l->ngate++] = gate_name(i);
	l->expect[0].verdict = l->expect[1].verdict = UNDECIDED;
	while (ok && fgets(text, sizeof(text), f)) {
		line_number++;
		if (!strchr(text, '\n') && !feof(f))
			ok = strlen(text) + 1 < sizeof(text)
				     ? wrong("no text: there is a byte of value 0")
				     : wrong("a line of over %zu letters", sizeof(text) - 2);
		else
			ok = one_line(l, text);
	}
	if (ok && ferror(f))
		ok = wrong("%s", strerror(errno));
	fclose(f);
	return ok && whole(l);
}
