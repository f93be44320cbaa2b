/* Runs the C output's kernels on what test_c_kernels.py sends: records of int32 header, arguments, results back. */
#ifdef ON_HOST
#include <stdio.h>
static size_t edgernn_emulator_read(void *bytes, size_t count) { return fread(bytes, 1, count, stdin); }
static void edgernn_emulator_write(const void *bytes, size_t count) { (void)fwrite(bytes, 1, count, stdout); }
#define edgernn_emulator_start() (void)0
#define edgernn_emulator_stop(name) (void)0
#else
#include "edgernn_emulator.h"
#endif
#include "edgernn_float.h"
#include "edgernn_integer.h"

#ifndef MOST_WEIGHTS
#define MOST_WEIGHTS 40000
#define MOST_NUMBERS 4096
#endif

enum { MATVEC, ROUND_HIGH, ROUND_SHIFT, SATURATE, TABLE, DIVIDE, FROM_FLOAT, POWERS, SOFTMAX, MATVEC_F32, FUNCTIONS };

static EDGERNN_WORD_ALIGNED int8_t weights[MOST_WEIGHTS];
static EDGERNN_WORD_ALIGNED int16_t halves[MOST_NUMBERS];
static int16_t table[258], more_halves[MOST_NUMBERS];
static int32_t words[MOST_NUMBERS], more_words[MOST_NUMBERS];
static float floats[MOST_NUMBERS], more_floats[MOST_NUMBERS];
#if defined(ON_HOST) || defined(__aarch64__)
static float float_weights[MOST_WEIGHTS];
#endif

static void take(void *bytes, int count, size_t size) { (void)edgernn_emulator_read(bytes, (size_t)count * size); }
static void give(const void *bytes, int count, size_t size) { edgernn_emulator_write(bytes, (size_t)count * size); }

static void matvec(int row_blocks, int groups) {
  take(weights, 16 * row_blocks * groups, 1);
  take(words, 4 * row_blocks, sizeof(int32_t));
  take(halves, 4 * groups, sizeof(int16_t));
  edgernn_emulator_start();
  edgernn_matvec_s8s16(more_words, weights, words, halves, row_blocks, groups);
  edgernn_emulator_stop("matvec");
  give(more_words, 4 * row_blocks, sizeof(int32_t));
}

#if defined(ON_HOST) || defined(__aarch64__)
static void matvec_f32(int row_blocks, int columns) {
  take(float_weights, 8 * row_blocks * columns, sizeof(float));
  take(floats, 8 * row_blocks, sizeof(float));
  take(more_floats, columns, sizeof(float));
  float acc[MOST_NUMBERS];
  edgernn_matvec_f32(acc, float_weights, floats, more_floats, row_blocks, columns);
  give(acc, 8 * row_blocks, sizeof(float));
}
#endif

static void numbers(int kind, int count, int argument) {
  take(words, count, sizeof(int32_t));
  if (kind == ROUND_HIGH || kind == DIVIDE) take(more_words, count, sizeof(int32_t));
  if (kind == TABLE || kind == POWERS) take(table, 257, sizeof(int16_t));
  edgernn_emulator_start();
  for (int k = 0; k < count; ++k) {
    const int32_t v = words[k];
    switch (kind) {
      case ROUND_HIGH: words[k] = edgernn_round_high(v, more_words[k]); break;
      case ROUND_SHIFT: words[k] = edgernn_round_shift(v, argument); break;
      case SATURATE: words[k] = edgernn_sat16(v) * 256 + edgernn_sat8(v); break;
      case TABLE: words[k] = edgernn_table(table, v); break;
      case DIVIDE: words[k] = edgernn_divide(v, more_words[k]); break;
      default: words[k] = argument < 0 ? edgernn_root(table, v, -1 - argument) : edgernn_reciprocal(table, v, argument);
    }
  }
  edgernn_emulator_stop("numbers");
  give(words, count, sizeof(int32_t));
}

static void from_float(int count) {
  take(floats, count, sizeof(float));
  for (int k = 0; k < count; ++k) words[k] = edgernn_from_float(floats[k], 100.0f, -128, 127);
  give(words, count, sizeof(int32_t));
}

static void softmax(int count) {
  take(halves, count, sizeof(int16_t));
  take(table, 258, sizeof(int16_t));
  edgernn_softmax_s16(more_halves, halves, count, table);
  give(more_halves, count, sizeof(int16_t));
}

static void functions(int count) {
  take(floats, count, sizeof(float));
  for (int k = 0; k < count; ++k) more_floats[k] = edgernn_exp_f32(floats[k]);
  give(more_floats, count, sizeof(float));
  for (int k = 0; k < count; ++k) more_floats[k] = edgernn_sigmoid_f32(floats[k]);
  give(more_floats, count, sizeof(float));
  for (int k = 0; k < count; ++k) more_floats[k] = edgernn_tanh_f32(floats[k]);
  give(more_floats, count, sizeof(float));
  edgernn_softmax_f32(more_floats, floats, count);
  give(more_floats, count, sizeof(float));
}

int main(void) {
  int32_t record[3];
  while (edgernn_emulator_read(record, sizeof record) == sizeof record) {
    const int kind = (int)record[0], first = (int)record[1], second = (int)record[2];
    switch (kind) {
      case MATVEC: matvec(first, second); break;
#if defined(ON_HOST) || defined(__aarch64__)
      case MATVEC_F32: matvec_f32(first, second); break;
#endif
      case FROM_FLOAT: from_float(first); break;
      case SOFTMAX: softmax(first); break;
      case FUNCTIONS: functions(first); break;
      default: numbers(kind, first, second);
    }
  }
  return 0;
}
