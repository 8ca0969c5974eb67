/* SPDX-License-Identifier: GPL-2.0 */
/* One SA goes on elsewhere. */
#ifndef XFRMCTL_MIGRATE_H
#define XFRMCTL_MIGRATE_H

#include "args.h"
#include "netlink.h"

#define MIGRATE_USAGE \
	"ID [ mark MARK [ mask MASK ] ] [ new-dst ADDR ] [ new-src ADDR ] " \
	"[ new-reqid REQID ] [ new-mark MARK [ mask MASK ] ] " \
	"[ new-sel SELECTOR | update-h2h-sel ] " \
	"[ output-mark MARK [ mask MASK ] ] [ encap ENCAP | no-encap ] " \
	"[ nat-keepalive-interval SECONDS ] [ mapping-threshold SECONDS ] " \
	"[ offload [ crypto | packet ] dev DEV dir SA-DIR | no-offload | " \
	"to { dev DEV | software } ]"

int state_migrate(struct args *a);

/* What the kernel tells of a migration. */
void migrate_print(const struct migrate_state *um, const struct attrs *t);
void migrate_json(const struct migrate_state *um, const struct attrs *t);

#endif
