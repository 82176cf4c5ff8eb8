/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parser's parts: litmus.c, actortext.c, and rawtext.c for the programs of raw actors. */
#ifndef LAB_LITMUS_H
#define LAB_LITMUS_H

#include "lab/lab.h"

/* Says what is wrong in the line that is being read. False. */
#define wrong litmus_wrong
bool litmus_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The words of the line that is being read, the keyword first. */
#define MAX_WORDS 64
#define words litmus_words
#define nwords litmus_nwords
extern char *words[MAX_WORDS];
extern unsigned nwords;

/* Lines `invalidator PAGE... [times N]`, `reclaimer PAGE... [times N]`, and `vcpu ACTION...`. */
bool litmus_invalidator(struct litmus *l);
bool litmus_reclaimer(struct litmus *l);
bool litmus_vcpu(struct litmus *l);

unsigned litmus_line(void);
void litmus_at(unsigned line); /* errors are of this line from now on */
bool litmus_page(struct litmus *l, const char *word, u8 *p);
struct actor_text *litmus_actor(struct litmus *l, enum actor_kind kind, const char *name);

/* A line `cpu NAME: OPERATION; OPERATION; ...`, from NAME on; and what is known at the end. */
bool raw_line(struct litmus *l, char *text);
bool raw_whole(struct litmus *l);

#endif
