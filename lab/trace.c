/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Executions for people: printed with one column per actor, and named by a string that replays
 * them. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ept/protocol.h"
#include "lab/trace.h"
#include "mm/frame.h"

/* ---- replay strings: a letter for the actor, a sign for the option, a count ---- */

static const char signs[OPTIONS] = { '.', '!', '*', '+', '-' };

void replay_string(const struct finding *f, char *s, size_t size)
{
	size_t n = (size_t)snprintf(s, size, "%s:", opt.tso ? "tso" : "sc");

	for (unsigned i = 0, k; i < f->length && n + 16 < size; i = k) {
		for (k = i + 1; k < f->length && f->path[k] == f->path[i];)
			k++;
		n += (size_t)snprintf(s + n, size - n, "%c", 'a' + f->path[i] / OPTIONS);
		if (f->path[i] % OPTIONS)
			n += (size_t)snprintf(s + n, size - n, "%c", signs[f->path[i] % OPTIONS]);
		if (k - i > 1)
			n += (size_t)snprintf(s + n, size - n, "%u", k - i);
	}
}

bool replay_read(const char *s, struct finding *f, char *err, size_t size)
{
	const char *p = strchr(s, ':');

	f->length = 0;
	if (!strncmp(s, "tso:", 4) || !strncmp(s, "sc:", 3))
		opt.tso = *s == 't';
	else
		p = NULL;
	for (p = p ? p + 1 : NULL; p && *p;) {
		unsigned actor = (unsigned)(*p - 'a'), option = TAKE;
		unsigned long count = 1;
		char *end;

		if (actor >= test->nactors)
			break;
		for (unsigned i = 1; i < OPTIONS; i++)
			if (p[1] == signs[i])
				option = i;
		p += option ? 2 : 1;
		if (isdigit((unsigned char)*p)) {
			count = strtoul(p, &end, 10);
			p = end;
		}
		for (; count && f->length < MAX_DEPTH - 1; count--)
			f->path[f->length++] = (u8)(actor * OPTIONS + option);
	}
	if (p && !*p && f->length)
		return true;
	snprintf(err, size,
		 "the replay string is wrong at '%s': it is sc: or tso: and letters of "
		 "actors (a to %c), each with ! * + or - and a count after it if need be",
		 p ? p : s, 'a' + test->nactors - 1);
	return false;
}

/* ---- columns ---- */

static unsigned width, row_actor;
static char row[120];
static const char *row_label;

static const char *step_begun[ACTORS];

static void flush_row(void)
{
	if (row_label)
		printf("%*s%s\n", (int)(row_actor * width), "", row);
	row_label = NULL;
}

static const char *frame_text(u64 address)
{
	static char text[8][24];
	static unsigned n;
	char *s = text[n++ % 8];

	if (!address)
		return "none";
	snprintf(s, 24, "f%lu", (unsigned long)((address >> PAGE_SHIFT) - FRAME_BASE));
	return s;
}

static const char *p_text(u64 p)
{
	static char text[4][40];
	static unsigned n;
	char *s = text[n++ % 4];

	snprintf(s, 40, "%s%s",
		 p & P_PRESENT	? frame_text(p & P_ADDRESS)
		 : p & P_PACKED ? "packed"
		 : p & P_SAME	? "same"
				: "none",
		 p & P_MOVING ? ",moving" : "");
	return s;
}

static unsigned page_of_p(u64 addr)
{
	for (unsigned page = 0; page < test->npages; page++)
		if ((u64)p_entry(page) == addr)
			return page;
	return PAGES;
}

static const char *mode_text(u64 mode)
{
	static const char *const names[] = { "outside", "in the guest", "asleep", "reading" };

	return names[mode & MODE_MASK];
}

/* What one event did, where that is worth a word; else an empty string. */
static void words_of(unsigned actor, unsigned option, const struct event *e, u64 result, char *s,
		     size_t size)
{
	const struct cpu_model *c = &m.cpu[actor];
	unsigned page = page_of_p(e->addr), vcpu;

	*s = 0;
	if (option == DRAIN && e->page != 0xff)
		snprintf(s, size, "store to %s lands in f%lu", page_name(e->page),
			 (unsigned long)e->addr);
	else if (option == DRAIN)
		snprintf(s, size, "(%s is seen)", e->name);
	else if (e->kind == EV_VMWRITE)
		snprintf(s, size, "A=%s", frame_text(e->v));
	else if (e->kind == EV_INVALIDATE)
		snprintf(s, size, "%s", e->name);
	else if (e->kind == EV_IPI)
		snprintf(s, size, "%s to %s", e->name, test->actor[e->addr].name);
	else if (e->kind == EV_STOW)
		snprintf(s, size, "%s f%lu%s", e->name, (unsigned long)e->addr,
			 result ? "" : ": no");
	else if (e->kind == EV_DROP)
		snprintf(s, size, "%s", e->name);
	else if (e->kind == EV_FREE || e->kind == EV_COPY || e->kind == EV_READ ||
		 e->kind == EV_WRITE || e->kind == EV_FETCH)
		snprintf(s, size, "%s f%lu", e->name,
			 (unsigned long)(e->kind == EV_COPY ? e->old : e->addr));
	else if (e->kind == EV_LOAD && is_mode(e->addr, &vcpu) && vcpu != actor)
		snprintf(s, size, "finds %s %s", test->actor[vcpu].name, mode_text(result));
	else if (page < PAGES && e->kind == EV_LOAD)
		snprintf(s, size, "finds P[%s]=%s", page_name(page), p_text(result));
	else if (page < PAGES)
		snprintf(s, size, "P[%s]=%s", page_name(page),
			 e->kind == EV_STORE ? p_text(e->v) : p_text(mem_read(e->addr, 8)));
	else if (is_entry(e->addr) && (e->kind == EV_STORE || e->op == OP_XCHG) &&
		 e->kind != EV_LOAD)
		snprintf(s, size, "E=%s", frame_text(e->v & P_ADDRESS));
	else if (e->kind == EV_ENTER)
		snprintf(s, size, "%s", option == NMI ? "gives up: NMI" : c->in_guest ? "" : "?");
	else if (e->kind == EV_GUEST && option == NMI)
		snprintf(s, size, "NMI: exit");
	else if (e->kind == EV_GUEST && option == VIOLATION)
		snprintf(s, size, "EPT violation");
	else if (e->kind == EV_LOAD && opt.verbose)
		snprintf(s, size, "-> %lx", (unsigned long)result);
}

