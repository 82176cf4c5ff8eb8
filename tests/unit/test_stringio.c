/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INS and OUTS: what is moved, by which registers, in how many exits; and which exception comes
 * instead. The guest's memory is a few pages that the test maps; its page tables: test_guestmem.c.
 * links: vmx/stringio.c mm/frame.c tests/unit/fake.c
 */
#include <stdio.h>
#include <string.h>

#include "mm/x86.h"
#include "tests/unit/fake.h"
#include "vmx/guest.h"
#include "vmx/io.h"
#include "vmx/mmio.h"
#include "vmx/vmx.h"

#define PAGES 4
#define LINEAR 0x400000ul /* of the first page; page i is at physical 0x10000 * (i + 1) */
#define RIGHTS_L BIT(13)
#define RIGHTS_D BIT(14)
#define DATA 0xc093ul /* data, writable, present, 32 bits */
#define PORT 0x60
enum { ES = 0, SS = 2, DS = 3, FS = 4 };
#define LENGTH 2

static struct guest guest;
static struct vcpu vcpu;
struct vmx_caps vmx_caps;
static u8 memory[PAGES][PAGE_SIZE];
static unsigned mapped; /* a bit for each page */
static u64 access_wanted;
static u32 ported[2000];
static unsigned nported, stops, translations;
static int vector, inject_error; /* -1: none */
static u64 fault_at;
static int read_answer, write_answer;
const struct mmio mmio_absent, device;
static const struct mmio *found;

const struct mmio *mmio_find(struct vcpu *v, u64 gpa)
{
	(void)gpa;
	assert_ptr_equal(v, &vcpu);
	return found;
}

int guest_translate(struct vcpu *v, u64 linear, u64 access, u64 *gpa, u32 *error)
{
	u64 page = (linear - LINEAR) >> PAGE_SHIFT;

	assert_ptr_equal(v, &vcpu);
	assert_int_equal(access, access_wanted);
	translations++;
	*error = (u32)access & 6;
	if (page >= PAGES || !(mapped & BIT(page)))
		return -EACCES;
	*gpa = 0x10000 * (page + 1) + linear % PAGE_SIZE;
	return 0;
}

static u8 *at(u64 gpa, u64 size)
{
	u64 page = gpa / 0x10000 - 1;

	assert_true(page < PAGES && gpa % 0x10000 + size <= PAGE_SIZE);
	return &memory[page][gpa % 0x10000];
}

int guest_read(struct vcpu *v, u64 gpa, void *buf, u64 size)
{
	(void)v;
	if (!read_answer)
		memcpy(buf, at(gpa, size), size);
	return read_answer;
}

int guest_write(struct vcpu *v, u64 gpa, const void *buf, u64 size)
{
	(void)v;
	if (!write_answer)
		memcpy(at(gpa, size), buf, size);
	return write_answer;
}

