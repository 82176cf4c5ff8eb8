/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the shipped code's data belongs to a state, and in which form. */
#include "lab/shim.h"

/*
 * A mode word counts stays. Only whether it equals what an invalidator has seen matters, so a key
 * holds the place of the seen word in the sequence memory, buffer; numbers that are gone never
 * come back.
 */
bool is_mode(u64 addr, unsigned *vcpu)
{
	for (unsigned i = 0; i < nactors; i++)
		if (addr == (u64)&vcpus[i].gate.mode) {
			*vcpu = i;
			return true;
		}
	return false;
}

u64 seen_as(unsigned actor, u64 addr, u64 v)
{
	unsigned vcpu;

	if (!is_mode(addr, &vcpu))
		return v;
	return (v & MODE_MASK) | (u64)(v == batches[actor].seen[vcpus[vcpu].gate.id]) << 2;
}

static u64 mode_key(u64 h, unsigned i)
{
	const struct cpu_model *c = &m.cpu[i];
	const struct gate *g = &vcpus[i].gate;

	h = mix(h, g->mode & MODE_MASK);
	for (unsigned k = 0; k < nactors; k++) {
		u64 seen = batches[k].seen[g->id], place = 0xff;

		if (test->actor[k].kind != INVALIDATOR || !seen)
			continue;
		if (seen == g->mode)
			place = 0;
		for (unsigned b = 0; b < c->nbuffer; b++)
			if (c->buffer[b].addr == (u64)&g->mode && c->buffer[b].v == seen)
				place = b + 1;
		h = mix(h, place << 8 | k);
	}
	return h;
}

u64 shim_key(void)
{
	u64 h = test->raw ? raw_key() : 1;

	for (unsigned i = 0; i < nactors; i++) {
		const struct cpu_model *c = &m.cpu[i];
		const struct vcpu *v = &vcpus[i];
		unsigned vcpu;

		for (unsigned b = 0; b < c->nbuffer; b++) {
			const struct buffered *s = &c->buffer[b];

			h = mix(mix(h, s->addr),
				is_mode(s->addr, &vcpu) ? s->v & MODE_MASK : s->v + s->page);
		}
		/* A value that was found and is not there any more matters by what it was. */
		for (unsigned r = 0; r < c->nread; r++) {
			h = mix(h, c->read[r].addr | (u64)c->read[r].changed << 63);
			if (!c->read[r].changed && read_now(i, r) != c->read[r].v)
				h = mix(h, seen_as(i, c->read[r].addr & ~1ull, c->read[r].v));
		}
		if (test->actor[i].kind != VCPU)
			continue;
		h = mode_key(h, i);
		h = mix(h, v->access.address);
		h = mix(h, v->state | (ept.flushed[i] == ept.generation) << 4 | c->reason << 8);
	}
	return h;
}
