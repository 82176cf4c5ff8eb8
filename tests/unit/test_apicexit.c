/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exits at the APIC-access page: which bytes of which register an access of any size means, and what
 * stops the guest. The instructions themselves: test_mmio.c.
 * links: vmx/apicexit.c vmx/mmio.c vmx/alu.c vmx/decode.c mm/frame.c boot/format.c tests/unit/fake.c
 */
#include <stdio.h>
#include <string.h>

#include "mm/x86.h"
#include "tests/unit/fake.h"
#include "vmx/exit.h"
#include "vmx/guest.h"

#define CODE_AT 0x401000ul
#define TYPE(n) ((u64)(n) << 12)
enum { READ = 0, WRITE = 1 };

static u64 entries[2] = { 0, 0x5000 | P_PRESENT };
static struct guest guest = { .backing = { .entries = entries, .ram_pages = 1 },
			      .ept = { .backing = &guest.backing } };
static struct vcpu vcpu;
static u8 code_bytes[32];
static u32 registers[256], written_reg, written_value;
static unsigned writes, reads;
static bool no_code;
static char stopped[256];

int guest_read_linear(struct vcpu *v, u64 linear, void *buf, u64 size)
{
	(void)v;
	if (no_code)
		return -EFAULT;
	memcpy(buf, code_bytes + (linear - CODE_AT), size);
	return 0;
}

u32 vlapic_read(struct vlapic *l, u32 reg)
{
	assert_ptr_equal(l, &vcpu.lapic);
	assert_true(reg < PAGE_SIZE && reg % 16 == 0);
	reads++;
	return registers[reg / 16];
}

bool vlapic_write(struct vlapic *l, u32 reg, u32 value)
{
	assert_ptr_equal(l, &vcpu.lapic);
	assert_true(reg < PAGE_SIZE && reg % 16 == 0);
	written_reg = reg;
	written_value = value;
	writes++;
	return reg == APIC_EOI;
}

static unsigned ends, ended, refreshed;

void vlapic_refresh(struct vlapic *l)
{
	assert_ptr_equal(l, &vcpu.lapic);
	refreshed++;
}

void vlapic_level_ended(struct vlapic *l, u8 vector)
{
	assert_ptr_equal(l, &vcpu.lapic);
	ended = vector;
	ends++;
}

void guest_stop(struct guest *g, const char *fmt, ...)
{
	va_list args;

	assert_ptr_equal(g, &guest);
	va_start(args, fmt);
	vsnprintf(stopped, sizeof(stopped), fmt, args);
	va_end(args);
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	vcpu = (struct vcpu){ .ept = &guest.ept, .guest = &guest, .lme = true };
	vcpu.access.address = 0x5000;
	memset(guest.wrong, 0, sizeof(guest.wrong));
	fake_vmcs[GUEST_CS_ACCESS_RIGHTS] = BIT(13);
	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++)
		registers[i] = 0x04030201 + i * 0x10101010;
	writes = reads = 0;
	no_code = false;
	stopped[0] = 0;
	return 0;
}

static void run(const char *code, unsigned size, unsigned type, u32 offset)
{
	memset(code_bytes, 0xcc, sizeof(code_bytes));
	memcpy(code_bytes, code, size);
	fake_vmcs[GUEST_RIP] = CODE_AT;
	fake_vmcs[EXIT_QUALIFICATION] = TYPE(type) | offset;
	exit_apic_access(&vcpu);
}
#define RUN(code, type, offset) run(code, sizeof(code) - 1, type, offset)

/* Each size at each offset. */
static void reads_of_any_size(void **state)
{
	(void)state;
	for (u32 offset = 0; offset < 0x40; offset++) {
		u32 reg = registers[offset / 16];

		for (unsigned size = 1; size <= 8; size *= 2) {
			bool inside = offset % 16 + size <= 4;
			u64 all = size == 8 ? ~0ul : BIT(8 * size) - 1;
			u64 expected = inside ? reg >> 8 * (offset % 16) & all : all;

			vcpu.regs.rax = 0;
			if (size == 1)
				RUN("\x8a\x00", READ, offset);
			else if (size == 2)
				RUN("\x66\x8b\x00", READ, offset);
			else if (size == 4)
				RUN("\x8b\x00", READ, offset);
			else
				RUN("\x48\x8b\x00", READ, offset);
			assert_int_equal(vcpu.regs.rax, expected);
			assert_true(fake_vmcs[GUEST_RIP] > CODE_AT);
		}
	}
	assert_string_equal(stopped, "");
}

