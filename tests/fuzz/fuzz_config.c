/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as interlock.cfg: what is accepted holds what the hypervisor relies on, and what is
 * refused is refused with one line.
 * links: boot/config.c boot/keys.c boot/number.c boot/format.c
 */
#include <stdlib.h>
#include <string.h>

#include "boot/config.h"

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_run(const struct run_config *r)
{
	must(memchr(r->protocol, 0, sizeof(r->protocol)) && r->protocol[0]);
	must(memchr(r->guest, 0, sizeof(r->guest)) && r->guest[0]);
	must(memchr(r->initrd, 0, sizeof(r->initrd)) && memchr(r->cmdline, 0, sizeof(r->cmdline)));
	must(!r->initrd[0] || r->initrd[0] == '\\');
	must(r->cpus >= 2 && r->cpus <= MAX_CPUS);
	must(r->moves >= 1 && r->moves <= ENDLESS);
	must(r->batch <= 512 && r->mem % PAGE_SIZE == 0 && r->guest_mem % (2 << 20) == 0);
	must(r->guest_mem >= 4 << 20 && r->guest_mem <= 1 << 30);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct config cfg;
	char err[300] = "";
	int rc = config_parse((const char *)data, size, &cfg, err, sizeof(err));

	must(rc == 0 || rc == -EINVAL);
	if (rc) {
		must(!strncmp(err, "interlock.cfg:", 14) && !strchr(err, '\n'));
		return 0;
	}
	must(cfg.nruns >= 1 && cfg.nruns <= CONFIG_MAX_RUNS && !cfg.run[0].with);
	for (u32 i = 0; i < cfg.nruns; i++)
		check_run(&cfg.run[i]);
	must(config_max_cpus(&cfg) <= MAX_CPUS);
	return 0;
}
