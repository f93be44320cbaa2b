/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction counts, stack depths and faults, written as lines for the host: a word, a name, numbers in hexadecimal. */
#include "board.h"
#include "edgernn_emulator.h"

#define PAINT 0xA5

static uint64_t started, stopped;

static size_t append_text(char *line, size_t used, const char *text) {
    while (*text != '\0' && used < 96) {
        line[used++] = *text++;
    }
    return used;
}

static size_t append_number(char *line, size_t used, uint64_t number) {
    line[used++] = ' ';
    for (int shift = 60; shift >= 0; shift -= 4) {
        line[used++] = "0123456789abcdef"[(number >> shift) & 15];
    }
    return used;
}

static void report_line(const char *word, const char *name, uint64_t first, uint64_t second) {
    char line[136];
    size_t used = append_text(line, 0, word);
    line[used++] = ' ';
    used = append_text(line, used, name);
    used = append_number(line, used, first);
    used = append_number(line, used, second);
    line[used++] = '\n';
    board_report(line, used);
}

/* Functions without arguments, so that they cost the same wherever they are called from. */
__attribute__((noinline)) void edgernn_emulator_start(void) {
    started = board_counter();
}

__attribute__((noinline)) void edgernn_emulator_stop_counter(void) {
    stopped = board_counter();
}

void edgernn_emulator_report_count(const char *name) {
    report_line("instructions", name, started, stopped);
}

void report_overhead(void) {
    edgernn_emulator_start();
    edgernn_emulator_stop("(overhead)");
}

void report_fault(uintptr_t address) {
    report_line("fault", "at", address, 0);
}

__attribute__((noinline)) void edgernn_emulator_paint_below(char *stack_pointer) {
    (void)stack_pointer;
    board_hold_interrupts();
    char *end = edgernn_emulator_stack_pointer();
    for (volatile char *byte = board_stack_limit(); byte < end; byte++) {
        *byte = (char)PAINT;
    }
}

__attribute__((noinline)) void edgernn_emulator_measure_below(char *stack_pointer, const char *name) {
    const volatile char *byte = board_stack_limit();
    while (byte < stack_pointer && *byte == (char)PAINT) {
        byte++;
    }
    board_release_interrupts();
    report_line("stack", name, (uint64_t)(stack_pointer - byte), (uint64_t)(byte - board_stack_limit()));
}
