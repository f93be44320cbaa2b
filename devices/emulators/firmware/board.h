/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of board gives to report.c, which is the same on all of them. */
#ifndef EDGERNN_BOARD_H
#define EDGERNN_BOARD_H

#include <stddef.h>
#include <stdint.h>

/* A counter that grows steadily with the instructions executed; the host knows what one unit of it is. */
uint64_t board_counter(void);

/* Between these two, nothing but the program itself uses the stack. */
void board_hold_interrupts(void);
void board_release_interrupts(void);

/* The lowest address that may be painted. */
char *board_stack_limit(void);

/* Append to the report, which the host reads after the run. */
void board_report(const char *bytes, size_t count);

/* Measure what start and stop cost by themselves. Called once, before main. */
void report_overhead(void);

/* Say where the program failed. */
void report_fault(uintptr_t address);

#endif
