/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up, faults and the counter of a 32-bit RISC-V. */
#include <stdint.h>
#include <string.h>

#include "board.h"
#include "semihosting.h"

int main(void);

/* From memory.ld. */
extern char edgernn_data_load[], edgernn_data_start[], edgernn_data_end[];
extern char edgernn_bss_start[], edgernn_bss_end[];

/* Compilers have no C library for processors whose name says that they have control registers. */
#define ZICSR ".option arch, +zicsr\n"

/* The emulator starts at the first address of memory. */
__asm__(ZICSR
    ".section .vectors, \"ax\"\n"
    ".global edgernn_reset\n"
    "edgernn_reset:\n"
    "  la sp, edgernn_stack_top\n"
    "  la t0, edgernn_trap\n"
    "  csrw mtvec, t0\n"
    "  j edgernn_start\n"
    ".text\n");

/* The three instructions that RISC-V Semihosting prescribes, uncompressed and within one page. */
__attribute__((noinline, aligned(16))) uintptr_t semihosting_call(uintptr_t operation, const void *block) {
    register uintptr_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = block;
    __asm__ volatile(
        ".option push\n"
        ".option norvc\n"
        "slli x0, x0, 0x1f\n"
        "ebreak\n"
        "srai x0, x0, 7\n"
        ".option pop\n"
        : "+r"(a0)
        : "r"(a1)
        : "memory");
    return a0;
}

/* The upper half is read twice: if the lower half wrapped in between, it has changed. */
uint64_t board_counter(void) {
    uint32_t high, low, again;
    do {
        __asm__ volatile(ZICSR "csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth"
                         : "=r"(high), "=r"(low), "=r"(again));
    } while (high != again);
    return ((uint64_t)high << 32) | low;
}

void board_hold_interrupts(void) { /* there are none */
}

void board_release_interrupts(void) {
}

char *board_stack_limit(void) {
    return edgernn_bss_end;
}

__attribute__((used, aligned(4))) static _Noreturn void edgernn_trap(void) {
    uintptr_t address;
    __asm__ volatile(ZICSR "csrr %0, mepc" : "=r"(address));
    report_fault(address);
    semihosting_exit(126);
}

__attribute__((used)) static _Noreturn void edgernn_start(void) {
    memcpy(edgernn_data_start, edgernn_data_load, (size_t)(edgernn_data_end - edgernn_data_start));
    memset(edgernn_bss_start, 0, (size_t)(edgernn_bss_end - edgernn_bss_start));
    report_overhead();
    semihosting_exit(main());
}