/* The same, with a word where a store is not seen by others yet. */
static void say(unsigned actor, unsigned option, const struct event *e, u64 result, char *s,
		size_t size)
{
	size_t n;

	words_of(actor, option, e, result, s, size);
	n = strlen(s);
	if (opt.tso && e->kind == EV_STORE && option != DRAIN)
		snprintf(s + n, size - n, "%s%s in the buffer", n ? " " : "", n ? "is" : e->name);
}

static void one_row(unsigned actor, unsigned option, const struct event *e, u64 result)
{
	const char *label = m.cpu[actor].label ? m.cpu[actor].label : "start";
	char what[80];
	size_t n;

	/* A step is shown with its first event, or, when it has none, before the next one. */
	if (e->kind == EV_STEP) {
		const char *empty = step_begun[actor];

		step_begun[actor] = e->name;
		if (!empty)
			return;
		label = empty;
	} else {
		step_begun[actor] = NULL;
	}
	if (e->kind == EV_GUEST) {
		label = e->name;
		flush_row();
	}
	if (row_label != label || row_actor != actor) {
		flush_row();
		row_label = label;
		row_actor = actor;
		snprintf(row, sizeof(row), "%s", label);
	}
	say(actor, option, e, result, what, sizeof(what));
	n = strlen(row);
	if (*what && !strstr(row, what))
		snprintf(row + n, sizeof(row) - n, "%s%s", n == strlen(label) ? ": " : ", ", what);
}

static void state(void)
{
	printf("        P:");
	for (unsigned page = 0; page < test->npages; page++)
		printf(" %s=%s", page_name(page), p_text(*p_entry(page)));
	printf("  E:");
	for (unsigned page = 0; page < test->npages; page++) {
		struct leaf l = walk(page);

		printf(l.present ? " %s=f%lu" : " %s=none", page_name(page),
		       (unsigned long)l.frame);
	}
	for (unsigned i = 0; i < nactors; i++) {
		const struct cpu_model *c = &m.cpu[i];

		if (test->actor[i].kind == INVALIDATOR && !c->nbuffer)
			continue;
		printf("  %s:", test->actor[i].name);
		if (test->actor[i].kind != INVALIDATOR) {
			printf("%s A=%s", c->in_guest ? " guest," : "", frame_text(c->a));
			if (c->in_guest && c->latched != c->a)
				printf(" (entered with %s)", frame_text(c->latched));
			for (unsigned k = 0; k < c->nt; k++)
				printf("%s%s=f%u", k ? " " : " T: ", page_name(T_PAGE(c->t[k])),
				       (unsigned)T_FRAME(c->t[k]));
		}
		for (unsigned k = 0; k < c->nbuffer; k++)
			printf("%s%s", k ? " " : " buffer: ", c->buffer[k].name);
		printf("%s", c->nmi ? " NMI pending" : "");
	}
	putchar('\n');
}

static void one_event(unsigned actor, unsigned option, const struct event *e, u64 result)
{
	static const char *const kinds[] = { "load",  "store", "locked", "fence", "lock",
					     "spin",  "frame", "frame",	 "frame", "frame",
					     "frame", "store", "",	 "",	  "",
					     "",      "",      "",	 "",	  "step" };
	char what[80];

	say(actor, option, e, result, what, sizeof(what));
	if (e->kind == EV_GUEST)
		printf("%-8s %s %s\n", test->actor[actor].name, e->name, what);
	else
		printf("%-8s %s%s%s %s\n", test->actor[actor].name,
		       option == DRAIN ? "drain" : kinds[e->kind], *kinds[e->kind] ? " " : "",
		       e->name, what);
	state();
}

bool show(const struct finding *f, unsigned verbose)
{
	bool ok = true;

	width = 0;
	for (unsigned i = 0; i < test->nactors; i++)
		width = strlen(test->actor[i].name) > width ? strlen(test->actor[i].name) : width;
	width = width + 30;
	world_start();
	memset(step_begun, 0, sizeof(step_begun));
	if (verbose) {
		state();
		on_event = one_event;
	} else {
		for (unsigned i = 0; i < test->nactors; i++)
			printf("%-*s", (int)(i + 1 < test->nactors ? width : 0),
			       test->actor[i].name);
		putchar('\n');
		on_event = one_row;
	}
	for (unsigned i = 0; ok && i < f->length; i++) {
		if (!(world_enabled() & BIT(f->path[i]))) {
			on_event = NULL;
			fprintf(stderr,
				"explore: step %u of the replay is not possible: the string is "
				"of another test or version\n",
				i + 1);
			exit(2);
		}
		ok = world_step(f->path[i]);
	}
	on_event = NULL;
	flush_row();
	return ok && (world_enabled() || frames_right());
}
