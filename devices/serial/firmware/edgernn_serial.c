/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's side of the lines that edgernn speaks over a serial port; see edgernn_serial.h. */
#include "edgernn_serial.h"

#include <stdint.h>
#include <string.h>

#include "@NAME@.h"

@TENSORS@
static @NAME@_run_scratch scratch;
static const uint8_t model_hash[EDGERNN_SERIAL_HASH] = {@HASH@};
enum { INPUT_BYTES = @INPUT_BYTES@, OUTPUT_BYTES = @OUTPUT_BYTES@, ANSWER = 4 + EDGERNN_SERIAL_CHUNK };

static uint8_t input[INPUT_BYTES], output[OUTPUT_BYTES];
static uint8_t token[4]; /* zeros after a reset */
static char line[EDGERNN_SERIAL_LONGEST + 1];
static unsigned length;

static uint16_t crc(uint16_t sum, const uint8_t *bytes, uint32_t count) {
    while (count--) {
        sum ^= (uint16_t)(*bytes++ << 8);
        for (int bit = 0; bit < 8; ++bit) sum = (uint16_t)((sum << 1) ^ (sum & 0x8000u ? 0x1021u : 0u));
    }
    return sum;
}

static int digit(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

/* Bytes of hexadecimal text; 0 if a letter is none of it. */
static int parse(const char *text, unsigned count, uint8_t *bytes) {
    for (unsigned k = 0; k < count; ++k) {
        int high = digit(text[2 * k]), low = digit(text[2 * k + 1]);
        if (high < 0 || low < 0) return 0;
        bytes[k] = (uint8_t)(high << 4 | low);
    }
    return 1;
}

static uint16_t put(uint16_t sum, uint8_t byte) {
    edgernn_serial_write(byte);
    return crc(sum, &byte, 1);
}

static uint16_t put_hex(uint16_t sum, const uint8_t *bytes, uint32_t count) {
    for (uint32_t k = 0; k < count; ++k) {
        sum = put(sum, (uint8_t)"0123456789ABCDEF"[bytes[k] >> 4]);
        sum = put(sum, (uint8_t)"0123456789ABCDEF"[bytes[k] & 15]);
    }
    return sum;
}

static void answer(uint8_t number, char verb, const uint8_t *bytes, uint32_t count) {
    uint16_t sum = put_hex(0, &number, 1);
    sum = put(sum, (uint8_t)verb);
    sum = put_hex(sum, token, sizeof token);
    sum = put_hex(sum, bytes, count);
    uint8_t check[2] = {(uint8_t)(sum >> 8), (uint8_t)sum};
    put_hex(0, check, sizeof check);
    edgernn_serial_write('\n');
}

static uint32_t word_at(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void word_to(uint8_t *bytes, uint32_t word) {
    for (int k = 0; k < 4; ++k) bytes[k] = (uint8_t)(word >> 8 * k);
}

static void run(void) {
@READ@    @NAME@_run(@ARGUMENTS@, &scratch);
@WRITE@}

static void obey(uint8_t number, char verb, const uint8_t *payload, unsigned count) {
    uint8_t said[ANSWER];
    if (verb == EDGERNN_SERIAL_DESCRIBE && count == sizeof token) {
        memcpy(token, payload, sizeof token);
        said[0] = EDGERNN_SERIAL_VERSION;
        word_to(said + 1, INPUT_BYTES);
        word_to(said + 5, OUTPUT_BYTES);
        memcpy(said + 9, model_hash, sizeof model_hash);
        answer(number, verb, said, 9 + sizeof model_hash);
    } else if (verb == EDGERNN_SERIAL_INPUT && count > 4) {
        uint32_t offset = word_at(payload), size = count - 4;
        if (offset > INPUT_BYTES || size > INPUT_BYTES - offset) return;
        memcpy(input + offset, payload + 4, size);
        answer(number, verb, said, 0);
    } else if (verb == EDGERNN_SERIAL_RUN && count == 0) {
        run();
        uint16_t in = crc(0, input, INPUT_BYTES), out = crc(0, output, OUTPUT_BYTES);
        said[0] = (uint8_t)(in >> 8), said[1] = (uint8_t)in;
        said[2] = (uint8_t)(out >> 8), said[3] = (uint8_t)out;
        answer(number, verb, said, 4);
    } else if (verb == EDGERNN_SERIAL_OUTPUT && count == 5) {
        uint32_t offset = word_at(payload), size = payload[4];
        if (size > EDGERNN_SERIAL_CHUNK || offset > OUTPUT_BYTES || size > OUTPUT_BYTES - offset) return;
        answer(number, verb, output + offset, size);
    }
}

/* A line that is whole: number, verb, token, payload, check. */
static void take(void) {
    uint8_t number, bytes[4 + ANSWER + 2];
    if (length < 15 || length % 2 == 0 || !parse(line, 1, &number)) return;
    unsigned count = (length - 3) / 2;
    if (count > sizeof bytes || !parse(line + 3, count, bytes)) return;
    uint16_t wanted = (uint16_t)(bytes[count - 2] << 8 | bytes[count - 1]);
    if (crc(0, (const uint8_t *)line, length - 4) == wanted) obey(number, line[2], bytes + 4, count - 6);
}

void edgernn_serial_poll(void) {
    for (int byte; (byte = edgernn_serial_read()) >= 0;) {
        if (byte == '\n') {
            if (length <= EDGERNN_SERIAL_LONGEST) take();
            length = 0;
        } else if (length < EDGERNN_SERIAL_LONGEST) {
            line[length++] = (char)byte;
        } else {
            length = EDGERNN_SERIAL_LONGEST + 1; /* too long: nothing until the next end of a line */
        }
    }
}
