/* SPDX-License-Identifier: Apache-2.0 */
/* Integer arithmetic of models written by edgernn: rounding, saturation, functions from tables.
 *
 * Every function here has a definition in integers, and gives the same bits on every processor. Right shifts of
 * negative numbers are arithmetic ones, as every compiler for these processors makes them.
 */
#ifndef EDGERNN_FIXED_H
#define EDGERNN_FIXED_H

#include <stdint.h>

#include "edgernn_flash.h"

/* One-instruction forms for Arm's DSP extension (Cortex-M4, M7, M33, M55, and Cortex-A in 32-bit mode). */
#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && defined(__GNUC__) && !defined(__aarch64__)
#define EDGERNN_ARM_DSP 1
#else
#define EDGERNN_ARM_DSP 0
#endif

/* Saturation in one instruction, on every Arm from version 7 on. */
#if defined(__ARM_FEATURE_SAT) && __ARM_FEATURE_SAT && defined(__GNUC__) && !defined(__aarch64__)
#define EDGERNN_ARM_SAT 1
#else
#define EDGERNN_ARM_SAT 0
#endif

/* Processors that read a word from any address, lower bytes first. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__AARCH64EL__) || \
                          (defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_BIG_ENDIAN)))
#define EDGERNN_PAIRS 1
#else
#define EDGERNN_PAIRS 0
#endif

/* Where the kernels read whole words, arrays of smaller types must begin at one. */
#if defined(__GNUC__)
#define EDGERNN_WORD_ALIGNED __attribute__((aligned(4)))
#else
#define EDGERNN_WORD_ALIGNED
#endif

/* (a * m + 2^31) >> 32, for 0 <= m. */
static inline int32_t edgernn_round_high(int32_t a, int32_t m) {
#if EDGERNN_ARM_DSP
  int32_t high;
  __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(m));
  return high;
#elif defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
  /* These multiply 32 bits by 32 bits to 32 bits, and the library's 64-bit product is twice as long as this. */
  const uint32_t a_low = (uint32_t)a & 0xffffu, m_low = (uint32_t)m & 0xffffu;
  const int32_t a_high = a >> 16, m_high = m >> 16;
  const int32_t cross = a_high * (int32_t)m_low;
  const uint32_t other = a_low * (uint32_t)m_high + (a_low * m_low >> 16);
  const uint32_t carry = ((uint32_t)cross & 0xffffu) + (other & 0xffffu) + 0x8000u;
  return a_high * m_high + (cross >> 16) + (int32_t)(other >> 16) + (int32_t)(carry >> 16);
#else
  return (int32_t)(((int64_t)a * m + INT64_C(0x80000000)) >> 32);
#endif
}

/* v / 2^s rounded to nearest, ties upward, for 0 < s < 32; v + 2^(s - 1) must fit 32 bits. */
static inline int32_t edgernn_round_shift(int32_t v, int s) { return (v + (int32_t)(UINT32_C(1) << (s - 1))) >> s; }

/* The same of any v, for any 0 < s. */
static inline int32_t edgernn_round_shift_far(int32_t v, int s) { return s > 31 ? 0 : ((v >> (s - 1)) + 1) >> 1; }

/* The nearest int16. */
static inline int32_t edgernn_sat16(int32_t v) {
#if EDGERNN_ARM_SAT
  int32_t nearest;
  __asm__("ssat %0, #16, %1" : "=r"(nearest) : "r"(v));
  return nearest;
#elif defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
  return ((uint32_t)v + 32768u) >> 16 ? (v >> 31) ^ 32767 : v; /* one comparison where it fits, which is the rule */
#else
  return v < -32768 ? -32768 : v > 32767 ? 32767 : v;
#endif
}

/* The nearest int8. */
static inline int32_t edgernn_sat8(int32_t v) { return v < -128 ? -128 : v > 127 ? 127 : v; }

/* A function at the int16 x: 257 entries at -32768, -32512, ..., 32768, linear between them. */
static inline int32_t edgernn_table(const EDGERNN_FLASH int16_t *table, int32_t x) {
  const EDGERNN_FLASH int16_t *entry = table + 128 + (x >> 8);
#if EDGERNN_PAIRS
  /* Both entries at once, from any address: a gather, where whole loops become vectors. */
  int32_t pair;
  __builtin_memcpy(&pair, entry, sizeof pair);
  const int32_t first = (int16_t)(pair & 0xffff), second = pair >> 16;
#else
  const int32_t first = entry[0], second = entry[1];
#endif
  return first + edgernn_round_shift((second - first) * (x & 255), 8);
}

/* floor(v / n + 1/2) for n > 0; 2 |v| + n must fit 32 bits. */
static inline int32_t edgernn_divide(int32_t v, int32_t n) {
  const int32_t twice = 2 * v + n, by = 2 * n;
  return twice / by - (twice % by < 0 ? 1 : 0);
}

/* A float in units, rounded half away from zero, between two limits; NaN becomes low. */
static inline int32_t edgernn_from_float(float x, float units, int32_t low, int32_t high) {
  const float scaled = x * units;
  const float least = (float)low, most = (float)high;
  const float bounded = scaled > least ? (scaled < most ? scaled : most) : least;
  return (int32_t)(bounded + (bounded < 0.0f ? -0.5f : 0.5f));
}

#endif
