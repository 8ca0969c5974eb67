// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a device offloads, as far as its kernel tells: by the feature, which ethtool
 * reads, and by what the device is, which rtnetlink tells. A bond claims the feature
 * whatever its slaves can.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "device.h"
#include "netlink.h"

#define ESP_FEATURE	"esp-hw-offload"

static bool ethtool(const char *dev, void *data)
{
	struct ifreq ifr = { .ifr_data = data };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	ok = !ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return ok;
}

static u32 feature_count(const char *dev)
{
	struct {
		struct ethtool_sset_info info;
		u32 count;
	} ask = { { .cmd = ETHTOOL_GSSET_INFO,
		    .sset_mask = 1ULL << ETH_SS_FEATURES }, 0 };

	if (!ethtool(dev, &ask) || !ask.info.sset_mask)
		return 0;
	return ask.count;
}

/* The bit of the feature, or -1. */
static int feature_bit(const char *dev, u32 count)
{
	struct ethtool_gstrings *names =
		calloc(1, sizeof(*names) + count * ETH_GSTRING_LEN);
	int bit = -1;

	if (!names)
		return -1;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	if (ethtool(dev, names))
		for (u32 i = 0; i < count; i++)
			if (!strncmp((char *)names->data + i * ETH_GSTRING_LEN,
				     ESP_FEATURE, ETH_GSTRING_LEN))
				bit = i;
	free(names);
	return bit;
}

static bool read_bit(struct device *dev, u32 count, int bit)
{
	u32 blocks = (count + 31) / 32, mask = 1U << bit % 32;
	struct ethtool_get_features_block *block;
	struct ethtool_gfeatures *all =
		calloc(1, sizeof(*all) + blocks * sizeof(*block));
	bool there = false;

	if (!all)
		return false;
	all->cmd = ETHTOOL_GFEATURES;
	all->size = blocks;
	block = &all->features[bit / 32];
	if (ethtool(dev->name, all)) {
		there = (block->available | block->active) & mask;
		dev->on = block->active & mask;
		dev->fixed = !(block->available & mask) ||
				 block->never_changed & mask;
	}
	free(all);
	return there;
}

static void read_feature(struct device *dev)
{
	u32 count = feature_count(dev->name);
	int bit = count ? feature_bit(dev->name, count) : -1;

	dev->feature = bit >= 0 && read_bit(dev, count, bit);
}

/* --- what a device is -------------------------------------------------------- */

/* enum of the bonding driver, which no exported header has: its mode active-backup */
#define ACTIVE_BACKUP	1

static int read_bond(const struct nlattr *attr, void *data)
{
	struct device *dev = data;
	u16 type = mnl_attr_get_type(attr);

	if (type == IFLA_BOND_MODE)
		dev->bond_mode = mnl_attr_get_u8(attr);
	else if (type == IFLA_BOND_ACTIVE_SLAVE)
		dev->active = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int read_kind(const struct nlattr *attr, void *data)
{
	struct device *dev = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND) {
		dev->bond = !strcmp(mnl_attr_get_str(attr), "bond");
		dev->vlan = !strcmp(mnl_attr_get_str(attr), "vlan");
	} else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && dev->bond) {
		mnl_attr_parse_nested(attr, read_bond, dev);
	}
	return MNL_CB_OK;
}

static void read_device(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct devices *all = data;
	struct device *dev;
	struct attrs t;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return;
	attrs_read(&t, nlh, sizeof(*info));
	if (!attr_data(&t, IFLA_IFNAME, 1))
		return;
	all->at = realloc(all->at, (all->count + 1) * sizeof(*dev));
	if (!all->at)
		die("out of memory");
	dev = memset(&all->at[all->count++], 0, sizeof(*dev));
	dev->ifindex = info->ifi_index;
	dev->up = info->ifi_flags & IFF_UP;
	snprintf(dev->name, sizeof(dev->name), "%s",
		 mnl_attr_get_str(t.at[IFLA_IFNAME]));
	if (attr_u32(&t, IFLA_MASTER))
		dev->master = *attr_u32(&t, IFLA_MASTER);
	/* The number of a device in another netns says nothing here. */
	if (attr_u32(&t, IFLA_LINK) && !t.at[IFLA_LINK_NETNSID])
		dev->lower = *attr_u32(&t, IFLA_LINK);
	if (t.at[IFLA_LINKINFO])
		mnl_attr_parse_nested(t.at[IFLA_LINKINFO], read_kind, dev);
	read_feature(dev);
}

