/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Actors: stacks at fixed addresses, on which shipped code runs from event to event; and single
 * steps that can be undone, since all that a step changes is copied before it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ept/ept.h"
#include "lab/lab.h"

#define STACK 16384
#define SAVED_STACK 2048
#define PRIVATE 512

struct step {
	struct model model;
	struct ept ept;
	u64 private_data[PRIVATE / 8];
	u64 stack[SAVED_STACK / 8];
	struct region table;
	u64 entries[PAGES]; /* of it */
	u64 *sp;
	size_t stack_size;
	unsigned mark, actor;
};

static u64 stacks[ACTORS][STACK / 8] __attribute__((aligned(64)));
static u64 *sp[ACTORS], *scheduler;
static struct step *steps;
static unsigned depth;
struct options opt = { .preemptions = -1 };
const struct litmus *test;
unsigned nactors, self;
const char *violated;
char violation_why[200];
unsigned letters;

/* Saves what the ABI makes a callee keep, and goes on where LOAD was saved. */
void lab_switch(u64 **save, u64 *load);
asm(".text\n"
    "lab_switch:\n"
    "	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n"
    "	push %r15\n"
    "	mov %rsp, (%rdi)\n"
    "	mov %rsi, %rsp\n"
    "	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n"
    "	pop %rbp\n"
    "	ret\n");

static void run(unsigned actor)
{
	self = actor;
	lab_switch(&scheduler, sp[actor]);
	self = SETUP;
}

static void begin_actor(void)
{
	actor_main(self);
	post(&(struct event){ .name = "end", .kind = EV_END });
	actor_stop();
}

void out_of(const char *what)
{
	fprintf(stderr, "explore: %s: an execution with more %s than the model has room for\n",
		test->name, what);
	exit(4);
}

void actor_stop(void)
{
	for (;;)
		lab_switch(&sp[self], scheduler);
}

u64 post(struct event *e)
{
	struct cpu_model *c = &m.cpu[self];

	c->ev = *e;
	if (self == SETUP || (!opt.naive && is_local(&c->ev) && (enabled(self) & ~BIT(DRAIN)))) {
		perform(self, TAKE);
		if (violated && self != SETUP)
			actor_stop();
		return c->result;
	}
	lab_switch(&sp[self], scheduler);
	return c->result;
}

void known_point(u64 what)
{
	struct cpu_model *c = &m.cpu[self];

	c->base = c->hist = mix(self + 1, what);
}

void forget_reads(void)
{
	m.cpu[self].nread = 0;
}

void violate(const char *rule, const char *fmt, ...)
{
	va_list args;

	if (violated)
		return;
	violated = rule;
	va_start(args, fmt);
	vsnprintf(violation_why, sizeof(violation_why), fmt, args);
	va_end(args);
}

void world_start(void)
{
	if (!steps)
		steps = calloc(MAX_DEPTH, sizeof(*steps));
	depth = 0;
	violated = NULL;
	nactors = test->nactors;
	self = SETUP;
	memset(&m, 0, sizeof(m));
	model_start();
	shim_start();
	for (unsigned i = 0; i < nactors; i++) {
		/* As if begin_actor() had been called: its stack 16-aligned before the call. */
		sp[i] = &stacks[i][STACK / 8 - 10];
		memset(sp[i], 0, 10 * sizeof(u64));
		sp[i][6] = (u64)begin_actor;
	}
	for (unsigned i = 0; i < nactors; i++)
		run(i);
}

u32 world_enabled(void)
{
	u32 set = 0;

	for (unsigned i = 0; i < nactors; i++)
		set |= enabled(i) << (i * OPTIONS);
	return set;
}

unsigned world_depth(void)
{
	return depth;
}

static void copy_model(struct model *to, const struct model *from)
{
	for (unsigned i = 0; i < nactors; i++) {
		const struct cpu_model *c = &from->cpu[i];

		memcpy(&to->cpu[i], c, offsetof(struct cpu_model, buffer));
		for (unsigned k = 0; k < c->nbuffer; k++)
			to->cpu[i].buffer[k] = c->buffer[k];
		for (unsigned k = 0; k < c->nread; k++)
			to->cpu[i].read[k] = c->read[k];
	}
	memcpy(to->frame, from->frame, sizeof(*to) - offsetof(struct model, frame));
}

