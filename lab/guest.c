/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The actors around shipped code: an invalidator that moves its pages, or puts them away; and a vCPU that lives as
 * vmx/entry.asm has it live, between vcpu_enter(), the guest and vcpu_exit().
 */
#include <stdio.h>
#include <string.h>

#include "apic/lapic.h"
#include "ept/invept.h"
#include "ept/protocol.h"
#include "lab/shim.h"
#include "vmx/exit.h"
#include "vmx/gate.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

int vcpu_enter(struct vcpu *v); /* vmx/vcpu.c; vmx/entry.asm calls them */
int vcpu_exit(struct vcpu *v);
u32 interrupts[ACTORS];

const char *page_name(unsigned page)
{
	static const char *const names[PAGES] = { "apic", "d0", "d1", "d2" };

	return names[page];
}

/* ---- the gate, as a list ---- */

static const struct {
	const char *name;
	bool (*run)(struct vcpu *v);
} gate_steps[] = {
#define STEP(step) { #step, gate_##step },
	GATE(STEP)
#undef STEP
};

const char *gate_name(unsigned i)
{
	return i < ARRAY_SIZE(gate_steps) ? gate_steps[i].name : NULL;
}

/* The test's gate, with what is to be left out left out, and pairs "a<>b" swapped. */
static const char *gate[ARRAY_SIZE(test->gate)];
static unsigned ngate;

static void gate_start(void)
{
	ngate = 0;
	for (unsigned i = 0; i < test->ngate; i++)
		if (!without(test->gate[i]))
			gate[ngate++] = test->gate[i];
	for (unsigned i = 0; i + 1 < ngate; i++)
		if (without_swap(gate[i], gate[i + 1])) {
			const char *first = gate[i];

			gate[i] = gate[i + 1];
			gate[i + 1] = first;
			break;
		}
}

bool lab_gate_pass(struct vcpu *v)
{
	struct cpu_model *c = &m.cpu[self];

	c->reason = 0;
	forget_reads();
	for (unsigned i = 0; i < ngate; i++) {
		u64 flushed = ept.flushed[self];
		bool pass = true;

		c->label = gate[i];
		/* Between its steps the gate keeps nothing but what is in the vCPU, and its callers go
		 * on alike. */
		known_point(mix(2, i));
		for (unsigned k = 0; k < ARRAY_SIZE(gate_steps); k++)
			if (!strcmp(gate[i], gate_steps[k].name))
				pass = gate_steps[k].run(v);
		if (!strcmp(gate[i], "reload") && without("elided"))
			ept.flushed[self] = flushed;
		if (!pass)
			return false;
	}
	/* A gate without arm, or one that let the vCPU go on after check had ended the stay. */
	return true;
}

/* What a load gives that an ablation takes out of the argument. */
u64 load_without(const char *name, u64 v)
{
	if (!strcmp(name, "check_requests") || !strcmp(name, "gate_requests"))
		return 0;
	if (!strcmp(name, "check_generation") || !strcmp(name, "gate_generation"))
		return ept.flushed[self];
	if (!strcmp(name, "kick_mode"))
		return MODE_OUTSIDE;
	if (!strcmp(name, "wait_mode"))
		return v + 4;
	if (!strcmp(name, "copy_kept") || !strcmp(name, "put_copy") || !strcmp(name, "write_copy"))
		return 0;
	return v & ~P_MOVING;
}

/* ---- vCPUs ---- */

bool will_touch(unsigned actor, unsigned page)
{
	const struct actor_text *t = &test->actor[actor];

	for (unsigned i = m.cpu[actor].at; i < t->nactions; i++)
		if (t->action[i].kind <= ACT_WRITE && t->action[i].page == page)
			return true;
	return false;
}

/* The leaves that T is filled from as long as it is in the guest: from its entry to its exit. */
static u64 leaves_to_touch(unsigned actor)
{
	u64 set = 0;

	for (unsigned page = 0; page < test->npages; page++)
		set |= will_touch(actor, page) ? R_E(page) : 0;
	return set;
}

static const char *action_name(const struct action *a)
{
	static const char *const names[][PAGES] = {
		[ACT_READ] = { "read apic", "read d0", "read d1", "read d2" },
		[ACT_WRITE] = { "write apic", "write d0", "write d1", "write d2" },
		[ACT_EXIT] = { "exit" },
		[ACT_HREAD] = { "call for apic", "call for d0", "call for d1", "call for d2" },
		[ACT_HWRITE] = { "call to write apic", "call to write d0", "call to write d1",
				 "call to write d2" },
		[ACT_HALT] = { "halt" },
		[ACT_NOTIFY] = { "notify 0", "notify 1", "notify 2", "notify 3" },
		[ACT_LEAVE] = { "leave" },
		[ACT_END] = { "end" },
	};

	return a < test->actor[self].action + test->actor[self].nactions ? names[a->kind][a->page]
									 : "rest";
}

