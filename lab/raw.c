/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw actors: CPUs that run a short program of primitive operations in place of shipped code, so
 * that each rule of the processor can be shown by itself. The operations from `enter` to `exit` are
 * the guest's; whatever makes it exit earlier goes on after `exit`.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ept/protocol.h"
#include "lab/litmus.h"
#include "lab/order.h"
#include "lab/raw.h"
#include "mm/frame.h"
#include "vmx/vmcs.h"

struct raw_entry raw_entry[RAW_ROOTS][PAGES];
u64 raw_root[RAW_ROOTS];
static u64 vars[VARS];
static u64 frames[RAW_FRAMES]; /* numbers */

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
	[RAW_EXIT] = { "exit", "", 0, NULL },
	[RAW_ONLY] = { "only", "w", 255, "exit nmi violation apic pml" },
	[RAW_NEVER] = { "never", "", 0, NULL },
};

/* ---- the program's text ---- */

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
	l->dirty |= op->kind == RAW_SET_AD || op->kind == RAW_SET_PML;
	l->tags |= op->kind == RAW_VPID || op->kind == RAW_GUEST_TABLES || op->kind == RAW_INVVPID;
}

static bool operation(struct litmus *l, struct actor_text *a, char *text)
{
	struct op *op = &a->op[a->nops];
	const struct form *f = forms;
	char *words[4], *rest = NULL;
	unsigned n = 0;
	bool in_guest = false, guests;

	for (char *w = strtok_r(text, " \t\r\n=", &rest); w; w = strtok_r(NULL, " \t\r\n=", &rest)) {
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
	for (unsigned i = 0; i < a->nops; i++)
		in_guest = a->op[i].kind == RAW_ENTER || (in_guest && a->op[i].kind != RAW_EXIT);
	guests = op->kind >= RAW_READ && op->kind <= RAW_EXIT;
	if (in_guest ? op->kind < RAW_STORE || op->kind == RAW_AWAIT : guests)
		return wrong("%s: %s", f->name, in_guest ? "not in the guest: 'exit' comes first" :
							   "only in the guest, after 'enter'");
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
	return !l->large || l->raw || wrong("start large: only for tests with a cpu");
}

/* ---- the start ---- */

static u64 *entry_of(u64 root, unsigned page, unsigned level)
{
	u64 gpa = page_gfn(page) << PAGE_SHIFT, table = root;

	for (unsigned l = 4;; l--) {
		u64 *entry = (u64 *)table + (gpa >> (PAGE_SHIFT + 9 * (l - 1)) & 511);

		if (l == level)
			return entry;
		table = *entry & EPT_ADDRESS;
	}
}

/* Both roots map all pages by tables of their own; E is then as the test has it at the start. */
void raw_start(void)
{
	static struct ept second;
	struct ept *roots[RAW_ROOTS] = { &ept, &second };

	if (!test->raw)
		return;
	memset(vars, 0, sizeof(vars));
	for (unsigned page = 0; page < test->npages; page++)
		frames[page] = ((*p_entry(page) & P_ADDRESS) >> PAGE_SHIFT) - FRAME_BASE;
	for (unsigned i = PAGES; i < RAW_FRAMES; i++)
		frames[i] = frame_alloc_dirty(ept.owner) - FRAME_BASE;
	if (ept_init(&second, ept.backing, ept.owner, ept.caps))
		abort();
	for (unsigned r = 0; r < RAW_ROOTS; r++) {
		raw_root[r] = roots[r]->eptp & EPT_ADDRESS;
		for (unsigned page = 0; page < test->npages; page++) {
			struct raw_entry *e = &raw_entry[r][page];

			ept_fault(roots[r], page_gfn(page) << PAGE_SHIFT, EPT_READ);
			e->leaf = entry_of(raw_root[r], page, 1);
			e->above = entry_of(raw_root[r], page, 2);
			e->table = ((u64)e->leaf >> PAGE_SHIFT) - FRAME_BASE;
		}
		for (unsigned page = 0; page < test->npages; page++) {
			struct raw_entry *e = &raw_entry[r][page];

			if (test->empty)
				mem_write(SETUP, (u64)e->leaf, 8, 0);
			if (test->large && page < 2)
				mem_write(SETUP, (u64)e->above, 8,
					  (*e->leaf & EPT_ADDRESS) | EPT_RWX | EPT_LARGE);
		}
	}
}

/* ---- running it ---- */

static u64 frame_entry(unsigned frame)
{
	return (FRAME_BASE + frames[frame]) << PAGE_SHIFT | EPT_RWX;
}

static void invalidate(const struct op *op, bool vpid)
{
	const struct cpu_model *c = &m.cpu[self];
	unsigned own = vpid ? c->vpid : c->root;

	post(&(struct event){ .name = forms[op->kind].name, .kind = EV_INVALIDATE,
			      .op = (u8)((vpid ? INVVPID_OF : INVEPT_OF) + op->page),
			      .v = op->value == 0xffff ? own : op->value,
			      .writes = rule("I12") ? 0 : R_E_ALL });
}

static void expect(const struct op *op, bool found, const char *rule_name, const char *where)
{
	if ((m.written & BIT(op->page)) && !found)
		violate(rule_name, "%s was written, and %s does not tell", page_name(op->page),
			where);
}

static void set(struct cpu_model *c, u8 flag, bool on)
{
	c->vmx = (u8)(on ? c->vmx | flag : c->vmx & ~flag);
}

/* What changes only the CPU itself, out of guest mode, is no event. */
static void set_register(struct cpu_model *c, const struct op *op)
{
	bool was_off = c->vmx & RAW_APIC_OFF;

	switch (op->kind) {
	case RAW_APIC:
		set(c, RAW_APIC_OFF, op->value == 1);
		set(c, RAW_REGISTERS, op->value == 2);
		c->a_unflushed |= was_off && op->value != 1;
		break;
	case RAW_ROOT:
		c->root = (u8)op->value;
		break;
	case RAW_VPID:
		c->vpid = (u8)op->value;
		break;
	case RAW_GUEST_TABLES:
		set(c, RAW_GUEST, op->value);
		break;
	case RAW_SET_AD:
		set(c, RAW_AD, !op->value);
		break;
	case RAW_VMX_ON:
		set(c, RAW_VMXOFF, false);
		break;
	case RAW_VMX_OFF:
		set(c, RAW_VMXOFF, true);
		if (!rule("I16"))
			t_drop_all(self);
		break;
	}
}

/* Only when the last load found VALUE, or the guest exited for that reason. */
static bool only(const struct cpu_model *c, const struct op *op)
{
	static const u8 reasons[] = { EXIT_CPUID, EXIT_EXCEPTION, EXIT_EPT_VIOLATION,
				      EXIT_APIC_ACCESS, EXIT_PML_FULL };

	return op->page ? c->reg == op->value : c->reason == reasons[op->value];
}

static void of_memory(struct cpu_model *c, const struct op *op, const char *name)
{
	u64 *var = &vars[op->page];

	switch (op->kind) {
	case RAW_STORE:
		lab_store(name, var, 8, op->value);
		break;
	case RAW_LOAD:
		c->reg = (u8)lab_load(name, var, 8);
		break;
	case RAW_AWAIT:
		while (lab_load(name, var, 8) != op->value)
			cpu_relax();
		break;
	case RAW_FENCE:
		lab_fence(name);
		break;
	case RAW_XCHG:
		c->reg = (u8)lab_locked(name, OP_XCHG, var, 8, op->value, 0);
		break;
	}
}

static void of_tables(const struct cpu_model *c, const struct op *op, const char *name)
{
	const struct raw_entry *e = &raw_entry[c->root][op->page];

	switch (op->kind) {
	case RAW_MAP:
		lab_store(name, e->leaf, 8, frame_entry(op->frame));
		break;
	case RAW_LARGE:
		lab_store(name, e->above, 8, frame_entry(op->frame) | EPT_LARGE);
		break;
	case RAW_SPLIT:
		lab_store(name, e->above, 8, (FRAME_BASE + e->table) << PAGE_SHIFT | EPT_RWX);
		break;
	case RAW_UNMAP:
		lab_store(name, e->leaf, 8, 0);
		break;
	case RAW_UNLINK_TABLE:
		lab_store(name, e->above, 8, 0);
		break;
	case RAW_FREE_TABLE:
		post(&(struct event){ .name = name, .kind = EV_FREE, .addr = e->table,
				      .writes = R_FRAMES_ALL });
		break;
	case RAW_CLEAR_DIRTY:
		lab_locked(name, OP_AND, e->leaf, 8, ~EPT_DIRTY, 0);
		m.written &= (u8)~BIT(op->page);
		break;
	case RAW_EXPECT_DIRTY:
		expect(op, lab_load(name, e->leaf, 8) & EPT_DIRTY, "dirty-missed", "its D flag (I5)");
		break;
	case RAW_EXPECT_LOGGED:
		lab_load(name, e->leaf, 8);
		expect(op, m.logged & BIT(op->page), "dirty-missed", "the PML log (I15)");
		break;
	}
}

static void of_cpu(struct cpu_model *c, const struct op *op, const char *name)
{
	switch (op->kind) {
	case RAW_COPY:
		frame_copy(FRAME_BASE + frames[op->page], FRAME_BASE + frames[op->frame]);
		break;
	case RAW_FREE:
		frame_free(FRAME_BASE + frames[op->frame], ept.owner);
		break;
	case RAW_A:
		post(&(struct event){ .name = "VMWRITE A", .kind = EV_VMWRITE,
				      .v = (FRAME_BASE + frames[op->frame]) << PAGE_SHIFT });
		break;
	case RAW_INVEPT:
	case RAW_INVVPID:
		invalidate(op, op->kind == RAW_INVVPID);
		break;
	case RAW_SET_PML: /* the log is emptied by that, too */
		post(&(struct event){ .name = name, .kind = EV_FREE, .addr = ~0ull,
				      .reads = R_E_ALL, .writes = R_E_ALL });
		set(c, RAW_PML, true);
		c->pml = op->value;
		m.logged = m.written = 0;
		break;
	case RAW_NMI:
		post(&(struct event){ .name = "NMI", .kind = EV_IPI, .addr = op->page, .op = true,
				      .writes = R_CPU(op->page) });
		break;
	case RAW_NEVER:
		violate("reached", "what is never to come about did");
		break;
	default:
		set_register(c, op);
	}
	if (violated)
		actor_stop();
}

/* The guest's next event; rawguest.c does what the processor does, and counts operations. */
static void of_guest(const char *name, const struct op *op, bool enter)
{
	struct event e = { .name = name, .kind = enter ? EV_ENTER : EV_GUEST, .op = op->kind,
			   .page = op->page, .writes = R_CPU(self),
			   .reads = R_E_ALL | R_FRAMES_ALL | R_CPU(self) };

	if (op->kind == RAW_WRITE)
		e.writes |= (opt.tso ? 0 : R_FRAMES_ALL) | (test->dirty ? R_E_ALL : 0);
	post(&e);
}

static void run_op(struct cpu_model *c, const struct op *op)
{
	const char *name = forms[op->kind].name;

	c->label = name;
	if (op->kind == RAW_ENTER || (op->kind >= RAW_READ && op->kind <= RAW_EXIT)) {
		of_guest(name, op, op->kind == RAW_ENTER);
		return;
	}
	if (op->kind == RAW_ONLY) {
		if (!only(c, op))
			c->at = (u8)test->actor[self].nops;
		else
			c->at++;
		return;
	}
	if (op->kind >= RAW_STORE && op->kind <= RAW_XCHG)
		of_memory(c, op, name);
	else if (op->kind <= RAW_FREE_TABLE ||
		 (op->kind >= RAW_CLEAR_DIRTY && op->kind <= RAW_EXPECT_LOGGED))
		of_tables(c, op, name);
	else
		of_cpu(c, op, name);
	if (violated)
		actor_stop();
	c->at++;
}

void raw_actor(void)
{
	struct cpu_model *c = &m.cpu[self];

	for (;;) {
		known_point(mix((u64)c->at | (u64)c->reg << 8 | (u64)c->pick << 16 |
					(u64)c->reason << 24 | (u64)c->pml << 32,
				c->in_guest));
		forget_reads();
		if (c->at < test->actor[self].nops)
			run_op(c, &test->actor[self].op[c->at]);
		else if (c->in_guest)
			of_guest("rest", &(struct op){ .kind = RAW_NEVER }, false);
		else
			return;
	}
}

/* ---- what is still to come ---- */

bool raw_will_touch(unsigned actor, unsigned page)
{
	const struct actor_text *t = &test->actor[actor];

	for (unsigned i = m.cpu[actor].at; i < t->nops; i++)
		if (t->op[i].kind >= RAW_READ && t->op[i].kind <= RAW_WALK && t->op[i].page == page)
			return true;
	return false;
}

void raw_future(unsigned actor, u64 *reads, u64 *writes)
{
	const struct actor_text *t = &test->actor[actor];

	*reads = R_CPU(actor);
	*writes = R_CPU(actor);
	for (unsigned i = m.cpu[actor].at; i < t->nops; i++) {
		const struct op *op = &t->op[i];

		if (op->kind == RAW_LOAD || op->kind == RAW_AWAIT)
			*reads |= resource((u64)&vars[op->page]);
		else if (op->kind == RAW_STORE || op->kind == RAW_XCHG)
			*writes |= resource((u64)&vars[op->page]);
		else if (op->kind == RAW_NMI)
			*writes |= R_CPU(op->page);
		else if (op->kind <= RAW_EXPECT_LOGGED || op->kind == RAW_SET_PML)
			*writes |= R_E_ALL | R_FRAMES_ALL;
		else if (op->kind == RAW_ENTER || (op->kind >= RAW_READ && op->kind <= RAW_EXIT))
			*reads |= R_E_ALL | R_FRAMES_ALL;
		if (op->kind == RAW_WRITE)
			*writes |= R_FRAMES_ALL | (test->dirty ? R_E_ALL : 0);
		if (!rule("I12"))
			*writes |= R_E_ALL;
	}
}

u64 raw_key(void)
{
	return mix((u64)m.written | (u64)m.logged << 8 | (u64)m.freed << 16, nactors);
}
