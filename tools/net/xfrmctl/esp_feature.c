// SPDX-License-Identifier: GPL-2.0
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_feature.h"

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

static bool read_bit(const char *dev, u32 count, int bit,
		     struct esp_feature *feature)
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
	if (ethtool(dev, all)) {
		there = (block->available | block->active) & mask;
		feature->on = block->active & mask;
		feature->fixed = !(block->available & mask) ||
				 block->never_changed & mask;
	}
	free(all);
	return there;
}

/* False if the device does not have the feature. */
bool esp_feature_read(const char *dev, struct esp_feature *feature)
{
	u32 count = feature_count(dev);
	int bit = count ? feature_bit(dev, count) : -1;

	return bit >= 0 && read_bit(dev, count, bit, feature);
}
