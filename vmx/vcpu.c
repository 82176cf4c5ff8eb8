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
	struct vcpu *v = frame_ptr(pfn);
	bool log = vmx_caps.proc2 & PROC2_PML;

	if (!pfn)
		return NULL;
	v->vmcs = vmcs_alloc();
	v->lapic.page = frame_ptr(frame_alloc(OWNER_HOST));
	v->pml = log ? frame_alloc(OWNER_HOST) << PAGE_SHIFT : 0;
	if (!v->vmcs || !v->lapic.page || (log && !v->pml)) {
		vcpu_destroy(v);
		return NULL;
	}
	v->guest = g;
	v->ept = &g->ept;
	v->gate.id = id;
	v->gate.cpu = cpu;
	v->gate.requests = REQ_RELOAD;
	v->lapic.id = id;
	v->lapic.base = VLAPIC_BASE_RESET | (id == 0 ? APIC_BASE_BSP : 0);
	v->state = VCPU_WAIT_SIPI;
	mtrr_init(&v->mtrr, vmx_caps.physical_bits);
	return v;
}

void vcpu_destroy(struct vcpu *v)
{
	u64 frames[] = { frame_of(v->lapic.page), v->vmcs >> PAGE_SHIFT, v->pml >> PAGE_SHIFT,
			 frame_of(v) };

	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
		if (frames[i])
			frame_free(frames[i], OWNER_HOST);
}

/*
 * The CPU to interrupt, to be looked at after the mode: a vCPU that was in guest mode or asleep then
 * and still is in that stay has not left, so its CPU is this one. If the stay is over, the interrupt
 * is not needed, and harmless wherever it goes.
 */
static const struct cpu *cpu_of(const struct gate *g)
{
	return cpus[__atomic_load_n(&g->cpu, __ATOMIC_RELAXED)];
}

void vcpu_request(struct vcpu *v, u32 req)
{
	u64 mode;

	order_or(request, &v->gate.requests, req); /* locked: a full fence before the load */
	mode = order_load(request_mode, &v->gate.mode) & MODE_MASK;
	if (mode == MODE_IN_GUEST && v != this_cpu()->vcpu)
		gate_kick(&v->gate);
	else if (mode == MODE_HALTED)
		lapic_ipi(cpu_of(&v->gate)->apic_id, VECTOR_WAKE);
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
	lapic_nmi(cpu_of(g)->apic_id);
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
	vcpu_request(vcpu_of_lapic(target), REQ_EVENT);
}

void apic_access_write(u64 address)
{
	vmwrite(APIC_ACCESS_ADDR, address);
}

/* Sleeps until something is asked of the vCPU, or its timer is due. */
static void sleep(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();
	u64 start = rdtsc();

	gate_set(sleep_mode, &v->gate, MODE_HALTED);
	order_fence(sleep_fence);
	while (!(order_load(sleep_requests, &v->gate.requests) &
		 (REQ_EVENT | REQ_STOP | REQ_MOVE | REQ_WHERE)) &&
	       !cpu->timer_due)
		irq_wait();
	gate_leave(sleep_leave, &v->gate);
	v->asleep += rdtsc() - start;
}

/* INIT, SIPI, NMI and ExtINT that came as messages, and NMI by the pin. */
static void start_up(struct vcpu *v)
{
	u32 got = __atomic_load_n(&v->lapic.startup, __ATOMIC_RELAXED);

	if (likely(!got))
		return;
	got = __atomic_exchange_n(&v->lapic.startup, 0, __ATOMIC_SEQ_CST);
	if (got & STARTUP_INIT) {
		v->state = VCPU_WAIT_SIPI;
		v->nmi_pending = v->extint_pending = false;
		vlapic_reset(&v->lapic);
	}
	if ((got & STARTUP_SIPI) && v->state == VCPU_WAIT_SIPI) {
		vcpu_reset(v, got & 0xff);
		state_init();
		if (v->first) {
			vcpu_start_at(v, &v->guest->start);
			if (v->guest->foreign)
				vlapic_virtual_wire(&v->lapic);
		}
		v->first = false;
		if (v->bad_state)
			vmwrite(GUEST_RFLAGS, 0);
		v->state = VCPU_RUNNING;
	}
	if (got & STARTUP_NMI)
		v->nmi_pending = true;
	if (got & STARTUP_EXTINT)
		v->extint_pending = true;
}

