/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the shipped files find around them: the VMCS, the APIC's interrupts, the CPU they run on; and
 * how the world is at the start. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "apic/lapic.h"
#include "ept/invept.h"
#include "lab/shim.h"
#include "mm/frame.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

struct ept ept;
static struct backing backing;
static struct guest guest;
struct vcpu vcpus[ACTORS];
struct batch batches[ACTORS];
static struct cpu cpu_of[ACTORS + 1];
struct cpu *cpus[MAX_CPUS];
unsigned ncpus;
struct vmx_caps vmx_caps;

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

/* What later steps go by; by D none after `copy`, which looks for a copy then: an event of its own
 * only where each is one. */
static u64 page_key(u64 h, const struct batch_page *page)
{
	bool dirty = page->dirty && !page->to && (test->out || opt.naive);

	h = mix(mix(mix(h, page->gfn), page->old), page->new);
	h = mix(h, page->to << 3 | page->ntables << 1 | dirty);
	for (unsigned i = 0; i < page->ntables; i++)
		h = mix(h, page->table[i]);
	return h;
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
		h = page_key(h, &batch->page[i]);
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

u64 *kept_entry(unsigned page)
{
	return backing_kept(&backing, page_gfn(page));
}

bool never_changes(u64 addr)
{
	u64 i = (addr - (u64)backing.entries) / sizeof(u64), pages = backing.ram_pages + 1;
	bool kept = i >= pages;
	u64 page;

	if (i >= 2 * pages)
		return false;
	i -= kept ? pages : 0;
	page = i == backing.ram_pages ? 0 : i + 1;
	return page >= PAGES || (kept && !(test->out & BIT(page)));
}

/*
 * The frames of a 2-MB page, in a row. Only those of the test's pages are ever used; that the rest
 * bear the numbers of other frames makes no difference.
 */
static void populate_large(void)
{
	for (u64 gfn = 0; gfn < backing.ram_pages; gfn++)
		*backing_entry(&backing, gfn) = (FRAME_BASE + gfn) << PAGE_SHIFT | P_PRESENT;
	ept.large = true;
	for (unsigned i = 0; i <= ACTORS; i++)
		m.cpu[i].frames = PAGES; /* the first ones are taken */
}

static void populate(unsigned page)
{
	u64 n = page_gfn(page), pfn;
	bool in_run = ept.large && n < PAGES;

	if (page && test->packed)
		*kept_entry(page) = store_put_at_start(page);
	if (page && test->packed && !in_run) {
		*p_entry(page) = P_PACKED;
		return;
	}
	pfn = in_run ? FRAME_BASE + n : frame_alloc(1);
	if (in_run) {
		m.frame[n] = FRAME_OWNED;
		m.content[n] = 0;
	}
	*p_entry(page) = pfn << PAGE_SHIFT | P_PRESENT;
	if (!test->empty)
		ept_fault(&ept, page_gfn(page) << PAGE_SHIFT, EPT_READ);
}

void shim_start(void)
{
	static bool mapped;
	static u64 dirty_log[512 / 64 + 1];
	bool large = test->large && !test->raw;
	unsigned n = 0;

	if (!mapped && mmap((void *)(FRAME_BASE << PAGE_SHIFT), FRAMES_TOTAL * PAGE_SIZE,
			    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			    0) == MAP_FAILED)
		abort();
	mapped = true;
	if (backing_init(&backing, 1, large ? 512 : PAGES) ||
	    ept_init(&ept, &backing, 1, EPT_CAP_2M | (test->out ? EPT_CAP_AD : 0)))
		abort();
	backing.dirty = dirty_log; /* it lies behind the lists, which are not there */
	ept.protocol = protocol_of_test();
	guest_start();
	guest = (struct guest){ .id = 1 };
	for (unsigned i = 0; i < nactors; i++) {
		struct vcpu *v = &vcpus[i];

		cpu_of[i] = (struct cpu){ .index = i, .apic_id = i };
		cpus[i] = &cpu_of[i];
		memset(&batches[i], 0, offsetof(struct batch, page[PAGES]));
		batches[i].ept = &ept;
		batches[i].prune = test->actor[i].out;
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
	if (large)
		populate_large();
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

struct region shim_private(unsigned actor)
{
	struct vcpu *v = &vcpus[actor];

	if (test->actor[actor].kind == VCPU)
		return (struct region){ &v->gate, (char *)&v->proc_ctls - (char *)&v->gate };
	return (struct region){ &batches[actor], offsetof(struct batch, page[PAGES]) };
}
