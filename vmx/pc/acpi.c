/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/backing.h"
#include "apic/ioapic.h"
#include "vmx/pc/acpi.h"
#include "vmx/pc/pm.h"
#include "vmx/pc/rtc.h"

#define packed __attribute__((packed))

struct rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem[6];
	u8 revision;
	u32 rsdt, length;
	u64 xsdt;
	u8 checksum_all;
	u8 reserved[3];
} packed;
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 5.1, table 5-27");

struct header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision;
	char creator[4];
	u32 creator_revision;
} packed;
_Static_assert(sizeof(struct header) == 36, "ACPI 5.1, table 5-28");

/* A generic address structure. */
struct address {
	u8 space, bits, offset, access;
	u64 address;
} packed;
#define IN_IO_SPACE 1
#define BY_BYTE 1
#define BY_WORD 2
#define BY_DWORD 3

struct fadt {
	struct header header;
	u32 facs, dsdt;
	u8 model, profile;
	u16 sci;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	u8 pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	u8 gpe0_length, gpe1_length, gpe1_base, cst;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_flags;
	u8 reserved;
	u32 flags;
	struct address reset;
	u8 reset_value;
	u16 arm_boot_flags;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control,
		x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
} packed;
_Static_assert(sizeof(struct fadt) == 268, "ACPI 5.1, table 5-34");
#define LATENCY_NONE 0xfff	 /* more than these states may have: there are none */
#define BOOT_LEGACY_DEVICES 0x01 /* and by bit 1 not set, no keyboard controller */
#define BOOT_NO_VGA 0x04
#define BOOT_NO_MSI 0x08
#define BOOT_NO_ASPM 0x10
#define FADT_WBINVD BIT(0)
#define FADT_C1 BIT(2)
#define FADT_NO_POWER_BUTTON BIT(4) /* no fixed one */
#define FADT_NO_SLEEP_BUTTON BIT(5)
#define FADT_NO_RTC_WAKE BIT(6)
#define FADT_TIMER_32 BIT(8)
#define FADT_RESET BIT(10)

struct facs {
	char signature[4];
	u32 length, hardware, waking, lock, flags;
	u64 x_waking;
	u8 version;
	u8 reserved[31];
} packed;
_Static_assert(sizeof(struct facs) == 64, "ACPI 5.1, table 5-39");

struct madt_lapic {
	u8 type, length, uid, id;
	u32 flags; /* 1: enabled */
} packed;
struct madt_ioapic {
	u8 type, length, id, reserved;
	u32 address, gsi;
} packed;
struct madt_override {
	u8 type, length, bus, irq;
	u32 gsi;
	u16 flags;
} packed;
struct madt_nmi {
	u8 type, length, uid;
	u16 flags;
	u8 lint;
} packed;
_Static_assert(sizeof(struct madt_lapic) == 8 && sizeof(struct madt_ioapic) == 12 &&
		       sizeof(struct madt_override) == 10 && sizeof(struct madt_nmi) == 6,
	       "ACPI 5.1, 5.2.12");
#define FLAGS_HIGH_LEVEL 0xd

struct madt {
	struct header header;
	u32 lapic, flags; /* 1: there are 8259s as well */
	struct madt_ioapic ioapic;
	struct madt_override timer, sci;
	struct madt_nmi nmi;
	struct madt_lapic cpu[MAX_CPUS]; /* as many as there are */
} packed;

#define TABLES 2 /* in the root tables: FADT, MADT */

/* All of it but the DSDT, which is last. */
struct tables {
	struct rsdp rsdp;
	struct {
		struct header header;
		u32 table[TABLES];
	} packed rsdt;
	struct {
		struct header header;
		u64 table[TABLES];
	} packed xsdt;
	struct fadt fadt;
	struct facs facs __attribute__((aligned(ACPI_TABLES_ALIGN)));
	struct madt madt;
	u8 dsdt[] __attribute__((aligned(8)));
};

static u8 sum(const void *p, size_t size)
{
	u8 total = 0;

	for (size_t i = 0; i < size; i++)
		total += ((const u8 *)p)[i];
	return total;
}

static void header(struct header *h, const char *signature, u8 revision, size_t length)
{
	memcpy(h->signature, signature, 4);
	h->length = length;
	h->revision = revision;
	memcpy(h->oem, "INTRLK", 6);
	memcpy(h->oem_table, "INTERLCK", 8);
	h->oem_revision = 1;
	memcpy(h->creator, "ILCK", 4);
	h->creator_revision = 1;
	h->checksum = -sum(h, length);
}

