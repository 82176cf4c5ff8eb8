/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All ports. */
#include "tests/guests/box/box.h"

#define PORTS 0x10000u
#define ELCR 0x4d0
#define PM_ENABLE 0x602

/* What may end or reset the machine, and how many ports from there on. */
static const struct {
	u16 first, count;
} deadly[] = {
	{ 0x64, 1 }, /* the keyboard controller's reset */
	{ 0x92, 1 }, /* port A's */
	{ PORT_EXIT, 4 },
	{ 0xcf9, 1 }, /* reset control */
};

static bool kills(u32 port, u32 size)
{
	for (u32 i = 0; i < ARRAY_SIZE(deadly); i++)
		if (port < (u32)deadly[i].first + deadly[i].count && port + size > deadly[i].first)
			return true;
	return false;
}

static u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void put(u16 port, u32 size, u32 value)
{
	if (size == 1)
		outb(port, (u8)value);
	else if (size == 2)
		outw(port, (u16)value);
	else
		outl(port, value);
}

/* Devices are below this; above it, of what is wider than a byte, some. */
#define DEVICES 0x1400u
#define SOME 61u

static u32 next(u32 port, u32 size)
{
	return port < DEVICES || size == 1 ? port + 1 : port + SOME;
}

static void in_all(u32 size)
{
	u32 ports = 0, absent = 0;

	for (u32 port = 0; port < PORTS; port = next(port, size)) {
		u32 got = size == 1 ? inb((u16)port) : size == 2 ? inw((u16)port) : inl((u16)port);

		absent += got == (size == 4 ? ~0u : (1u << 8 * size) - 1);
		ports++;
	}
	uart_init();
	say("%u of %u ports read as ones by %u bytes", absent, ports, size);
	ok(absent > ports * 9 / 10, "IN of %u bytes from all ports", size);
}

static void out_all(u32 size)
{
	for (u32 port = 0; port < PORTS; port = next(port, size)) {
		if (kills(port, size))
			continue;
		if (port < DEVICES)
			put((u16)port, size, 0);
		put((u16)port, size, ~0u);
	}
	outw(PM_ENABLE, 0);
	outw(ELCR, 0);
	quiet();
	outb(PORT_COM1, '\n'); /* what it has got meanwhile is no line */
	ok(true, "OUT of %u bytes to all ports", size);
}

/* The upper half of RAX goes with a 32-bit result alone. */
static void results(void)
{
	u64 rax = 0x1122334455667788;

	asm volatile("inb %w1, %%al" : "+a"(rax) : "d"(PORT_NOBODY));
	is(rax, 0x11223344556677ff, "IN of a byte changes AL");
	asm volatile("inw %w1, %%ax" : "+a"(rax) : "d"(PORT_NOBODY));
	is(rax, 0x112233445566ffff, "IN of two bytes changes AX");
	rax = ~0ull;
	asm volatile("inl %w1, %%eax" : "+a"(rax) : "d"(PORT_NOBODY));
	is(rax, 0xffffffff, "IN of four bytes clears the rest of RAX");
}

void test_ports(void)
{
	box_init();
	results();
	in_all(1);
	/* There, ports may do anything: PCI's configuration, a hypervisor's own. And two bytes from its
	 * serial port end QEMU. */
	if (tcg_lacks("they are that machine's own", "IN of 2 bytes from all ports",
		      "IN of 4 bytes from all ports", "OUT of 1 bytes to all ports",
		      "OUT of 2 bytes to all ports", "OUT of 4 bytes to all ports"))
		return;
	in_all(2);
	in_all(4);
	for (u32 size = 1; size <= 4; size *= 2)
		out_all(size);
	is(rt_try(apic_setup, NULL, this_vcpu()), NO_FAULT, "the kernel works afterwards");
}
