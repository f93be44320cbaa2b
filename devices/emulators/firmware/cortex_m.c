/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up, faults and the counter of every Cortex-M. */
#include <stdint.h>
#include <string.h>

#include "board.h"
#include "semihosting.h"

int main(void);

/* From memory.ld. */
extern char edgernn_data_load[], edgernn_data_start[], edgernn_data_end[];
extern char edgernn_bss_start[], edgernn_bss_end[], edgernn_stack_top[];

/* Armv7-M Architecture Reference Manual, B3.2 and B3.3; the addresses are the same on Armv6-M and Armv8-M. */
#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define ICSR (*(volatile uint32_t *)0xE000ED04u)
#define CCR (*(volatile uint32_t *)0xE000ED14u)
#define CPACR (*(volatile uint32_t *)0xE000ED88u)
enum { CSR_ENABLE = 1, CSR_INTERRUPT = 2, CSR_PROCESSOR_CLOCK = 4 };
#define ICSR_SYSTICK_PENDING (1u << 26)
#define CCR_TRAP_DIVISION_BY_ZERO (1u << 4)
#define CPACR_FLOATING_POINT (0xFu << 20)

volatile uint32_t edgernn_wraps;

uintptr_t semihosting_call(uintptr_t operation, const void *block) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* SysTick counts down through 24 bits. It interrupts on reaching zero, so zero belongs to the new turn. A turn that
 * completes while interrupts are masked is still pending, and then few ticks of the new one have passed. The highest
 * bit says so: the instructions of that interrupt are still to come. No branches: every reading costs the same. */
uint64_t board_counter(void) {
    __asm__ volatile("cpsid i" ::: "memory");
    uint32_t ticks = (0u - SYST_CVR) & 0xFFFFFFu;
    uint32_t pending = ((ICSR & ICSR_SYSTICK_PENDING) >> 26) & ~(ticks >> 23);
    uint32_t wraps = edgernn_wraps + pending;
    __asm__ volatile("cpsie i" ::: "memory");
    return ((uint64_t)pending << 63) | ((uint64_t)wraps << 24) | ticks;
}

/* WRAP_INSTRUCTIONS of machines.py says how many instructions this takes: they are not the program's. */
__attribute__((naked)) void edgernn_systick(void) {
    __asm__ volatile(
        ".syntax unified\n"
        "ldr r0, =edgernn_wraps\n"
        "ldr r1, [r0]\n"
        "adds r1, #1\n"
        "str r1, [r0]\n"
        "bx lr\n");
}

void board_hold_interrupts(void) {
    SYST_CSR = CSR_ENABLE | CSR_PROCESSOR_CLOCK;
}

void board_release_interrupts(void) {
    SYST_CSR = CSR_ENABLE | CSR_PROCESSOR_CLOCK | CSR_INTERRUPT;
}

char *board_stack_limit(void) {
    return edgernn_bss_end;
}

/* The processor has pushed r0-r3, r12, lr and then the address that it could not go on from. */
__attribute__((used)) static _Noreturn void report_frame(const uintptr_t *frame) {
    report_fault(frame[6]);
    semihosting_exit(126);
}

__attribute__((naked)) void edgernn_fault(void) {
    __asm__ volatile(
        "mov r0, sp\n"
        "bl report_frame\n");
}

_Noreturn void edgernn_reset(void) {
#ifdef __ARM_FP
    CPACR |= CPACR_FLOATING_POINT; /* Helium too */
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
    memcpy(edgernn_data_start, edgernn_data_load, (size_t)(edgernn_data_end - edgernn_data_start));
    memset(edgernn_bss_start, 0, (size_t)(edgernn_bss_end - edgernn_bss_start));
    CCR |= CCR_TRAP_DIVISION_BY_ZERO;
    SYST_RVR = 0xFFFFFFu;
    SYST_CVR = 0;
    board_release_interrupts();
    while (SYST_CVR == 0) { /* until the first tick loads it */
    }
    report_overhead();
    semihosting_exit(main());
}

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const handler vectors[16] = {
    (handler)edgernn_stack_top,
    edgernn_reset,
    edgernn_fault, /* NMI */
    edgernn_fault, /* HardFault */
    edgernn_fault, /* MemManage */
    edgernn_fault, /* BusFault */
    edgernn_fault, /* UsageFault */
    edgernn_fault, /* SecureFault */
    edgernn_fault, edgernn_fault, edgernn_fault,
    edgernn_fault, /* SVCall */
    edgernn_fault, /* DebugMonitor */
    edgernn_fault,
    edgernn_fault, /* PendSV */
    edgernn_systick,
};
