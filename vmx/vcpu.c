/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vCPU's life on its CPU: from SIPI to DONE, exit after exit. */
#include "apic/lapic.h"
#include "mm/frame.h"
#include "vmx/exit.h"
#include "vmx/gate.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

/* What vmx/entry.asm does next. */
enum { LEAVE, RESUME, LAUNCH };

struct vcpu *vcpu_create(struct guest *g, unsigned id, unsigned cpu)
{
	u64 pfn = frame_alloc(OWNER_HOST);
	u64 apic_page = frame_alloc(OWNER_HOST);
	u64 vmcs = vmcs_alloc();
	struct vcpu *v = frame_ptr(pfn);

	if (!pfn || !apic_page || !vmcs) {
		if (pfn)
			frame_free(pfn, OWNER_HOST);
		if (apic_page)
			frame_free(apic_page, OWNER_HOST);
		if (vmcs)
			frame_free(vmcs >> PAGE_SHIFT, OWNER_HOST);
		return NULL;
	}
	v->guest = g;
	v->ept = &g->ept;
	v->vmcs = vmcs;
	v->gate.id = id;
	v->gate.cpu = cpu;
	v->gate.requests = REQ_RELOAD;
	v->lapic.page = frame_ptr(apic_page);
	v->lapic.id = id;
	v->state = VCPU_WAIT_SIPI;
	return v;
}

void vcpu_destroy(struct vcpu *v)
{
	frame_free(frame_of(v->lapic.page), OWNER_HOST);
	frame_free(v->vmcs >> PAGE_SHIFT, OWNER_HOST);
	frame_free(frame_of(v), OWNER_HOST);
}

void vcpu_request(struct vcpu *v, u32 req)
{
	u64 mode;

	order_or(request, &v->gate.requests, req); /* locked: a full fence before the load */
	mode = order_load(request_mode, &v->gate.mode) & MODE_MASK;
	if (mode == MODE_IN_GUEST && v != this_cpu()->vcpu)
		gate_kick(&v->gate);
	else if (mode == MODE_HALTED)
		lapic_ipi(cpus[v->gate.cpu]->apic_id, VECTOR_WAKE);
}

static struct vcpu *vcpu_of_gate(struct gate *g)
{
	return (struct vcpu *)((char *)g - offsetof(struct vcpu, gate));
}

/*
 * An NMI, because a guest cannot mask it. An external interrupt would do by the SDM, but Bochs up
 * to 2.7 keeps it from a guest that was entered with interrupts off in both guest and host.
 */
void gate_kick(struct gate *g)
{
	if (unlikely(vcpu_of_gate(g)->guest->mute && g->id == 0))
		return;
	lapic_nmi(cpus[g->cpu]->apic_id);
}

void gate_late(struct gate *g, unsigned round)
{
	if (round)
		panic("ack: vCPU %u on CPU %u is still in guest mode after two kicks (mode %lx, "
		      "requests %x)",
		      g->id, g->cpu, g->mode, g->requests);
	printk("vCPU %u on CPU %u does not answer its kick after %u looks; kicking again\n", g->id,
	       g->cpu, WAIT_SPINS);
	gate_kick(g);
}

void gate_no_memory(struct gate *g, u64 gfn)
{
	struct vcpu *v = vcpu_of_gate(g);

	guest_stop(
		v->guest,
		"vCPU %u: no memory for guest-physical %lx: %lu pages are resident, %lu are packed "
		"into %lu frames, and nothing more can be reclaimed; give the guest more (mem)",
		g->id, gfn << PAGE_SHIFT, backing_resident(v->ept->backing),
		v->ept->backing->store.pages, v->ept->backing->store.frames);
}

void vlapic_notify(struct vlapic *target)
{
	vcpu_request((struct vcpu *)((char *)target - offsetof(struct vcpu, lapic)), REQ_EVENT);
}

void apic_access_write(u64 address)
{
	vmwrite(APIC_ACCESS_ADDR, address);
}

/* Sleeps until something is asked of the vCPU, or its timer is due. */
static void sleep(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();

	gate_set(sleep_mode, &v->gate, MODE_HALTED);
	order_fence(sleep_fence);
	while (!(order_load(sleep_requests, &v->gate.requests) & (REQ_EVENT | REQ_STOP)) &&
	       !cpu->timer_due)
		irq_wait();
	gate_leave(sleep_leave, &v->gate);
}

