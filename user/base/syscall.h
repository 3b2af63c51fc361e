/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syscall.h - system calls of this machine by number: their name, and what a thread that sleeps
 * inside one is doing.  The session copies the states into the BPF programs; reports show
 * the names.
 */
#ifndef PARASCOPE_SYSCALL_H
#define PARASCOPE_SYSCALL_H

#include <stdint.h>

/* Name of the call, NULL if the number is not known (show it as "#1234"). */
const char *syscall_name(int nr);

/*
 * The enum wire_state of a thread that sleeps inside the call: WIRE_OTHER if nothing better is
 * known, also for numbers that are not.
 */
uint8_t syscall_state(int nr);

#endif