bool world_step(unsigned choice)
{
	unsigned actor = choice / OPTIONS, option = choice % OPTIONS;
	struct step *s = &steps[depth];
	struct region private = shim_private(actor);

	if (private.size > sizeof(s->private_data))
		abort();
	if (depth + 1 == MAX_DEPTH) {
		fprintf(stderr, "explore: an execution of over %u steps\n", MAX_DEPTH);
		exit(4);
	}
	depth++;
	s->actor = actor;
	s->mark = mem_mark();
	copy_model(&s->model, &m);
	s->ept = ept;
	memcpy(s->private_data, private.p, private.size);
	s->sp = sp[actor];
	s->stack_size = (char *)(stacks[actor] + STACK / 8) - (char *)sp[actor];
	if (s->stack_size > SAVED_STACK)
		abort();
	memcpy(s->stack, sp[actor], s->stack_size);
	s->table = split_table(actor);
	memcpy(s->entries, s->table.p, s->table.size);
	if (option == DRAIN) {
		drain(actor);
	} else {
		perform(actor, option);
		if (!violated && m.cpu[actor].ev.kind != EV_END)
			run(actor);
	}
	return !violated;
}

void world_undo(void)
{
	struct step *s = &steps[--depth];
	struct region private = shim_private(s->actor);

	violated = NULL;
	/* First: its hash tells from what memory holds, of which the rest restores some. */
	mem_undo(s->mark);
	copy_model(&m, &s->model);
	ept = s->ept;
	memcpy(private.p, s->private_data, private.size);
	sp[s->actor] = s->sp;
	memcpy(s->sp, s->stack, s->stack_size);
	memcpy(s->table.p, s->entries, s->table.size);
}

/* ---- independence and keys ---- */

static void effects(unsigned choice, u64 *reads, u64 *writes)
{
	const struct cpu_model *c = &m.cpu[choice / OPTIONS];

	if (choice % OPTIONS == DRAIN) {
		*reads = 0;
		*writes = c->buffer[0].writes;
	} else {
		*reads = c->ev.reads;
		*writes = c->ev.writes;
	}
}

bool independent(unsigned x, unsigned y)
{
	u64 xr, xw, yr, yw;

	if (x / OPTIONS == y / OPTIONS)
		return false;
	effects(x, &xr, &xw);
	effects(y, &yr, &yw);
	return !(xw & (yr | yw)) && !(yw & xr);
}

u32 persistent(u32 set)
{
	u64 reads[ACTORS], writes[ACTORS];

	for (unsigned i = 0; i < nactors; i++)
		future(i, &reads[i], &writes[i]);
	for (unsigned i = 0; i < nactors; i++) {
		const struct cpu_model *c = &m.cpu[i];
		u32 program = set & program_of(i), drain = set & BIT_OF(i, DRAIN);
		u64 others_write = 0, others = 0;

		if (!program && !drain)
			continue;
		for (unsigned k = 0; k < nactors; k++)
			if (k != i) {
				others_write |= writes[k];
				others |= reads[k] | writes[k];
			}
		/* The CPU's own walks of E do not look into its buffer. */
		if (drain && !(c->buffer[0].writes & (others | R_E_ALL)))
			return drain;
		if (program && !(c->ev.writes & others) && !(c->ev.reads & others_write) &&
		    !(drain && (c->buffer[0].writes & (c->ev.reads | c->ev.writes))))
			return program;
	}
	return set;
}

struct key world_key(void)
{
	u64 h = mix(memory_hash(), shim_key()), g = 0x243f6a8885a308d3;
	const u64 *words = (const u64 *)m.frame;

	_Static_assert(offsetof(struct model, frame) % 8 == 0 && FRAMES % 8 == 0, "whole words");
	for (unsigned i = 0; i < 2 * FRAMES / 8; i++)
		h = mix(h, words[i]);
	for (unsigned i = 0; i < PAGES; i++)
		h = mix(h, m.expected[i]);
	h = test->out ? mix(h, reclaim_key()) : h;
	for (unsigned i = 0; i < nactors; i++) {
		const struct cpu_model *c = &m.cpu[i];

		h = mix(h, c->hist);
		g = mix(g, h);
		h = mix(h, c->a);
		h = mix(h, c->latched);
		h = mix(h, (u64)c->in_guest | (u64)c->nmi << 8 | (u64)c->irq << 16 |
				   (u64)c->ended << 24 | (u64)c->at << 32 |
				   (u64)c->a_unflushed << 40 | (u64)c->root << 48 |
				   (u64)c->vpid << 56);
		h = mix(h, (u64)c->frames | (u64)c->tables << 8 | (u64)c->nt << 16 |
				   (u64)c->nbuffer << 24 | (u64)c->vmx << 32);
		for (unsigned k = 0; k < c->nt; k++)
			h = mix(h, c->t[k]);
	}
	return (struct key){ h ? h : 1, (u32)(mix(g, h) >> 20) };
}
