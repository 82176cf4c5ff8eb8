/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ept/invept.h"
#include "ept/protocol.h"
#include "mm/frame.h"
#include "mm/random.h"
#include "mm/x86.h"
#include "tests/unit/fake.h"
#include "vmx/vmcs.h"

u64 fake_vmcs[FAKE_FIELDS];
unsigned fake_vmwrites[FAKE_FIELDS];
unsigned fake_invepts, fake_invvpids, fake_xsetbvs;
u64 fake_xcr0;
void (*fake_on_relax)(void);
void (*fake_on_invept)(u64 type, u64 eptp);
void (*fake_on_trace)(const char *event);
char fake_printed[256], fake_panic_text[256];
jmp_buf fake_panic_jump;
bool fake_panic_expected;
u64 fake_seed, fake_step;
long fake_fail_alloc = -1;
static u64 random_state;
static u64 taken[1 << 16];
static unsigned ntaken;

void fake_frames(u64 pages)
{
	u64 size = pages * PAGE_SIZE;
	char *p = mmap(NULL, size + FAKE_FRAMES_ALIGN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	p += -(u64)p % FAKE_FRAMES_ALIGN;
	memset(p, 0xa5, size); /* as found at start-up: not zero */
	frames_add((u64)p, (u64)p + size);
}

int fake_frames_only(u64 frames)
{
	fake_frames_leave(0);
	fake_frames(frames + 1);
	return frames_free() == frames ? 0 : -1;
}

void fake_frames_leave(u64 count)
{
	while (frames_free() > count && ntaken < ARRAY_SIZE(taken))
		taken[ntaken++] = frame_alloc_dirty(OWNER_HOST);
	assert_int_equal(frames_free(), count);
}

void fake_frames_back(void)
{
	while (ntaken)
		frame_free(taken[--ntaken], OWNER_HOST);
}

bool filled_with(u64 pfn, u64 word)
{
	const u64 *p = frame_ptr(pfn);

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i++)
		if (p[i] != word)
			return false;
	return true;
}

bool alloc_allowed(void)
{
	return __atomic_load_n(&fake_fail_alloc, __ATOMIC_RELAXED) < 0 ||
	       __atomic_fetch_sub(&fake_fail_alloc, 1, __ATOMIC_RELAXED);
}

void fake_vmcs_clear(void)
{
	memset(fake_vmcs, 0, sizeof(fake_vmcs));
	memset(fake_vmwrites, 0, sizeof(fake_vmwrites));
	fake_invepts = fake_invvpids = fake_xsetbvs = 0;
	fake_xcr0 = 0;
}

u64 vmread(enum vmcs_field field)
{
	return fake_vmcs[field];
}

void vmwrite(enum vmcs_field field, u64 value)
{
	fake_vmcs[field] = value;
	fake_vmwrites[field]++;
}

void invept(u64 type, u64 eptp)
{
	if (fake_on_invept)
		fake_on_invept(type, eptp);
	else
		fake_invepts++;
}

void invvpid(u64 type, u16 vpid)
{
	(void)type;
	(void)vpid;
	fake_invvpids++;
}

void xsetbv(u32 index, u64 value)
{
	assert_int_equal(index, 0);
	fake_xcr0 = value;
	fake_xsetbvs++;
}

void cpu_relax(void)
{
	if (fake_on_relax)
		fake_on_relax();
	else
		sched_yield();
}

struct cpu *this_cpu(void)
{
	static _Thread_local struct cpu cpu;

	return &cpu;
}

void trace(const char *event, u64 a, u64 b)
{
	(void)a;
	(void)b;
	if (fake_on_trace)
		fake_on_trace(event);
}

void printk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fake_printed, sizeof(fake_printed), fmt, args);
	va_end(args);
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fake_panic_text, sizeof(fake_panic_text), fmt, args);
	va_end(args);
	if (!fake_panic_expected) {
		fprintf(stderr, "panic: %s\n", fake_panic_text);
		abort();
	}
	fake_panic_expected = false;
	longjmp(fake_panic_jump, 1);
}

bool fake_panic_says(const char *text)
{
	return strstr(fake_panic_text, text);
}

void fake_random_start(void)
{
	const char *seed = getenv("SEED");

	fake_seed = seed && *seed ? strtoull(seed, NULL, 0) : 1;
	random_state = fake_seed;
	fake_step = 0;
}

u64 fake_random(void)
{
	return random_next(&random_state);
}

/* What is in the APIC-access page is of no interest but to vmx/guest.c. */
__attribute__((weak)) void apic_page_leaves(struct ept *e, void *frame)
{
	(void)e;
	(void)frame;
}
