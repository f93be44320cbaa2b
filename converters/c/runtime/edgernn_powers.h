/* SPDX-License-Identifier: Apache-2.0 */
/* Reciprocal, reciprocal square root and softmax of 16-bit integers, from tables. */
#ifndef EDGERNN_POWERS_H
#define EDGERNN_POWERS_H

#include "edgernn_fixed.h"

/* How far a positive int16 can be shifted up until bit 14 is set. */
static inline int edgernn_headroom(int32_t x) {
#if defined(__GNUC__)
  return __builtin_clz((unsigned int)x) - (int)(8 * sizeof(unsigned int)) + 15;
#else
  int up = 0;
  for (; x < 16384; x += x) ++up;
  return up;
#endif
}

/* Between two entries 2^bits apart. */
static inline int32_t edgernn_between(const EDGERNN_FLASH int16_t *table, int32_t at, int bits) {
  const EDGERNN_FLASH int16_t *entry = table + (at >> bits);
  const int32_t first = entry[0];
  return first + edgernn_round_shift((entry[1] - first) * (at & ((1 << bits) - 1)), bits);
}

/* y * 2^-by, rounded and saturated; by may be negative. */
static inline int32_t edgernn_scaled(int32_t y, int by) {
  if (by > 30) return 0;
  if (by > 0) return edgernn_sat16(edgernn_round_shift(y, by));
  return edgernn_sat16(y * (INT32_C(1) << (by < -16 ? 16 : -by)));
}

/* 1 / x of a positive x: entries at 16384, 16448, ..., 32768, 2^shift larger than the result. */
static inline int32_t edgernn_reciprocal(const EDGERNN_FLASH int16_t *table, int32_t x, int shift) {
  const int32_t positive = x > 1 ? x : 1;
  const int up = edgernn_headroom(positive);
  return edgernn_scaled(edgernn_between(table, (positive << up) - 16384, 6), shift - up);
}

/* 1 / sqrt(x) of a positive x: entries at 8192, 8320, ..., 32768. */
static inline int32_t edgernn_root(const EDGERNN_FLASH int16_t *table, int32_t x, int shift) {
  const int32_t positive = x > 1 ? x : 1;
  const int up = edgernn_headroom(positive) & ~1;
  return edgernn_scaled(edgernn_between(table, (positive << up) - 8192, 7), shift - (up >> 1));
}

/* y = exp(x) / sum(exp(x)) in units of 2^-15, by a table of exp that begins at -65536; up to 32768 numbers. */
static inline void edgernn_softmax_s16(int16_t *y, const int16_t *x, int count, const EDGERNN_FLASH int16_t *table) {
  int32_t largest = x[0];
  uint32_t sum = 0;
  for (int k = 1; k < count; ++k) largest = x[k] > largest ? x[k] : largest;
  for (int k = 0; k < count; ++k) {
    const int32_t power = edgernn_table(table, x[k] - largest + 32768);
    y[k] = (int16_t)power;
    sum += (uint32_t)power;
  }
  for (int k = 0; k < count; ++k) {
    const uint32_t power = (uint32_t)(int32_t)y[k];
    const uint32_t share = ((power << 16) + sum) / (2u * sum);
    y[k] = (int16_t)(share > 32767u ? 32767u : share);
  }
}

#endif