static u32 low(u32 value, unsigned size)
{
	return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

/* A port that gives another value each time. */
static u32 port_value(unsigned n)
{
	return 0x9e3779b1u * (n + 1);
}

u32 io_read(struct vcpu *v, u16 port, unsigned size)
{
	(void)v;
	assert_int_equal(port, PORT);
	return low(port_value(nported++), size);
}

void io_write(struct vcpu *v, u16 port, unsigned size, u32 value)
{
	(void)v;
	assert_int_equal(port, PORT);
	assert_int_equal(value, low(value, size));
	assert_true(nported < ARRAY_SIZE(ported));
	ported[nported++] = value;
}

void vcpu_inject_exception(u8 number, bool has_error, u32 error)
{
	assert_int_equal(vector, -1);
	vector = number;
	inject_error = has_error ? (int)error : -1;
}

void vcpu_inject_pf(u64 address, u32 error)
{
	vcpu_inject_exception(VECTOR_PF, true, error);
	fault_at = address;
}

void guest_stop(struct guest *g, const char *fmt, ...)
{
	(void)fmt;
	assert_ptr_equal(g, &guest);
	stops++;
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	vcpu = (struct vcpu){ .guest = &guest, .lme = true };
	vmx_caps.string_info = true;
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = RIGHTS_L;
	fake_vmcs[GUEST_RIP] = 0x1000;
	fake_vmcs[GUEST_CR0] = CR0_PE | CR0_PG;
	fake_vmcs[EXIT_INSTRUCTION_LENGTH] = LENGTH;
	for (unsigned i = 0; i < PAGES; i++)
		for (unsigned k = 0; k < PAGE_SIZE; k++)
			memory[i][k] = (u8)(k * 7 + i * 31 + (k >> 8));
	mapped = ~0u;
	access_wanted = LINEAR_GUEST;
	nported = stops = translations = 0;
	vector = inject_error = -1;
	read_answer = write_answer = 0;
	found = &device;
	return 0;
}

/* ADDRESS: 2, 4 or 8 bytes. The linear address is LINEAR + the register, as if the segment began there. */
static void run(bool in, unsigned size, bool rep, unsigned address, unsigned segment)
{
	u64 index = in ? vcpu.regs.rdi : vcpu.regs.rsi;

	if (address < 8)
		index &= BIT(8 * address) - 1;
	fake_vmcs[GUEST_LINEAR_ADDRESS] = LINEAR + index;
	fake_vmcs[EXIT_INSTRUCTION_INFO] = (address == 2   ? 0
					    : address == 4 ? 1
							   : 2)
						   << 7 |
					   segment << 15;
	io_string(&vcpu, &(struct io_string){ PORT, size, in, rep });
}

static u8 byte_at(u64 offset)
{
	return memory[offset / PAGE_SIZE][offset % PAGE_SIZE];
}

static u32 value_at(u64 offset, unsigned size)
{
	u32 value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (u32)byte_at(offset + i) << 8 * i;
	return value;
}

/* Not repeated, of each size, either way up, over a page boundary too. */
static void single(void **state)
{
	for (unsigned size = 1; size <= 4; size *= 2)
		for (u64 offset = PAGE_SIZE - 5; offset < PAGE_SIZE + 2; offset++)
			for (unsigned down = 0; down < 2; down++) {
				u64 next = down ? offset - size : offset + size;

				setup(state);
				fake_vmcs[GUEST_RFLAGS] = down ? RFLAGS_DF : 0;
				vcpu.regs.rsi = offset;
				vcpu.regs.rcx = 5;
				run(false, size, false, 8, DS);
				assert_int_equal(nported, 1);
				assert_int_equal(ported[0], value_at(offset, size));
				assert_int_equal(vcpu.regs.rsi, next);
				assert_int_equal(fake_vmcs[GUEST_RIP], 0x1000 + LENGTH);

				access_wanted = LINEAR_GUEST | LINEAR_WRITE;
				nported = 0;
				vcpu.regs.rdi = offset;
				run(true, size, false, 8, 0);
				assert_int_equal(nported, 1);
				assert_int_equal(value_at(offset, size), low(port_value(0), size));
				assert_int_equal(vcpu.regs.rdi, next);
				assert_int_equal(vcpu.regs.rsi, next);
				assert_int_equal(vcpu.regs.rcx, 5);
				assert_int_equal(vector, -1);
			}
}

static void repeated(void **state)
{
	unsigned exits = 0;

	(void)state;
	vcpu.regs.rsi = 0x123;
	vcpu.regs.rcx = 1000;
	while (fake_vmcs[GUEST_RIP] == 0x1000) {
		run(false, 4, true, 8, DS);
		assert_true(++exits < 10);
		assert_int_equal(vcpu.regs.rcx, 1000 - nported);
		assert_int_equal(vcpu.regs.rsi, 0x123 + 4 * nported);
	}
	assert_true(exits > 1 && translations < 3 * exits); /* in pieces, and not by elements */
	assert_int_equal(nported, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(ported[i], value_at(0x123 + 4 * i, 4));
	/* No times. */
	fake_vmcs[GUEST_RIP] = 0x1000;
	run(false, 4, true, 8, DS);
	assert_int_equal(nported, 1000);
	assert_int_equal(vcpu.regs.rsi, 0x123 + 4000);
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x1000 + LENGTH);
}

/* The registers count, and change, as far as an address goes. */
static void address_sizes(void **state)
{
	(void)state;
	access_wanted |= LINEAR_WRITE;
	vcpu.regs.rdi = 0xffffffff00000100;
	vcpu.regs.rcx = 0xffffffff00000002;
	run(true, 2, true, 4, 0);
	assert_int_equal(vcpu.regs.rdi, 0x104);
	assert_int_equal(vcpu.regs.rcx, 0);
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x1000 + LENGTH);
	/* 16 bits, outside 64-bit code. */
	vcpu.lme = false;
	fake_vmcs[GUEST_ES_LIMIT] = 0xffff;
	fake_vmcs[GUEST_ES_ACCESS_RIGHTS] = DATA;
	vcpu.regs.rdi = 0xaaaaaaaaaaaa0100;
	vcpu.regs.rcx = 0xbbbbbbbbbbbb0003;
	run(true, 1, true, 2, 0);
	assert_int_equal(vcpu.regs.rdi, 0xaaaaaaaaaaaa0103);
	assert_int_equal(vcpu.regs.rcx, 0xbbbbbbbbbbbb0000);
	assert_int_equal(nported, 5);
	/* Down through 0: the next one is at the other end of the segment. */
	fake_vmcs[GUEST_RFLAGS] = RFLAGS_DF;
	mapped = 1;
	vcpu.regs.rdi = 1;
	vcpu.regs.rcx = 3;
	run(true, 1, true, 2, 0);
	assert_int_equal(nported, 7);
	assert_int_equal(vcpu.regs.rdi, 0xffff);
	assert_int_equal(vcpu.regs.rcx, 1);
	assert_int_equal(vector, VECTOR_PF);
	assert_int_equal(fault_at, LINEAR + 0xffff);
}

