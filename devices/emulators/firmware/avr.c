/* SPDX-License-Identifier: Apache-2.0 */
/* An ATmega under simavr: the input lies in flash, output and report are lines on the first serial port. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include <stdlib.h>

#include "board.h"
#include "edgernn_emulator.h"

/* The emulator's host writes the input here: its length in four bytes, then the input. */
__asm__(
    ".section .text.edgernn_input, \"ax\"\n"
    ".global edgernn_input\n"
    "edgernn_input:\n"
    "  .ascii \"edgernn's input\"\n"
    "  .space 65536\n"
    "  .balign 2\n"
    ".text\n");
extern const char edgernn_input[];

extern char __heap_start[]; /* behind all variables */

static uint32_t taken;

static uint8_t far_byte(uint32_t at) {
    return pgm_read_byte_far(pgm_get_far_address(edgernn_input) + at);
}

size_t edgernn_emulator_read(void *bytes, size_t count) {
    uint32_t length = 0;
    for (int8_t k = 3; k >= 0; --k) {
        length = length << 8 | far_byte((uint32_t)k);
    }
    size_t done = 0;
    while (done < count && taken < length) {
        ((uint8_t *)bytes)[done++] = far_byte(4 + taken++);
    }
    return done;
}

static void put(char letter) {
    while (!(UCSR0A & _BV(UDRE0))) {
    }
    UDR0 = (uint8_t)letter;
}

/* A word, then bytes as hexadecimal digits. */
static void put_line(char word, const uint8_t *bytes, size_t count) {
    UCSR0A = _BV(U2X0); /* at 2 million bits per second */
    UCSR0B |= _BV(TXEN0);
    put(word);
    for (size_t k = 0; k < count; ++k) {
        put("0123456789abcdef"[bytes[k] >> 4]);
        put("0123456789abcdef"[bytes[k] & 15]);
    }
    put('\n');
}

void edgernn_emulator_write(const void *bytes, size_t count) {
    for (size_t at = 0; at < count; at += 64) { /* a line is kept in a buffer there */
        put_line('o', (const uint8_t *)bytes + at, count - at < 64 ? count - at : 64);
    }
}

void board_report(const char *bytes, size_t count) {
    put_line('r', (const uint8_t *)bytes, count);
}

/* Cycles: timer 1 counts 16 bits of them, and its overflows are counted here. */
static volatile uint32_t overflows;

ISR(TIMER1_OVF_vect) {
    ++overflows;
}

uint64_t board_counter(void) {
    uint8_t flags = SREG;
    cli();
    uint16_t low = TCNT1;
    uint32_t high = overflows;
    if ((TIFR1 & _BV(TOV1)) && low < 0x8000) {
        ++high; /* it overflowed after interrupts were held */
    }
    SREG = flags;
    return (uint64_t)high << 16 | low;
}

void board_hold_interrupts(void) {
    cli();
}

void board_release_interrupts(void) {
    sei();
}

char *board_stack_limit(void) {
    return __heap_start;
}

/* Before main, as a constructor would. */
__attribute__((naked, used, section(".init8"))) static void before_main(void) {
    TCCR1A = 0;
    TCCR1B = _BV(CS10);
    TIMSK1 = _BV(TOIE1);
    sei();
    report_overhead();
}

/* Called with what main returned. Asleep without interrupts, nothing can happen any more, and the emulator ends. */
void exit(int status) {
    uint8_t byte = (uint8_t)status;
    put_line('s', &byte, 1);
    while (!(UCSR0A & _BV(TXC0))) {
    }
    cli();
    sleep_enable();
    for (;;) {
        sleep_cpu();
    }
}