static void say_where(struct vcpu *v)
{
	order_and(see_where, &v->gate.requests, ~REQ_WHERE);
	if (v->state == VCPU_WAIT_SIPI)
		print_later("guest %u: vCPU %u waits for a SIPI\n", v->guest->id, v->gate.id);
	else
		print_later("guest %u: vCPU %u %s at %lx:%lx, CR0 %lx, CR3 %lx\n", v->guest->id,
			    v->gate.id, v->state == VCPU_HALTED ? "halts" : "is",
			    vmread(GUEST_CS_SELECTOR), vmread(GUEST_RIP), vmread(GUEST_CR0),
			    vmread(GUEST_CR3));
}

/* Sees to all requests but REQ_RELOAD. False: leave. */
static bool see_to_requests(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();

	for (;;) {
		u32 requests;

		if (v->state == VCPU_DONE)
			return false;
		requests = order_load(see_requests, &v->gate.requests);
		if (unlikely(requests & REQ_WHERE))
			say_where(v);
		if (requests & REQ_STOP)
			return false;
		if (unlikely(requests & REQ_MOVE)) {
			/* Not on arrival: by then it may have been asked once more. */
			order_and(see_move, &v->gate.requests, ~REQ_MOVE);
			v->moving = true;
			return false;
		}
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
	u64 start = 0, asleep = 0;

	/* For the report alone: an interrupt to deliver is no retry; a reload or a new generation
	 * is. */
	v->retries += !(__atomic_load_n(&v->gate.requests, __ATOMIC_RELAXED) & REQ_EVENT);
	for (;;) {
		if ((order_load(pass_requests, &v->gate.requests) & ~REQ_RELOAD) &&
		    !see_to_requests(v))
			return LEAVE;
		cpu_relax();
		if (gate_pass(v))
			break;
		if (!start) {
			start = rdtsc();
			asleep = v->asleep;
		}
		vcpu_turned_back(v);
	}
	if (unlikely(start))
		vcpu_stalled(v, rdtsc() - start - (v->asleep - asleep), "gate");
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
	if (unlikely(v->turned))
		vcpu_look_again(v, (u32)vmread(EXIT_REASON));
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

static void begin(struct vcpu *v)
{
	vmcs_init(v);
	state_load(v);
	vlapic_reset(&v->lapic);
	vcpu_reset(v, 0);
}

/* Its VMCS was cleared, so it holds all that it held on the CPU that V left. */
static void arrive(struct vcpu *v)
{
	v->moving = false;
	gate_arrive(v);
	state_restore(v);
	vlapic_resume(&v->lapic);
}

/* Takes along what would stay behind on this CPU: state, and the timer with its interrupt. */
static void pack(struct vcpu *v)
{
	struct cpu *cpu = this_cpu();

	vlapic_suspend(&v->lapic);
	irq_window();
	if (cpu->timer_due) {
		cpu->timer_due = 0;
		vlapic_timer(&v->lapic);
	}
	state_save(v);
}

void vcpu_main(void *vcpu)
{
	struct vcpu *v = vcpu;
	struct cpu *cpu = this_cpu();
	u64 reads = cpu->vmreads, writes = cpu->vmwrites;

	vmcs_load(v);
	if (v->moving)
		arrive(v);
	else
		begin(v);
	vcpu_event(v);
	vmx_run(v);
	pml_drain(v);
	vcpu_got_on(v); /* nobody is to wait for it now */
	if (v->moving)
		pack(v);
	else
		vlapic_reset(&v->lapic);
	state_put(v);
	vmcs_clear(v->vmcs);
	cpu->vcpu = NULL;
	v->vmreads += cpu->vmreads - reads;
	v->vmwrites += cpu->vmwrites - writes;
}
