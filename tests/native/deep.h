/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What deep.c and its plugin share. */
#ifndef DEEP_H
#define DEEP_H

#include <stdbool.h>
#include <stdint.h>

/* A function that has a frame of its own, whatever the optimiser knows of it. */
#define PLACE __attribute__((noipa, noinline))
/* Behind a call, so that it is no tail call, which would have no frame. */
#define KEEP() __asm__ volatile("" ::: "memory")
#define KEEP_MEMORY(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

struct walk {
	uint64_t seed;
	uint64_t sum;
	uint64_t wait_ns;
	unsigned int left;	/* frames of the way that are left */
	volatile bool pending;	/* the callback that comes is to go on */
	char text[24];
};

uint32_t deep_dice(struct walk *w);
void deep_down(struct walk *w);

#endif
