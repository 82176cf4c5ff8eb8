/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/console.h"
#include "boot/format.h"
#include "boot/guests.h"
#include "boot/result.h"
#include "mm/frame.h"
#include "vmx/exit.h"

/* Summed over a guest's vCPUs. */
struct sums {
	u64 exits, reads, writes, invepts, reloads, retries;
	u64 rounds, least_rounds, timer_irqs, ipis_sent, ipis_received, checks;
	u64 stale, wrong;
	u64 longest_stall, pml_entries;
	const char *stall_reason;
	u64 fault_ticks[P_KINDS], fault_count[P_KINDS];
};

static struct sums sum(const struct guest *g)
{
	struct sums s = { .least_rounds = ~0ul, .stall_reason = "none" };

	for (unsigned i = 0; i < g->nvcpus; i++) {
		const struct vcpu *v = g->vcpus[i];

		for (unsigned reason = 0; reason < EXIT_REASONS; reason++)
			s.exits += v->exits[reason];
		s.reads += v->vmreads;
		s.writes += v->vmwrites;
		s.invepts += v->invepts;
		s.reloads += v->access.reloads;
		s.retries += v->retries;
		s.rounds += v->rounds;
		s.least_rounds = MIN(s.least_rounds, v->rounds);
		s.timer_irqs += v->timer_irqs;
		s.ipis_sent += v->ipis_sent;
		s.ipis_received += v->ipis_received;
		s.checks += v->checks;
		if (v->stall_max > s.longest_stall) {
			s.longest_stall = v->stall_max;
			s.stall_reason = v->stall_reason;
		}
		s.pml_entries += v->pml_entries;
		for (unsigned kind = 0; kind < P_KINDS; kind++) {
			s.fault_ticks[kind] += v->faults_ticks[kind];
			s.fault_count[kind] += v->faults_count[kind];
		}
	}
	for (unsigned i = 0; i < WRONG_KINDS; i++)
		s.wrong += g->wrong[i];
	s.stale = g->wrong[WRONG_APIC_READ] + g->wrong[WRONG_APIC_WRITE] + g->wrong[WRONG_DATA];
	return s;
}

/* A run that proves nothing did not hold: every vCPU must have finished after at least one round,
 * and all moves must be done. */
static int verdict(const struct result *r, const struct sums *s, const char **why)
{
	const struct guest *g = r->guest;
	static char value[60];

	*why = g->stopped ? g->stop_reason : "";
	format(value, sizeof(value), "the guest ended with %u, which is not 0", g->exit_value);
	if (s->stale)
		return EXIT_STALE;
	if (g->stopped)
		return EXIT_ERROR;
	if (s->wrong)
		*why = "the guest found wrong values that are no stale accesses";
	else if (g->exit_value)
		*why = value;
	else if (r->moves != r->cfg->moves && r->cfg->moves != ENDLESS)
		*why = "not all moves were done";
	else if (!g->foreign && !s->least_rounds)
		*why = "a vCPU did not complete a round";
	return **why ? EXIT_ERROR : EXIT_HELD;
}

/* A ratio with two decimals. */
struct hundredths {
	u64 whole;
	u32 part;
};

static struct hundredths ratio(u64 a, u64 b)
{
	u64 h = b ? a * 100 / b : 0;

	return (struct hundredths){ h / 100, (u32)(h % 100) };
}

static char line[8192];
static int length;

__attribute__((format(printf, 1, 2))) static void add(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	length += vformat(line + length, sizeof(line) - length, fmt, args);
	va_end(args);
}

static void print_exits(const struct guest *g)
{
	const char *separator = "";

	add("\"exits\":{");
	for (unsigned reason = 0; reason < EXIT_REASONS; reason++) {
		u64 n = 0;

		for (unsigned i = 0; i < g->nvcpus; i++)
			n += g->vcpus[i]->exits[reason];
		if (n) {
			add("%s\"%s\":%lu", separator, exits[reason].name, n);
			separator = ",";
		}
	}
	add("},");
}

_Static_assert(2 * BENCH_ACCESSES == GUEST_RESULTS, "ticks, then accesses");

static void print_bench(const struct guest *g, const char *field, unsigned offset)
{
	static const char *const names[] = {
		[BENCH_CPUID] = "cpuid",
		[BENCH_VMCALL] = "vmcall",
		[BENCH_APIC_READ] = "apic-read",
		[BENCH_APIC_EOI] = "eoi",
		[BENCH_TPR] = "tpr",
		[BENCH_SELF_IPI] = "self-ipi",
		[BENCH_PORT] = "port",
		[BENCH_IPI] = "ipi",
		[BENCH_FAULT] = "fresh-page",
		[BENCH_LOOP] = "loop",
		[BENCH_TOUCHES] = "touches",
		[BENCH_X2APIC_READ] = "x2apic-read",
		[BENCH_X2APIC_EOI] = "x2apic-eoi",
		[BENCH_X2APIC_TPR] = "x2apic-tpr",
		[BENCH_X2APIC_SELF_IPI] = "x2apic-self-ipi",
	};
	const char *separator = "";

	add("\"%s\":{", field);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		u64 value = g->bench[i + offset];

		if (!g->bench[i]) /* not measured; then there are no accesses either */
			continue;
		if (offset && i == BENCH_TOUCHES)
			continue;
		add("%s\"%s\":%lu.%03lu", separator, names[i], value / 1000, value % 1000);
		separator = ",";
	}
	add("},");
}