/* INIT, SIPI and NMI from other vCPUs. */
static void start_up(struct vcpu *v)
{
	u32 got = __atomic_load_n(&v->lapic.startup, __ATOMIC_RELAXED);

	if (likely(!got))
		return;
	got = __atomic_exchange_n(&v->lapic.startup, 0, __ATOMIC_SEQ_CST);
	if (got & STARTUP_INIT) {
		v->state = VCPU_WAIT_SIPI;
		v->nmi_pending = false;
		vlapic_reset(&v->lapic);
	}
	if ((got & STARTUP_SIPI) && v->state == VCPU_WAIT_SIPI) {
		vcpu_reset(v, got & 0xff);
		state_init();
		if (v->bad_state)
			vmwrite(GUEST_RFLAGS, 0);
		v->state = VCPU_RUNNING;
	}
	if (got & STARTUP_NMI)
		v->nmi_pending = true;
}

/* Sees to REQ_EVENT and REQ_STOP. False: leave. */
static bool see_to_requests(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();

	for (;;) {
		if (v->state == VCPU_DONE ||
		    (order_load(see_requests, &v->gate.requests) & REQ_STOP))
			return false;
		order_and(see_clear, &v->gate.requests, ~REQ_EVENT);
		if (cpu->timer_due) {
			cpu->timer_due = 0;
			vlapic_timer(&v->lapic);
		}
		start_up(v);
		if (v->state != VCPU_WAIT_SIPI)
			vcpu_deliver(v);
		if (v->state == VCPU_RUNNING)
			return true;
		sleep(v);
	}
}

/* From OUTSIDE through the gate, when it has not let the vCPU pass at once. */
static __attribute__((noinline)) int pass_slowly(struct vcpu *v)
{
	/* For the report alone: an interrupt to deliver is no retry; a reload or a new generation
	 * is. */
	v->retries += !(__atomic_load_n(&v->gate.requests, __ATOMIC_RELAXED) & REQ_EVENT);
	do {
		if ((order_load(pass_requests, &v->gate.requests) & ~REQ_RELOAD) &&
		    !see_to_requests(v))
			return LEAVE;
		cpu_relax();
	} while (!gate_pass(v));
	return RESUME;
}

static inline int pass(struct vcpu *v)
{
	return likely(gate_pass(v)) ? RESUME : pass_slowly(v);
}

/* vmx/entry.asm: before the first entry, and after an entry that an NMI made give up. */
int vcpu_enter(struct vcpu *v)
{
	gate_leave(enter_leave, &v->gate);
	return pass(v) == LEAVE ? LEAVE : v->launched ? RESUME : LAUNCH;
}

/* vmx/entry.asm: after each exit. */
int vcpu_exit(struct vcpu *v)
{
	u32 reason;

	gate_leave(exit_leave, &v->gate);
	v->launched = true;
	reason = (u32)vmread(EXIT_REASON);
	if (likely(reason < EXIT_REASONS && exits[reason].handle)) {
		v->exits[reason]++;
		exits[reason].handle(v);
	} else {
		exit_unknown(v, reason);
	}
	return pass(v);
}

/* vmx/entry.asm: VMLAUNCH or VMRESUME failed before any guest state was looked at. */
void vcpu_entry_failed(struct vcpu *v)
{
	u32 error = (u32)vmread(INSTRUCTION_ERROR);

	gate_leave(failed_leave, &v->gate);
	guest_stop(v->guest, "vCPU %u: VM entry failed: %s (VM-instruction error %u)", v->gate.id,
		   vmx_instruction_error(error), error);
}

void vcpu_main(void *vcpu)
{
	struct vcpu *v = vcpu;
	struct cpu *cpu = this_cpu();
	u64 reads = cpu->vmreads, writes = cpu->vmwrites;

	vmcs_load(v);
	state_load(v);
	vlapic_reset(&v->lapic);
	vcpu_reset(v, 0);
	vcpu_event(v);
	vmx_run(v);
	vlapic_reset(&v->lapic);
	state_put(v);
	vmcs_clear(v->vmcs);
	cpu->vcpu = NULL;
	v->vmreads = cpu->vmreads - reads;
	v->vmwrites = cpu->vmwrites - writes;
}
