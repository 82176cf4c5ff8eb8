/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/x86.h"
#include "vmx/alu.h"
#include "vmx/guest.h"
#include "vmx/mmio.h"

#define CODE_L BIT(13)
#define CODE_D BIT(14)

enum { RAX = 0, RCX = 1, RSP = 4, RSI = 6, RDI = 7 };

static bool fetch(struct vcpu *v, struct code *c)
{
	u64 rights = vmread(GUEST_CS_ACCESS_RIGHTS), at, first;

	c->rip = at = vmread(GUEST_RIP);
	c->mode = v->lme && (rights & CODE_L) ? CODE_64 : rights & CODE_D ? CODE_32 : CODE_16;
	if (c->mode != CODE_64)
		at = (u32)(at + vmread(GUEST_CS_BASE));
	first = MIN(MAX_INSTRUCTION, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
	c->size = 0;
	if (guest_read_linear(v, at, c->bytes, first))
		return false;
	c->size = (unsigned)first;
	if (first < MAX_INSTRUCTION &&
	    !guest_read_linear(v, at + first, c->bytes + first, MAX_INSTRUCTION - first))
		c->size = MAX_INSTRUCTION;
	return true;
}

void code_text(const struct code *code, char text[CODE_TEXT])
{
	text[0] = 0;
	for (unsigned i = 0; i < code->size; i++)
		format(text + 3 * i, 4, "%02x ", code->bytes[i]);
}

static u64 get_reg(struct vcpu *v, unsigned n, unsigned size, bool high)
{
	u64 value = n == RSP ? vmread(GUEST_RSP) : *vcpu_reg(v, n);

	return low_bytes(high ? value >> 8 : value, size);
}

/* SDM, "General-Purpose Registers in 64-Bit Mode": a 32-bit result clears the upper half, a shorter
 * one leaves the rest. */
static void set_reg(struct vcpu *v, unsigned n, unsigned size, bool high, u64 value)
{
	unsigned shift = high ? 8 : 0;
	u64 mask = low_bytes(~0ul, size) << shift;

	value = (value << shift) & mask;
	if (size < 4)
		value |= (n == RSP ? vmread(GUEST_RSP) : *vcpu_reg(v, n)) & ~mask;
	if (n == RSP)
		vmwrite(GUEST_RSP, value);
	else
		*vcpu_reg(v, n) = value;
}

static u64 other_operand(struct vcpu *v, const struct insn *i)
{
	return i->with == WITH_IMM   ? low_bytes(i->immediate, i->size)
	       : i->with == WITH_REG ? get_reg(v, i->reg, i->reg_size, i->high)
				     : 0;
}

/* After STOS or LODS: the address, and the count. True when the instruction is to run again. */
static bool string_next(struct vcpu *v, const struct insn *i)
{
	unsigned n = i->op == INSN_STOS ? RDI : RSI;
	u64 step = vmread(GUEST_RFLAGS) & RFLAGS_DF ? -(u64)i->size : i->size, count;

	set_reg(v, n, i->address, false, *vcpu_reg(v, n) + step);
	if (!i->rep)
		return false;
	count = low_bytes(*vcpu_reg(v, RCX) - 1, i->address);
	set_reg(v, RCX, i->address, false, count);
	return count;
}

static void compute(struct vcpu *v, const struct mmio *device, u64 offset, const struct insn *i)
{
	u64 other = other_operand(v, i), rflags = vmread(GUEST_RFLAGS);
	u64 memory = low_bytes(device->read(v, offset, i->size), i->size), result;

	if (i->op == INSN_CMPXCHG) {
		u64 rax = get_reg(v, RAX, i->size, false);

		alu(INSN_CMP, i->size, rax, memory, &rflags);
		if (rax != memory)
			set_reg(v, RAX, i->size, false, memory);
		device->write(v, offset, i->size, rax == memory ? other : memory);
	} else if (i->to_reg) {
		result = alu(i->op, i->size, other, memory, &rflags);
		if (i->op != INSN_CMP)
			set_reg(v, i->reg, i->size, i->high, result);
	} else {
		result = alu(i->op, i->size, memory, other, &rflags);
		if (insn_writes(i))
			device->write(v, offset, i->size, result);
	}
	vmwrite(GUEST_RFLAGS, rflags);
}

/* True when the instruction is to run again. */
static bool execute(struct vcpu *v, const struct mmio *device, u64 offset, const struct insn *i)
{
	u64 value;

	switch (i->op) {
	case INSN_MOV:
	case INSN_MOVZX:
	case INSN_STOS:
	case INSN_LODS:
		if (i->to_reg)
			set_reg(v, i->reg, i->reg_size, i->high,
				low_bytes(device->read(v, offset, i->size), i->size));
		else
			device->write(v, offset, i->size, other_operand(v, i));
		return (i->op == INSN_STOS || i->op == INSN_LODS) && string_next(v, i);
	case INSN_MOVSX:
		value = extend_sign(device->read(v, offset, i->size), i->size);
		set_reg(v, i->reg, i->reg_size, false, value);
		return false;
	case INSN_XCHG:
		value = low_bytes(device->read(v, offset, i->size), i->size);
		device->write(v, offset, i->size, other_operand(v, i));
		set_reg(v, i->reg, i->size, i->high, value);
		return false;
	default:
		compute(v, device, offset, i);
		return false;
	}
}

/* The exit was caused by what is decoded here, and by the whole of it. The code may be another one by
 * now, and an instruction may touch memory in ways that are not its operand. */
static bool fits(struct vcpu *v, const struct insn *i, u64 gpa, u64 kind)
{
	bool bits = i->op >= INSN_BT && i->op <= INSN_BTC;

	if ((kind & MMIO_WRITE) ? !insn_writes(i) : !insn_reads(i))
		return false;
	/* A bit string in memory reaches beyond the operand's bytes, where GPA is not its start. */
	if (bits && i->with == WITH_REG && get_reg(v, i->reg, i->reg_size, false) >= 8u * i->size)
		return false;
	if (i->rep && !low_bytes(*vcpu_reg(v, RCX), i->address))
		return false;
	return (gpa & (PAGE_SIZE - 1)) + i->size <= PAGE_SIZE;
}

int mmio_access(struct vcpu *v, const struct mmio *device, u64 gpa, u64 kind, struct code *code)
{
	struct insn i;
	u64 rip;

	if (!fetch(v, code))
		return -EAGAIN;
	if (decode(code->bytes, code->size, code->mode, &i) || !fits(v, &i, gpa, kind))
		return -EINVAL;
	if (execute(v, device, gpa - device->base, &i))
		return 0;
	rip = code->rip + i.length;
	vmwrite(GUEST_RIP, code->mode == CODE_64 ? rip : (u32)rip);
	return 0;
}

static u64 read_ones(struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	(void)offset;
	(void)size;
	return ~0ul;
}

static void write_nowhere(struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	(void)v;
	(void)offset;
	(void)size;
	(void)value;
}

const struct mmio mmio_absent = { .read = read_ones, .write = write_nowhere };