static void print_stale(const struct stale *s)
{
	add("\"first_stale\":{\"vcpu\":%u,\"address\":\"0x%lx\",\"value\":\"0x%lx\",\"expected\":"
	    "\"0x%lx\",\"tick\":%lu,"
	    "\"apic_access_addr\":\"0x%lx\",\"ept_leaf\":\"0x%lx\"},",
	    s->vcpu, s->gpa, s->value, s->expected, s->tick, s->access, s->leaf);
}

static const char *const kinds[P_KINDS] = {
	[P_KIND_RESIDENT] = "mapped",
	[P_KIND_ABSENT] = "absent",
	[P_KIND_SAME] = "same",
	[P_KIND_PACKED] = "packed",
};

static void print_kinds(const char *field, const u64 *values)
{
	add("\"%s\":{", field);
	for (unsigned i = 0; i < P_KINDS; i++)
		add("%s\"%s\":%lu", i ? "," : "", kinds[i], values[i]);
	add("},");
}

static u64 refaults(const struct sums *s)
{
	return s->fault_count[P_KIND_SAME] + s->fault_count[P_KIND_PACKED];
}

static struct hundredths compression(const struct store *store)
{
	return ratio(PAGE_SIZE * store->stored, store->stored_bytes);
}

/* The guest's memory, and what it took to be there when the guest wanted it. */
static void print_memory(const struct result *r, const struct sums *s)
{
	const struct guest *g = r->guest;
	const struct store *store = &g->backing.store;
	struct hundredths packed = compression(store);
	u64 means[P_KINDS];

	for (unsigned i = 0; i < P_KINDS; i++)
		means[i] = s->fault_count[i] ? s->fault_ticks[i] / s->fault_count[i] : 0;
	add("\"mem\":%lu,\"guest_mem\":%lu,\"held_max\":%lu,\"resident_pages\":%lu,", r->cfg->mem,
	    r->cfg->guest_mem, (g->fixed + frame_peak(g->id)) << PAGE_SHIFT,
	    backing_resident(&g->backing));
	print_kinds("faults", s->fault_count);
	print_kinds("ticks_per_fault", means);
	add("\"refaults\":%lu,\"longest_stall\":%lu,\"stall_reason\":\"%s\",\"yields\":%lu,",
	    refaults(s), s->longest_stall, s->stall_reason, g->ept.yields);
	add("\"splits\":%lu,\"pml_entries\":%lu,", g->ept.splits, s->pml_entries);
	add("\"stored\":%lu,\"stored_bytes\":%lu,\"compression_ratio\":%lu.%02u,", store->stored,
	    store->stored_bytes, packed.whole, packed.part);
	add("\"store_pages\":%lu,\"store_frames\":%lu,\"store_frames_max\":%lu,", store->pages,
	    store->frames, r->store_frames_max);
	add("\"incompressible\":%lu,\"no_room\":%lu,", store->incompressible, store->no_room);
}

static void print_reclaim(const struct guest *g)
{
	const struct reclaim *m = &g->reclaim;

	add("\"scanned\":%lu,\"activated\":%lu,\"reclaimed\":%lu,\"offered\":%lu,", m->scanned,
	    m->activated, m->reclaimed, m->offered);
	add("\"same_filled\":%lu,\"compressed\":%lu,\"clean\":%lu,\"stuck\":%lu,",
	    m->batch.sum.same, m->batch.sum.packed, m->batch.sum.clean, m->batch.sum.stuck);
	add("\"background_runs\":%lu,\"direct_runs\":%lu,\"reclaim_ticks\":%lu,\"reclaim_ipis\":%"
	    "lu,",
	    m->background, m->direct, m->ticks, m->batch.sum.ipis);
	add("\"collapses\":%lu,\"compactions\":%lu,\"tables_freed\":%lu,\"copies_dropped\":%lu,",
	    m->collapses, m->compactions, m->batch.sum.tables, m->copies_dropped);
}