static const struct device *find(const struct devices *all, int ifindex)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].ifindex == ifindex)
			return &all->at[i];
	return NULL;
}

/* --- whether it offloads ------------------------------------------------------- */

__printf(4, 5) static void
judge(struct device *dev, enum offloads word, const char *why, const char *fmt, ...)
{
	va_list ap;

	dev->offloads = word;
	dev->why = why;
	va_start(ap, fmt);
	vsnprintf(dev->how, sizeof(dev->how), fmt, ap);
	va_end(ap);
}

/* @dev, and not what is below it. */
static void judge_itself(struct device *dev)
{
	if (dev->vlan)
		judge(dev, OFFLOADS_CANNOT, "vlan",
		      "a VLAN offloads nothing itself, the device below may");
	else if (!dev->feature)
		judge(dev, OFFLOADS_CANNOT, "no-feature",
		      "no hardware for it, or no driver (no esp-hw-offload)");
	else if (dev->bond && dev->bond_mode != ACTIVE_BACKUP)
		judge(dev, OFFLOADS_CANNOT, "mode",
		      "a bond does in mode active-backup only");
	else if (!dev->on && dev->fixed)
		judge(dev, OFFLOADS_CANNOT, "feature-off",
		      "esp-hw-offload is off, and fixed");
	else if (!dev->on)
		judge(dev, OFFLOADS_COULD, "feature-off", "esp-hw-offload is off");
	else if (!dev->up)
		judge(dev, OFFLOADS_COULD, "down", "it is down");
	else
		judge(dev, OFFLOADS_NOW, NULL, "esp-hw-offload is on");
}

static void name_at(struct device *dev, const struct device *other)
{
	snprintf(dev->at, sizeof(dev->at), "%s", other->name);
}

/* A slave that is no active one: SAs are lost when it becomes one. */
static void judge_spares(const struct devices *all, struct device *bond)
{
	const struct device *slave;

	for (size_t i = 0; i < all->count; i++) {
		slave = &all->at[i];
		if (slave->master != bond->ifindex ||
		    slave->offloads == OFFLOADS_NOW)
			continue;
		name_at(bond, slave);
		judge(bond, OFFLOADS_NOW, "spare",
		      "its active slave does, but %s does not: %s",
		      slave->name, slave->how);
		return;
	}
}

/* The active slave does the work. */
static void judge_bond(const struct devices *all, struct device *bond)
{
	const struct device *slave = find(all, bond->active);

	if (!slave) {
		judge(bond, OFFLOADS_COULD, "no-slave", "it has no active slave");
		return;
	}
	if (slave->bond) {
		name_at(bond, slave);
		judge(bond, OFFLOADS_CANNOT, "bond", "its active slave %s is a bond",
		      slave->name);
		return;
	}
	if (slave->offloads != OFFLOADS_NOW) {
		name_at(bond, slave);
		judge(bond, slave->offloads, slave->why, "its active slave %s: %s",
		      slave->name, slave->how);
		return;
	}
	judge(bond, OFFLOADS_NOW, NULL, "its active slave %s does", slave->name);
	judge_spares(all, bond);
}

/* Each device of this netns, and whether it offloads. */
void devices_read(struct devices *all)
{
	static struct request req;
	struct answer ans;

	memset(all, 0, sizeof(*all));
	request_start(&req, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	netlink_ask_family(NETLINK_ROUTE, &req, &ans, read_device, all);
	if (ans.err)
		die("cannot read the devices: %s", strerror(ans.err));
	for (size_t i = 0; i < all->count; i++)
		judge_itself(&all->at[i]);
	for (size_t i = 0; i < all->count; i++) {
		struct device *dev = &all->at[i];
		const struct device *lower = find(all, dev->lower);

		if (dev->bond && dev->offloads == OFFLOADS_NOW)
			judge_bond(all, dev);
		if (dev->vlan && lower)
			name_at(dev, lower);
	}
}

void devices_free(struct devices *all)
{
	free(all->at);
}
