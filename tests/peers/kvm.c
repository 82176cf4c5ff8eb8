/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm IMAGE: runs the guest program IMAGE on Linux KVM, set up as Interlock sets it up (vmx/guest.c):
 * 8 MB of RAM from 0 on, the image at 8000h, entered in real mode, the info page at 7000h, two vCPUs.
 * In-kernel interrupt controllers, xAPIC, whatever else is KVM's default. Each vCPU's thread stays on
 * one CPU, and CPU 0 is left to Linux, as Interlock's moves memory.
 *
 * What KVM leaves to the program above it are the guest's serial port, whose lines go to standard
 * output, and the ports by which the guest offers frames. Ends with 0 at the line "peer end".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM (8ul << 20)
#define PAGE 4096ul
#define VCPUS 2
#define LOAD 0x8000
#define INFO 0x7000
#define APIC_PAGE 0xfee00ul
#define SERIAL 0x3f8
#define OFFER 0x5ec0
#define OFFER_DISCARD 0x5ec4
#define OFFER_SWAP 0x5ec8
#define OFFER_AGE 0x5ecc

static struct info {
	uint32_t magic, vcpus, ram_pages, arg;
	uint64_t seed;
	uint32_t ticks_per_us, budget_pages;
} info = { 0x4b4c4e49, VCPUS, RAM / PAGE, 0, 1, 50, 0 };

static int kvm, vm, vcpu[VCPUS], run_size;
static uint8_t *ram;
static void *apic_page; /* in this program's memory, where KVM mapped it */
static struct {
	unsigned long requests, asked, gone;
} offers[3];

