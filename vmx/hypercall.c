/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guests tell the hypervisor, by VMCALL: number in RAX, arguments in RDI, RSI, RDX, RCX, R8,
 * result in RAX. */
#include "mm/frame.h"
#include "vmx/exit.h"
#include "vmx/guest.h"

enum { HC_ROUND, HC_WRONG, HC_DONE, HC_NOP, HC_RESULT, HC_PUTS, HC_COUNT };

static const char *apic_register(u64 gpa)
{
	switch (gpa - APIC_ACCESS_GPA) {
	case APIC_ID:
		return "ID";
	case APIC_LVR:
		return "LVR";
	case APIC_TPR:
		return "TPR";
	case APIC_LDR:
		return "LDR";
	case APIC_SVR:
		return "SVR";
	case APIC_ICR:
		return "ICR low";
	case APIC_ICR2:
		return "ICR high";
	case APIC_TIMER_CURRENT:
		return "timer current count";
	}
	return "register";
}

/*
 * A stale access: names both sides of the disagreement, as they are when the report comes. A kick
 * between the access and the report can change A, and a move the leaf; mostly neither has.
 */
static void report_apic(const struct stale *s)
{
	printk("  it is APIC register %s; A (APIC_ACCESS_ADDR of vCPU %u) = %lx, EPT leaf = "
	       "%lx%s%s\n",
	       apic_register(s->gpa), s->vcpu, s->access, s->leaf,
	       s->gone ? " (until the move that has begun since)" : "",
	       s->leaf == s->access
		       ? ": equal by now; one has changed between the access and this report"
		       : ": they differ, so the CPU does not trap and the guest has raw bytes");
}

static void wrong(struct vcpu *v)
{
	static const char *const kinds[WRONG_KINDS] = { "APIC register read",
							"APIC register written and read back",
							"data page", "lost interrupt",
							"processor state" };
	struct guest_regs *r = &v->regs;
	struct guest *g = v->guest;
	u64 kind = MIN(r->r8, WRONG_KINDS - 1), seen = 0;
	struct stale stale = { .gpa = r->rdi,
			       .value = r->rsi,
			       .expected = r->rdx,
			       .tick = r->rcx,
			       .vcpu = v->gate.id,
			       .access = v->access.address,
			       .leaf = v->ept->apic_leaf };

	lock(&v->ept->lock);
	stale.gone = !ept_walk(v->ept, APIC_ACCESS_GPA).level;
	unlock(&v->ept->lock);

	__atomic_fetch_add(&g->wrong[kind], 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < WRONG_KINDS; i++)
		seen += g->wrong[i];
	if (kind <= WRONG_DATA && !__atomic_exchange_n(&g->stale_seen, 1, __ATOMIC_RELAXED))
		g->first_stale = stale;
	if (seen > WRONG_SHOWN)
		return;
	printk("vCPU %u: wrong value: %s at %lx: %lx, expected %lx, tick %lu%s\n", v->gate.id,
	       kinds[kind], r->rdi, r->rsi, r->rdx, r->rcx,
	       (r->rsi & POISON_MASK) == POISON ? " (a freed frame's poison)" : "");
	if (r->rdi >> PAGE_SHIFT == APIC_ACCESS_GFN && kind <= WRONG_APIC_WRITE)
		report_apic(&stale);
	if (seen == WRONG_SHOWN)
		printk("further wrong values are only counted\n");
}

static u64 put_line(struct vcpu *v, u64 gpa, u64 length)
{
	char text[121];
	int err;

	if (length >= sizeof(text))
		return -EINVAL;
	err = guest_read(v, gpa, text, length);
	if (err)
		return err;
	for (u64 i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	text[length] = 0;
	printk("[guest %u.%u] %s\n", v->guest->id, v->gate.id, text);
	return 0;
}

void exit_hypercall(struct vcpu *v)
{
	struct guest_regs *r = &v->regs;
	u64 result = 0;

	switch (r->rax) {
	case HC_ROUND:
		v->rounds = r->rdi;
		result = v->guest->finishing;
		break;
	case HC_WRONG:
		wrong(v);
		break;
	case HC_DONE:
		v->rounds = r->rdi;
		v->timer_irqs = r->rsi;
		v->ipis_sent = r->rdx;
		v->ipis_received = r->rcx;
		v->checks = r->r8;
		v->state = VCPU_DONE;
		__atomic_fetch_add(&v->guest->done, 1, __ATOMIC_RELEASE);
		vcpu_event(v);
		break;
	case HC_NOP:
		break;
	case HC_RESULT:
		if (r->rdi < ARRAY_SIZE(v->guest->bench))
			v->guest->bench[r->rdi] = r->rsi;
		else
			result = -EINVAL;
		break;
	case HC_COUNT: /* VMCS accesses on this CPU so far */
		result = this_cpu()->vmreads + this_cpu()->vmwrites;
		break;
	case HC_PUTS:
		result = put_line(v, r->rdi, r->rsi);
		break;
	default:
		result = -ENOSYS;
	}
	r->rax = result;
	vcpu_skip();
}
