/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guests of Interlock's own tell it, by VMCALL: number in RAX, arguments in RDI, RSI, RDX, RCX, R8,
 * result in RAX. Others get what VMCALL is where there is no VMX, #UD. */
#include "vmx/exit.h"
#include "vmx/guest.h"

enum { HC_ROUND, HC_WRONG, HC_DONE, HC_NOP, HC_RESULT, HC_PUTS, HC_COUNT };

/* This and put_line() have large frames, which the plain hypercalls are not to pay for. */
static __attribute__((noinline)) void wrong(struct vcpu *v)
{
	struct guest_regs *r = &v->regs;
	struct stale stale = { .gpa = r->rdi,
			       .value = r->rsi,
			       .expected = r->rdx,
			       .tick = r->rcx,
			       .vcpu = v->gate.id };

	guest_wrong(v->guest, MIN(r->r8, WRONG_KINDS - 1), &stale);
}

static __attribute__((noinline)) u64 put_line(struct vcpu *v, u64 gpa, u64 length)
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

	if (unlikely(v->guest->foreign)) { /* its processor has no VMX */
		vcpu_inject_ud();
		return;
	}
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
