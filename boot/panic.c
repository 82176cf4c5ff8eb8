/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A broken invariant, or an exception in the hypervisor: everything is stopped and told. */
#include "boot/panic.h"
#include "apic/lapic.h"
#include "boot/format.h"
#include "boot/image.h"
#include "boot/power.h"
#include "boot/smp.h"
#include "mm/x86.h"

u32 panicking;

static u32 depth;	  /* panics within the panic */
static const void *owner; /* the struct cpu that panics, or &owner while there is none */

enum { STOP_WAIT_US = 200000, MAX_FRAMES = 24, TRACE_TAIL = 8, FIRMWARE_STACK = 16384 };

/* vmx/: the VMCS that is loaded on this CPU; prints nothing when none is. */
extern void vmx_dump(void);

static const void *me(void)
{
	return percpu_ready ? (const void *)this_cpu() : (const void *)&owner;
}

bool panic_is_mine(void)
{
	return __atomic_load_n(&panicking, __ATOMIC_RELAXED) && owner == me();
}

const char *symbol_at(u64 address, u32 *offset)
{
	u32 low = 0, high = symbol_count, at;

	if (address < (u64)text_start || address >= (u64)text_end || !symbol_count)
		return NULL;
	at = (u32)(address - (u64)ImageBase);
	while (high - low > 1) {
		u32 mid = low + (high - low) / 2;

		if (symbols[mid].offset <= at)
			low = mid;
		else
			high = mid;
	}
	if (symbols[low].offset > at)
		return NULL;
	*offset = at - symbols[low].offset;
	return symbol_names + symbols[low].name;
}

static void print_address(const char *label, u64 address)
{
	u32 offset;
	const char *name = symbol_at(address, &offset);

	if (name)
		printk("  %s 0x%016lx  %s+0x%x\n", label, address, name, offset);
	else
		printk("  %s 0x%016lx\n", label, address);
}

/* Is there something to read? Before there are stacks of ours, the firmware's is taken to go on for
 * a while. */
static bool on_stack(u64 address)
{
	u64 here = (u64)__builtin_frame_address(0);

	if (percpu_ready)
		return smp_on_stack(address);
	return address % 8 == 0 && address >= here && address - here < FIRMWARE_STACK;
}

