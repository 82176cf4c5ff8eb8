/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the shipped files find around them: frames, the VMCS, the APIC's interrupts, the CPU they
 * run on. And what of their data belongs to a state.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "apic/lapic.h"
#include "ept/invept.h"
#include "ept/protocol.h"
#include "lab/lab.h"
#include "mm/frame.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define TABLES 64     /* frame numbers from here on: EPT tables */
#define P_ENTRIES 240 /* and P */

const struct protocol *protocol_of_test(void);
void guest_start(void);
void future_start(void);

struct ept ept;
static struct backing backing;
static struct guest guest;
struct vcpu vcpus[ACTORS];
struct batch batches[ACTORS];
static struct cpu cpu_of[ACTORS + 1];
struct cpu *cpus[MAX_CPUS];
unsigned ncpus;
struct vmx_caps vmx_caps;

/* ---- frames ---- */

/* Each actor takes frames from a pool of its own, none twice: who allocates first makes no
 * difference, and a frame that was freed is never right again. */
u64 frame_alloc_dirty(u16 owner)
{
	struct cpu_model *c = &m.cpu[self];
	unsigned n;

	if (owner == OWNER_HOST) {
		n = TABLES + self * 16 + c->tables++;
		if (c->tables > 16)
			out_of("EPT tables");
		memset(frame_ptr(FRAME_BASE + n), 0, PAGE_SIZE);
		return FRAME_BASE + n;
	}
	n = self * POOL + c->frames++;
	if (c->frames > (self == SETUP ? 2 * POOL : POOL))
		out_of("frames");
	m.frame[n] = FRAME_OWNED;
	m.content[n] = CONTENT_DIRTY;
	return FRAME_BASE + n;
}

u64 frame_alloc(u16 owner)
{
	u64 pfn = frame_alloc_dirty(owner);

	if (pfn < FRAME_BASE + FRAMES)
		m.content[pfn - FRAME_BASE] = 0;
	return pfn;
}

u64 frame_alloc_run(u16 owner, u64 count)
{
	if (owner != OWNER_HOST || count > FRAMES_TOTAL - P_ENTRIES)
		return 0;
	memset(frame_ptr(FRAME_BASE + P_ENTRIES), 0, count * PAGE_SIZE);
	return FRAME_BASE + P_ENTRIES;
}

/* The resource of a frame that the actor's batch has to do with. */
static u64 frames_of(u64 pfn)
{
	const struct batch *b = &batches[self];
	u64 set = 0;

	for (unsigned i = 0; i < b->npages; i++)
		for (unsigned page = 0; page < test->npages; page++)
			if ((b->page[i].old == pfn || b->page[i].new == pfn) &&
			    b->page[i].gfn == page_gfn(page))
				set |= R_FRAMES(page);
	return set ? set : R_FRAMES_ALL;
}

void frame_free(u64 pfn, u16 owner)
{
	(void)owner;
	post(&(struct event){ .name = "free",
			      .kind = EV_FREE,
			      .addr = pfn - FRAME_BASE,
			      .writes = frames_of(pfn) });
}

void frame_copy(u64 to, u64 from)
{
	post(&(struct event){ .name = "copy",
			      .kind = EV_COPY,
			      .addr = to - FRAME_BASE,
			      .old = from - FRAME_BASE,
			      .writes = frames_of(from) | frames_of(to) });
}

void *lab_memcpy(void *dst, const void *src, size_t n)
{
	u64 frame = frame_of(src) - FRAME_BASE;

	if (frame < FRAMES) {
		u8 page = test->actor[self].action[m.cpu[self].at - 1].page;

		post(&(struct event){ .name = "read frame",
				      .kind = EV_READ,
				      .addr = frame,
				      .page = page,
				      .reads = R_FRAMES(page) });
	} else {
		memcpy(dst, src, n);
	}
	return dst;
}

bool is_entry(u64 addr)
{
	u64 frame = (addr >> PAGE_SHIFT) - FRAME_BASE;

	return frame >= TABLES && frame < P_ENTRIES;
}

/* ---- the CPU ---- */

struct cpu *this_cpu(void)
{
	return &cpu_of[self];
}

void cpu_relax(void)
{
	struct cpu_model *c = &m.cpu[self];
	struct event e = { .name = "again", .kind = EV_RELAX };

	c->hist = mix(c->base, (u64)__builtin_return_address(0));
	for (unsigned i = 0; i < c->nread; i++) {
		c->hist = mix(c->hist, c->read[i].addr);
		e.reads |= resource(c->read[i].addr & ~1ull);
	}
	post(&e);
}

