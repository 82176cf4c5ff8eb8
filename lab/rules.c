/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of the modelled processor, by name. Each can be taken out, and some test must then come
 * to another verdict: a rule that no test needs is not tested, or not a rule of the model.
 */
#include <stdio.h>
#include <string.h>

#include "lab/lab.h"

const char *rule_out;

const struct model_rule model_rules[] = {
	{ "forward", "a load finds the newest store of its own CPU, buffered or not" },
	{ "fifo", "a CPU's stores become visible in program order" },
	{ "fence-drains", "a fence waits until the store buffer is empty" },
	{ "locked-drains", "so does a locked instruction" },
	{ "invept-drains", "so do INVEPT and INVVPID: they are serializing" },
	{ "nmi-exits", "an NMI ends the stay in guest mode" },
	{ "nmi-late", "an NMI that was sent may take a while; the guest goes on until then" },
	{ "nmi-entry", "an NMI between the gate's check and the entry makes the entry give up" },
	{ "A-latched", "an entry takes over A from the VMCS, and a stay goes by that" },
	{ "invept", "INVEPT drops guest-physical mappings of its EP4TA" },
	{ "invept-combined", "INVEPT drops combined mappings of its EP4TA, of all VPIDs" },
	{ "invvpid", "INVVPID drops combined mappings of its VPID" },
	{ "I1", "an access by a translation above 4 KB need not be virtualized" },
	{ "I3", "INVVPID leaves guest-physical mappings" },
	{ "I4", "cached before it led to the APIC-access page: an access need not exit" },
	{ "I5", "a change of E leaves cached mappings as they are" },
	{ "I5-dirty", "a mapping cached with D set does not set it again" },
	{ "I6", "what is not present is not cached" },
	{ "I7", "an EPT violation drops the page's mappings on its CPU" },
	{ "I8", "VM entry and exit keep mappings, combined ones with a VPID too" },
	{ "I9", "a mapping of another EP4TA is not used" },
	{ "I9-vpid", "nor a combined one of another VPID" },
	{ "I10", "INVEPT type 1 leaves other EP4TAs' mappings" },
	{ "I10-vpid", "INVVPID type 1 leaves other VPIDs' mappings" },
	{ "I11", "a mapping cached without A/D flags sets no D after they are on" },
	{ "I12", "INVEPT and INVVPID reach only the CPU that executes them" },
	{ "I13-fill", "T may be filled at any time in guest mode, without an access" },
	{ "I13-drop", "a cached mapping may be gone at any time" },
	{ "I14", "an EPT violation ranks above an APIC-access exit" },
	{ "I15", "PML: an index outside 0..511 exits before the access" },
	{ "I16", "mappings survive VMXOFF and VMXON" },
	{ "I17", "a guest's page walk that comes to the APIC-access page exits" },
	{ "I18", "a frame that was released is not right again for those who still map it" },
	{ "I18-table", "a walk may start at a cached table page, whatever is above it by now" },
	{ 0 },
};

bool rule_in(const char *name)
{
	return strcmp(rule_out, name);
}

bool rule_known(const char *name)
{
	for (unsigned i = 0; model_rules[i].name; i++)
		if (!strcmp(model_rules[i].name, name))
			return true;
	return false;
}

const char *rule_names(void)
{
	static char text[600];
	size_t n = 0;

	for (unsigned i = 0; model_rules[i].name; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
				      model_rules[i].name);
	return text;
}
