/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/apics.h"
#include "apic/lapic.h"

static u8 pages[APICS][PAGE_SIZE] __attribute__((aligned(4096)));
struct vlapic apics[APICS];
unsigned notified[APICS];
static struct vlapic *peers[APICS];

void lapic_timer_set(u32 initial_count, u32 divide_config, bool periodic)
{
	(void)initial_count;
	(void)divide_config;
	(void)periodic;
}

u32 lapic_timer_count(void)
{
	return 0;
}

void vlapic_notify(struct vlapic *target)
{
	notified[target - apics]++;
}

int apics_setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < APICS; i++) {
		apics[i] = (struct vlapic){
			.page = pages[i], .id = i, .peers = peers, .npeers = APICS
		};
		peers[i] = &apics[i];
		vlapic_reset(&apics[i]);
		vlapic_write(&apics[i], APIC_SVR, 0x1ff);
		notified[i] = 0;
	}
	return 0;
}

void send(unsigned from, u32 dest, u32 icr)
{
	vlapic_write(&apics[from], APIC_ICR2, dest << 24 | 0x123456);
	assert_true(vlapic_write(&apics[from], APIC_ICR, icr));
}