void irq_wait(void)
{
	struct cpu_model *c = &m.cpu[self];

	c->hist = mix(c->base, (u64)__builtin_return_address(0));
	c->nread = 0;
	post(&(struct event){ .name = "HLT", .kind = EV_IRQ_WAIT, .writes = R_CPU(self) });
}

static void interrupt(const char *name, u32 apic_id, bool nmi)
{
	post(&(struct event){ .name = name,
			      .kind = EV_IPI,
			      .addr = apic_id,
			      .op = nmi,
			      .writes = R_CPU(apic_id) });
}

void lapic_nmi(u32 apic_id)
{
	if (!without("NMI"))
		interrupt("NMI", apic_id, true);
}

void lapic_ipi(u32 apic_id, u8 vector)
{
	(void)vector;
	interrupt("wake", apic_id, false);
}

void invept(u64 type, u64 eptp)
{
	(void)type;
	(void)eptp;
	if (!without("INVEPT"))
		post(&(struct event){ .name = "INVEPT", .kind = EV_INVALIDATE });
}

void invvpid(u64 type, u16 vpid)
{
	(void)type;
	(void)vpid;
}

u64 vmread(enum vmcs_field field)
{
	const struct cpu_model *c = &m.cpu[self];
	const struct action *a = &test->actor[self].action[c->at];

	switch (field) {
	case EXIT_REASON:
		return c->reason;
	case EXIT_INTERRUPTION_INFO:
		return INTR_VALID | INTR_NMI << 8 | VECTOR_NMI;
	case GUEST_PHYSICAL_ADDRESS:
		return page_gfn(a->page) << PAGE_SHIFT;
	case EXIT_QUALIFICATION:
		return a->kind == ACT_WRITE ? EPT_WRITE : EPT_READ;
	default:
		return 0;
	}
}

void vmwrite(enum vmcs_field field, u64 value)
{
	if (field == APIC_ACCESS_ADDR)
		post(&(struct event){ .name = "VMWRITE A", .kind = EV_VMWRITE, .v = value });
}

void trace(const char *event, u64 a, u64 b)
{
	struct cpu_model *c = &m.cpu[self];
	struct batch *batch = &batches[self];
	u64 h;

	if (self == SETUP || test->actor[self].kind != INVALIDATOR)
		return;
	c->label = event;
	c->step++;
	if (on_event)
		on_event(self, TAKE, &(struct event){ .name = event, .kind = EV_STEP }, 0);
	h = mix(++c->at, a << 1 | b);
	for (unsigned i = 0; i < batch->npages; i++)
		h = mix(mix(mix(h, batch->page[i].gfn), batch->page[i].old), batch->page[i].new);
	known_point(h);
	forget_reads();
}

void panic(const char *fmt, ...)
{
	va_list args;
	char text[160];

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	violate("panic", "%s", text);
	actor_stop();
}

void guest_stop(struct guest *g, const char *fmt, ...)
{
	(void)g;
	violate("guest-stop", "the guest was stopped: %s", fmt);
	actor_stop();
}

/* ---- the start ---- */

u64 page_gfn(unsigned page)
{
	return page ? page - 1 : APIC_ACCESS_GFN;
}

u64 *p_entry(unsigned page)
{
	return backing_entry(&backing, page_gfn(page));
}

static void populate(unsigned page)
{
	u64 pfn = frame_alloc(1);

	*p_entry(page) = pfn << PAGE_SHIFT | P_PRESENT;
	if (!test->empty)
		ept_fault(&ept, page_gfn(page) << PAGE_SHIFT, EPT_READ);
}

void shim_start(void)
{
	static bool mapped;
	unsigned n = 0;

	if (!mapped && mmap((void *)(FRAME_BASE << PAGE_SHIFT), FRAMES_TOTAL * PAGE_SIZE,
			    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			    0) == MAP_FAILED)
		abort();
	mapped = true;
	if (backing_init(&backing, 1, PAGES) || ept_init(&ept, &backing, 1, EPT_CAP_2M))
		abort();
	ept.protocol = protocol_of_test();
	guest_start();
	guest = (struct guest){ .id = 1 };
	for (unsigned i = 0; i < nactors; i++) {
		struct vcpu *v = &vcpus[i];

		cpu_of[i] = (struct cpu){ .index = i, .apic_id = i };
		cpus[i] = &cpu_of[i];
		memset(&batches[i], 0, offsetof(struct batch, page[PAGES]));
		batches[i].ept = &ept;
		memset(v, 0, sizeof(*v));
		if (test->actor[i].kind != VCPU)
			continue;
		v->ept = &ept;
		v->guest = &guest;
		v->gate.id = n++;
		v->gate.cpu = i;
		v->state = VCPU_RUNNING;
		v->gate.requests = REQ_RELOAD;
		cpu_of[i].vcpu = v;
		ept.gates[ept.ngates++] = &v->gate;
	}
	for (unsigned page = 0; page < test->npages; page++)
		populate(page);
	future_start();
	/* As after an earlier stay: A is right, everything is flushed. */
	for (unsigned i = 0; i < nactors && !test->boot; i++) {
		vcpus[i].gate.requests = 0;
		vcpus[i].access.address = m.cpu[i].a = *p_entry(0) & P_ADDRESS;
		ept.flushed[i] = ept.generation;
	}
	raw_start();
}