static struct address io(u64 port, u8 bytes, u8 access)
{
	return (struct address){ IN_IO_SPACE, 8 * bytes, 0, access, port };
}

static void fadt(struct fadt *f, u64 facs, u64 dsdt)
{
	f->facs = facs;
	f->dsdt = f->x_dsdt = dsdt;
	f->sci = PM_SCI;
	f->pm1a_event = PM_EVENT;
	f->pm1_event_length = PM_CONTROL - PM_EVENT;
	f->x_pm1a_event = io(PM_EVENT, f->pm1_event_length, BY_WORD);
	f->pm1a_control = PM_CONTROL;
	f->pm1_control_length = 2;
	f->x_pm1a_control = io(PM_CONTROL, f->pm1_control_length, BY_WORD);
	f->pm_timer = PM_TIMER;
	f->pm_timer_length = PM_END - PM_TIMER;
	f->x_pm_timer = io(PM_TIMER, f->pm_timer_length, BY_DWORD);
	f->c2_latency = f->c3_latency = LATENCY_NONE;
	f->century = RTC_CENTURY;
	f->boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_MSI | BOOT_NO_ASPM;
	f->flags = FADT_WBINVD | FADT_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
		   FADT_NO_RTC_WAKE | FADT_TIMER_32 | FADT_RESET;
	f->reset = io(RESET_CONTROL, 1, BY_BYTE);
	f->reset_value = RESET_CONTROL_HARD;
	f->minor = 1;
	header(&f->header, "FACP", 5, sizeof(*f));
}

static void madt(struct madt *m, unsigned cpus)
{
	m->lapic = APIC_ACCESS_GPA;
	m->flags = 1;
	m->ioapic = (struct madt_ioapic){ 1, sizeof(m->ioapic), 0, 0, IOAPIC_GPA, 0 };
	m->timer = (struct madt_override){ 2, sizeof(m->timer), 0, 0, 2, 0 };
	m->sci = (struct madt_override){ 2, sizeof(m->sci), 0, PM_SCI, PM_SCI, FLAGS_HIGH_LEVEL };
	m->nmi = (struct madt_nmi){ 4, sizeof(m->nmi), 0xff, 0, 1 }; /* LINT1 of all CPUs */
	for (unsigned i = 0; i < cpus; i++)
		m->cpu[i] = (struct madt_lapic){ 0, sizeof(m->cpu[i]), i, i, 1 };
	header(&m->header, "APIC", 3, offsetof(struct madt, cpu[cpus]));
}

long acpi_tables(void *buf, size_t size, u64 gpa, const struct acpi_config *c)
{
	struct tables *t = buf;
	const u64 at_fadt = gpa + offsetof(struct tables, fadt),
		  at_madt = gpa + offsetof(struct tables, madt);

	if (!c->cpus || c->cpus > MAX_CPUS || gpa % ACPI_TABLES_ALIGN || gpa > UINT32_MAX ||
	    size < sizeof(*t) || size - sizeof(*t) < c->dsdt_size ||
	    gpa + sizeof(*t) + c->dsdt_size > UINT32_MAX)
		return -EINVAL;
	memset(t, 0, sizeof(*t));
	memcpy(t->dsdt, c->dsdt, c->dsdt_size);
	madt(&t->madt, c->cpus);
	memcpy(t->facs.signature, "FACS", 4);
	t->facs.length = sizeof(t->facs);
	t->facs.version = 2;
	fadt(&t->fadt, gpa + offsetof(struct tables, facs), gpa + offsetof(struct tables, dsdt));

	t->rsdt.table[0] = t->xsdt.table[0] = at_fadt;
	t->rsdt.table[1] = t->xsdt.table[1] = at_madt;
	header(&t->rsdt.header, "RSDT", 1, sizeof(t->rsdt));
	header(&t->xsdt.header, "XSDT", 1, sizeof(t->xsdt));

	memcpy(t->rsdp.signature, "RSD PTR ", 8);
	memcpy(t->rsdp.oem, "INTRLK", 6);
	t->rsdp.revision = 2;
	t->rsdp.rsdt = gpa + offsetof(struct tables, rsdt);
	t->rsdp.length = sizeof(t->rsdp);
	t->rsdp.xsdt = gpa + offsetof(struct tables, xsdt);
	t->rsdp.checksum = -sum(&t->rsdp, 20);
	t->rsdp.checksum_all = -sum(&t->rsdp, sizeof(t->rsdp));
	return offsetof(struct tables, dsdt) + c->dsdt_size;
}