/* What was done before the fault stays done; the port is not read for what cannot be stored. */
static void page_fault(void **state)
{
	(void)state;
	mapped = 1;
	vcpu.regs.rdi = PAGE_SIZE - 6;
	vcpu.regs.rcx = 100;
	access_wanted |= LINEAR_WRITE | LINEAR_USER;
	fake_vmcs[GUEST_SS_ACCESS_RIGHTS] = 3 << 5;
	run(true, 4, true, 8, 0);
	assert_int_equal(nported, 1);
	assert_int_equal(vcpu.regs.rdi, PAGE_SIZE - 2);
	assert_int_equal(vcpu.regs.rcx, 99);
	assert_int_equal(vector, VECTOR_PF);
	assert_int_equal(inject_error, LINEAR_WRITE | LINEAR_USER);
	assert_int_equal(fault_at, LINEAR + PAGE_SIZE); /* the part that is missing */
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x1000);
	vector = -1;
	run(true, 4, true, 8, 0); /* and again, before anything: nothing changes */
	assert_int_equal(nported, 1);
	assert_int_equal(vcpu.regs.rdi, PAGE_SIZE - 2);
	assert_int_equal(vcpu.regs.rcx, 99);
	assert_int_equal(vector, VECTOR_PF);
}

/* Nothing done, nothing changed: not even the upper halves. */
static void fault_at_once(void **state)
{
	(void)state;
	mapped = 0;
	vcpu.regs.rsi = 0xffffffff00000010;
	vcpu.regs.rcx = 0xffffffff00000002;
	run(false, 1, true, 4, DS);
	assert_int_equal(vector, VECTOR_PF);
	assert_int_equal(fault_at, LINEAR + 0x10);
	assert_int_equal(vcpu.regs.rsi, 0xffffffff00000010);
	assert_int_equal(vcpu.regs.rcx, 0xffffffff00000002);
}

static void canonical_addresses(void **state)
{
	(void)state;
	vcpu.regs.rsi = 0x7fffffffffff - LINEAR;
	run(false, 2, false, 8, DS);
	assert_int_equal(vector, VECTOR_GP);
	assert_int_equal(inject_error, 0);
	vector = -1;
	run(false, 2, false, 8, SS);
	assert_int_equal(vector, VECTOR_SS);
	vector = -1;
	vcpu.regs.rdi = vcpu.regs.rsi;
	access_wanted |= LINEAR_WRITE;
	run(true, 2, false, 8, SS); /* INS has no other segment than ES */
	assert_int_equal(vector, VECTOR_GP);
	access_wanted = LINEAR_GUEST;
	vector = -1;
	vcpu.regs.rsi = 0xffff800000000000 - LINEAR;
	run(false, 1, false, 8, DS);
	assert_int_equal(vector, VECTOR_PF);
	vector = -1;
	vcpu.regs.rsi--;
	run(false, 1, false, 8, DS);
	assert_int_equal(vector, VECTOR_GP);
	assert_int_equal(nported, 0);
}

