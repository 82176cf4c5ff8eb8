/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hw.elf: a multiboot kernel that checks a PC's interrupt hardware from the inside, against the SDM
 * and the datasheets, and reports TAP on the first serial port. Any PC with a local APIC may run it:
 * under Interlock and under QEMU the same points must pass.
 */
#ifndef TESTS_GUESTS_HW_HW_H
#define TESTS_GUESTS_HW_HW_H

#include <stdarg.h>

#include "tests/guests/rt.h"

/* boot/format.c's, which mm/host.h declares beside selectors that are not ours. Returns the length. */
__attribute__((format(printf, 3, 4))) int format(char *buf, size_t size, const char *fmt, ...);
__attribute__((format(printf, 3, 0))) int vformat(char *buf, size_t size, const char *fmt,
						  va_list args);

/* ---- test points: tap.c ---- */

/* One test point. The name must not hold what was measured, so that two machines' points compare. */
__attribute__((format(printf, 2, 3))) void ok(bool good, const char *fmt, ...);
/* One point; shows both values when they differ. */
__attribute__((format(printf, 3, 4))) void is(u64 got, u64 wanted, const char *fmt, ...);
/* One point: MEASURE(arg) is within PERCENT of WANTED. A CPU may be held up while it measures, so the
 * best of TRIES counts. */
#define TRIES 10
__attribute__((format(printf, 5, 6))) void near(u64 (*measure)(u64 arg), u64 arg, u64 wanted,
						u32 percent, const char *fmt, ...);
/* A point that this machine cannot have. */
__attribute__((format(printf, 2, 3))) void skip(const char *why, const char *fmt, ...);
/* QEMU's own emulation: true there. */
bool is_tcg(void);
/* It departs from the SDM here and there: true there, with the points named skipped.
 */
#define tcg_lacks(why, ...) tcg_lacks_(why, (const char *const[]){ __VA_ARGS__, NULL })
bool tcg_lacks_(const char *why, const char *const *points);
/* A comment line. */
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);
/* Ends with the plan and the machine's exit, 0 when no point failed. */
_Noreturn void finish(void);
/* What no point can follow. */
__attribute__((format(printf, 1, 2))) _Noreturn void bail_out(const char *fmt, ...);

/* ---- time: clock.c ---- */

extern u64 tsc_khz; /* measured against the PIT */
/* Measures it. Returns false when the PIT does not count. */
bool clock_init(void);
static inline u64 ticks_of(u64 us)
{
	return us * tsc_khz / 1000;
}
/* What COUNTER(arg) counts in a second, by the TSC; it wraps at MASK. It counts upward. */
u64 rate_of(u64 (*counter)(u64 arg), u64 arg, u64 mask);
/* Spins for US microseconds with interrupts off, or taking them. */
void pause_us(u64 us);
void open_us(u64 us);

/* True once CONDITION holds, false when it did not within MS milliseconds. Interrupts are taken
 * meanwhile by until(), and stay off with until_closed(). */
#define until(ms, condition) until_(ms, condition, irq_window())
#define until_closed(ms, condition) until_(ms, condition, cpu_relax())
#define until_(ms, condition, pass)                                                                \
	({                                                                                         \
		u64 start_ = rdtsc();                                                              \
		bool in_time_, true_;                                                              \
		do {                                                                               \
			pass;                                                                      \
			in_time_ = rdtsc() - start_ < ticks_of((ms)*1000ull);                      \
			true_ = (condition);                                                       \
		} while (!true_ && in_time_);                                                      \
		true_;                                                                             \
	})
#define BOUND_MS 500 /* for what should come at once: a CPU may be held up for long */
/* Is the wait for what must not come. */
#define QUIET_US 2000

/* ---- interrupts and CPUs: rt.c ---- */

/* Vectors under test are 0x40 to 0xef. */
#define VECTOR_NMI 2
#define VECTOR_GP 13
#define VECTOR_WAKE 0x20 /* a CPU looks for something to do */
#define VECTOR_PIC 0x30	 /* to 0x3f */

