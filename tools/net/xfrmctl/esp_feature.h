/* SPDX-License-Identifier: GPL-2.0 */
/* Which devices can take over ESP, as ethtool tells it. */
#ifndef XFRMCTL_ESP_FEATURE_H
#define XFRMCTL_ESP_FEATURE_H

#include "util.h"

/**
 * struct esp_feature - esp-hw-offload of a device
 * @on: it is switched on
 * @fixed: it cannot be switched
 */
struct esp_feature {
	bool on;
	bool fixed;
};

bool esp_feature_read(const char *dev, struct esp_feature *feature);

#endif