static void segments(void **state)
{
	static const struct {
		const char *text;
		u64 rights, limit, offset;
		unsigned size;
		bool in, fine;
	} cases[] = {
		{ "data", DATA, 0xfff, 0xffc, 4, true, true },
		{ "beyond the limit", DATA, 0xfff, 0xffd, 4, true, false },
		{ "read-only, read", 0xc091, 0xfff, 0, 4, false, true },
		{ "read-only, written", 0xc091, 0xfff, 0, 4, true, false },
		{ "unusable", DATA | BIT(16), 0xffffffff, 0, 1, false, false },
		{ "readable code, read", 0xc09b, 0xfff, 0, 4, false, true },
		{ "readable code, written", 0xc09b, 0xfff, 0, 4, true, false },
		{ "code, read", 0xc099, 0xfff, 0, 4, false, false },
		{ "conforming code, read", 0xc09f, 0xfff, 0xffc, 4, false, true },
		{ "expand-down, below", 0xc097, 0xfff, 0xfff, 1, true, false },
		{ "expand-down, above", 0xc097, 0xfff, 0x1000, 1, true, true },
		{ "expand-down of 16 bits, at the top", 0x8097, 0xfff, 0xfffe, 4, false, false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		for (unsigned segment = ES; segment <= FS; segment++) {
			int wanted = segment == SS ? VECTOR_SS : VECTOR_GP;

			setup(state);
			if (cases[i].in && segment != ES)
				continue;
			fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = RIGHTS_D;
			fake_vmcs[GUEST_ES_ACCESS_RIGHTS + 2 * segment] = cases[i].rights;
			fake_vmcs[GUEST_ES_LIMIT + 2 * segment] = cases[i].limit;
			access_wanted |= cases[i].in ? LINEAR_WRITE : 0;
			vcpu.regs.rdi = vcpu.regs.rsi = cases[i].offset;
			run(cases[i].in, cases[i].size, false, 4, segment);
			if (vector != (cases[i].fine ? -1 : wanted) || nported != cases[i].fine ||
			    inject_error != (cases[i].fine ? -1 : 0))
				fail_msg("%s, segment %u: vector %d, error %d", cases[i].text,
					 segment, vector, inject_error);
		}
}

/* Outside 64-bit code, linear addresses have 32 bits. */
static void wraps(void **state)
{
	(void)state;
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = RIGHTS_D;
	fake_vmcs[GUEST_ES_ACCESS_RIGHTS + 2 * DS] = DATA;
	fake_vmcs[GUEST_ES_LIMIT + 2 * DS] = 0xffffffff;
	vcpu.regs.rsi = 0xfffffffe;
	vcpu.regs.rcx = 3;
	fake_vmcs[GUEST_LINEAR_ADDRESS] = LINEAR + 0xffd; /* the base is LINEAR + fff */
	fake_vmcs[EXIT_INSTRUCTION_INFO] = 1 << 7 | DS << 15;
	io_string(&vcpu, &(struct io_string){ PORT, 1, false, true });
	assert_int_equal(nported, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ported[i], value_at(0xffd + i, 1));
	assert_int_equal(vcpu.regs.rsi, 1);
}

/* Where the guest has no memory and no device, ones go out, and what comes in is lost. */
static void nowhere(void **state)
{
	(void)state;
	read_answer = write_answer = -EFAULT;
	found = &mmio_absent;
	vcpu.regs.rcx = 3;
	run(false, 2, true, 8, DS);
	assert_int_equal(nported, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ported[i], 0xffff);
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x1000 + LENGTH);
	access_wanted |= LINEAR_WRITE;
	vcpu.regs.rcx = 3;
	run(true, 4, true, 8, 0);
	assert_int_equal(nported, 6);
	assert_int_equal(vcpu.regs.rdi, 12);
	assert_int_equal(stops, 0);
	read_answer = -EAGAIN; /* that is no place without memory */
	access_wanted = LINEAR_GUEST;
	run(false, 1, false, 8, DS);
	assert_int_equal(nported, 6);
}

static void stops_the_guest(void **state)
{
	(void)state;
	access_wanted |= LINEAR_WRITE;
	write_answer = -EFAULT;
	run(true, 1, false, 8, 0);
	assert_int_equal(stops, 1);
	/* It is stopping anyway. */
	write_answer = -EAGAIN;
	run(true, 1, false, 8, 0);
	assert_int_equal(stops, 1);
	assert_int_equal(fake_vmcs[GUEST_RIP], 0x1000);
	assert_int_equal(vector, -1);
	vmx_caps.string_info = false;
	write_answer = 0;
	run(true, 1, false, 8, 0);
	assert_int_equal(stops, 2);
	assert_int_equal(vcpu.regs.rdi, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(single),	  TEST(repeated),      TEST(address_sizes),
		TEST(page_fault), TEST(fault_at_once), TEST(canonical_addresses),
		TEST(segments),	  TEST(wraps),	       TEST(nowhere),
		TEST(stops_the_guest),
	};

	return cmocka_run_group_tests_name("stringio", tests, NULL, NULL);
}
