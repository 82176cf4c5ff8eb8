/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/guest.h"
#include "vmx/pc/pc.h"

#define POLL_US 20u
#define FLUSH_US 200000u /* a line without its end is shown after that: a prompt */
#define EDGES_MAX 16u	 /* of the PIT's, that are late */
#define EDGE_NS 200000u	 /* between two of them */
#define UNIX_2026 1767225600ul

enum { IRQ_PIT = 0 };

/* In nanoseconds. */
static u64 now(const struct guest *g)
{
	u64 ticks = rdtsc() - g->pc.start;

	return ticks / g->ticks_per_us * 1000 + ticks % g->ticks_per_us * 1000 / g->ticks_per_us;
}

void pc_reset(struct guest *g)
{
	u64 ram = g->backing.ram_pages << PAGE_SHIFT;
	struct pc *pc = &g->pc;

	*pc = (struct pc){ .start = rdtsc() };
	ioapic_reset(&pc->ioapic);
	pic_reset(&pc->pic);
	pic_write(&pc->pic, PIC_MASTER_DATA, 0xff); /* all masked, as firmware leaves it */
	pic_write(&pc->pic, PIC_SLAVE_DATA, 0xff);
	pit_reset(&pc->pit);
	rtc_reset(&pc->rtc, UNIX_2026, ram);
	uart_reset(&pc->uart);
	pm_reset(&pc->pm);
	fwcfg_reset(&pc->fwcfg, ram, (u16)g->nvcpus);
}

/* ---- lines and interrupts ------------------------------------------------------------------------ */

static struct guest *guest_of(struct pc *pc)
{
	return (struct guest *)((char *)pc - offsetof(struct guest, pc));
}

void ioapic_send(struct ioapic *io, const struct apic_message *m)
{
	struct guest *g = guest_of((struct pc *)((char *)io - offsetof(struct pc, ioapic)));

	vlapic_message(g->lapics, g->nvcpus, NULL, m);
}

/* IRQ 0 is the I/O APIC's pin 2, as the MADT says; the others are wired straight through. */
static void set_line(struct pc *pc, unsigned irq, bool asserted)
{
	if (!(pc->lines & 1u << irq) == !asserted)
		return;
	pc->lines ^= 1u << irq;
	pic_line(&pc->pic, irq, asserted);
	ioapic_line(&pc->ioapic, irq == IRQ_PIT ? 2 : irq, asserted);
}

/* The devices that know the time: raises what is due by now. Lock held. */
static void settle_clocks(struct guest *g)
{
	struct pc *pc = &g->pc;
	u64 t = now(g);

	/* Edges that fell due meanwhile come one at a time: who counts them keeps the time. */
	pc->edges += pit_edges(&pc->pit, t);
	pc->edges = MIN(pc->edges, EDGES_MAX);
	if (pc->edges && t - pc->edge_at >= EDGE_NS) {
		pc->edges--;
		pc->edge_at = t;
		set_line(pc, IRQ_PIT, false);
		set_line(pc, IRQ_PIT, true);
	}
	set_line(pc, IRQ_PIT, pit_out(&pc->pit, 0, t));
	rtc_tick(&pc->rtc, t);
	set_line(pc, RTC_IRQ, rtc_irq(&pc->rtc));
	set_line(pc, PM_SCI, pm_sci(&pc->pm, t));
}

/* After an access: tells the interrupt controllers, and those vCPU 0. Lock held. */
static void settle(struct guest *g)
{
	struct pc *pc = &g->pc;

	set_line(pc, UART_COM1_IRQ, uart_irq(&pc->uart));
	if (pic_output(&pc->pic) == pc->intr)
		return;
	__atomic_store_n(&pc->intr, !pc->intr, __ATOMIC_RELEASE);
	vlapic_lint(g->lapics[0], 0, pc->intr);
}

static bool has_clock(u16 port)
{
	return port == RTC_PORT || port == RTC_DATA ||
	       (port >= PIT_CHANNEL0 && port <= PIT_CONTROL) || (port >= PM_EVENT && port < PM_END);
}

bool pic_waits(struct vcpu *v)
{
	return v->gate.id == 0 && __atomic_load_n(&v->guest->pc.intr, __ATOMIC_ACQUIRE);
}

