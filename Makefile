# SPDX-License-Identifier: GPL-2.0
# Every command of the project. What they do is in tools/testing/lab/, one script a noun.

LAB := tools/testing/lab
MAKEFLAGS += --no-print-directory
# To the kernel's make, M=NAME on the command line is a module to build.
MAKEOVERRIDES :=
.NOTPARALLEL:

help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

demo: check kernel tool ## pull a NIC with packet-offloaded IPsec under load, watch the wires (from nothing: about 15 minutes)
	@$(LAB)/demo.sh

test: check kernel tool $(if $(IPROUTE2),ip stock) ## all tests, or one: make test T=NAME
	@$(LAB)/run-tests.sh $(T)

test-smp: check kernel-smp tool ## races on 2 CPUs under QEMU, or one test: make test-smp T=NAME SEED=N ROUNDS=N
	@$(LAB)/run-tests.sh --smp $(T)

compare: check kernel tool stock ## the demo's story on the stock core and on ours, side by side
	@$(LAB)/compare.sh

model: setup ## check the model of an unbind with spin: every interleaving, and every mutation of it
	@$(LAB)/model.sh $(T)

mutants: check kernel tool ## break the code on purpose: the tests notice; some: M=NAME; some that nobody chose: RANDOM=N SEED=N
	@$(LAB)/mutants.sh $(if $(filter command line,$(origin RANDOM)),--random $(RANDOM) $(SEED),$(M))

commands: check kernel tool ## type every command that the pages show, or some: make commands T=WORD
	@$(LAB)/commands.sh $(T)

shell: check kernel tool ## a root shell in our kernel, with the demo's two hosts set up
	@$(LAB)/shell.sh

check: # what a guest needs of this machine
	@$(LAB)/check.sh

setup: ## install the Debian packages that are missing
	@$(LAB)/setup.sh

tree: setup ## prepare build/linux: pristine source, patches, our files
	@$(LAB)/tree.sh

kernel: tree ## build the kernel: build/um/linux
	@$(LAB)/kernel.sh

kernel-smp: tree ## build the kernel of test-smp: build/smp/vmlinux
	@$(LAB)/kernel.sh --smp

drivers: tree ## compile the drivers that we change (mlx5, nfp, cxgb4, ixgbe, ixgbevf) with W=1 and sparse
	@$(LAB)/kernel.sh --drivers

configs: kernel tool ## build what distributions configure, boot the modular kernel; a part: QUICK=SEED, T=NAME
	@$(LAB)/configs.sh $(T)

stock: tree # the kernel that `make compare` holds ours against
	@$(LAB)/tree.sh --stock
	@$(LAB)/kernel.sh --stock

tool: tree ## build xfrmctl: build/xfrmctl/xfrmctl
	@$(LAB)/tool.sh

ip: setup ## build ip with patches/iproute2 from a tree of iproute2: make ip IPROUTE2=DIR
	@$(LAB)/ip.sh

test-releases: check kernel tool ## set-up, the demo's story and some tests on clean trees of Debian 12 and 13, or one: R=trixie
	@$(LAB)/releases.sh $(R)

test-ike: check kernel tool ## strongSwan and Libreswan lose their NIC: eight minutes of it, or T="WORDS of a row"; ALL=1: hours
	@$(LAB)/ike.sh $(T)

check-all: ## every command, in full: hours (.ci/run runs a part of the long ones)
	@$(LAB)/every.sh

bases: setup ## try the patches on each version of the source in Debian's archives
	@$(LAB)/bases.sh

refresh: ## turn commits made in build/linux back into patches/
	@$(LAB)/refresh.sh

series: check tree ## write the series as they would be mailed: build/series; compile and boot their commits; SIGNOFF='Name <mail>' adds the line
	@$(LAB)/mailed.sh $(T)

pages: tree ## build the documentation: build/pages/html/index.html
	@$(LAB)/pages.sh

style: kernel ## checkpatch, sparse, W=1, kernel-doc, shellcheck, mandoc and Sphinx on what is ours
	@$(LAB)/style.sh

clean: ## remove build/
	@$(LAB)/clean.sh

.PHONY: help mutants commands demo test test-smp compare model shell check setup tree kernel kernel-smp drivers configs stock tool ip test-releases test-ike check-all bases refresh series pages style clean
