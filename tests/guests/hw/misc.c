/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What CPUID, MSRs and fw_cfg say, held against each other. */
#include "tests/guests/hw/hw.h"

#define FW_SIGNATURE 0
#define FW_RAM_SIZE 3
#define FW_CPUS 5
#define MSR_ABSENT 0xdeadbeef
#define LEAF_TOPOLOGY 0xb
#define LEAF_TSC 0x15
#define LEAF_HYPERVISOR 0x40000000
#define LEAF_CLOCKS 0x40000010

struct ids {
	u32 leaf1, topology, apic, features;
	u64 tsc;
	bool has_topology;
};

static void read_ids(void *at)
{
	*(struct ids *)at = (struct ids){
		.leaf1 = cpuid(1, 0).ebx >> 24,
		.topology = cpuid(LEAF_TOPOLOGY, 0).edx,
		.apic = apic_read(APIC_ID) >> 24,
		.features = cpuid(1, 0).edx,
		.tsc = rdtsc(),
		.has_topology = cpuid(0, 0).eax >= LEAF_TOPOLOGY && cpuid(LEAF_TOPOLOGY, 0).ebx,
	};
}

static void cpuids(void)
{
	struct ids ids = { 0 };

	for (u32 i = 0; i < MAX_CPUS; i++) {
		if (!(all_cpus() & BIT(i)))
			continue;
		if (i == bsp)
			read_ids(&ids);
		else
			call(i, read_ids, &ids);
		is(ids.leaf1, ids.apic, "CPUID leaf 1 has the APIC id of CPU %u", i);
		is(ids.features & (BIT(9) | BIT(5) | BIT(4)), BIT(9) | BIT(5) | BIT(4),
		   "CPUID leaf 1 of CPU %u: APIC, MSR, TSC", i);
		if (ids.has_topology)
			is(ids.topology, ids.apic, "CPUID leaf 0Bh has the APIC id of CPU %u", i);
		else
			skip("there is no such leaf", "CPUID leaf 0Bh of CPU %u", i);
	}
}

static u64 measured_khz(u64 unused)
{
	(void)unused;
	clock_init();
	return tsc_khz;
}

static u64 counts_khz(u64 unused)
{
	(void)unused;
	return timer_khz();
}

static void frequencies(void)
{
	struct cpuid r = { 0 };

	if (cpuid(0, 0).eax >= LEAF_TSC)
		r = cpuid(LEAF_TSC, 0);
	if (r.eax && r.ebx && r.ecx) {
		near(measured_khz, 0, (u64)r.ecx * r.ebx / r.eax / 1000, 5,
		     "CPUID leaf 15h has the TSC's rate");
		near(counts_khz, 0, r.ecx / 1000, 10, "CPUID leaf 15h has the APIC timer's rate");
	} else {
		skip("there is no such leaf", "CPUID leaf 15h has the TSC's rate");
		skip("there is no such leaf", "CPUID leaf 15h has the APIC timer's rate");
	}
	if (cpuid(1, 0).ecx & BIT(31) && cpuid(LEAF_HYPERVISOR, 0).eax >= LEAF_CLOCKS) {
		r = cpuid(LEAF_CLOCKS, 0);
		near(measured_khz, 0, r.eax, 5, "CPUID leaf 40000010h has the TSC's rate");
		near(counts_khz, 0, r.ebx, 10, "CPUID leaf 40000010h has the APIC timer's rate");
	} else {
		skip("there is no such leaf", "CPUID leaf 40000010h has the TSC's rate");
		skip("there is no such leaf", "CPUID leaf 40000010h has the APIC timer's rate");
	}
}

static void read_absent(void *unused)
{
	(void)unused;
	rdmsr(MSR_ABSENT);
}

static void write_absent(void *unused)
{
	(void)unused;
	wrmsr(MSR_ABSENT, 0);
}

/* What is added to the TSC is in IA32_TSC_ADJUST, from whichever side. */
static void clock_adjust(void)
{
	u64 before = rdtsc(), after, left;

	if (tcg_lacks("it keeps no TSC_ADJUST", "CPUID has TSC_ADJUST",
		      "nothing is added after a reset", "what is added shows in the TSC",
		      "a write of the TSC shows in what is added", "the clock is as before"))
		return;
	ok(cpuid(7, 0).ebx & BIT(1), "CPUID has TSC_ADJUST");
	is(rdmsr(MSR_TSC_ADJUST), 0, "nothing is added after a reset");
	wrmsr(MSR_TSC_ADJUST, BIT(50));
	after = rdtsc();
	ok(after - before - BIT(50) < BIT(40), "what is added shows in the TSC");
	wrmsr(MSR_TSC, rdtsc() - BIT(50));
	left = -rdmsr(MSR_TSC_ADJUST);
	ok(left < BIT(40), "a write of the TSC shows in what is added");
	wrmsr(MSR_TSC_ADJUST, 0);
	ok(rdtsc() - before < BIT(40), "the clock is as before");
}

static void msrs(void)
{
	u64 first = rdtsc(), msr = rdmsr(MSR_TSC), second = rdtsc();

	if (!tcg_lacks("it reads as 0", "MSR 10h is the TSC"))
		ok(first <= msr && msr <= second, "MSR 10h is the TSC");
	clock_adjust();
	if (tcg_lacks("it has every MSR", "an MSR that is not there: #GP when it is read",
		      "an MSR that is not there: #GP when it is written"))
		return;
	is(rt_try(read_absent, NULL, this_vcpu()), VECTOR_GP,
	   "an MSR that is not there: #GP when it is read");
	is(rt_try(write_absent, NULL, this_vcpu()), VECTOR_GP,
	   "an MSR that is not there: #GP when it is written");
}

static u64 fw_cfg(u16 key, u32 bytes)
{
	u64 value = 0;

	outw(PORT_FW_CFG, key);
	for (u32 i = 0; i < bytes; i++)
		value |= (u64)inb(PORT_FW_CFG_DATA) << 8 * i;
	return value;
}

static void firmware(void)
{
	u64 ram;

	if (fw_cfg(FW_SIGNATURE, 4) != 0x554d4551) { /* QEMU */
		skip("there is no fw_cfg", "fw_cfg: CPUs");
		skip("there is no fw_cfg", "fw_cfg: RAM");
		return;
	}
	is(fw_cfg(FW_CPUS, 2), machine.cpus, "fw_cfg and the MADT: CPUs");
	ram = fw_cfg(FW_RAM_SIZE, 8) >> 10;
	/* A BIOS keeps some for its tables. */
	ok(memory_upper + 1024 <= ram && memory_upper + 1024 + 1024 >= ram,
	   "fw_cfg and multiboot: RAM");
}

void test_misc(void)
{
	cpuids();
	frequencies();
	msrs();
	firmware();
}
