/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INS and OUTS that are repeated as long as there is memory: counts beyond it, both directions, each
 * size of address. */
#include "tests/guests/box/box.h"

#define HUGE BIT(32)
#define PAGES 4u
#define MANY 64u
#define BYTES (PAGES * PAGE_SIZE)
#define MCR 4
#define MCR_LOOP 0x10
#define VECTOR 0x58

static struct rep rep;

static u32 try_rep(void (*fn)(void *), u64 rsi, u64 rdi, u64 rcx, u16 port, u64 rflags)
{
	u32 vector;

	rep = (struct rep){ rsi, rdi, rcx, port, rflags | RFLAGS_FIXED };
	vector = rt_try(fn, &rep, this_vcpu());
	if (vector != NO_FAULT) {
		rep.rsi = caught.rsi;
		rep.rdi = caught.rdi;
		rep.rcx = caught.rcx;
	}
	return vector;
}

/* It ended at LINEAR by a page fault with ERROR. INDEX: which register went through memory. */
static void ended_at(u32 vector, u64 linear, u32 error, u64 index, u64 rcx, const char *what)
{
	const struct fault *f = &this_vcpu()->fault;

	is(vector, VECTOR_PF, "%s ends in #PF", what);
	is(f->cr2, linear, "%s: CR2", what);
	is(f->error, error, "%s: the error code", what);
	is(index, linear, "%s: where its index is", what);
	is(rep.rcx, rcx, "%s: what is left of its count", what);
}

static void forward(void)
{
	u32 vector;

	window_map(SPARE_RAM, PAGES, 0);
	vector = try_rep(rep_outsb, WINDOW, 0, HUGE, PORT_NOBODY, 0);
	ended_at(vector, WINDOW + BYTES, 0, rep.rsi, HUGE - BYTES, "REP OUTSB, 2^32 of them");
	vector = try_rep(rep_outsd, WINDOW, 0, ~0ull, PORT_NOBODY, 0);
	ended_at(vector, WINDOW + BYTES, 0, rep.rsi, ~0ull - BYTES / 4, "REP OUTSD, 2^64 - 1");
	/* An element across the end of what is mapped. */
	vector = try_rep(rep_outsd, WINDOW + 2, 0, HUGE, PORT_NOBODY, 0);
	is(vector, VECTOR_PF, "REP OUTSD, unaligned, ends in #PF");
	is(this_vcpu()->fault.cr2, WINDOW + BYTES, "at the page that is not there");
	is(rep.rsi, WINDOW + BYTES - 2, "with its index before that");
	window_map(SPARE_RAM, PAGES, 0);
	vector = try_rep(rep_insb, 0, WINDOW, HUGE, PORT_NOBODY, 0);
	ended_at(vector, WINDOW, 3, rep.rdi, HUGE, "REP INSB into what is read-only");
}

static u64 wrong_words(u64 gpa, u64 bytes, u64 wanted)
{
	u64 wrong = 0;

	for (u64 i = 0; i < bytes; i += sizeof(u64))
		wrong += *(volatile u64 *)(gpa + i) != wanted;
	return wrong;
}

static void fill(u64 gpa, u64 bytes, u64 value)
{
	for (u64 i = 0; i < bytes; i += sizeof(u64))
		*(volatile u64 *)(gpa + i) = value;
}

static void input(void)
{
	u64 stray;
	u32 vector;

	fill(SPARE_RAM - PAGE_SIZE, BYTES + 2 * PAGE_SIZE, 0);
	window_map(SPARE_RAM, PAGES, PTE_W);
	vector = try_rep(rep_insb, 0, WINDOW, HUGE, PORT_NOBODY, 0);
	ended_at(vector, WINDOW + BYTES, 2, rep.rdi, HUGE - BYTES, "REP INSB");
	stray = wrong_words(SPARE_RAM - PAGE_SIZE, PAGE_SIZE, 0) +
		wrong_words(SPARE_RAM + BYTES, PAGE_SIZE, 0);
	is(stray, 0, "REP INSB writes nowhere else");
	if (!tcg_lacks("ports where nobody is may read 0", "REP INSB has written ones"))
		is(wrong_words(SPARE_RAM, BYTES, ~0ull), 0, "REP INSB has written ones");
	fill(SPARE_RAM, BYTES, 0);
	vector = try_rep(rep_insd, 0, WINDOW + 1, 8, PORT_NOBODY, 0);
	is(vector == NO_FAULT && rep.rdi == WINDOW + 33 && !rep.rcx, 1, "REP INSD, 8 of them");
}

static void backward(void)
{
	u32 vector;

	window_map(SPARE_RAM, PAGES, PTE_W);
	vector = try_rep(rep_outsb, WINDOW + BYTES - 1, 0, HUGE, PORT_NOBODY, RFLAGS_DF);
	ended_at(vector, WINDOW - 1, 0, rep.rsi, HUGE - BYTES, "REP OUTSB with DF");
	vector = try_rep(rep_insd, 0, WINDOW + BYTES - 4, HUGE, PORT_NOBODY, RFLAGS_DF);
	ended_at(vector, WINDOW - 4, 2, rep.rdi, HUGE - BYTES / 4, "REP INSD with DF");
}

