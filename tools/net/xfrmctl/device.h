/* SPDX-License-Identifier: GPL-2.0 */
/* The devices of this netns: which of them offload, which could, and why not. */
#ifndef XFRMCTL_DEVICE_H
#define XFRMCTL_DEVICE_H

#include <net/if.h>

#include "util.h"

/**
 * enum offloads - does a device offload?
 * @OFFLOADS_CANNOT: it has none, whatever a user switches
 * @OFFLOADS_COULD: it would, if a user did what is said
 * @OFFLOADS_NOW: an SA can be offloaded to it now
 */
enum offloads { OFFLOADS_CANNOT, OFFLOADS_COULD, OFFLOADS_NOW };

/**
 * struct device - a device
 * @ifindex: its number
 * @name: its name
 * @up: it is set up
 * @feature: it has esp-hw-offload
 * @on: that is switched on
 * @fixed: that cannot be switched
 * @master: the number of the bond that it is a slave of, or of another master
 * @lower: the number of the device below; 0: none, or in another netns
 * @vlan: it is a VLAN
 * @bond: it is a bond
 * @bond_mode: the mode of that
 * @active: the number of its active slave; 0: none
 * @offloads: does it offload?
 * @why: why not, in a word for scripts; NULL: it does. "spare": it does, but not by
 *	each of its slaves
 * @at: the device that @why is about, if not this one
 * @how: the same for people
 */
struct device {
	int ifindex;
	char name[IF_NAMESIZE];
	bool up;
	bool feature;
	bool on;
	bool fixed;
	int master;
	int lower;
	bool vlan;
	bool bond;
	u8 bond_mode;
	int active;
	enum offloads offloads;
	const char *why;
	char at[IF_NAMESIZE];
	char how[200];
};

/**
 * struct devices - all of them
 * @at: each
 * @count: how many
 */
struct devices {
	struct device *at;
	size_t count;
};

void devices_read(struct devices *all);
void devices_free(struct devices *all);

#endif