u64 *a_copy(unsigned actor)
{
	return &vcpus[actor].access.address;
}

struct region shim_private(unsigned actor)
{
	struct vcpu *v = &vcpus[actor];

	if (test->actor[actor].kind == VCPU)
		return (struct region){ &v->gate, (char *)&v->proc_ctls - (char *)&v->gate };
	return (struct region){ &batches[actor], offsetof(struct batch, page[PAGES]) };
}

bool frames_right(void)
{
	u64 named = 0;

	if (test->raw) /* programs end where they like */
		return true;
	for (unsigned page = 0; page < test->npages; page++)
		named |= BIT(((*p_entry(page) & P_ADDRESS) >> PAGE_SHIFT) - FRAME_BASE);
	for (unsigned i = 0; i < FRAMES; i++)
		if (!!(m.frame[i] & FRAME_OWNED) != (named >> i & 1)) {
			violate("frame-leaked", "in the end frame f%u %s", i,
				named >> i & 1 ? "is free, and P names it"
					       : "has an owner, and P does not name it");
			return false;
		}
	return true;
}

/* ---- keys ---- */

/*
 * A mode word counts stays. Only whether it equals what an invalidator has seen matters, so a key
 * holds the place of the seen word in the sequence memory, buffer; numbers that are gone never
 * come back.
 */
bool is_mode(u64 addr, unsigned *vcpu)
{
	for (unsigned i = 0; i < nactors; i++)
		if (addr == (u64)&vcpus[i].gate.mode) {
			*vcpu = i;
			return true;
		}
	return false;
}

u64 read_now(unsigned actor, unsigned i); /* model.c */

u64 seen_as(unsigned actor, u64 addr, u64 v)
{
	unsigned vcpu;

	if (!is_mode(addr, &vcpu))
		return v;
	return (v & MODE_MASK) | (u64)(v == batches[actor].seen[vcpus[vcpu].gate.id]) << 2;
}

static u64 mode_key(u64 h, unsigned i)
{
	const struct cpu_model *c = &m.cpu[i];
	const struct gate *g = &vcpus[i].gate;

	h = mix(h, g->mode & MODE_MASK);
	for (unsigned k = 0; k < nactors; k++) {
		u64 seen = batches[k].seen[g->id], place = 0xff;

		if (test->actor[k].kind != INVALIDATOR || !seen)
			continue;
		if (seen == g->mode)
			place = 0;
		for (unsigned b = 0; b < c->nbuffer; b++)
			if (c->buffer[b].addr == (u64)&g->mode && c->buffer[b].v == seen)
				place = b + 1;
		h = mix(h, place << 8 | k);
	}
	return h;
}

u64 shim_key(void)
{
	u64 h = test->raw ? raw_key() : 1;

	for (unsigned i = 0; i < nactors; i++) {
		const struct cpu_model *c = &m.cpu[i];
		const struct vcpu *v = &vcpus[i];
		unsigned vcpu;

		for (unsigned b = 0; b < c->nbuffer; b++) {
			const struct store *s = &c->buffer[b];

			h = mix(mix(h, s->addr),
				is_mode(s->addr, &vcpu) ? s->v & MODE_MASK : s->v + s->page);
		}
		/* A value that was found and is not there any more matters by what it was. */
		for (unsigned r = 0; r < c->nread; r++) {
			h = mix(h, c->read[r].addr | (u64)c->read[r].changed << 63);
			if (!c->read[r].changed && read_now(i, r) != c->read[r].v)
				h = mix(h, seen_as(i, c->read[r].addr & ~1ull, c->read[r].v));
		}
		if (test->actor[i].kind != VCPU)
			continue;
		h = mode_key(h, i);
		h = mix(h, v->access.address);
		h = mix(h, v->state | (ept.flushed[i] == ept.generation) << 4 | c->reason << 8);
	}
	return h;
}
