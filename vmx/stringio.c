/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INS and OUTS. The processor has checked that the guest may use the port, and no more: what is wrong
 * with the memory operand comes after the exit in the order of events (SDM, "Relative Priority of
 * Faults and VM Exits"), so segmentation and paging are looked at here.
 */
#include "mm/x86.h"
#include "vmx/alu.h"
#include "vmx/guest.h"
#include "vmx/io.h"
#include "vmx/mmio.h"
#include "vmx/vmx.h"

#define ELEMENTS 256u /* of a repeated one in one exit; at interrupts it looks in between */

#define RIGHTS_DPL(rights) ((rights) >> 5 & 3)
#define RIGHTS_L BIT(13)
#define RIGHTS_DB BIT(14)
#define RIGHTS_UNUSABLE BIT(16)
#define TYPE_WRITABLE BIT(1)	/* of data; of code: readable */
#define TYPE_EXPAND_DOWN BIT(2) /* of data */
#define TYPE_CODE BIT(3)

enum { SEGMENT_ES = 0, SEGMENT_SS = 2 };

struct operand {
	bool code64, user;
	unsigned segment, address; /* its number; bytes of an address */
	u64 base, limit, rights;
	u64 access;	      /* as guest_translate() has it */
	u64 linear, physical; /* the page that was translated last */
	bool translated;
};

/* SDM, "VM-Exit Instruction-Information Field as Used for INS and OUTS" */
static void operand_of(struct vcpu *v, const struct io_string *s, u64 index, struct operand *o)
{
	u64 info = vmread(EXIT_INSTRUCTION_INFO), cs = vmread(GUEST_CS_ACCESS_RIGHTS);

	*o = (struct operand){
		.code64 = v->lme && (cs & RIGHTS_L),
		.user = RIGHTS_DPL(vmread(GUEST_SS_ACCESS_RIGHTS)) == 3,
		.segment = s->in ? SEGMENT_ES : info >> 15 & 7,
		.address = 2u << MIN(info >> 7 & 7, 2),
	};
	o->access = LINEAR_GUEST | (s->in ? LINEAR_WRITE : 0) | (o->user ? LINEAR_USER : 0);
	o->base = vmread(GUEST_LINEAR_ADDRESS) - low_bytes(index, o->address);
	if (!o->code64) {
		o->limit = vmread(GUEST_ES_LIMIT + 2 * o->segment);
		o->rights = vmread(GUEST_ES_ACCESS_RIGHTS + 2 * o->segment);
	}
}

static bool canonical(u64 linear)
{
	return linear >> 47 == 0 || linear >> 47 == 0x1ffff;
}

/* SDM, "Limit Checking" and "Type Checking"; in 64-bit code, canonical addresses. */
static bool in_segment(const struct operand *o, u64 offset, u64 size, bool write)
{
	u64 last = offset + size - 1, top;

	if (o->code64)
		return canonical(o->base + offset) && canonical(o->base + last);
	if (o->rights & RIGHTS_UNUSABLE)
		return false;
	if (o->rights & TYPE_CODE ? write || !(o->rights & TYPE_WRITABLE)
				  : write && !(o->rights & TYPE_WRITABLE))
		return false;
	if ((o->rights & TYPE_CODE) || !(o->rights & TYPE_EXPAND_DOWN))
		return last <= o->limit;
	top = o->rights & RIGHTS_DB ? 0xffffffff : 0xffff;
	return offset > o->limit && last <= top;
}

/* The guest-physical address behind LINEAR, by what was found for its page last. */
static int translate(struct vcpu *v, struct operand *o, u64 linear, u64 *gpa)
{
	u64 page = linear & ~(u64)(PAGE_SIZE - 1);
	u32 error;
	int err;

	if (!o->translated || o->linear != page) {
		err = guest_translate(v, linear, o->access, gpa, &error);
		if (err == -EACCES)
			vcpu_inject_pf(linear, error);
		if (err)
			return err;
		o->linear = page;
		o->physical = *gpa & ~(u64)(PAGE_SIZE - 1);
		o->translated = true;
	}
	*gpa = o->physical | (linear & (PAGE_SIZE - 1));
	return 0;
}

/* Where there is no memory nobody answers, as for any other operand: reads give ones, and writes go
 * nowhere. A device's registers are not for INS and OUTS. */
static bool is_nowhere(struct vcpu *v, u64 gpa)
{
	return gpa >> PAGE_SHIFT != APIC_ACCESS_GFN && mmio_find(v, gpa) == &mmio_absent;
}

static int load(struct vcpu *v, u64 gpa, void *to, unsigned size)
{
	int err = guest_read(v, gpa, to, size);

	if (err != -EFAULT || !is_nowhere(v, gpa))
		return err;
	memset(to, 0xff, size);
	return 0;
}

static int store(struct vcpu *v, u64 gpa, const void *from, unsigned size)
{
	int err = guest_write(v, gpa, from, size);

	return err == -EFAULT && is_nowhere(v, gpa) ? 0 : err;
}

/*
 * One element. Both pages that it may lie in are looked up before the port is: a port that is read may
 * not be read again.
 */
static int element(struct vcpu *v, const struct io_string *s, struct operand *o, u64 offset)
{
	u64 linear = o->base + offset, gpa[2];
	unsigned first;
	u32 value = 0;
	int err;

	if (!in_segment(o, offset, s->size, s->in)) {
		vcpu_inject_exception(o->segment == SEGMENT_SS ? VECTOR_SS : VECTOR_GP, true, 0);
		return -EACCES;
	}
	if (!o->code64)
		linear = (u32)linear;
	first = MIN(s->size, PAGE_SIZE - (unsigned)(linear & (PAGE_SIZE - 1)));
	err = translate(v, o, linear, &gpa[0]);
	if (!err && first < s->size) {
		u64 second = linear + first;

		err = translate(v, o, o->code64 ? second : (u32)second, &gpa[1]);
	}
	if (err)
		return err;
	if (s->in) {
		value = io_read(v, s->port, s->size);
		err = store(v, gpa[0], &value, first);
		if (!err && first < s->size)
			err = store(v, gpa[1], (char *)&value + first, s->size - first);
		return err;
	}
	err = load(v, gpa[0], &value, first);
	if (!err && first < s->size)
		err = load(v, gpa[1], (char *)&value + first, s->size - first);
	if (!err)
		io_write(v, s->port, s->size, value);
	return err;
}

/* SDM, "General-Purpose Registers in 64-Bit Mode": what is above an operand of 32 bits becomes 0. */
static void set_low(u64 *reg, u64 value, unsigned size)
{
	*reg = low_bytes(value, size) | (size < 4 ? *reg & ~low_bytes(~0ul, size) : 0);
}

void io_string(struct vcpu *v, const struct io_string *s)
{
	u64 *index = s->in ? &v->regs.rdi : &v->regs.rsi, at = *index, step = s->size, count, done;
	struct operand o;
	int err = 0;

	if (!vmx_caps.string_info) {
		guest_stop(v->guest,
			   "vCPU %u: string %s on port %x, which this CPU says too little of, at "
			   "RIP %lx",
			   v->gate.id, s->in ? "input" : "output", s->port, vmread(GUEST_RIP));
		return;
	}
	operand_of(v, s, at, &o);
	if (vmread(GUEST_RFLAGS) & RFLAGS_DF)
		step = -step;
	count = s->rep ? low_bytes(v->regs.rcx, o.address) : 1;
	for (done = 0; done < MIN(count, ELEMENTS); done++) {
		err = element(v, s, &o, low_bytes(at + done * step, o.address));
		if (err)
			break;
	}
	if (done) {
		set_low(index, at + done * step, o.address);
		if (s->rep)
			set_low(&v->regs.rcx, count - done, o.address);
	}
	if (err == -EFAULT)
		guest_stop(v->guest,
			   "vCPU %u: string %s on port %x where the guest has no memory for it, at "
			   "RIP %lx",
			   v->gate.id, s->in ? "input" : "output", s->port, vmread(GUEST_RIP));
	if (!err && done == count)
		vcpu_skip();
}
