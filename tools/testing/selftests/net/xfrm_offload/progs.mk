# SPDX-License-Identifier: GPL-2.0
#
# How programs are built that both suites use (net/xfrm_offload and
# drivers/net/hw/xfrm_offload), so that either can be installed alone: xfrmctl, by
# its own Makefile, and esp_pairs. To be included after lib.mk.
#
# XFRMCTL_OUTPUT   where xfrmctl is built, before it is copied

XFRM_OFFLOAD := $(selfdir)/net/xfrm_offload
XFRMCTL_DIR := $(top_srcdir)/tools/net/xfrmctl
XFRMCTL_OUTPUT ?= $(OUTPUT)/.xfrmctl
KHDR := $(firstword $(filter %/include,$(KHDR_INCLUDES)))
KHDRS := $(addprefix $(KHDR)/linux/,xfrm.h xfrm_invalid.h)

CFLAGS += -O2 -Wall
LOCAL_HDRS += $(KHDRS)
EXTRA_CLEAN += $(XFRMCTL_OUTPUT)

# The program's own Makefile knows when it is up to date, and what it is built with.
$(OUTPUT)/xfrmctl: $(KHDRS) FORCE
	$(call msg,MAKE,,$@)
	$(Q)$(MAKE) -s -C $(XFRMCTL_DIR) \
		OUTPUT=$(abspath $(XFRMCTL_OUTPUT))/ KHDR_INCLUDES="$(KHDR_INCLUDES)" all
	$(Q)cmp -s $(XFRMCTL_OUTPUT)/xfrmctl $@ || install -m 755 $(XFRMCTL_OUTPUT)/xfrmctl $@

$(OUTPUT)/esp_pairs: LDLIBS += -lpcap
$(OUTPUT)/esp_pairs: $(XFRM_OFFLOAD)/lib/esp_pairs.c
	$(call msg,CC,,$@)
	$(Q)$(LINK.c) $< $(LDLIBS) -o $@

$(KHDRS):
	$(error there are no headers of this kernel in $(KHDR): run "make headers" at the top of its tree first)

FORCE:

.PHONY: FORCE
