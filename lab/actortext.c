/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of a litmus file that make actors: invalidator, reclaimer, vcpu. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/litmus.h"

static bool number(const char *word, unsigned max, unsigned *n)
{
	char *end;
	unsigned long v = strtoul(word, &end, 10);

	if (!isdigit((unsigned char)*word) || *end || v < 1 || v > max)
		return wrong("'%s': a number from 1 to %u is wanted", word, max);
	*n = (unsigned)v;
	return true;
}

bool litmus_page(struct litmus *l, const char *word, u8 *p)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (!strcmp(word, page_name(i))) {
			*p = (u8)i;
			if (l->npages <= i)
				l->npages = i + 1;
			return true;
		}
	return wrong("'%s' is no page: apic, d0, d1, d2", word);
}

struct actor_text *litmus_actor(struct litmus *l, enum actor_kind kind, const char *prefix)
{
	struct actor_text *a = &l->actor[l->nactors];
	unsigned n = 0;

	if (l->nactors == ACTORS) {
		wrong("more than %u actors", ACTORS);
		return NULL;
	}
	for (unsigned i = 0; i < l->nactors; i++)
		n += l->actor[i].kind == kind && !strncmp(l->actor[i].name, prefix, strlen(prefix));
	memset(a, 0, sizeof(*a));
	a->kind = kind;
	a->times = 1;
	a->line = litmus_line();
	if (kind == RAW)
		snprintf(a->name, sizeof(a->name), "%s", prefix);
	else
		snprintf(a->name, sizeof(a->name), "%s%u", prefix, n);
	l->nactors++;
	return a;
}

static bool pages(struct litmus *l, struct actor_text *a)
{
	for (unsigned i = 1; i < nwords; i++) {
		if (!strcmp(words[i], "times")) {
			if (i + 2 != nwords)
				return wrong("times: one number is wanted after it");
			if (!number(words[i + 1], POOL, &a->times))
				return false;
			break;
		}
		if (a->nactions == PAGES)
			return wrong("%s: more than %u pages", words[0], PAGES);
		if (!litmus_page(l, words[i], &a->action[a->nactions++].page))
			return false;
	}
	return a->nactions || wrong("%s: a page is wanted: apic, d0, d1, d2", words[0]);
}

bool litmus_invalidator(struct litmus *l)
{
	struct actor_text *a = litmus_actor(l, INVALIDATOR, "mover");

	if (!a || !pages(l, a))
		return false;
	return a->nactions * a->times <= POOL ||
	       wrong("invalidator: more than %u frames for all pages and times", POOL);
}

bool litmus_reclaimer(struct litmus *l)
{
	struct actor_text *a = litmus_actor(l, INVALIDATOR, "reclaimer");

	if (!a || !pages(l, a))
		return false;
	if (l->prunes)
		return wrong("reclaimer: there can be but one; in the hypervisor they take turns");
	a->out = l->prunes = true;
	for (unsigned i = 0; i < a->nactions; i++)
		l->out |= (u8)BIT(a->action[i].page);
	return true;
}

static bool action(struct litmus *l, struct action *a, char *word)
{
	static const struct {
		const char *name;
		u8 kind;
		bool page;
	} kinds[] = { { "read", ACT_READ, true },     { "write", ACT_WRITE, true },
		      { "hread", ACT_HREAD, true },   { "hwrite", ACT_HWRITE, true },
		      { "exit", ACT_EXIT, false },    { "halt", ACT_HALT, false },
		      { "leave", ACT_LEAVE, false },  { "end", ACT_END, false },
		      { "notify", ACT_NOTIFY, false } };
	char *colon = strchr(word, ':');
	unsigned n;

	if (colon)
		*colon++ = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, word))
			continue;
		a->kind = kinds[i].kind;
		if (kinds[i].page)
			return colon ? litmus_page(l, colon, &a->page)
				     : wrong("%s: a page is wanted, as in %s:apic", word, word);
		if (a->kind == ACT_NOTIFY) {
			if (!colon || !isdigit((unsigned char)*colon) || colon[1])
				return wrong("notify: the number of a vCPU is wanted, as notify:1");
			n = (unsigned)(*colon - '0');
			a->page = (u8)n;
			return true;
		}
		return !colon || wrong("%s takes nothing after a colon", word);
	}
	return wrong(
		"'%s' is no action: read:PAGE, write:PAGE, hread:PAGE, hwrite:PAGE, exit, halt, "
		"leave, end, notify:N",
		word);
}

bool litmus_vcpu(struct litmus *l)
{
	struct actor_text *a = litmus_actor(l, VCPU, "vcpu");

	for (unsigned i = 1; a && i < nwords; i++) {
		if (a->nactions == MAX_ACTIONS)
			return wrong("vcpu: more than %u actions", MAX_ACTIONS);
		if (!action(l, &a->action[a->nactions++], words[i]))
			return false;
	}
	return a;
}
