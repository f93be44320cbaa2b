/* Sums the integers of its input; counts instructions and measures its stack on the way. */
#include <stdint.h>
#include "edgernn_emulator.h"

/* A move, then two instructions per turn. */
#if defined __arm__
#define COUNT_DOWN ".syntax unified\n mov r3, %0\n 1: subs r3, #1\n bne 1b\n"
#define SCRATCH "r3"
#elif defined __aarch64__
#define COUNT_DOWN "mov x3, %0\n 1: subs x3, x3, #1\n bne 1b\n"
#define SCRATCH "x3"
#else
#define COUNT_DOWN "mv t0, %0\n 1: addi t0, t0, -1\n bnez t0, 1b\n"
#define SCRATCH "t0"
#endif

const int8_t weights[1000] = {1, 2, 3};
static int32_t total = 7;
static int32_t history[50];

__attribute__((noinline)) int deep(int32_t value) {
    volatile char frame[800];
    for (int i = 0; i < 800; i++) {
        frame[i] = (char)value;
    }
    return frame[value & 511];
}

__attribute__((noinline)) void count_down(intptr_t turns) {
    edgernn_emulator_start();
    __asm__ volatile(COUNT_DOWN : : "r"(turns) : SCRATCH, "cc");
    edgernn_emulator_stop("loop");
}

int main(void) {
    int32_t value;
    int count = 0;
    while (edgernn_emulator_read(&value, sizeof value) == sizeof value) {
        history[count++ % 50] = value;
        total += value * weights[0];
    }
    edgernn_emulator_write(&total, sizeof total);
    edgernn_emulator_write(history, 8);
    edgernn_emulator_write(weights, 3);
    edgernn_emulator_start();
    edgernn_emulator_stop("nothing");
    edgernn_emulator_start();
    __asm__ volatile(".rept 100\n nop\n .endr");
    edgernn_emulator_stop("nops");
    count_down(1);
    count_down(1000);
    count_down(9000000); /* many turns of a counter of 24 bits */
    edgernn_emulator_paint_stack();
    deep(total);
    edgernn_emulator_measure_stack("deep");
    return 5;
}
