/* SPDX-License-Identifier: Apache-2.0 */
/* What a program may ask of the emulated board it runs on.
 *
 *     int main(void) {
 *         int16_t x[16], y[8];
 *         while (edgernn_emulator_read(x, sizeof x) == sizeof x) {
 *             edgernn_emulator_start();
 *             step(x, y);
 *             edgernn_emulator_stop("step");
 *             edgernn_emulator_write(y, sizeof y);
 *         }
 *         return 0;
 *     }
 *
 * The status that main returns is the status of the run; an input that ends early is no error here.
 */
#ifndef EDGERNN_EMULATOR_H
#define EDGERNN_EMULATOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The next bytes of the input, fewer at its end: how many were read. */
size_t edgernn_emulator_read(void *bytes, size_t count);

/* Append to the output. */
void edgernn_emulator_write(const void *bytes, size_t count);

/* Count the instructions between the two, without what they cost themselves. The name is one word. */
#define edgernn_emulator_stop(name) (edgernn_emulator_stop_counter(), edgernn_emulator_report_count(name))

void edgernn_emulator_start(void);
void edgernn_emulator_stop_counter(void);
void edgernn_emulator_report_count(const char *name);

/* Measure how deep the stack grows between the two calls, below the frame of the caller, which must be the same
 * function. What the measurement itself needs, a few words, is the least that is ever found. Interrupts of the
 * counter would use the stack too, so instructions are not counted in between. */
#define edgernn_emulator_paint_stack() edgernn_emulator_paint_below(edgernn_emulator_stack_pointer())
#define edgernn_emulator_measure_stack(name) edgernn_emulator_measure_below(edgernn_emulator_stack_pointer(), name)

void edgernn_emulator_paint_below(char *stack_pointer);
void edgernn_emulator_measure_below(char *stack_pointer, const char *name);

static inline char *edgernn_emulator_stack_pointer(void) {
    char *pointer;
#ifdef __riscv
    __asm__ volatile("mv %0, sp" : "=r"(pointer));
#elif defined(__AVR__)
    __asm__ volatile("in %A0, __SP_L__\n\tin %B0, __SP_H__" : "=r"(pointer));
    pointer += 1; /* it points below the last byte that was pushed */
#else
    __asm__ volatile("mov %0, sp" : "=r"(pointer));
#endif
    return pointer;
}

#ifdef __cplusplus
}
#endif
#endif