static void vcpu_actor(void)
{
	struct vcpu *v = &vcpus[self];
	int what = vcpu_enter(v);

	while (what) {
		m.cpu[self].label = "enter";
		known_point(1);
		forget_reads();
		if (!post(&(struct event){ .name = "enter",
					   .kind = EV_ENTER,
					   .reads = leaves_to_touch(self) | R_CPU(self),
					   .writes = R_CPU(self) })) {
			what = vcpu_enter(v); /* vmx_entry_aborted */
			continue;
		}
		do {
			const struct action *a = &test->actor[self].action[m.cpu[self].at];
			struct event e = { .name = action_name(a),
					   .kind = EV_GUEST,
					   .reads = leaves_to_touch(self) | R_FRAMES(a->page) |
						    R_CPU(self),
					   .writes = R_CPU(self) };

			if (m.cpu[self].at >= test->actor[self].nactions)
				e.reads = R_CPU(self);
			else if (a->kind == ACT_WRITE && !opt.tso)
				e.writes |= R_FRAMES(a->page);
			if (m.cpu[self].at < test->actor[self].nactions && sets_dirty(a))
				e.writes |= test->large ? R_E_ALL : R_E(a->page);
			m.cpu[self].label = "guest";
			what = (int)post(&e);
		} while (!what);
		m.cpu[self].label = "exit";
		what = vcpu_exit(v);
	}
}

/* The action that made the vCPU exit. */
static const struct action *done(void)
{
	return &test->actor[self].action[m.cpu[self].at - 1];
}

void exit_hypercall(struct vcpu *v)
{
	u64 word = 0;

	if (done()->kind == ACT_HWRITE) {
		m.cpu[self].label = "guest_write";
		guest_write(v, page_gfn(done()->page) << PAGE_SHIFT, &word, sizeof(word));
		return;
	}
	m.cpu[self].label = "guest_read";
	guest_read(v, page_gfn(done()->page) << PAGE_SHIFT, &word, sizeof(word));
}

void exit_io(struct vcpu *v)
{
	unsigned n = 0;

	(void)v;
	m.cpu[self].label = "notify";
	for (unsigned i = 0; i < nactors; i++)
		if (test->actor[i].kind == VCPU && n++ == done()->page) {
			order_or(set_irr, &interrupts[i], 1);
			vcpu_request(&vcpus[i], REQ_EVENT);
		}
}

/* An exit from which the vCPU does not come back, or one before it that needs none of its own. */
void exit_cpuid(struct vcpu *v)
{
	const struct actor_text *t = &test->actor[self];

	(void)v;
	if (done()->kind != ACT_END &&
	    (m.cpu[self].at == t->nactions || t->action[m.cpu[self].at].kind != ACT_END))
		return;
	post(&(struct event){ .name = "end", .kind = EV_END });
	actor_stop();
}

void exit_apic_access(struct vcpu *v)
{
	exit_cpuid(v);
}

/* The guest says that the vCPU is done, as by the DONE hypercall. */
void exit_rdmsr(struct vcpu *v)
{
	v->state = VCPU_DONE;
	vcpu_event(v);
}

void vcpu_deliver(struct vcpu *v)
{
	if (order_and(take_irr, &interrupts[self], 0) && v->state == VCPU_HALTED)
		v->state = VCPU_RUNNING;
}

void guest_start(void)
{
	memset(interrupts, 0, sizeof(interrupts));
	gate_start();
}

/* ---- invalidators ---- */

static void invalidator(const struct actor_text *t)
{
	struct batch *b = &batches[self];

	for (unsigned n = 0; n < t->times; n++) {
		m.cpu[self].label = "batch_add";
		m.cpu[self].step = 0;
		m.cpu[self].run = n + 1;
		known_point(n);
		forget_reads();
		for (unsigned i = 0; i < t->nactions; i++)
			if (t->out)
				batch_add_out(b, page_gfn(t->action[i].page));
			else
				batch_add(b, page_gfn(t->action[i].page));
		if (b->npages)
			protocol_run(b);
	}
}

void actor_main(unsigned actor)
{
	if (test->actor[actor].kind == INVALIDATOR)
		invalidator(&test->actor[actor]);
	else if (test->actor[actor].kind == RAW)
		raw_actor();
	else
		vcpu_actor();
}