int pic_accept(struct vcpu *v)
{
	struct guest *g = v->guest;
	int vector = -1;

	lock(&g->pc.lock);
	if (g->pc.intr)
		vector = pic_acknowledge(&g->pc.pic);
	settle(g);
	unlock(&g->pc.lock);
	return vector;
}

void vlapic_level_ended(struct vlapic *l, u8 vector)
{
	struct guest *g = vcpu_of_lapic(l)->guest;

	lock(&g->pc.lock);
	ioapic_eoi(&g->pc.ioapic, vector);
	unlock(&g->pc.lock);
}

/* ---- the serial port's other end ----------------------------------------------------------------- */

static void show_line(struct guest *g)
{
	struct pc *pc = &g->pc;

	pc->line[pc->line_length] = 0;
	pc->lines_shown++;
	if (pc->line_length)
		print_later("[guest %u] %s\n", g->id, pc->line);
	pc->line_length = 0;
}

/* What is no printable character is shown as '?', but for the ends of lines. */
static void show(struct guest *g, char c)
{
	struct pc *pc = &g->pc;

	if (c == '\n' || pc->line_length == sizeof(pc->line) - 1)
		show_line(g);
	if (c == '\n' || c == '\r')
		return;
	pc->line[pc->line_length++] = c >= ' ' && c <= '~' ? c : '?';
	pc->written = rdtsc();
}

bool pc_receive(struct guest *g, u8 byte)
{
	bool taken;

	lock(&g->pc.lock);
	taken = uart_receive(&g->pc.uart, byte);
	settle(g);
	unlock(&g->pc.lock);
	return taken;
}

void pc_poll(struct guest *g)
{
	struct pc *pc = &g->pc;

	if (rdtsc() - pc->polled < POLL_US * g->ticks_per_us)
		return;
	lock(&pc->lock);
	settle_clocks(g);
	settle(g);
	pc->polled = rdtsc();
	if (pc->line_length && pc->polled - pc->written > (u64)FLUSH_US * g->ticks_per_us)
		show_line(g);
	unlock(&pc->lock);
}

/* ---- ports --------------------------------------------------------------------------------------- */

/* An access of a byte; wider ones are several, as on the ISA bus. */
static u8 in_byte(struct guest *g, u16 port)
{
	struct pc *pc = &g->pc;

	switch (port) {
	case PIC_MASTER_COMMAND ... PIC_MASTER_DATA:
	case PIC_SLAVE_COMMAND ... PIC_SLAVE_DATA:
	case PIC_MASTER_ELCR ... PIC_SLAVE_ELCR:
		return pic_read(&pc->pic, port);
	case PIT_CHANNEL0 ... PIT_CONTROL:
	case PIT_PORT_B:
		return pit_read(&pc->pit, port, now(g));
	case RTC_PORT ... RTC_DATA:
		return rtc_read(&pc->rtc, port, now(g));
	case UART_COM1 ... UART_COM1 + 7:
		return uart_read(&pc->uart, port - UART_COM1);
	case FWCFG_DATA:
		return fwcfg_data(&pc->fwcfg);
	case PCI_DATA ... PCI_DATA + 3:
		return pci_data(&pc->pci, port - PCI_DATA);
	}
	return 0xff;
}

static void out_byte(struct guest *g, u16 port, u8 value)
{
	struct pc *pc = &g->pc;
	int sent;

	switch (port) {
	case PIC_MASTER_COMMAND ... PIC_MASTER_DATA:
	case PIC_SLAVE_COMMAND ... PIC_SLAVE_DATA:
	case PIC_MASTER_ELCR ... PIC_SLAVE_ELCR:
		pic_write(&pc->pic, port, value);
		break;
	case PIT_CHANNEL0 ... PIT_CONTROL:
	case PIT_PORT_B:
		pit_write(&pc->pit, port, value, now(g));
		break;
	case RTC_PORT ... RTC_DATA:
		rtc_write(&pc->rtc, port, value, now(g));
		break;
	case UART_COM1 ... UART_COM1 + 7:
		uart_write(&pc->uart, port - UART_COM1, value);
		sent = uart_sent(&pc->uart);
		if (sent >= 0)
			show(g, (char)sent);
		break;
	}
}

