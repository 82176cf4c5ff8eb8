/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs of raw actors, from a test's lines `cpu NAME: OPERATION; OPERATION; ...`. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/litmus.h"
#include "lab/raw.h"

/*
 * Arguments: p page, f and F frame, v variable, n number up to MAX, c CPU, s single or all with a
 * number up to MAX, w one of WORDS.
 */
static const struct form {
	const char *name, *arguments;
	unsigned max;
	const char *words;
} forms[] = {
	[RAW_MAP] = { "map", "pf", 0, NULL },
	[RAW_LARGE] = { "large", "pf", 0, NULL },
	[RAW_SPLIT] = { "split", "p", 0, NULL },
	[RAW_UNMAP] = { "unmap", "p", 0, NULL },
	[RAW_UNLINK_TABLE] = { "unlink-table", "p", 0, NULL },
	[RAW_FREE_TABLE] = { "free-table", "p", 0, NULL },
	[RAW_COPY] = { "copy", "fF", 0, NULL },
	[RAW_FREE] = { "free", "f", 0, NULL },
	[RAW_CLEAR_DIRTY] = { "clear-dirty", "p", 0, NULL },
	[RAW_EXPECT_DIRTY] = { "expect-dirty", "p", 0, NULL },
	[RAW_EXPECT_LOGGED] = { "expect-logged", "p", 0, NULL },
	[RAW_A] = { "A", "f", 0, NULL },
	[RAW_APIC] = { "apic", "w", 0, "on off registers" },
	[RAW_INVEPT] = { "invept", "s", RAW_ROOTS - 1, NULL },
	[RAW_INVVPID] = { "invvpid", "s", 3, NULL },
	[RAW_ROOT] = { "root", "n", RAW_ROOTS - 1, NULL },
	[RAW_VPID] = { "vpid", "n", 3, NULL },
	[RAW_GUEST_TABLES] = { "guest", "n", 1, NULL },
	[RAW_SET_AD] = { "ad", "w", 0, "on off" },
	[RAW_SET_PML] = { "pml", "n", 511, NULL },
	[RAW_VMX_ON] = { "vmxon", "", 0, NULL },
	[RAW_VMX_OFF] = { "vmxoff", "", 0, NULL },
	[RAW_NMI] = { "nmi", "c", 0, NULL },
	[RAW_ENTER] = { "enter", "", 0, NULL },
	[RAW_STORE] = { "store", "vn", 255, NULL },
	[RAW_LOAD] = { "load", "v", 0, NULL },
	[RAW_AWAIT] = { "await", "vn", 255, NULL },
	[RAW_FENCE] = { "fence", "", 0, NULL },
	[RAW_XCHG] = { "xchg", "vn", 255, NULL },
	[RAW_READ] = { "read", "p", 0, NULL },
	[RAW_WRITE] = { "write", "p", 0, NULL },
	[RAW_WALK] = { "walk", "p", 0, NULL },
	[RAW_STAY] = { "stay", "", 0, NULL },
	[RAW_EXIT] = { "exit", "", 0, NULL },
	[RAW_ONLY] = { "only", "w", 255, "exit nmi violation apic pml" },
	[RAW_NEVER] = { "never", "", 0, NULL },
};

static struct {
	char name[12];
	struct op *op;
	unsigned line;
} targets[ACTORS * MAX_OPS]; /* of `nmi`: CPUs that a later line may define */
static unsigned ntargets;

static bool number_up_to(const char *word, unsigned max, u16 *n)
{
	char *end;
	unsigned long v = strtoul(word, &end, 10);

	if (!isdigit((unsigned char)*word) || *end || v > max)
		return wrong("'%s': a number up to %u is wanted", word, max);
	*n = (u16)v;
	return true;
}

static bool one_of(const char *words, const char *word, u16 *n)
{
	size_t length = strlen(word);

	*n = 0;
	for (const char *w = words; *w; ++*n) {
		size_t k = strcspn(w, " ");

		if (k == length && !memcmp(w, word, k))
			return true;
		w += k + (w[k] == ' ');
	}
	return wrong("'%s': one of '%s' is wanted", word, words);
}

static bool frame_named(struct litmus *l, const char *word, u8 *f)
{
	if (word[0] >= 'x' && word[0] <= 'z' && !word[1]) {
		*f = (u8)(PAGES + word[0] - 'x');
		return true;
	}
	return litmus_page(l, word, f) ||
	       wrong("'%s' is no frame: x, y, z, or a page for the one that backs it at the start",
		     word);
}

static bool variable(struct litmus *l, const char *word, u8 *v)
{
	for (unsigned i = 0; i < l->nvars; i++)
		if (!strcmp(l->var[i], word)) {
			*v = (u8)i;
			return true;
		}
	if (l->nvars == VARS || strlen(word) >= sizeof(l->var[0]))
		return wrong("'%s': at most %u variables of under %zu letters", word, VARS,
			     sizeof(l->var[0]));
	*v = (u8)l->nvars;
	strcpy(l->var[l->nvars++], word);
	return true;
}

static bool argument(struct litmus *l, const struct form *f, char kind, char *word, struct op *op)
{
	switch (kind) {
	case 'p':
		return litmus_page(l, word, &op->page);
	case 'f':
		return frame_named(l, word, &op->frame);
	case 'F':
		return frame_named(l, word, &op->page);
	case 'v':
		return variable(l, word, &op->page);
	case 'n':
		return number_up_to(word, f->max, &op->value);
	case 'c':
		if (strlen(word) >= sizeof(targets[0].name) || ntargets == ARRAY_SIZE(targets))
			return wrong("'%s' is no CPU of this file", word);
		strcpy(targets[ntargets].name, word);
		targets[ntargets].line = litmus_line();
		targets[ntargets++].op = op;
		return true;
	}
	/* A word; `only` takes a number too. */
	if (op->kind == RAW_ONLY && isdigit((unsigned char)*word)) {
		op->page = 1;
		return number_up_to(word, f->max, &op->value);
	}
	return one_of(f->words, word, &op->value);
}