/* Follows the frame pointers; each must lie in a stack of ours and above the one before. */
static void print_backtrace(const struct trap_regs *r)
{
	u64 rbp = r->rbp;

	print_address("at  ", r->rip);
	/* A call to where no code is has made no frame: the return address is on top. */
	if ((r->rip < (u64)text_start || r->rip >= (u64)text_end) && on_stack(r->rsp))
		print_address("from", *(const u64 *)r->rsp - 1);
	for (int i = 0; i < MAX_FRAMES && on_stack(rbp) && on_stack(rbp + 8); i++) {
		const u64 *frame = (const u64 *)rbp;

		if (!frame[1])
			break;
		/* One less: the call, not what follows it, which may be another function. */
		print_address("from", frame[1] - 1);
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
}

static void print_regs(const struct trap_regs *r)
{
	const struct {
		const char *name;
		u64 value;
	} list[] = {
		{ "rax", r->rax },     { "rbx", r->rbx },     { "rcx", r->rcx },
		{ "rdx", r->rdx },     { "rsi", r->rsi },     { "rdi", r->rdi },
		{ "rbp", r->rbp },     { "rsp", r->rsp },     { "r8", r->r8 },
		{ "r9", r->r9 },       { "r10", r->r10 },     { "r11", r->r11 },
		{ "r12", r->r12 },     { "r13", r->r13 },     { "r14", r->r14 },
		{ "r15", r->r15 },     { "rip", r->rip },     { "rfl", r->rflags },
		{ "cs", r->cs },       { "ss", r->ss },	      { "cr0", read_cr0() },
		{ "cr2", read_cr2() }, { "cr3", read_cr3() }, { "cr4", read_cr4() },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
		printk("  %-3s %016lx%s", list[i].name, list[i].value, i % 4 == 3 ? "\n" : "");
}

/* Stops every other CPU by NMI; one that does not answer within the bound is named later, not
 * waited for. */
static void stop_others(void)
{
	u64 start = rdtsc(), ticks = smp_ticks(STOP_WAIT_US);
	bool all = false;

	if (ncpus < 2)
		return;
	lapic_nmi_others();
	while (!all && rdtsc() - start < ticks) {
		all = true;
		for (unsigned i = 0; i < ncpus; i++)
			if (cpus[i] != owner &&
			    !__atomic_load_n(&percpu_of(cpus[i])->stopped, __ATOMIC_ACQUIRE))
				all = false;
	}
}

static void print_others(void)
{
	for (unsigned i = 0; i < ncpus; i++) {
		const struct trap_regs *r =
			__atomic_load_n(&percpu_of(cpus[i])->stopped, __ATOMIC_ACQUIRE);

		if (cpus[i] == owner)
			continue;
		if (!r) {
			printk("CPU %u (APIC id %u): does not answer the NMI\n", i,
			       cpus[i]->apic_id);
			continue;
		}
		printk("CPU %u (APIC id %u): rsp %016lx rfl %016lx\n", i, cpus[i]->apic_id, r->rsp,
		       r->rflags);
		print_backtrace(r);
	}
}

static _Noreturn void halt(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

_Noreturn void panic_stop(const struct trap_regs *regs)
{
	__atomic_store_n(&percpu_of(this_cpu())->stopped, regs, __ATOMIC_RELEASE);
	halt();
}

/* The whole report, for the CPU whose registers are REGS. */
static _Noreturn void report(const char *text, const struct trap_regs *regs)
{
	irq_disable();
	if (__atomic_exchange_n(&panicking, 1, __ATOMIC_ACQ_REL)) {
		if (!panic_is_mine())
			panic_stop(regs); /* two at once: the first one tells */
		if (depth++)
			halt();
		printk("\npanic within the panic: %s\n", text);
		print_address("at  ", regs->rip);
		finish(EXIT_OTHER);
	}
	owner = me();
	stop_others();

	printk("\nPANIC: %s\n", text);
	if (percpu_ready)
		printk("CPU %u (APIC id %u), %u CPUs up:\n", this_cpu()->index, this_cpu()->apic_id,
		       ncpus);
	print_regs(regs);
	print_backtrace(regs);
	if (percpu_ready)
		vmx_dump();
	print_others();
	if (percpu_ready) {
		printk("trace, the last %d events of each CPU, by time:\n", TRACE_TAIL);
		trace_print(TRACE_TAIL);
	}
	report_error("panic", EXIT_OTHER, text);
	finish(EXIT_OTHER);
}

_Noreturn void panic(const char *fmt, ...)
{
	struct trap_regs regs;
	char text[320];
	va_list args;

	capture_regs(&regs);
	va_start(args, fmt);
	vformat(text, sizeof(text), fmt, args);
	va_end(args);
	report(text, &regs);
}

_Noreturn void exception(const struct trap_regs *regs)
{
	/* clang-format off */
	static const char *const names[] = {
		"#DE divide error", "#DB debug", "NMI", "#BP breakpoint", "#OF overflow",
		"#BR bound range", "#UD invalid opcode", "#NM no FPU", "#DF double fault",
		"coprocessor overrun", "#TS invalid TSS", "#NP segment not present",
		"#SS stack fault", "#GP general protection", "#PF page fault", "reserved",
		"#MF x87 error", "#AC alignment check", "#MC machine check", "#XM SIMD error",
		"#VE virtualization exception", "#CP control protection",
	};
	/* clang-format on */
	char text[160];

	if (regs->vector == 14)
		format(text, sizeof(text), "exception %s, error code 0x%lx, address 0x%lx",
		       names[14], regs->error, read_cr2());
	else
		format(text, sizeof(text), "exception %s, vector %lu, error code 0x%lx",
		       regs->vector < ARRAY_SIZE(names) ? names[regs->vector] : "reserved",
		       regs->vector, regs->error);
	report(text, regs);
}

void interrupt_taken(u8 vector)
{
	lapic_interrupt(vector);
}