static bool is_pm(u16 port)
{
	return (port >= PM_EVENT && port < PM_END) || port == RESET_CONTROL ||
	       port == RESET_KEYBOARD || port == RESET_PORT_A || port == EXIT_PORT;
}

/* Most ports are nobody's: those take no lock. */
static bool is_nobodys(u16 port, unsigned size)
{
	static const struct {
		u16 first, last;
	} devices[] = {
		{ PIC_MASTER_COMMAND, EXIT_PORT },
		{ UART_COM1, UART_COM1 + 7 },
		{ PIC_MASTER_ELCR, PIC_SLAVE_ELCR },
		{ FWCFG_SELECT, FWCFG_DATA },
		{ PM_EVENT, PM_END - 1 },
		{ PCI_ADDRESS, PCI_DATA + 3 }, /* and RESET_CONTROL */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		if (port + size > devices[i].first && port <= devices[i].last)
			return false;
	return true;
}

u32 pc_in(struct vcpu *v, u16 port, unsigned size)
{
	struct guest *g = v->guest;
	u32 value = 0;

	if (is_nobodys(port, size))
		return 0xffffffff >> (32 - 8 * size);
	lock(&g->pc.lock);
	if (is_pm(port))
		value = pm_read(&g->pc.pm, port, size, now(g));
	else if (port == PCI_ADDRESS && size == 4)
		value = g->pc.pci.address;
	else
		for (unsigned i = 0; i < size; i++)
			value |= (u32)in_byte(g, (u16)(port + i)) << 8 * i;
	if (has_clock(port))
		settle_clocks(g);
	settle(g);
	unlock(&g->pc.lock);
	return value;
}

/* What the guest has asked of its power button. */
static void see_to_power(struct vcpu *v)
{
	struct guest *g = v->guest;
	struct pm *pm = &g->pc.pm;

	if (pm->exited)
		guest_exit(g, pm->exit_value);
	else if (pm->off)
		guest_exit(g, 0);
	else if (pm->reset)
		guest_stop(g, "vCPU %u reset the machine, at RIP %lx", v->gate.id,
			   vmread(GUEST_RIP));
}

void pc_out(struct vcpu *v, u16 port, unsigned size, u32 value)
{
	struct guest *g = v->guest;

	if (is_nobodys(port, size))
		return;
	lock(&g->pc.lock);
	if (is_pm(port))
		pm_write(&g->pc.pm, port, size, value, now(g));
	else if (port == FWCFG_SELECT && size == 2)
		fwcfg_select(&g->pc.fwcfg, (u16)value);
	else if (port == PCI_ADDRESS && size == 4)
		g->pc.pci.address = value;
	else
		for (unsigned i = 0; i < size; i++)
			out_byte(g, (u16)(port + i), (u8)(value >> 8 * i));
	if (has_clock(port))
		settle_clocks(g);
	settle(g);
	unlock(&g->pc.lock);
	if (is_pm(port))
		see_to_power(v);
}

/* ---- memory -------------------------------------------------------------------------------------- */

static u64 read_ioapic(struct vcpu *v, u64 offset, unsigned size)
{
	struct guest *g = v->guest;
	u32 value;

	lock(&g->pc.lock);
	value = ioapic_read(&g->pc.ioapic, (u32)offset & ~3u);
	unlock(&g->pc.lock);
	return value >> 8 * (offset & 3) & (size < 4 ? BIT(8 * size) - 1 : 0xffffffff);
}

static void write_ioapic(struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	struct guest *g = v->guest;

	if (size != 4 || (offset & 3)) /* KVM does so, too */
		return;
	lock(&g->pc.lock);
	ioapic_write(&g->pc.ioapic, (u32)offset, (u32)value);
	unlock(&g->pc.lock);
}

const struct mmio *mmio_find(struct vcpu *v, u64 gpa)
{
	static const struct mmio ioapic = { IOAPIC_GPA, read_ioapic, write_ioapic };

	(void)v;
	return gpa >> PAGE_SHIFT == IOAPIC_GPA >> PAGE_SHIFT ? &ioapic : &mmio_absent;
}