static void fail(const char *what)
{
	printf("kvm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int must(int result, const char *what)
{
	if (result < 0)
		fail(what);
	return result;
}

/* KVM backs the APIC-access page by an anonymous shared mapping of one page in its user's memory. */
static void *find_apic_page(void)
{
	unsigned long start, end;
	char line[256], flags[8];
	void *found = NULL;
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %7s", &start, &end, flags) == 3 && end - start == PAGE &&
		    flags[3] == 's' && strstr(line, "/dev/zero"))
			found = (void *)start;
	fclose(maps);
	return found;
}

/* Linux keeps pages that were used lately in lists of each CPU, from which another CPU cannot take
 * them; dropping the page cache empties the lists first. */
static void drain_lists(void)
{
	int fd = must(open("/proc/sys/vm/drop_caches", O_WRONLY), "drop_caches");

	must((int)write(fd, "1", 1), "drop_caches");
	close(fd);
}

/* Looks now and then what has really gone, a page that is not resident any more: the guest's clock
 * runs, and its median is to be of those requests that nobody looked at. */
static void offered(unsigned port, uint32_t value)
{
	unsigned long first = value & 0xfffff, count = value >> 20, kind = (port - OFFER) / 4;
	/* The first MADV_PAGEOUT finds the accessed flag in EPT, clears it and leaves the page. */
	int advice = port == OFFER_DISCARD ? MADV_DONTNEED : MADV_PAGEOUT;
	void *at = first == APIC_PAGE ? apic_page : ram + first * PAGE;
	static unsigned char resident[RAM / PAGE];

	if (!at || (first != APIC_PAGE && first + count > RAM / PAGE))
		return;
	if (first == APIC_PAGE && port == OFFER_AGE)
		drain_lists();
	if (madvise(at, count * PAGE, advice))
		fail("madvise");
	if (port == OFFER_AGE || offers[kind].requests++ % 8)
		return;
	offers[kind].asked += count;
	if (mincore(at, count * PAGE, resident))
		fail("mincore");
	for (unsigned long i = 0; i < count; i++)
		offers[kind].gone += !(resident[i] & 1);
}

/* What KVM counted; it forgets when this program ends. */
static void print_statistics(void)
{
	static const char *const names[] = { "exits",	  "io_exits", "halt_exits",
					     "irq_exits", "pf_taken", "insn_emulation",
					     "mmio_exits" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64], text[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%s", names[i]);
		f = fopen(path, "r");
		if (f && fgets(text, sizeof(text), f))
			printf("peers: %s %s", names[i], text);
		if (f)
			fclose(f);
	}
}

static void serial(uint8_t c)
{
	static char line[128];
	static unsigned length;

	if (length < sizeof(line) - 1 && c != '\n')
		line[length++] = (char)c;
	if (c != '\n')
		return;
	line[length] = 0;
	length = 0;
	puts(line);
	if (strcmp(line, "peer end"))
		return;
	for (unsigned i = 0; i < 3; i++)
		printf("peer gone-%s %lu of %lu\n",
		       (const char *[]){ "kept", "dropped", "apic" }[i], offers[i].gone,
		       offers[i].asked);
	print_statistics();
	exit(0);
}

static void port(struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned at = run->io.port;

	if (run->io.direction == KVM_EXIT_IO_IN)
		memset(data, at == SERIAL + 5 ? 0x60 : 0xff, run->io.size * run->io.count);
	else if (at == SERIAL)
		serial(*data);
	else if (at >= OFFER && at <= OFFER_AGE && run->io.size == 4)
		offered(at, *(uint32_t *)data);
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

/* The CPUID that KVM supports, with the APIC id in leaf 1 by which the guest knows its vCPUs. */
static void set_cpuid(int fd, unsigned id)
{
	static char space[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
	struct kvm_cpuid2 *cpuid = (struct kvm_cpuid2 *)space;

	cpuid->nent = 256;
	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	for (unsigned i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ebx =
				(cpuid->entries[i].ebx & 0xff00) | VCPUS << 16 | id << 24;
	must(ioctl(fd, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
}

/* Real mode, CS:IP = 0800h:0. The other vCPU waits for its SIPI. */
static void enter_image(int fd)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;

	must(ioctl(fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.selector = LOAD >> 4;
	sregs.cs.base = LOAD;
	must(ioctl(fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void create_vcpu(unsigned id)
{
	vcpu[id] = must(ioctl(vm, KVM_CREATE_VCPU, id), "KVM_CREATE_VCPU");
	set_cpuid(vcpu[id], id);
}

static void *run_vcpu(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;
	struct kvm_run *run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu[id], 0);

	if (run == MAP_FAILED)
		fail("mmap of kvm_run");
	stay_on((int)id + 1);
	for (;;) {
		if (ioctl(vcpu[id], KVM_RUN, 0) < 0) {
			if (errno != EINTR && errno != EAGAIN) /* EAGAIN: it waited for its SIPI */
				fail("KVM_RUN");
		} else if (run->exit_reason == KVM_EXIT_IO) {
			port(run);
		} else {
			printf("kvm: vCPU %u: exit reason %u\n", id, run->exit_reason);
			exit(1);
		}
	}
}

static void load(const char *image)
{
	int fd = must(open(image, O_RDONLY), image);

	must((int)read(fd, ram + LOAD, RAM - LOAD), image);
	close(fd);
	memcpy(ram + INFO, &info, sizeof(info));
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region slot = { .memory_size = RAM };
	uint64_t identity = 0xfffbc000;
	pthread_t thread[VCPUS];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2) {
		puts("usage: kvm IMAGE");
		return 2;
	}
	kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	run_size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	must(ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity), "KVM_SET_IDENTITY_MAP_ADDR");
	must(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000ul), "KVM_SET_TSS_ADDR");
	must(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* 4-KB pages, as on Interlock's side: what is timed are single pages. */
	if (ram == MAP_FAILED || madvise(ram, RAM, MADV_NOHUGEPAGE))
		fail("guest memory");
	slot.userspace_addr = (uintptr_t)ram;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	load(argv[1]);
	/* All of them before any runs: an INIT to one that is not there would be lost. */
	for (unsigned i = 0; i < VCPUS; i++)
		create_vcpu(i);
	enter_image(vcpu[0]);
	apic_page = find_apic_page();
	if (!apic_page)
		puts("peers: no mapping of the APIC-access page found");
	for (uintptr_t i = 0; i < VCPUS; i++)
		if (pthread_create(&thread[i], NULL, run_vcpu, (void *)i))
			fail("pthread_create");
	pthread_join(thread[0], NULL);
	return 1;
}