static void print_json(const struct result *r, const struct sums *s, int code, const char *why)
{
	static const char *const words[] = {
		[EXIT_HELD] = "held", [EXIT_ERROR] = "error", [EXIT_STALE] = "stale"
	};
	struct hundredths reads = ratio(s->reads, s->exits), writes = ratio(s->writes, s->exits);
	char reason[400], guest[2 * FILE_NAME_MAX];

	length = 0;
	format_json(guest, sizeof(guest), r->cfg->guest);
	format_json(reason, sizeof(reason), why);
	add("@json {\"result\":\"%s\",\"exit\":%d,", words[code], code);
	if (*why)
		add("\"error\":\"%s\",", reason);
	add("\"guest_id\":%u,\"apicv\":\"%s\",", r->guest->id,
	    apicv_name(r->guest->vcpus[0]->apicv));
	if (r->guest->ended)
		add("\"guest_exit\":%u,", r->guest->exit_value);
	add("\"protocol\":\"%s\",\"guest\":\"%s\",\"cpus\":%u,\"seed\":%lu,\"batch\":%u,\"moves_"
	    "asked\":%lu,\"moves_done\":%lu,",
	    r->cfg->protocol, guest, r->cfg->cpus, r->cfg->seed, r->cfg->batch,
	    r->cfg->moves, r->moves);
#ifdef INTERLOCK_LAB
	add("\"ablate\":\"%s\",", r->cfg->ablate);
#endif
	add("\"pages_moved\":%lu,\"apic_page_moves\":%lu,\"data_page_moves\":%lu,",
	    r->apic_moves + r->data_pages, r->apic_moves, r->data_pages);
	add("\"stale_reads\":%lu,\"wrong\":{\"apic_read\":%lu,\"apic_write\":%lu,\"data\":%lu,"
	    "\"lost_interrupt\":%lu,\"state\":%lu},",
	    s->stale, r->guest->wrong[WRONG_APIC_READ], r->guest->wrong[WRONG_APIC_WRITE],
	    r->guest->wrong[WRONG_DATA], r->guest->wrong[WRONG_LOST], r->guest->wrong[WRONG_STATE]);
	if (r->guest->stale_seen)
		print_stale(&r->guest->first_stale);
	add("\"rounds\":%lu,\"checks\":%lu,\"timer_interrupts\":%lu,\"guest_ipis_sent\":%lu,"
	    "\"guest_ipis_received\":%lu,",
	    s->rounds, s->checks, s->timer_irqs, s->ipis_sent, s->ipis_received);
	add("\"exits_total\":%lu,", s->exits);
	print_exits(r->guest);
	print_bench(r->guest, "bench", 0);
	print_bench(r->guest, "bench_vmcs_accesses", BENCH_ACCESSES);
	add("\"invepts\":%lu,\"ipis_sent\":%lu,\"ipis_avoided\":%lu,\"reloads\":%lu,", s->invepts,
	    r->ipis, r->ipis_avoided, s->reloads);
	add("\"retries\":%lu,\"migrations\":%lu,\"run_ticks\":%lu,", s->retries, r->migrations,
	    r->run_ticks);
	add("\"pages_audited\":%lu,", r->audited);
	print_memory(r, s);
	print_reclaim(r->guest);
	add("\"vmreads_per_exit\":%lu.%02u,\"vmwrites_per_exit\":%lu.%02u,", reads.whole,
	    reads.part, writes.whole, writes.part);
	add("\"ticks_per_move\":{\"median\":%lu,\"p99\":%lu,\"total\":%lu}}\n",
	    histogram_percentile(&r->move_ticks, 500), histogram_percentile(&r->move_ticks, 990),
	    r->ticks);
	console_write(line);
}

static void print_budget(const struct result *r, const struct sums *s)
{
	const struct reclaim *m = &r->guest->reclaim;
	struct hundredths packed = compression(&r->guest->backing.store);

	printk("  memory: %lu of %lu KB lent, %lu pages reclaimed (%lu one word, %lu compressed "
	       "%lu.%02u:1, %lu clean) in %lu background and %lu direct runs, %lu refaults; "
	       "longest "
	       "stall %lu ticks\n",
	       r->cfg->mem >> 10, r->cfg->guest_mem >> 10, m->reclaimed, m->batch.sum.same,
	       m->batch.sum.packed, packed.whole, packed.part, m->batch.sum.clean, m->background,
	       m->direct, refaults(s), s->longest_stall);
}

int result_print(const struct result *r)
{
	struct sums s = sum(r->guest);
	const char *why;
	int code = verdict(r, &s, &why);

	printk("%s: guest %u, %s on %u CPUs: %lu of %lu moves, %lu pages (APIC-access page %lu "
	       "times), stale "
	       "reads %lu\n",
	       code == EXIT_HELD    ? "HELD"
	       : code == EXIT_STALE ? "STALE"
				    : "ERROR",
	       r->guest->id, r->cfg->protocol, r->cfg->cpus, r->moves, r->cfg->moves,
	       r->apic_moves + r->data_pages, r->apic_moves, s.stale);
	printk("  guest: %lu rounds, %lu checks, %lu timer interrupts, %lu of %lu IPIs received\n",
	       s.rounds, s.checks, s.timer_irqs, s.ipis_received, s.ipis_sent);
	printk("  protocol: %lu IPIs sent, %lu avoided, %lu INVEPTs, %lu reloads of A, %lu "
	       "retries; ticks per move: median %lu, p99 %lu\n",
	       r->ipis, r->ipis_avoided, s.invepts, s.reloads, s.retries,
	       histogram_percentile(&r->move_ticks, 500),
	       histogram_percentile(&r->move_ticks, 990));
	if (r->cfg->mem)
		print_budget(r, &s);
	if (*why)
		printk("  %s\n", why);
	print_json(r, &s, code, why);
	return code;
}
