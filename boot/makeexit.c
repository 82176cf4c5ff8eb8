/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function for GNU make: $(make-exit CODE) ends make with CODE.
 *
 * `make run` promises exit codes (0, 1, 2, 3, 124), but make turns the failure of any recipe into 2
 * and prints a line about it. The Makefile loads this object when a run has ended with another code
 * than 0.
 */
#include <gnumake.h>
#include <stdlib.h>

int plugin_is_GPL_compatible;
int makeexit_gmk_setup(void);

static char *make_exit(const char *name, unsigned int argc, char **argv)
{
	(void)name;
	(void)argc;
	exit(atoi(argv[0]));
}

/* Called by make when it has loaded the object; 1 is success. */
int makeexit_gmk_setup(void)
{
	gmk_add_function("make-exit", make_exit, 1, 1, GMK_FUNC_DEFAULT);
	return 1;
}
