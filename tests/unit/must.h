/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread cannot fail a test of cmocka's: it says what is wrong, and ends the program. */
#ifndef TESTS_UNIT_MUST_H
#define TESTS_UNIT_MUST_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/fake.h"

#define MUST_SAY(condition, ...)                                                                   \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("Bail out! ");                                                      \
			printf(__VA_ARGS__);                                                       \
			printf(" (SEED=%lu)\n", fake_seed);                                        \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define MUST(condition) MUST_SAY(condition, "%s", #condition)

#endif