/* "single", "single N", "all": the number, or 0xffff for that of the CPU. */
static bool scope(const struct form *f, char *words[], unsigned n, struct op *op)
{
	op->page = n && !strcmp(words[0], "all");
	op->value = 0xffff;
	if (!n || (strcmp(words[0], "single") && !op->page) || n > 2u - op->page)
		return wrong("%s: 'single', 'single N' or 'all' is wanted", f->name);
	return n < 2 || number_up_to(words[1], f->max, &op->value);
}

static void needs(struct litmus *l, const struct op *op)
{
	l->tables |= op->kind == RAW_LARGE || op->kind == RAW_SPLIT ||
		     op->kind == RAW_UNLINK_TABLE || op->kind == RAW_FREE_TABLE;
	l->dirty |= op->kind == RAW_SET_AD || op->kind == RAW_SET_PML ||
		    (op->kind >= RAW_CLEAR_DIRTY && op->kind <= RAW_EXPECT_LOGGED);
	l->tags |= op->kind == RAW_VPID || op->kind == RAW_GUEST_TABLES || op->kind == RAW_INVVPID;
}

static bool operation(struct litmus *l, struct actor_text *a, char *text)
{
	struct op *op = &a->op[a->nops];
	const struct form *f = forms;
	char *words[4], *rest = NULL, name[sizeof(op->text)];
	unsigned n = 0;
	bool in_guest = false, guests;

	text += strspn(text, " \t\r\n");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "\r\n"), text);
	for (char *w = strtok_r(text, " \t\r\n=", &rest); w;
	     w = strtok_r(NULL, " \t\r\n=", &rest)) {
		if (n == ARRAY_SIZE(words))
			return wrong("'%s' is too much", w);
		words[n++] = w;
	}
	if (!n)
		return true;
	if (a->nops == MAX_OPS)
		return wrong("cpu %s: more than %u operations", a->name, MAX_OPS);
	while (f < forms + ARRAY_SIZE(forms) && strcmp(f->name, words[0]))
		f++;
	if (f == forms + ARRAY_SIZE(forms))
		return wrong("'%s' is no operation", words[0]);
	op->kind = (u8)(f - forms);
	strcpy(op->text, name);
	for (unsigned i = 0; i < a->nops; i++)
		in_guest = a->op[i].kind == RAW_ENTER || (in_guest && a->op[i].kind != RAW_EXIT);
	guests = op->kind >= RAW_READ && op->kind <= RAW_EXIT;
	if (in_guest ? op->kind < RAW_STORE || op->kind == RAW_AWAIT : guests)
		return wrong("%s: %s", f->name,
			     in_guest ? "not in the guest: 'exit' comes first"
				      : "only in the guest, after 'enter'");
	if (*f->arguments == 's') {
		if (!scope(f, words + 1, n - 1, op))
			return false;
	} else {
		if (n - 1 != strlen(f->arguments))
			return wrong("%s takes %zu words after it", f->name, strlen(f->arguments));
		for (unsigned i = 1; i < n; i++)
			if (!argument(l, f, f->arguments[i - 1], words[i], op))
				return false;
	}
	needs(l, op);
	a->nops++;
	return true;
}

/* What follows the keyword: NAME: OPERATION; OPERATION; ... */
bool raw_line(struct litmus *l, char *text)
{
	char *colon = strchr(text, ':'), *rest = NULL;
	struct actor_text *a = NULL;
	size_t n;

	text += strspn(text, " \t");
	n = strcspn(text, " \t:");
	if (!colon || !n || text + n + strspn(text + n, " \t") != colon)
		return wrong("cpu: 'NAME: OPERATION; OPERATION; ...' is wanted");
	text[n] = 0;
	if (n >= sizeof(a->name))
		return wrong("cpu: a name of under %zu letters is wanted", sizeof(a->name));
	for (unsigned i = 0; i < l->nactors; i++)
		if (!strcmp(l->actor[i].name, text))
			a = &l->actor[i];
	if (a && a->kind != RAW)
		return wrong("cpu: '%s' is another actor's name", text);
	if (!l->raw)
		ntargets = 0;
	l->raw = true;
	if (!a)
		a = litmus_actor(l, RAW, text);
	for (char *o = strtok_r(colon + 1, ";", &rest); a && o; o = strtok_r(NULL, ";", &rest))
		if (!operation(l, a, o))
			return false;
	return a;
}

bool raw_whole(struct litmus *l)
{
	for (unsigned i = 0; l->raw && i < ntargets; i++) {
		targets[i].op->page = 0xff;
		for (unsigned k = 0; k < l->nactors; k++)
			if (!strcmp(l->actor[k].name, targets[i].name))
				targets[i].op->page = (u8)k;
		if (targets[i].op->page == 0xff)
			return litmus_at(targets[i].line),
			       wrong("nmi: no actor is named '%s'", targets[i].name);
	}
	for (unsigned i = 0; i < l->nactors; i++)
		if (l->actor[i].kind == RAW && !l->actor[i].nops)
			return litmus_at(l->actor[i].line),
			       wrong("cpu %s: no operations", l->actor[i].name);
	return true;
}