/* Interrupts taken by each CPU since forget(). */
extern volatile u32 hits[MAX_CPUS][256];
/* The last ones that the CPU which booted took, in order. */
#define TAKEN 64
extern volatile struct taken {
	u64 tsc;
	u8 vector;
} taken[TAKEN];
extern volatile u32 ntaken;
void forget(void);
/* Microseconds between the interrupts that it takes from now on: the median of a few, for some may be
 * late and, while the CPU is held up, some may be lost. 0 when they do not come. */
#define INTERVALS 9
u64 interval_us(void);
/* Vectors taken in order, the first in the highest byte. */
u64 order_taken(void);

/* What the exception that rt_try() caught last found. */
extern struct frame caught;
/* Has programs at CPL 3 reach VECTOR by INT. */
void rt_user_gate(u8 vector);

/* The index of the CPU that booted, which is also its APIC id. */
extern u32 bsp;
#define my_hits(vector) hits[bsp][vector]

/* The end of the interrupt in service on this CPU, in the mode its APIC is in. */
void eoi(void);
/* As rt.h has it: a vector without a handler is counted and ended. */

/* Has a CPU that idles run fn(arg), with interrupts off. start_call() does not wait; false: it does
 * not answer. */
void start_call(u32 cpu, void (*fn)(void *), void *arg);
bool end_call(u32 cpu);
bool call(u32 cpu, void (*fn)(void *), void *arg);
/* The same on every CPU, this one last. */
void call_all(void (*fn)(void *), void *arg);

/* Copies the start-up code to PAGE (below 1 MB). */
void put_trampoline(u32 page);
#define TRAMPOLINE 0x8
#define TRAMPOLINE_OTHER 0x3
/* INIT, then two SIPIs, to all CPUs of the MADT but this one. */
void start_cpus(void);
/* What a CPU's APIC held when the SIPI had started it. */
struct reset_state {
	u32 id, svr, tpr, ldr, dfr, lvt_timer, lvt_lint0, lvt_lint1, lvt_error, initial, base;
	u32 page; /* which the SIPI named */
};
extern struct reset_state reset_of[MAX_CPUS];
void read_reset_state(struct reset_state *s);

/* The local APIC of this CPU enabled, flat, LVT entries masked, TPR 0. */
void apic_setup(void *unused);
/* Brings everything that interrupts to a known, quiet state. Interrupts off. */
void quiet(void);

/* ---- the local APIC: what rt.h has not ---- */

enum {
	APIC_APR = 0x90,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERF = 0x340,
	APIC_LVT_ERROR = 0x370,
};
#define ICR_LOWEST (1u << 8)
#define ICR_NMI (4u << 8)
#define ICR_ASSERT BIT(14)
#define LVT_NMI (4u << 8)
#define LVT_EXTINT (7u << 8)
#define LVT_DEADLINE BIT(18)
#define APIC_ESR_SEND_ILLEGAL BIT(5)
#define APIC_ESR_REGISTER BIT(7)
#define MSR_TSC_DEADLINE 0x6e0

/* A vector's bit in IRR, ISR or TMR. */
bool apic_bit(u32 reg, u8 vector);
static inline void send_self(u8 vector)
{
	apic_write(APIC_ICR, ICR_FIXED | ICR_SELF | vector);
}
static inline u64 read_cr8(void)
{
	u64 v;

	asm volatile("mov %%cr8, %0" : "=r"(v) : : "memory");
	return v;
}
static inline void write_cr8(u64 v)
{
	asm volatile("mov %0, %%cr8" : : "r"(v) : "memory");
}
/* True when this CPU's interrupts may be taken by CPUs of MASK and are, each once, by no other: the
 * mask of those that took one; of those that took more, too, 8 bits higher. */
u32 reached_by(u8 vector, u32 expected, void (*send)(u32 dest, u32 command), u32 dest, u32 command);
/* True when some CPU takes VECTOR and none takes another one. */
bool one_took(u8 vector);
/* All CPUs that run, as a mask. */
u32 all_cpus(void);
u32 timer_khz(void); /* counts of the APIC timer at divide by 1 */

/* ---- the PC ---- */

