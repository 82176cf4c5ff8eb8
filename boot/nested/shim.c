/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into QEMU in the outer Linux (LD_PRELOAD); nothing in here changes what Interlock sees.
 *
 * The firmware polls a TPM that is not there 50,000 times, and each poll is an exit to QEMU: 30 s
 * of emulated processor. A read-only page of ones in its place answers without an exit, and says
 * what QEMU would have said: nothing is here.
 *
 * KVM's statistics are gone as soon as QEMU is, so they are printed as it exits.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Above all that QEMU numbers from 0, below KVM's limit of 32764. */
#define SLOT 32000
#define TPM_BASE 0xfed40000

int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, ...);
	static unsigned char ones[4096] __attribute__((aligned(4096)));
	struct kvm_userspace_memory_region page = {
		.slot = SLOT,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = TPM_BASE,
		.memory_size = sizeof(ones),
		.userspace_addr = (unsigned long)ones,
	};
	va_list args;
	void *arg;
	int result;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!next)
		next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	result = next(fd, request, arg);
	if (request == KVM_CREATE_VM && result >= 0) {
		memset(ones, 0xff, sizeof(ones));
		if (next(result, KVM_SET_USER_MEMORY_REGION, &page))
			perror("the page in the place of the TPM");
	}
	return result;
}

__attribute__((destructor)) static void statistics(void)
{
	static const char dir[] = "/sys/kernel/debug/kvm";
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[sizeof(dir) + sizeof(e->d_name) + 1];
	const char *comma = "";
	unsigned long long value;
	FILE *f;

	if (!d)
		return;
	printf("kvm-stats {");
	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_type != DT_REG || !(f = fopen(path, "r")))
			continue;
		if (fscanf(f, "%llu", &value) == 1) {
			printf("%s\"%s\":%llu", comma, e->d_name, value);
			comma = ",";
		}
		fclose(f);
	}
	printf("}\n");
	fflush(stdout);
	closedir(d);
}
