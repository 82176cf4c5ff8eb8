/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What actors may still do, at most; and whether anything is left to do. */
#include <stdio.h>
#include <string.h>

#include "lab/raw.h"
#include "lab/shim.h"

static u64 entry_of(unsigned page)
{
	return resource((u64)p_entry(page));
}

/* What bringing the page in writes, if it can be out. */
static u64 bring_in(unsigned page)
{
	if (!(test->out & BIT(page)))
		return 0;
	return entry_of(page) | resource((u64)kept_entry(page)) | R_FRAMES(page);
}

/* The leaf of a page, or all that a map or unmap of it changes, with tables that come and go. */
static u64 leaf_of(unsigned page)
{
	return test->large || test->prunes ? R_E_ALL : R_E(page);
}

/* By actor, and by actions done (vCPU) or the first step that may still act (invalidator). */
static struct {
	u64 reads, writes;
} ahead[ACTORS][MAX_ACTIONS + 1];

static void future_of_vcpu(unsigned actor, unsigned at, u64 *reads, u64 *writes)
{
	const struct actor_text *t = &test->actor[actor];
	u64 own = resource((u64)&vcpus[actor].gate.mode) |
		  resource((u64)&vcpus[actor].gate.requests) | resource((u64)&interrupts[actor]) |
		  R_CPU(actor);

	*reads = own | resource((u64)&ept.generation) | entry_of(0);
	*writes = own | bring_in(0) | (rule("I12") ? 0 : R_E_ALL);
	/* With the action whose exit may be in its handler. */
	for (unsigned i = at ? at - 1 : 0; i < t->nactions; i++) {
		const struct action *a = &t->action[i];

		if (a->kind <= ACT_WRITE || a->kind == ACT_HREAD || a->kind == ACT_HWRITE) {
			*reads |= entry_of(a->page);
			*writes |= bring_in(a->page);
		}
		if (a->kind == ACT_NOTIFY) {
			for (unsigned k = 0; k < nactors; k++) {
				*writes |= resource((u64)&vcpus[k].gate.requests) |
					   resource((u64)&interrupts[k]) | R_CPU(k);
				*reads |= resource((u64)&vcpus[k].gate.mode);
			}
		} else if (a->kind == ACT_HREAD) {
			*reads |= R_FRAMES(a->page);
		} else if (a->kind == ACT_HWRITE) {
			*reads |= R_FRAMES(a->page) | resource((u64)kept_entry(a->page));
			*writes |= R_FRAMES(a->page) | entry_of(a->page) |
				   resource((u64)kept_entry(a->page));
		} else if (i >= at && a->kind <= ACT_WRITE) {
			*reads |= R_FRAMES(a->page) | R_E(a->page);
			*writes |= leaf_of(a->page) | resource((u64)&ept.lock.taken) |
				   (a->kind == ACT_WRITE ? R_FRAMES(a->page) : 0);
		}
	}
}

static void future_of_step(const struct actor_text *t, const char *name, u64 *reads, u64 *writes)
{
	u64 entries = 0, leaves = 0, frames = 0, kept = 0;
	bool apic = false;

	for (unsigned i = 0; i < t->nactions; i++) {
		entries |= entry_of(t->action[i].page);
		leaves |= leaf_of(t->action[i].page);
		kept |= bring_in(t->action[i].page);
		frames |= R_FRAMES(t->action[i].page);
		apic |= !t->action[i].page;
	}
	if (!strcmp(name, "begin") || !strcmp(name, "clear") || !strcmp(name, "rebind") ||
	    !strcmp(name, "end"))
		*writes |= entries;
	if (!strcmp(name, "begin") || !strcmp(name, "copy") || !strcmp(name, "release"))
		*writes |= frames;
	if (!strcmp(name, "copy"))
		*writes |= kept;
	if (!strcmp(name, "unmap"))
		*writes |= leaves | frames | resource((u64)&ept.lock.taken) | entries;
	if (!strcmp(name, "publish_flush"))
		*writes |= resource((u64)&ept.generation);
	for (unsigned i = 0; i < nactors; i++) {
		if (!strcmp(name, "publish_reload") && apic)
			*writes |= resource((u64)&vcpus[i].gate.requests);
		if (!strcmp(name, "kick"))
			*writes |= R_CPU(i);
		if (!strcmp(name, "release") && t->out)
			*reads |= R_CPU(i);
		if (!strcmp(name, "kick") || !strcmp(name, "wait"))
			*reads |= resource((u64)&vcpus[i].gate.mode);
	}
}

void future_start(void)
{
	const struct step *steps = ept.protocol->steps;

	memset(ahead, 0, sizeof(ahead));
	for (unsigned actor = 0; actor < nactors; actor++) {
		const struct actor_text *t = &test->actor[actor];

		for (unsigned at = 0; t->kind == VCPU && at <= t->nactions; at++)
			future_of_vcpu(actor, at, &ahead[actor][at].reads,
				       &ahead[actor][at].writes);
		for (unsigned first = 0; t->kind == INVALIDATOR && steps[first].run; first++)
			for (unsigned i = first; steps[i].run; i++)
				future_of_step(t, steps[i].name, &ahead[actor][first].reads,
					       &ahead[actor][first].writes);
	}
}

void future(unsigned actor, u64 *reads, u64 *writes)
{
	const struct cpu_model *c = &m.cpu[actor];
	unsigned at = c->at;

	*reads = *writes = 0;
	if (test->actor[actor].kind == RAW) {
		raw_future(actor, reads, writes);
	} else if (!c->ended) {
		if (test->actor[actor].kind == INVALIDATOR)
			at = c->run < test->actor[actor].times || !c->step ? 0 : c->step - 1u;
		*reads = ahead[actor][at].reads;
		*writes = ahead[actor][at].writes;
	}
	for (unsigned i = 0; i < c->nbuffer; i++)
		*writes |= c->buffer[i].writes;
}

bool actor_at_rest(unsigned actor)
{
	const struct cpu_model *c = &m.cpu[actor];
	u32 requests = vcpus[actor].gate.requests;

	if (test->actor[actor].kind == RAW)
		return c->ended || (c->in_guest && c->at >= test->actor[actor].nops);
	if (test->actor[actor].kind != VCPU || c->ended)
		return c->ended;
	/* A request that comes when it rests must have come with something that makes it look. */
	if (c->ev.kind == EV_IRQ_WAIT)
		return !(requests & REQ_EVENT);
	return c->in_guest && c->at >= test->actor[actor].nactions && !requests &&
	       !interrupts[actor];
}

const char *stuck_why(void)
{
	static char text[160];

	for (unsigned i = 0; i < nactors; i++)
		if (!actor_at_rest(i))
			snprintf(text, sizeof(text),
				 m.cpu[i].in_guest || m.cpu[i].ev.kind == EV_IRQ_WAIT
					 ? "%s rests, and nothing makes it look at what it was "
					   "asked (%s, %s)"
					 : "%s never gets past '%s' in %s",
				 test->actor[i].name, m.cpu[i].ev.name,
				 m.cpu[i].label ? m.cpu[i].label : "its start");
	return text;
}