/* Only those of a whole register do anything. */
static void writes_of_any_size(void **state)
{
	(void)state;
	vcpu.regs.rax = 0x1122334455667788;
	for (u32 offset = 0x80; offset < 0xc0; offset++) {
		setup(NULL);
		vcpu.regs.rax = 0x1122334455667788;
		RUN("\x88\x00", WRITE, offset);
		RUN("\x66\x89\x00", WRITE, offset);
		RUN("\x48\x89\x00", WRITE, offset);
		assert_int_equal(writes, 0);
		RUN("\x89\x00", WRITE, offset);
		assert_int_equal(writes, offset % 16 == 0);
		assert_int_equal(fake_vmcs[GUEST_RIP], CODE_AT + 2);
		if (writes) {
			assert_int_equal(written_reg, offset);
			assert_int_equal(written_value, 0x55667788);
		}
		assert_int_equal(vcpu.gate.requests, offset == APIC_EOI ? REQ_EVENT : 0);
	}
	assert_string_equal(stopped, "");
}

/* orl $0x100,(%rax): whichever of its two accesses the processor says that it was. */
static void read_and_write(void **state)
{
	(void)state;
	for (unsigned type = READ; type <= WRITE; type++) {
		registers[APIC_SVR / 16] = 0xff;
		RUN("\x81\x08\x00\x01\x00\x00", type, APIC_SVR);
		assert_int_equal(written_reg, APIC_SVR);
		assert_int_equal(written_value, 0x1ff);
		assert_int_equal(writes, type + 1);
	}
	assert_string_equal(stopped, "");
}

static void stops_the_guest(void **state)
{
	(void)state;
	RUN("\x0f\x28\x00", READ, APIC_ID); /* movaps (%rax),%xmm0 */
	assert_string_equal(stopped, "vCPU 0: read of APIC register 20 is not supported, at RIP "
				     "401000: 0f 28 00 cc cc cc cc cc cc cc cc cc cc cc cc ");
	for (unsigned type = 2; type < 16; type++) {
		stopped[0] = 0;
		RUN("\x8b\x00", type, APIC_ID);
		/* The instruction is not what it is about. */
		assert_non_null(strstr(stopped, " of APIC register 20 is not supported, at RIP "));
		assert_string_equal(strstr(stopped, "401000"), "401000");
	}
	stopped[0] = 0;
	RUN("\x8b\x00", WRITE, APIC_ID);
	assert_non_null(strstr(stopped, ": 8b 00 cc"));
	assert_null(strstr(stopped, "stale"));
	/* A names a frame that backs something else by now. */
	vcpu.access.address = 0x6000;
	RUN("\x0f\x28\x00", READ, APIC_ID);
	assert_non_null(strstr(stopped, "A is stale"));
	assert_int_equal(guest.wrong[WRONG_APIC_READ], 1);
	assert_int_equal(reads + writes, 0);
}

/* The code has gone from the guest's tables: it runs into that itself. */
static void again(void **state)
{
	(void)state;
	no_code = true;
	RUN("\x8b\x00", READ, APIC_ID);
	assert_int_equal(fake_vmcs[GUEST_RIP], CODE_AT);
	assert_int_equal(reads, 0);
	assert_string_equal(stopped, "");
}

/* The processor has ended it; nothing is left but to say so. */
static void eoi_of_a_level(void **state)
{
	(void)state;
	fake_vmcs[EXIT_QUALIFICATION] = 0x92;
	exit_virtualized_eoi(&vcpu);
	assert_int_equal(ended, 0x92);
	assert_int_equal(ends, 1);
	assert_int_equal(writes, 0);
	assert_int_equal(fake_vmwrites[GUEST_RIP], 0); /* it was moved already */
	/* An access that is done by hand, after the processor has had the registers. */
	RUN("\x8b\x00", READ, APIC_PPR);
	assert_int_equal(refreshed, 0);
	vcpu.proc2 = PROC2_VIRTUAL_INTERRUPT_DELIVERY;
	RUN("\x8b\x00", READ, APIC_PPR);
	assert_int_equal(refreshed, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(reads_of_any_size),
		TEST(writes_of_any_size),
		TEST(read_and_write),
		TEST(stops_the_guest),
		TEST(again),
		TEST(eoi_of_a_level),
	};

	return cmocka_run_group_tests_name("apicexit", tests, NULL, NULL);
}