#define PIT_HZ 1193182u
enum port {
	PORT_PIC = 0x20,
	PORT_PIC_SLAVE = 0xa0,
	PORT_PIT = 0x40,
	PORT_PIT_COMMAND = 0x43,
	PORT_SPEAKER = 0x61, /* bit 0: gate of channel 2; bit 5: its output */
	PORT_RTC = 0x70,
	PORT_RTC_DATA = 0x71,
	PORT_EXIT = 0xf4,
	PORT_COM1 = 0x3f8,
	PORT_FW_CFG = 0x510,
	PORT_FW_CFG_DATA = 0x511,
};

void pit_set(u32 channel, u32 mode, u16 count);
u16 pit_latch(u32 channel);
/* One interrupt request on IRQ 0 after US microseconds. */
void pit_one_shot(u32 us);

#define PIC_EOI 0x20
void pic_init(void);
/* Bit n set: IRQ n is masked. */
void pic_mask(u16 mask);
/* Lets IRQS (bit n: IRQ n) interrupt this CPU; each is counted and ended. */
void pic_open(u16 irqs);
u8 pic_irr(u16 port);
u8 pic_isr(u16 port);

u8 rtc_read(u8 reg);
void rtc_write(u8 reg, u8 value);
enum {
	RTC_A = 10,
	RTC_B = 11,
	RTC_C = 12,
	RTC_D = 13,
	RTC_RATE_256 = 0x28,
	RTC_SET = 0x80,
	RTC_PIE = 0x40,
	RTC_AIE = 0x20,
	RTC_UIE = 0x10,
	RTC_24H = 0x02,
};

/* The UART has one interrupt that comes by itself: the transmitter is empty. ON: asked for. */
void uart_thre_irq(bool on);
u8 uart_iir(void);
void uart_init(void);
#define IIR_THRE 0x2

/* I/O APIC. */
#define IOAPIC_ID 0
#define IOAPIC_VERSION 1
#define IOAPIC_ENTRY 0x10
#define IOAPIC_MASKED BIT(16)
#define IOAPIC_LEVEL BIT(15)
#define IOAPIC_REMOTE_IRR BIT(14)
#define IOAPIC_LOGICAL BIT(11)
u32 ioapic_read(u32 reg);
void ioapic_write(u32 reg, u32 value);
/* The entry of PIN: LOW as in the datasheet, to DEST. */
void ioapic_route(u32 pin, u32 low, u8 dest);
u32 ioapic_pins(void);

/* What ACPI says of the machine, with a PC's usual values where it says nothing. */
extern struct machine {
	u32 cpus, apic_ids[MAX_CPUS]; /* enabled ones with an id below MAX_CPUS */
	u64 ioapic;
	u32 timer_pin; /* of IRQ 0 */
	u16 pm_timer;  /* port, or 0 */
	bool pm_timer_32;
} machine;
void acpi_find(void);
/* Powers off as ACPI has it. Returns when that is not possible. */
void acpi_power_off(void);

/* start.asm's; for who changes them. Linear is physical below 1 GB and at the APICs. */
extern u64 gdt[], pml4[];
#define SEL_DATA 0x10
#define SEL_USER_DATA 0xab
#define SEL_USER_CODE64 0xb3
#define SEL_SPARE 0xb8 /* a null descriptor */
_Static_assert(SEL_TSS + 16 * MAX_CPUS + 3 == SEL_USER_DATA, "they follow the TSSs");

extern u32 multiboot_magic, multiboot_info;
extern u32 memory_upper; /* KB from 1 MB, as multiboot has it */

/* ---- the tests ---- */

/* Each kernel's own, in the order in which they run. One that is ALONE runs only when it is named. */
extern const struct test {
	const char *name;
	void (*run)(void);
	bool alone;
} tests[];
extern const u32 ntests;

void test_lapic(void);
void test_timer(void);
void test_ipi(void);
void test_x2apic(void);
void test_ioapic(void);
void test_pic(void);
void test_pit(void);
void test_rtc(void);
void test_uart(void);
void test_acpi(void);
void test_forms(void);
void test_misc(void);

#endif
