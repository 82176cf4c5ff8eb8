/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exits that EPT causes: violations, misconfigurations, the page-modification log. */
#include "ept/order.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/mmio.h"

/* SDM, "Exit Qualification for EPT Violations"; bits 2:0 are the access, as EPT_READ and so on. Bit
 * 12 is the same for a page-modification log-full event. */
#define QUALIFICATION_LINEAR BIT(7)  /* it was made by a linear address */
#define QUALIFICATION_OPERAND BIT(8) /* and is not one of the walk that translates that */
#define QUALIFICATION_NMI_UNBLOCKED BIT(12)

/* The delivery or the IRET that the exit interrupted is to be as if it had not begun. */
static void undo_delivery(u64 qualification)
{
	vcpu_redeliver();
	if (qualification & QUALIFICATION_NMI_UNBLOCKED)
		exit_block_nmis();
}

/* For the report alone: the page may be on its way to something else. */
static enum p_kind kind_behind(const struct vcpu *v, u64 gpa)
{
	return backing_kind(__atomic_load_n(backing_entry(v->ept->backing, gpa >> PAGE_SHIFT),
					    __ATOMIC_RELAXED));
}

static void count_fault(struct vcpu *v, enum p_kind kind, u64 ticks)
{
	static const char *const reasons[P_KINDS] = {
		[P_KIND_RESIDENT] = "fault-resident",
		[P_KIND_ABSENT] = "fault-absent",
		[P_KIND_SAME] = "fault-same",
		[P_KIND_PACKED] = "fault-packed",
	};

	v->faults_count[kind]++;
	v->faults_ticks[kind] += ticks;
	vcpu_stalled(v, ticks, reasons[kind]);
}

/* The page is on its way, or a frame for it is. */
static bool waits(int err)
{
	return err == -EAGAIN || err == -EBUSY;
}

_Static_assert(EPT_READ == MMIO_READ && EPT_WRITE == MMIO_WRITE, "the qualification says both");

/*
 * Where the guest has no memory there may be a device, or nobody answers. So far as it is the
 * access of an instruction's operand: the processor's own accesses, and code, have to be in memory.
 */
static void access_device(struct vcpu *v, u64 gpa, u64 q)
{
	struct code code;
	char bytes[CODE_TEXT];
	const char *what;
	int err = -EINVAL;

	code.size = 0;
	if (vmread(IDT_VECTORING_INFO) & INTR_VALID)
		what = "event delivery";
	else if (q & EPT_EXEC)
		what = "instruction fetch";
	else if (!(q & QUALIFICATION_LINEAR) || !(q & QUALIFICATION_OPERAND))
		what = "page walk";
	else {
		what = "an instruction that is not supported there";
		err = mmio_access(v, mmio_find(v, gpa), gpa, q & (EPT_READ | EPT_WRITE), &code);
	}
	if (!err)
		vcpu_got_on(v);
	if (err != -EINVAL)
		return; /* done, or to be made again */
	code_text(&code, bytes);
	guest_stop(v->guest, "vCPU %u: no memory at guest-physical %lx: %s, at RIP %lx%s%s",
		   v->gate.id, gpa, what, vmread(GUEST_RIP), code.size ? ": " : "", bytes);
}

void exit_ept_violation(struct vcpu *v)
{
	u64 start = rdtsc();
	u64 gpa = vmread(GUEST_PHYSICAL_ADDRESS);
	u64 q = vmread(EXIT_QUALIFICATION);
	enum p_kind kind;
	int err;

	if (unlikely(!backing_entry(v->ept->backing, gpa >> PAGE_SHIFT))) {
		access_device(v, gpa, q);
		return;
	}
	kind = kind_behind(v, gpa);
	err = ept_fault(v->ept, gpa, q & EPT_RWX);
	undo_delivery(q);
	vcpu_turned_back(v);
	/* OUTSIDE: nobody waits for this vCPU. */
	for (v->retries += waits(err); waits(err); err = ept_fault(v->ept, gpa, q & EPT_RWX)) {
		if (order_load(fault_stop, &v->gate.requests) & (REQ_STOP | REQ_MOVE))
			break;
		if (err == -EAGAIN)
			vcpu_turned_back(v);
		else /* who makes room is not to wait for this vCPU to get on */
			vcpu_got_on(v);
		cpu_relax();
	}
	count_fault(v, kind, rdtsc() - start);
	if (!err || waits(err))
		return; /* the access is made again */
	if (err == -ENOMEM)
		gate_no_memory(&v->gate, gpa >> PAGE_SHIFT);
	else /* -EACCES */
		guest_stop(v->guest, "vCPU %u: code in the APIC-access page, at RIP %lx",
			   v->gate.id, vmread(GUEST_RIP));
}

/* A reserved bit in an entry of ours: no guest can cause it. */
void exit_ept_misconfiguration(struct vcpu *v)
{
	u64 gpa = vmread(GUEST_PHYSICAL_ADDRESS);
	struct ept_leaf leaf = ept_walk(v->ept, gpa);

	panic("ept: misconfiguration at guest-physical %lx, level %u entry %lx", gpa, leaf.level,
	      leaf.value);
}

/* The access that would have been logged next has not been made. */
void exit_pml_full(struct vcpu *v)
{
	pml_drain(v);
	undo_delivery(vmread(EXIT_QUALIFICATION));
}