static void address_sizes(void)
{
	const u64 garbage = 0xabcd000000000000;
	u32 vector;

	window_map(SPARE_RAM, PAGES, PTE_W);
	vector = try_rep(rep_outsb_a32, garbage | WINDOW, 0, garbage | 0xffffffff, PORT_NOBODY, 0);
	ended_at(vector, WINDOW + BYTES, 0, rep.rsi, 0xffffffff - BYTES, "REP OUTSB, ESI and ECX");
	vector = try_rep(rep_outsb_a32, garbage | WINDOW, 0, garbage, PORT_NOBODY, 0);
	is(vector == NO_FAULT && (u32)rep.rsi == (u32)WINDOW && !(u32)rep.rcx, 1,
	   "REP OUTSB, ECX 0: nothing");
	rep_selector = SEL_DATA;
	vector = try_rep(rep_outsb_a16, 0x1234fffe, 0, 0x43210004, PORT_NOBODY, 0);
	is(vector, NO_FAULT, "REP OUTSB, SI and CX");
	is(rep.rsi & 0xffffffff, 0x12340002, "SI comes around");
	is(rep.rcx & 0xffffffff, 0x43210000, "CX is 0, what is above stays");
	vector = try_rep(rep_outsb_code32, WINDOW, 0, 0xffffffff, PORT_NOBODY, 0);
	ended_at(vector, WINDOW + BYTES, 0, rep.rsi, 0xffffffff - BYTES,
		 "REP OUTSB in 32-bit code");
}

/* In 32-bit code there are limits; the base of this segment is WINDOW, its limit fffh. */
static void limits(void)
{
	u32 vector;

	window_map(SPARE_RAM, PAGES, PTE_W);
	gdt[SEL_SPARE / 8] =
		0x0040930000000fff | (WINDOW & 0xffffff) << 16 | (WINDOW >> 24 & 0xff) << 56;
	rep_selector = SEL_SPARE;
	vector = try_rep(rep_outsb_code32, 0xff0, 0, 0x1000, PORT_NOBODY, 0);
	/* QEMU's own emulation does not look at limits. */
	if (!tcg_lacks("it does not look at limits", "REP OUTSB: #GP at the segment's end",
		       "its error code is 0", "its index is at the limit", "its count")) {
		is(vector, VECTOR_GP, "REP OUTSB: #GP at the segment's end");
		is(this_vcpu()->fault.error, 0, "its error code is 0");
		is(rep.rsi & 0xffffffff, 0x1000, "its index is at the limit");
		is(rep.rcx & 0xffffffff, 0x1000 - 16, "its count");
	}
	rep_selector = SEL_DATA;
	gdt[SEL_SPARE / 8] = 0;
}

/* Page-table entries that are present and have a reserved bit. */
static void reserved(void)
{
	u32 vector;

	window_map(SPARE_RAM, PAGES, PTE_W);
	window_set(2, SPARE_RAM | PTE_P | PTE_W | BIT(51));
	vector = try_rep(rep_outsb, WINDOW, 0, HUGE, PORT_NOBODY, 0);
	/* QEMU's own emulation has 8 there. */
	ended_at(vector, WINDOW + 2 * PAGE_SIZE, is_tcg() ? 8 : 9, rep.rsi, HUGE - 2 * PAGE_SIZE,
		 "REP OUTSB at a reserved address bit");
	window_set(2, SPARE_RAM | PTE_P | PTE_W | BIT(63)); /* NX without NXE */
	vector = try_rep(rep_insb, 0, WINDOW, HUGE, PORT_NOBODY, 0);
	ended_at(vector, WINDOW + 2 * PAGE_SIZE, is_tcg() ? 0xa : 0xb, rep.rdi,
		 HUGE - 2 * PAGE_SIZE, "REP INSB at NX without NXE");
}

/* Where there is no memory OUTS has ones to send, and what INS gets is lost. */
static void beyond(void)
{
	u64 rflags = 0;
	u32 vector;

	window_map(BIT(38), 2, PTE_W);
	vector = try_rep(rep_outsb, WINDOW, 0, HUGE, PORT_NOBODY, rflags);
	ended_at(vector, WINDOW + 2 * PAGE_SIZE, 0, rep.rsi, HUGE - 2 * PAGE_SIZE,
		 "REP OUTSB of no memory");
	vector = try_rep(rep_insd, 0, WINDOW, HUGE, PORT_NOBODY, rflags);
	ended_at(vector, WINDOW + 2 * PAGE_SIZE, 2, rep.rdi, HUGE - 2 * PAGE_SIZE / 4,
		 "REP INSD into no memory");
}

/* To a port that is there; in loop-back mode nobody outside sees it. */
static void serial(void)
{
	u32 vector;

	fill(SPARE_RAM, BYTES, 0x5555555555555555);
	window_map(SPARE_RAM, 2, 0);
	uart_init();
	outb(PORT_COM1 + MCR, MCR_LOOP);
	vector = try_rep(rep_outsb, WINDOW, 0, HUGE, PORT_COM1, 0);
	inb(PORT_COM1);
	uart_init();
	ended_at(vector, WINDOW + 2 * PAGE_SIZE, 0, rep.rsi, HUGE - 2 * PAGE_SIZE,
		 "REP OUTSB to the serial port");
}

static void interrupted(void)
{
	u32 count = timer_khz() / 2, vector;

	window_map(SPARE_RAM, MANY, 0);
	forget();
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_TIMER_INITIAL, count);
	vector = try_rep(rep_outsd, WINDOW, 0, MANY * PAGE_SIZE / 4, PORT_NOBODY, RFLAGS_IF);
	irq_disable();
	apic_write(APIC_TIMER_INITIAL, 0);
	say("%u interrupts meanwhile", my_hits(VECTOR));
	is(vector == NO_FAULT && !rep.rcx, 1,
	   "REP OUTSD of 256 KB with interrupts on comes to its end");
	ok(my_hits(VECTOR) > 1, "interrupts come meanwhile");
}

void test_strings(void)
{
	box_init();
	forward();
	input();
	backward();
	address_sizes();
	limits();
	reserved();
	beyond();
	serial();
	interrupted();
	window_map(0, 0, 0);
}
